/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What runs on a simulated host: domains and the host's own threads, which of them
 * want a CPU in each step of 25 ms, and how much energy a second of theirs costs
 * (activity), which nothing visible tells. Not where they run. Pure.
 *
 * Players are the domains in the order of their UUIDs, then the host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/sample.h"
#include "shared/uuid.h"
#include "tests/bench/accuracy/rig.h"
#include "tests/unit/random.h"

#define LOAD_STEP_NS	  UINT64_C(25000000)
#define LOAD_STEPS	  40 /* of a tick */
#define LOAD_DOMAINS_MAX  20
#define LOAD_PLAYERS_MAX  (LOAD_DOMAINS_MAX + 1)
#define LOAD_VCPUS_MAX	  8
#define LOAD_HOST_THREADS 6
#define LOAD_THREADS_MAX  (LOAD_DOMAINS_MAX * (LOAD_VCPUS_MAX + 2) + LOAD_HOST_THREADS)
#define LOAD_NEVER	  UINT32_MAX

enum load_pattern {
	LOAD_STEADY,
	LOAD_LEVELS, /* another level every now and then */
	LOAD_WAVES,
	LOAD_BATCHES, /* all or nothing */
};

struct load_player {
	struct uuid uuid; /* of a domain */
	/* Steps in which it is there, and, of these, in which it is paused. */
	uint32_t from_step, to_step;
	uint32_t pause_from, pause_to;
	unsigned n_vcpus;
	pid_t pid;
	uint64_t memory_kib;
	double resident[RIG_PACKAGES_MAX]; /* share on each node */
	/* How much its threads want to run now, beside their own duty; mean 1. */
	enum load_pattern pattern;
	double demand, demand_period_s, demand_phase, demand_depth;
	/* Now; the level around which it drifts; chance of a new level in a second. */
	double activity;
	double level, jump_chance, drift_depth, drift_period_s, drift_phase;
	/* How much it accesses memory. */
	double access;
};

struct load_thread {
	uint8_t player;
	uint8_t kind; /* enum sample_thread_kind */
	uint16_t index;
	uint8_t home; /* package */
	pid_t tid;
	double duty; /* share of the time it wants to run at demand 1 */
	double burst_steps;
	bool wants;
	double fraction; /* of this step that it would run */
};

struct load {
	struct random_state random;
	bool plain;
	unsigned n_packages;
	/* Mean share of the hardware threads that are busy, as drawn. */
	double target;
	unsigned n_domains; /* the host is players[n_domains] */
	struct load_player players[LOAD_PLAYERS_MAX];
	unsigned n_threads; /* of a player side by side, ordered by tid */
	struct load_thread threads[LOAD_THREADS_MAX];
};

void load_draw(struct load *load, const struct rig *rig, const struct scenario *scenario,
	uint64_t seed);

/* All domains want more, or less, by this factor. */
void load_scale(struct load *load, double factor);

/* What is wanted in this step; steps are counted from 0 and come in order. */
void load_step(struct load *load, uint32_t step);

static inline bool load_is_there(const struct load_player *player, uint32_t step)
{
	return step >= player->from_step && step < player->to_step;
}
