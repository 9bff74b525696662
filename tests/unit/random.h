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
