/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* An agent's mounts: their mark is the source, which mountinfo shows. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuse-powercap/session.h"
#include "guest/mountinfo.h"
#include "shared/cleanup.h"
#include "shared/log.h"
#include "shared/number.h"
#include "shared/rooted.h"

#define COVER_TYPE "tmpfs"

/* How long an agent that was killed may take to be gone. */
#define N_DEATH_CHECKS 20
#define DEATH_CHECK_NS 100000000

/* The mounts of a place, in the order they were made. */
struct stack {
	bool has_ours;
	bool ours_on_top;
	uint64_t pid; /* of the keeper whose the last of ours is */
};

static int mark_and_mount(const char *path, const char *type, pid_t pid, const char *data)
{
	char source[32];

	snprintf(source, sizeof(source), POWERCAP_SESSION_SOURCE ":%d", (int)pid);
	return mount(source, path, type, PLACE_MOUNT_FLAGS, data) < 0 ? -errno : 0;
}

int place_mount_tree(const char *path, pid_t pid, int fuse_fd, const char *context)
{
	char data[512];
	int r;

	r = powercap_session_format_data(fuse_fd, S_IFDIR, context, data, sizeof(data));
	if (r < 0)
		return r;
	return mark_and_mount(path, POWERCAP_SESSION_TYPE, pid, data);
}

int place_mount_cover(const char *path, pid_t pid, const char *context)
{
	char data[512];
	int n = snprintf(data, sizeof(data), "mode=0755%s%s%s",
		context ? ",context=\"" : "", context ? context : "",
		context ? "\"" : "");

	if (n < 0 || (size_t)n >= sizeof(data))
		return -ENAMETOOLONG;
	return mark_and_mount(path, COVER_TYPE, pid, data);
}

/* Whether it is an agent's, and of which keeper. */
static bool is_ours(const struct mountinfo *mount, bool is_cover, uint64_t *ret_pid)
{
	static const char prefix[] = POWERCAP_SESSION_SOURCE ":";
	const char *pid = mount->source + sizeof(prefix) - 1;

	return strcmp(mount->type, is_cover ? COVER_TYPE : POWERCAP_SESSION_TYPE) == 0 &&
	       strncmp(mount->source, prefix, sizeof(prefix) - 1) == 0 &&
	       number_parse_range(pid, 1, INT_MAX, ret_pid) == 0;
}

static void note_mount(const struct places *places, const struct mountinfo *mount,
	struct stack stacks[PLACES_MAX])
{
	for (size_t i = 0; i < places->n; i++) {
		const struct place *place = &places->list[i];

		if (strcmp(place->path, mount->mount_point) != 0)
			continue;
		stacks[i].ours_on_top = is_ours(mount, place->is_cover, &stacks[i].pid);
		stacks[i].has_ours |= stacks[i].ours_on_top;
	}
}

static int read_stacks(const struct places *places, struct stack stacks[PLACES_MAX])
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
			note_mount(places, &mount, stacks);
	}
	return ferror(file) ? -EIO : 0;
}

/*
 * Whether something of an agent is mounted on a place: 1, and on which and whose it
 * is. -errno, which is logged; -EBUSY: something else is mounted over it, and
 * umount2(2) would take that. A cover that has such a tree in it stays, too.
 */
static int find_mount(
	const struct places *places, const struct place **ret_place, uint64_t *ret_pid)
{
	struct stack stacks[PLACES_MAX] = { 0 };
	const char *buried = NULL;
	int r;

	r = read_stacks(places, stacks);
	if (r < 0) {
		log_error("cannot read /proc/self/mountinfo: %s", strerror(-r));
		return r;
	}
	for (size_t i = 0; i < places->n; i++) {
		if (stacks[i].ours_on_top && !(buried && places->list[i].is_cover)) {
			*ret_place = &places->list[i];
			*ret_pid = stacks[i].pid;
			return 1;
		}
		if (stacks[i].has_ours && !stacks[i].ours_on_top)
			buried = places->list[i].path;
	}
	if (!buried)
		return 0;
	log_error("cannot unmount %s: something else is mounted over it; unmount that "
		  "first, then this, too",
		buried);
	return -EBUSY;
}

/*
 * 1: nobody serves the mount at path any more; 0: somebody does; -ETIMEDOUT: so it is,
 * and he does not answer. Asked by a child, which the alarm ends then.
 */
static int ask_if_dead(const char *path)
{
	struct statfs fs;
	int status;
	pid_t child = fork();

	if (child == 0) {
		alarm(2);
		_exit(statfs(path, &fs) < 0 && errno == ENOTCONN);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ETIMEDOUT;
}

static bool becomes_dead(const char *path)
{
	const struct timespec pause = { .tv_nsec = DEATH_CHECK_NS };

	for (unsigned int i = 0; i < N_DEATH_CHECKS; i++) {
		int r = ask_if_dead(path);

		if (r != 0)
			return r > 0;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* A pid may be of another pid namespace, and is nobody's then, or somebody else's. */
static bool is_agent(uint64_t pid)
{
	char name[16];
	ssize_t n = rooted_read("/proc", name, sizeof(name), "%" PRIu64 "/comm", pid);

	return n > 0 && strcmp(name, "vmpower-guest\n") == 0;
}

static void log_served(const char *path, uint64_t pid)
{
	static const char *const advice =
		"stop that one, or give this one another --mount DIR";

	if (is_agent(pid))
		log_error("%s is served by another vmpower-guest, process %" PRIu64
			  ": %s",
			path, pid, advice);
	else
		log_error("%s is served by another vmpower-guest: %s", path, advice);
}

int places_clear(const struct places *places)
{
	const struct place *place;
	uint64_t pid;
	int r;

	while ((r = find_mount(places, &place, &pid)) > 0) {
		/* No tree is left in a cover when its turn comes. */
		if (!place->is_cover && !becomes_dead(place->path)) {
			log_served(place->path, pid);
			return -EBUSY;
		}
		if (umount2(place->path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
			r = -errno;
			log_error("cannot unmount %s, left by an earlier agent: %s",
				place->path, strerror(-r));
			return r;
		}
		log_info("unmounted %s, left by an earlier agent", place->path);
	}
	return r;
}

void places_unmount(const struct places *places)
{
	const struct place *place;
	uint64_t pid;

	while (find_mount(places, &place, &pid) > 0) {
		if (umount2(place->path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			continue;
		log_error("cannot unmount %s: %s", place->path, strerror(errno));
		return;
	}
}
