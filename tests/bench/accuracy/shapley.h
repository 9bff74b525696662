/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Shapley values: what each player of a cooperative game adds, over all orders in
 * which they may come. L. S. Shapley, "A value for n-person games", 1953. Pure.
 */
#pragma once

#include <stdint.h>

#include "tests/unit/random.h"

#define SHAPLEY_PLAYERS_MAX 32
/* Up to so many players it is computed from all coalitions. */
#define SHAPLEY_EXACT_MAX 12

/*
 * values[S] is what coalition S (a bit a player) is worth, values[0] is 0; n at most
 * SHAPLEY_EXACT_MAX. The n values sum to values[2^n - 1].
 */
void shapley_exact(const double *values, unsigned n, double *ret_shares);

/*
 * The mean over n_orders random orders, half of them the others' reverses; they sum to
 * the worth of all. ret_variance: of each mean, estimated from the n_orders / 2 pairs.
 */
void shapley_sample(double (*value)(const void *game, uint32_t members), const void *game,
	unsigned n, unsigned n_orders, struct random_state *random, double *ret_shares,
	double *ret_variances);
