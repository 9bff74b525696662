/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Drawing a simulated host's hardware. */
#include "tests/bench/accuracy/rig.h"

#include <stdio.h>
#include <string.h>

#include "tests/bench/accuracy/draw.h"

#define VOLTAGE_POINTS 5
#define STEP_KHZ       100000

/* What the kernel shows for a counter of 32 bits in units of 61.035 uJ, and for dram's
 * unit of 15.3 uJ. */
#define PACKAGE_RANGE_UJ UINT64_C(262143328850)
#define DRAM_RANGE_UJ	 UINT64_C(65712999613)

static void draw_topology(
	struct rig *rig, const struct scenario *scenario, struct random_state *random)
{
	bool smt = draw_chance(random, 0.6);
	double governor = draw_unit(random);

	rig->n_packages = draw_chance(random, 0.6) ? 2 : 1;
	rig->n_cores = draw_count(random, 4, RIG_CORES_MAX);
	rig->n_siblings = smt && !scenario->plain ? 2 : 1;
	rig->n_cpus = rig->n_packages * rig->n_cores * rig->n_siblings;
	if (scenario->plain || governor < 0.25)
		rig->governor = RIG_GOVERNOR_FIXED;
	else if (governor < 0.45)
		rig->governor = RIG_GOVERNOR_PERFORMANCE;
	else
		rig->governor = RIG_GOVERNOR_SCHEDUTIL;
}

/* At points evenly between the lowest and the highest clock: flat, then steep. */
static void draw_voltages(double volts[VOLTAGE_POINTS], struct random_state *random)
{
	static const double low[] = { 0.02, 0.10, 0.20, 0.30 };
	static const double high[] = { 0.15, 0.25, 0.35, 0.60 };
	double rise[VOLTAGE_POINTS - 1], sum = 0, total = draw_range(random, 0.22, 0.42);

	volts[0] = draw_range(random, 0.62, 0.75);
	for (unsigned i = 0; i < VOLTAGE_POINTS - 1; i++)
		sum += rise[i] = draw_range(random, low[i], high[i]);
	for (unsigned i = 1; i < VOLTAGE_POINTS; i++)
		volts[i] = volts[i - 1] + total * rise[i - 1] / sum;
}

static double volts_at(
	const struct rig *rig, const double volts[VOLTAGE_POINTS], unsigned s)
{
	double x = (double)s / (rig->n_states - 1) * (VOLTAGE_POINTS - 1);
	unsigned i = (unsigned)x;

	if (i >= VOLTAGE_POINTS - 1)
		return volts[VOLTAGE_POINTS - 1];
	return volts[i] + (x - i) * (volts[i + 1] - volts[i]);
}

/* base_w: a core's power in the fixed state. */
static void draw_states(struct rig *rig, double base_w, struct random_state *random)
{
	unsigned lowest = draw_count(random, 10, 16),
		 highest = draw_count(random, 30, 40);
	double volts[VOLTAGE_POINTS], base_volts;

	rig->n_states = highest - lowest + 1;
	rig->fixed_state = (unsigned)(draw_range(random, 0.55, 0.70) * highest) - lowest;
	draw_voltages(volts, random);
	base_volts = volts_at(rig, volts, rig->fixed_state);
	for (unsigned s = 0; s < rig->n_states; s++) {
		double v = volts_at(rig, volts, s) / base_volts;

		rig->khz[s] = (lowest + s) * STEP_KHZ;
		rig->state_w[s] = base_w * (lowest + s) / (lowest + rig->fixed_state) *
				  v * v;
	}
}

