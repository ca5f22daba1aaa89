#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Go templates of --format give what docker gives (tests/lib/docker-templates), and inspect has docker's members.
. "$(dirname "$0")/../lib/e2e.sh"

cat >Dockerfile <<'D'
FROM scratch
ENV PATH=/bin
LABEL a=b z="q r"
ENV FOO=bar
EXPOSE 80/tcp 53/udp
VOLUME /data
USER 1000:1000
HEALTHCHECK --interval=5s --timeout=3s --start-period=1s --retries=3 CMD ["/bin/true"]
STOPSIGNAL SIGINT
ONBUILD RUN echo hi
SHELL ["/bin/sh","-ec"]
ENTRYPOINT ["/bin/sh"]
CMD ["-c","echo <&>"]
MAINTAINER me@example.org
D
decant build -q -t a-tpl:1 . >/dev/null

check() { # template wanted
	local wanted=$2
	run decant inspect -f "$1" a-tpl:1
	while [ "${wanted%$'\n'}" != "$wanted" ]; do # as the shell does with $OUT
		wanted=${wanted%$'\n'}
	done
	if [ "$2" = "!" ]; then
		ok "error: $1" [ "$STATUS" -ne 0 ]
	else
		is "$1" "$OUT" "$wanted"
	fi
}
template="" wanted=""
while IFS= read -r line; do
	case $line in
	'# '*) ;;
	'== '*)
		[ -z "$template" ] || check "$template" "$wanted"
		template=${line#== } wanted=""
		;;
	*) wanted+="${wanted:+$'\n'}$line" ;;
	esac
done <"$E2E_ROOT/tests/lib/docker-templates"
check "$template" "$wanted"

printf 'FROM scratch\n' | decant build -q -t bare:1 - >/dev/null
run decant inspect -f '{{.Config.Entrypoint}} {{.Config.Labels}} {{json .Config.Cmd}} {{json .Config.Labels}} {{len .Config.Volumes}}|{{.Config.User}}|' bare:1
is "members without a value are as docker's" "$OUT" '[] map[] null null 0||'
run decant inspect bare:1
for key in Id RepoTags RepoDigests Parent Comment Created DockerVersion Author Config Architecture Os Size GraphDriver RootFS Metadata; do
	like "inspect has $key" "$OUT" "^        \"$key\": "
done
run decant inspect -f '{{.Descriptor.size}}' bare:1
is "no manifest, no descriptor" "$OUT" "<no value>"
decant save -o x.tar bare:1
run decant inspect -f '{{.Descriptor.mediaType}}' bare:1
is "a manifest has a descriptor" "$OUT" "application/vnd.oci.image.manifest.v1+json"
run decant inspect nosuch bare:1 -f '{{.Os}}'
is "a missing one does not hide the other" "$OUT" "linux"
status "... and is an error" 1
like "... that is told" "$ERR" "nosuch"
run decant image inspect nosuch
is "nothing found is an empty array" "$OUT" "[]"
done_testing
