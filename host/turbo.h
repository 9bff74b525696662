/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * How clocks fall as cores of a package get busy, seen from tick to tick, and what
 * that does to whose the power is. Pure.
 */
#pragma once

/* Sums over the ticks of the last minutes; a zeroed one has seen nothing. */
struct turbo {
	double n, x, y, xx, xy;
};

void turbo_predict(struct turbo *turbo, double seconds);

/* One package: cores that were busy, and the logarithm of their mean frequency; finite.
 */
void turbo_learn(struct turbo *turbo, double busy_cores, double log_frequency);

/*
 * The power of a core, which goes as that exponent of the frequency, averaged over all
 * loads from none to this one: relative to what it is at this one. At least 1. A player
 * is worth that much by itself, on average; by as much as it exceeds 1 it slows down
 * the others, as everybody does.
 */
double turbo_gain(const struct turbo *turbo, double busy_cores, double exponent);
