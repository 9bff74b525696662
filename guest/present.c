/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Mounting the tree, unmounting it, and what an earlier agent left. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/present.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuse-powercap/mount.h"
#include "guest/mountinfo.h"
#include "shared/cleanup.h"
#include "shared/log.h"

#define CLASS_DIR    "/sys/class/powercap"
#define DEVICES_DIR  "/sys/devices/virtual/powercap"
#define SELINUX_FILE "/sys/fs/selinux/enforce"
/* sysfs's own, so that what may read sysfs may read the tree. */
#define SELINUX_CONTEXT "system_u:object_r:sysfs_t:s0"

/* How long an agent that was killed may take to be gone. */
#define N_DEATH_CHECKS 20
#define DEATH_CHECK_NS 100000000

/* The mounts of a target, in the order they were made. */
struct stack {
	bool has_ours;
	bool ours_on_top;
};

static void note_mount(const struct present *present, const struct mountinfo *mount,
	struct stack *stacks)
{
	bool ours = strcmp(mount->type, POWERCAP_MOUNT_TYPE) == 0 &&
		    strcmp(mount->source, POWERCAP_MOUNT_SOURCE) == 0;

	for (size_t i = 0; i < present->n_targets; i++) {
		if (strcmp(present->targets[i], mount->mount_point) != 0)
			continue;
		stacks[i].has_ours |= ours;
		stacks[i].ours_on_top = ours;
	}
}

static int read_stacks(
	const struct present *present, struct stack stacks[PRESENT_TARGETS_MAX])
{
	cleanup_fclose FILE *file = fopen("/proc/self/mountinfo", "re");
	cleanup_free char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (!file)
		return -errno;
	while ((len = getline(&line, &size, file)) >= 0) {
		struct mountinfo mount;

		if (mountinfo_parse(line, (size_t)len, &mount) == 0)
			note_mount(present, &mount, stacks);
	}
	return ferror(file) ? -EIO : 0;
}

/*
 * Whether something of an agent is mounted on a target, and on which. -errno, which
 * is logged; -EBUSY: something else is mounted over it, and umount2(2) would take that.
 */
static int find_mount(const struct present *present, const char **ret_path)
{
	struct stack stacks[PRESENT_TARGETS_MAX] = { 0 };
	const char *covered = NULL;
	int r;

	r = read_stacks(present, stacks);
	if (r < 0) {
		log_error("cannot read /proc/self/mountinfo: %s", strerror(-r));
		return r;
	}
	for (size_t i = 0; i < present->n_targets; i++) {
		if (stacks[i].ours_on_top) {
			*ret_path = present->targets[i];
			return 1;
		}
		if (stacks[i].has_ours)
			covered = present->targets[i];
	}
	if (!covered)
		return 0;
	log_error("cannot unmount %s: something else is mounted over it; unmount that "
		  "first, then this, too",
		covered);
	return -EBUSY;
}

/*
 * Whether nobody serves the mount at path any more. Asked by a child, which the
 * alarm ends if whoever serves it does not answer.
 */
static bool is_dead(const char *path)
{
	struct statfs fs;
	int status;
	pid_t child = fork();

	if (child == 0) {
		alarm(2);
		_exit(statfs(path, &fs) < 0 && errno == ENOTCONN);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	       WEXITSTATUS(status) == 1;
}

static bool becomes_dead(const char *path)
{
	const struct timespec pause = { .tv_nsec = DEATH_CHECK_NS };

	for (unsigned int i = 0; i < N_DEATH_CHECKS; i++) {
		if (is_dead(path))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static int clear_targets(struct present *present)
{
	const char *path;
	int r;

	while ((r = find_mount(present, &path)) > 0) {
		if (!becomes_dead(path)) {
			log_error(
				"%s is served by another vmpower-guest: stop that one, or "
				"give this one another --mount DIR",
				path);
			return -EBUSY;
		}
		if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
			r = -errno;
			log_error("cannot unmount %s, left by an earlier agent: %s", path,
				strerror(-r));
			return r;
		}
		log_info("unmounted %s, left by an earlier agent", path);
	}
	return r;
}

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
	present->n_targets = 2;
	strcpy(present->targets[0], CLASS_DIR);
	strcpy(present->targets[1], DEVICES_DIR);
	r = clear_targets(present);
	if (r < 0)
		return r;
	if (!is_directory(CLASS_DIR)) {
		log_error(
			"this kernel has no " CLASS_DIR " (CONFIG_POWERCAP is off): use "
			"--mount DIR and point the tools at DIR");
		return -ENOENT;
	}
	/* Only where the kernel made it; nothing can be made in sysfs. */
	if (!is_directory(DEVICES_DIR))
		present->n_targets = 1;
	return 0;
}

static int init_directory(struct present *present, const char *path)
{
	int r;

	present->layout = POWERCAP_LAYOUT_BOTH;
	present->n_targets = 1;
	r = resolve(path, present->targets[0]);
	if (r < 0) {
		log_error("cannot mount on %s: %s; make the directory first", path,
			strerror(-r));
		return r;
	}
	r = clear_targets(present);
	if (r < 0)
		return r;
	if (!is_directory(present->targets[0])) {
		log_error("cannot mount on %s: it is not a directory", path);
		return -ENOTDIR;
	}
	return 0;
}

int present_init(struct present *present, const char *mount)
{
	*present = (struct present){ 0 };
	return strcmp(mount, PRESENT_AUTO) == 0 ? init_auto(present)
						: init_directory(present, mount);
}

static int mount_first(const struct present *present, int fuse_fd, const char *context)
{
	char data[512];
	int r;

	r = powercap_mount_format_data(fuse_fd, context, data, sizeof(data));
	if (r < 0)
		return r;
	if (mount(POWERCAP_MOUNT_SOURCE, present->targets[0], POWERCAP_MOUNT_TYPE,
		    MS_NOSUID | MS_NODEV | MS_NOEXEC, data) < 0)
		return -errno;
	return 0;
}

static int open_fuse(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), r = -errno;

	if (fd >= 0)
		return fd;
	log_error("cannot open /dev/fuse: %s; load the module fuse (modprobe fuse)",
		strerror(-r));
	return r;
}

int present_mount(struct present *present, int *ret_fuse_fd)
{
	const char *context = access(SELINUX_FILE, F_OK) == 0 ? SELINUX_CONTEXT : NULL;
	cleanup_close int fuse_fd = -1;
	int r;

	if (present->mounted)
		return -EALREADY;
	fuse_fd = open_fuse();
	if (fuse_fd < 0)
		return fuse_fd;
	r = mount_first(present, fuse_fd, context);
	if (r < 0) {
		log_error("cannot mount on %s: %s", present->targets[0], strerror(-r));
		return r;
	}
	present->mounted = true;
	/* The second is the same file system; this asks nothing of who serves it. */
	if (present->n_targets > 1 && mount(present->targets[0], present->targets[1],
					      NULL, MS_BIND, NULL) < 0) {
		r = -errno;
		log_error("cannot mount on %s: %s", present->targets[1], strerror(-r));
		present_unmount(present);
		return r;
	}
	*ret_fuse_fd = steal_fd(&fuse_fd);
	return 0;
}

void present_unmount(struct present *present)
{
	const char *path;

	if (!present->mounted)
		return;
	present->mounted = false;
	while (find_mount(present, &path) > 0) {
		if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			continue;
		log_error("cannot unmount %s: %s", path, strerror(errno));
		return;
	}
}
