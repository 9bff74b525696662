/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A made-up host whose domains, threads and energy change at random but always add
 * up: updates for the ledger's tests and bench.
 */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/ledger.h"
#include "shared/clock.h"

struct world {
	struct machine machine;
	struct sample sample;
	struct tick tick;
	uint64_t seed;
	uint64_t wall_ns;
};

static inline uint64_t world_random(struct world *world)
{
	world->seed ^= world->seed << 13;
	world->seed ^= world->seed >> 7;
	world->seed ^= world->seed << 17;
	return world->seed;
}

/* Ordered as the numbers are. */
static inline struct uuid world_uuid(uint32_t number)
{
	return (struct uuid){ { (uint8_t)(number >> 24), (uint8_t)(number >> 16),
		(uint8_t)(number >> 8), (uint8_t)number, 0, 0, 0x40, 0, 0x80 } };
}

static inline void world_set_zones(struct world *world, size_t n)
{
	world->machine.n_zones = n;
	for (size_t i = 0; i < n; i++) {
		struct machine_zone *zone = &world->machine.zones[i];

		snprintf(zone->name, sizeof(zone->name), "package-%zu", i);
		zone->max_energy_range_uj = 262143328850;
	}
}

/* Domain number n with its threads; numbers must rise. Its pid tells its incarnation. */
static inline void world_add_domain(
	struct world *world, uint32_t number, pid_t pid, uint32_t n_threads)
{
	struct sample_domain *domain = sample_add_domain(&world->sample);

	assert(domain);
	domain->uuid = world_uuid(number);
	domain->pid = pid;
	domain->start_ticks = 1000;
	domain->n_vcpus = 2;
	domain->max_vcpus = 4;
	domain->vcpus_per_socket = 1;
	domain->first_thread = (uint32_t)world->sample.n_threads;
	domain->n_threads = n_threads;
	for (uint32_t i = 0; i < n_threads; i++) {
		struct sample_thread *thread = sample_add_thread(&world->sample);

		assert(thread);
		thread->tid = pid + (pid_t)i;
		thread->kind = (uint8_t)(i % 4);
		thread->index = (uint16_t)i;
		thread->start_ticks = 1000 + i;
	}
}

static inline void world_clear_domains(struct world *world)
{
	world->sample.n_domains = 0;
	world->sample.n_threads = 0;
}

/* One second passes: every thread runs, every zone uses energy. */
static inline void world_step(struct world *world)
{
	struct sample *sample = &world->sample;
	struct tick *tick = &world->tick;
	size_t n_zones = world->machine.n_zones;

	world->wall_ns += NSEC_PER_SEC;
	sample->boottime_ns += NSEC_PER_SEC;
	sample->monotonic_ns += NSEC_PER_SEC;
	sample->n_zones = n_zones;
	for (size_t i = 0; i < sample->n_threads; i++) {
		sample->threads[i].cpu_ns += world_random(world) % NSEC_PER_SEC;
		sample->threads[i].last_cpu = (uint16_t)(world_random(world) % 8);
	}
	for (size_t i = 0; i < sample->n_cpus; i++)
		sample->cpus[i].busy_ns += world_random(world) % NSEC_PER_SEC;
	assert(tick_reset(tick, n_zones, sample->n_domains) == 0);
	tick->boottime_ns = sample->boottime_ns;
	tick->dt_ns = NSEC_PER_SEC;
	tick->quality = MESSAGE_MEASURED;
	for (size_t i = 0; i < sample->n_domains; i++) {
		tick->domains[i].uuid = sample->domains[i].uuid;
		tick->domains[i].guest_uj[0] = world_random(world) % 1000000;
		sample->domains[i].exited_ns += world_random(world) % 1000;
	}
	for (size_t zone = 0; zone < n_zones; zone++) {
		struct tick_zone *all = &tick->zones[zone];

		all->host.dynamic_uj = world_random(world) % 1000000;
		all->host.idle_uj = world_random(world) % 1000000;
		all->unattributed_uj = world_random(world) % 100;
		all->total_uj = all->host.dynamic_uj + all->host.idle_uj +
				all->unattributed_uj;
		for (size_t i = 0; i < sample->n_domains; i++) {
			struct tick_share *share = tick_share(tick, i, zone);

			share->dynamic_uj = world_random(world) % 1000000;
			share->idle_uj = world_random(world) % 1000000;
			all->total_uj += share->dynamic_uj + share->idle_uj;
		}
		sample->zones[zone].valid = true;
		sample->zones[zone].energy_uj = (sample->zones[zone].energy_uj +
							all->total_uj) %
						262143328850;
	}
}

static inline struct ledger_update world_update(const struct world *world)
{
	return (struct ledger_update){ .machine = &world->machine,
		.sample = &world->sample,
		.tick = &world->tick,
		.wall_ns = world->wall_ns };
}

static inline void world_init(struct world *world, size_t n_zones, size_t n_cpus)
{
	*world = (struct world){ .seed = 88172645463325252u,
		.wall_ns = 1700000000000000000u };
	world_set_zones(world, n_zones);
	assert(sample_reserve_cpus(&world->sample, n_cpus) == 0);
	memset(world->sample.cpus, 0, n_cpus * sizeof(*world->sample.cpus));
	world->sample.n_cpus = n_cpus;
}

static inline void world_deinit(struct world *world)
{
	sample_deinit(&world->sample);
	tick_deinit(&world->tick);
}
