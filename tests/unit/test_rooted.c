/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Small kernel files below a root: whole, again, too long, absent. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "shared/rooted.h"

static char root[] = "/tmp/test_rooted.XXXXXX";
static char path[64];

static void put(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof(path), "%s/energy_uj", root);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(root);
}

static void test_read(void **state)
{
	char buffer[8], long_path[5000];
	uint64_t value;

	(void)state;
	put("123456\n");
	assert_int_equal(rooted_read(root, buffer, sizeof(buffer), "%s", "energy_uj"), 7);
	assert_string_equal(buffer, "123456\n");
	assert_int_equal(rooted_read_u64(root, &value, "energy_%s", "uj"), 0);
	assert_int_equal(value, 123456);
	assert_int_equal(rooted_read(root, buffer, 7, "energy_uj"), -EFBIG);
	assert_int_equal(rooted_read(root, buffer, sizeof(buffer), "absent"), -ENOENT);
	memset(long_path, 'a', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(rooted_open(root, "%s", long_path), -ENAMETOOLONG);
	put("");
	assert_int_equal(rooted_read_u64(root, &value, "energy_uj"), -EINVAL);
}

static void test_reread(void **state)
{
	char buffer[32];
	int fd;

	(void)state;
	put("1\n");
	fd = rooted_open(root, "energy_uj");
	assert_true(fd >= 0);
	assert_int_equal(rooted_reread(fd, buffer, sizeof(buffer)), 2);
	put("22\n");
	assert_int_equal(rooted_reread(fd, buffer, sizeof(buffer)), 3);
	assert_string_equal(buffer, "22\n");
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_reread),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
