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

/* An open /dev/fuse, the caller's; -errno, which is logged. */
int place_open_fuse(void);

/* That label, where the system has labels (SELinux); else NULL. */
const char *place_context(const char *label);

/*
 * Mounts a tree or a single file, to be served over fuse_fd (an open /dev/fuse), or an
 * empty tmpfs; marked as those of the keeper pid. context is all files' label, or NULL.
 */
int place_mount_tree(const char *path, pid_t pid, int fuse_fd, const char *context);
int place_mount_file(const char *path, pid_t pid, int fuse_fd, const char *context);
int place_mount_cover(const char *path, pid_t pid, const char *context);

/* Calls visit for each tree or file that an agent has mounted anywhere. -errno. */
int place_visit_trees(
	void (*visit)(void *context, const char *mount_point), void *context);

/*
 * 1: nobody serves what an agent mounted there; 0: somebody does; -ETIMEDOUT: so it is,
 * and he did not answer for 2 s. A child may be left then, for the caller to reap at some
 * time.
 */
int place_is_dead(const char *path);

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
