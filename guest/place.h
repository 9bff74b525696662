/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What an agent mounts: marked, so that it is known for an agent's and whose, found
 * through mountinfo, undone. It never looks below such a mount: who serves it may hang.
 * It logs what is wrong, with what to do about it.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/types.h>

#define PLACES_MAX 4
/* Of all an agent mounts, for mount(2). */
#define PLACE_MOUNT_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

struct place {
	char path[PATH_MAX];
	/* A directory that is covered by a tmpfs, for a tree in it; listed after those.
	 */
	bool is_cover;
};

/* Where one --mount may mount. */
struct places {
	size_t n;
	struct place list[PLACES_MAX];
};

/*
 * Mounts a tree, to be served over fuse_fd (an open /dev/fuse), or an empty tmpfs;
 * marked as those of the keeper pid. context is all files' label (SELinux), or NULL.
 */
int place_mount_tree(const char *path, pid_t pid, int fuse_fd, const char *context);
int place_mount_cover(const char *path, pid_t pid, const char *context);

/*
 * Undoes what an agent left there. -EBUSY: an agent that lives has it, or something
 * else is mounted over it.
 */
int places_clear(const struct places *places);

/*
 * Undoes what is there, whoever still uses it; nothing to do is fine. What somebody
 * else mounted over a tree stays, and so does what is below.
 */
void places_unmount(const struct places *places);
