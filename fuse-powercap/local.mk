# SPDX-License-Identifier: LGPL-2.1-or-later
# The powercap tree: what it looks like (pure) and its mount.
noinst_LIBRARIES += fuse-powercap/libfusepowercap.a
fuse_powercap_libfusepowercap_a_CFLAGS = $(AM_CFLAGS) $(FUSE_CFLAGS)
fuse_powercap_libfusepowercap_a_SOURCES = \
	fuse-powercap/attribute.c fuse-powercap/attribute.h \
	fuse-powercap/mount.c fuse-powercap/mount.h \
	fuse-powercap/msr.c fuse-powercap/msr.h \
	fuse-powercap/msr_file.c fuse-powercap/msr_file.h \
	fuse-powercap/session.c fuse-powercap/session.h \
	fuse-powercap/tree.c fuse-powercap/tree.h \
	fuse-powercap/virtual.c fuse-powercap/virtual.h \
	fuse-powercap/zone.c fuse-powercap/zone.h
fuse_powercap_LIBS = fuse-powercap/libfusepowercap.a $(shared_LIBS) $(FUSE_LIBS)
