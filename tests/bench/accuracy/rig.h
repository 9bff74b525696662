/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A simulated host's hardware: topology, clocks and what they cost. Drawn once a
 * seed, not changed by running. Pure.
 *
 * A core that runs a thread draws activity x C f V(f)^2 with V from a table of five
 * points; two busy siblings together (1 + sigma) times the mean of what either would
 * alone. The package adds a constant while any core is awake, and an uncore part that
 * saturates with the number of awake cores. The more cores are awake, the lower the
 * highest clock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/machine.h"
#include "tests/bench/accuracy/scenario.h"

#define RIG_PACKAGES_MAX 2
#define RIG_CORES_MAX	 16 /* of a package */
#define RIG_CPUS_MAX	 (RIG_PACKAGES_MAX * RIG_CORES_MAX * 2)
#define RIG_STATES_MAX	 40
#define RIG_CAPS_MAX	 5
#define RIG_ZONES_MAX	 (2 * RIG_PACKAGES_MAX)

enum rig_governor {
	RIG_GOVERNOR_FIXED,	  /* one clock, no turbo */
	RIG_GOVERNOR_PERFORMANCE, /* as fast as turbo allows */
	RIG_GOVERNOR_SCHEDUTIL,	  /* follows the load */
};

struct rig {
	unsigned n_packages, n_cores, n_siblings, n_cpus;
	enum rig_governor governor;
	/* P-states from slow to fast; what a core at activity 1 draws in each. */
	unsigned n_states, fixed_state;
	uint32_t khz[RIG_STATES_MAX];
	double state_w[RIG_STATES_MAX];
	/* The highest state with so many cores of the package awake: cap[class]. */
	unsigned n_caps;
	uint8_t cap[RIG_CAPS_MAX];
	uint8_t cap_class[RIG_CORES_MAX + 1];
	double sigma;
	/* Wake and uncore power by the number of awake cores. */
	double shared_w[RIG_CORES_MAX + 1];
	/* Of each package; dram: of its node. */
	double idle_w[RIG_PACKAGES_MAX], dram_idle_w[RIG_PACKAGES_MAX];
	/* How much of idle_w comes on top when the package is hot. */
	double leakage;
	/* Of dram, for a thread that accesses memory all the time. */
	double access_w;
};

void rig_draw(struct rig *rig, const struct scenario *scenario, uint64_t seed);

/* As Linux numbers them: first siblings of all packages first. */
static inline unsigned rig_cpu(
	const struct rig *rig, unsigned package, unsigned core, unsigned sibling)
{
	return (sibling * rig->n_packages + package) * rig->n_cores + core;
}

static inline unsigned rig_package_of(const struct rig *rig, unsigned cpu)
{
	return cpu / rig->n_cores % rig->n_packages;
}

static inline unsigned rig_core_of(const struct rig *rig, unsigned cpu)
{
	return cpu % rig->n_cores;
}

/* Zones: package-0, dram-0, package-1, dram-1. cpus has room for RIG_CPUS_MAX. */
void rig_describe(
	const struct rig *rig, struct machine *machine, struct machine_cpu *cpus);
