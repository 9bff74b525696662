/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The runtime directory: made, checked, handed to the worker, locked. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
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

static bool is_ours(const char *name)
{
	static const char *const names[] = { ".", "..", RUNDIR_LOCK_NAME, STATE_NAME,
		STATE_ASIDE_NAME, STATUS_NAME, STATUS_NEW_NAME };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Whether the directory has nothing but an agent's files, and whether any of them. */
static int look_into(int run_fd, bool *ret_ours, bool *ret_empty)
{
	int fd = openat(run_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ours = true, empty = true;
	struct dirent *entry;
	DIR *dir;
	int r;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (!is_ours(entry->d_name))
			ours = false;
		if (entry->d_name[0] != '.')
			empty = false;
	}
	r = -errno;
	closedir(dir);
	if (r < 0)
		return r;
	*ret_ours = ours;
	*ret_empty = ours && empty;
	return 0;
}

/*
 * -EPERM, unless the directory is the worker's, or one of root's that is for the
 * agent alone: whatever it is pointed at becomes the worker's.
 */
static int check(int run_fd, uid_t uid)
{
	bool ours = false, empty = false;
	struct stat st;
	int r;

	if (fstat(run_fd, &st) < 0)
		return -errno;
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	if (st.st_uid == uid)
		return 0;
	if (st.st_uid != 0)
		return -EPERM;
	r = look_into(run_fd, &ours, &empty);
	if (r < 0)
		return r;
	return empty || (ours && (st.st_mode & ALLPERMS) == 0700) ? 0 : -EPERM;
}

int rundir_open(const char *path, uid_t uid, gid_t gid, int *ret_fd)
{
	static const char *const names[] = { STATE_NAME, STATUS_NAME };
	cleanup_close int fd = -1;
	int r;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = check(fd, uid);
	if (r < 0)
		return r;
	if (fchown(fd, uid, gid) < 0 || fchmod(fd, 0700) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		r = hand_over(fd, names[i], uid, gid);
		if (r < 0)
			return r;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* The whole file, for fcntl(2), which tells who has it; it is not inherited. */
static struct flock whole(void)
{
	return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
}

int rundir_lock(int run_fd, int *ret_fd)
{
	cleanup_close int fd = openat(run_fd, RUNDIR_LOCK_NAME,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct flock lock = whole();

	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_SETLK, &lock) < 0)
		return errno == EACCES || errno == EAGAIN ? -EWOULDBLOCK : -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

pid_t rundir_lock_holder(int run_fd)
{
	cleanup_close int fd = openat(
		run_fd, RUNDIR_LOCK_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct flock lock = whole();

	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}
