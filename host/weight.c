/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What CPU time weighs. */
#include "host/weight.h"

#include <math.h>

#define FACTOR_MIN (WEIGHT_FACTOR_ONE >> 8)

double weight_smt_factor(
	const struct weight_model *model, const double *shares, size_t n_siblings)
{
	/* How probable it is that so many of them are busy. */
	double probable[WEIGHT_SIBLINGS_MAX + 1] = { 1 };
	double part = 0;
	size_t n = n_siblings < WEIGHT_SIBLINGS_MAX ? n_siblings : WEIGHT_SIBLINGS_MAX;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k > 0; k--)
			probable[k] = probable[k] * (1 - shares[i]) +
				      probable[k - 1] * shares[i];
		probable[0] *= 1 - shares[i];
	}
	for (size_t k = 0; k <= n; k++)
		part += probable[k] / (double)(k + 1);
	return model->smt_gain + (1 - model->smt_gain) * part;
}

double weight_frequency_factor(
	const struct weight_model *model, uint32_t khz, double reference_khz)
{
	if (!weight_khz_is_known(khz))
		return 1;
	return pow(khz / reference_khz, model->frequency_exponent);
}

uint32_t weight_factor(double factor)
{
	double scaled = factor * WEIGHT_FACTOR_ONE + 0.5;

	if (!(scaled > FACTOR_MIN))
		return FACTOR_MIN;
	return scaled < UINT32_MAX ? (uint32_t)scaled : UINT32_MAX;
}
