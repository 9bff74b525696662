/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A simulated host in time: what its kernel would show after every second, and whose
 * the dynamic energy truly was. Scenario and seed say all of it. Pure.
 *
 * Every second is 40 steps of 25 ms; in each, a package's dynamic power is shared by
 * Shapley values (see game.h), and dram's by accesses. Idle power drifts by 1 to 2 %
 * around what the trace says, so that measured minus idle is not quite the truth's sum.
 */
#pragma once

#include <stdint.h>

#include "host/machine.h"
#include "host/sample.h"
#include "tests/bench/accuracy/game.h"
#include "tests/bench/accuracy/load.h"
#include "tests/bench/accuracy/place.h"
#include "tests/bench/accuracy/rig.h"

/* Since the run began. */
struct run_counters {
	double energy_j[RIG_ZONES_MAX];
	uint64_t busy_ns[RIG_CPUS_MAX];
	uint64_t cpu_ns[LOAD_THREADS_MAX];
};

struct run {
	struct rig rig;
	struct load load;
	struct place place;
	struct random_state random;
	struct machine machine;
	struct machine_cpu cpus[RIG_CPUS_MAX];
	uint32_t step;
	struct run_counters counters;
	/* Energy the zones' counters had at the beginning. */
	double first_j[RIG_ZONES_MAX];
	double heat[RIG_PACKAGES_MAX];
	/* Recent share of the time a CPU was busy: what a governor looks at. */
	double utilisation[RIG_CPUS_MAX];
	/* Of the last tick: time-weighted clock of each CPU while it was busy. */
	double khz_ns[RIG_CPUS_MAX];
	uint64_t tick_busy_ns[RIG_CPUS_MAX];
	/* Of the last tick: dynamic energy by player, and the variance of its estimate.
	 */
	double truth_j[LOAD_PLAYERS_MAX][RIG_ZONES_MAX];
	double variance_j2[LOAD_PLAYERS_MAX][RIG_ZONES_MAX];
	struct game_scratch scratch;
};

/* The sample is of the beginning: no energy yet. -ENOMEM. */
int run_new(const struct scenario *scenario, uint64_t seed, struct run **ret_run,
	struct sample *sample);
void run_free(struct run *run);

/* One second. -ENOMEM. */
int run_tick(struct run *run, struct sample *sample);

/* Of the zone, nominal. */
double run_idle_w(const struct run *run, size_t zone);

/* Nanoseconds from the first sample to this one. */
uint64_t run_time_ns(const struct run *run);
