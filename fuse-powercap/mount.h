/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A tree served over /dev/fuse. It does not call mount(2) and needs no privilege:
 * who has it opens /dev/fuse, mounts and hands the fd over. One thread, no loop of
 * its own; every answer comes from memory.
 */
#pragma once

#include "fuse-powercap/tree.h"
#include "shared/cleanup.h"

struct powercap_mount;

/*
 * Serves the tree, which must outlive the mount, over fuse_fd, an open /dev/fuse
 * that is mounted. The fd is the mount's from here on, also on failure, and is made
 * non-blocking; its last copy closed, readers get ENOTCONN. -ENOMEM; -EINVAL: it is
 * not an open fd.
 */
int powercap_mount_new(
	int fuse_fd, struct powercap_tree *tree, struct powercap_mount **ret_mount);
struct powercap_mount *powercap_mount_free(struct powercap_mount *mount);

static inline void cleanup_powercap_mount_freep(struct powercap_mount **mount)
{
	powercap_mount_free(*mount);
}
#define cleanup_powercap_mount cleanup(cleanup_powercap_mount_freep)

/* The fd to wait on for reading. It stays the mount's. */
int powercap_mount_fd(const struct powercap_mount *mount);

/*
 * Answers what has been asked, without waiting, and at most a bounded number of
 * requests a call: when the fd is still readable, call again. -ENODEV: it was
 * unmounted, nothing will come any more; another -errno: the fd is broken.
 */
int powercap_mount_process(struct powercap_mount *mount);
