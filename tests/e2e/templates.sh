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
like "no manifest, no descriptor" "$ERR" 'template parsing error: template: :1:13: executing "" at <\.Descriptor\.size>: map has no entry for key "Descriptor"'
run decant inspect -f '{{.Descriptor}}{{with .Config.Healthcheck}}{{.Test}}{{end}}{{.Config.Labels.none}}' bare:1
is "what an image need not have is no error" "$STATUS $OUT" "0 <no value><no value>"
run decant inspect -f '{{json .Config.Nope}}' bare:1
ok "what no image has is one" [ "$STATUS" -ne 0 ]
like "... in docker's words" "$ERR" 'template parsing error: template: :1:14: executing "" at <\.Config\.Nope>: map has no entry for key "Nope"'
is "... and nothing is printed" "$OUT" ""
unknown() { # COMMAND...: with a member that there is not
	run decant "$@" --format 'x{{.Nope}}'
	is "$*: an unknown member is an error" "$([ "$STATUS" -ne 0 ] && echo error) $OUT" "error "
	like "$*: ... in Go's words" "$ERR" 'template: :1:3: executing "" at <\.Nope>: can.t evaluate field Nope in type [a-z]+'
}
unknown version
unknown info
unknown images
unknown history bare:1
unknown system df
unknown buildx ls
unknown context ls
run decant ps -a --format '{{.Nope}}'
is "no rows, no error" "$STATUS $OUT" "0 "
run decant images --format 'table {{.Repository}}\t{{.Nope}}'
ok "the same in a table" [ "$STATUS" -ne 0 ]

# --- the titles of a table: functions of texts leave them as they are (HeaderFunctions of docker/cli) --------
title() { # TEMPLATE TITLE FIRST-ROW
	run decant images --format "table $1" bare
	is "a table of $1" "$OUT" "$2"$'\n'"$3"
}
title '{{lower .Repository}}' REPOSITORY bare
title '{{upper .Repository}}' REPOSITORY BARE
title '{{title .Repository}}' REPOSITORY Bare
title '{{json .Repository}}' REPOSITORY '"bare"'
title '{{truncate .Repository 2}}' REPOSITORY ba
title '{{split .Repository "a"}}' REPOSITORY '[b re]'
title '{{join (split .Repository "a") "-"}}' REPOSITORY b-re
title '{{.Repository | upper | printf "%s!"}}' 'REPOSITORY!' 'BARE!'
title '{{lower "A"}}' A a

# --- bytes of no text -------------------------------------------------------------------------------------
is "a NUL is printed" "$(decant images --format '{{.Repository}}{{"\x00"}}x' bare | tr '\0' '|')" 'bare|x'
is "... of one object as well" "$(decant inspect -f '{{.Os}}{{"\000"}}x' bare:1 | tr '\0' '|')" 'linux|x'
run decant version --format '{{(index .Server.Components 0).Details.Nope}}'
is "version: any key of a map" "$STATUS $OUT" "0 <no value>"
run decant info --format '{{.InitBinary}} {{.Swarm.NodeID}}'
is "info: members that are docker's" "$STATUS $OUT" "0 <no value> <no value>"
decant save --format oci-archive -o x.tar bare:1
run decant inspect -f '{{.Descriptor.mediaType}}' bare:1
is "a manifest has a descriptor" "$OUT" "application/vnd.oci.image.manifest.v1+json"
run decant inspect nosuch bare:1 -f '{{.Os}}'
is "a missing one does not hide the other" "$OUT" "linux"
status "... and is an error" 1
like "... that is told" "$ERR" "nosuch"
run decant image inspect nosuch
is "nothing found is an empty array" "$OUT" "[]"
done_testing
