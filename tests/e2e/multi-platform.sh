#!/bin/bash
# Images for several platforms under one name, between stores, registries and archives; RUN of another processor.
. "$(dirname "$0")/../lib/e2e.sh"
needs_run
[ "$(uname -m)" = x86_64 ] || skip_all "written for an x86_64 machine"
base alpine:edge
platforms() { decant inspect -f '{{.Os}}/{{.Architecture}}' "$@"; }
empty() { # a store without images
	# shellcheck disable=SC2046 # each is a word
	decant rmi -f $(decant images -aq | sort -u) >/dev/null 2>&1
	is "the store is empty" "$(decant images -aq)" ""
}

# --- an emulator: a program of ours in its place ---------------------------------------------------
# It is given the path of the program that it is to run; it makes a directory, says so, and ends.
mkdir -p emulators ctx
python3 - emulators/qemu-s390x-static ctx/program <<'P'
import os, struct, sys
text = b"emulated\n"
code = (b"\xb8\x53\0\0\0\x48\x8d\x3d%s\xbe\xed\x01\0\0\x0f\x05"  # mkdir("made", 0755)
        b"\xb8\1\0\0\0\xbf\1\0\0\0\x48\x8d\x35%s\xba%s\x0f\x05"   # write(1, text, len)
        b"\xb8\x3c\0\0\0\x31\xff\x0f\x05")                       # exit(0)
size = len(code) - 6 + 12
code = code % (struct.pack("<i", size - 12 + len(text)), struct.pack("<i", size - 36), struct.pack("<i", len(text)))
code += text + b"made\0"  # relative: who asks for a version makes it elsewhere
base = 0x400000
def elf(machine, order, body):
    head = b"\x7fELF" + bytes([2, 1 if order == "<" else 2, 1]) + b"\0" * 9
    head += struct.pack(order + "HHIQQQIHHHHHH", 2, machine, 1, base + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return head + struct.pack(order + "IIQQQQQQ", 1, 5, 0, base, base, 120 + len(body), 120 + len(body), 0x1000) + body
for path, data in (sys.argv[1], elf(62, "<", code)), (sys.argv[2], elf(22, ">", b"\xa7\x28\0\0\x0a\x01")):
    open(path, "wb").write(data)
    os.chmod(path, 0o755)
P
cat >ctx/Dockerfile <<'D'
FROM scratch
COPY program /bin/program
RUN ["/bin/program"]
D
emulated() { PATH=$T/emulators:$PATH "$@"; }
run decant build --progress=plain -t foreign --platform linux/s390x ctx
if [ "$STATUS" -eq 0 ]; then
	skip "without an emulator" "this machine runs s390x programs"
else
	like "without an emulator a RUN is refused" "$ERR" 'Dockerfile:3:1: error: a RUN for linux/s390x needs an emulator'
	like "with the name of what is missing" "$ERR" 'qemu-s390x-static'
	unlike "before anything is made" "$ERR" '^#[0-9]+ \[1/2\]'
	run emulated decant build --progress=plain -t foreign --platform linux/s390x ctx
	if [[ $ERR == *"takes Linux 6.7"* ]]; then
		skip "with one in PATH" "the kernel has no binfmt_misc for user namespaces"
	else
		status "with one in PATH it runs" 0
		like "by the emulator" "$ERR" '^#[0-9]+ [0-9.]+ emulated$'
		decant build -q -o type=tar,dest=x.tar - <<<"FROM foreign" >out
		is "what it made is in the image" "$(tar tf x.tar | grep -cx made/)" 1
		run decant build --progress=plain -t foreign --platform linux/s390x ctx
		is "cached, it needs none" "$STATUS $(grep -c CACHED <<<"$ERR")" "0 2"
		ok "nothing is registered for the machine" [ ! -e /proc/sys/fs/binfmt_misc/qemu-s390x ]
		run emulated decant build --progress=plain --no-cache -t mix --platform linux/s390x,linux/amd64 - <<'D'
FROM alpine:edge AS for-amd64
RUN echo native > /made
FROM foreign AS for-s390x
RUN ["/bin/program"]
FROM for-$TARGETARCH
D
		status "of two platforms each RUN has its own way" 0
		like "the emulated one" "$ERR" '^#[0-9]+ [0-9.]+ emulated$'
		like "is shown as what it is" "$ERR" '\[linux/s390x for-s390x 2/2\] RUN'
		is "and the native one" "$(decant run --rm mix cat /made)" native
		is "run takes the other one by --platform" "$(emulated decant run --rm --network none --platform linux/s390x mix /bin/program)" emulated
		like "info lists it" "$(emulated decant info)" 'emulated:.* linux/s390x'
	fi
fi
if ! command -v qemu-aarch64-static >/dev/null; then
	skip "with QEMU" "no qemu-user-static here"
elif [ ! -x "${ARM64_BUSYBOX:-}" ]; then
	like "info lists those of QEMU" "$(decant info)" 'linux/arm64'
	skip "a shell in QEMU" "ARM64_BUSYBOX names no static busybox for arm64"
else
	mkdir -p arm && cp "$ARM64_BUSYBOX" arm/busybox
	cat >arm/Dockerfile <<'D'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN uname -m > /machine; mkdir /d && chown 1:2 /d; (echo child | cat) >> /machine
D
	run decant build --progress=plain -t qemu --platform linux/arm64 arm
	status "a shell in QEMU" 0
	decant build -q -o type=tar,dest=arm.fs.tar - <<<"FROM qemu" >out
	is "it and its children are emulated, by their names" "$(tar xOf arm.fs.tar machine)" $'aarch64\nchild'
	like "owners are what they are" "$(tar tvf arm.fs.tar --numeric-owner)" ' 1/2 .* d/$'
fi

# --- registries ------------------------------------------------------------------------------------
cat >ctx/Dockerfile <<'D'
FROM --platform=$BUILDPLATFORM alpine:edge AS build
ARG TARGETARCH
RUN echo "$TARGETARCH" > /arch
FROM scratch
COPY --from=build /arch /
D
needs docker-registry skopeo
# shellcheck disable=SC2119 # its argument is optional
registry_start
run decant build -q -t "$REGISTRY/many" --platform linux/amd64,linux/arm64 ctx
status "built for two" 0
run decant push "$REGISTRY/many"
status "pushed" 0
index=$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/many")
is "the tag is an index" "$(python3 -c 'import json,sys; d=json.load(sys.stdin); print(d["mediaType"], *[m["platform"]["os"]+"/"+m["platform"]["architecture"] for m in d["manifests"]])' <<<"$index")" \
	"application/vnd.oci.image.index.v1+json linux/amd64 linux/arm64"
is "with the digest that push told" "sha256:$(printf %s "$index" | sha256sum | cut -d' ' -f1)" "$(sed -n 's/.*digest: \(sha256:[0-9a-f]*\).*/\1/p' <<<"$OUT")"
is "each platform's image is the one built" "$(skopeo inspect --override-arch arm64 --tls-verify=false --config --raw "docker://$REGISTRY/many" | sha256sum | cut -d' ' -f1)" \
	"$(decant inspect --platform arm64 -f '{{.Id}}' "$REGISTRY/many" | cut -c8-)"
run decant push "$REGISTRY/many"
unlike "again: nothing is sent" "$OUT" ': Pushed'
run decant build -q -t "$REGISTRY/built" --push --platform linux/amd64,linux/arm64 ctx
is "build --push sends the same index" "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/built" | sha256sum)" "$(printf '%s' "$index" | sha256sum)"
decant tag "$REGISTRY/many" "$REGISTRY/one"
run decant push --platform linux/arm64 "$REGISTRY/one"
is "push --platform sends one image" "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/one" | grep -c '"layers"')" 1
run decant publish "$REGISTRY/many"
is "publish tells the index" "$OUT" "sha256:$(printf %s "$index" | sha256sum | cut -d' ' -f1)"
is "the store is a layout with it" "$(skopeo inspect --raw "oci:$DECANT_ROOT:$REGISTRY/many:latest" | sha256sum)" "$(printf '%s' "$index" | sha256sum)"
decant save -o both.tar "$REGISTRY/many" && decant save --platform arm64 -o arm.tar "$REGISTRY/many"
is "save writes the index" "$(skopeo inspect --raw "oci-archive:both.tar" | sha256sum)" "$(printf '%s' "$index" | sha256sum)"

