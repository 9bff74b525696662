/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Which domains patterns select. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/selection.h"

static void test_has(void **state)
{
	static const struct {
		const char *names[2], *labels[2];
		const char *name, *of_domain;
		bool expected;
	} rows[] = {
		{ { 0 }, { 0 }, "web1", "", true },
		{ { "web1" }, { 0 }, "web1", "", true },
		{ { "web" }, { 0 }, "web1", "", false },
		{ { "db*", "web[0-9]" }, { 0 }, "web1", "", true },
		{ { "db*", "web[2-9]" }, { 0 }, "web1", "", false },
		{ { 0 }, { "project=shop" }, "web1", "project=shop\n", true },
		{ { 0 }, { "project=sh*" }, "web1", "a=shop\nproject=shop\n", true },
		{ { 0 }, { "project=*" }, "web1", "a=shop\n", false },
		{ { 0 }, { "proj=shop" }, "web1", "project=shop\n", false },
		{ { 0 }, { "project=a=b" }, "web1", "project=a=b\n", true },
		{ { 0 }, { "a=1", "b=2" }, "web1", "a=1\nb=2\n", true },
		{ { 0 }, { "a=1", "b=2" }, "web1", "a=1\nb=3\n", false },
		{ { "web1" }, { "a=1" }, "web1", "a=2\n", false },
		{ { "db" }, { "a=1" }, "web1", "a=1\n", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct selection selection = { 0 };

		for (size_t k = 0; k < 2; k++) {
			if (rows[i].names[k])
				assert_int_equal(
					selection_add_name(&selection, rows[i].names[k]),
					0);
			if (rows[i].labels[k])
				assert_int_equal(selection_add_label(
							 &selection, rows[i].labels[k]),
					0);
		}
		print_message("%zu\n", i);
		assert_int_equal(
			selection_has(&selection, rows[i].name, rows[i].of_domain),
			rows[i].expected);
	}
}

static void test_add(void **state)
{
	struct selection selection = { 0 };

	(void)state;
	assert_int_equal(selection_add_label(&selection, "project"), -EINVAL);
	assert_int_equal(selection_add_label(&selection, "=x"), -EINVAL);
	assert_int_equal(selection_add_label(&selection, "9=x"), -EINVAL);
	for (int i = 0; i < SELECTION_MAX; i++) {
		assert_int_equal(selection_add_name(&selection, "a"), 0);
		assert_int_equal(selection_add_label(&selection, "a=b"), 0);
	}
	assert_int_equal(selection_add_name(&selection, "a"), -E2BIG);
	assert_int_equal(selection_add_label(&selection, "a=b"), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
