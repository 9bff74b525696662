/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From what was used to what is learned from. */
#include "host/player_load.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shared/array.h"
#include "shared/clock.h"

#define WEIGHT_ONE (1 << WEIGHT_FRACTION_BITS)

/* No CPU is so many times faster than itself, as a logarithm. */
#define LOG_FREQUENCY_MAX 4.0

/* Clocks of threads and of CPUs are not read at once. */
#define BUSY_SLACK 1.2

/* How soon it is forgotten where the host ran. */
#define HOST_MEMORY_S 60.0

int player_loads_reserve(struct player_loads *loads, size_t n)
{
	return array_reserve(&loads->loads, &loads->size, n);
}

void player_loads_deinit(struct player_loads *loads)
{
	free(loads->loads);
	memset(loads, 0, sizeof(*loads));
}

/* The logarithm of the package's frequency, 0 while it is not known of any. */
static double log_frequency(double khz, double *reference_khz)
{
	if (!(khz > 0))
		return 0;
	if (!(*reference_khz > 0))
		*reference_khz = khz;
	return log(khz / *reference_khz);
}

/* What siblings take from each other, were they to share all, as weight had it. */
static double lost(const struct usage_cell *cell, uint64_t weight, double smt_gain)
{
	double time = (double)cell->cpu_ns * WEIGHT_ONE;

	if (!(smt_gain < 1) || (double)weight >= time)
		return 0;
	return (time - (double)weight) / (1 - smt_gain);
}

static struct player_load load_of(const struct usage_cell *cell,
	const struct weight_model *weight, double package_log, double seconds)
{
	double unit = seconds * (double)NSEC_PER_SEC * WEIGHT_ONE;
	struct power_model_load *parts;
	struct player_load load = { 0 };

	if (cell->cpu_ns == 0 || cell->core_weight == 0)
		return load;
	parts = &load.parts;
	parts->time = (double)cell->cpu_ns * WEIGHT_ONE / unit;
	parts->together = lost(cell, cell->core_weight, weight->smt_gain) / unit;
	parts->apart = lost(cell, cell->apart_weight, weight->smt_gain) / unit;
	parts->log_frequency = package_log;
	if (weight->frequency_exponent > 0 && cell->weight > 0)
		parts->log_frequency += log((double)cell->weight /
						(double)cell->core_weight) /
					weight->frequency_exponent;
	parts->log_frequency = fmax(
		-LOG_FREQUENCY_MAX, fmin(parts->log_frequency, LOG_FREQUENCY_MAX));
	return load;
}

static void scale_load(struct player_load *load, double factor)
{
	load->parts.time *= factor;
	load->parts.together *= factor;
	load->parts.apart *= factor;
}

void player_loads_compute(struct player_loads *loads, const struct usage *usage,
	size_t n_domains, const struct weight_model *weight, double seconds,
	double *reference_khz)
{
	loads->n_players = n_domains + 1;
	loads->n_packages = usage->n_packages;
	for (size_t p = 0; p < loads->n_packages; p++) {
		struct player_load *own = player_loads_of(loads, p);
		double package_log = log_frequency(usage->loads.khz[p], reference_khz);

		for (size_t i = 0; i < loads->n_players; i++)
			own[i] = load_of(
				player_cell(usage, i, p), weight, package_log, seconds);
	}
}

static double busy_cpus(const struct usage *usage, size_t package, double seconds)
{
	return (double)usage->loads.busy_ns[package] / (seconds * (double)NSEC_PER_SEC);
}

static double domains_time(const struct player_loads *loads, size_t package)
{
	const struct player_load *own = player_loads_of(loads, package);
	double time = 0;

	for (size_t i = 1; i < loads->n_players; i++)
		time += own[i].parts.time;
	return time;
}

bool player_loads_is_plausible(
	const struct player_loads *loads, const struct usage *usage, double seconds)
{
	double most = BUSY_SLACK * (double)usage->loads.n_cpus, time = 0;

	for (size_t p = 0; p < loads->n_packages; p++) {
		time += player_loads_of(loads, p)[0].parts.time + domains_time(loads, p);
		if (busy_cpus(usage, p, seconds) > most)
			return false;
	}
	return time <= most;
}