empty
run decant pull -q "$REGISTRY/many"
is "pull takes this machine's" "$(platforms "$REGISTRY/many")" linux/amd64
run decant pull --platform linux/arm64 "$REGISTRY/many"
status "the other one is pulled to it" 0
is "the first is still there" "$(platforms "$REGISTRY/many") $(platforms --platform arm64 "$REGISTRY/many")" "linux/amd64 linux/arm64"
run decant pull --platform linux/arm64 "$REGISTRY/many"
like "and is up to date" "$OUT" 'Image is up to date'
run decant pull "$REGISTRY/many"
like "as is the first" "$OUT" 'Image is up to date'
run decant pull --platform linux/riscv64 "$REGISTRY/many"
like "one that there is not: the platforms are listed" "$ERR" 'linux/amd64, linux/arm64'
run decant build -q --platform linux/amd64,linux/riscv64 - <<<"FROM $REGISTRY/many"
like "the same in a FROM" "$ERR" 'linux/amd64, linux/arm64'
registry_stop
run decant build -q -t child --platform linux/amd64,linux/arm64 - <<<"FROM $REGISTRY/many"
status "FROM takes both from the store" 0
is "each the right one" "$(platforms child) $(platforms --platform arm64 child)" "linux/amd64 linux/arm64"
empty
run decant load -i arm.tar
is "an archive for another machine is loaded" "$(platforms "$REGISTRY/many")" linux/arm64
run decant load -i both.tar
is "one for both has both" "$STATUS $(platforms "$REGISTRY/many") $(platforms --platform arm64 "$REGISTRY/many")" "0 linux/amd64 linux/arm64"

ok "nothing is left" [ -z "$(leftovers)" ]
done_testing
