#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Install what decant needs of Debian 12, and only what is not there yet.
# usage: tools/install-deps.sh [build] [test] [lint] [fuzz] [demo] [bench]     (default: build test)
# Root installs by apt; anyone else is told what is missing.
set -eu

packages() {
	case $1 in
	build)
		echo gcc libc6-dev make meson ninja-build pkg-config python3 libssl-dev libdeflate-dev libisal-dev \
			zlib1g-dev libzstd-dev libjansson-dev libseccomp-dev libcurl4-openssl-dev libmicrohttpd-dev libcrypt-dev libarchive-dev libsqlite3-0 libyaml-dev \
			libcmocka-dev \
			uidmap slirp4netns ca-certificates
		;;
	test)  echo python3 busybox-static openssh-client docker-registry skopeo umoci curl git zstd bzip2 xz-utils debootstrap python3-jsonschema \
			chromium openssh-server e2fsprogs xfsprogs pigz libarchive-tools 7zip zsh fish ;;
	lint)  echo clang clang-format clang-tidy shellcheck codespell ;;
	fuzz)  echo clang libclang-rt-dev ;;
	demo)  echo curl debootstrap busybox-static python3 dpkg-dev xz-utils ca-certificates ;;
	bench) echo python3 busybox-static ;;
	*)     echo "install-deps.sh: no such group: '$1' (build, test, lint, fuzz, demo, bench)" >&2; return 2 ;;
	esac
}

[ $# -gt 0 ] || set -- build test
wanted=
for group; do
	names=$(packages "$group")
	wanted="$wanted $names"
done

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
	echo "install-deps.sh: missing:$missing" >&2
	echo "  as root: apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# One source of many that cannot be reached must not stop us: the install says whether it mattered.
apt-get update -qq || echo "install-deps.sh: apt-get update failed, trying with the lists that are here" >&2
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $missing >/dev/null
