/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A simulated host, step by step. */
#include "tests/bench/accuracy/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/accuracy/draw.h"
#include "tests/bench/accuracy/run_sample.h"

#define STEP_S	    (LOAD_STEP_NS / 1e9)
#define HEAT_TIME_S 30
/* Of the old utilisation, what a step keeps. */
#define UTILISATION_MEMORY 0.7
/* Before the run, to learn how much load the domains make. */
#define TRIALS	    4
#define TRIAL_STEPS (150 * LOAD_STEPS)
/* schedutil's headroom. */
#define HEADROOM 1.25

/* What a core's governor asks for. */
static uint8_t wanted_state(const struct run *run, unsigned package, unsigned core)
{
	const struct rig *rig = &run->rig;
	uint32_t highest = rig->khz[rig->n_states - 1];
	double utilisation = 0;
	uint8_t state = 0;

	if (rig->governor != RIG_GOVERNOR_SCHEDUTIL)
		return (uint8_t)(rig->n_states - 1);
	for (unsigned s = 0; s < rig->n_siblings; s++) {
		double u = run->utilisation[rig_cpu(rig, package, core, s)];

		if (u > utilisation)
			utilisation = u;
	}
	while (state < rig->n_states - 1 &&
		rig->khz[state] < HEADROOM * utilisation * highest)
		state++;
	return state;
}

static void look_at(const struct run *run, unsigned package,
	struct game_thread threads[RIG_CORES_MAX][2], uint8_t states[RIG_CORES_MAX])
{
	const struct rig *rig = &run->rig;

	for (unsigned core = 0; core < rig->n_cores; core++) {
		states[core] = wanted_state(run, package, core);
		for (unsigned s = 0; s < 2; s++) {
			int thread = -1;

			if (s < rig->n_siblings)
				thread = run->place.thread_of[rig_cpu(
					rig, package, core, s)];
			threads[core][s] = (struct game_thread){ .player = -1 };
			if (thread < 0)
				continue;
			threads[core][s].player = run->load.threads[thread].player;
			threads[core][s].fraction = run->load.threads[thread].fraction;
			threads[core][s].activity =
				run->load.players[threads[core][s].player].activity;
		}
	}
}

/* Clocks as they were, for what the kernel will show. */
static void count_khz(struct run *run, unsigned package, const struct game *game,
	const uint8_t states[RIG_CORES_MAX])
{
	const struct rig *rig = &run->rig;
	uint8_t cap = rig->cap[rig->cap_class[game_awake(game)]];

	for (unsigned core = 0; core < rig->n_cores; core++)
		for (unsigned s = 0; s < rig->n_siblings; s++) {
			unsigned cpu = rig_cpu(rig, package, core, s);
			int thread = run->place.thread_of[cpu];
			uint8_t state = states[core] < cap ? states[core] : cap;

			if (thread >= 0)
				run->khz_ns[cpu] += run->load.threads[thread].fraction *
						    LOAD_STEP_NS * rig->khz[state];
		}
}

/* Idle energy of a step: hotter silicon leaks more. */
static double idle_j(struct run *run, unsigned package, double dynamic_w)
{
	const struct rig *rig = &run->rig;
	double highest_w = rig->n_cores * rig->state_w[rig->fixed_state];

	run->heat[package] += (dynamic_w / highest_w - run->heat[package]) * STEP_S /
			      HEAT_TIME_S;
	return rig->idle_w[package] * (1 + rig->leakage * run->heat[package]) * STEP_S;
}

static void step_package(struct run *run, unsigned package)
{
	double shares_w[SHAPLEY_PLAYERS_MAX], variances[SHAPLEY_PLAYERS_MAX];
	struct game_thread threads[RIG_CORES_MAX][2];
	uint8_t states[RIG_CORES_MAX];
	size_t zone = 2 * package;
	double power_w = 0;
	struct game game;

	look_at(run, package, threads, states);
	game_init(&game, &run->rig, threads, states);
	count_khz(run, package, &game, states);
	game_solve(&game, &run->scratch, &run->random, shares_w, variances);
	for (unsigned i = 0; i < game.n; i++) {
		power_w += shares_w[i];
		run->truth_j[game.players[i]][zone] += shares_w[i] * STEP_S;
		run->variance_j2[game.players[i]][zone] += variances[i] * STEP_S * STEP_S;
	}
	run->counters.energy_j[zone] += power_w * STEP_S + idle_j(run, package, power_w);
	run->counters.energy_j[zone + 1] += run->rig.dram_idle_w[package] * STEP_S;
}

