/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Which directories the agent takes as its own. Needs root, else it is skipped. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/rundir.h"
#include "guest/state.h"
#include "guest/status.h"
#include "shared/cleanup.h"
#include "tests/unit/child.h"

#define SKIPPED 77
#define WORKER	4711u
#define OTHER	4712u

static void make_file(const char *dir, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void remove_all(const char *dir, const char *name)
{
	char path[64];

	if (name) {
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(dir), 0);
}

static void check_is_the_workers(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, WORKER);
	assert_int_equal(st.st_gid, WORKER);
	assert_int_equal(st.st_mode & ALLPERMS, S_ISDIR(st.st_mode) ? 0700 : 0600);
}

static void test_existing(void **state)
{
	static const struct {
		uid_t uid;
		mode_t mode;
		const char *file;
		int r;
	} cases[] = {
		/* A service manager's (RuntimeDirectory=), and an administrator's. */
		{ 0, 0755, NULL, 0 },
		{ 0, 0700, NULL, 0 },
		/* /run, /etc and the like. */
		{ 0, 0755, "passwd", -EPERM },
		{ 0, 0755, ".hidden", -EPERM },
		{ 0, 0755, STATE_NAME, -EPERM },
		{ 0, 01777, NULL, -EPERM },
		{ 0, 0775, NULL, -EPERM },
		/* Of root, as /root, and of an agent that ran as root. */
		{ 0, 0700, ".profile", -EPERM },
		{ 0, 0700, "states", -EPERM },
		{ 0, 0700, STATE_NAME, 0 },
		{ 0, 0700, STATE_ASIDE_NAME, 0 },
		{ 0, 0700, STATUS_NAME, 0 },
		{ 0, 0700, STATUS_NEW_NAME, 0 },
		{ 0, 0700, RUNDIR_LOCK_NAME, 0 },
		{ WORKER, 0700, STATE_NAME, 0 },
		{ WORKER, 0750, "core", 0 },
		{ WORKER, 0770, NULL, -EPERM },
		{ OTHER, 0700, NULL, -EPERM },
		{ OTHER, 0700, STATE_NAME, -EPERM },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[] = "/tmp/test_rundir.XXXXXX";
		struct stat before, after;
		int fd = -1, r;

		assert_non_null(mkdtemp(path));
		if (cases[i].file)
			make_file(path, cases[i].file);
		assert_int_equal(chmod(path, cases[i].mode), 0);
		assert_int_equal(chown(path, cases[i].uid, cases[i].uid), 0);
		assert_int_equal(stat(path, &before), 0);
		r = rundir_open(path, WORKER, WORKER, &fd);
		if (r != cases[i].r)
			fail_msg("case %zu: %s", i, strerror(-r));
		if (r == 0) {
			check_is_the_workers(path);
			close(fd);
		} else {
			assert_int_equal(fd, -1);
			assert_int_equal(stat(path, &after), 0);
			assert_int_equal(after.st_uid, before.st_uid);
			assert_int_equal(after.st_mode, before.st_mode);
		}
		remove_all(path, cases[i].file);
	}
}

/* It finds the lock held by that process, or by none. */
static pid_t lock_in_child(int run_fd, pid_t holder)
{
	int expected = holder > 0 ? -EWOULDBLOCK : 0, lock_fd = -1;
	pid_t child = fork();

	if (child != 0)
		return child;
	if (rundir_lock_holder(run_fd) != holder)
		_exit(1);
	_exit(rundir_lock(run_fd, &lock_fd) == expected ? 0 : 2);
}

static void test_made(void **state)
{
	char base[] = "/tmp/test_rundir.XXXXXX", path[64];
	cleanup_close int fd = -1, lock_fd = -1;
	int again = -1;

	(void)state;
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/run", base);
	assert_int_equal(rundir_open(path, WORKER, WORKER, &fd), 0);
	check_is_the_workers(path);
	assert_int_equal(rundir_lock_holder(fd), 0);
	assert_int_equal(rundir_lock(fd, &lock_fd), 0);
	assert_int_equal(child_join(lock_in_child(fd, getpid())), 0);
	/* The file stays, and is not in the way. */
	close(steal_fd(&lock_fd));
	assert_int_equal(rundir_lock_holder(fd), 0);
	assert_int_equal(child_join(lock_in_child(fd, 0)), 0);
	remove_all(path, RUNDIR_LOCK_NAME);
	snprintf(path, sizeof(path), "%s/missing/run", base);
	assert_int_equal(rundir_open(path, WORKER, WORKER, &again), -ENOENT);
	assert_int_equal(again, -1);
	remove_all(base, NULL);
}

static void test_link(void **state)
{
	char base[] = "/tmp/test_rundir.XXXXXX", path[64];
	struct stat st;
	int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s.link", base);
	assert_int_equal(symlink(base, path), 0);
	assert_int_equal(rundir_open(path, WORKER, WORKER, &fd), -ENOTDIR);
	assert_int_equal(stat(base, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(unlink(path), 0);
	remove_all(base, NULL);
}

/* What another user's agent left is taken over, unless it has a second name. */
static void test_files(void **state)
{
	char path[] = "/tmp/test_rundir.XXXXXX", file[64], link_path[64];
	struct stat st;
	int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(path));
	make_file(path, STATE_NAME);
	snprintf(file, sizeof(file), "%s/" STATE_NAME, path);
	snprintf(link_path, sizeof(link_path), "%s.second", path);
	assert_int_equal(link(file, link_path), 0);
	assert_int_equal(rundir_open(path, WORKER, WORKER, &fd), 0);
	close(fd);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(unlink(link_path), 0);
	assert_int_equal(rundir_open(path, WORKER, WORKER, &fd), 0);
	close(fd);
	check_is_the_workers(file);
	remove_all(path, STATE_NAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_existing),
		cmocka_unit_test(test_made),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_files),
	};

	if (geteuid() != 0)
		return SKIPPED;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
