/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Who attributes a simulated host's energy best. */
#include "tests/bench/accuracy/contest.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/meter.h"

struct mode {
	const char *name;
	struct meter_options options;
};

#define DEFAULT_WEIGHT                                                                   \
	{                                                                                \
		WEIGHT_SMT_GAIN, WEIGHT_FREQUENCY_EXPONENT                               \
	}

static const struct mode modes[CONTEST_MODES] = {
	{ "vmpower, coefficients off",
		{ .idle_policy = IDLE_POLICY_RESERVED, .weight = DEFAULT_WEIGHT } },
	{ "vmpower, coefficients learn", { .idle_policy = IDLE_POLICY_RESERVED,
						 .weight = DEFAULT_WEIGHT,
						 .learn = true } },
};

struct contest {
	struct run *run;
	struct sample samples[2];
	struct sample *before, *now;
	struct cputime time;
	uint64_t growth_uj[RIG_ZONES_MAX];
	/* Of the packages, in this tick. */
	double total_j[RIG_PACKAGES_MAX], dynamic_j[RIG_PACKAGES_MAX];
	struct meter *meters[CONTEST_MODES];
	struct tick tick;
	struct score scores[CONTEST_ENTRANTS], published[CONTEST_ENTRANTS];
	double variance_j2, busy_s, capacity_s;
	uint64_t residual_uj;
};

const char *contest_name(unsigned entrant)
{
	return entrant < CONTEST_MODES ? modes[entrant].name
				       : formulas[entrant - CONTEST_MODES].name;
}

static void contest_deinit(struct contest *contest)
{
	for (unsigned m = 0; m < CONTEST_MODES; m++)
		meter_free(contest->meters[m]);
	tick_deinit(&contest->tick);
	sample_deinit(&contest->samples[0]);
	sample_deinit(&contest->samples[1]);
	run_free(contest->run);
}

/* Idle power is what an administrator would have measured. */
static int begin_meter(const struct run *run, const struct meter_options *options,
	struct meter **ret_meter)
{
	int r = meter_new(options, ret_meter);

	for (size_t z = 0; r == 0 && z < run->machine.n_zones; z++)
		r = meter_set_idle_power(*ret_meter, run->machine.zones[z].name,
			IDLE_POWER_CONFIGURED, (uint64_t)(run_idle_w(run, z) * 1e6));
	return r;
}

static void compute_energy(struct contest *contest)
{
	const struct run *run = contest->run;
	uint64_t dt_ns = contest->now->boottime_ns - contest->before->boottime_ns;

	for (size_t z = 0; z < run->machine.n_zones; z++) {
		uint64_t from = contest->before->zones[z].energy_uj;
		uint64_t to = contest->now->zones[z].energy_uj;

		if (to < from)
			to += run->machine.zones[z].max_energy_range_uj;
		contest->growth_uj[z] = to - from;
	}
	for (unsigned p = 0; p < run->rig.n_packages; p++) {
		double idle_j = run_idle_w(run, 2 * p) * (double)dt_ns / 1e9;

		contest->total_j[p] = (double)contest->growth_uj[2 * p] / 1e6;
		contest->dynamic_j[p] = contest->total_j[p] > idle_j
						? contest->total_j[p] - idle_j
						: 0;
		contest->capacity_s += contest->time.capacity_s[p];
		contest->busy_s += contest->time.used_s[p];
	}
}

/* What the tick's parts of a zone do not add up to. */
static uint64_t residual_of(const struct tick *tick, size_t z, uint64_t growth_uj)
{
	const struct tick_zone *zone = &tick->zones[z];
	int64_t rest_uj = (int64_t)(zone->total_uj - zone->unattributed_uj -
				    zone->host.dynamic_uj - zone->host.idle_uj);
	uint64_t lost_uj;

	for (size_t d = 0; d < tick->n_domains; d++) {
		const struct tick_share *share = tick_share(tick, d, z);

		rest_uj -= (int64_t)(share->dynamic_uj + share->idle_uj);
	}
	lost_uj = zone->total_uj > growth_uj ? zone->total_uj - growth_uj
					     : growth_uj - zone->total_uj;
	return lost_uj + (uint64_t)llabs(rest_uj);
}

static void take_shares(
	const struct run *run, const struct tick *tick, struct formula_shares *shares)
{
	unsigned host = run->load.n_domains;
	size_t d = 0;

	memset(shares, 0, sizeof(*shares));
	for (unsigned p = 0; p < run->rig.n_packages; p++)
		shares->j[host][p] = (double)tick->zones[2 * p].host.dynamic_uj / 1e6;
	for (unsigned i = 0; i < host && d < tick->n_domains; i++) {
		if (uuid_compare(&tick->domains[d].uuid, &run->load.players[i].uuid) != 0)
			continue;
		for (unsigned p = 0; p < run->rig.n_packages; p++)
			shares->j[i][p] = (double)tick_share(tick, d, 2 * p)->dynamic_uj /
					  1e6;
		d++;
	}
}

