/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Building and attaching views: mount_namespaces(7), open_tree(2), move_mount(2). */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/view.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/cover.h"
#include "guest/place.h"
#include "shared/cleanup.h"
#include "shared/log.h"

#define PATIENCE_S 30
/* In the child's namespace, a directory that is always there and not needed. */
#define WORKSHOP "/sys/kernel"
#define TREE	 WORKSHOP "/tree"
#define N_VIEWS	 2

/* Of linux/mount.h, which older C libraries cannot include beside sys/mount.h. */
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE	  1
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 0x4
#define MOVE_MOUNT_T_EMPTY_PATH 0x40
#endif

struct view {
	const char *parent;
	const char *in_tree;
	const char *cover; /* where it is built, if the parent must be covered */
	bool covered;
	/* Of the namespace of the others: the directory it goes onto. */
	int target_fd;
	/* What goes there. */
	int mount_fd;
};

struct job {
	pid_t pid; /* the keeper's */
	int fuse_fd;
	const char *context;
	int ready_fd;
	int namespace_fd;
	/* In the order they are attached: links of the second lead into the first. */
	struct view views[N_VIEWS];
};

static int open_target(struct view *view)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/" VIEW_NAME, view->parent);
	view->covered = stat(path, &st) < 0 || !S_ISDIR(st.st_mode);
	view->target_fd = open(
		view->covered ? view->parent : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (view->target_fd >= 0)
		return 0;
	return -errno;
}

/* From here on no path is the others' any more. */
static int leave(struct job *job)
{
	job->namespace_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (job->namespace_fd < 0 || unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	return 0;
}

static int mount_tree(struct job *job)
{
	int r;

	if (mount("none", WORKSHOP, "tmpfs", PLACE_MOUNT_FLAGS, NULL) < 0 ||
		mkdir(TREE, 0700) < 0)
		return -errno;
	r = place_mount_tree(TREE, job->pid, job->fuse_fd, job->context);
	/* Else it would keep alive what nobody serves. */
	close(steal_fd(&job->fuse_fd));
	return r;
}

static int clone_mount(const char *path, unsigned int flags, int *ret_fd)
{
	long fd = syscall(SYS_open_tree, AT_FDCWD, path,
		OPEN_TREE_CLONE | (unsigned int)OPEN_TREE_CLOEXEC | flags);

	if (fd < 0)
		return -errno;
	*ret_fd = (int)fd;
	return 0;
}

static int build(const struct job *job, struct view *view)
{
	char from[PATH_MAX], to[PATH_MAX];
	int r;

	snprintf(from, sizeof(from), TREE "/%s", view->in_tree);
	if (!view->covered)
		return clone_mount(from, 0, &view->mount_fd);
	if (mkdir(view->cover, 0700) < 0)
		return -errno;
	r = cover_build(view->parent, VIEW_NAME, view->cover, job->pid, job->context);
	if (r < 0)
		return r;
	snprintf(to, sizeof(to), "%s/" VIEW_NAME, view->cover);
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return -errno;
	return clone_mount(view->cover, AT_RECURSIVE, &view->mount_fd);
}

static int attach(const struct view *view)
{
	return syscall(SYS_move_mount, view->mount_fd, "", view->target_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

static int say_ready(const struct job *job)
{
	return write(job->ready_fd, "", 1) == 1 ? 0 : -EPIPE;
}

static int log_failure(int error, const char *parent, const char *what)
{
	if (error == -ENOSYS)
		log_error("cannot mount in %s: --mount full needs Linux 5.2; use "
			  "--mount DIR",
			parent);
	else
		log_error(
			"cannot %s %s/" VIEW_NAME ": %s", what, parent, strerror(-error));
	return error;
}

static int do_job(struct job *job)
{
	int r;

	for (size_t i = 0; i < N_VIEWS; i++) {
		r = open_target(&job->views[i]);
		if (r < 0)
			return log_failure(r, job->views[i].parent, "open");
	}
	r = leave(job);
	if (r == 0)
		r = mount_tree(job);
	if (r == 0)
		r = say_ready(job);
	if (r < 0) {
		log_error("cannot mount in a namespace of its own: %s", strerror(-r));
		return r;
	}
	for (size_t i = 0; i < N_VIEWS; i++) {
		r = build(job, &job->views[i]);
		if (r < 0)
			return log_failure(r, job->views[i].parent, "make");
	}
	if (setns(job->namespace_fd, CLONE_NEWNS) < 0)
		return log_failure(-errno, VIEW_CLASS_PARENT, "go back to mount");
	for (size_t i = 0; i < N_VIEWS; i++) {
		r = attach(&job->views[i]);
		if (r < 0)
			return log_failure(r, job->views[i].parent, "mount");
	}
	return 0;
}

/* Some parents leave signals ignored or blocked; then it would end nothing. */
static void set_alarm(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGALRM);
	signal(SIGALRM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	alarm(PATIENCE_S);
}

static void __attribute__((__noreturn__))
be_child(pid_t keeper, int fuse_fd, const char *context, int ready_fd)
{
	struct job job = {
		.pid = keeper,
		.fuse_fd = fuse_fd,
		.context = context,
		.ready_fd = ready_fd,
		.namespace_fd = -1,
		.views = {
			{ .parent = VIEW_DEVICES_PARENT,
				.in_tree = "devices/virtual/" VIEW_NAME,
				.cover = WORKSHOP "/devices" },
			{ .parent = VIEW_CLASS_PARENT,
				.in_tree = "class/" VIEW_NAME,
				.cover = WORKSHOP "/class" },
		},
	};

	/* Nobody would undo what it attaches. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != keeper)
		_exit(EXIT_FAILURE);
	set_alarm();
	_exit(do_job(&job) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

int view_start(int fuse_fd, const char *context, pid_t *ret_child)
{
	cleanup_close int read_fd = -1;
	pid_t keeper = getpid(), child;
	int fds[2], r = 0;
	ssize_t n;
	char byte;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	read_fd = fds[0];
	child = fork();
	if (child < 0)
		r = -errno;
	else if (child == 0)
		be_child(keeper, fuse_fd, context, fds[1]);
	close(fds[1]);
	if (r < 0)
		return r;
	do
		n = read(read_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1) {
		r = view_reap(child, 0);
		return r < 0 ? r : -EIO;
	}
	*ret_child = child;
	return 0;
}

int view_reap(pid_t child, int wait_flags)
{
	int status;
	pid_t pid;

	do
		pid = waitpid(child, &status, wait_flags);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return 0;
	if (pid < 0)
		return -errno;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
		log_error("cannot mount: the worker does not answer");
		return -ETIMEDOUT;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? 1 : -EIO;
}
