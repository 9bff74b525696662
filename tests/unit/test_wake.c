/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Shares of the wake power, beside Shapley's own formula. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "host/wake.h"

#define assert_near(a, b, by) assert_true(fabs((a) - (b)) <= (by))

#define PLAYERS_MAX 6

/* By all coalitions: |S|! (n - |S| - 1)! / n! of what a player adds to each. */
static double shapley(const double *cores, size_t n, double tau, size_t player)
{
	double value = 0, factorial[PLAYERS_MAX + 1] = { 1 };

	for (size_t i = 1; i <= n; i++)
		factorial[i] = factorial[i - 1] * (double)i;
	for (uint32_t set = 0; set < 1u << n; set++) {
		double without = 0;
		size_t size = 0;

		if (set & 1u << player)
			continue;
		for (size_t i = 0; i < n; i++) {
			if (set & 1u << i) {
				without += cores[i];
				size++;
			}
		}
		value += factorial[size] * factorial[n - size - 1] / factorial[n] *
			 (exp(-without / tau) - exp(-(without + cores[player]) / tau));
	}
	return value;
}

static void test_shapley(void **state)
{
	static const struct {
		size_t n;
		double tau;
		double cores[PLAYERS_MAX];
	} cases[] = {
		{ 1, 1, { 0.3 } },
		{ 2, 1, { 0.01, 4 } },
		{ 3, 2, { 0.5, 0.5, 2 } },
		{ 6, 0.5, { 0.1, 0.2, 0.4, 0.8, 1.6, 12 } },
		{ 6, 6, { 3, 3, 3, 3, 3, 0 } },
		{ 4, 1e-3, { 1, 2, 3, 0 } },
	};

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		double totals[PLAYERS_MAX] = { 0 }, scratch[PLAYERS_MAX], sum = 0;

		wake_share(10, cases[c].tau, cases[c].cores, cases[c].n, scratch, totals);
		for (size_t i = 0; i < cases[c].n; i++)
			sum += shapley(cases[c].cores, cases[c].n, cases[c].tau, i);
		for (size_t i = 0; i < cases[c].n; i++) {
			double true_share = shapley(cases[c].cores, cases[c].n,
						    cases[c].tau, i) /
					    sum;

			assert_near(totals[i], 10 * true_share, 1e-9);
			if (cases[c].cores[i] <= 0)
				assert_true(totals[i] == 0);
		}
	}
}

static void test_adds(void **state)
{
	double cores[2] = { 1, 1 }, totals[2] = { 5, 7 }, scratch[2];

	(void)state;
	wake_share(2, 1, cores, 2, scratch, totals);
	assert_near(totals[0], 6, 1e-12);
	assert_near(totals[1], 8, 1e-12);
}

static void test_nobody(void **state)
{
	double cores[2] = { 0, 0 }, totals[2] = { 0, 0 }, scratch[2];

	(void)state;
	wake_share(2, 1, cores, 2, scratch, totals);
	assert_true(totals[0] == 0 && totals[1] == 0);
	wake_share(2, 1, cores, 0, scratch, totals);
}

static void test_many(void **state)
{
	static double cores[3000], totals[3000], scratch[3000];
	double sum = 0;

	(void)state;
	for (size_t i = 0; i < 3000; i++)
		cores[i] = i % 3 ? 0.5 : 8;
	wake_share(1, 0.5, cores, 3000, scratch, totals);
	for (size_t i = 0; i < 3000; i++) {
		assert_true(totals[i] > 0);
		sum += totals[i];
	}
	assert_near(sum, 1, 1e-9);
	assert_true(totals[0] > totals[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shapley),
		cmocka_unit_test(test_adds),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
