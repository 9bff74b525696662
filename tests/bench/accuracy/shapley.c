/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Shapley values, from all coalitions or from some orders. */
#include "tests/bench/accuracy/shapley.h"

#include <assert.h>

/*
 * A player's value is the sum over coalitions without him of
 * s! (n - s - 1)! / n! x (worth with him - worth without): weights[s].
 */
static void compute_weights(unsigned n, double weights[SHAPLEY_EXACT_MAX + 1])
{
	weights[0] = 1.0 / n;
	for (unsigned s = 1; s < n; s++)
		weights[s] = weights[s - 1] * s / (n - s);
	weights[n] = 0;
}

void shapley_exact(const double *values, unsigned n, double *ret_shares)
{
	double weights[SHAPLEY_EXACT_MAX + 1], without = 0;

	assert(n <= SHAPLEY_EXACT_MAX);
	if (n == 0)
		return;
	compute_weights(n, weights);
	for (unsigned i = 0; i < n; i++)
		ret_shares[i] = 0;
	/* Each coalition counts with weights[s - 1] for its members, and with
	 * -weights[s] for the others: here as if for all, and taken back. */
	for (uint32_t members = 1; members < UINT32_C(1) << n; members++) {
		unsigned size = (unsigned)__builtin_popcount(members);
		double lost = weights[size] * values[members];
		double gained = weights[size - 1] * values[members] + lost;

		without += lost;
		for (uint32_t m = members; m; m &= m - 1)
			ret_shares[__builtin_ctz(m)] += gained;
	}
	for (unsigned i = 0; i < n; i++)
		ret_shares[i] -= without;
}

static void shuffle(uint8_t *order, unsigned n, struct random_state *random)
{
	for (unsigned i = 0; i < n; i++)
		order[i] = (uint8_t)i;
	for (unsigned i = n; i > 1; i--) {
		unsigned j = (unsigned)random_below(random, i);
		uint8_t kept = order[i - 1];

		order[i - 1] = order[j];
		order[j] = kept;
	}
}

/* Adds what each adds when they come in this order, or in its reverse. */
static void walk(double (*value)(const void *game, uint32_t members), const void *game,
	const uint8_t *order, unsigned n, bool reverse, double *sums)
{
	uint32_t members = 0;
	double before = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned player = order[reverse ? n - 1 - i : i];
		double now;

		members |= UINT32_C(1) << player;
		now = value(game, members);
		sums[player] += now - before;
		before = now;
	}
}

void shapley_sample(double (*value)(const void *game, uint32_t members), const void *game,
	unsigned n, unsigned n_orders, struct random_state *random, double *ret_shares,
	double *ret_variances)
{
	double squares[SHAPLEY_PLAYERS_MAX] = { 0 };
	unsigned n_pairs = n_orders / 2;

	assert(n <= SHAPLEY_PLAYERS_MAX && n_pairs > 1);
	for (unsigned i = 0; i < n; i++)
		ret_shares[i] = 0;
	for (unsigned pair = 0; pair < n_pairs; pair++) {
		double sums[SHAPLEY_PLAYERS_MAX] = { 0 };
		uint8_t order[SHAPLEY_PLAYERS_MAX];

		shuffle(order, n, random);
		walk(value, game, order, n, false, sums);
		walk(value, game, order, n, true, sums);
		for (unsigned i = 0; i < n; i++) {
			ret_shares[i] += sums[i] / 2;
			squares[i] += sums[i] / 2 * (sums[i] / 2);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		ret_shares[i] /= n_pairs;
		ret_variances[i] = (squares[i] / n_pairs -
					   ret_shares[i] * ret_shares[i]) /
				   (n_pairs - 1);
	}
}
