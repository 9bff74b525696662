/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* How long a target that failed is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/push_backoff.h"

#define MS UINT64_C(1000000)

static void test_table(void **state)
{
	static const struct {
		unsigned int failures;
		uint32_t max_s, retry_after_s, random;
		uint64_t wait_ms;
	} cases[] = {
		/* Half of it is certain. */
		{ 1, 60, 0, 0, 500 },
		{ 2, 60, 0, 0, 1000 },
		{ 3, 60, 0, 0, 2000 },
		{ 6, 60, 0, 0, 16000 },
		{ 7, 60, 0, 0, 30000 },
		{ 8, 60, 0, 0, 30000 },
		{ 1000000, 60, 0, 0, 30000 },
		{ UINT32_MAX, 3600, 0, 0, 1800000 },
		{ 1, 1, 0, 0, 500 },
		{ 9, 1, 0, 0, 500 },
		/* The other half is not. */
		{ 1, 60, 0, UINT32_C(1) << 31, 750 },
		{ 7, 60, 0, UINT32_C(1) << 31, 45000 },
		/* What is asked for is the least, and comes in a second. */
		{ 1, 60, 30, 0, 30000 },
		{ 1, 60, 30, UINT32_C(1) << 31, 30500 },
		{ 8, 60, 30, 0, 30000 },
		{ 8, 60, 3, 0, 30000 },
		/* Also above our own bound, but not for ever. */
		{ 1, 1, 30, 0, 30000 },
		{ 1, 60, 3600, 0, 3600000 },
		{ 1, 60, UINT32_MAX, 0, 3600000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(push_backoff_ns(cases[i].failures, cases[i].max_s,
					 cases[i].retry_after_s, cases[i].random),
			cases[i].wait_ms * MS);
	/* Never more than all of it. */
	assert_in_range(push_backoff_ns(1, 60, 0, UINT32_MAX), 999 * MS, 1000 * MS);
	assert_in_range(push_backoff_ns(7, 60, 0, UINT32_MAX), 59999 * MS, 60000 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
