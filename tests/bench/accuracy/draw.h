/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Draws from distributions. A seed means the same host everywhere: only IEEE
 * additions, multiplications and divisions, nothing of libm (whose last bits differ
 * from version to version), and no contraction into fused operations (see
 * -ffp-contract in tests/local.mk).
 */
#pragma once

#include "tests/unit/random.h"

/* Independent sequences of one seed. */
static inline struct random_state draw_stream(uint64_t seed, uint64_t stream)
{
	struct random_state state = { seed * UINT64_C(0xd1342543de82ef95) + stream };

	/* Neighbouring seeds must not be shifted copies of each other. */
	state.state = random_u64(&state) ^ random_u64(&state) << 1;
	return state;
}

/* 0 <= x < 1 */
static inline double draw_unit(struct random_state *random)
{
	return (double)(random_u64(random) >> 11) * 0x1p-53;
}

static inline double draw_range(struct random_state *random, double low, double high)
{
	return low + (high - low) * draw_unit(random);
}

/* Both ends included. */
static inline unsigned draw_count(
	struct random_state *random, unsigned low, unsigned high)
{
	return low + (unsigned)random_below(random, high - low + 1);
}

static inline bool draw_chance(struct random_state *random, double probability)
{
	return draw_unit(random) < probability;
}

/* e^x for |x| <= 8. */
static inline double draw_exp(double x)
{
	double y = x / 256, power = 1 + y * (1 + y / 2 * (1 + y / 3 * (1 + y / 4)));

	for (unsigned i = 0; i < 8; i++)
		power *= power;
	return power;
}

/* A factor e^-spread .. e^spread, most likely 1: the logarithm is triangular. */
static inline double draw_factor(struct random_state *random, double spread)
{
	return draw_exp(spread * (draw_unit(random) + draw_unit(random) - 1));
}
