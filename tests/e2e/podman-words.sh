#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Spellings of podman and buildah: docker://NAME, save --format X-archive and X-dir, rmi --all, an empty manifest list; buildah from is refused.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3
mkdir bin
for name in buildah podman docker; do ln -s "$DECANT" "bin/$name"; done
PATH=$T/bin:$PATH

printf 'FROM scratch\nCOPY f /\nCMD ["/f"]\n' >Dockerfile
echo x >f
id=$(decant build -q -t app:1 -t app:2 .)

# --- docker://
run podman inspect -f '{{.Id}}' docker://app:1
is "docker://: inspect" "$STATUS $OUT" "0 $id"
run podman history -q --no-trunc docker://app:1
is "docker://: history" "$STATUS ${OUT%%$'\n'*}" "0 $id"
run podman tag docker://app:1 docker://other:1
is "docker://: tag, both names" "$STATUS $(decant inspect -f '{{.Id}}' other:1)" "0 $id"
for name in buildah podman decant; do
	run "$name" tag app:1 "several:$name" "$name/several"
	is "$name tag: several names" "$STATUS $(decant inspect -f '{{.Id}}' "several:$name" "$name/several" | sort -u)" "0 $id"
	run "$name" tag app:1 "first:$name" Bad
	is "$name tag: none is given if one is bad" "$([ "$STATUS" -ne 0 ] && echo error) $(decant images -q "first:$name")" "error "
	run "$name" bud -q .
	is "$name bud" "$STATUS $OUT" "0 $id"
	run "$name" build-using-dockerfile -q .
	is "$name build-using-dockerfile" "$STATUS $OUT" "0 $id"
done
run docker run --pull missing "127.0.0.1:1/none"
like "docker run: what is not here is told with its tag" "$ERR" "^Unable to find image '127\.0\.0\.1:1/none:latest' locally"
like "docker info: memory in binary units" "$(docker info)" 'Total Memory: [0-9.]+[KMGT]iB'
run decant cp docker://app:1:/f -
like "docker://: ... is no owner of files: a colon there ends it" "$STATUS" '[1-9]'
run podman create --name made --pull never docker://app:1
is "docker://: create" "$STATUS $(decant inspect -f '{{.Config.Image}}' made)" "0 app:1"
decant rm made >/dev/null
run podman run --pull never docker://none:1
like "docker://: run, of none" "$ERR" "No such image: none:1"
run podman rmi docker://other:1
is "docker://: rmi" "$STATUS ${OUT%%$'\n'*}" "0 Untagged: other:1"
run podman inspect docker://
ok "docker://: without a name it is an error" [ "$STATUS" -ne 0 ]
run podman pull docker://docker://app:1
like "docker://: once" "$ERR" "invalid reference format"
if command -v docker-registry >/dev/null; then
	# shellcheck disable=SC2119 # no login
	registry_start
	decant tag app:1 "$REGISTRY/app:1"
	run podman push "docker://$REGISTRY/app:1"
	status "docker://: push" 0
	decant rmi "$REGISTRY/app:1" >/dev/null
	run podman pull "docker://$REGISTRY/app:1"
	is "docker://: pull" "$STATUS ${OUT##*$'\n'}" "0 $REGISTRY/app:1"
	run podman image exists "$REGISTRY/app:1"
	status "... is here under its name" 0
	run decant imagetools inspect --format '{{.Manifest.MediaType}}' "docker://$REGISTRY/app:1"
	like "docker://: imagetools inspect" "$STATUS $OUT" '^0 application/'
	decant rmi "$REGISTRY/app:1" >/dev/null

	run buildah manifest create "$REGISTRY/app:list"
	is "manifest create: without images" "$STATUS $OUT" "0 Created manifest list $REGISTRY/app:list"
	run buildah manifest push "$REGISTRY/app:list"
	like "... is not pushed" "$STATUS $ERR" "[1-9] error: the list $REGISTRY/app:list is empty"
	run buildah manifest create --amend "$REGISTRY/app:list" "docker://$REGISTRY/app:1"
	status "... an image joins it" 0
	run buildah manifest push "$REGISTRY/app:list"
	status "... and then it is" 0
else
	skip "docker://, manifest create with a registry" "'docker-registry' is not installed"
fi

# --- save --format
loads() { # WHAT LINE
	decant rmi --all --force >/dev/null
	run decant load -q -i "$1"
	is "save: $1 is loaded" "$STATUS $OUT" "0 $2"
	is "save: $1, the same image" "$(decant images -qa --no-trunc)" "$id"
	decant rmi --all --force >/dev/null
	decant build -q -t app:1 . >/dev/null
}
decant rmi app:2 >/dev/null
for format in docker-archive oci-archive docker-dir oci-dir; do
	run podman save --format "$format" -o "$format" app:1
	is "save --format $format" "$STATUS $OUT" "0 "
done
ok "... archives are files" [ -f docker-archive ] && [ -f oci-archive ]
ok "... -dir are directories" [ -f docker-dir/version ] && [ -f oci-dir/oci-layout ]
loads docker-archive "Loaded image: app:1"
loads oci-archive "Loaded image: app:1"
loads docker-dir "Loaded image ID: $id"
loads oci-dir "Loaded image: app:1"
run podman save --format oci-dir app:1
is "save: a directory has a name" "$STATUS $(head -n 1 <<<"$ERR")" "1 error: --format oci-dir makes a directory: name it with --output"
run podman save --format docker-dir -o two app:1 "$id"
like "save: docker-dir takes one image" "$ERR" "docker-dir takes one image"
ok "... and makes none else" [ ! -e two ]
run podman save --format ostree app:1
like "save: a format that there is not" "$ERR" "one of docker, oci, docker-archive, oci-archive, docker-dir, oci-dir"

# --- import: docker's comment
decant save -o root.tar app:1
run decant import root.tar plain:1
is "import: docker's comment" "$(decant history --format '{{.Comment}}' plain:1)" "Imported from -"
run decant import -m mine root.tar plain:2
is "import: or one's own" "$(decant history --format '{{.Comment}}' plain:2)" mine

# --- rmi --all
echo y >f
decant build -q -t app:1 . >/dev/null
decant create --name keeps app:1 >/dev/null
run podman rmi -a
is "rmi -a: a container's image stays, its status tells it" "$STATUS $(decant images -qa | wc -l)" "1 1"
like "... and says why" "$ERR" "^error: conflict: "
decant build -q -t more:1 -t more:2 - <<<$'FROM scratch\nLABEL a=b' >/dev/null
run podman rmi -a -f
is "rmi -a -f: all of them" "$STATUS $(decant images -qa)" "0 "
run podman rmi -a
is "rmi -a: of none is no error" "$STATUS $OUT$ERR" "0 "
run podman rmi -a app:1
like "rmi -a: takes no names" "$ERR" "--all takes no names of images"
run docker rmi
is "rmi: without names" "$STATUS $(head -n 1 <<<"$ERR")" "1 error: 'docker rmi' requires at least 1 argument"

# --- what there is not
for word in from config copy add; do
	run buildah "$word" x
	like "buildah $word is refused" "$ERR" "^error: unknown command: buildah $word"
	like "... with advice" "$ERR" "there are no working containers: write the steps into a Dockerfile"
done
done_testing
