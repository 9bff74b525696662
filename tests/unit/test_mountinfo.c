/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Lines of /proc/self/mountinfo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest/mountinfo.h"

static void test_parse(void **state)
{
	static const struct {
		const char *line, *mount_point, *type, *source;
	} cases[] = {
		{ "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n",
			"/mnt2", "ext3", "/dev/root" },
		{ "61 24 0:52 / /sys/class/powercap rw,nosuid,nodev,noexec,relatime - "
		  "fuse.vmpower vmpower rw,user_id=0",
			"/sys/class/powercap", "fuse.vmpower", "vmpower" },
		/* None, or several, optional fields. */
		{ "1 2 0:3 / /a rw - t s o", "/a", "t", "s" },
		{ "1 2 0:3 / /a rw shared:7 master:3 propagate_from:2 unbindable - t s o",
			"/a", "t", "s" },
		{ "1 2 0:3 / /a\\040b\\134c\\012d rw - fuse.x\\043 s\\011t o",
			"/a b\\c\nd", "fuse.x#", "s\tt" },
		/* What is not three octal digits is no escape. */
		{ "1 2 0:3 / /a\\04 rw - t \\999 o", "/a\\04", "t", "\\999" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mountinfo mount;

		assert_int_equal(
			mountinfo_parse(cases[i].line, strlen(cases[i].line), &mount), 0);
		assert_string_equal(mount.mount_point, cases[i].mount_point);
		assert_string_equal(mount.type, cases[i].type);
		assert_string_equal(mount.source, cases[i].source);
	}
}

static void test_malformed(void **state)
{
	static const char *const lines[] = {
		"",
		"\n",
		"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1\n",
		"36 35 98:0 /mnt1 /mnt2 rw,noatime -\n",
		"36 35 98:0 /mnt1 /mnt2 rw,noatime - ext3\n",
		"36 35 98:0 /mnt1\n",
		"36 35 98:0 / /a\\000b rw - ext3 /dev/root rw\n",
		"36 35 98:0 / /a  - ext3 /dev/root rw\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct mountinfo mount = { .type = "before" };

		assert_int_equal(
			mountinfo_parse(lines[i], strlen(lines[i]), &mount), -EINVAL);
		assert_string_equal(mount.type, "before");
	}
}

/* Nothing behind the end is looked at. */
static void test_end(void **state)
{
	static const char line[] = "1 2 0:3 / /a rw - t \\04";
	char *exact = test_malloc(sizeof(line) - 1);
	struct mountinfo mount;

	(void)state;
	memcpy(exact, line, sizeof(line) - 1);
	assert_int_equal(mountinfo_parse(exact, sizeof(line) - 1, &mount), 0);
	assert_string_equal(mount.source, "\\04");
	test_free(exact);
}

static void test_too_long(void **state)
{
	struct mountinfo mount = { .type = "before" };
	char line[256], type[MOUNTINFO_TYPE_SIZE + 1];

	(void)state;
	memset(type, 't', sizeof(type));
	type[MOUNTINFO_TYPE_SIZE] = '\0';
	snprintf(line, sizeof(line), "1 2 0:3 / /a rw - %s s o", type);
	assert_int_equal(mountinfo_parse(line, strlen(line), &mount), -ENAMETOOLONG);
	assert_string_equal(mount.type, "before");
	type[MOUNTINFO_TYPE_SIZE - 1] = '\0';
	snprintf(line, sizeof(line), "1 2 0:3 / /a rw - %s s o", type);
	assert_int_equal(mountinfo_parse(line, strlen(line), &mount), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
