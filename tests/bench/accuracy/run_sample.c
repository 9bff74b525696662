/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From a simulated host's state to a sample. */
#include "tests/bench/accuracy/run_sample.h"

#include <errno.h>
#include <string.h>

#include "tests/bench/accuracy/draw.h"
#include "tests/bench/accuracy/run.h"

/* /proc/stat counts, and processes' start times are told, in hundredths. */
#define JIFFY_NS UINT64_C(10000000)

/* Units of RAPL: of packages 2^-14 J as the kernel rounds it, of dram 15.3 uJ. */
#define PACKAGE_UNIT_NJ 61035
#define DRAM_UNIT_NJ	15300

/* Less busy CPUs' clocks are not read. */
#define KHZ_BUSY_NS (LOAD_STEPS * LOAD_STEP_NS / 20)

static uint64_t energy_uj(const struct run *run, size_t zone)
{
	uint64_t unit_nj = zone % 2 == 0 ? PACKAGE_UNIT_NJ : DRAM_UNIT_NJ;
	double total_j = run->first_j[zone] + run->counters.energy_j[zone];
	uint64_t units = (uint64_t)(total_j * 1e9 / (double)unit_nj);

	return (units & UINT32_MAX) * unit_nj / 1000;
}

static uint32_t khz(struct run *run, unsigned cpu)
{
	/* Drawn whether it is used or not: the sequence is the same. */
	double noise = 1 + draw_range(&run->random, -0.005, 0.005);

	if (run->tick_busy_ns[cpu] < KHZ_BUSY_NS)
		return 0;
	return (uint32_t)(run->khz_ns[cpu] / (double)run->tick_busy_ns[cpu] * noise);
}

static uint64_t start_ticks(const struct load_player *player)
{
	if (player->from_step == 0)
		return 6000;
	return (RUN_BOOTTIME_NS + player->from_step * LOAD_STEP_NS) / JIFFY_NS;
}

static int fill_threads(const struct run *run, unsigned player,
	struct sample_domain *domain, struct sample *sample)
{
	domain->first_thread = (uint32_t)sample->n_threads;
	for (unsigned i = 0; i < run->load.n_threads; i++) {
		const struct load_thread *from = &run->load.threads[i];
		struct sample_thread *thread;

		if (from->player != player)
			continue;
		thread = sample_add_thread(sample);
		if (!thread)
			return -ENOMEM;
		*thread = (struct sample_thread){
			.tid = from->tid,
			.kind = from->kind,
			.index = from->index,
			.last_cpu = run->place.last_cpu[i],
			.start_ticks = domain->start_ticks,
			.cpu_ns = run->counters.cpu_ns[i],
		};
		domain->n_threads++;
	}
	return 0;
}

static int fill_domains(const struct run *run, struct sample *sample)
{
	for (unsigned i = 0; i < run->load.n_domains; i++) {
		const struct load_player *player = &run->load.players[i];
		struct sample_domain *domain;
		int r;

		/* Started at the end of the last step or before. */
		if (player->from_step > 0 && player->from_step >= run->step)
			continue;
		if (player->to_step <= run->step)
			continue;
		domain = sample_add_domain(sample);
		if (!domain)
			return -ENOMEM;
		domain->uuid = player->uuid;
		domain->pid = player->pid;
		domain->start_ticks = start_ticks(player);
		domain->n_vcpus = domain->max_vcpus = player->n_vcpus;
		domain->vcpus_per_socket = player->n_vcpus;
		domain->memory_kib = player->memory_kib;
		r = fill_threads(run, i, domain, sample);
		if (r < 0)
			return r;
	}
	return 0;
}

static int fill_nodes(const struct run *run, struct sample *sample)
{
	size_t domain = 0;
	int r = sample_reserve_nodes(sample, run->rig.n_packages);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < run->load.n_domains; i++) {
		const struct load_player *player = &run->load.players[i];

		if (domain == sample->n_domains ||
			uuid_compare(&sample->domains[domain].uuid, &player->uuid) != 0)
			continue;
		for (unsigned p = 0; p < run->rig.n_packages; p++)
			*sample_resident_kib(sample, domain,
				p) = (uint64_t)((double)player->memory_kib *
						player->resident[p]);
		domain++;
	}
	return 0;
}

int run_fill_sample(struct run *run, struct sample *sample)
{
	int r;

	sample_clear(sample);
	r = sample_reserve_cpus(sample, run->rig.n_cpus);
	if (r < 0)
		return r;
	sample->n_cpus = run->rig.n_cpus;
	sample->boottime_ns = sample->monotonic_ns = RUN_BOOTTIME_NS + run_time_ns(run);
	sample->n_zones = run->machine.n_zones;
	for (size_t z = 0; z < sample->n_zones; z++)
		sample->zones[z] = (struct sample_zone){
			.valid = true,
			.energy_uj = energy_uj(run, z),
		};
	for (unsigned i = 0; i < run->rig.n_cpus; i++)
		sample->cpus[i] = (struct sample_cpu){
			.busy_ns = run->counters.busy_ns[i] / JIFFY_NS * JIFFY_NS,
			.khz = khz(run, i),
		};
	r = fill_domains(run, sample);
	return r < 0 ? r : fill_nodes(run, sample);
}
