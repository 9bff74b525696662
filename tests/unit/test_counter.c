/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Energy between two readings: plain, wrapped, ambiguous, impossible. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "shared/clock.h"
#include "shared/counter.h"

#define RANGE_UJ 262143328850u

static void test_advance(void **state)
{
	static const struct {
		uint64_t previous, now, range, max_power_uw, dt_ns;
		enum counter_step step;
		uint64_t delta;
	} cases[] = {
		{ 100, 100, RANGE_UJ, 0, NSEC_PER_SEC, COUNTER_OK, 0 },
		{ 100, 50000100, RANGE_UJ, 0, NSEC_PER_SEC, COUNTER_OK, 50000000 },
		{ RANGE_UJ - 10, 5, RANGE_UJ, 0, NSEC_PER_SEC, COUNTER_OK, 15 },
		{ RANGE_UJ, 0, RANGE_UJ, 0, NSEC_PER_SEC, COUNTER_OK, 0 },
		/* 262 kJ at no more than 1 kW: sure for 131 s. */
		{ 100, 200, RANGE_UJ, 0, 131 * (uint64_t)NSEC_PER_SEC, COUNTER_OK, 100 },
		{ 100, 200, RANGE_UJ, 0, 132 * (uint64_t)NSEC_PER_SEC, COUNTER_AMBIGUOUS,
			100 },
		{ 200, 100, RANGE_UJ, 100000000, 1310 * (uint64_t)NSEC_PER_SEC,
			COUNTER_OK, RANGE_UJ - 100 },
		{ 200, 100, RANGE_UJ, 200000000, 1310 * (uint64_t)NSEC_PER_SEC,
			COUNTER_AMBIGUOUS, RANGE_UJ - 100 },
		/* 1 kW for 1 s allows 4 kJ. */
		{ 0, 4000000000u, RANGE_UJ, 0, NSEC_PER_SEC, COUNTER_OK, 4000000000u },
		{ 0, 5000000000u, RANGE_UJ, 0, NSEC_PER_SEC, COUNTER_IMPOSSIBLE, 0 },
		/* A reset to 0 looks like a wrap, but of far too much energy. */
		{ 1000000000u, 0, RANGE_UJ, 0, NSEC_PER_SEC, COUNTER_IMPOSSIBLE, 0 },
		{ 0, RANGE_UJ + 1, RANGE_UJ, 0, NSEC_PER_SEC, COUNTER_IMPOSSIBLE, 0 },
		{ RANGE_UJ + 1, 0, RANGE_UJ, 0, NSEC_PER_SEC, COUNTER_IMPOSSIBLE, 0 },
		{ UINT64_MAX - 5, 4, UINT64_MAX, 0, NSEC_PER_SEC, COUNTER_OK, 10 - 1 },
		/* Two reads in no time may see one late update, no more. */
		{ 0, 60000, RANGE_UJ, 0, 0, COUNTER_OK, 60000 },
		{ 0, 60000000, RANGE_UJ, 0, 0, COUNTER_IMPOSSIBLE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t delta = 1;
		enum counter_step step = counter_advance(cases[i].previous, cases[i].now,
			cases[i].range, cases[i].max_power_uw, cases[i].dt_ns, &delta);

		assert_int_equal(step, cases[i].step);
		assert_true(delta == cases[i].delta);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_advance) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
