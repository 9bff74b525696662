/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What a tick of the CPU source costs, for domains of 8 threads in real processes: all
 * of them asleep since the last tick, and all of them having run. Beside it the floor:
 * the preads alone that this needs, of schedstat and, of those that ran, stat.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/cpu_source.h"
#include "shared/clock.h"
#include "tests/unit/fake_qemu.h"

#define THREADS	    8
#define DOMAINS_MAX 50
#define TICKS	    21

static struct fake_qemu qemus[DOMAINS_MAX];
static struct inventory_domain domains[DOMAINS_MAX];

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void pause_ms(unsigned ms)
{
	const struct timespec time = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&time, NULL);
}

static double median_us(uint64_t times_ns[TICKS])
{
	qsort(times_ns, TICKS, sizeof(times_ns[0]), compare);
	return (double)times_ns[TICKS / 2] / 1e3;
}

static void start(size_t i)
{
	char uuid[UUID_TEXT_SIZE];

	snprintf(uuid, sizeof(uuid), "aaaaaaaa-0000-4000-8000-%012zu", i);
	fake_qemu_start(&qemus[i], uuid);
	for (unsigned j = 1; j < THREADS; j++)
		fake_qemu_start_thread(&qemus[i], j == 1 ? "CPU 0/KVM" : "worker");
	domains[i].name = (char *)"bench";
	uuid_parse(uuid, &domains[i].uuid);
}

/* The same files, one fd each, without anything around them. */
static double floor_us(const struct sample *sample, bool ran)
{
	int *fds = calloc(2 * sample->n_threads, sizeof(*fds));
	uint64_t times_ns[TICKS];
	char text[1024];

	for (size_t i = 0; i < sample->n_threads; i++) {
		snprintf(
			text, sizeof(text), "/proc/%d/schedstat", sample->threads[i].tid);
		fds[2 * i] = open(text, O_RDONLY | O_CLOEXEC);
		snprintf(text, sizeof(text), "/proc/%d/stat", sample->threads[i].tid);
		fds[2 * i + 1] = open(text, O_RDONLY | O_CLOEXEC);
	}
	for (size_t tick = 0; tick < TICKS; tick++) {
		uint64_t start_ns;

		pause_ms(50);
		start_ns = clock_monotonic_ns();
		for (size_t i = 0; i < sample->n_threads; i++) {
			if (pread(fds[2 * i], text, sizeof(text), 0) <= 0)
				abort();
			if (ran && pread(fds[2 * i + 1], text, sizeof(text), 0) <= 0)
				abort();
		}
		times_ns[tick] = clock_monotonic_ns() - start_ns;
	}
	for (size_t i = 0; i < 2 * sample->n_threads; i++)
		close(fds[i]);
	free(fds);
	return median_us(times_ns);
}

static double source_us(struct cpu_source *source, struct sample *sample)
{
	uint64_t times_ns[TICKS];

	for (size_t tick = 0; tick < TICKS; tick++) {
		uint64_t start_ns;

		pause_ms(50);
		start_ns = clock_monotonic_ns();
		sample->boottime_ns = clock_boottime_ns();
		if (cpu_source_read(source, sample) < 0)
			abort();
		times_ns[tick] = clock_monotonic_ns() - start_ns;
	}
	return median_us(times_ns);
}

static void bench(size_t n, const char *libvirt_run)
{
	const struct cpu_source_config config = {
		.procfs = "/proc",
		.libvirt_run = libvirt_run,
	};
	struct inventory inventory = { .n_domains = n, .domains = domains };
	struct sample sample = { 0 };
	struct cpu_source *source;

	if (cpu_source_new(&config, &source) < 0 ||
		cpu_source_set_inventory(source, &inventory) < 0)
		abort();
	for (size_t i = 0; i < n; i++)
		cpu_source_set_peer(source, &domains[i].uuid, qemus[i].pid);
	for (int ran = 0; ran < 2; ran++) {
		for (size_t i = 0; i < n; i++)
			fake_qemu_tick(&qemus[i], ran ? 20 : 0);
		source_us(source, &sample);
		printf("%zu domains, %zu threads, %s: %.0f us a tick (bare preads: %.0f us)\n",
			n, sample.n_threads, ran ? "all ran" : "asleep",
			source_us(source, &sample), floor_us(&sample, ran));
	}
	for (size_t i = 0; i < n; i++)
		fake_qemu_tick(&qemus[i], 0);
	sample_deinit(&sample);
	cpu_source_free(source);
}

int main(int argc, char **argv)
{
	fake_qemu_main(argc, argv);
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		start(i);
	bench(2, "/nowhere");
	bench(DOMAINS_MAX, "/nowhere");
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		fake_qemu_kill(&qemus[i]);
	return 0;
}
