/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Hypotheses, and what is believed of them. */
#include "host/model_bank.h"

#include <math.h>
#include <string.h>

/*
 * Players that hardly differ, that differ and change within minutes, and that differ
 * for good.
 */
static const struct {
	double spread, memory_s;
} spreads[MODEL_BANK_SPREADS] = { { 0.02, 600 }, { 0.3, 300 }, { 0.3, 1500 } };

static const double noises[MODEL_BANK_NOISES] = { 0.003, 0.01, 0.03 };
static const double taus[MODEL_BANK_TAUS] = { 0.8, 2.5, 6 };

/* Evidence is forgotten within about a minute. */
#define EVIDENCE_MEMORY_S 100.0
/* Nothing is so improbable that it could not be true later. */
#define LOG_EVIDENCE_MIN (-30.0)

/* Wake power that is expected, for each core of the package. */
#define WAKE_PER_CORE 0.1
#define MEAN_PRIOR    0.85

/* Siblings are kept apart, but not quite. */
#define TOGETHER_PRIOR 0.4

/*
 * The first tick may have been unlike the others: the unit is what so many say on
 * average, and is taken anew if it is not that, more or less.
 */
#define UNITS_MAX      10
#define UNIT_OFF_MAX   2.0
#define EXPONENT_PRIOR 2.2

/* When the mean leaves this, the unit is not what it was. */
#define MEAN_MIN    0.15
#define MEAN_MAX    3.0
#define SAMPLES_MIN 10

/* Off by so many variances is lost; what is lost so often in a row begins anew. */
#define SURPRISE_LOST 100.0
#define LOST_MAX      20

/* Less than this in a package tells nothing. */
#define BUSY_CORES_MIN 0.02

static struct power_model_prior prior_of(const struct model_bank *bank)
{
	double wake = bank->wake_w > 0 ? bank->wake_w / bank->unit_w
				       : WAKE_PER_CORE * bank->cores;

	return (struct power_model_prior){
		.mean = MEAN_PRIOR,
		.exponent = EXPONENT_PRIOR,
		.apart = 1 - bank->smt_gain,
		.together = TOGETHER_PRIOR * (1 - bank->smt_gain),
		.wake = wake,
		.mean_sd = 0.5,
		.exponent_sd = 0.4,
		.apart_sd = 0.08,
		.together_sd = 0.2,
		.wake_sd = wake / 3,
		.wake_package_sd = wake / 4,
	};
}

static void begin_model(struct model_bank *bank, size_t index)
{
	size_t tau = index % MODEL_BANK_TAUS;
	size_t noise = index / MODEL_BANK_TAUS % MODEL_BANK_NOISES;
	size_t spread = index / MODEL_BANK_TAUS / MODEL_BANK_NOISES;
	const struct power_model_hypothesis hypothesis = {
		.spread = spreads[spread].spread,
		.memory_s = spreads[spread].memory_s,
		.noise = noises[noise],
		.tau = taus[tau],
	};
	const struct power_model_prior prior = prior_of(bank);

	power_model_begin(&bank->models[index], &hypothesis, &prior);
}

/* A busy core takes about unit_w. */
static void begin(struct model_bank *bank, double unit_w)
{
	bank->unit_w = unit_w;
	bank->n_samples = 0;
	bank->n_lost = 0;
	bank->n_units = 0;
	bank->log_units = 0;
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++)
		begin_model(bank, m);
}

void model_bank_restore(struct model_bank *bank)
{
	begin(bank, bank->unit_w);
	bank->n_units = UNITS_MAX;
}

void model_bank_forget_player(struct model_bank *bank, size_t player)
{
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++)
		power_model_forget_player(&bank->models[m], player);
}

void model_bank_predict(struct model_bank *bank, size_t n_players, double seconds)
{
	double keep = exp(-seconds / EVIDENCE_MEMORY_S);

	for (size_t m = 0; m < MODEL_BANK_MODELS; m++) {
		power_model_predict(&bank->models[m], n_players, seconds);
		bank->models[m].log_evidence *= keep;
	}
}

/* The best one has 0. */
static void level_evidence(struct model_bank *bank)
{
	double best = bank->models[0].log_evidence;

	for (size_t m = 1; m < MODEL_BANK_MODELS; m++)
		best = fmax(best, bank->models[m].log_evidence);
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++) {
		double *own = &bank->models[m].log_evidence;

		*own = fmax(*own - best, LOG_EVIDENCE_MIN);
	}
}

/* Adds up to 1. */
static void believe(const struct model_bank *bank, double ret_belief[MODEL_BANK_MODELS])
{
	double sum = 0;

	for (size_t m = 0; m < MODEL_BANK_MODELS; m++) {
		ret_belief[m] = exp(bank->models[m].log_evidence);
		sum += ret_belief[m];
	}
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++)
		ret_belief[m] /= sum;
}

