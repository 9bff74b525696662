/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Players, what they did, what was learned of them, and their weights. */
#include "host/coefficients.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/player_load.h"
#include "host/wake.h"
#include "shared/array.h"
#include "shared/clock.h"

/* Ticks shorter than this are at the mercy of when counters were updated. */
#define DT_MIN_NS (NSEC_PER_SEC / 50)
/* Longer ones are not of one load. */
#define DT_MAX_NS (120 * NSEC_PER_SEC)

/* Who slows down others most still pays for this part of its own power. */
#define OWN_PART_MIN 0.25

/* Wake power less than this part of the rest is not worth the computation. */
#define WAKE_PART_MIN 1e-4

struct coefficients {
	/* Up to the tick accepted last; and with the last step. */
	struct coefficients_state *accepted, *state;
	/* Of the last step. */
	struct player_loads loads;
	size_t size;		 /* players x packages there is room for */
	double *cores, *scratch; /* by player */
	double *totals;
	uint64_t *weights; /* [package * n_players + player] */
	uint8_t *seats;	   /* by player */
};

int coefficients_new(struct coefficients **ret_coefficients)
{
	struct coefficients *coefficients = calloc(1, sizeof(*coefficients));

	if (!coefficients)
		return -ENOMEM;
	coefficients->accepted = calloc(1, sizeof(*coefficients->accepted));
	coefficients->state = calloc(1, sizeof(*coefficients->state));
	if (!coefficients->accepted || !coefficients->state) {
		coefficients_free(coefficients);
		return -ENOMEM;
	}
	*ret_coefficients = coefficients;
	return 0;
}

void coefficients_free(struct coefficients *coefficients)
{
	if (!coefficients)
		return;
	free(coefficients->accepted);
	free(coefficients->state);
	player_loads_deinit(&coefficients->loads);
	free(coefficients->cores);
	free(coefficients->scratch);
	free(coefficients->totals);
	free(coefficients->weights);
	free(coefficients->seats);
	free(coefficients);
}

int coefficients_reserve(
	struct coefficients *coefficients, size_t n_domains, size_t n_packages)
{
	size_t n = (n_domains + 1) * (n_packages > 0 ? n_packages : 1);

	if (n <= coefficients->size)
		return 0;
	n *= 2;
	if (player_loads_reserve(&coefficients->loads, n) < 0 ||
		array_resize(&coefficients->cores, n) < 0 ||
		array_resize(&coefficients->scratch, n) < 0 ||
		array_resize(&coefficients->totals, n) < 0 ||
		array_resize(&coefficients->weights, n) < 0 ||
		array_resize(&coefficients->seats, n) < 0)
		return -ENOMEM;
	coefficients->size = n;
	return 0;
}

static void seat_players(struct coefficients *coefficients,
	const struct coefficients_tick *tick, double seconds)
{
	bool is_new[POWER_MODEL_PLAYERS_MAX];

	for (size_t i = 0; i < coefficients->loads.n_players; i++) {
		coefficients->cores[i] = 0;
		for (size_t p = 0; p < coefficients->loads.n_packages; p++)
			coefficients->cores[i] +=
				player_loads_of(&coefficients->loads, p)[i].parts.time;
	}
	coefficients->seats[0] = ROSTER_HOST;
	roster_update(&coefficients->state->roster, tick->sample, coefficients->cores + 1,
		seconds, coefficients->seats + 1, is_new);
	for (size_t s = 0; s < POWER_MODEL_PLAYERS_MAX; s++)
		if (is_new[s])
			model_bank_forget_player(&coefficients->state->bank, s);
}

/* Sums the players up by seat. */
static void gather(const struct coefficients *coefficients, size_t package,
	struct power_model_sample *sample)
{
	const struct player_load *loads = player_loads_of(&coefficients->loads, package);

	for (size_t i = 0; i < coefficients->loads.n_players; i++) {
		struct power_model_load *seat = &sample->players[coefficients->seats[i]];
		const struct power_model_load *own = &loads[i].parts;

		seat->time += own->time;
		seat->together += own->together;
		seat->apart += own->apart;
		seat->log_frequency += own->time * own->log_frequency;
	}
	for (size_t s = 0; s < sample->n_players; s++) {
		struct power_model_load *seat = &sample->players[s];

		if (seat->time > 0)
			seat->log_frequency /= seat->time;
	}
}

