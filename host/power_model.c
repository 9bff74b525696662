/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* An extended Kalman filter with scalar measurements. */
#include "host/power_model.h"

#include <math.h>
#include <string.h>

#define FACTOR_MIN 0.5
#define FACTOR_MAX 2.0

/* A mean below this part of the unit is no power of anything. */
#define MEAN_MIN 0.05

/* What the mean and the wake power may change by in a second, standard deviations. */
#define MEAN_WALK 0.0005
#define WAKE_WALK 0.001

/* Degrees of freedom of the predictive density: a bad tick is no proof. */
#define TAIL_DEGREES 6.0
/* Innovations over 4 standard deviations correct no more than those of 4. */
#define INNOVATION_LIMIT 7.0

/* The noise is relative to the power, but not to less than this. */
#define POWER_FLOOR 0.5

static double clamp(double value, double min, double max)
{
	return value < min ? min : value > max ? max : value;
}

static double mean_of(const struct power_model *model)
{
	return model->state[POWER_MODEL_MEAN] > MEAN_MIN ? model->state[POWER_MODEL_MEAN]
							 : MEAN_MIN;
}

void power_model_begin(struct power_model *model,
	const struct power_model_hypothesis *hypothesis,
	const struct power_model_prior *prior)
{
	double sd[POWER_MODEL_STATES];

	memset(model, 0, sizeof(*model));
	model->hypothesis = *hypothesis;
	model->state[POWER_MODEL_MEAN] = prior->mean;
	model->state[POWER_MODEL_EXPONENT] = prior->exponent;
	model->state[POWER_MODEL_APART] = prior->apart;
	model->state[POWER_MODEL_TOGETHER] = prior->together;
	model->state[POWER_MODEL_WAKE] = prior->wake;
	sd[POWER_MODEL_MEAN] = prior->mean_sd;
	sd[POWER_MODEL_EXPONENT] = prior->exponent_sd;
	sd[POWER_MODEL_APART] = prior->apart_sd;
	sd[POWER_MODEL_TOGETHER] = prior->together_sd;
	sd[POWER_MODEL_WAKE] = prior->wake_sd;
	for (size_t i = POWER_MODEL_WAKE_PACKAGE; i < POWER_MODEL_PLAYER; i++)
		sd[i] = prior->wake_package_sd;
	for (size_t i = POWER_MODEL_PLAYER; i < POWER_MODEL_STATES; i++)
		sd[i] = hypothesis->spread * prior->mean;
	for (size_t i = 0; i < POWER_MODEL_STATES; i++)
		model->covariance[i][i] = sd[i] * sd[i];
}

void power_model_forget_player(struct power_model *model, size_t player)
{
	size_t own = POWER_MODEL_PLAYER + player;
	double sd = model->hypothesis.spread * mean_of(model);

	for (size_t i = 0; i < POWER_MODEL_STATES; i++) {
		model->covariance[own][i] = 0;
		model->covariance[i][own] = 0;
	}
	model->state[own] = 0;
	model->covariance[own][own] = sd * sd;
}

void power_model_predict(struct power_model *model, size_t n_players, double seconds)
{
	size_t end = POWER_MODEL_PLAYER + n_players;
	double keep = exp(-seconds / model->hypothesis.memory_s);
	double sd = model->hypothesis.spread * mean_of(model);
	double back = (1 - keep * keep) * sd * sd;

	for (size_t i = POWER_MODEL_PLAYER; i < end; i++) {
		model->state[i] *= keep;
		for (size_t j = 0; j < POWER_MODEL_PLAYER; j++) {
			model->covariance[i][j] *= keep;
			model->covariance[j][i] *= keep;
		}
		for (size_t j = POWER_MODEL_PLAYER; j < end; j++)
			model->covariance[i][j] *= keep * keep;
		model->covariance[i][i] += back;
	}
	model->covariance[POWER_MODEL_MEAN][POWER_MODEL_MEAN] += MEAN_WALK * MEAN_WALK *
								 seconds;
	model->covariance[POWER_MODEL_WAKE][POWER_MODEL_WAKE] += WAKE_WALK * WAKE_WALK *
								 seconds;
}

double power_model_cores(
	const struct power_model_load *load, double apart, double together)
{
	/* Of what siblings take from each other, the part that is time on one core. */
	double overlap = apart > 0 ? together / apart : 0;

	return load->time - load->apart - overlap * (load->together - load->apart);
}

