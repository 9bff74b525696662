# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
# Sourced by tests/run and packaging/quickstart: visible steps, and what they install.
# $work is their directory.
# shellcheck disable=SC2034,SC2154

packages_build=(gcc make autoconf automake pkg-config libc6-dev
	libcjson-dev libinih-dev libevent-dev libvirt-dev libxml2-dev libmicrohttpd-dev
	libgnutls28-dev libcrypt-dev libcurl4-openssl-dev libsnappy-dev libncurses-dev
	libfuse3-dev)
# Not libvirt-daemon-system, which would start a libvirtd on the machine itself.
packages_guests=(qemu-system-x86 libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients
	busybox-static cpio xz-utils zstd python3 iproute2 procps curl jq openssl logrotate)
# For guests with systemd, and what they run of python's registry.
packages_debian=(mmdebstrap e2fsprogs python3-pip)

# What runs now, a process group, for the exit trap to end.
child=''

say()
{
	printf '\n== %s\n' "$*"
}

# In the background, so that a signal to this script is not kept until COMMAND ends; a
# process group of its own, so that all of it can be ended, also where it is a function.
run()
{
	begin "$@"
	await
}

# The same; on a terminal, its seconds are shown behind the cursor, which stays.
run_visibly()
{
	local start=$SECONDS
	begin "$@"
	while [ -t 1 ] && kill -0 "$child" 2>/dev/null; do
		[ $((SECONDS - start)) -lt 2 ] || printf '%4d s\b\b\b\b\b\b' $((SECONDS - start))
		sleep 0.2
	done
	await
}

begin()
{
	set -m
	"$@" </dev/null &
	child=$!
	set +m
}

await()
{
	wait "$child"
	local status=$?
	child=''
	return "$status"
}

# What does not end when asked to is killed after 5 s.
end_child()
{
	[ "$child" ] || return 0
	{
		kill -TERM -- "-$child"
		for _ in $(seq 50); do
			kill -0 -- "-$child" || break
			sleep 0.1
		done
		kill -KILL -- "-$child"
		wait "$child"
	} 2>/dev/null
	child=''
}

logged()
{
	"$@" >"$work/step.log" 2>&1
}

# step NAME COMMAND...: what it prints goes to $work/step.log, and is shown if it fails.
step()
{
	local name=$1 start=$SECONDS
	shift
	printf '   %-52s' "$name"
	if run_visibly logged "$@"; then
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

# list_source DIR: the files below DIR that configure, make and tests did not make there.
list_source()
{
	(cd "$1" && find . \( -path ./.git -o -path ./.cache -o -path ./build -o -path ./asan \
		-o -path ./gcov -o -path './vmpower-*' -o -name .deps -o -name __pycache__ \
		-o -name .pytest_cache \) -prune -o \( -type f -o -type l \) \
		! -path ./Makefile ! -path ./config.status ! -path ./config.log \
		! -path ./config.h ! -path ./stamp-h1 ! -path ./vmpower \
		! -name '*.[oa]' ! -name '*.gcda' ! -name '*.gcno' ! -name '*.service' \
		! -name '*.log' ! -name '*.trs' ! -name .dirstamp \
		! \( -perm -u+x -exec test -e {}.c \; \) -print0) | LC_ALL=C sort -z
}

# copy_source FROM TO: with its times (make looks at them). Of an older copy only what
# autogen.sh made stays.
copy_source()
{
	mkdir -p "$2" &&
		list_source "$1" >"$work/source.files" &&
		(cd "$2" && find . -mindepth 1 \( -path ./autom4te.cache -o -path ./build-aux \) \
			-prune -o ! -type d ! -path ./configure ! -path './config.h.in*' \
			! -path ./Makefile.in ! -path ./aclocal.m4 -print0) | LC_ALL=C sort -z |
		LC_ALL=C comm -z -13 "$work/source.files" - | (cd "$2" && xargs -0 rm -f --) &&
		tar -C "$1" --null --no-recursion -T "$work/source.files" -cf - |
		tar -C "$2" -xf -
}
