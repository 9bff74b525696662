/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What replaying a trace costs, beside just reading its lines, in the same run; and what
 * writing it did. bench_replay [TICKS [DOMAINS [VCPUS]]]
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lines.h"
#include "host/replay.h"
#include "host/trace_writer.h"
#include "shared/clock.h"
#include "tests/unit/random.h"

#define PACKAGES 2
#define CPUS	 64

struct world {
	struct random_state random;
	struct machine machine;
	struct machine_cpu cpus[CPUS];
	struct sample sample;
	const char **names;
};

static void make_machine(struct world *world)
{
	struct machine *machine = &world->machine;

	machine->generation = 1;
	machine->cpus = world->cpus;
	machine->n_cpus = CPUS;
	machine->n_packages = PACKAGES;
	for (uint16_t i = 0; i < CPUS; i++)
		world->cpus[i] = (struct machine_cpu){
			.online = true,
			.package = (uint16_t)(i / (CPUS / PACKAGES)),
			.core = (uint16_t)(i & ~1u),
			.node = (uint16_t)(i / (CPUS / PACKAGES)),
		};
	for (uint16_t p = 0; p < PACKAGES; p++) {
		struct machine_zone *zone = &machine->zones[machine->n_zones];

		machine->packages[p] = (struct machine_package){ p, -1, CPUS / PACKAGES };
		zone[0] = (struct machine_zone){ .kind = MACHINE_ZONE_PACKAGE };
		zone[1] = (struct machine_zone){ .kind = MACHINE_ZONE_DRAM };
		snprintf(zone[0].name, sizeof(zone[0].name), "package-%u", p);
		snprintf(zone[1].name, sizeof(zone[1].name), "dram-%u", p);
		zone[0].package = zone[1].package = p;
		zone[0].max_energy_range_uj = UINT64_C(262143328850);
		zone[1].max_energy_range_uj = UINT64_C(65712999613);
		machine->n_zones += 2;
	}
}

/* Each domain has its vCPUs and two other threads. */
static void make_domains(struct world *world, unsigned n_domains, unsigned n_vcpus)
{
	struct sample *sample = &world->sample;

	world->names = calloc(n_domains, sizeof(*world->names));
	assert(world->names);
	for (unsigned d = 0; d < n_domains; d++) {
		struct sample_domain *domain = sample_add_domain(sample);

		assert(domain);
		world->names[d] = "a-name-of-common-length";
		for (size_t i = 0; i < sizeof(domain->uuid.bytes); i++)
			domain->uuid.bytes[i] = (uint8_t)random_u64(&world->random);
		domain->uuid.bytes[0] = (uint8_t)(d >> 8);
		domain->uuid.bytes[1] = (uint8_t)d;
		domain->pid = (pid_t)(100000 + 100 * d);
		domain->n_vcpus = domain->max_vcpus = n_vcpus;
		domain->memory_kib = 4 << 20;
		domain->first_thread = (uint32_t)sample->n_threads;
		domain->n_threads = n_vcpus + 2;
		for (unsigned t = 0; t < n_vcpus + 2; t++) {
			struct sample_thread *thread = sample_add_thread(sample);

			assert(thread);
			thread->tid = domain->pid + (pid_t)t;
			thread->kind = t < 2 ? SAMPLE_THREAD_EMULATOR
					     : SAMPLE_THREAD_VCPU;
			thread->index = (uint16_t)(t < 2 ? 0 : t - 2);
			thread->start_ticks = 1000;
			thread->cpu_ns = random_below(&world->random, 1u << 30) << 12;
			thread->last_cpu = (uint16_t)random_below(&world->random, CPUS);
		}
	}
	assert(sample_reserve_nodes(sample, PACKAGES) == 0);
	for (size_t i = 0; i < n_domains * (size_t)PACKAGES; i++)
		sample->resident_kib[i] = random_below(&world->random, 4 << 20);
}

static void world_tick(struct world *world)
{
	struct sample *sample = &world->sample;

	sample->boottime_ns += NSEC_PER_SEC + random_below(&world->random, 100000);
	sample->monotonic_ns = sample->boottime_ns - 1000;
	for (size_t z = 0; z < sample->n_zones; z++) {
		uint64_t *energy_uj = &sample->zones[z].energy_uj;

		sample->zones[z].valid = true;
		*energy_uj += 20000000 + random_below(&world->random, 100000000);
		*energy_uj %= world->machine.zones[z].max_energy_range_uj;
	}
	for (size_t i = 0; i < CPUS; i++)
		sample->cpus[i].khz = (uint32_t)(2000000 +
						 random_below(&world->random, 1500000));
	for (size_t i = 0; i < sample->n_threads; i++) {
		struct sample_thread *thread = &sample->threads[i];
		uint64_t ns = random_below(&world->random, 100000000);

		thread->cpu_ns += ns;
		if (random_one_in(&world->random, 8))
			thread->last_cpu = (uint16_t)random_below(&world->random, CPUS);
		sample->cpus[thread->last_cpu].busy_ns += ns;
	}
}

