/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The simulated hosts of the accuracy bench: the same on every machine, energy that
 * adds up, counters as a kernel has them.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/trace_reader.h"
#include "tests/bench/accuracy/run.h"
#include "tests/bench/accuracy/run_sample.h"
#include "tests/bench/accuracy/trace.h"

#define TICKS 20

static void hash_add(uint64_t *hash, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		*hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001b3);
}

static void hash_sample(uint64_t *hash, const struct sample *sample)
{
	for (size_t z = 0; z < sample->n_zones; z++)
		hash_add(hash, &sample->zones[z].energy_uj, sizeof(uint64_t));
	for (size_t i = 0; i < sample->n_cpus; i++) {
		hash_add(hash, &sample->cpus[i].busy_ns, sizeof(uint64_t));
		hash_add(hash, &sample->cpus[i].khz, sizeof(uint32_t));
	}
	for (size_t i = 0; i < sample->n_domains; i++)
		hash_add(hash, &sample->domains[i].uuid, sizeof(struct uuid));
	for (size_t i = 0; i < sample->n_threads; i++) {
		hash_add(hash, &sample->threads[i].cpu_ns, sizeof(uint64_t));
		hash_add(hash, &sample->threads[i].last_cpu, sizeof(uint16_t));
	}
}

static uint64_t hash_of(const char *scenario, uint64_t seed)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct sample sample = { 0 };
	struct run *run;

	assert_int_equal(run_new(scenario_find(scenario), seed, &run, &sample), 0);
	hash_sample(&hash, &sample);
	for (unsigned t = 0; t < TICKS; t++) {
		assert_int_equal(run_tick(run, &sample), 0);
		hash_sample(&hash, &sample);
		hash_add(&hash, run->truth_j, sizeof(run->truth_j));
	}
	sample_deinit(&sample);
	run_free(run);
	return hash;
}