static void draw_caps(struct rig *rig, struct random_state *random)
{
	double drop = draw_range(random, 0.08, 0.25) *
		      (rig->khz[rig->n_states - 1] / STEP_KHZ);

	rig->n_caps = rig->n_cores < RIG_CAPS_MAX ? rig->n_cores : RIG_CAPS_MAX;
	if (rig->governor == RIG_GOVERNOR_FIXED)
		rig->n_caps = 1;
	for (unsigned k = 0; k < rig->n_caps; k++)
		rig->cap[k] = (uint8_t)(rig->n_states - 1 -
					(unsigned)(drop * k / RIG_CAPS_MAX));
	if (rig->governor == RIG_GOVERNOR_FIXED)
		rig->cap[0] = (uint8_t)rig->fixed_state;
	rig->cap_class[0] = 0;
	for (unsigned n = 1; n <= rig->n_cores; n++)
		rig->cap_class[n] = (uint8_t)((n - 1) * rig->n_caps / rig->n_cores);
}

static void draw_shared(struct rig *rig, double cores_w, struct random_state *random)
{
	double wake_w = cores_w * draw_range(random, 0.08, 0.25);
	double uncore_w = cores_w * draw_range(random, 0.05, 0.20);
	double half = rig->n_cores * draw_range(random, 0.2, 0.6);

	rig->shared_w[0] = 0;
	for (unsigned n = 1; n <= rig->n_cores; n++)
		rig->shared_w[n] = wake_w + uncore_w * n / (n + half);
}

void rig_draw(struct rig *rig, const struct scenario *scenario, uint64_t seed)
{
	struct random_state random = draw_stream(seed, 1);
	double base_w = draw_range(&random, 2.5, 6.0);

	memset(rig, 0, sizeof(*rig));
	draw_topology(rig, scenario, &random);
	draw_states(rig, base_w, &random);
	draw_caps(rig, &random);
	draw_shared(rig, base_w * rig->n_cores, &random);
	/* Not what the meter assumes. */
	do
		rig->sigma = draw_range(&random, 0.05, 0.40);
	while (rig->sigma > 0.13 && rig->sigma < 0.17);
	for (unsigned p = 0; p < rig->n_packages; p++) {
		rig->idle_w[p] = rig->n_cores * draw_range(&random, 1.0, 2.5) +
				 draw_range(&random, 4, 10);
		rig->dram_idle_w[p] = draw_range(&random, 2, 8);
	}
	rig->leakage = draw_range(&random, 0, 0.02);
	rig->access_w = draw_range(&random, 0.3, 1.2);
}

static void describe_package(const struct rig *rig, struct machine *machine, uint16_t p)
{
	struct machine_zone *zone = &machine->zones[machine->n_zones];

	machine->packages[p] = (struct machine_package){
		.physical_id = p,
		.die_id = -1,
		.n_cpus = (uint16_t)(rig->n_cores * rig->n_siblings),
	};
	zone[0] = (struct machine_zone){
		.kind = MACHINE_ZONE_PACKAGE,
		.package = p,
		.max_energy_range_uj = PACKAGE_RANGE_UJ,
	};
	zone[1] = (struct machine_zone){
		.kind = MACHINE_ZONE_DRAM,
		.package = p,
		.max_energy_range_uj = DRAM_RANGE_UJ,
	};
	snprintf(zone[0].name, sizeof(zone[0].name), "package-%u", p);
	snprintf(zone[1].name, sizeof(zone[1].name), "dram-%u", p);
	machine->n_zones += 2;
}

void rig_describe(
	const struct rig *rig, struct machine *machine, struct machine_cpu *cpus)
{
	memset(machine, 0, sizeof(*machine));
	machine->generation = 1;
	machine->n_packages = rig->n_packages;
	machine->n_cpus = rig->n_cpus;
	machine->cpus = cpus;
	for (uint16_t p = 0; p < rig->n_packages; p++)
		describe_package(rig, machine, p);
	for (unsigned i = 0; i < rig->n_cpus; i++)
		cpus[i] = (struct machine_cpu){
			.online = true,
			.package = (uint16_t)rig_package_of(rig, i),
			.core = (uint16_t)rig_core_of(rig, i),
			.node = (uint16_t)rig_package_of(rig, i),
		};
}
