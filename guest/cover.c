/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The tmpfs that stands in for a directory of sysfs. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/cover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "guest/place.h"
#include "shared/cleanup.h"

static int join(char path[PATH_MAX], const char *dir, const char *name)
{
	int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int copy_link(const char *from, const char *to)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlink(target, to) < 0 ? -errno : 0;
}

/* The entry itself, under the same name: it stays what it is. */
static int add_entry(const char *dir, const char *name, const char *at)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct stat st;
	int r;

	r = join(from, dir, name);
	if (r == 0)
		r = join(to, at, name);
	if (r < 0)
		return r;
	/* Gone since it was listed. */
	if (lstat(from, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISLNK(st.st_mode))
		return copy_link(from, to);
	if (S_ISDIR(st.st_mode))
		r = mkdir(to, 0755);
	else
		r = mknod(to, S_IFREG | 0644, 0);
	if (r < 0 || mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0)
		return -errno;
	return 0;
}

static int add_entries(const char *dir, const char *at)
{
	cleanup_closedir DIR *entries = opendir(dir);
	struct dirent *entry;
	int r;

	if (!entries)
		return -errno;
	while (errno = 0, (entry = readdir(entries)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = add_entry(dir, entry->d_name, at);
		if (r < 0)
			return r;
	}
	return -errno;
}

int cover_build(
	const char *dir, const char *name, const char *at, pid_t pid, const char *context)
{
	char extra[PATH_MAX];
	int r;

	r = join(extra, at, name);
	if (r == 0)
		r = place_mount_cover(at, pid, context);
	if (r == 0)
		r = add_entries(dir, at);
	if (r < 0)
		return r;
	/* Of this mount only; what is bound there stays as writable as it was. */
	if (mkdir(extra, 0755) < 0 ||
		mount(NULL, at, NULL,
			MS_REMOUNT | MS_BIND | MS_RDONLY | PLACE_MOUNT_FLAGS, NULL) < 0)
		return -errno;
	return 0;
}
