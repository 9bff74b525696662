/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Files that are whole or not there; /dev/full is the disk that is. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/durable.h"
#include "shared/cleanup.h"
#include "tests/unit/scratch.h"

struct fixture {
	struct scratch scratch;
	int dir_fd;
};

static int setup(void **state)
{
	static struct fixture fixture;

	scratch_init(&fixture.scratch);
	fixture.dir_fd = open(fixture.scratch.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_return_code(fixture.dir_fd, errno);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->dir_fd);
	scratch_deinit(&f->scratch);
	return 0;
}

/* expected is NULL: there is no such file. */
static void assert_file(const struct fixture *f, const char *name, const char *expected)
{
	cleanup_close int fd = openat(f->dir_fd, name, O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t n;

	if (!expected) {
		assert_int_equal(fd, -1);
		return;
	}
	assert_return_code(fd, errno);
	n = read(fd, text, sizeof(text) - 1);
	assert_return_code(n, errno);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void test_a_file_takes_the_place_of_another(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(durable_write_file(f->dir_fd, "name", "old text", 8), 0);
	assert_file(f, "name", "old text");
	assert_int_equal(durable_write_file(f->dir_fd, "name", "new", 3), 0);
	assert_file(f, "name", "new");
	assert_file(f, "name.new", NULL);
}

static void test_an_error_leaves_the_old_one(void **state)
{
	const struct fixture *f = *state;
	cleanup_close int fd = -1;

	scratch_write(&f->scratch, "name", "old");
	fd = durable_open_new(f->dir_fd, "name", O_WRONLY | O_TRUNC);
	assert_return_code(fd, -fd);
	assert_int_equal(durable_write_at(fd, 0, "half", 4), 0);
	assert_file(f, "name.new", "half");
	assert_int_equal(durable_install(f->dir_fd, "name", -ENOSPC), -ENOSPC);
	assert_file(f, "name", "old");
	assert_file(f, "name.new", NULL);
}

static void test_a_link_is_not_followed(void **state)
{
	const struct fixture *f = *state;

	scratch_write(&f->scratch, "other", "other");
	scratch_link(&f->scratch, "name.new", "other");
	assert_int_equal(durable_write_file(f->dir_fd, "name", "text", 4), -ELOOP);
	assert_file(f, "other", "other");
}

static void test_what_a_killed_process_left_is_removed(void **state)
{
	const struct fixture *f = *state;
	cleanup_close int fd = -1;

	scratch_write(&f->scratch, "other", "other");
	scratch_link(&f->scratch, "name.new", "other");
	fd = durable_open_new(f->dir_fd, "name", O_WRONLY | O_EXCL);
	assert_return_code(fd, -fd);
	assert_int_equal(durable_write_at(fd, 0, "text", 4), 0);
	assert_int_equal(durable_replace(f->dir_fd, "name", 0), 0);
	assert_file(f, "name", "text");
	assert_file(f, "other", "other");
}

static void test_a_torn_tail_is_cut_off(void **state)
{
	const struct fixture *f = *state;
	struct rlimit before, small = { 8, RLIM_INFINITY };
	cleanup_close int fd = durable_open_new(f->dir_fd, "name", O_WRONLY | O_TRUNC);
	int r;

	assert_return_code(fd, -fd);
	assert_int_equal(durable_write_at(fd, 0, "12345", 5), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	r = durable_write_at(fd, 5, "67890", 5);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(r, -EFBIG);
	assert_file(f, "name.new", "12345");
	assert_int_equal(durable_write_at(fd, 5, "67890", 5), 0);
	assert_file(f, "name.new", "1234567890");
}

static void test_a_full_disk_is_told(void **state)
{
	FILE *stream = fopen("/dev/full", "we");

	(void)state;
	assert_non_null(stream);
	fputs("text", stream);
	assert_int_equal(durable_close(stream, 0), -ENOSPC);
	stream = fopen("/dev/null", "we");
	assert_non_null(stream);
	assert_int_equal(durable_close(stream, -EPERM), -EPERM);
}

static void test_a_name_too_long(void **state)
{
	const struct fixture *f = *state;
	char name[PATH_MAX];

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(
		durable_open_new(f->dir_fd, name, O_WRONLY | O_EXCL), -ENAMETOOLONG);
	assert_int_equal(durable_replace(f->dir_fd, name, 0), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_file_takes_the_place_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_an_error_leaves_the_old_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_link_is_not_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_what_a_killed_process_left_is_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_torn_tail_is_cut_off, setup, teardown),
		cmocka_unit_test(test_a_full_disk_is_told),
		cmocka_unit_test_setup_teardown(test_a_name_too_long, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
