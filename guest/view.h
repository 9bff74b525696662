/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Both views of one tree in sysfs, for --mount full: the class directory and the one of
 * the devices. Where the kernel has not made the directory a view belongs on, the one
 * above is covered (guest/cover.h).
 *
 * Getting at a view asks the one who serves the tree, so a child does this, in a mount
 * namespace of its own, and attaches what is ready to that of the others: nothing half
 * done is ever seen, or left.
 */
#pragma once

#include <sys/types.h>

#define VIEW_CLASS_PARENT   "/sys/class"
#define VIEW_DEVICES_PARENT "/sys/devices/virtual"
#define VIEW_NAME	    "powercap"

/*
 * Starts the child and waits until fuse_fd, an open /dev/fuse, is mounted in it, and can
 * be served; marked as the caller's own. The fd stays the caller's. The child, to be
 * reaped by the caller, goes on for 30 s at most; -errno: it has failed, and logged why.
 */
int view_start(int fuse_fd, const char *context, pid_t *ret_child);

/*
 * Waits for the child, or with WNOHANG looks after it. 0: it is still at it; 1: both
 * views are there; -errno: it failed, which is logged, and one may be there.
 */
int view_reap(pid_t child, int wait_flags);
