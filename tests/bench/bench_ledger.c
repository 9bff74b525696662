/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What it costs to have a tick in the ledger, when every domain used energy and
 * every thread ran: beside a plain copy of as many bytes into a mapping, in the same
 * run and in turns; with ended domains in the book; with a writer at work.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/ledger.h"
#include "host/writer.h"
#include "tests/unit/world.h"

#define TICKS	300
#define ZONES	4
#define THREADS 8

struct result {
	uint64_t tick_ns[TICKS];
	uint64_t copy_ns[TICKS];
	size_t n_bytes;
};

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Two slots in turn, as the ledger has them. */
static uint8_t *map_scratch(const char *dir, size_t size)
{
	char path[128];
	void *map;
	int fd;

	snprintf(path, sizeof(path), "%s/scratch", dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert(fd >= 0);
	assert(posix_fallocate(fd, 0, (off_t)(2 * size)) == 0);
	map = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert(map != MAP_FAILED);
	close(fd);
	return map;
}

static size_t bytes_of(const struct world *world)
{
	const size_t header = 16;

	return header + LEDGER_HEADER_BYTES + ZONES * (header + LEDGER_ZONE_BYTES) +
	       world->sample.n_domains *
		       (header + LEDGER_DOMAIN_BYTES + 8 * LEDGER_SHARE_BYTES) +
	       world->sample.n_threads * (header + LEDGER_THREAD_BYTES) +
	       world->sample.n_cpus * (header + LEDGER_CPU_BYTES);
}

static void add_domains(struct world *world, uint32_t first, uint32_t n)
{
	world_clear_domains(world);
	for (uint32_t i = first; i < first + n; i++)
		world_add_domain(world, i, 10000 + THREADS * (pid_t)i, THREADS);
}

static void apply(struct ledger *ledger, struct world *world)
{
	struct ledger_update update;

	world_step(world);
	update = world_update(world);
	assert(ledger_apply(ledger, &update) == 0);
}

static void measure(struct ledger *ledger, struct world *world, const char *dir,
	struct result *ret_result)
{
	size_t n = bytes_of(world);
	uint8_t *scratch = map_scratch(dir, n), *source = malloc(n);

	assert(source);
	memset(source, 1, n);
	for (size_t i = 0; i < TICKS; i++) {
		struct ledger_update update;
		uint64_t start_ns;

		world_step(world);
		update = world_update(world);
		start_ns = clock_monotonic_ns();
		assert(ledger_apply(ledger, &update) == 0);
		ret_result->tick_ns[i] = clock_monotonic_ns() - start_ns;
		start_ns = clock_monotonic_ns();
		memcpy(scratch + i % 2 * n, source, n);
		ret_result->copy_ns[i] = clock_monotonic_ns() - start_ns;
	}
	ret_result->n_bytes = n;
	munmap(scratch, 2 * n);
	free(source);
}

static void print_result(const char *what, uint32_t n, struct result *result)
{
	qsort(result->tick_ns, TICKS, sizeof(uint64_t), compare_u64);
	qsort(result->copy_ns, TICKS, sizeof(uint64_t), compare_u64);
	printf("ledger: %4u domains x %d threads%s: %zu bytes, tick %.1f us (p99 %.1f, max %.1f), "
	       "copy alone %.1f us (p99 %.1f, max %.1f)\n",
		n, THREADS, what, result->n_bytes,
		(double)result->tick_ns[TICKS / 2] / 1e3,
		(double)result->tick_ns[TICKS * 99 / 100] / 1e3,
		(double)result->tick_ns[TICKS - 1] / 1e3,
		(double)result->copy_ns[TICKS / 2] / 1e3,
		(double)result->copy_ns[TICKS * 99 / 100] / 1e3,
		(double)result->copy_ns[TICKS - 1] / 1e3);
}

/* The tick that ends an hour makes its record and stores every row. */
static void run_hours(uint32_t n)
{
	char dir[] = "/var/tmp/bench_ledger.XXXXXX", command[64];
	const struct uuid boot = { { 1 } };
	char message[LEDGER_MESSAGE_SIZE];
	struct ledger *ledger;
	uint64_t ns[TICKS];
	struct world world;

	assert(mkdtemp(dir));
	assert(ledger_open(dir, &boot, message, &ledger) == 0);
	world_init(&world, ZONES, 64);
	add_domains(&world, 0, n);
	apply(ledger, &world);
	for (size_t i = 0; i < TICKS; i++) {
		struct ledger_update update;
		struct interval_record record;
		uint64_t start_ns;

		world_step(&world);
		world.wall_ns += 3600 * (uint64_t)NSEC_PER_SEC;
		update = world_update(&world);
		start_ns = clock_monotonic_ns();
		assert(ledger_apply(ledger, &update) == 0);
		ns[i] = clock_monotonic_ns() - start_ns;
		while (ledger_next_interval(ledger, &record))
			interval_record_deinit(&record);
	}
	qsort(ns, TICKS, sizeof(ns[0]), compare_u64);
	printf("ledger: %4u domains x %d threads, the tick that ends an hour: %.1f us "
	       "(p99 %.1f, max %.1f)\n",
		n, THREADS, (double)ns[TICKS / 2] / 1e3,
		(double)ns[TICKS * 99 / 100] / 1e3, (double)ns[TICKS - 1] / 1e3);
	ledger_close(ledger);
	world_deinit(&world);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert(system(command) == 0);
}

static void run(uint32_t n, uint32_t n_ended, bool checkpoints)
{
	char dir[] = "/var/tmp/bench_ledger.XXXXXX", command[64];
	const struct uuid boot = { { 1 } };
	char message[LEDGER_MESSAGE_SIZE];
	struct writer *writer = NULL;
	struct ledger *ledger;
	struct result result;
	struct world world;

	assert(mkdtemp(dir));
	assert(ledger_open(dir, &boot, message, &ledger) == 0);
	world_init(&world, ZONES, 64);
	add_domains(&world, 0, n_ended);
	apply(ledger, &world);
	add_domains(&world, n_ended, n);
	apply(ledger, &world);
	apply(ledger, &world);
	if (checkpoints)
		assert(writer_start(
			       &(struct writer_config){ .dir = dir, .interval_ms = 1 },
			       &writer) == 0);
	measure(ledger, &world, dir, &result);
	print_result(n_ended	   ? ", 10000 ended ones"
		     : checkpoints ? ", checkpoints all the time"
				   : "",
		n, &result);
	(void)writer_stop(writer, 60000);
	ledger_close(ledger);
	world_deinit(&world);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert(system(command) == 0);
}

int main(void)
{
	run(2, 0, false);
	run(50, 0, false);
	run(50, 10000, false);
	run(1000, 0, false);
	run(1000, 0, true);
	run_hours(50);
	run_hours(1000);
	return 0;
}
