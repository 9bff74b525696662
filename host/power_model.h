/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * One hypothesis of what a package's dynamic power is made of, and what the power
 * measured so far says about its unknowns: an extended Kalman filter. Which
 * hypotheses there are, and who the players are, is host/coefficients.h. Pure.
 *
 *	power = sum of (mean + deviation of player i) x W_i + wake x (1 - exp(-B / tau))
 *	W_i   = (time - apart x A_i - together x (T_i - A_i)) x frequency ^ exponent
 *
 * in units of the power of one busy core, more or less. T_i is how much of its time a
 * player would lose to siblings if they shared everything and were busy at times
 * independent of each other, A_i if they avoided each other as far as they can; B is
 * the number of busy cores. The deviations are those of a
 * population around a mean that is itself unknown; each returns to it unless measured
 * power keeps it away. So what was never told apart stays at the mean, and with
 * nothing to go by all factors are equal.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Packages over these are not learned from; they have the wake power of the others. */
#define POWER_MODEL_PACKAGES_MAX 4
/* The host, all that have no place of their own, and the largest domains. */
#define POWER_MODEL_PLAYERS_MAX 34

#define POWER_MODEL_EXPONENT_MIN 1.0
#define POWER_MODEL_EXPONENT_MAX 3.5
#define POWER_MODEL_APART_MIN	 0.4

/* The unknowns, in the order of the state. */
enum power_model_unknown {
	POWER_MODEL_MEAN,
	POWER_MODEL_EXPONENT,
	POWER_MODEL_APART, /* what siblings take from each other */
	POWER_MODEL_TOGETHER,
	POWER_MODEL_WAKE,
	POWER_MODEL_WAKE_PACKAGE, /* its deviation in the first package */
	POWER_MODEL_PLAYER = POWER_MODEL_WAKE_PACKAGE + POWER_MODEL_PACKAGES_MAX,
	POWER_MODEL_STATES = POWER_MODEL_PLAYER + POWER_MODEL_PLAYERS_MAX,
};

/* Of an array by state: even, what is beyond the states is 0. */
#define POWER_MODEL_ROW ((POWER_MODEL_STATES + 1) / 2 * 2)

/* What is not learned within one model, but by comparing models. */
struct power_model_hypothesis {
	double spread;	 /* of the players' factors, relative to the mean */
	double noise;	 /* what the formula is wrong by, relative to the power */
	double tau;	 /* busy cores at which a package is 63 % awake */
	double memory_s; /* how soon a factor returns to the mean by itself */
};

struct power_model {
	struct power_model_hypothesis hypothesis;
	/* How well it foretold the power, relative to the best one: <= 0. */
	double log_evidence;
	/* Of the last sample: how far off it was, in variances. */
	double surprise;
	double state[POWER_MODEL_STATES];
	double covariance[POWER_MODEL_STATES][POWER_MODEL_ROW];
};

/* What a player did in a package, per second. */
struct power_model_load {
	double time;		/* CPU time, of any thread */
	double together, apart; /* T and A: what siblings may take of it */
	double log_frequency;	/* relative to one that never changes */
};

struct power_model_sample {
	size_t package;
	double power;
	/*
	 * n_players of the model's, never fewer than before; those that did nothing are
	 * all 0.
	 */
	size_t n_players;
	struct power_model_load players[POWER_MODEL_PLAYERS_MAX];
};

/* Where a model begins. */
struct power_model_prior {
	double mean, exponent, apart, together, wake;
	double mean_sd, exponent_sd, apart_sd, together_sd, wake_sd, wake_package_sd;
};

void power_model_begin(struct power_model *model,
	const struct power_model_hypothesis *hypothesis,
	const struct power_model_prior *prior);

/* Another player takes this place: at the mean, nothing known of it. */
void power_model_forget_player(struct power_model *model, size_t player);

/* Time passes. */
void power_model_predict(struct power_model *model, size_t n_players, double seconds);

/*
 * Learns from one package. Adds to log_evidence. false: numbers went out of bounds,
 * the model has to begin again.
 */
bool power_model_update(
	struct power_model *model, const struct power_model_sample *sample);

/* The idle power of a package is now more by this: its dynamic power is less. */
void power_model_shift_wake(struct power_model *model, size_t package, double power);

/* How long cores were busy, each counted once. */
double power_model_cores(
	const struct power_model_load *load, double apart, double together);

/* (mean + deviation) / mean, within 0.5 .. 2. */
double power_model_factor(const struct power_model *model, size_t player);

/* Wake power at that load, in units of the mean; not below 0. */
double power_model_wake(
	const struct power_model *model, size_t package, double busy_cores);
