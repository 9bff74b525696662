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
