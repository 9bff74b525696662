#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
#
# The includes go one way: shared <- host, shared <- fuse-powercap <- guest. Libraries
# with a place of their own stay there, and headers are named from the top.
cd "${srcdir:-.}" || exit 1
status=0

# forbid FOLDER PATTERN: no file of FOLDER includes what matches.
forbid()
{
	[ -d "$1" ] || return 0
	if grep -rnE --include='*.[ch]' "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$2" "$1"; then
		echo "$1/ must not include $2"
		status=1
	fi
}

forbid shared '(host|guest|fuse-powercap|tests)/'
forbid fuse-powercap '(host|guest|tests)/'
forbid guest '(host|tests)/'
forbid host '(guest|fuse-powercap|tests)/'

for folder in shared guest host; do
	forbid "$folder" '(fuse[._]|fuse3/)'
done
for folder in shared fuse-powercap guest; do
	forbid "$folder" '(libvirt|curl|microhttpd|libxml)'
done

for folder in shared fuse-powercap guest host tests; do
	if grep -rnE --include='*.[ch]' '^#include "(\.|[^/"]*")' "$folder" |
		grep -v '"config\.h"'; then
		echo "$folder/: name headers from the top, as in \"shared/frame.h\""
		status=1
	fi
done
exit $status
