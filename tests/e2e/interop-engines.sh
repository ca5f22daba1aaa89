#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# docker, podman and buildah, those that are here: what decant saves they load, with the same image ID; what they save decant loads,
# with the same image ID again.
. "$(dirname "$0")/../lib/e2e.sh"
needs python3
base alpine:edge
name=decant-interop-$$
run decant build -q -t $name:1 - <<'D'
FROM alpine:edge
COPY --chmod=4755 <<E /srv/a
hello
E
RUN ln /srv/a /srv/b && rm /bin/true && chown 5:6 /srv/a
ENV A="<ü>"
HEALTHCHECK CMD true
D
[ "$STATUS" -eq 0 ] || skip_all "no build here: $ERR"
id=$OUT
decant save -o docker.tar $name:1
decant save --format oci -o oci.tar $name:1
load() { # INPUT [NAME]: the ID of what is loaded into a fresh store
	rm -rf fresh
	DECANT_ROOT=$T/fresh decant load -i "$1" >loaded || return
	DECANT_ROOT=$T/fresh decant image inspect --format '{{.Id}}' "$(sed -n '1s/.*: //p' loaded)"
}

if real_engine docker; then
	for form in docker oci; do
		run docker load -i "$T/$form.tar"
		status "docker loads $form" 0
		docker save -o "$T/theirs.tar" $name:1
		is "what it saves has the same ID" "$(load theirs.tar)" "$id"
		docker rmi $name:1 >/dev/null
	done
else
	skip "docker" "it does not run here"
fi

if real_engine podman; then
	for form in docker oci; do
		run podman load -q -i "$T/$form.tar"
		status "podman loads $form" 0
		is "podman has the ID" "sha256:$(podman image inspect --format '{{.Id}}' $name:1 | sed s/sha256://)" "$id"
		for to in docker-archive oci-archive oci-dir docker-dir; do
			rm -rf theirs
			run podman save -q --format $to -o "$T/theirs" $name:1
			status "podman saves as $to" 0
			got=$(load theirs)
			if [ ${form}${to%%-*} = dockerdocker ] || [ $to != docker-archive ] && [ $to != docker-dir ]; then
				is "and it has the ID ($form, $to)" "$got" "$id"
			else # an OCI image as one of docker's: another config
				like "and it is loaded ($form, $to)" "$got" '^sha256:'
			fi
		done
		podman rmi $name:1 >/dev/null
	done
else
	skip "podman" "it does not run here"
fi

buildah() { command buildah --root "$T/containers" --runroot "$T/run" --storage-driver vfs "$@"; }
if command -v buildah >/dev/null && [ "$(id -u)" -eq 0 ] && buildah images >/dev/null 2>&1; then
	for form in docker-archive:docker.tar oci-archive:oci.tar; do
		run buildah pull -q --policy=always --signature-policy "$T/policy.json" "$form"
		[ "$STATUS" -eq 0 ] || { echo '{"default":[{"type":"insecureAcceptAnything"}]}' >policy.json; run buildah pull -q --signature-policy "$T/policy.json" "$form"; }
		status "buildah takes $form" 0
		is "with its ID" "sha256:$OUT" "$id"
		run buildah push -q --signature-policy "$T/policy.json" "${id#sha256:}" "oci-archive:$T/theirs.tar:x:1"
		status "and gives it back" 0
		if [ $form = oci-archive:oci.tar ]; then
			is "with the same" "$(load theirs.tar)" "$id"
		else # docker's image as one of OCI's: another config
			like "and it is loaded" "$(load theirs.tar)" '^sha256:'
		fi
		buildah rmi -f "${id#sha256:}" >/dev/null
	done
else
	skip "buildah" "it does not run here"
fi
done_testing