/* The power foretold, and its gradient at the state. */
static double foretell(const struct power_model *model,
	const struct power_model_sample *sample, double gradient[POWER_MODEL_STATES])
{
	double exponent = model->state[POWER_MODEL_EXPONENT];
	double apart = model->state[POWER_MODEL_APART];
	double together = model->state[POWER_MODEL_TOGETHER];
	double power = 0, cores = 0, awake;

	memset(gradient, 0, POWER_MODEL_STATES * sizeof(*gradient));
	for (size_t i = 0; i < sample->n_players; i++) {
		const struct power_model_load *load = &sample->players[i];
		double factor = model->state[POWER_MODEL_MEAN] +
				model->state[POWER_MODEL_PLAYER + i];
		double more = load->together - load->apart;
		double fast, weight;

		if (load->time <= 0)
			continue;
		fast = exp(exponent * load->log_frequency);
		weight = (load->time - apart * load->apart - together * more) * fast;
		cores += power_model_cores(load, apart, together);
		power += factor * weight;
		gradient[POWER_MODEL_PLAYER + i] = weight;
		gradient[POWER_MODEL_MEAN] += weight;
		gradient[POWER_MODEL_EXPONENT] += factor * weight * load->log_frequency;
		gradient[POWER_MODEL_APART] -= factor * load->apart * fast;
		gradient[POWER_MODEL_TOGETHER] -= factor * more * fast;
	}
	awake = 1 - exp(-cores / model->hypothesis.tau);
	gradient[POWER_MODEL_WAKE] = awake;
	gradient[POWER_MODEL_WAKE_PACKAGE + sample->package] = awake;
	return power +
	       awake * (model->state[POWER_MODEL_WAKE] +
			       model->state[POWER_MODEL_WAKE_PACKAGE + sample->package]);
}

/*
 * row += times x other. Compilers do an even number two by two; of the state that this
 * may add nothing is known, all of it is 0.
 */
static void add_row(
	double *restrict row, const double *restrict other, double times, size_t n)
{
	n = (n + 1) & ~(size_t)1;
	for (size_t i = 0; i < n; i++)
		row[i] += times * other[i];
}

/* covariance x gradient; returns gradient x covariance x gradient. */
static double project(const struct power_model *model, size_t n,
	const double gradient[POWER_MODEL_STATES], double ret_column[POWER_MODEL_ROW])
{
	double variance = 0;

	memset(ret_column, 0, POWER_MODEL_ROW * sizeof(*ret_column));
	/* It is 0 of who did nothing. */
	for (size_t i = 0; i < n; i++)
		if (gradient[i] != 0)
			add_row(ret_column, model->covariance[i], gradient[i], n);
	for (size_t i = 0; i < n; i++)
		variance += ret_column[i] * gradient[i];
	return variance;
}

/* Both halves of the covariance are computed alike: it stays symmetric. */
static void correct(struct power_model *model, size_t n,
	const double column[POWER_MODEL_ROW], double variance, double innovation)
{
	double scaled[POWER_MODEL_ROW], deviation = sqrt(variance);

	for (size_t i = 0; i < POWER_MODEL_ROW; i++)
		scaled[i] = column[i] / deviation;
	for (size_t i = 0; i < n; i++) {
		model->state[i] += scaled[i] * innovation / deviation;
		add_row(model->covariance[i], scaled, -scaled[i], n);
	}
	model->state[POWER_MODEL_EXPONENT] = clamp(model->state[POWER_MODEL_EXPONENT],
		POWER_MODEL_EXPONENT_MIN, POWER_MODEL_EXPONENT_MAX);
	model->state[POWER_MODEL_APART] = clamp(
		model->state[POWER_MODEL_APART], POWER_MODEL_APART_MIN, 1);
	model->state[POWER_MODEL_TOGETHER] = clamp(
		model->state[POWER_MODEL_TOGETHER], 0, model->state[POWER_MODEL_APART]);
}

static bool is_sound(const struct power_model *model, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(model->state[i]) || !isfinite(model->covariance[i][i]) ||
			model->covariance[i][i] < 0)
			return false;
	return isfinite(model->log_evidence);
}

bool power_model_update(
	struct power_model *model, const struct power_model_sample *sample)
{
	size_t n = POWER_MODEL_PLAYER + sample->n_players;
	double gradient[POWER_MODEL_STATES], column[POWER_MODEL_ROW];
	double power = sample->power > POWER_FLOOR ? sample->power : POWER_FLOOR;
	double noise = model->hypothesis.noise * power;
	double innovation = sample->power - foretell(model, sample, gradient);
	double variance = project(model, n, gradient, column) + noise * noise;
	double surprise = innovation * innovation / variance;

	model->log_evidence -= log(variance) / 2 +
			       (TAIL_DEGREES + 1) / 2 * log1p(surprise / TAIL_DEGREES);
	model->surprise = surprise;
	if (surprise > INNOVATION_LIMIT)
		variance *= surprise / INNOVATION_LIMIT;
	correct(model, n, column, variance, innovation);
	return is_sound(model, n);
}

void power_model_shift_wake(struct power_model *model, size_t package, double power)
{
	model->state[POWER_MODEL_WAKE_PACKAGE + package] -= power;
}

double power_model_factor(const struct power_model *model, size_t player)
{
	double mean = mean_of(model);

	return clamp((mean + model->state[POWER_MODEL_PLAYER + player]) / mean,
		FACTOR_MIN, FACTOR_MAX);
}

double power_model_wake(
	const struct power_model *model, size_t package, double busy_cores)
{
	double wake = model->state[POWER_MODEL_WAKE];

	if (package < POWER_MODEL_PACKAGES_MAX)
		wake += model->state[POWER_MODEL_WAKE_PACKAGE + package];
	wake *= (1 - exp(-busy_cores / model->hypothesis.tau)) / mean_of(model);
	return wake > 0 ? wake : 0;
}
