#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# push, pull and FROM against Debian's docker-registry; skopeo and umoci agree with what we send.
. "$(dirname "$0")/../lib/e2e.sh"
needs_root
needs_run
needs skopeo umoci jq
registry_start
base base:1
export SOURCE_DATE_EPOCH=1700000000

mkdir context
echo hello >context/file
cat >context/Dockerfile <<'D'
FROM base:1
RUN echo made > /made && chmod 4755 /made && ln /made /again
COPY file /there/file
LABEL a=b
CMD ["cat", "/there/file"]
D
run decant build -q -t "$REGISTRY/one/app:1" context
status "builds" 0
ID=$OUT

# --- push
run decant push "$REGISTRY/one/app:1"
status "pushes" 0
like "push: names the repository" "$OUT" "^The push refers to repository \[$REGISTRY/one/app\]"
is "push: three layers" "$(grep -c ': Pushed$' <<<"$OUT")" 3
like "push: the digest" "$OUT" '^1: digest: sha256:[0-9a-f]{64} size: [0-9]+$'
DIGEST=$(sed -n 's/^1: digest: \(sha256:[0-9a-f]*\) .*/\1/p' <<<"$OUT")
run decant push "$REGISTRY/one/app:1"
is "again: nothing is sent" "$(grep -c ': Layer already exists$' <<<"$OUT")" 3
like "again: the same digest" "$OUT" "^1: digest: $DIGEST "
run decant pull "$REGISTRY/one/app:1"
like "pull of what was pushed from here: up to date" "$OUT" "^Status: Image is up to date for $REGISTRY/one/app:1\$"
run skopeo inspect --tls-verify=false "docker://$REGISTRY/one/app:1"
is "skopeo sees that digest" "$(jq -r .Digest <<<"$OUT")" "$DIGEST"
is "skopeo sees the config" "sha256:$(skopeo inspect --raw --config --tls-verify=false "docker://$REGISTRY/one/app:1" | sha256sum | cut -d' ' -f1)" "$ID"
ok "skopeo copies it" skopeo copy -q --src-tls-verify=false "docker://$REGISTRY/one/app:1" oci:layout:x
ok "umoci unpacks it" umoci unpack --image layout:x bundle
is "umoci: content" "$(cat bundle/rootfs/there/file bundle/rootfs/made)" "$(printf 'hello\nmade')"
is "umoci: mode" "$(stat -c %a bundle/rootfs/made)" 4755
is "umoci: hard link" "$(stat -c %i bundle/rootfs/made)" "$(stat -c %i bundle/rootfs/again)"

# --- pull, into a store of its own
export DECANT_ROOT=$T/other
run decant pull "$REGISTRY/one/app:1"
status "pulls" 0
like "pull: where from" "$OUT" '^1: Pulling from one/app$'
is "pull: three layers" "$(grep -c ': Pull complete$' <<<"$OUT")" 3
like "pull: digest" "$OUT" "^Digest: $DIGEST\$"
like "pull: status" "$OUT" "^Status: Downloaded newer image for $REGISTRY/one/app:1\$"
is "pull: the same image" "$(decant images -q --no-trunc "$REGISTRY/one/app:1")" "$ID"
run decant pull "$REGISTRY/one/app:1"
like "again: up to date" "$OUT" '^Status: Image is up to date'
is "quiet: one line" "$(decant pull -q "$REGISTRY/one/app:1")" "$REGISTRY/one/app:1"
run decant pull "$REGISTRY/one/app@$DIGEST"
status "by digest" 0
ok "skopeo reads the store" skopeo copy -q "oci:$DECANT_ROOT:$REGISTRY/one/app:1" oci:layout:y
is "nothing left over" "$(leftovers)" ""

# --- a pulled layer goes to another repository of the same registry by mounting it
decant tag "$REGISTRY/one/app:1" "$REGISTRY/two/app:1"
run decant push "$REGISTRY/two/app:1"
status "to another repository" 0
is "mounted from where it was" "$(grep -c ': Mounted from one/app$' <<<"$OUT")" 3
like "the same manifest" "$OUT" "^1: digest: $DIGEST "

# --- what others push
skopeo copy -q --dest-tls-verify=false -f v2s2 oci:layout:x "docker://$REGISTRY/v2s2:1"
rm -rf "$DECANT_ROOT"
run decant pull -q "$REGISTRY/v2s2:1"
status "docker schema 2" 0
is "docker schema 2: layers" "$(decant image inspect --format '{{json .RootFS.Layers}}' "$REGISTRY/v2s2:1" | jq length)" 3
rm -rf "$DECANT_ROOT"
ok "two at once" sh -c "'$DECANT' pull -q $REGISTRY/one/app:1 >a & '$DECANT' pull -q $REGISTRY/one/app:1 >b && wait \$!"
is "two at once: one image" "$(decant images -q --no-trunc | sort -u)" "$ID"
run decant push --compression zstd "$REGISTRY/zstd:1"
like "an unknown name: says how to give it" "$ERR" "decant tag IMAGE $REGISTRY/zstd:1"
decant tag "$REGISTRY/one/app:1" "$REGISTRY/zstd:1"
run decant push -q --compression zstd "$REGISTRY/zstd:1"
status "zstd" 0
is "zstd: media types" "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/zstd:1" | jq -r '.layers[].mediaType' | sort -u)" application/vnd.oci.image.layer.v1.tar+zstd
rm -rf "$DECANT_ROOT"
run decant pull -q "$REGISTRY/zstd:1"
status "zstd: comes back" 0
is "zstd: as the same image" "$(decant images -q --no-trunc)" "$ID"

