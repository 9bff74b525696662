/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Shares of the wake power. */
#include "host/wake.h"

#include <math.h>

/*
 * A player's Shapley value is the integral over t, from 0 to 1, of what it adds where
 * each other one takes part with probability t. Being asleep multiplies, so that is
 *
 *	q_i x product over j != i of (1 - t q_j),  q_i = 1 - exp(-cores_i / tau)
 *
 * a polynomial in t: Gauss-Legendre of 8 points is exact for 16 players, and what it
 * lacks with more of them the shares' sum is scaled for.
 */
#define POINTS 8

static const double points[POINTS] = {
	0.01985507175123188,
	0.10166676129318664,
	0.2372337950418355,
	0.4082826787521751,
	0.5917173212478249,
	0.7627662049581645,
	0.8983332387068134,
	0.9801449282487681,
};

static const double point_weights[POINTS] = {
	0.05061426814518813,
	0.11119051722668724,
	0.15685332293894366,
	0.18134189168918100,
	0.18134189168918100,
	0.15685332293894366,
	0.11119051722668724,
	0.05061426814518813,
};

void wake_share(double amount, double tau, const double *cores, size_t n, double *scratch,
	double *totals)
{
	double asleep[POINTS];
	double sum = 0;

	for (size_t p = 0; p < POINTS; p++)
		asleep[p] = point_weights[p];
	for (size_t i = 0; i < n; i++) {
		scratch[i] = cores[i] > 0 ? -expm1(-cores[i] / tau) : 0;
		for (size_t p = 0; p < POINTS; p++)
			asleep[p] *= 1 - points[p] * scratch[i];
	}
	for (size_t i = 0; i < n; i++) {
		double adds = 0;

		if (scratch[i] <= 0)
			continue;
		for (size_t p = 0; p < POINTS; p++)
			adds += asleep[p] / (1 - points[p] * scratch[i]);
		scratch[i] *= adds;
		sum += scratch[i];
	}
	if (!(sum > 0))
		return;
	for (size_t i = 0; i < n; i++)
		totals[i] += amount * scratch[i] / sum;
}
