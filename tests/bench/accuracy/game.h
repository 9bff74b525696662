/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The dynamic power of one package at one instant as a cooperative game: a coalition
 * is worth what the package would draw if only its members ran, each where it is and
 * with the clock its core's governor asks for; turbo, wake and uncore power as they
 * were for them alone. Pure.
 *
 * So a core's part depends on its threads and, through turbo, on the number of awake
 * cores: kept as a table by turbo class, for each player what is his alone, and for
 * each pair what sharing cores saves.
 */
#pragma once

#include <stddef.h>

#include "tests/bench/accuracy/rig.h"
#include "tests/bench/accuracy/shapley.h"

/* Of an estimate from random orders. */
#define GAME_ORDERS 64

/* What runs on one hardware thread. */
struct game_thread {
	int player;	 /* < 0: idle */
	double fraction; /* of the time */
	double activity;
};

struct game_pair {
	uint8_t players[2];
	double saved_w[RIG_CAPS_MAX];
};

struct game {
	const struct rig *rig;
	/* Those that run; who they are: players[]. */
	unsigned n;
	int players[SHAPLEY_PLAYERS_MAX];
	/* Cores that a player keeps awake. */
	uint32_t cores[SHAPLEY_PLAYERS_MAX];
	double own_w[SHAPLEY_PLAYERS_MAX][RIG_CAPS_MAX];
	size_t n_pairs;
	struct game_pair pairs[RIG_CORES_MAX];
};

/* What game_solve() needs to work. */
struct game_scratch {
	uint32_t cores[1 << SHAPLEY_EXACT_MAX];
	double sums_w[1 << SHAPLEY_EXACT_MAX][RIG_CAPS_MAX];
	double values_w[1 << SHAPLEY_EXACT_MAX];
};

/* threads[core][sibling], states[core]: what the governor asks for. */
void game_init(struct game *game, const struct rig *rig,
	const struct game_thread threads[RIG_CORES_MAX][2],
	const uint8_t states[RIG_CORES_MAX]);

/* Bit i: the i-th of those that run. */
double game_value(const void *game, uint32_t members);

/* How many cores are awake when all run. */
unsigned game_awake(const struct game *game);

/* The shares in order of players[]; variances: 0 where exact. */
void game_solve(const struct game *game, struct game_scratch *scratch,
	struct random_state *random, double ret_shares_w[SHAPLEY_PLAYERS_MAX],
	double ret_variances[SHAPLEY_PLAYERS_MAX]);
