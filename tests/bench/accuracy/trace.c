/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Recordings of simulated hosts. */
#include "tests/bench/accuracy/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "tests/bench/accuracy/run_sample.h"

static const char *const kind_names[] = {
	[SAMPLE_THREAD_VCPU] = "vcpu",
	[SAMPLE_THREAD_EMULATOR] = "emulator",
	[SAMPLE_THREAD_IOTHREAD] = "iothread",
	[SAMPLE_THREAD_VHOST] = "vhost",
};

static const char *comma(size_t i)
{
	return i > 0 ? "," : "";
}

void trace_write_host(struct trace *trace, const struct run *run)
{
	const struct machine *machine = &run->machine;
	FILE *file = trace->record;

	fputs("{\"type\":\"host\",\"version\":1,\"cpus\":[", file);
	for (size_t i = 0; i < machine->n_cpus; i++)
		fprintf(file, "%s{\"cpu\":%zu,\"package\":%u,\"core\":%u,\"node\":%u}",
			comma(i), i, machine->cpus[i].package, machine->cpus[i].core,
			machine->cpus[i].node);
	fputs("],\"zones\":[", file);
	for (size_t z = 0; z < machine->n_zones; z++)
		fprintf(file,
			"%s{\"zone\":\"%s\",\"package\":%u,\"kind\":\"%s\","
			"\"max_energy_range_uj\":\"%" PRIu64 "\"}",
			comma(z), machine->zones[z].name, machine->zones[z].package,
			machine->zones[z].kind == MACHINE_ZONE_DRAM ? "dram" : "package",
			machine->zones[z].max_energy_range_uj);
	fputs("],\"idle_w\":{", file);
	for (size_t z = 0; z < machine->n_zones; z++)
		fprintf(file, "%s\"%s\":%.6f", comma(z), machine->zones[z].name,
			run_idle_w(run, z));
	fputs("}}\n", file);
}

static FILE *open_in(const char *dir, const char *name, uint64_t seed, const char *suffix)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s-%" PRIu64 "%s.ndjson", dir, name,
		seed, suffix);

	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return fopen(path, "we");
}

int trace_open(struct trace *trace, const char *dir, const char *name, uint64_t seed,
	const struct run *run)
{
	FILE *record, *truth;

	record = open_in(dir, name, seed, "");
	if (!record)
		return -errno;
	truth = open_in(dir, name, seed, ".truth");
	if (!truth) {
		int r = -errno;

		fclose(record);
		return r;
	}
	trace->record = record;
	trace->truth = truth;
	trace_write_host(trace, run);
	return 0;
}

/* Of what was there before the first tick: 0. */
static uint64_t start_ns(uint64_t start_ticks)
{
	uint64_t ns = start_ticks * UINT64_C(10000000);

	return ns > RUN_BOOTTIME_NS ? ns - RUN_BOOTTIME_NS : 0;
}

static void write_domain(FILE *file, const struct sample *sample, size_t index)
{
	const struct sample_domain *domain = &sample->domains[index];
	const struct sample_thread *threads = &sample->threads[domain->first_thread];
	char uuid[UUID_TEXT_SIZE];
	uint64_t process_ns = 0;

	/* vhost's are kernel threads: not on the clock of QEMU's process. */
	for (size_t i = 0; i < domain->n_threads; i++)
		if (threads[i].kind != SAMPLE_THREAD_VHOST)
			process_ns += threads[i].cpu_ns;
	uuid_format(&domain->uuid, uuid);
	fprintf(file,
		"%s{\"uuid\":\"%s\",\"name\":\"vm%d\",\"vcpus\":%u,\"memory_kib\":%" PRIu64
		",\"process_ns\":%" PRIu64 ",\"threads\":[",
		comma(index), uuid, domain->pid, domain->n_vcpus, domain->memory_kib,
		process_ns);
	for (size_t i = 0; i < domain->n_threads; i++)
		fprintf(file, "%s[%d,%" PRIu64 ",\"%s\",%u,%" PRIu64 ",%u]", comma(i),
			threads[i].tid, start_ns(threads[i].start_ticks),
			kind_names[threads[i].kind], threads[i].index, threads[i].cpu_ns,
			threads[i].last_cpu);
	fputs("],\"rss_kib\":[", file);
	for (size_t n = 0; n < sample->n_nodes; n++)
		fprintf(file, "%s%" PRIu64, comma(n),
			*sample_resident_kib(sample, index, n));
	fputs("]}", file);
}

void trace_write_sample(
	struct trace *trace, const struct run *run, const struct sample *sample)
{
	FILE *file = trace->record;

	fprintf(file, "{\"type\":\"tick\",\"t_ns\":\"%" PRIu64 "\",\"energy_uj\":{",
		run_time_ns(run));
	for (size_t z = 0; z < sample->n_zones; z++)
		fprintf(file, "%s\"%s\":\"%" PRIu64 "\"", comma(z),
			run->machine.zones[z].name, sample->zones[z].energy_uj);
	fputs("},\"cpu\":[", file);
	for (size_t i = 0; i < sample->n_cpus; i++)
		fprintf(file, "%s[%" PRIu64 ",%u]", comma(i), sample->cpus[i].busy_ns,
			sample->cpus[i].khz);
	fputs("],\"domains\":[", file);
	for (size_t i = 0; i < sample->n_domains; i++)
		write_domain(file, sample, i);
	fputs("]}\n", file);
}

void trace_write_truth(struct trace *trace, const struct run *run)
{
	fprintf(trace->truth, "{\"t_ns\":\"%" PRIu64 "\",\"zones\":{", run_time_ns(run));
	for (size_t z = 0; z < run->machine.n_zones; z++) {
		size_t n = 0;

		fprintf(trace->truth, "%s\"%s\":{", comma(z), run->machine.zones[z].name);
		for (unsigned i = 0; i <= run->load.n_domains; i++) {
			char uuid[UUID_TEXT_SIZE];

			if (run->truth_j[i][z] == 0)
				continue;
			uuid_format(&run->load.players[i].uuid, uuid);
			fprintf(trace->truth, "%s\"%s\":%.9f", comma(n++),
				i < run->load.n_domains ? uuid : "host",
				run->truth_j[i][z]);
		}
		fputc('}', trace->truth);
	}
	fputs("}}\n", trace->truth);
}

int trace_close(struct trace *trace)
{
	int failed = ferror(trace->record) | ferror(trace->truth);

	failed |= fclose(trace->record);
	failed |= fclose(trace->truth);
	return failed ? -EIO : 0;
}
