/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* An agent's mounts: their mark is the source, which mountinfo shows. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/place.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
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

#define COVER_TYPE   "tmpfs"
#define SELINUX_FILE "/sys/fs/selinux/enforce"

/* How long an agent that was killed may take to be gone. */
#define N_DEATH_CHECKS 20
#define DEATH_CHECK_NS 100000000
/* How long who serves a mount may take to answer. */
#define ANSWER_MS 2000

/* The mounts of a place, in the order they were made. */
struct stack {
	bool has_ours;
	bool ours_on_top;
	uint64_t pid; /* of the keeper whose the last of ours is */
};

struct stacks {
	const struct places *places;
	struct stack list[PLACES_MAX];
};

static int mark_and_mount(const char *path, const char *type, pid_t pid, const char *data)
{
	char source[32];

	snprintf(source, sizeof(source), POWERCAP_SESSION_SOURCE ":%d", (int)pid);
	return mount(source, path, type, PLACE_MOUNT_FLAGS, data) < 0 ? -errno : 0;
}

int place_open_fuse(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), r = -errno;

	if (fd >= 0)
		return fd;
	log_error("cannot open /dev/fuse: %s; load the module fuse (modprobe fuse)",
		strerror(-r));
	return r;
}

const char *place_context(const char *label)
{
	return access(SELINUX_FILE, F_OK) == 0 ? label : NULL;
}

static int mount_served(
	const char *path, mode_t root_mode, pid_t pid, int fuse_fd, const char *context)
{
	char data[512];
	int r;

	r = powercap_session_format_data(fuse_fd, root_mode, context, data, sizeof(data));
	if (r < 0)
		return r;
	return mark_and_mount(path, POWERCAP_SESSION_TYPE, pid, data);
}

int place_mount_tree(const char *path, pid_t pid, int fuse_fd, const char *context)
{
	return mount_served(path, S_IFDIR, pid, fuse_fd, context);
}

/* Nobody may look until it is known who may. */
int place_mount_file(const char *path, pid_t pid, int fuse_fd, const char *context)
{
	return mount_served(path, S_IFREG, pid, fuse_fd, context);
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

static void note_mount(void *context, const struct mountinfo *mount)
{
	struct stacks *stacks = context;

	for (size_t i = 0; i < stacks->places->n; i++) {
		const struct place *place = &stacks->places->list[i];
		struct stack *stack = &stacks->list[i];

		if (strcmp(place->path, mount->mount_point) != 0)
			continue;
		stack->ours_on_top = is_ours(mount, place->is_cover, &stack->pid);
		stack->has_ours |= stack->ours_on_top;
	}
}

/* Calls visit for each line that is one of mountinfo's. */
static int visit_mounts(
	void (*visit)(void *context, const struct mountinfo *mount), void *context)
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
			visit(context, &mount);
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
	struct stacks stacks = { .places = places };
	const char *buried = NULL;
	int r;

	r = visit_mounts(note_mount, &stacks);
	if (r < 0) {
		log_error("cannot read /proc/self/mountinfo: %s", strerror(-r));
		return r;
	}
	for (size_t i = 0; i < places->n; i++) {
		const struct stack *stack = &stacks.list[i];

		if (stack->ours_on_top && !(buried && places->list[i].is_cover)) {
			*ret_place = &places->list[i];
			*ret_pid = stack->pid;
			return 1;
		}
		if (stack->has_ours && !stack->ours_on_top)
			buried = places->list[i].path;
	}
	if (!buried)
		return 0;
	log_error("cannot unmount %s: something else is mounted over it; unmount that "
		  "first, then this, too",
		buried);
	return -EBUSY;
}

/* What the child exits with, whose end closes the other end of the pipe. */
static int wait_for_answer(pid_t child, int pipe_fd)
{
	struct pollfd end = { .fd = pipe_fd };
	int status, n;

	do
		n = poll(&end, 1, ANSWER_MS);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		/* It may not end before he who serves has answered, or has gone. */
		kill(child, SIGKILL);
		return -ETIMEDOUT;
	}
	if (waitpid(child, &status, 0) != child)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -ETIMEDOUT;
}

int place_is_dead(const char *path)
{
	struct statfs fs;
	int fds[2], r;
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	/* Asked by a child: no signal ends the wait for an answer. */
	child = fork();
	if (child == 0)
		_exit(statfs(path, &fs) < 0 && errno == ENOTCONN);
	r = -errno;
	close(fds[1]);
	if (child > 0)
		r = wait_for_answer(child, fds[0]);
	close(fds[0]);
	return r;
}

static bool becomes_dead(const char *path)
{
	const struct timespec pause = { .tv_nsec = DEATH_CHECK_NS };

	for (unsigned int i = 0; i < N_DEATH_CHECKS; i++) {
		int r = place_is_dead(path);

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
		"stop that one, or have this one keep off (--mount DIR, --msr off)";

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

/* What place_visit_trees() was given. */
struct visitor {
	void (*visit)(void *context, const char *mount_point);
	void *context;
};

static void visit_tree(void *context, const struct mountinfo *mount)
{
	const struct visitor *visitor = context;
	uint64_t pid;

	if (is_ours(mount, false, &pid))
		visitor->visit(visitor->context, mount->mount_point);
}

int place_visit_trees(
	void (*visit)(void *context, const char *mount_point), void *context)
{
	struct visitor visitor = { visit, context };

	return visit_mounts(visit_tree, &visitor);
}
