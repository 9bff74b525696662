/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Random numbers for tests: splitmix64, so that a seed means the same sequence
 * everywhere. Not for anything secret.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct random_state {
	uint64_t state;
};

static inline uint64_t random_u64(struct random_state *random)
{
	uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* 0 .. limit - 1 */
static inline uint64_t random_below(struct random_state *random, uint64_t limit)
{
	return random_u64(random) % limit;
}

static inline bool random_one_in(struct random_state *random, uint64_t n)
{
	return random_below(random, n) == 0;
}

/* 0 to 1. */
static inline double random_part(struct random_state *random)
{
	return (double)random_below(random, 1000001) / 1e6;
}

/* About normal, standard deviation 1. */
static inline double random_error(struct random_state *random)
{
	double sum = -6;

	for (int i = 0; i < 12; i++)
		sum += random_part(random);
	return sum;
}
