/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A directory with one entry more. Needs root, else it is skipped. */
#include "config.h"

#include "tests/unit/namespace.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "guest/cover.h"
#include "shared/cleanup.h"
#include "tests/unit/child.h"

#define SKIPPED 77

struct fixture {
	char dir[64];
	char from[80];
	char at[80];
};

static int setup(void **state)
{
	static struct fixture fixture;

	strcpy(fixture.dir, "/tmp/test_cover.XXXXXX");
	if (!mkdtemp(fixture.dir) || mount("none", fixture.dir, "tmpfs", 0, NULL) < 0)
		return -1;
	snprintf(fixture.from, sizeof(fixture.from), "%s/from", fixture.dir);
	snprintf(fixture.at, sizeof(fixture.at), "%s/at", fixture.dir);
	child_shell(fixture.dir,
		"mkdir -p from/sub/below from/sub/deep from/mnt from/.hidden at &&"
		" echo 1 >from/sub/below/file && echo 2 >from/file &&"
		" ln -s sub/below from/link && ln -s /none from/dangling &&"
		" mount -t tmpfs none from/mnt && echo 3 >from/mnt/file &&"
		" mount -t tmpfs none from/sub/deep && touch from/sub/deep/file");
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	return umount2(fixture->dir, MNT_DETACH) < 0 ? -1 : rmdir(fixture->dir);
}

static void check_same(const struct fixture *fixture, const char *name)
{
	char from[128], to[128];
	struct stat a, b;

	snprintf(from, sizeof(from), "%s/%s", fixture->from, name);
	snprintf(to, sizeof(to), "%s/%s", fixture->at, name);
	assert_int_equal(stat(from, &a), 0);
	assert_int_equal(stat(to, &b), 0);
	assert_int_equal(a.st_dev, b.st_dev);
	assert_int_equal(a.st_ino, b.st_ino);
}

static void test_build(void **state)
{
	static const char *const names[] = { "sub", "sub/below/file", "file", "link/file",
		"mnt", "mnt/file", "sub/deep/file", ".hidden" };
	struct fixture *fixture = *state;
	struct stat attr;
	char path[128];

	assert_int_equal(cover_build(fixture->from, "more", fixture->at, 1, NULL), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_same(fixture, names[i]);
	child_shell(fixture->dir, "test \"$(readlink at/link)\" = sub/below");
	child_shell(fixture->dir, "test \"$(readlink at/dangling)\" = /none");
	child_shell(fixture->dir, "test \"$(ls -A at | wc -l)\" = 7");
	child_shell(fixture->dir, "test -z \"$(ls -A at/more)\"");
	assert_int_equal(stat(fixture->at, &attr), 0);
	assert_int_equal(attr.st_mode, S_IFDIR | 0755);
	/* It is as closed as sysfs is, what is in it as open as it was. */
	snprintf(path, sizeof(path), "%s/new", fixture->at);
	assert_int_equal(mkdir(path, 0755), -1);
	assert_int_equal(errno, EROFS);
	child_shell(fixture->dir,
		"echo 4 >at/file && echo 5 >at/sub/below/new &&"
		" test \"$(cat from/file from/sub/below/new | tr -d '\\n')\" = 45");
	assert_int_equal(umount2(fixture->at, MNT_DETACH), 0);
	child_shell(fixture->dir, "test -z \"$(ls -A at)\" && test -e from/mnt/file");
}

static void test_errors(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(
		cover_build(fixture->from, "sub", fixture->at, 1, NULL), -EEXIST);
	assert_int_equal(umount2(fixture->at, MNT_DETACH), 0);
	assert_int_equal(cover_build("/tmp/no such directory", "a", fixture->at, 1, NULL),
		-ENOENT);
	assert_int_equal(umount2(fixture->at, MNT_DETACH), 0);
	assert_int_equal(
		cover_build(fixture->from, "a", "/tmp/no such directory", 1, NULL),
		-ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_build, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
	};

	if (geteuid() != 0)
		return SKIPPED;
	return cmocka_run_group_tests(tests, namespace_enter, NULL);
}
