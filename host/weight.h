/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What CPU time weighs when dynamic energy is shared out: time, times a factor of the
 * CPU for that sibling hardware threads share a core, times one for that fast clocks
 * cost more. Pure.
 *
 * Factors are computed as doubles, once for each CPU and tick, and rounded to fixed
 * point; all that comes after is integer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Weights are nanoseconds with this many fraction bits, so that halves and factors
 * lose nothing that matters; 2^60 ns are 36 years of one CPU in one tick.
 */
#define WEIGHT_FRACTION_BITS 4

/* A factor is fixed point, with this many fraction bits. It is never 0. */
#define WEIGHT_FACTOR_BITS 24
#define WEIGHT_FACTOR_ONE  (UINT32_C(1) << WEIGHT_FACTOR_BITS)

/* More hardware threads than these in a core are not looked at. */
#define WEIGHT_SIBLINGS_MAX 7

/* The defaults of struct weight_model. */
#define WEIGHT_SMT_GAIN		  0.15
#define WEIGHT_FREQUENCY_EXPONENT 2.0

struct weight_model {
	/*
	 * What a second busy hardware thread adds to the power of its core, of what
	 * the first one alone takes: 0 (nothing) .. 1 (as much again: no effect).
	 */
	double smt_gain;
	/* Power grows as this power of the frequency: 0 (not at all) .. 4. */
	double frequency_exponent;
};

/*
 * The factor for time on a hardware thread whose siblings were busy for these shares
 * (0..1) of the tick: of k busy threads each has (1 + (k - 1) gain) / k of what one
 * alone would. They are taken for independent of each other; with one sibling that is
 * 1 - share (1 - gain) / 2.
 */
double weight_smt_factor(
	const struct weight_model *model, const double *shares, size_t n_siblings);

/* Whether a reading can be a CPU's frequency: 0, which is unknown, and noise cannot. */
static inline bool weight_khz_is_known(uint32_t khz)
{
	return khz >= 10000 && khz <= 20000000;
}

/* (khz / reference_khz)^exponent; 1 where khz is not known. */
double weight_frequency_factor(
	const struct weight_model *model, uint32_t khz, double reference_khz);

/* Rounds, within 2^-8 .. 2^8. */
uint32_t weight_factor(double factor);

/* Saturates at UINT64_MAX. No CPU time: 0; any CPU time: more than 0. */
static inline uint64_t weight_of(uint64_t cpu_ns, uint32_t factor)
{
	const unsigned int shift = WEIGHT_FACTOR_BITS - WEIGHT_FRACTION_BITS;
	unsigned __int128 weight = (unsigned __int128)cpu_ns * factor >> shift;

	if (weight > UINT64_MAX)
		return UINT64_MAX;
	return weight == 0 && cpu_ns > 0 ? 1 : (uint64_t)weight;
}

/* a + b, at most UINT64_MAX. */
static inline uint64_t weight_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}
