/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The mean of repeated measurements, and how sure it is: Student's 95 % confidence
 * interval, for values that scatter normally. Pure.
 */
#pragma once

#include <stddef.h>

/* A zeroed one has none. */
struct statistics {
	size_t n;
	double mean;
	double squares; /* sum of the squared deviations from the mean */
};

void statistics_add(struct statistics *statistics, double value);

/* The standard deviation of the values, of a sample; 0 for less than two. */
double statistics_deviation(const struct statistics *statistics);

/* The mean is within so much of the truth in 95 % of all cases; 0 for less than two. */
double statistics_confidence(const struct statistics *statistics);

/* The 97.5 % quantile of Student's t with so many degrees of freedom, at least 1. */
double statistics_student(size_t freedom);
