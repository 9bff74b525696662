/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Where the tree is mounted, and that it is there and goes away. It is for the
 * privileged keeper, which never looks below its own mount: a worker that hangs must
 * not hang it. It logs what is wrong, with what to do about it.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "fuse-powercap/tree.h"

/* The values of --mount besides a directory. */
#define PRESENT_AUTO "auto"

#define PRESENT_TARGETS_MAX 2

struct present {
	enum powercap_layout layout;
	size_t n_targets;
	char targets[PRESENT_TARGETS_MAX][PATH_MAX];
	bool mounted;
};

/*
 * Finds where to mount for --mount auto or a directory. A mount that an agent left
 * behind there is undone. -EBUSY: an agent that lives has it, or something else is
 * mounted over it.
 */
int present_init(struct present *present, const char *mount);

/* Mounts; *ret_fuse_fd, the caller's, is what to serve it by. -EALREADY. */
int present_mount(struct present *present, int *ret_fuse_fd);

/*
 * Undoes it, whoever still uses it; nothing to do is fine. What somebody else mounted
 * over it stays, and so does what is below.
 */
void present_unmount(struct present *present);
