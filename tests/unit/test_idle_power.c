/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Idle power: given or learned, and the energy it makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/idle_power.h"
#include "tests/unit/random.h"

#define SECOND_NS UINT64_C(1000000000)
#define HOUR_NS	  (3600 * SECOND_NS)
#define CPUS	  8

/* seconds of power_uw, percent of the CPU time busy. */
static void run(
	struct idle_power *power, uint64_t seconds, uint64_t power_uw, uint64_t percent)
{
	for (uint64_t i = 0; i < seconds; i++)
		idle_power_learn(&power->learned, power_uw, SECOND_NS,
			CPUS * SECOND_NS * percent / 100, CPUS * SECOND_NS);
}

static void test_learn(void **state)
{
	struct idle_power power = { .origin = IDLE_POWER_LEARNED };

	(void)state;
	assert_string_equal(idle_power_origin_name(power.origin), "learned");
	assert_int_equal(idle_power_uw(&power), 0);
	/* A busy host tells nothing. */
	run(&power, 100, 90000000, 80);
	assert_int_equal(idle_power_uw(&power), 0);
	run(&power, 9, 25000000, 3);
	assert_int_equal(idle_power_uw(&power), 0);
	run(&power, 1, 25000000, 3);
	assert_int_equal(idle_power_uw(&power), 25000000);
	/* The lowest counts, and the mean of 10 s at that. */
	run(&power, 10, 30000000, 9);
	assert_int_equal(idle_power_uw(&power), 25000000);
	run(&power, 5, 19000000, 1);
	run(&power, 5, 21000000, 1);
	assert_int_equal(idle_power_uw(&power), 20000000);
	/* A counter that stands still is not a host without power. */
	run(&power, 10, 0, 0);
	assert_int_equal(idle_power_uw(&power), 20000000);
	run(&power, 10, 19000000, 11);
	assert_int_equal(idle_power_uw(&power), 20000000);
}

static void learn_hour(struct idle_power *power, uint64_t power_uw)
{
	idle_power_learn(&power->learned, power_uw * 3600, HOUR_NS, 0, CPUS * HOUR_NS);
}

/* The window moves on with idle time only. */
static void test_window(void **state)
{
	struct idle_power power = { 0 };

	(void)state;
	learn_hour(&power, 20000000);
	for (int i = 0; i < 23; i++)
		learn_hour(&power, 25000000);
	assert_int_equal(idle_power_uw(&power), 20000000);
	run(&power, 1000, 90000000, 100);
	assert_int_equal(idle_power_uw(&power), 20000000);
	learn_hour(&power, 25000000);
	assert_int_equal(idle_power_uw(&power), 25000000);
}

static void test_given(void **state)
{
	struct idle_power power = { .origin = IDLE_POWER_CONFIGURED,
		.given_uw = 7000000 };

	(void)state;
	run(&power, 20, 3000000, 0);
	assert_int_equal(idle_power_uw(&power), 7000000);
	assert_string_equal(idle_power_origin_name(power.origin), "configured");
	power.origin = IDLE_POWER_CALIBRATED;
	assert_int_equal(idle_power_uw(&power), 7000000);
	assert_string_equal(idle_power_origin_name(power.origin), "calibrated");
	power.origin = IDLE_POWER_LEARNED;
	assert_int_equal(idle_power_uw(&power), 3000000);
}

static void test_energy(void **state)
{
	static const struct {
		uint64_t idle_uw, energy_uj, dt_ns, idle_uj;
	} cases[] = {
		{ 0, 100, SECOND_NS, 0 },
		{ 20000000, 50000000, SECOND_NS, 20000000 },
		{ 20000000, 50000000, SECOND_NS / 10, 2000000 },
		/* Less was used than idle power makes: all of it is idle. */
		{ 20000000, 15000000, SECOND_NS, 15000000 },
		{ 20000000, 50000000, 0, 0 },
		{ 3, 50000000, SECOND_NS - 1, 2 },
		{ UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct idle_power power = { .origin = IDLE_POWER_CONFIGURED,
			.given_uw = cases[i].idle_uw };

		assert_int_equal(
			idle_power_energy_uj(&power, cases[i].energy_uj, cases[i].dt_ns),
			cases[i].idle_uj);
	}
}

/* Absurd input begins anew instead of overflowing. */
static void test_overflow(void **state)
{
	struct idle_power power = { 0 };
	struct random_state random = { 9 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		idle_power_learn(&power.learned, random_u64(&random),
			random_u64(&random) >> random_below(&random, 64),
			random_u64(&random), random_u64(&random));
	power.learned = (struct idle_power_state){ 0 };
	idle_power_learn(&power.learned, UINT64_MAX, 1, 0, CPUS);
	idle_power_learn(&power.learned, 1, 1, 0, CPUS);
	assert_int_equal(power.learned.block_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learn),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_given),
		cmocka_unit_test(test_energy),
		cmocka_unit_test(test_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
