/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What attribution costs a tick, when every thread ran, on two sockets of 32 cores with
 * two threads each, of which all is known: beside a plain pass over the same threads and
 * the domains' shares, in the same run and in turns. Instructions tells
 *
 *	valgrind --tool=callgrind --toggle-collect=meter_step tests/bench/bench_meter
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
#define CPUS	128
#define NODES	2

struct bench {
	struct random_state random;
	struct scene scene;
	struct machine_cpu cpus[CPUS];
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

static void init_machine(struct bench *bench)
{
	struct machine *machine = &bench->scene.machine;

	scene_init(&bench->scene, 2);
	machine->cpus = bench->cpus;
	machine->n_cpus = CPUS;
	machine->n_nodes = NODES;
	for (uint16_t i = 0; i < CPUS; i++)
		bench->cpus[i] = (struct machine_cpu){
			.online = true,
			.package = i / (CPUS / 4) % 2,
			.core = i % (CPUS / 2),
			.node = i / (CPUS / 4) % 2,
		};
	for (size_t p = 0; p < 2; p++) {
		machine->packages[p].n_cpus = CPUS / 2;
		machine->node_memory_kib[p] = UINT64_C(1) << 30;
	}
}

static void add_domain(struct bench *bench, uint32_t number, uint32_t vcpus_per_socket)
{
	scene_add_domain(&bench->sample, number, THREADS - 2)->vcpus_per_socket =
		vcpus_per_socket;
	for (uint16_t t = 0; t < THREADS; t++)
		scene_add_thread(&bench->sample,
			t < THREADS - 2 ? SAMPLE_THREAD_VCPU : SAMPLE_THREAD_EMULATOR, t,
			0, (uint16_t)random_below(&bench->random, CPUS));
}

static void begin(
	struct bench *bench, uint32_t n_domains, uint32_t vcpus_per_socket, bool learn)
{
	const struct meter_options options = {
		.idle_policy = IDLE_POLICY_RESERVED,
		.weight = { WEIGHT_SMT_GAIN, WEIGHT_FREQUENCY_EXPONENT },
		.learn = learn,
	};

	init_machine(bench);
	scene_add_zone(&bench->scene, "dram-0", MACHINE_ZONE_DRAM, 0);
	scene_add_zone(&bench->scene, "dram-1", MACHINE_ZONE_DRAM, 1);
	assert(meter_new(&options, &bench->meter) == 0);
	for (size_t z = 0; z < 4; z++)
		assert(meter_set_idle_power(bench->meter,
			       bench->scene.machine.zones[z].name, IDLE_POWER_CONFIGURED,
			       20000000) == 0);
	scene_begin(&bench->scene, &bench->sample, SCENE_SECOND_NS);
	for (uint32_t i = 1; i <= n_domains; i++)
		add_domain(bench, i, vcpus_per_socket);
	assert(sample_reserve_nodes(&bench->sample, NODES) == 0);
	for (size_t i = 0; i < NODES * (size_t)n_domains; i++)
		bench->sample.resident_kib[i] = random_below(&bench->random, 1u << 20);
}

static void run_domains(struct bench *bench)
{
	struct sample *sample = &bench->sample;

	sample->boottime_ns += SCENE_SECOND_NS;
	sample->monotonic_ns += SCENE_SECOND_NS;
	for (size_t z = 0; z < sample->n_zones; z++)
		sample->zones[z].energy_uj += 30000000 +
					      random_below(&bench->random, 50000000);
	for (size_t i = 0; i < CPUS; i++)
		sample->cpus[i].khz = 2000000 +
				      (uint32_t)random_below(&bench->random, 2000000);
	for (size_t i = 0; i < sample->n_threads; i++) {
		struct sample_thread *thread = &sample->threads[i];
		uint64_t ns = random_below(&bench->random, 10000000);

		thread->cpu_ns += ns;
		if (random_one_in(&bench->random, 8))
			thread->last_cpu = (uint16_t)random_below(&bench->random, CPUS);
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

static void run(uint32_t n_domains, uint32_t vcpus_per_socket, bool learn)
{
	static struct bench bench;
	double step_us, pass_us;

	memset(&bench, 0, sizeof(bench));
	begin(&bench, n_domains, vcpus_per_socket, learn);
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
	printf("meter_step: %4u domains x %d threads, %s%s: %8.1f us a tick (p99 %.1f),"
	       " %.0f ns a thread; plain pass %.1f us, ratio %.0f\n",
		n_domains, THREADS,
		vcpus_per_socket >= THREADS ? "1 socket" : "3 sockets",
		learn ? ", learning" : "", step_us,
		(double)bench.step_ns[TICKS * 99 / 100] / 1000,
		step_us * 1000 / (n_domains * THREADS), pass_us, step_us / pass_us);
	meter_free(bench.meter);
	sample_deinit(&bench.sample);
	tick_deinit(&bench.tick);
}

int main(void)
{
	static const uint32_t counts[] = { 2, 50, 1000 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		run(counts[i], THREADS, false);
		run(counts[i], 2, false);
		run(counts[i], THREADS, true);
		run(counts[i], 2, true);
	}
	return 0;
}
