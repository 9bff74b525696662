/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Labels: what is one, where it goes, and how many there can be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "host/labels.h"

static void test_set(void **state)
{
	static const struct {
		const char *key, *value, *expected;
	} steps[] = {
		{ "project", "blue", "project=blue\n" },
		{ "user", "ann", "project=blue\nuser=ann\n" },
		{ "flavor", "m1", "flavor=m1\nproject=blue\nuser=ann\n" },
		{ "p", "x=y", "flavor=m1\np=x=y\nproject=blue\nuser=ann\n" },
		{ "project", "  a \tlong\nname ",
			"flavor=m1\np=x=y\nproject=a  long name\nuser=ann\n" },
		{ "flavor", " \n", "p=x=y\nproject=a  long name\nuser=ann\n" },
		{ "flavor", "", "p=x=y\nproject=a  long name\nuser=ann\n" },
		{ "user", "", "p=x=y\nproject=a  long name\n" },
		{ "project", "", "p=x=y\n" },
		{ "p", "", "" },
	};
	char labels[LABELS_SIZE] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_int_equal(labels_set(labels, steps[i].key, steps[i].value), 0);
		assert_string_equal(labels, steps[i].expected);
		assert_true(labels_are_valid(labels));
	}
}

static void test_keys(void **state)
{
	static const char *const good[] = { "a", "_a", "A_9", "a__b" };
	static const char *const bad[] = { "", "9", "__a", "a-b", "a=b", "\xc3\xa4",
		"a b", "a\n" };
	char labels[LABELS_SIZE] = "", key[LABEL_KEY_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(labels_is_key(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(labels_is_key(bad[i]));
		assert_int_equal(labels_set(labels, bad[i], "x"), -EINVAL);
	}
	memset(key, 'k', sizeof(key));
	key[LABEL_KEY_MAX + 1] = '\0';
	assert_false(labels_is_key(key));
	key[LABEL_KEY_MAX] = '\0';
	assert_int_equal(labels_set(labels, key, "x"), 0);
	assert_true(labels_are_valid(labels));
}

/* A value is cut between characters. */
static void test_long_value(void **state)
{
	char labels[LABELS_SIZE] = "", value[LABEL_VALUE_MAX + 3];
	const char *cursor = labels;
	struct label label;

	(void)state;
	memset(value, 'v', sizeof(value));
	memcpy(value + LABEL_VALUE_MAX - 1, "\xc3\xa4", 3);
	assert_int_equal(labels_set(labels, "k", value), 0);
	assert_true(labels_next(&cursor, &label));
	assert_string_equal(label.key, "k");
	assert_int_equal(strlen(label.value), LABEL_VALUE_MAX - 1);
	assert_false(labels_next(&cursor, &label));
}

/* What has no room changes nothing. */
static void test_full(void **state)
{
	char labels[LABELS_SIZE] = "", before[LABELS_SIZE], value[201] = { 0 };
	int r = 0, n = 0;

	(void)state;
	memset(value, 'v', 200);
	for (; r == 0 && n < 100; n++) {
		char key[8];

		snprintf(key, sizeof(key), "k%02d", 50 - n);
		memcpy(before, labels, sizeof(before));
		r = labels_set(labels, key, value);
	}
	assert_int_equal(r, -E2BIG);
	assert_int_equal(n, 1023 / 205 + 1);
	assert_string_equal(labels, before);
	assert_true(labels_are_valid(labels));
	/* One in place of another always has. */
	assert_int_equal(labels_set(labels, "k50", "short"), 0);
	assert_int_equal(labels_set(labels, "k50", value), 0);
	assert_string_equal(labels, before);
}

static void test_valid(void **state)
{
	static const char *const bad[] = { "a", "a=", "a=\n", "a=b", "=b\n", "b=1\na=2\n",
		"a=1\na=2\n", "a=1\n\n", "a=\x01\n", "a-b=1\n", "a=1\nb" };

	(void)state;
	assert_true(labels_are_valid(""));
	assert_true(labels_are_valid("a=1\nb==\n"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(labels_are_valid(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_long_value),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
