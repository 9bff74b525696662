/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Power models under all hypotheses that are entertained, side by side, each believed
 * as far as it foretold the power of late. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/power_model.h"

#define MODEL_BANK_SPREADS 3 /* of how players differ, and how long it lasts */
#define MODEL_BANK_NOISES  3
#define MODEL_BANK_TAUS	   3
#define MODEL_BANK_MODELS  (MODEL_BANK_SPREADS * MODEL_BANK_NOISES * MODEL_BANK_TAUS)

/* A zeroed one knows nothing. */
struct model_bank {
	/* The power, in watts, that the models take for 1; 0: it has not begun. */
	double unit_w;
	double smt_gain; /* expected */
	double cores;	 /* of a package */
	double wake_w;	 /* what it may take to be awake; 0: by its cores */
	/* Of the first samples: what unit each one would have, as a logarithm. */
	unsigned int n_units;
	double log_units;
	/* How many were learned from since it began. */
	unsigned int n_samples;
	/* Of these the last so many were foretold by no model, not even roughly. */
	unsigned int n_lost;
	struct power_model models[MODEL_BANK_MODELS];
};

/* What the models say together. */
struct model_bank_view {
	double exponent, apart, together;
	double factors[POWER_MODEL_PLAYERS_MAX];
};

/* Ready for what an earlier run knew: all of it begun, but for the models' numbers. */
void model_bank_restore(struct model_bank *bank);

void model_bank_forget_player(struct model_bank *bank, size_t player);
void model_bank_predict(struct model_bank *bank, size_t n_players, double seconds);

/*
 * The power of the sample is in watts. Begins by itself at the first one, and anew when
 * that turns out to have been unlike all others.
 */
void model_bank_update(struct model_bank *bank, struct power_model_sample *sample);

/* The idle power of a package is taken for so much more now. */
void model_bank_shift_idle(struct model_bank *bank, size_t package, double watts);

void model_bank_view(const struct model_bank *bank, size_t n_players,
	struct model_bank_view *ret_view);

/* The wake power of a package, in units of the mean, by when it is awake. */
void model_bank_wake(const struct model_bank *bank, size_t package, double busy_cores,
	double ret_taus[MODEL_BANK_TAUS], double ret_wake[MODEL_BANK_TAUS]);
