# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
# Sourced by tests/run and packaging/quickstart: visible steps, and what they install.
# $work is their directory.
# shellcheck disable=SC2034,SC2154

packages_build=(gcc make autoconf automake pkg-config libc6-dev
	libcjson-dev libinih-dev libevent-dev libvirt-dev libxml2-dev libmicrohttpd-dev
	libcurl4-openssl-dev libfuse3-dev)
# Not libvirt-daemon-system, which would start a libvirtd on the machine itself.
packages_guests=(qemu-system-x86 libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients
	busybox-static cpio xz-utils zstd python3 iproute2 procps)

# What runs now, for the exit trap to end.
child=''

say()
{
	printf '\n== %s\n' "$*"
}

# In the background, so that a signal to this script is not kept until COMMAND ends.
run()
{
	"$@" &
	child=$!
	wait "$child"
	local status=$?
	child=''
	return "$status"
}

end_child()
{
	[ -z "$child" ] || { kill "$child"; wait "$child"; } 2>/dev/null
}

# step NAME COMMAND...: what it prints goes to $work/step.log, and is shown if it fails.
step()
{
	local name=$1 start=$SECONDS
	shift
	printf '   %-52s' "$name"
	if run "$@" >"$work/step.log" 2>&1; then
		printf 'ok    %4d s\n' $((SECONDS - start))
		return 0
	fi
	printf 'FAILED %3d s\n' $((SECONDS - start))
	tail -n 60 "$work/step.log" | sed 's/^/      /'
	return 1
}

# Those of the packages that are missing; nothing is upgraded for its own sake.
install_packages()
{
	local missing=() p
	for p in "$@"; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' ||
			missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "Installing ${missing[*]}"
	step "apt-get update" apt-get -q update || return 1
	step "apt-get install" env DEBIAN_FRONTEND=noninteractive \
		apt-get -q install -y --no-install-recommends "${missing[@]}"
}

# copy_source FROM TO: without what git does not keep, with its times (make looks at them).
copy_source()
{
	mkdir -p "$2" && tar -C "$1" --exclude=./.git --exclude=./.cache --exclude=./build \
		-cf - . | tar -C "$2" -xf -
}