static int step_mode(struct contest *contest, unsigned mode, bool counts)
{
	const struct run *run = contest->run;
	struct formula_shares shares;
	int r = meter_step(
		contest->meters[mode], &run->machine, contest->now, &contest->tick);

	if (r < 0)
		return r;
	meter_accept(contest->meters[mode]);
	for (size_t z = 0; z < run->machine.n_zones; z++) {
		uint64_t residual_uj = residual_of(
			&contest->tick, z, contest->growth_uj[z]);

		if (residual_uj > contest->residual_uj)
			contest->residual_uj = residual_uj;
	}
	if (!counts)
		return 0;
	take_shares(run, &contest->tick, &shares);
	score_add(
		&contest->scores[mode], run, &contest->time, contest->dynamic_j, &shares);
	score_add(&contest->published[mode], run, &contest->time, contest->dynamic_j,
		&shares);
	return 0;
}

static void step_formula(struct contest *contest, unsigned i)
{
	const struct formula *formula = &formulas[i];
	const double *published_j = formula->takes_idle ? contest->total_j
							: contest->dynamic_j;
	struct formula_shares shares;

	memset(&shares, 0, sizeof(shares));
	formula->share(&contest->time, contest->dynamic_j, &shares);
	score_add(&contest->scores[CONTEST_MODES + i], contest->run, &contest->time,
		contest->dynamic_j, &shares);
	memset(&shares, 0, sizeof(shares));
	formula->share(&contest->time, published_j, &shares);
	score_add(&contest->published[CONTEST_MODES + i], contest->run, &contest->time,
		published_j, &shares);
}

static int step(struct contest *contest, bool counts)
{
	const struct run *run = contest->run;
	struct sample *now = contest->before;
	int r;

	contest->before = contest->now;
	contest->now = now;
	r = run_tick(contest->run, now);
	if (r < 0)
		return r;
	cputime_compute(&contest->time, run, contest->before, contest->now);
	compute_energy(contest);
	for (unsigned m = 0; m < CONTEST_MODES; m++) {
		r = step_mode(contest, m, counts);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; counts && i < CONTEST_FORMULAS; i++)
		step_formula(contest, i);
	for (unsigned i = 0; counts && i <= run->load.n_domains; i++)
		for (unsigned p = 0; p < run->rig.n_packages; p++)
			contest->variance_j2 += run->variance_j2[i][2 * p];
	return 0;
}

static int begin(struct contest *contest, const struct scenario *scenario, uint64_t seed)
{
	int r;

	contest->before = &contest->samples[0];
	contest->now = &contest->samples[1];
	r = run_new(scenario, seed, &contest->run, contest->now);
	for (unsigned m = 0; r == 0 && m < CONTEST_MODES; m++) {
		r = begin_meter(contest->run, &modes[m].options, &contest->meters[m]);
		if (r == 0)
			r = meter_step(contest->meters[m], &contest->run->machine,
				contest->now, &contest->tick);
		if (r == 0)
			meter_accept(contest->meters[m]);
	}
	return r;
}

static void finish(const struct contest *contest, struct contest_result *ret_result)
{
	double truth_j = 0;

	for (unsigned i = 0; i <= contest->run->load.n_domains; i++)
		for (unsigned p = 0; p < contest->run->rig.n_packages; p++)
			truth_j += contest->scores[0].truth_j[i][p];
	for (unsigned e = 0; e < CONTEST_ENTRANTS; e++) {
		score_finish(&contest->scores[e], contest->run, ret_result->figures[e]);
		score_finish(
			&contest->published[e], contest->run, ret_result->published[e]);
	}
	ret_result->residual_uj = contest->residual_uj;
	ret_result->truth_error = sqrt(contest->variance_j2) / truth_j;
	ret_result->load = contest->busy_s / contest->capacity_s;
}

int contest_run(const struct scenario *scenario, uint64_t seed, unsigned n_ticks,
	struct contest_result *ret_result)
{
	struct contest *contest = calloc(1, sizeof(*contest));
	int r;

	if (!contest)
		return -ENOMEM;
	r = begin(contest, scenario, seed);
	for (unsigned t = 1; r == 0 && t <= n_ticks; t++)
		r = step(contest, t > CONTEST_WARM_UP);
	if (r == 0)
		finish(contest, ret_result);
	contest_deinit(contest);
	free(contest);
	return r;
}