/* CPU time, and what its memory accesses cost on the nodes where the memory is. */
static void count_thread(struct run *run, unsigned thread, unsigned cpu)
{
	const struct load_thread *t = &run->load.threads[thread];
	const struct load_player *player = &run->load.players[t->player];
	uint64_t ns = (uint64_t)(t->fraction * LOAD_STEP_NS);

	run->counters.busy_ns[cpu] += ns;
	run->counters.cpu_ns[thread] += ns;
	run->tick_busy_ns[cpu] += ns;
	for (unsigned p = 0; p < run->rig.n_packages; p++) {
		double j = run->rig.access_w * player->access * player->resident[p] *
			   t->fraction * STEP_S;

		run->truth_j[t->player][2 * p + 1] += j;
		run->counters.energy_j[2 * p + 1] += j;
	}
}

static void run_step(struct run *run)
{
	load_step(&run->load, run->step);
	place_step(&run->place, &run->rig, &run->load);
	for (unsigned cpu = 0; cpu < run->rig.n_cpus; cpu++) {
		int thread = run->place.thread_of[cpu];
		double busy = thread < 0 ? 0 : run->load.threads[thread].fraction;

		run->utilisation[cpu] = UTILISATION_MEMORY * run->utilisation[cpu] +
					(1 - UTILISATION_MEMORY) * busy;
		if (thread >= 0)
			count_thread(run, (unsigned)thread, cpu);
	}
	for (unsigned p = 0; p < run->rig.n_packages; p++)
		step_package(run, p);
	run->step++;
}

/* Share of the CPU time that a trial run without power uses. */
static double try_load(const struct run *run, struct load *load, struct place *place)
{
	double busy = 0;

	*load = run->load;
	*place = run->place;
	for (uint32_t step = 0; step < TRIAL_STEPS; step++) {
		load_step(load, step);
		place_step(place, &run->rig, load);
		for (unsigned cpu = 0; cpu < run->rig.n_cpus; cpu++)
			if (place->thread_of[cpu] >= 0)
				busy += load->threads[place->thread_of[cpu]].fraction;
	}
	return busy / run->rig.n_cpus / TRIAL_STEPS;
}

/* Churn, pauses, waiting: what is wanted has to be more than what shall be used. */
static int reach_target(struct run *run)
{
	struct place *place = malloc(sizeof(*place));
	struct load *load = malloc(sizeof(*load));

	for (unsigned i = 0; load && place && i < TRIALS; i++)
		load_scale(&run->load, run->load.target / try_load(run, load, place));
	free(load);
	free(place);
	return load && place ? 0 : -ENOMEM;
}

int run_new(const struct scenario *scenario, uint64_t seed, struct run **ret_run,
	struct sample *sample)
{
	struct run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return -ENOMEM;
	rig_draw(&run->rig, scenario, seed);
	load_draw(&run->load, &run->rig, scenario, seed);
	place_init(&run->place, &run->rig, &run->load, seed);
	run->random = draw_stream(seed, 4);
	rig_describe(&run->rig, &run->machine, run->cpus);
	/* Some wrap soon. */
	for (size_t z = 0; z < run->machine.n_zones; z++)
		run->first_j[z] = (double)run->machine.zones[z].max_energy_range_uj /
					  1e6 -
				  draw_range(&run->random, 0, 20000);
	r = reach_target(run);
	if (r == 0)
		r = run_fill_sample(run, sample);
	if (r < 0) {
		free(run);
		return r;
	}
	*ret_run = run;
	return 0;
}

void run_free(struct run *run)
{
	free(run);
}

int run_tick(struct run *run, struct sample *sample)
{
	memset(run->khz_ns, 0, sizeof(run->khz_ns));
	memset(run->tick_busy_ns, 0, sizeof(run->tick_busy_ns));
	memset(run->truth_j, 0, sizeof(run->truth_j));
	memset(run->variance_j2, 0, sizeof(run->variance_j2));
	for (unsigned i = 0; i < LOAD_STEPS; i++)
		run_step(run);
	return run_fill_sample(run, sample);
}

double run_idle_w(const struct run *run, size_t zone)
{
	return zone % 2 == 0 ? run->rig.idle_w[zone / 2] : run->rig.dram_idle_w[zone / 2];
}

uint64_t run_time_ns(const struct run *run)
{
	return run->step * LOAD_STEP_NS;
}
