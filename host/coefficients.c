/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Players, what they did, what was learned of them, and their weights. */
#include "host/coefficients.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host/wake.h"
#include "shared/clock.h"

#define WEIGHT_ONE (1 << WEIGHT_FRACTION_BITS)

/* Ticks shorter than this are at the mercy of when counters were updated. */
#define DT_MIN_NS (NSEC_PER_SEC / 50)
/* Longer ones are not of one load. */
#define DT_MAX_NS (120 * NSEC_PER_SEC)

/* No CPU is so many times faster than itself, as a logarithm. */
#define LOG_FREQUENCY_MAX 4.0

/* Clocks of threads and of CPUs are not read at once. */
#define BUSY_SLACK 1.2

/* Who slows down others most still pays for this part of its own power. */
#define OWN_PART_MIN 0.25

/* How soon it is forgotten where the host ran. */
#define HOST_MEMORY_S 60.0

/* Wake power less than this part of the rest is not worth the computation. */
#define WAKE_PART_MIN 1e-4

/* One player in one package. */
struct load {
	struct power_model_load parts;
	double cores; /* busy, siblings counted half */
	double weight;
};

struct coefficients {
	/* Up to the tick accepted last; and with the last step. */
	struct coefficients_state *accepted, *state;
	/* Of the last step. */
	size_t n_players, n_packages;
	size_t size;		 /* players x packages there is room for */
	struct load *loads;	 /* [package * n_players + player] */
	double *cores, *scratch; /* by player */
	double *totals;
	uint64_t *weights; /* as loads */
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
	free(coefficients->loads);
	free(coefficients->cores);
	free(coefficients->scratch);
	free(coefficients->totals);
	free(coefficients->weights);
	free(coefficients->seats);
	free(coefficients);
}

static int grow(void *array, size_t n, size_t element_size)
{
	void **pointer = array;
	void *grown = reallocarray(*pointer, n, element_size);

	if (!grown)
		return -ENOMEM;
	*pointer = grown;
	return 0;
}

int coefficients_reserve(
	struct coefficients *coefficients, size_t n_domains, size_t n_packages)
{
	size_t n = (n_domains + 1) * (n_packages > 0 ? n_packages : 1);

	if (n <= coefficients->size)
		return 0;
	n *= 2;
	if (grow(&coefficients->loads, n, sizeof(*coefficients->loads)) < 0 ||
		grow(&coefficients->cores, n, sizeof(*coefficients->cores)) < 0 ||
		grow(&coefficients->scratch, n, sizeof(*coefficients->scratch)) < 0 ||
		grow(&coefficients->totals, n, sizeof(*coefficients->totals)) < 0 ||
		grow(&coefficients->weights, n, sizeof(*coefficients->weights)) < 0 ||
		grow(&coefficients->seats, n, sizeof(*coefficients->seats)) < 0)
		return -ENOMEM;
	coefficients->size = n;
	return 0;
}

static const struct usage_cell *cell_of(
	const struct usage *usage, size_t player, size_t package)
{
	return player == 0 ? &usage->host[package]
			   : usage_cell(usage, player - 1, package);
}

static struct load *loads_of(const struct coefficients *coefficients, size_t package)
{
	return &coefficients->loads[package * coefficients->n_players];
}

/* The logarithm of the package's frequency, 0 while it is not known of any. */
static double log_frequency(struct coefficients *coefficients, double khz)
{
	if (!(khz > 0))
		return 0;
	if (!(coefficients->state->reference_khz > 0))
		coefficients->state->reference_khz = khz;
	return log(khz / coefficients->state->reference_khz);
}

/* What siblings take from each other, were they to share all, as weight had it. */
static double lost(const struct usage_cell *cell, uint64_t weight, double smt_gain)
{
	double time = (double)cell->cpu_ns * WEIGHT_ONE;

	if (!(smt_gain < 1) || (double)weight >= time)
		return 0;
	return (time - (double)weight) / (1 - smt_gain);
}

