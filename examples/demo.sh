#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make demo`: from a bare Debian 12 to a small image, with everything shown.
#
# Installs what is needed (apt, root), builds decant, and builds examples/go-server, a Go web server in
# two stages, in the default store, where its images stay.  The base images come from the registry that
# their names say.  If none answers, examples/bases makes labelled stand-ins under the same names from
# Debian's archive.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
port=8080
builder_base=golang:1.18.3-stretch
final_base=alpine:edge
probe_s=8
store=${DECANT_ROOT:-$([ "$(id -u)" -eq 0 ] && echo /var/lib || echo "${XDG_DATA_HOME:-$HOME/.local/share}")/decant}
size_max=$((15 * 1000 * 1000))

fail() { echo "demo: $*" >&2; exit 1; }
now_ms() { date +%s%3N; }
megabytes() { awk -v n="$1" 'BEGIN { printf(n < 1e8 ? "%.1f MB" : "%.0f MB", n / 1e6) }'; }
show() { # command..., shown as a person would type it
	echo "\$ $*"
	"$@"
}
size_of() { decant image inspect --format '{{.Size}}' "$1"; }
in_store() { decant image inspect --format '{{.Id}}' "$1" >/dev/null 2>&1; }
is_stand_in() { decant image inspect --format '{{json .Config}}' "$1" | grep -q '"stand-in for '; }

tools/install-deps.sh build demo
make --no-print-directory all
PATH=$root/build:$PATH
container=
trap '[ -z "$container" ] || decant stop "$container" >/dev/null 2>&1' EXIT

# The small base is the probe: a registry that can give it within some seconds is there.
if answer=$(timeout $probe_s decant pull -q $final_base 2>&1); then
	echo "bases: from the registry that their names say"
	if ! in_store $builder_base || is_stand_in $builder_base; then
		show decant pull $builder_base
	fi
else
	reason=$(grep -m 1 -F 'error: ' <<<"$answer" | sed 's/^.*error: //') || true
	if in_store $builder_base && in_store $final_base && ! is_stand_in $builder_base; then
		echo "bases: no registry within $probe_s s (${reason:-no answer}); they are in the store already"
	else
		echo "bases: no registry within $probe_s s (${reason:-no answer}): labelled stand-ins from Debian's archive (examples/bases)"
		for name in $builder_base $final_base; do
			in_store "$name" && continue
			examples/bases/make build/bases "$name"
			show decant load -i "build/bases/${name//:/-}.tar"
		done
	fi
fi

was_there=no
in_store go-server && was_there=yes
cd examples/go-server
echo "\$ cd examples/go-server"
start=$(now_ms)
show decant build . -t go-server
cold=$(($(now_ms) - start))
if [ $was_there = yes ]; then
	# An earlier demo left its cache: what a build from nothing costs must be asked for.
	start=$(now_ms)
	decant build --no-cache -q . -t go-server >/dev/null
	cold=$(($(now_ms) - start))
fi
show decant images go-server
show decant images $builder_base

echo "\$ decant run -d --rm -p $port:$port go-server"
container=$(decant run -d --rm -p $port:$port go-server)
echo "$container"
answer=
for _ in $(seq 50); do
	answer=$(curl -s --max-time 2 "http://127.0.0.1:$port/") && break
	sleep 0.1
done
echo "\$ curl http://127.0.0.1:$port/"
echo "$answer"
[[ $answer =~ ^"Welcome to my website!"$'\n'[0-9a-f]{32}$ ]] || fail "the server did not answer with a greeting and 32 hex digits"
show decant stop "$container"

# Nothing may stay: no container, no process of it or of decant, no mount.
[ -z "$(decant ps -q)" ] || fail "a container is still listed: $(decant ps)"
for process in /proc/[0-9]*; do
	case $(readlink "$process/exe" 2>/dev/null || true) in
	/app/server | "$root"/build/*) fail "process ${process#/proc/} is still there" ;;
	esac
done
! grep -F " $store/" /proc/mounts || fail "a mount is still there"
container=

start=$(now_ms)
show decant build . -t go-server
unchanged=$(($(now_ms) - start))

result=$(size_of go-server)
builder=$(size_of "$(decant build -q --target builder .)")
echo
echo "stage builder            $(megabytes "$builder")"
echo "stage 2, the image       $(megabytes "$result")   ($(awk -v a="$builder" -v b="$result" 'BEGIN { printf "%.1f", 100 * (1 - b / a) }') % of the builder left behind)"
echo "time cold                $(awk -v t=$cold 'BEGIN { printf "%.2f s", t / 1000 }')"
echo "time, nothing changed    $unchanged ms"
[ "$result" -lt $size_max ] || fail "the image has $(megabytes "$result"), it must stay below $(megabytes $size_max)"
