/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Welford's mean and variance, and Student's t. */
#include "host/statistics.h"

#include <math.h>

/* The normal distribution's 97.5 % quantile, which t comes to. */
#define NORMAL 1.959963984540054

void statistics_add(struct statistics *statistics, double value)
{
	double off = value - statistics->mean;

	statistics->n++;
	statistics->mean += off / (double)statistics->n;
	statistics->squares += off * (value - statistics->mean);
}

double statistics_deviation(const struct statistics *statistics)
{
	return statistics->n < 2
		       ? 0
		       : sqrt(statistics->squares / (double)(statistics->n - 1));
}

double statistics_confidence(const struct statistics *statistics)
{
	return statistics->n < 2 ? 0
				 : statistics_student(statistics->n - 1) *
					   statistics_deviation(statistics) /
					   sqrt((double)statistics->n);
}

/* A few by a table; from ten on the expansion in 1 / n is good to five digits. */
double statistics_student(size_t freedom)
{
	static const double few[] = { 12.706204736432095, 4.302652729911275,
		3.182446305284263, 2.776445105197793, 2.570581835636314,
		2.446911851144969, 2.364624251592784, 2.306004135204166,
		2.262157162798205 };
	const double z = NORMAL, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
	const double z9 = z7 * z * z;
	double n = (double)freedom;

	if (freedom <= sizeof(few) / sizeof(few[0]))
		return few[freedom > 0 ? freedom - 1 : 0];
	/* Abramowitz and Stegun, 26.7.5. */
	return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
	       (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n) +
	       (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) /
		       (92160 * n * n * n * n);
}
