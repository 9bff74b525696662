/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Threads onto CPUs, step by step. */
#include "tests/bench/accuracy/place.h"

#include <string.h>

#include "tests/bench/accuracy/draw.h"

/* Chances a step, of a thread that runs on. */
#define YIELD_CHANCE 0.2  /* while others wait */
#define HOME_CHANCE  0.03 /* away from home: looks for a place there */
#define SPLIT_CHANCE 0.3  /* beside a busy sibling: looks for an idle core */

void place_init(struct place *place, const struct rig *rig, const struct load *load,
	uint64_t seed)
{
	memset(place, 0, sizeof(*place));
	place->random = draw_stream(seed, 3);
	for (unsigned i = 0; i < RIG_CPUS_MAX; i++)
		place->thread_of[i] = -1;
	for (unsigned i = 0; i < load->n_threads; i++) {
		unsigned core = (unsigned)random_below(&place->random, rig->n_cores);

		place->cpu_of[i] = -1;
		place->last_cpu[i] = (uint16_t)rig_cpu(
			rig, load->threads[i].home, core, 0);
	}
}

static void take_off(struct place *place, unsigned thread)
{
	place->thread_of[place->cpu_of[thread]] = -1;
	place->cpu_of[thread] = -1;
}

static void put_on(struct place *place, unsigned thread, unsigned cpu)
{
	place->thread_of[cpu] = (int16_t)thread;
	place->cpu_of[thread] = (int16_t)cpu;
	place->last_cpu[thread] = (uint16_t)cpu;
}

static bool is_core_idle(const struct place *place, const struct rig *rig, unsigned cpu)
{
	unsigned package = rig_package_of(rig, cpu), core = rig_core_of(rig, cpu);

	for (unsigned s = 0; s < rig->n_siblings; s++)
		if (place->thread_of[rig_cpu(rig, package, core, s)] >= 0)
			return false;
	return true;
}

/* A free CPU of the package, from a random one on; -1: none. */
static int find_cpu(
	struct place *place, const struct rig *rig, unsigned package, bool idle_core)
{
	unsigned first = (unsigned)random_below(&place->random, rig->n_cores);

	for (unsigned s = 0; s < rig->n_siblings; s++)
		for (unsigned i = 0; i < rig->n_cores; i++) {
			unsigned cpu = rig_cpu(
				rig, package, (first + i) % rig->n_cores, s);

			if (place->thread_of[cpu] < 0 &&
				(!idle_core || is_core_idle(place, rig, cpu)))
				return (int)cpu;
		}
	return -1;
}

static int choose_cpu(
	struct place *place, const struct rig *rig, unsigned thread, unsigned home)
{
	unsigned last = place->last_cpu[thread];
	int cpu;

	if (rig_package_of(rig, last) == home && is_core_idle(place, rig, last))
		return (int)last;
	cpu = find_cpu(place, rig, home, true);
	if (cpu >= 0)
		return cpu;
	if (rig_package_of(rig, last) == home && place->thread_of[last] < 0)
		return (int)last;
	cpu = find_cpu(place, rig, home, false);
	if (cpu < 0 && rig->n_packages > 1)
		cpu = find_cpu(place, rig, home ^ 1, false);
	return cpu;
}

/* Those that stop, and those that had better be elsewhere, free their CPU. */
static void release(struct place *place, const struct rig *rig, const struct load *load)
{
	for (unsigned i = 0; i < load->n_threads; i++) {
		const struct load_thread *thread = &load->threads[i];
		int cpu = place->cpu_of[i];
		double stay = draw_unit(&place->random);

		if (cpu < 0)
			continue;
		if (!thread->wants || (place->n_waiting > 0 && stay < YIELD_CHANCE) ||
			(rig_package_of(rig, (unsigned)cpu) != thread->home &&
				stay < HOME_CHANCE)) {
			take_off(place, i);
			continue;
		}
		/* Seen alone, the core is idle. */
		take_off(place, i);
		if (!is_core_idle(place, rig, (unsigned)cpu) && stay < SPLIT_CHANCE &&
			find_cpu(place, rig, thread->home, true) >= 0)
			continue;
		put_on(place, i, (unsigned)cpu);
	}
}

void place_step(struct place *place, const struct rig *rig, const struct load *load)
{
	unsigned first = (unsigned)random_below(&place->random, load->n_threads);

	release(place, rig, load);
	place->n_waiting = 0;
	for (unsigned n = 0; n < load->n_threads; n++) {
		unsigned i = (first + n) % load->n_threads;
		int cpu;

		if (!load->threads[i].wants || place->cpu_of[i] >= 0)
			continue;
		cpu = choose_cpu(place, rig, i, load->threads[i].home);
		if (cpu < 0)
			place->n_waiting++;
		else
			put_on(place, i, (unsigned)cpu);
	}
}