static double average(const struct model_bank *bank, enum power_model_unknown unknown)
{
	double belief[MODEL_BANK_MODELS], sum = 0;

	believe(bank, belief);
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++)
		sum += belief[m] * bank->models[m].state[unknown];
	return sum;
}

static void check_unit(struct model_bank *bank)
{
	double mean = average(bank, POWER_MODEL_MEAN);

	if (mean >= MEAN_MIN && mean <= MEAN_MAX)
		return;
	bank->wake_w = fmax(average(bank, POWER_MODEL_WAKE), 0) * bank->unit_w;
	begin(bank, bank->unit_w * fmax(mean, MEAN_MIN / 2));
}

/* The unit that makes the power of the sample what is expected of it. */
static double guess_unit(
	const struct model_bank *bank, const struct power_model_sample *sample)
{
	double cores = 0, wake;

	for (size_t i = 0; i < sample->n_players; i++) {
		const struct power_model_load *load = &sample->players[i];

		cores += (load->time - load->apart) *
			 exp(EXPONENT_PRIOR * load->log_frequency);
	}
	if (cores < BUSY_CORES_MIN)
		return 0;
	wake = WAKE_PER_CORE * bank->cores * (1 - exp(-cores));
	return sample->power / (MEAN_PRIOR * cores + wake);
}

/* A unit that the first samples do not bear out gives way to theirs. */
static void check_units(struct model_bank *bank, double unit_w)
{
	double off;

	if (bank->n_units == UNITS_MAX)
		return;
	bank->log_units += log(unit_w);
	if (++bank->n_units < UNITS_MAX)
		return;
	unit_w = exp(bank->log_units / UNITS_MAX);
	off = unit_w / bank->unit_w;
	if (off < 1 / UNIT_OFF_MAX || off > UNIT_OFF_MAX)
		begin(bank, unit_w);
}

/* What the models know is of another host, or was never of any. */
static void check_lost(struct model_bank *bank, double unit_w)
{
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++) {
		if (bank->models[m].surprise < SURPRISE_LOST) {
			bank->n_lost = 0;
			return;
		}
	}
	if (++bank->n_lost < LOST_MAX)
		return;
	bank->wake_w = 0;
	begin(bank, unit_w);
}

void model_bank_update(struct model_bank *bank, struct power_model_sample *sample)
{
	double unit_w = guess_unit(bank, sample);

	if (!(unit_w > 0) || !isfinite(unit_w))
		return;
	if (bank->unit_w <= 0)
		begin(bank, unit_w);
	sample->power /= bank->unit_w;
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++) {
		if (power_model_update(&bank->models[m], sample))
			continue;
		begin_model(bank, m);
		bank->models[m].log_evidence = LOG_EVIDENCE_MIN;
	}
	level_evidence(bank);
	check_units(bank, unit_w);
	check_lost(bank, unit_w);
	if (++bank->n_samples >= SAMPLES_MIN)
		check_unit(bank);
}

void model_bank_shift_idle(struct model_bank *bank, size_t package, double watts)
{
	for (size_t m = 0; m < MODEL_BANK_MODELS && bank->unit_w > 0; m++)
		power_model_shift_wake(&bank->models[m], package, watts / bank->unit_w);
}

void model_bank_view(
	const struct model_bank *bank, size_t n_players, struct model_bank_view *ret_view)
{
	double belief[MODEL_BANK_MODELS];

	memset(ret_view, 0, sizeof(*ret_view));
	believe(bank, belief);
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++) {
		const struct power_model *model = &bank->models[m];

		ret_view->exponent += belief[m] * model->state[POWER_MODEL_EXPONENT];
		ret_view->apart += belief[m] * model->state[POWER_MODEL_APART];
		ret_view->together += belief[m] * model->state[POWER_MODEL_TOGETHER];
		for (size_t i = 0; i < n_players; i++)
			ret_view->factors[i] += belief[m] * power_model_factor(model, i);
	}
}

void model_bank_wake(const struct model_bank *bank, size_t package, double busy_cores,
	double ret_taus[MODEL_BANK_TAUS], double ret_wake[MODEL_BANK_TAUS])
{
	double belief[MODEL_BANK_MODELS];

	believe(bank, belief);
	for (size_t t = 0; t < MODEL_BANK_TAUS; t++) {
		ret_taus[t] = taus[t];
		ret_wake[t] = 0;
	}
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++)
		ret_wake[m % MODEL_BANK_TAUS] += belief[m] *
						 power_model_wake(&bank->models[m],
							 package, busy_cores);
}
