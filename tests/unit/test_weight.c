/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What CPU time weighs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/weight.h"

static void test_weight(void **state)
{
	static const struct {
		uint64_t cpu_ns, weight;
	} cases[] = {
		{ 0, 0 },
		{ 1, 16 },
		{ 1000000000, UINT64_C(16000000000) },
		{ UINT64_MAX >> 4, UINT64_MAX - 15 },
		{ (UINT64_MAX >> 4) + 1, UINT64_MAX },
		{ UINT64_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct weight_input input = { .cpu_ns = cases[i].cpu_ns };

		assert_int_equal(weight_of(&input), cases[i].weight);
	}
}

static void test_add(void **state)
{
	(void)state;
	assert_int_equal(weight_add(3, 4), 7);
	assert_int_equal(weight_add(UINT64_MAX - 1, 1), UINT64_MAX);
	assert_int_equal(weight_add(UINT64_MAX, 1), UINT64_MAX);
	assert_int_equal(weight_add(2, UINT64_MAX), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weight),
		cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