# --- FROM, COPY --from
rm -rf "$DECANT_ROOT"
run decant build -q -t from - <<D
FROM $REGISTRY/one/app:1
RUN test "\$(cat /there/file)" = hello && test -u /made
COPY --from=$REGISTRY/two/app:1 /made /copied
D
status "FROM a registry" 0
is "FROM: the base is an image of the store now" "$(decant images -q --no-trunc "$REGISTRY/one/app:1")" "$ID"
run decant build - <<D
FROM $REGISTRY/none:1
D
ok "FROM what is not there" [ "$STATUS" -ne 0 ]
like "FROM what is not there: the place" "$ERR" '(Dockerfile|-|stdin)[^ ]*:1:6: error: '
like "FROM what is not there: the name" "$ERR" "$REGISTRY/none: manifest 1 not found"

# --- mirrors and insecure registries
mkdir -p "$HOME/.config/decant"
settings() { printf '%s' "$1" >"$HOME/.config/decant/config.json"; }
skopeo copy -q --dest-tls-verify=false oci:layout:x "docker://$REGISTRY/library/mirrored:1"
settings "{\"registry-mirrors\":[\"http://127.0.0.1:1\",\"http://$REGISTRY/\"]}"
run decant pull -q mirrored:1
status "from the second of two mirrors" 0
is "mirror: the name stays docker.io's" "$OUT" docker.io/library/mirrored:1
settings "{\"registry-mirrors\":[\"http://127.0.0.1:1\"]}"
run env https_proxy=http://127.0.0.1:1 "$DECANT" pull nowhere:1
ok "no mirror, no registry" [ "$STATUS" -ne 0 ]
like "says that the mirror was tried" "$ERR" 'the mirror 127.0.0.1:1 was tried first'
like "says what else to look at" "$ERR" 'proxy'
settings '{}'
PLAIN=0.0.0.0:${REGISTRY#*:} # the same registry, under a name that is not loopback's
run decant pull "$PLAIN/one/app:1"
ok "plain http elsewhere is refused" [ "$STATUS" -ne 0 ]
like "... and says how to allow it" "$ERR" "list \"$PLAIN\" in \"insecure-registries\" of $HOME/.config/decant/config.json"
settings "{\"insecure-registries\":[\"$PLAIN\"]}"
run decant pull -q "$PLAIN/one/app:1"
status "an insecure registry that is listed" 0
settings '{"insecure-registries":["0.0.0.0/30"]}'
run decant push -q "$PLAIN/one/app:1"
status "... or its network is" 0
settings '{"insecure-registries":"x"}'
run decant pull "$PLAIN/one/app:1"
like "a mistake in the settings is named" "$ERR" "$HOME/.config/decant/config.json.insecure-registries: expected an array of strings"
settings '{}'

# --- as an ordinary user
run as_user sh -c 'DECANT_ROOT=$HOME/store && export DECANT_ROOT && "$DECANT" pull -q "$1" >/dev/null && "$DECANT" images -q --no-trunc' sh "$REGISTRY/one/app:1"
is "pulls as a user: the same image" "$OUT" "$ID"

# --- nobody there
run decant pull 127.0.0.1:1/x
ok "nobody listens" [ "$STATUS" -ne 0 ]
like "nobody listens: who" "$ERR" 'connecting to the registry 127.0.0.1:1'
like "nobody listens: both ways were tried" "$ERR" 'https was tried first'
run decant pull no-such-host.invalid/x
like "no such host" "$ERR" 'resolve host'
run decant pull 'Bad:Name'
ok "a bad name" [ "$STATUS" -ne 0 ]
like "a bad name: says why" "$ERR" 'must be lowercase'

# --- basic authentication
registry_start user:secret
DECANT_ROOT=$T/store
decant tag "127.0.0.1:${PLAIN#*:}/one/app:1" "$REGISTRY/private:1"
run decant push "$REGISTRY/private:1"
ok "push without credentials" [ "$STATUS" -ne 0 ]
like "... is denied" "$ERR" "push to $REGISTRY/private denied"
like "... and says what to do" "$ERR" "decant login $REGISTRY"
mkdir "$HOME/.docker" bin
login() { echo "{\"auths\":{\"$REGISTRY\":{\"auth\":\"$(printf %s "$1" | base64)\"}}}" >"$HOME/.docker/config.json"; }
login user:wrong
run decant push "$REGISTRY/private:1"
like "a wrong password: whose" "$ERR" "credentials of user from $HOME/.docker/config.json"
login user:s3cr3t-wrong
run decant --debug push "$REGISTRY/private:1"
unlike "S05 a password is in no message" "$OUT$ERR" "s3cr3t|$(printf user:s3cr3t-wrong | base64)"
login user:secret
run decant push -q "$REGISTRY/private:1"
status "push with a password" 0
is "S05 it is nowhere in the store" "$(grep -rlaF "$(printf user:secret | base64)" "$DECANT_ROOT")" ""
rm -rf "$T/third"
run env DECANT_ROOT="$T/third" "$DECANT" pull -q "$REGISTRY/private:1"
status "pull with a password" 0
echo '{"credsStore":"test"}' >"$HOME/.docker/config.json"
printf '#!/bin/sh\nread s\necho "$s" >>%s/helper.log\necho "{\\"Username\\":\\"user\\",\\"Secret\\":\\"secret\\"}"\n' "$T" >bin/docker-credential-test
chmod +x bin/docker-credential-test
run env PATH="$T/bin:$PATH" DECANT_ROOT="$T/third" "$DECANT" pull -q "$REGISTRY/private:1"
status "pull with a credential helper" 0
is "the helper is asked for the registry" "$(sort -u helper.log)" "$REGISTRY"
registry_stop
done_testing
