/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A regression of frequency on load. */
#include "host/turbo.h"

#include <math.h>

#define MEMORY_S  100.0
#define TICKS_MIN 5.0

/* Loads that vary by less than this part of their mean tell little of a slope. */
#define SPREAD_MIN 0.05

/* Turbo is within e^0.4: 50 % above the clock of a package that is all busy. */
#define FALL_MAX 0.4

void turbo_predict(struct turbo *turbo, double seconds)
{
	double keep = exp(-seconds / MEMORY_S);

	turbo->n *= keep;
	turbo->x *= keep;
	turbo->y *= keep;
	turbo->xx *= keep;
	turbo->xy *= keep;
}

void turbo_learn(struct turbo *turbo, double busy_cores, double log_frequency)
{
	turbo->n += 1;
	turbo->x += busy_cores;
	turbo->y += log_frequency;
	turbo->xx += busy_cores * busy_cores;
	turbo->xy += busy_cores * log_frequency;
}

double turbo_gain(const struct turbo *turbo, double busy_cores, double exponent)
{
	double mean, variance, covariance, fall;

	if (turbo->n < TICKS_MIN)
		return 1;
	mean = turbo->x / turbo->n;
	variance = turbo->xx / turbo->n - mean * mean;
	covariance = turbo->xy / turbo->n - mean * turbo->y / turbo->n;
	if (variance <= 0 || covariance >= 0)
		return 1;
	fall = -covariance / (variance + SPREAD_MIN * SPREAD_MIN * mean * mean) *
	       busy_cores;
	fall = exponent * fmin(fall, FALL_MAX);
	return fall > 0 ? expm1(fall) / fall : 1;
}
