# syntax=docker/dockerfile:1
# An ordinary large file, to measure the reader by: several stages, mounts, heredocs, many variables.

ARG NODE_VERSION=20
ARG GO_VERSION=1.22
ARG DEBIAN_RELEASE=bookworm
ARG REGISTRY=docker.io/library

# deps installs what the front end needs
FROM --platform=$BUILDPLATFORM ${REGISTRY}/node:${NODE_VERSION}-${DEBIAN_RELEASE}-slim AS deps
WORKDIR /src/web
ENV npm_config_cache=/var/cache/npm \
    npm_config_update_notifier=false \
    NODE_ENV=development
COPY web/package.json web/package-lock.json ./
COPY web/patches/ patches/
RUN --mount=type=cache,target=/var/cache/npm,sharing=locked \
    npm ci --ignore-scripts

# web makes the front end
FROM deps AS web
ARG COMMIT=unknown
ARG PUBLIC_URL
ENV NODE_ENV=production \
    VITE_COMMIT=${COMMIT} \
    VITE_PUBLIC_URL=${PUBLIC_URL:-/}
COPY web/tsconfig.json web/vite.config.ts web/index.html ./
COPY web/public public
COPY web/src src
RUN npm run lint && \
    # types first: they fail sooner
    npm run typecheck && \
    npm run build

# gobase has the compiler and what it downloads
FROM --platform=$BUILDPLATFORM ${REGISTRY}/golang:${GO_VERSION}-${DEBIAN_RELEASE} AS gobase
WORKDIR /src
ENV CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false" GOCACHE=/var/cache/go GOMODCACHE=/var/cache/mod
RUN <<EOF
set -eu
apt-get update
apt-get install -y --no-install-recommends \
    ca-certificates \
    git \
    tzdata
rm -rf /var/lib/apt/lists/*
EOF
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/var/cache/mod go mod download -x

FROM gobase AS test
COPY . .
RUN --mount=type=cache,target=/var/cache/go --mount=type=cache,target=/var/cache/mod \
    go vet ./... && go test -race -count=1 ./...

FROM gobase AS server
ARG TARGETOS TARGETARCH TARGETVARIANT
ARG VERSION=0.0.0
ARG COMMIT=unknown
ARG LDFLAGS="-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}"
COPY cmd cmd
COPY internal internal
COPY --from=web /src/web/dist internal/assets/dist
RUN --mount=type=cache,target=/var/cache/go --mount=type=cache,target=/var/cache/mod \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    GOOS=${TARGETOS} GOARCH=${TARGETARCH} GOARM=${TARGETVARIANT#v} \
    go build -ldflags "$LDFLAGS" -o /out/server ./cmd/server
RUN --mount=type=cache,target=/var/cache/go --mount=type=cache,target=/var/cache/mod \
    GOOS=${TARGETOS} GOARCH=${TARGETARCH} GOARM=${TARGETVARIANT#v} \
    go build -ldflags "$LDFLAGS" -o /out/migrate ./cmd/migrate

FROM gobase AS tools
RUN --mount=type=cache,target=/var/cache/go --mount=type=cache,target=/var/cache/mod \
    for tool in example.org/tools/one@v1.2.3 example.org/tools/two@v0.9.0; do \
        go install "$tool"; \
    done

FROM ${REGISTRY}/debian:${DEBIAN_RELEASE}-slim AS rootfs
RUN set -eux; \
    groupadd --system --gid 1001 app; \
    useradd --system --uid 1001 --gid app --home-dir /var/lib/app --create-home app; \
    install -d -o app -g app -m 0750 /var/lib/app/data /var/lib/app/cache
COPY <<'EOF' /etc/app/config.yaml
listen: ":8080"
data: /var/lib/app/data
log:
  level: info
  format: json
EOF
COPY --chmod=755 <<"EOF" /usr/local/bin/entrypoint
#!/bin/sh
set -e
[ "$1" != serve ] || migrate --config /etc/app/config.yaml up
exec "$@"
EOF

# runtime is what is shipped
FROM ${REGISTRY}/debian:${DEBIAN_RELEASE}-slim AS runtime
ARG VERSION=0.0.0
ARG COMMIT=unknown
ARG CREATED
LABEL org.opencontainers.image.title="app" \
      org.opencontainers.image.description="An example of ordinary size" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=gobase /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=gobase /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=rootfs /etc/passwd /etc/group /etc/
COPY --from=rootfs --chown=1001:1001 /var/lib/app /var/lib/app
COPY --from=rootfs /etc/app /etc/app
COPY --from=rootfs /usr/local/bin/entrypoint /usr/local/bin/
COPY --from=server /out/server /out/migrate /usr/local/bin/
COPY --from=web --chown=1001:1001 /src/web/dist /var/lib/app/public
ENV APP_CONFIG=/etc/app/config.yaml \
    APP_DATA=/var/lib/app/data \
    PATH=/usr/local/bin:$PATH \
    TZ=UTC
WORKDIR /var/lib/app
USER 1001:1001
VOLUME ["/var/lib/app/data"]
EXPOSE 8080 9090/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 \
    CMD ["server", "health", "--url", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["entrypoint"]
CMD ["server", "serve"]

FROM runtime AS debug
USER root
COPY --from=tools /go/bin/ /usr/local/bin/
RUN apt-get update && apt-get install -y --no-install-recommends curl procps strace && rm -rf /var/lib/apt/lists/*
USER 1001:1001

FROM runtime