/* Returns how long the formatting took, without making up the ticks and the disk. */
static uint64_t write_trace(struct world *world, FILE *file, unsigned n_ticks)
{
	static const struct trace_idle idle[MACHINE_ZONES_MAX] = {
		{ true, IDLE_POWER_CONFIGURED, 20000000 },
		{ true, IDLE_POWER_CONFIGURED, 4000000 },
		{ true, IDLE_POWER_CONFIGURED, 20000000 },
		{ true, IDLE_POWER_CONFIGURED, 4000000 },
	};
	const struct trace_item item = { &world->machine, &world->sample, world->names,
		idle, false };
	struct trace_writer writer = { 0 };
	struct json_text text = { 0 };
	uint64_t sum_ns = 0;

	for (unsigned t = 0; t < n_ticks; t++) {
		uint64_t begin_ns;
		int r;

		world_tick(world);
		begin_ns = clock_monotonic_ns();
		json_text_clear(&text);
		r = trace_writer_add(&writer, &item, &text);
		sum_ns += clock_monotonic_ns() - begin_ns;
		if (r < 0 || fwrite(text.data, 1, text.used, file) != text.used)
			abort();
	}
	json_text_deinit(&text);
	if (fflush(file) != 0)
		abort();
	return sum_ns;
}

/* No program that looks at every line does it in less. */
static uint64_t read_lines(const char *path)
{
	uint64_t begin_ns = clock_monotonic_ns();
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct lines lines;
	const char *line;
	size_t len;

	assert(fd >= 0);
	lines_init(&lines, fd, TRACE_LINE_MAX);
	while (lines_next(&lines, &line, &len) > 0)
		;
	lines_deinit(&lines);
	close(fd);
	return clock_monotonic_ns() - begin_ns;
}

/* Returns the time on the clock; on a busy machine the CPU's tells more. */
static uint64_t replay(const char *path, uint64_t *ret_cpu_ns)
{
	const struct meter_options options = {
		.idle_policy = IDLE_POLICY_RESERVED,
		.weight = { WEIGHT_SMT_GAIN, WEIGHT_FREQUENCY_EXPONENT },
	};
	int old = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	uint64_t begin_ns, begin_cpu_ns;

	assert(old >= 0 && null >= 0);
	fflush(stdout);
	begin_cpu_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
	begin_ns = clock_monotonic_ns();
	if (dup2(null, STDOUT_FILENO) < 0 || replay_run(path, &options) != 0 ||
		dup2(old, STDOUT_FILENO) < 0)
		abort();
	begin_ns = clock_monotonic_ns() - begin_ns;
	*ret_cpu_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) - begin_cpu_ns;
	close(null);
	close(old);
	return begin_ns;
}

static unsigned argument(int argc, char **argv, int index, unsigned otherwise)
{
	return argc > index ? (unsigned)atoi(argv[index]) : otherwise;
}

int main(int argc, char **argv)
{
	unsigned n_ticks = argument(argc, argv, 1, 10000);
	unsigned n_domains = argument(argc, argv, 2, 100);
	unsigned n_vcpus = argument(argc, argv, 3, 4);
	char path[] = "/tmp/bench_replay.XXXXXX";
	static struct world world;
	uint64_t write_ns, lines_ns, replay_ns, cpu_ns;
	FILE *file = fdopen(mkstemp(path), "w");
	struct stat st;
	double megabytes;

	assert(file);
	world.random.state = 1;
	make_machine(&world);
	assert(sample_reserve_cpus(&world.sample, CPUS) == 0);
	world.sample.n_cpus = CPUS;
	memset(world.sample.cpus, 0, CPUS * sizeof(*world.sample.cpus));
	world.sample.n_zones = world.machine.n_zones;
	world.sample.boottime_ns = 1000 * (uint64_t)NSEC_PER_SEC;
	make_domains(&world, n_domains, n_vcpus);
	write_ns = write_trace(&world, file, n_ticks);
	fclose(file);
	if (stat(path, &st) < 0)
		abort();
	read_lines(path); /* into the cache */
	lines_ns = read_lines(path);
	replay_ns = replay(path, &cpu_ns);
	unlink(path);
	megabytes = (double)st.st_size / 1e6;
	printf("replay: %u ticks of %u domains x %u vCPUs, %.0f MB: %.2f s (CPU %.2f s, "
	       "%.0f MB/s, %.0f us a tick), %.1f times reading the lines (%.2f s); writing them "
	       "%.2f s (%.0f us a tick)\n",
		n_ticks, n_domains, n_vcpus, megabytes, (double)replay_ns / 1e9,
		(double)cpu_ns / 1e9, megabytes * 1e9 / (double)replay_ns,
		(double)replay_ns / n_ticks / 1e3, (double)replay_ns / (double)lines_ns,
		(double)lines_ns / 1e9, (double)write_ns / 1e9,
		(double)write_ns / n_ticks / 1e3);
	sample_deinit(&world.sample);
	free(world.names);
	return 0;
}