static void learn_turbo(struct turbo *turbo, const struct power_model_sample *sample)
{
	double time = 0, cores = 0, frequency = 0;

	for (size_t s = 0; s < sample->n_players; s++) {
		const struct power_model_load *seat = &sample->players[s];

		time += seat->time;
		cores += seat->time - seat->apart;
		frequency += seat->time * seat->log_frequency;
	}
	if (time > 0)
		turbo_learn(turbo, cores, frequency / time);
}

/* What is called idle now was called wake power before. */
static void follow_idle(
	struct coefficients_state *state, size_t package, uint64_t idle_uw)
{
	if (state->has_idle[package] && state->idle_uw[package] != idle_uw)
		model_bank_shift_idle(&state->bank, package,
			((double)idle_uw - (double)state->idle_uw[package]) / 1e6);
	state->has_idle[package] = true;
	state->idle_uw[package] = idle_uw;
}

static void learn(struct coefficients *coefficients, const struct coefficients_tick *tick,
	double seconds)
{
	struct coefficients_state *state = coefficients->state;
	size_t n_packages = coefficients->loads.n_packages;

	if (n_packages > POWER_MODEL_PACKAGES_MAX)
		n_packages = POWER_MODEL_PACKAGES_MAX;
	turbo_predict(&state->turbo, seconds);
	model_bank_predict(&state->bank, roster_size(&state->roster), seconds);
	for (size_t p = 0; p < n_packages; p++) {
		struct power_model_sample sample = {
			.package = p,
			.n_players = roster_size(&state->roster),
		};

		gather(coefficients, p, &sample);
		follow_idle(state, p, tick->packages[p].idle_uw);
		learn_turbo(&state->turbo, &sample);
		if (!tick->packages[p].measured)
			continue;
		sample.power = (double)tick->packages[p].dynamic_uj / 1e6 / seconds;
		model_bank_update(&state->bank, &sample);
	}
}

/* Each by its own factor, and by what it does to the clocks of all. */
static double weigh_work(struct coefficients *coefficients,
	const struct model_bank_view *view, size_t package)
{
	struct player_load *loads = player_loads_of(&coefficients->loads, package);
	double work = 0, cores = 0, gain;

	for (size_t i = 0; i < coefficients->loads.n_players; i++) {
		const struct power_model_load *parts = &loads[i].parts;
		double time = parts->time - view->apart * parts->apart -
			      view->together * (parts->together - parts->apart);

		loads[i].weight = 0;
		loads[i].cores = power_model_cores(parts, view->apart, view->together);
		if (parts->time > 0 && time > 0)
			loads[i].weight = view->factors[coefficients->seats[i]] * time *
					  exp(view->exponent * parts->log_frequency);
		work += loads[i].weight;
		cores += loads[i].cores;
	}
	if (!(work > 0) || !(cores > 0))
		return 0;
	gain = turbo_gain(&coefficients->state->turbo, cores, view->exponent);
	for (size_t i = 0; i < coefficients->loads.n_players; i++) {
		double others = (gain - 1) * work * loads[i].cores / cores;
		double weight = gain * loads[i].weight - others;

		loads[i].weight = fmax(weight, OWN_PART_MIN * loads[i].weight);
	}
	return work;
}

static void weigh_wake(struct coefficients *coefficients, size_t package, double work)
{
	struct player_load *loads = player_loads_of(&coefficients->loads, package);
	size_t n = coefficients->loads.n_players;
	double taus[MODEL_BANK_TAUS], wake[MODEL_BANK_TAUS], cores = 0;

	for (size_t i = 0; i < n; i++) {
		coefficients->cores[i] = loads[i].cores;
		coefficients->totals[i] = loads[i].weight;
		cores += loads[i].cores;
	}
	model_bank_wake(&coefficients->state->bank, package, cores, taus, wake);
	for (size_t t = 0; t < MODEL_BANK_TAUS; t++)
		if (wake[t] > WAKE_PART_MIN * work)
			wake_share(wake[t], taus[t], coefficients->cores, n,
				coefficients->scratch, coefficients->totals);
}

