/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Means and confidence, against published quantiles and a simulated truth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "host/statistics.h"
#include "tests/unit/random.h"

static void test_student(void **state)
{
	/* NIST's table of the upper critical values, 0.975, with two digits more. */
	static const struct {
		size_t freedom;
		double t;
	} cases[] = {
		{ 1, 12.70620 },
		{ 2, 4.30265 },
		{ 3, 3.18245 },
		{ 4, 2.77645 },
		{ 5, 2.57058 },
		{ 6, 2.44691 },
		{ 7, 2.36462 },
		{ 8, 2.30600 },
		{ 9, 2.26216 },
		{ 10, 2.22814 },
		{ 11, 2.20099 },
		{ 15, 2.13145 },
		{ 29, 2.04523 },
		{ 30, 2.04227 },
		{ 100, 1.98397 },
		{ 9999, 1.96020 },
		{ 1000000000, 1.95996 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_float_equal(
			statistics_student(cases[i].freedom), cases[i].t, 1e-5);
	for (size_t n = 1; n < 200; n++)
		assert_true(statistics_student(n) > statistics_student(n + 1));
}

static void test_few(void **state)
{
	struct statistics statistics = { 0 };

	(void)state;
	assert_float_equal(statistics_confidence(&statistics), 0, 0);
	statistics_add(&statistics, 4);
	assert_float_equal(statistics.mean, 4, 0);
	assert_float_equal(statistics_deviation(&statistics), 0, 0);
	assert_float_equal(statistics_confidence(&statistics), 0, 0);
	statistics_add(&statistics, 6);
	assert_float_equal(statistics.mean, 5, 1e-12);
	assert_float_equal(statistics_deviation(&statistics), sqrt(2), 1e-12);
	assert_float_equal(statistics_confidence(&statistics), 12.70620473617471, 1e-9);
	/* What is added far from 0 loses no digits. */
	statistics = (struct statistics){ 0 };
	for (int i = 0; i < 3; i++)
		statistics_add(&statistics, 1e12 + i);
	assert_float_equal(statistics_deviation(&statistics), 1, 1e-6);
}

/* The truth is within the interval in 95 of 100 cases, however few were measured. */
static void test_coverage(void **state)
{
	struct random_state random = { 1 };

	(void)state;
	for (size_t n = 2; n <= 12; n += 5) {
		size_t within = 0, trials = 20000;

		for (size_t i = 0; i < trials; i++) {
			struct statistics statistics = { 0 };

			for (size_t j = 0; j < n; j++)
				statistics_add(&statistics, 100 + random_error(&random));
			within += fabs(statistics.mean - 100) <=
				  statistics_confidence(&statistics);
		}
		assert_in_range(within, trials * 944 / 1000, trials * 956 / 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_student),
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_coverage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
