/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Machines and samples for tests: two sockets of eight hardware threads each
 * unless told otherwise, zones as the kernel shows them, domains by number.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "host/machine.h"
#include "host/sample.h"

#define SCENE_CPUS	       16
#define SCENE_CPUS_PER_PACKAGE 8
#define SCENE_RANGE_UJ	       UINT64_C(262143328850)
#define SCENE_SECOND_NS	       UINT64_C(1000000000)

struct scene {
	struct machine machine;
	struct machine_cpu cpus[SCENE_CPUS];
};

static inline size_t scene_add_zone(struct scene *scene, const char *name,
	enum machine_zone_kind kind, uint16_t package)
{
	struct machine_zone *zone = &scene->machine.zones[scene->machine.n_zones];

	memset(zone, 0, sizeof(*zone));
	snprintf(zone->name, sizeof(zone->name), "%s", name);
	zone->kind = kind;
	zone->package = package;
	zone->max_energy_range_uj = SCENE_RANGE_UJ;
	return scene->machine.n_zones++;
}

/* CPUs 0..7 are package 0, 8..15 package 1, nodes alike; one zone each, package-N. */
static inline void scene_init(struct scene *scene, size_t n_packages)
{
	memset(scene, 0, sizeof(*scene));
	scene->machine.generation = 1;
	scene->machine.cpus = scene->cpus;
	scene->machine.n_cpus = n_packages * SCENE_CPUS_PER_PACKAGE;
	scene->machine.n_packages = n_packages;
	for (uint16_t p = 0; p < n_packages; p++) {
		char name[MACHINE_ZONE_NAME_SIZE];

		scene->machine.packages[p] = (struct machine_package){
			.physical_id = p,
			.die_id = -1,
			.n_cpus = SCENE_CPUS_PER_PACKAGE,
		};
		snprintf(name, sizeof(name), "package-%u", p);
		scene_add_zone(scene, name, MACHINE_ZONE_PACKAGE, p);
	}
	for (uint16_t i = 0; i < scene->machine.n_cpus; i++)
		scene->cpus[i] = (struct machine_cpu){
			.online = true,
			.package = (uint16_t)(i / SCENE_CPUS_PER_PACKAGE),
			.core = i,
			.node = (uint16_t)(i / SCENE_CPUS_PER_PACKAGE),
		};
}

/* An empty sample of this machine, all zones readable at 0. */
static inline void scene_begin(
	const struct scene *scene, struct sample *sample, uint64_t boottime_ns)
{
	sample_clear(sample);
	sample->boottime_ns = boottime_ns;
	sample->monotonic_ns = boottime_ns;
	sample->n_zones = scene->machine.n_zones;
	for (size_t z = 0; z < sample->n_zones; z++)
		sample->zones[z] = (struct sample_zone){ .valid = true };
	if (sample_reserve_cpus(sample, scene->machine.n_cpus) < 0)
		return;
	sample->n_cpus = scene->machine.n_cpus;
	memset(sample->cpus, 0, sample->n_cpus * sizeof(*sample->cpus));
}

/* Empty samples at both ends of a second. */
static inline void scene_begin_second(
	const struct scene *scene, struct sample *previous, struct sample *now)
{
	scene_begin(scene, previous, 100 * SCENE_SECOND_NS);
	scene_begin(scene, now, 101 * SCENE_SECOND_NS);
}

static inline struct uuid scene_uuid(uint32_t number)
{
	struct uuid uuid = { .bytes = { (uint8_t)(number >> 24), (uint8_t)(number >> 16),
				     (uint8_t)(number >> 8), (uint8_t)number, 1 } };

	return uuid;
}

/* Its pid is 1000 times its number; it started with the host. */
static inline struct sample_domain *scene_add_domain(
	struct sample *sample, uint32_t number, uint32_t n_vcpus)
{
	struct sample_domain *domain = sample_add_domain(sample);

	domain->uuid = scene_uuid(number);
	domain->pid = (pid_t)(1000 * number);
	domain->start_ticks = 1;
	domain->n_vcpus = n_vcpus;
	domain->max_vcpus = n_vcpus;
	domain->first_thread = (uint32_t)sample->n_threads;
	return domain;
}

/* To the domain added last: its n-th thread has the tid of the domain's pid + n. */
static inline struct sample_thread *scene_add_thread(struct sample *sample,
	enum sample_thread_kind kind, uint16_t index, uint64_t cpu_ns, uint16_t last_cpu)
{
	struct sample_domain *domain = &sample->domains[sample->n_domains - 1];
	struct sample_thread *thread = sample_add_thread(sample);

	thread->tid = domain->pid + (pid_t)domain->n_threads++;
	thread->kind = (uint8_t)kind;
	thread->index = index;
	thread->start_ticks = domain->start_ticks;
	thread->cpu_ns = cpu_ns;
	thread->last_cpu = last_cpu;
	return thread;
}