/* Nothing was learned, or no number came of it. */
static void keep_refined(struct coefficients *coefficients,
	const struct coefficients_tick *tick, size_t package)
{
	uint64_t *weights =
		&coefficients->weights[package * coefficients->loads.n_players];

	for (size_t i = 0; i < coefficients->loads.n_players; i++)
		weights[i] = player_cell(tick->usage, i, package)->weight;
}

/* From totals to integers that sum to what they would without learning. */
static void round_weights(struct coefficients *coefficients,
	const struct coefficients_tick *tick, size_t package)
{
	uint64_t *weights =
		&coefficients->weights[package * coefficients->loads.n_players];
	double sum = 0, refined = 0, scale;

	for (size_t i = 0; i < coefficients->loads.n_players; i++) {
		sum += coefficients->totals[i];
		refined += (double)player_cell(tick->usage, i, package)->weight;
	}
	scale = refined / sum;
	if (!(sum > 0) || !isfinite(sum) || !isfinite(scale) ||
		refined >= (double)(UINT64_MAX / 2)) {
		keep_refined(coefficients, tick, package);
		return;
	}
	for (size_t i = 0; i < coefficients->loads.n_players; i++) {
		double weight = coefficients->totals[i] * scale;

		weights[i] = 0;
		if (player_cell(tick->usage, i, package)->cpu_ns > 0)
			weights[i] = weight > 1 ? (uint64_t)weight : 1;
	}
}

static void weigh(struct coefficients *coefficients, const struct coefficients_tick *tick)
{
	const struct model_bank *bank = &coefficients->state->bank;
	struct model_bank_view view;

	if (bank->unit_w > 0)
		model_bank_view(bank, roster_size(&coefficients->state->roster), &view);
	for (size_t p = 0; p < coefficients->loads.n_packages; p++) {
		double work = bank->unit_w > 0 ? weigh_work(coefficients, &view, p) : 0;

		if (!(work > 0)) {
			keep_refined(coefficients, tick, p);
			continue;
		}
		weigh_wake(coefficients, p, work);
		round_weights(coefficients, tick, p);
	}
}

/* Of a package; all are alike. */
static double count_cores(const struct usage *usage)
{
	size_t n = 0;

	/* Each ring of siblings has one link that does not go up. */
	for (size_t i = 0; i < usage->loads.n_cpus; i++)
		n += usage->loads.cpus[i].package != CPU_LOAD_NO_PACKAGE &&
		     usage->loads.next_sibling[i] <= i;
	return (double)n / (double)usage->n_packages;
}

void coefficients_step(
	struct coefficients *coefficients, const struct coefficients_tick *tick)
{
	double seconds = (double)tick->dt_ns / (double)NSEC_PER_SEC;
	struct coefficients_state *state = coefficients->state;
	struct player_loads *loads = &coefficients->loads;

	*state = *coefficients->accepted;
	player_loads_compute(loads, tick->usage, tick->sample->n_domains, tick->weight,
		seconds, &state->reference_khz);
	if (tick->dt_ns < DT_MIN_NS || tick->dt_ns > DT_MAX_NS ||
		!player_loads_is_plausible(loads, tick->usage, seconds)) {
		for (size_t p = 0; p < loads->n_packages; p++)
			keep_refined(coefficients, tick, p);
		return;
	}
	state->bank.smt_gain = tick->weight->smt_gain;
	state->bank.cores = count_cores(tick->usage);
	if (loads->n_packages > 1)
		player_loads_place(loads, tick->usage, seconds, state->host_share);
	seat_players(coefficients, tick, seconds);
	learn(coefficients, tick, seconds);
	weigh(coefficients, tick);
}

void coefficients_accept(struct coefficients *coefficients)
{
	struct coefficients_state *state = coefficients->accepted;

	coefficients->accepted = coefficients->state;
	coefficients->state = state;
}

uint64_t coefficients_weight(
	const struct coefficients *coefficients, size_t player, size_t package)
{
	return coefficients->weights[package * coefficients->loads.n_players + player];
}

size_t coefficients_encode(
	struct coefficients *coefficients, uint8_t bytes[COEFFICIENTS_BYTES_MAX])
{
	if (!(coefficients->accepted->bank.unit_w > 0))
		return 0;
	return coefficients_state_encode(coefficients->accepted, bytes);
}

int coefficients_decode(
	struct coefficients *coefficients, const uint8_t *bytes, size_t size)
{
	return coefficients_state_decode(bytes, size, coefficients->accepted);
}
