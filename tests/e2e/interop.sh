#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What other tools make of our images, and we of theirs: skopeo reads the store in place, umoci unpacks,
# an archive goes out and comes back with the same ID.
. "$(dirname "$0")/../lib/e2e.sh"
needs skopeo umoci
base alpine:edge

mkdir ctx
echo hello >ctx/hello
cat >ctx/Dockerfile <<'D'
FROM alpine:edge
COPY --chown=1000:50 --chmod=640 hello /srv/hello
COPY <<'E' /etc/motd
welcome
E
ENV GREETING=hi
ENTRYPOINT ["/bin/cat"]
CMD ["/srv/hello"]
D
run decant build -q -t example/app:1 ctx
status "build" 0
id=$OUT
rm -rf ctx

run decant publish example/app:1
status "publish, though the context is gone" 0
run skopeo copy -q --insecure-policy "oci:$DECANT_ROOT:example/app:1" oci:out:app
status "skopeo copies out of the store in place" 0
run skopeo inspect --config "oci:$DECANT_ROOT:example/app:1"
status "skopeo inspects it" 0
like "the config is ours" "$OUT" '"GREETING=hi"'
run decant publish example/app:1
run skopeo inspect "oci:$DECANT_ROOT:example/app:1" --format '{{.Digest}}'
digest=$OUT
run decant publish example/app:1
run skopeo inspect "oci:$DECANT_ROOT:example/app:1" --format '{{.Digest}}'
is "a manifest digest is fixed once made" "$OUT" "$digest"

if [ "$(id -u)" -eq 0 ]; then
	run umoci unpack --image out:app bundle
	status "umoci unpacks" 0
	is "content" "$(cat bundle/rootfs/srv/hello)" hello
	is "owner and mode" "$(stat -c '%u:%g %a' bundle/rootfs/srv/hello)" "1000:50 640"
	is "heredoc" "$(cat bundle/rootfs/etc/motd)" welcome
else
	skip "umoci unpacks" "not root"
fi

run decant save -o app.tar example/app:1
status "save" 0
run skopeo copy -q --insecure-policy docker-archive:app.tar oci:from-archive:app
status "skopeo reads the archive" 0
run env DECANT_ROOT="$T/second" "$DECANT" load -i app.tar
status "load into another store" 0
run env DECANT_ROOT="$T/second" "$DECANT" image inspect --format '{{.Id}}' example/app:1
is "the same image ID" "$OUT" "$id"

run skopeo copy -q --insecure-policy oci:out:app docker-archive:theirs.tar:example/theirs:2
run env DECANT_ROOT="$T/third" "$DECANT" load -i theirs.tar
status "load what skopeo wrote" 0
run env DECANT_ROOT="$T/third" "$DECANT" image inspect --format '{{.Id}}' example/theirs:2
is "its image ID" "$OUT" "$id"
done_testing
