# shellcheck shell=sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
# Sourced by the scripts of this folder: where downloads are kept, and how to fail.
bed=$(cd "$(dirname "$0")" && pwd)
cache=${VMPOWER_CACHE:-$(cd "$bed/../.." && pwd)/.cache}

die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# Runs once for all who want the same thing at the same time: call as "lock NAME".
lock()
{
	mkdir -p "$cache" || die "cannot make $cache"
	exec 9>"$cache/$1.lock"
	flock 9 || die "cannot lock $cache/$1.lock"
}

# Unpacks distribution packages into a directory, without installing them.
unpack()
{
	into=$1
	shift
	mkdir -p "$into/deb"
	(cd "$into/deb" && apt-get -qq -o APT::Sandbox::User=root download "$@") ||
		die "cannot download $*: run apt-get update, and see what it says"
	for deb in "$into"/deb/*.deb; do
		dpkg-deb -x "$deb" "$into" || die "cannot unpack $deb"
	done
	rm -r "$into/deb"
}

# copy_modules KERNEL ROOT MODULE...: depmod is to come after it. A module's line in
# modules.dep names it and all it needs; those built into the kernel have none.
copy_modules()
{
	from=$1/modules
	to=$2/lib/modules/$(cat "$1/release")
	shift 2
	mkdir -p "$to"
	for m; do
		grep -E "/$m\.ko:" "$from/modules.dep" | tr -d ':' | tr ' ' '\n'
	done | sort -u | while read -r f; do
		mkdir -p "$to/${f%/*}"
		cp "$from/$f" "$to/$f"
	done
	cp "$from"/modules.builtin* "$from/modules.order" "$to/"
}
