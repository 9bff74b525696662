/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What CPU time weighs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/weight.h"

#define ONE WEIGHT_FACTOR_ONE

static void test_weight(void **state)
{
	static const struct {
		uint64_t cpu_ns;
		uint32_t factor;
		uint64_t weight;
	} cases[] = {
		{ 0, ONE, 0 },
		{ 0, UINT32_MAX, 0 },
		{ 1, ONE, 16 },
		{ 1, ONE / 2, 8 },
		{ 3, ONE + ONE / 2, 72 },
		/* Never nothing for something. */
		{ 1, ONE / 256, 1 },
		{ 1000000000, ONE, UINT64_C(16000000000) },
		{ UINT64_MAX >> 4, ONE, UINT64_MAX - 15 },
		{ (UINT64_MAX >> 4) + 1, ONE, UINT64_MAX },
		{ UINT64_MAX, ONE, UINT64_MAX },
		{ UINT64_MAX, UINT32_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			weight_of(cases[i].cpu_ns, cases[i].factor), cases[i].weight);
}

static void test_factor(void **state)
{
	static const struct {
		double factor;
		uint32_t fixed;
	} cases[] = {
		{ 1, ONE },
		{ 0.575, (uint32_t)(0.575 * ONE + 0.5) },
		{ 2.25, 9 * (ONE / 4) },
		{ 0, ONE / 256 },
		{ -1, ONE / 256 },
		{ 1e-300, ONE / 256 },
		{ 256, UINT32_MAX },
		{ 1e300, UINT32_MAX },
		/* Infinite, no number. */
		{ 1e300 * 1e300, UINT32_MAX },
		{ 1e300 * 1e300 * 0, ONE / 256 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(weight_factor(cases[i].factor), cases[i].fixed);
}

static bool near(double a, double b)
{
	return a > b - 1e-12 && a < b + 1e-12;
}

static void test_smt(void **state)
{
	static const struct {
		double gain;
		size_t n;
		double shares[8];
		double factor;
	} cases[] = {
		{ 0.15, 0, { 0 }, 1 },
		{ 0.15, 1, { 0 }, 1 },
		{ 0.15, 1, { 1 }, 0.575 },
		{ 0.15, 1, { 0.4 }, 1 - 0.4 * 0.85 / 2 },
		{ 0, 1, { 1 }, 0.5 },
		{ 1, 1, { 1 }, 1 },
		/* Of k busy threads each has (1 + (k - 1) gain) / k. */
		{ 0.15, 3, { 1, 1, 1 }, 1.45 / 4 },
		{ 0.15, 3, { 0, 1, 0 }, 0.575 },
		{ 0, 2, { 0.5, 0.5 }, 0.25 + 0.5 / 2 + 0.25 / 3 },
		{ 0, 7, { 1, 1, 1, 1, 1, 1, 1 }, 1.0 / 8 },
		{ 0, 8, { 1, 1, 1, 1, 1, 1, 1, 1 }, 1.0 / 8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct weight_model model = { .smt_gain = cases[i].gain };

		assert_true(near(weight_smt_factor(&model, cases[i].shares, cases[i].n),
			cases[i].factor));
	}
}

static void test_frequency(void **state)
{
	static const struct {
		double exponent;
		uint32_t khz;
		double reference_khz, factor;
	} cases[] = {
		{ 2, 3000000, 2000000, 2.25 },
		{ 2, 1000000, 2000000, 0.25 },
		{ 3, 4000000, 2000000, 8 },
		{ 0, 4000000, 2000000, 1 },
		/* Unknown, and what no CPU can run at. */
		{ 2, 0, 2000000, 1 },
		{ 2, 0, 0, 1 },
		{ 2, 9999, 2000000, 1 },
		{ 2, 20000001, 2000000, 1 },
		{ 2, UINT32_MAX, 2000000, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct weight_model model = {
			.frequency_exponent = cases[i].exponent,
		};

		assert_true(near(weight_frequency_factor(
					 &model, cases[i].khz, cases[i].reference_khz),
			cases[i].factor));
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
		cmocka_unit_test(test_factor),
		cmocka_unit_test(test_smt),
		cmocka_unit_test(test_frequency),
		cmocka_unit_test(test_add),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
