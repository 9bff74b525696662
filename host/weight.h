/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What one thread's CPU time weighs when dynamic energy is shared out. Pure.
 *
 * Plain CPU time: a second on one CPU weighs as much as on any other. That
 * sibling hardware threads share a core, and that fast clocks cost more, are
 * factors of this function and of nothing else.
 */
#pragma once

#include <stdint.h>

/*
 * Weights are nanoseconds with this many fraction bits, so that halves and factors
 * lose nothing that matters; 2^60 ns are 36 years of one CPU in one tick.
 */
#define WEIGHT_FRACTION_BITS 4

/* What is known of a thread's run in one tick. */
struct weight_input {
	uint64_t cpu_ns;
};

/* Saturates at UINT64_MAX. No CPU time: 0. */
uint64_t weight_of(const struct weight_input *input);

/* a + b, at most UINT64_MAX. */
static inline uint64_t weight_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}