static struct load load_of(const struct usage_cell *cell,
	const struct weight_model *weight, double package_log, double seconds)
{
	double unit = seconds * (double)NSEC_PER_SEC * WEIGHT_ONE;
	struct power_model_load *parts;
	struct load load = { 0 };

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

static void scale_load(struct load *load, double factor)
{
	load->parts.time *= factor;
	load->parts.together *= factor;
	load->parts.apart *= factor;
}

static void load_players(
	struct coefficients *coefficients, const struct coefficients_tick *tick)
{
	double seconds = (double)tick->dt_ns / (double)NSEC_PER_SEC;

	for (size_t i = 0; i < coefficients->n_players; i++)
		coefficients->cores[i] = 0;
	for (size_t p = 0; p < coefficients->n_packages; p++) {
		struct load *loads = loads_of(coefficients, p);
		double package_log = log_frequency(
			coefficients, tick->usage->loads.khz[p]);

		for (size_t i = 0; i < coefficients->n_players; i++) {
			loads[i] = load_of(cell_of(tick->usage, i, p), tick->weight,
				package_log, seconds);
			coefficients->cores[i] += loads[i].parts.time;
		}
	}
}

/*
 * How much more time domains were booked in each package than it can have been, if the
 * host's is spread as it mostly is. Of a thread that was seen on two packages nobody
 * knows how long it was on either; but all of its time is known, and how busy each
 * package was.
 */
static void find_excess(struct coefficients *coefficients,
	const struct coefficients_tick *tick, double seconds,
	double ret_excess[MACHINE_PACKAGES_MAX])
{
	double *share = coefficients->state->host_share;
	double unit = seconds * (double)NSEC_PER_SEC;
	double left[MACHINE_PACKAGES_MAX], host = 0, shares = 0;

	for (size_t p = 0; p < coefficients->n_packages; p++) {
		left[p] = (double)tick->usage->loads.busy_ns[p] / unit;
		for (size_t i = 1; i < coefficients->n_players; i++)
			left[p] -= loads_of(coefficients, p)[i].parts.time;
		host += left[p];
		shares += share[p];
	}
	host = fmax(host, 0);
	for (size_t p = 0; p < coefficients->n_packages; p++) {
		double part = shares > 0 ? share[p] / shares
					 : 1 / (double)coefficients->n_packages;

		ret_excess[p] = host * part - left[p];
	}
}

/* Moves a domain's time of threads that moved, this part of it, out of a package. */
static void move_domain(struct coefficients *coefficients, const struct usage *usage,
	size_t player, size_t from, double part, const double *excess)
{
	double unit = (double)cell_of(usage, player, from)->moved_ns * part, to_all = 0;
	struct load *source = &loads_of(coefficients, from)[player];
	double moved = source->parts.time * unit /
		       (double)cell_of(usage, player, from)->cpu_ns;

	for (size_t q = 0; q < coefficients->n_packages; q++)
		if (excess[q] < 0)
			to_all += (double)cell_of(usage, player, q)->moved_ns;
	if (!(to_all > 0))
		return;
	for (size_t q = 0; q < coefficients->n_packages; q++) {
		struct load *target = &loads_of(coefficients, q)[player];
		double more = moved * (double)cell_of(usage, player, q)->moved_ns /
			      to_all;

		if (excess[q] < 0 && target->parts.time > 0)
			scale_load(target, 1 + more / target->parts.time);
	}
	scale_load(source, 1 - moved / source->parts.time);
}

/* The host has what is left, like the average of the package where it had none. */
static void place_host(struct coefficients *coefficients,
	const struct coefficients_tick *tick, double seconds)
{
	double keep = exp(-seconds / HOST_MEMORY_S);

	for (size_t p = 0; p < coefficients->n_packages; p++) {
		struct load *loads = loads_of(coefficients, p), all = { 0 };
		double left = (double)tick->usage->loads.busy_ns[p] /
			      (seconds * (double)NSEC_PER_SEC);
		double *share = &coefficients->state->host_share[p];

		for (size_t i = 1; i < coefficients->n_players; i++) {
			all.parts.time += loads[i].parts.time;
			all.parts.together += loads[i].parts.together;
			all.parts.apart += loads[i].parts.apart;
			if (loads[i].parts.time > 0)
				all.parts.log_frequency = loads[i].parts.log_frequency;
		}
		left = fmax(left - all.parts.time, 0);
		*share = keep * *share + (1 - keep) * left;
		if (!(loads[0].parts.time > 0))
			loads[0] = all;
		if (loads[0].parts.time > 0)
			scale_load(&loads[0], left / loads[0].parts.time);
	}
}

/* Books time of threads that moved where busy time is left over for it. */
static void place_players(struct coefficients *coefficients,
	const struct coefficients_tick *tick, double seconds)
{
	double excess[MACHINE_PACKAGES_MAX];

	find_excess(coefficients, tick, seconds, excess);
	for (size_t p = 0; p < coefficients->n_packages; p++) {
		double moved = 0, part;

		for (size_t i = 1; i < coefficients->n_players; i++)
			moved += (double)cell_of(tick->usage, i, p)->moved_ns;
		if (excess[p] <= 0 || moved <= 0)
			continue;
		part = excess[p] * seconds * (double)NSEC_PER_SEC / moved;
		for (size_t i = 1; i < coefficients->n_players; i++)
			if (cell_of(tick->usage, i, p)->moved_ns > 0)
				move_domain(coefficients, tick->usage, i, p,
					fmin(part, 1), excess);
	}
	place_host(coefficients, tick, seconds);
}

static void seat_players(struct coefficients *coefficients,
	const struct coefficients_tick *tick, double seconds)
{
	bool is_new[POWER_MODEL_PLAYERS_MAX];

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
	const struct load *loads = loads_of(coefficients, package);

	for (size_t i = 0; i < coefficients->n_players; i++) {
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
	size_t n_packages = coefficients->n_packages;

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
	struct load *loads = loads_of(coefficients, package);
	double work = 0, cores = 0, gain;

	for (size_t i = 0; i < coefficients->n_players; i++) {
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
	for (size_t i = 0; i < coefficients->n_players; i++) {
		double others = (gain - 1) * work * loads[i].cores / cores;
		double weight = gain * loads[i].weight - others;

		loads[i].weight = fmax(weight, OWN_PART_MIN * loads[i].weight);
	}
	return work;
}

static void weigh_wake(struct coefficients *coefficients, size_t package, double work)
{
	struct load *loads = loads_of(coefficients, package);
	size_t n = coefficients->n_players;
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
	uint64_t *weights = &coefficients->weights[package * coefficients->n_players];

	for (size_t i = 0; i < coefficients->n_players; i++)
		weights[i] = cell_of(tick->usage, i, package)->weight;
}

/* From totals to integers that sum to what they would without learning. */
static void round_weights(struct coefficients *coefficients,
	const struct coefficients_tick *tick, size_t package)
{
	uint64_t *weights = &coefficients->weights[package * coefficients->n_players];
	double sum = 0, refined = 0, scale;

	for (size_t i = 0; i < coefficients->n_players; i++) {
		sum += coefficients->totals[i];
		refined += (double)cell_of(tick->usage, i, package)->weight;
	}
	scale = refined / sum;
	if (!(sum > 0) || !isfinite(sum) || !isfinite(scale) ||
		refined >= (double)(UINT64_MAX / 2)) {
		keep_refined(coefficients, tick, package);
		return;
	}
	for (size_t i = 0; i < coefficients->n_players; i++) {
		double weight = coefficients->totals[i] * scale;

		weights[i] = 0;
		if (cell_of(tick->usage, i, package)->cpu_ns > 0)
			weights[i] = weight > 1 ? (uint64_t)weight : 1;
	}
}

static void weigh(struct coefficients *coefficients, const struct coefficients_tick *tick)
{
	const struct model_bank *bank = &coefficients->state->bank;
	struct model_bank_view view;

	if (bank->unit_w > 0)
		model_bank_view(bank, roster_size(&coefficients->state->roster), &view);
	for (size_t p = 0; p < coefficients->n_packages; p++) {
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

/* Nobody runs longer than there are CPUs; of such a tick nothing is to be learned. */
static bool is_plausible(
	const struct coefficients *coefficients, const struct coefficients_tick *tick)
{
	double most = BUSY_SLACK * (double)tick->usage->loads.n_cpus;
	double time = 0;

	for (size_t i = 0; i < coefficients->n_players; i++)
		time += coefficients->cores[i];
	for (size_t p = 0; p < coefficients->n_packages; p++)
		if ((double)tick->usage->loads.busy_ns[p] > most * (double)tick->dt_ns)
			return false;
	return time <= most;
}

void coefficients_step(
	struct coefficients *coefficients, const struct coefficients_tick *tick)
{
	double seconds = (double)tick->dt_ns / (double)NSEC_PER_SEC;

	*coefficients->state = *coefficients->accepted;
	coefficients->n_players = tick->sample->n_domains + 1;
	coefficients->n_packages = tick->usage->n_packages;
	if (tick->dt_ns >= DT_MIN_NS && tick->dt_ns <= DT_MAX_NS) {
		load_players(coefficients, tick);
		if (is_plausible(coefficients, tick)) {
			coefficients->state->bank.smt_gain = tick->weight->smt_gain;
			coefficients->state->bank.cores = count_cores(tick->usage);
			if (coefficients->n_packages > 1)
				place_players(coefficients, tick, seconds);
			seat_players(coefficients, tick, seconds);
			learn(coefficients, tick, seconds);
			weigh(coefficients, tick);
			return;
		}
	}
	for (size_t p = 0; p < coefficients->n_packages; p++)
		keep_refined(coefficients, tick, p);
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
	return coefficients->weights[package * coefficients->n_players + player];
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
