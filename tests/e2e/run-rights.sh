#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a RUN is and may do: its user, its network, limits, and what needs --allow.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
base alpine:edge
mkdir ctx && cd ctx || exit 1
build() { run decant build --progress=plain --network=none "$@" .; }
printed() { printf '%s\n' "$ERR" | sed -nE 's/^#[0-9]+ [0-9]+\.[0-9]+ //p'; }

# --- what it is ---

cat >Dockerfile <<'D'
FROM alpine:edge AS parent
ENTRYPOINT ["/bin/false"]
CMD ["/bin/false"]
FROM parent
# T-063
RUN echo by itself
# T-061
RUN ["echo", "hello"]this is invalid || echo a shell
D
build
status "T-063 RUN does not go through ENTRYPOINT" 0
is "T-061 JSON with something behind it is for the shell" "$(printed | grep -v '^/bin/sh')" "by itself
a shell"

cat >Dockerfile <<'D'
FROM alpine:edge
RUN printf 'root:x:0:\nwheel:x:10:root\nfirst:x:100:user2\nthird:x:300:user2,user3\nuser2:x:1001:\n' > /etc/group && \
    printf 'root:x:0:0::/root:/bin/sh\nuser2:x:1001:1001::/home/two:/bin/sh\nuser3:x:1002:1001::/home/three:/bin/sh\n' > /etc/passwd
RUN id -u; id -g; id -G; echo $HOME
USER user2
RUN id -u; id -g; id -G; echo $HOME
USER 1001
RUN id -u; id -g; id -G; echo $HOME
USER user3:third
RUN id -u; id -g; id -G; echo $HOME
USER 1042
RUN id -u; id -g; id -G; echo $HOME
USER 1042:1043
RUN id -u; id -g; id -G; echo $HOME
USER user2:0
RUN id -u; id -g; id -G; echo $HOME
D
build
status "T-070 users" 0
is "T-070 uid, gid, groups and home of each" "$(printed | paste -sd' ' | sed 's,\(/[a-z/]*\) *,\1\n,g')" "0 0 0 10 /root
1001 1001 1001 100 300 /home/two
1001 1001 1001 100 300 /home/two
1002 300 300 /home/three
1042 0 0 /
1042 1043 1043 /
1001 0 0 /home/two"

printf 'FROM alpine:edge\nRUN hostname && cat /etc/hostname && grep -c "$(hostname)" /etc/hosts && cat && pwd\n' >Dockerfile
build
is "its host name, no input" "$(printed | paste -sd' ')" "buildkitsandbox buildkitsandbox 1 /"
build --build-arg BUILDKIT_SANDBOX_HOSTNAME=other
is "another host name" "$(printed | paste -sd' ')" "other other 1 /"

# --- what it may not ---

printf 'FROM alpine:edge\nRUN grep -E "^(Cap(Inh|Prm|Eff|Bnd|Amb)|Seccomp):" /proc/self/status\n' >Dockerfile
build --no-cache
is "D21 capabilities are docker's" "$(printed | tr -s '\t' ' ' | cut -d' ' -f2 | paste -sd' ')" \
	"0000000000000000 00000000a80425fb 00000000a80425fb 00000000a80425fb 0000000000000000 2"
cat >Dockerfile <<'D'
FROM alpine:edge
# D22, D24
RUN for c in 'mount -t tmpfs x /tmp' 'unshare -U true' 'chroot / mount -t tmpfs x /tmp' 'swapoff /x' 'mknod /b b 8 0 && head -c 1 /b' 'echo 1 > /proc/sys/kernel/panic' 'echo b > /proc/sysrq-trigger' 'mkdir /sys/fs/cgroup/x' 'touch /sys/x'; do \
    sh -c "$c" >/dev/null 2>&1 && echo "allowed: $c"; done; true
# D23
RUN [ ! -s /proc/kcore ] && [ -z "$(ls /sys/firmware 2>/dev/null)" ]
# D30
RUN [ "$(ls /sys/class/net 2>/dev/null | paste -sd' ')" = lo ] && ! ping -c 1 -W 1 192.0.2.1 >/dev/null 2>&1
# D25
RUN (setsid sleep 6151.PID >/dev/null 2>&1 &) ; true
D
sed -i "s/PID/$$/" Dockerfile # others may run this test as well
build
status "D22 D23 D24 D30 what docker refuses" 0
is "D22 none of it is allowed" "$(printed)" ""
is "D25 nothing of it runs on" "$(pgrep -f "^sleep 6151\.$$\$")" ""

