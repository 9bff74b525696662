/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Where the tree is mounted, and that it is there and goes away. It is for the
 * privileged keeper, which never looks below its own mount: a worker that hangs must
 * not hang it. It logs what is wrong, with what to do about it.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "fuse-powercap/tree.h"
#include "guest/place.h"

/* The values of --mount besides a directory. */
#define PRESENT_AUTO "auto"
#define PRESENT_FULL "full"

struct present {
	enum powercap_layout layout;
	struct places places;
	/* On both views' directories, made where the kernel has none. */
	bool full;
	/* The kernel has the devices' directory, too. */
	bool has_devices;
	/* Something is, or was, mounted; it may not all be there yet. */
	bool mounted;
	/* Puts the views where they belong (guest/view.h); 0: none does. */
	pid_t child;
};

/*
 * Finds where to mount for --mount auto, full or a directory. A mount that an agent
 * left behind there is undone. -EBUSY: an agent that lives has it, or something else
 * is mounted over it.
 */
int present_init(struct present *present, const char *mount);

/* Only that: undoes what an agent left, whatever it was. Nothing is fine. */
int present_clear(const char *mount);

/*
 * Mounts; *ret_fuse_fd, the caller's, is what to serve it by. With full, the tree is
 * in its places only when present_is_shown(), for which it must be served. -EALREADY.
 */
int present_mount(struct present *present, int *ret_fuse_fd);

/* After SIGCHLD: -errno: it cannot be shown, which is logged. */
int present_reap(struct present *present);

bool present_is_shown(const struct present *present);

/*
 * Undoes it, whoever still uses it; nothing to do is fine. What somebody else mounted
 * over it stays, and so does what is below.
 */
void present_unmount(struct present *present);