/* Changes only with the simulator, and with it all published figures. */
static void test_seeds(void **state)
{
	static const struct {
		const char *scenario;
		uint64_t seed, hash;
	} cases[] = {
		{ "main", 1, UINT64_C(0x77a6803c229abc66) },
		{ "main", 2, UINT64_C(0x7a178163f1a05a0f) },
		{ "plain", 1, UINT64_C(0x5cae4725e6e09e44) },
		{ "low", 1, UINT64_C(0xae29a3ec4a0fe7ad) },
		{ "high", 1046, UINT64_C(0xb18cff12d93c2c4b) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t hash = hash_of(cases[i].scenario, cases[i].seed);

		if (hash != cases[i].hash)
			fail_msg("%s %d is %#llx", cases[i].scenario, (int)cases[i].seed,
				(unsigned long long)hash);
	}
}

static double growth_j(const struct run *run, size_t z, const struct sample *before,
	const struct sample *now)
{
	uint64_t from = before->zones[z].energy_uj, to = now->zones[z].energy_uj;

	if (to < from)
		to += run->machine.zones[z].max_energy_range_uj;
	return (double)(to - from) / 1e6;
}

/* What the counter shows beyond idle power is the truth's sum, but for leakage. */
static void check_energy(
	const struct run *run, const struct sample *before, const struct sample *now)
{
	for (size_t z = 0; z < run->machine.n_zones; z++) {
		double idle_j = run_idle_w(run, z), truth_j = 0, rest_j;

		for (unsigned i = 0; i <= run->load.n_domains; i++)
			truth_j += run->truth_j[i][z];
		rest_j = growth_j(run, z, before, now) - idle_j - truth_j;
		assert_true(rest_j > -0.001 && rest_j < 0.06 * idle_j + 0.001);
	}
}

/* A CPU is not busy for longer than there was time, nor all threads than all CPUs. */
static void check_time(const struct sample *before, const struct sample *now)
{
	uint64_t dt_ns = now->boottime_ns - before->boottime_ns, busy_ns = 0, used_ns = 0;

	for (size_t i = 0; i < now->n_cpus; i++) {
		uint64_t ns = now->cpus[i].busy_ns - before->cpus[i].busy_ns;

		assert_true(ns <= dt_ns + 10000000);
		busy_ns += ns;
	}
	for (size_t i = 0; i < now->n_domains; i++) {
		const struct sample_domain *domain = &now->domains[i];
		const struct sample_domain *was = sample_find_domain(
			before, &domain->uuid);

		for (size_t k = 0; k < domain->n_threads; k++) {
			used_ns += now->threads[domain->first_thread + k].cpu_ns;
			if (was)
				used_ns -= before->threads[was->first_thread + k].cpu_ns;
		}
	}
	assert_true(used_ns <= busy_ns + 10000000 * now->n_cpus);
}

static void test_sums(void **state)
{
	(void)state;
	for (const struct scenario *s = scenarios; s->name; s++)
		for (uint64_t seed = 2000; seed < 2010; seed++) {
			struct sample samples[2] = { 0 };
			struct run *run;

			assert_int_equal(run_new(s, seed, &run, &samples[0]), 0);
			for (unsigned t = 1; t <= TICKS; t++) {
				assert_int_equal(run_tick(run, &samples[t % 2]), 0);
				check_energy(run, &samples[1 - t % 2], &samples[t % 2]);
				check_time(&samples[1 - t % 2], &samples[t % 2]);
			}
			sample_deinit(&samples[0]);
			sample_deinit(&samples[1]);
			run_free(run);
		}
}

static void assert_same_domain(const struct sample *a, const struct sample *b, size_t d)
{
	const struct sample_domain *x = &a->domains[d], *y = &b->domains[d];

	assert_int_equal(uuid_compare(&x->uuid, &y->uuid), 0);
	assert_int_equal(x->n_vcpus, y->n_vcpus);
	assert_int_equal(x->memory_kib, y->memory_kib);
	assert_int_equal(x->exited_ns, y->exited_ns);
	assert_int_equal(x->n_threads, y->n_threads);
	for (size_t n = 0; n < a->n_nodes; n++)
		assert_int_equal(
			*sample_resident_kib(a, d, n), *sample_resident_kib(b, d, n));
	for (size_t i = 0; i < x->n_threads; i++) {
		const struct sample_thread *t = &a->threads[x->first_thread + i];
		const struct sample_thread *u = &b->threads[y->first_thread + i];

		assert_int_equal(t->tid, u->tid);
		assert_int_equal(t->kind, u->kind);
		assert_int_equal(t->index, u->index);
		assert_int_equal(t->cpu_ns, u->cpu_ns);
		assert_int_equal(t->last_cpu, u->last_cpu);
	}
}

static void assert_same_sample(const struct sample *a, const struct sample *b)
{
	assert_int_equal(a->n_zones, b->n_zones);
	for (size_t z = 0; z < a->n_zones; z++)
		assert_int_equal(a->zones[z].energy_uj, b->zones[z].energy_uj);
	assert_int_equal(a->n_cpus, b->n_cpus);
	for (size_t i = 0; i < a->n_cpus; i++) {
		assert_int_equal(a->cpus[i].busy_ns, b->cpus[i].busy_ns);
		assert_int_equal(a->cpus[i].khz, b->cpus[i].khz);
	}
	assert_int_equal(a->n_nodes, b->n_nodes);
	assert_int_equal(a->n_domains, b->n_domains);
	for (size_t d = 0; d < a->n_domains; d++)
		assert_same_domain(a, b, d);
}

/* What was written since the last call, as the daemon's reader has it. */
static void take_written(struct trace *trace, struct trace_reader *reader, char **text,
	size_t *from, enum trace_line expected)
{
	enum trace_line line;
	long to;

	assert_int_equal(fflush(trace->record), 0);
	to = ftell(trace->record);
	assert_int_equal(
		trace_reader_take(reader, *text + *from, (size_t)to - *from, &line), 0);
	assert_int_equal(line, expected);
	*from = (size_t)to;
}

/* A recording, read by the daemon's own reader, is what was simulated. */
static void test_recording(void **state)
{
	struct sample sample = { 0 };
	struct trace_reader *reader;
	struct trace trace = { 0 };
	size_t from = 0, size = 0;
	char *text = NULL;
	struct run *run;

	(void)state;
	assert_int_equal(run_new(scenario_find("high"), 2002, &run, &sample), 0);
	assert_int_equal(trace_reader_new(&reader), 0);
	trace.record = open_memstream(&text, &size);
	assert_non_null(trace.record);
	trace_write_host(&trace, run);
	take_written(&trace, reader, &text, &from, TRACE_LINE_HOST);
	assert_int_equal(trace_reader_machine(reader)->n_packages, run->rig.n_packages);
	for (unsigned t = 0; t < 3 * TICKS; t++) {
		trace_write_sample(&trace, run, &sample);
		take_written(&trace, reader, &text, &from, TRACE_LINE_TICK);
		assert_same_sample(&sample, trace_reader_sample(reader));
		assert_int_equal(trace_reader_t_ns(reader), run_time_ns(run));
		assert_int_equal(run_tick(run, &sample), 0);
	}
	fclose(trace.record);
	free(text);
	trace_reader_free(reader);
	sample_deinit(&sample);
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_recording),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