# --- what needs a right ---

printf 'FROM alpine:edge\nRUN touch /first\nRUN --network=host true\n' >Dockerfile
build
like "D31 the host's network" "$ERR" '^Dockerfile:3:15: error: entitlement network.host is not allowed'
unlike "D31 nothing runs before" "$ERR" 'touch'
build --allow network.host
status "with --allow network.host" 0
run decant build --check .
unlike "--check asks for no right" "$OUT$ERR" 'entitlement'
printf 'FROM alpine:edge\nRUN [ "$(cat /proc/net/dev | wc -l)" -gt 3 ] || [ "$(ls /sys/class/net | wc -l)" -ge 1 ]\n' >Dockerfile
run decant build --progress=plain --network=host .
status "--network=host is a right of its own" 0
build --allow fly
like "an unknown right" "$ERR" 'unknown entitlement fly'
status "is a mistake of the command line" 2

printf 'FROM alpine:edge\nRUN touch /first\nRUN --security=insecure grep -E "^(CapEff|Seccomp):" /proc/self/status; mount -t tmpfs x /tmp && echo mounted\n' >Dockerfile
build
like "D31 all rights" "$ERR" '^Dockerfile:3:16: error: entitlement security.insecure is not allowed'
unlike "D31 nothing runs before" "$ERR" 'touch'
build --allow security.insecure
status "with --allow security.insecure" 0
like "it may mount" "$(printed)" '^mounted$'
if [ "$(id -u)" -ne 0 ]; then
	like "without root it is said which rights" "$ERR" 'all rights in its user namespace'
fi
unlike "its capabilities are more" "$(printed)" 'CapEff:.*a80425fb$'

# --- devices ---

mkdir "$T/cdi" && export DECANT_CDI_DIRS=$T/cdi
cat >"$T/cdi/vendor.json" <<J
{"cdiVersion": "0.6.0", "kind": "vendor.com/dev", "annotations": {"org.mobyproject.buildkit.device.class": "fast"},
 "containerEdits": {"env": ["COMMON=1"]},
 "devices": [{"name": "foo", "containerEdits": {"env": ["FOO=injected"],
    "deviceNodes": [{"path": "/dev/own-zero", "hostPath": "/dev/zero"}],
    "mounts": [{"hostPath": "$T/cdi", "containerPath": "/opt/cdi", "options": ["ro", "bind"]}]}},
  {"name": "bar", "containerEdits": {"env": ["BAR=1"]}}]}
J
cat >Dockerfile <<'D'
FROM alpine:edge
RUN --device=vendor.com/dev=foo echo "$FOO$COMMON$BAR" && [ "$(head -c 4 /dev/own-zero | wc -c)" = 4 ] && [ -e /opt/cdi/vendor.json ] && ! touch /opt/cdi/x 2>/dev/null
RUN --device=vendor.com/dev=*,required echo "$FOO$COMMON$BAR"
RUN --device=vendor.com/dev echo "$FOO$COMMON$BAR"
RUN --device=fast echo "$FOO$COMMON$BAR"
RUN --device=other.com/x=y [ ! -e /opt ] && echo "none$FOO"
D
build
like "D31 a device" "$ERR" '^Dockerfile:2:14: error: device vendor.com/dev=foo is requested by the build but not allowed'
build --allow device=vendor.com/dev=foo
like "another device" "$ERR" '^Dockerfile:3:14: error: device vendor.com/dev=bar is requested'
build --allow device
status "devices" 0
is "what each brings" "$(printed | paste -sd' ')" "injected1 injected11 11 injected11 none"
like "an optional one that is missing" "$ERR" 'the optional device "other.com/x=y" is not registered'
is "nothing of them stays" "$(decant run --rm --network none "$(decant build -q --network=none --allow device .)" ls /opt 2>&1 | grep -c cdi)" 0
printf 'FROM alpine:edge\nRUN --device=other.com/x=y,required true\n' >Dockerfile
printf 'kind: yaml.com/x\nannotations: &a {}\nother: *a\n' >"$T/cdi/other.yaml"
build --allow device
like "YAML with an alias" "$ERR" 'other.yaml:3:8: aliases are not read'
cat >"$T/cdi/other.yaml" <<'Y'
---
cdiVersion: 0.5.0
kind: yaml.com/x
containerEdits:
  env: [COMMON=yaml]
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - {path: /dev/yaml-zero, hostPath: /dev/zero, major: 1, minor: 5}
Y
build --allow device
like "a required one that is missing" "$ERR" '^Dockerfile:2:14: error: required device "other.com/x=y" is not registered'
printf 'FROM alpine:edge\nRUN --device=yaml.com/x=0,required test "$COMMON$(head -c 4 /dev/yaml-zero | wc -c)" = yaml4\n' >Dockerfile
build --allow device
status "a device of a YAML file, as nvidia-ctk writes it" 0
rm "$T/cdi/other.yaml"
echo '{"kind": "novendor"}' >"$T/cdi/bad.json"
build --allow device
like "a file that is wrong" "$ERR" "spec.kind: expected vendor/class"
like "is named" "$ERR" 'reading the CDI file .*bad\.json'
rm "$T/cdi/bad.json"

