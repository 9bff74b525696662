/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Estimated energy: idle, busy, in between; never less; the same after a restart. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/estimate.h"

#define SECOND 1000000000u

static struct topology_cpu cpus[] = {
	{ .online = true },
	{ .online = true },
	{ .online = true, .physical_id = 3 },
	{ .online = false },
};
static const struct topology topology = { .n_cpus = 4, .cpus = cpus };

struct bed {
	void *source;
	struct machine machine;
	struct sample sample;
	struct sample_cpu sample_cpus[4];
};

static void bed_start(struct bed *bed)
{
	const struct energy_config config = { .idle_uw = 10000000, .full_uw = 30000000 };

	*bed = (struct bed){ .sample.n_cpus = 4 };
	assert_int_equal(estimate_ops.open(&config, &bed->source), 0);
	assert_int_equal(estimate_ops.scan(bed->source, &topology, &bed->machine), 0);
}

static void bed_read(struct bed *bed, uint64_t monotonic_ns, uint64_t busy0_ns,
	uint64_t busy1_ns, uint64_t busy2_ns)
{
	int error[MACHINE_ZONES_MAX];

	bed->sample.monotonic_ns = monotonic_ns;
	bed->sample_cpus[0].busy_ns = busy0_ns;
	bed->sample_cpus[1].busy_ns = busy1_ns;
	bed->sample_cpus[2].busy_ns = busy2_ns;
	bed->sample.cpus = bed->sample_cpus;
	estimate_ops.read(bed->source, &bed->sample, error);
	assert_int_equal(bed->sample.n_zones, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(error[i], 0);
		assert_true(bed->sample.zones[i].valid);
	}
}

static void bed_stop(struct bed *bed)
{
	estimate_ops.close(bed->source);
	free(bed->machine.cpus);
}

static void check(const struct bed *bed, uint64_t energy0_uj, uint64_t energy1_uj)
{
	assert_int_equal(bed->sample.zones[0].energy_uj, energy0_uj);
	assert_int_equal(bed->sample.zones[1].energy_uj, energy1_uj);
}

static void test_linear(void **state)
{
	struct bed bed;

	(void)state;
	bed_start(&bed);
	assert_int_equal(bed.machine.n_zones, 2);
	assert_string_equal(bed.machine.zones[0].name, "package-0");
	assert_string_equal(bed.machine.zones[1].name, "package-3");
	assert_int_equal(bed.machine.zones[1].max_power_uw, 30000000);
	assert_true(bed.machine.zones[1].max_energy_range_uj == ESTIMATE_RANGE_UJ);
	bed_read(&bed, SECOND, 0, 0, 0);
	check(&bed, 10000000, 10000000);
	/* One of two CPUs, the only one. */
	bed_read(&bed, 2 * (uint64_t)SECOND, SECOND, 0, SECOND);
	check(&bed, 30000000, 40000000);
	/* A CPU cannot be busier than the time; a count that falls adds nothing. */
	bed_read(&bed, 3 * (uint64_t)SECOND, 9 * (uint64_t)SECOND, 0, 0);
	check(&bed, 50000000, 50000000);
	bed_read(&bed, 3 * (uint64_t)SECOND, 9 * (uint64_t)SECOND, 0, SECOND / 2);
	check(&bed, 50000000, 50000000);
	bed_stop(&bed);
}

/* Below a microjoule nothing is lost. */
static void test_remainder(void **state)
{
	struct bed bed;

	(void)state;
	bed_start(&bed);
	for (uint64_t i = 1; i <= 1000; i++)
		bed_read(&bed, i * 33, 0, 0, 0);
	check(&bed, 330, 330);
	bed_stop(&bed);
}

static void test_restart(void **state)
{
	struct bed first, second;

	(void)state;
	bed_start(&first);
	for (uint64_t i = 1; i <= 100; i++)
		bed_read(&first, i * SECOND, i * SECOND / 3, i * SECOND / 7,
			i * SECOND / 2);
	bed_start(&second);
	bed_read(&second, 100 * (uint64_t)SECOND, 100 * (uint64_t)SECOND / 3,
		100 * (uint64_t)SECOND / 7, 100 * (uint64_t)SECOND / 2);
	check(&second, first.sample.zones[0].energy_uj, first.sample.zones[1].energy_uj);
	bed_stop(&first);
	bed_stop(&second);
}

/* The counters survive a scan that renumbers the packages. */
static void test_rescan(void **state)
{
	struct topology without = { .n_cpus = 4,
		.cpus = (struct topology_cpu[4]){ [2] = cpus[2] } };
	struct machine machine = { 0 };
	struct bed bed;
	int error[MACHINE_ZONES_MAX];

	(void)state;
	bed_start(&bed);
	bed_read(&bed, SECOND, 0, 0, SECOND);
	assert_int_equal(estimate_ops.scan(bed.source, &without, &machine), 0);
	bed.sample.monotonic_ns = 2 * (uint64_t)SECOND;
	estimate_ops.read(bed.source, &bed.sample, error);
	assert_int_equal(bed.sample.n_zones, 1);
	assert_int_equal(bed.sample.zones[0].energy_uj, 40000000);
	free(machine.cpus);
	bed_stop(&bed);
}

static void test_config(void **state)
{
	const struct energy_config config = { .idle_uw = 2, .full_uw = 1 };
	void *source;

	(void)state;
	assert_int_equal(estimate_ops.open(&config, &source), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linear),
		cmocka_unit_test(test_remainder),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_rescan),
		cmocka_unit_test(test_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
