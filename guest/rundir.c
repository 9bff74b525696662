/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The runtime directory: made, checked, handed to the worker, locked. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/state.h"
#include "guest/status.h"
#include "shared/cleanup.h"

/*
 * A file that an agent left under another user. One with a second name may be a
 * trap of that user, and is left alone: the worker then fails to open it.
 */
static int hand_over(int run_fd, const char *name, uid_t uid, gid_t gid)
{
	cleanup_close int fd = openat(run_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || st.st_uid == uid)
		return 0;
	return fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

int rundir_open(const char *path, uid_t uid, gid_t gid, int *ret_fd)
{
	static const char *const names[] = { STATE_NAME, STATUS_NAME };
	cleanup_close int fd = -1;
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_uid != 0 && st.st_uid != uid) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -EPERM;
	if (fchown(fd, uid, gid) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int r = hand_over(fd, names[i], uid, gid);

		if (r < 0)
			return r;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

int rundir_lock(int run_fd, int *ret_fd)
{
	cleanup_close int fd = openat(run_fd, RUNDIR_LOCK_NAME,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}