# --- limits ---

cat >Dockerfile <<'D'
FROM alpine:edge
RUN ulimit -n; ulimit -Hn; grep -o '/dev/shm.*size=[0-9]*k' /proc/mounts | grep -o 'size.*'; tail -n 3 /etc/hosts | tr '\t' ' '
D
build --ulimit nofile=100:200 --shm-size 10m --add-host a.example:1.2.3.4 --add-host 'b=[::1],5.6.7.8'
status "limits and hosts" 0
is "the command has them" "$(printed | paste -sd' ')" "100 200 size=10240k 1.2.3.4 a.example ::1 b 5.6.7.8 b"
build --ulimit nofile=100:200 --shm-size 10m --add-host a.example:9.9.9.9 --add-host 'b=[::2],5.6.7.9'
like "addresses are in no key" "$ERR" '^#[0-9]+ CACHED'
build --ulimit nofile=100:300 --shm-size 10m --add-host a.example:9.9.9.9 --add-host b=5.6.7.9
unlike "limits of processes are" "$ERR" '^#[0-9]+ CACHED'
while IFS='|' read -r options text; do
	# shellcheck disable=SC2086  # words
	run decant build $options .
	like "$options is refused" "$ERR" "$text"
	ok "as a mistake of the command line" [ "$STATUS" -eq 2 ]
done <<'L'
--ulimit nofil=1|invalid ulimit type: nofil
--ulimit nofil=1|did you mean nofile
--ulimit nofile=x|invalid ulimit argument
--ulimit nofile=5:4|soft limit must be less
--shm-size big|invalid size
--add-host x|invalid host x
--add-host x=1.2.3|invalid host
--resource mem=1|unknown resource 'mem'
--memory 1k|the least is 6m
--cpuset-cpus a|invalid value for cpuset-cpus
--memory 20m --memory-swap 10m|cannot be less
--cgroup-parent /a/../b|invalid --cgroup-parent
L

printf 'FROM alpine:edge\nRUN dd if=/dev/zero of=/dev/shm/f bs=1M count=40 2>/dev/null; echo $?\n' >Dockerfile
build --memory 20m --memory-swap 20m --shm-size 100m
status "D26 a RUN with a limit of memory" 0
if printf '%s\n' "$ERR" | grep -q 'are not limited'; then
	like "D26 where it cannot be limited that is said" "$ERR" 'the resources of RUN are not limited: .*cgroup'
	is "D26 and it runs" "$(printed)" 0
else
	like "D26 it is killed" "$(printed)" '^(137|Killed)'
	wait_until 60 eval '[ -z "$(find /sys/fs/cgroup -maxdepth 4 -name "decant-[0-9]*" -type d 2>/dev/null)" ]' # others have theirs for a while
	is "no cgroup stays" "$(find /sys/fs/cgroup -maxdepth 4 -name 'decant-[0-9]*' -type d 2>/dev/null)" ""
fi

is "nothing is left over" "$(leftovers)" ""
done_testing
