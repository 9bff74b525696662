/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Sets of CPU numbers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/cpulist.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int r;
		size_t n, first, count;
	} cases[] = {
		{ "0\n", 0, 1, 0, 1 },
		{ "0-3,8,10-11\n", 0, 12, 0, 7 },
		{ "5", 0, 6, 5, 1 },
		{ "64-129", 0, 130, 64, 66 },
		{ "8191\n", 0, 8192, 8191, 1 },
		{ "", 0, 0, CPULIST_CPUS_MAX, 0 },
		{ "\n", 0, 0, CPULIST_CPUS_MAX, 0 },
		{ "8192", -ERANGE, 0, 0, 0 },
		{ "0-99999999999999999999", -ERANGE, 0, 0, 0 },
		{ "3-1", -EINVAL, 0, 0, 0 },
		{ "1,", -EINVAL, 0, 0, 0 },
		{ ",1", -EINVAL, 0, 0, 0 },
		{ "1-", -EINVAL, 0, 0, 0 },
		{ "0 1", -EINVAL, 0, 0, 0 },
		{ "1\n\n", -EINVAL, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cpulist list;
		size_t count = 0;

		assert_int_equal(
			cpulist_parse(cases[i].text, strlen(cases[i].text), &list),
			cases[i].r);
		if (cases[i].r < 0)
			continue;
		assert_int_equal(list.n, cases[i].n);
		assert_int_equal(cpulist_first(&list), cases[i].first);
		for (size_t cpu = 0; cpu < CPULIST_CPUS_MAX + 1; cpu++)
			count += cpulist_has(&list, cpu);
		assert_int_equal(count, cases[i].count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
