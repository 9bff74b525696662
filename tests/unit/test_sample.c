/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Samples and ticks: growth, copies, look-up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "host/sample.h"
#include "host/tick.h"
#include "tests/unit/scene.h"

#define DOMAINS 100

static void fill(struct sample *sample)
{
	sample_clear(sample);
	sample->boottime_ns = 7;
	sample->n_zones = 2;
	sample->zones[1] = (struct sample_zone){ .valid = true, .energy_uj = 11 };
	assert_int_equal(sample_reserve_cpus(sample, 3), 0);
	sample->n_cpus = 3;
	memset(sample->cpus, 0, 3 * sizeof(*sample->cpus));
	sample->cpus[2].busy_ns = 13;
	for (uint32_t i = 0; i < DOMAINS; i++) {
		scene_add_domain(sample, 2 * i, i);
		for (uint16_t k = 0; k < 3; k++)
			scene_add_thread(sample, SAMPLE_THREAD_VCPU, k, i, k);
	}
}

static void test_fill(void **state)
{
	struct sample sample = { 0 };

	(void)state;
	fill(&sample);
	assert_int_equal(sample.n_domains, DOMAINS);
	assert_int_equal(sample.n_threads, 3 * DOMAINS);
	assert_int_equal(sample.domains[99].n_vcpus, 99);
	assert_int_equal(sample.domains[99].first_thread, 297);
	assert_int_equal(sample.threads[299].index, 2);
	/* New elements are zeroed, also where there was one before. */
	sample_clear(&sample);
	assert_int_equal(sample_add_domain(&sample)->n_vcpus, 0);
	assert_int_equal(sample_add_thread(&sample)->tid, 0);
	sample_deinit(&sample);
}

static void test_keeps_memory(void **state)
{
	struct sample sample = { 0 };
	const struct sample_thread *threads;

	(void)state;
	fill(&sample);
	threads = sample.threads;
	fill(&sample);
	assert_ptr_equal(sample.threads, threads);
	sample_deinit(&sample);
	assert_null(sample.threads);
	sample_deinit(&sample);
}

static void test_copy(void **state)
{
	struct sample from = { 0 }, to = { 0 };

	(void)state;
	assert_int_equal(sample_copy(&to, &from), 0);
	fill(&from);
	assert_int_equal(sample_copy(&to, &from), 0);
	assert_int_equal(to.boottime_ns, 7);
	assert_int_equal(to.zones[1].energy_uj, 11);
	assert_int_equal(to.cpus[2].busy_ns, 13);
	assert_int_equal(to.n_domains, DOMAINS);
	assert_memory_equal(to.domains, from.domains, DOMAINS * sizeof(*to.domains));
	assert_memory_equal(to.threads, from.threads, 3 * DOMAINS * sizeof(*to.threads));
	sample_clear(&from);
	assert_int_equal(sample_copy(&to, &from), 0);
	assert_int_equal(to.n_domains + to.n_threads + to.n_cpus + to.n_zones, 0);
	sample_deinit(&from);
	sample_deinit(&to);
}

static void test_find(void **state)
{
	struct sample sample = { 0 };

	(void)state;
	assert_null(sample_find_domain(&sample, &(struct uuid){ 0 }));
	fill(&sample);
	for (uint32_t i = 0; i < 2 * DOMAINS; i++) {
		const struct uuid uuid = scene_uuid(i);
		const struct sample_domain *domain = sample_find_domain(&sample, &uuid);

		if (i % 2 == 0)
			assert_ptr_equal(domain, &sample.domains[i / 2]);
		else
			assert_null(domain);
	}
	sample_deinit(&sample);
}

static void test_tick(void **state)
{
	struct tick tick = { 0 };

	(void)state;
	assert_int_equal(tick_reset(&tick, 0, 0), 0);
	assert_int_equal(tick_reset(&tick, 4, 10), 0);
	assert_int_equal(tick.n_zones, 4);
	assert_int_equal(tick.n_domains, 10);
	for (size_t d = 0; d < 10; d++)
		for (size_t z = 0; z < 4; z++) {
			assert_int_equal(tick_share(&tick, d, z)->dynamic_uj, 0);
			tick_share(&tick, d, z)->dynamic_uj = 4 * d + z;
		}
	assert_int_equal(tick_share(&tick, 9, 3)->dynamic_uj, 39);
	tick.zones[3].total_uj = 5;
	tick.domains[9].guest_uj[MESSAGE_ZONES_MAX - 1] = 5;
	/* Smaller, other shape: all zero again. */
	assert_int_equal(tick_reset(&tick, 5, 8), 0);
	for (size_t d = 0; d < 8; d++)
		for (size_t z = 0; z < 5; z++)
			assert_int_equal(tick_share(&tick, d, z)->dynamic_uj, 0);
	assert_int_equal(tick.zones[3].total_uj, 0);
	assert_int_equal(tick_reset(&tick, 4, 10), 0);
	assert_int_equal(tick.domains[9].guest_uj[MESSAGE_ZONES_MAX - 1], 0);
	tick_deinit(&tick);
	tick_deinit(&tick);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_keeps_memory),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
