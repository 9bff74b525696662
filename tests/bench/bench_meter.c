/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What attribution costs a tick, when every thread ran: beside a plain pass over
 * the same threads and the domains' shares, in the same run and in turns.
 */
#include <assert.h>
#include <stdlib.h>
#include <time.h>

#include "host/meter.h"
#include "shared/clock.h"
#include "tests/unit/random.h"
#include "tests/unit/scene.h"

#define TICKS	300
#define THREADS 8

struct bench {
	struct random_state random;
	struct scene scene;
	struct sample sample;
	struct tick tick;
	struct meter *meter;
	uint64_t step_ns[TICKS];
	uint64_t pass_ns[TICKS];
};

/* What is measured, so that no compiler leaves it out. */
static volatile uint64_t sink;

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void begin(struct bench *bench, uint32_t n_domains, uint32_t vcpus_per_socket)
{
	const struct meter_options options = { .idle_policy = IDLE_POLICY_RESERVED };

	scene_init(&bench->scene, 2);
	scene_add_zone(&bench->scene, "dram-0", MACHINE_ZONE_DRAM, 0);
	scene_add_zone(&bench->scene, "dram-1", MACHINE_ZONE_DRAM, 1);
	assert(meter_new(&options, &bench->meter) == 0);
	for (size_t z = 0; z < 4; z++)
		assert(meter_set_idle_power(bench->meter,
			       bench->scene.machine.zones[z].name, IDLE_POWER_CONFIGURED,
			       20000000) == 0);
	scene_begin(&bench->scene, &bench->sample, SCENE_SECOND_NS);
	for (uint32_t i = 1; i <= n_domains; i++) {
		scene_add_domain(&bench->sample, i, THREADS - 2)->vcpus_per_socket =
			vcpus_per_socket;
		for (uint16_t t = 0; t < THREADS; t++)
			scene_add_thread(&bench->sample,
				t < THREADS - 2 ? SAMPLE_THREAD_VCPU
						: SAMPLE_THREAD_EMULATOR,
				t, 0, (uint16_t)random_below(&bench->random, SCENE_CPUS));
	}
}

static void run_domains(struct bench *bench)
{
	struct sample *sample = &bench->sample;

	sample->boottime_ns += SCENE_SECOND_NS;
	sample->monotonic_ns += SCENE_SECOND_NS;
	for (size_t z = 0; z < sample->n_zones; z++)
		sample->zones[z].energy_uj += 30000000 +
					      random_below(&bench->random, 50000000);
	for (size_t i = 0; i < sample->n_threads; i++) {
		struct sample_thread *thread = &sample->threads[i];
		uint64_t ns = random_below(&bench->random, 10000000);

		thread->cpu_ns += ns;
		if (random_one_in(&bench->random, 8))
			thread->last_cpu = (uint16_t)random_below(
				&bench->random, SCENE_CPUS);
		sample->cpus[thread->last_cpu].busy_ns += ns;
	}
}

/* No attribution touches less than this. */
static void pass(const struct bench *bench)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < bench->sample.n_threads; i++)
		sum += bench->sample.threads[i].cpu_ns;
	for (size_t i = 0; i < bench->tick.n_domains; i++)
		for (size_t z = 0; z < bench->tick.n_zones; z++)
			sum += tick_share(&bench->tick, i, z)->dynamic_uj;
	sink = sum;
}

static void run(uint32_t n_domains, uint32_t vcpus_per_socket)
{
	static struct bench bench;
	double step_us, pass_us;

	memset(&bench, 0, sizeof(bench));
	begin(&bench, n_domains, vcpus_per_socket);
	for (size_t t = 0; t < TICKS; t++) {
		uint64_t before, between;

		run_domains(&bench);
		before = clock_monotonic_ns();
		if (meter_step(bench.meter, &bench.scene.machine, &bench.sample,
			    &bench.tick) < 0)
			abort();
		meter_accept(bench.meter);
		between = clock_monotonic_ns();
		pass(&bench);
		bench.step_ns[t] = between - before;
		bench.pass_ns[t] = clock_monotonic_ns() - between;
	}
	qsort(bench.step_ns, TICKS, sizeof(bench.step_ns[0]), compare_u64);
	qsort(bench.pass_ns, TICKS, sizeof(bench.pass_ns[0]), compare_u64);
	step_us = (double)bench.step_ns[TICKS / 2] / 1000;
	pass_us = (double)bench.pass_ns[TICKS / 2] / 1000;
	printf("meter_step: %4u domains x %d threads, %s: %8.1f us a tick (p99 %.1f),"
	       " %.0f ns a thread; plain pass %.1f us\n",
		n_domains, THREADS,
		vcpus_per_socket >= THREADS ? "1 socket " : "3 sockets", step_us,
		(double)bench.step_ns[TICKS * 99 / 100] / 1000,
		step_us * 1000 / (n_domains * THREADS), pass_us);
	meter_free(bench.meter);
	sample_deinit(&bench.sample);
	tick_deinit(&bench.tick);
}

int main(void)
{
	static const uint32_t counts[] = { 2, 50, 1000 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		run(counts[i], THREADS);
		run(counts[i], 2);
	}
	return 0;
}
