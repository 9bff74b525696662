/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Mounting the tree, where --mount says. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/present.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/view.h"
#include "shared/cleanup.h"
#include "shared/log.h"

#define CLASS_DIR   VIEW_CLASS_PARENT "/" VIEW_NAME
#define DEVICES_DIR VIEW_DEVICES_PARENT "/" VIEW_NAME
/* sysfs's own, so that what may read sysfs may read the tree. */
#define SELINUX_CONTEXT "system_u:object_r:sysfs_t:s0"

/* In sysfs; what an agent with another --mount left there is in the way, too. */
static const struct places sysfs_places = {
	.n = 4,
	.list = {
		{ .path = CLASS_DIR },
		{ .path = DEVICES_DIR },
		{ .path = VIEW_CLASS_PARENT, .is_cover = true },
		{ .path = VIEW_DEVICES_PARENT, .is_cover = true },
	},
};

/* The real path of a directory that may carry the dead mount of an earlier agent. */
static int resolve(const char *path, char ret_path[PATH_MAX])
{
	cleanup_free char *for_dir = strdup(path), *for_base = strdup(path);
	char parent[PATH_MAX];
	const char *base;
	int n;

	if (!for_dir || !for_base)
		return -ENOMEM;
	if (realpath(path, ret_path))
		return 0;
	if (errno != ENOTCONN)
		return -errno;
	base = basename(for_base);
	if (!realpath(dirname(for_dir), parent))
		return -errno;
	n = snprintf(ret_path, PATH_MAX, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent,
		base);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int init_auto(struct present *present)
{
	int r;

	present->layout = POWERCAP_LAYOUT_AUTO;
	present->places = sysfs_places;
	r = places_clear(&present->places);
	if (r < 0)
		return r;
	if (!is_directory(CLASS_DIR)) {
		log_error(
			"this kernel has no " CLASS_DIR " (CONFIG_POWERCAP is off): use "
			"--mount full, or --mount DIR and point the tools at DIR");
		return -ENOENT;
	}
	/* Only where the kernel made it; nothing can be made in sysfs. */
	present->has_devices = is_directory(DEVICES_DIR);
	return 0;
}

static int init_full(struct present *present)
{
	int r;

	present->layout = POWERCAP_LAYOUT_BOTH;
	present->full = true;
	present->places = sysfs_places;
	r = places_clear(&present->places);
	if (r < 0)
		return r;
	if (is_directory(VIEW_CLASS_PARENT) && is_directory(VIEW_DEVICES_PARENT))
		return 0;
	log_error("there is no " VIEW_CLASS_PARENT " and " VIEW_DEVICES_PARENT
		  ": mount sysfs on /sys, or use --mount DIR");
	return -ENOENT;
}

static int init_directory(struct present *present, const char *path)
{
	char *target = present->places.list[0].path;
	int r;

	present->layout = POWERCAP_LAYOUT_BOTH;
	present->places.n = 1;
	r = resolve(path, target);
	if (r < 0) {
		log_error("cannot mount on %s: %s; make the directory first", path,
			strerror(-r));
		return r;
	}
	r = places_clear(&present->places);
	if (r < 0)
		return r;
	if (!is_directory(target)) {
		log_error("cannot mount on %s: it is not a directory", path);
		return -ENOTDIR;
	}
	return 0;
}

int present_init(struct present *present, const char *mount)
{
	*present = (struct present){ 0 };
	if (strcmp(mount, PRESENT_AUTO) == 0)
		return init_auto(present);
	if (strcmp(mount, PRESENT_FULL) == 0)
		return init_full(present);
	return init_directory(present, mount);
}

int present_clear(const char *mount)
{
	struct places places = { .n = 1 };
	int r;

	if (strcmp(mount, PRESENT_AUTO) == 0 || strcmp(mount, PRESENT_FULL) == 0)
		return places_clear(&sysfs_places);
	r = resolve(mount, places.list[0].path);
	if (r == -ENOENT)
		return 0;
	if (r < 0) {
		log_error("cannot find %s: %s", mount, strerror(-r));
		return r;
	}
	return places_clear(&places);
}

static int log_mount_failure(const char *path, int error)
{
	log_error("cannot mount on %s: %s", path, strerror(-error));
	return error;
}

static int mount_whole(struct present *present, int fuse_fd, const char *context)
{
	const char *path = present->places.list[0].path;
	int r;

	r = place_mount_tree(path, getpid(), fuse_fd, context);
	if (r < 0)
		return log_mount_failure(path, r);
	/* The second is the same file system; this asks nothing of who serves it. */
	if (present->has_devices && mount(path, DEVICES_DIR, NULL, MS_BIND, NULL) < 0)
		return log_mount_failure(DEVICES_DIR, -errno);
	return 0;
}

int present_mount(struct present *present, int *ret_fuse_fd)
{
	const char *context = place_context(SELINUX_CONTEXT);
	cleanup_close int fuse_fd = -1;
	int r;

	if (present->mounted)
		return -EALREADY;
	/* Another one may have begun at the same time. */
	r = places_clear(&present->places);
	if (r < 0)
		return r;
	fuse_fd = place_open_fuse();
	if (fuse_fd < 0)
		return fuse_fd;
	present->mounted = true;
	if (present->full)
		r = view_start(fuse_fd, context, &present->child);
	else
		r = mount_whole(present, fuse_fd, context);
	if (r < 0) {
		present_unmount(present);
		return r;
	}
	*ret_fuse_fd = steal_fd(&fuse_fd);
	return 0;
}

int present_reap(struct present *present)
{
	int r;

	if (present->child == 0)
		return 0;
	r = view_reap(present->child, WNOHANG);
	if (r != 0)
		present->child = 0;
	return r < 0 ? r : 0;
}

bool present_is_shown(const struct present *present)
{
	return present->mounted && present->child == 0;
}

void present_unmount(struct present *present)
{
	if (!present->mounted)
		return;
	present->mounted = false;
	/* It must not mount any more. */
	if (present->child > 0) {
		kill(present->child, SIGKILL);
		waitpid(present->child, NULL, 0);
		present->child = 0;
	}
	places_unmount(&present->places);
}
