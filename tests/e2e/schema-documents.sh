#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every document that decant writes is what the image specification asks; documents that are not, it does not take.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3
check() { ok "$1" python3 "$E2E_ROOT/tests/lib/oci-documents.py" "${@:2}"; }

cat >Dockerfile <<'D'
FROM scratch AS base
ARG TARGETARCH
COPY <<E /arch
$TARGETARCH
E
FROM base
COPY <<E /b
b
E
ENV A=b "ü x"="<&>"
LABEL org.example=1
EXPOSE 80/tcp 53/udp
VOLUME /data
USER 1:2
WORKDIR /data
STOPSIGNAL SIGTERM
SHELL ["/bin/sh", "-c"]
HEALTHCHECK --interval=5s CMD ["/x"]
ONBUILD RUN x
ENTRYPOINT ["/x"]
CMD ["y"]
D
run decant build -q -t one:1 -t two:2 -o type=oci,dest=oci.tar -o type=docker,dest=docker.tar -o type=oci,dest=layout,tar=false,compression=zstd \
	-o type=oci,dest=notes.tar,annotation.a=b,annotation-manifest-descriptor.c=d -o type=oci,dest=types.tar,oci-mediatypes=false .
status "build" 0
check "outputs of a build" oci.tar docker.tar layout notes.tar types.tar
run decant build -q -t many:1 --platform linux/amd64,linux/arm64,linux/arm/v7 --attest type=provenance,mode=max --attest type=sbom \
	--annotation "index,manifest:x=y" -o type=oci,dest=many.tar -o type=oci,dest=artifacts,tar=false,oci-artifact=true .
status "build for three platforms, with attestations" 0
check "an index with attestations" many.tar
check "attestations as artifacts" artifacts
run decant build -q --attest type=provenance,mode=max -t attested:1 -o type=oci,dest=attested.tar .
check "of one platform" attested.tar
for format in docker oci; do
	decant save --format $format -o saved-$format.tar one:1 two:2 many:1
	check "save --format $format" saved-$format.tar
done
printf 'FROM scratch\nLABEL a=b\n' | decant build -q -o type=oci,dest=none.tar - >/dev/null
check "an image without layers" none.tar
run decant build -q --no-cache --cache-to type=local,dest=cache,mode=max .
status "a cache is written" 0
check "the documents of a cache" cache
decant publish one:1 >/dev/null
cp -a "$DECANT_ROOT/index.json" "$DECANT_ROOT/oci-layout" . 2>/dev/null
ok "the store's own layout" python3 - "$E2E_ROOT/tests/lib/oci-documents.py" "$DECANT_ROOT" <<'P'
import subprocess, sys
# A store has blobs of its own besides: only what the layout names counts.
r = subprocess.run([sys.executable, sys.argv[1], sys.argv[2]], stdout=subprocess.PIPE, text=True)
bad = [l for l in r.stdout.splitlines() if l and not l.endswith("nothing names it")]
print("\n".join(bad))
sys.exit(bool(bad))
P

# What is not valid: one answer a line.
hex=5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
d() { printf '{"mediaType":"%s","size":%s,"digest":"sha256:%s"%s}' "$1" "${2:-7}" $hex "${3:-}"; }
manifest=application/vnd.oci.image.manifest.v1+json layer=application/vnd.oci.image.layer.v1.tar config=application/vnd.oci.image.config.v1+json
refused() { # NAME KIND DOCUMENT
	run decant debug documents <<<"$(python3 -c 'import json, sys; print(json.dumps({"id": "x", "kind": sys.argv[1], "doc": sys.argv[2]}))' "$2" "$3")"
	like "$1" "$OUT" '"error":'
}
run decant debug documents <<<"$(python3 -c 'import json, sys; print(json.dumps({"id": "x", "kind": "descriptor", "doc": sys.argv[1]}))' "$(d $manifest)")"
is "a descriptor is taken" "$OUT" '{"id":"x","valid":true}'
refused "no media type" descriptor "$(d application)"
refused "a media type that begins with a dot" descriptor "$(d foo/.bar)"
refused "a media type that is too long" descriptor "$(d "foo/$(printf 'x%.0s' $(seq 128))")"
refused "a negative size" descriptor "$(d $manifest -1)"
refused "an artifact type that is none" descriptor "$(d $manifest 7 ',"artifactType":"foo"')"
refused "an address that is none" descriptor "$(d $manifest 7 ',"urls":["value"]')"
refused "a platform without an architecture" descriptor "$(d $manifest 7 ',"platform":{"os":"linux"}')"
refused "data without its padding" descriptor '{"mediaType":"text/plain","size":34,"data":"aHR0cHM6Ly9naXRodWIuY29tL29wZW5jb250YWluZXJzCg","digest":"sha256:2690af59371e9eca9453dc29882643f46e5ca47ec2862bd517b5e17351325153"}'
refused "a subject that is none" manifest "{\"schemaVersion\":2,\"config\":$(d $config),\"layers\":[$(d $layer)],\"subject\":\"no\"}"
refused "a config that has no media type" manifest "{\"schemaVersion\":2,\"config\":$(d invalid),\"layers\":[$(d $layer)]}"
refused "an index's subject" index "{\"schemaVersion\":2,\"manifests\":[$(d $manifest)],\"subject\":7}"
for type in '"x y"' 5 '""'; do
	refused "an artifact type of a manifest: $type" manifest "{\"schemaVersion\":2,\"artifactType\":$type,\"config\":$(d $config),\"layers\":[$(d $layer)]}"
	refused "an artifact type of an index: $type" index "{\"schemaVersion\":2,\"artifactType\":$type,\"manifests\":[$(d $manifest)]}"
done
for features in '"x"' '[1]'; do
	refused "os.features of a config: $features" config "{\"architecture\":\"amd64\",\"os\":\"linux\",\"os.features\":$features,\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$hex\"]}}"
done
refused "an Env without a value" config "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"foo\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$hex\"]}}"
done_testing