/*
 * How much more time domains were booked in each package than it can have been, if the
 * host's is spread as it mostly is. Of a thread that was seen on two packages nobody
 * knows how long it was on either; but all of its time is known, and how busy each
 * package was.
 */
static void find_excess(const struct player_loads *loads, const struct usage *usage,
	double seconds, const double host_share[MACHINE_PACKAGES_MAX],
	double ret_excess[MACHINE_PACKAGES_MAX])
{
	double left[MACHINE_PACKAGES_MAX], host = 0, shares = 0;

	for (size_t p = 0; p < loads->n_packages; p++) {
		left[p] = busy_cpus(usage, p, seconds) - domains_time(loads, p);
		host += left[p];
		shares += host_share[p];
	}
	host = fmax(host, 0);
	for (size_t p = 0; p < loads->n_packages; p++) {
		double part = shares > 0 ? host_share[p] / shares
					 : 1 / (double)loads->n_packages;

		ret_excess[p] = host * part - left[p];
	}
}

/* Moves a domain's time of threads that moved, this part of it, out of a package. */
static void move_domain(struct player_loads *loads, const struct usage *usage,
	size_t player, size_t from, double part, const double *excess)
{
	const struct usage_cell *cell = player_cell(usage, player, from);
	struct player_load *source = &player_loads_of(loads, from)[player];
	double moved = part * (double)cell->moved_ns / (double)cell->cpu_ns;
	double time = moved * source->parts.time, to_all = 0;

	for (size_t q = 0; q < loads->n_packages; q++)
		if (excess[q] < 0)
			to_all += (double)player_cell(usage, player, q)->moved_ns;
	if (!(to_all > 0))
		return;
	for (size_t q = 0; q < loads->n_packages; q++) {
		struct player_load *target = &player_loads_of(loads, q)[player];
		double more = time * (double)player_cell(usage, player, q)->moved_ns /
			      to_all;

		if (excess[q] < 0 && target->parts.time > 0)
			scale_load(target, 1 + more / target->parts.time);
	}
	scale_load(source, 1 - moved);
}

/* The host has what is left, like the average of the package where it had none. */
static void place_host(struct player_loads *loads, const struct usage *usage,
	double seconds, double host_share[MACHINE_PACKAGES_MAX])
{
	double keep = exp(-seconds / HOST_MEMORY_S);

	for (size_t p = 0; p < loads->n_packages; p++) {
		struct player_load *own = player_loads_of(loads, p), all = { 0 };
		double left;

		for (size_t i = 1; i < loads->n_players; i++) {
			all.parts.time += own[i].parts.time;
			all.parts.together += own[i].parts.together;
			all.parts.apart += own[i].parts.apart;
			if (own[i].parts.time > 0)
				all.parts.log_frequency = own[i].parts.log_frequency;
		}
		left = fmax(busy_cpus(usage, p, seconds) - all.parts.time, 0);
		host_share[p] = keep * host_share[p] + (1 - keep) * left;
		if (!(own[0].parts.time > 0))
			own[0] = all;
		if (own[0].parts.time > 0)
			scale_load(&own[0], left / own[0].parts.time);
	}
}

void player_loads_place(struct player_loads *loads, const struct usage *usage,
	double seconds, double host_share[MACHINE_PACKAGES_MAX])
{
	double excess[MACHINE_PACKAGES_MAX];

	find_excess(loads, usage, seconds, host_share, excess);
	for (size_t p = 0; p < loads->n_packages; p++) {
		double moved = 0, part;

		for (size_t i = 1; i < loads->n_players; i++)
			moved += (double)player_cell(usage, i, p)->moved_ns;
		if (excess[p] <= 0 || moved <= 0)
			continue;
		part = excess[p] * seconds * (double)NSEC_PER_SEC / moved;
		for (size_t i = 1; i < loads->n_players; i++)
			if (player_cell(usage, i, p)->moved_ns > 0)
				move_domain(loads, usage, i, p, fmin(part, 1), excess);
	}
	place_host(loads, usage, seconds, host_share);
}
