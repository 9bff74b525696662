/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A package's power as a game. */
#include "tests/bench/accuracy/game.h"

#include <assert.h>
#include <string.h>

static unsigned slot_of(struct game *game, int player)
{
	unsigned i = 0;

	while (i < game->n && game->players[i] != player)
		i++;
	if (i == game->n) {
		assert(i < SHAPLEY_PLAYERS_MAX);
		game->players[i] = player;
		game->cores[i] = 0;
		memset(game->own_w[i], 0, sizeof(game->own_w[i]));
		game->n++;
	}
	return i;
}

/* A core at activity 1, by turbo class. */
static void core_powers(
	const struct rig *rig, uint8_t state, double ret_powers_w[RIG_CAPS_MAX])
{
	for (unsigned k = 0; k < rig->n_caps; k++)
		ret_powers_w[k] = rig->state_w[state < rig->cap[k] ? state : rig->cap[k]];
}

static unsigned add_thread(struct game *game, unsigned core,
	const struct game_thread *thread, const double powers_w[RIG_CAPS_MAX])
{
	unsigned slot = slot_of(game, thread->player);

	game->cores[slot] |= UINT32_C(1) << core;
	for (unsigned k = 0; k < game->rig->n_caps; k++)
		game->own_w[slot][k] += thread->fraction * thread->activity * powers_w[k];
	return slot;
}

/* While both siblings run, a core draws less than the sum of what they draw alone. */
static void add_overlap(struct game *game, const struct game_thread threads[2],
	const unsigned slots[2], const double powers_w[RIG_CAPS_MAX])
{
	double overlap = threads[0].fraction < threads[1].fraction ? threads[0].fraction
								   : threads[1].fraction;
	double saved = overlap * (threads[0].activity + threads[1].activity) *
		       (1 - game->rig->sigma) / 2;
	struct game_pair *pair;

	if (slots[0] == slots[1]) {
		for (unsigned k = 0; k < game->rig->n_caps; k++)
			game->own_w[slots[0]][k] -= saved * powers_w[k];
		return;
	}
	pair = &game->pairs[game->n_pairs++];
	pair->players[0] = (uint8_t)slots[0];
	pair->players[1] = (uint8_t)slots[1];
	for (unsigned k = 0; k < game->rig->n_caps; k++)
		pair->saved_w[k] = saved * powers_w[k];
}

void game_init(struct game *game, const struct rig *rig,
	const struct game_thread threads[RIG_CORES_MAX][2],
	const uint8_t states[RIG_CORES_MAX])
{
	game->rig = rig;
	game->n = 0;
	game->n_pairs = 0;
	for (unsigned core = 0; core < rig->n_cores; core++) {
		double powers_w[RIG_CAPS_MAX];
		unsigned slots[2];

		if (threads[core][0].player < 0 && threads[core][1].player < 0)
			continue;
		core_powers(rig, states[core], powers_w);
		for (unsigned i = 0; i < 2; i++)
			if (threads[core][i].player >= 0)
				slots[i] = add_thread(
					game, core, &threads[core][i], powers_w);
		if (threads[core][0].player >= 0 && threads[core][1].player >= 0)
			add_overlap(game, threads[core], slots, powers_w);
	}
}

static bool has_both(const struct game_pair *pair, uint32_t members)
{
	return members >> pair->players[0] & members >> pair->players[1] & 1;
}

double game_value(const void *userdata, uint32_t members)
{
	const struct game *game = userdata;
	uint32_t cores = 0;
	unsigned awake, class;
	double power_w;

	for (uint32_t m = members; m; m &= m - 1)
		cores |= game->cores[__builtin_ctz(m)];
	awake = (unsigned)__builtin_popcount(cores);
	class = game->rig->cap_class[awake];
	power_w = game->rig->shared_w[awake];
	for (uint32_t m = members; m; m &= m - 1)
		power_w += game->own_w[__builtin_ctz(m)][class];
	for (size_t i = 0; i < game->n_pairs; i++)
		if (has_both(&game->pairs[i], members))
			power_w -= game->pairs[i].saved_w[class];
	return power_w;
}

unsigned game_awake(const struct game *game)
{
	uint32_t cores = 0;

	for (unsigned i = 0; i < game->n; i++)
		cores |= game->cores[i];
	return (unsigned)__builtin_popcount(cores);
}

/* game_value() of all coalitions, each from the one without its last player. */
static void compute_values(const struct game *game, struct game_scratch *scratch)
{
	const struct rig *rig = game->rig;

	scratch->cores[0] = 0;
	scratch->values_w[0] = 0;
	memset(scratch->sums_w[0], 0, sizeof(scratch->sums_w[0]));
	for (uint32_t members = 1; members < UINT32_C(1) << game->n; members++) {
		unsigned last = 31 - (unsigned)__builtin_clz(members), awake;
		uint32_t rest = members ^ UINT32_C(1) << last;
		double *sums_w = scratch->sums_w[members];

		scratch->cores[members] = scratch->cores[rest] | game->cores[last];
		for (unsigned k = 0; k < rig->n_caps; k++)
			sums_w[k] = scratch->sums_w[rest][k] + game->own_w[last][k];
		for (size_t i = 0; i < game->n_pairs; i++)
			if (has_both(&game->pairs[i], members) &&
				!has_both(&game->pairs[i], rest))
				for (unsigned k = 0; k < rig->n_caps; k++)
					sums_w[k] -= game->pairs[i].saved_w[k];
		awake = (unsigned)__builtin_popcount(scratch->cores[members]);
		scratch->values_w[members] = sums_w[rig->cap_class[awake]] +
					     rig->shared_w[awake];
	}
}

void game_solve(const struct game *game, struct game_scratch *scratch,
	struct random_state *random, double ret_shares_w[SHAPLEY_PLAYERS_MAX],
	double ret_variances[SHAPLEY_PLAYERS_MAX])
{
	if (game->n > SHAPLEY_EXACT_MAX) {
		shapley_sample(game_value, game, game->n, GAME_ORDERS, random,
			ret_shares_w, ret_variances);
		return;
	}
	compute_values(game, scratch);
	shapley_exact(scratch->values_w, game->n, ret_shares_w);
	memset(ret_variances, 0, game->n * sizeof(*ret_variances));
}
