/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Which of the models is believed, told the power of hosts whose truth is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "host/model_bank.h"
#include "tests/unit/random.h"

#define PLAYERS 5
#define CORES	16

/* What the power is made of in truth. */
struct truth {
	double core_w, exponent, tau, wake_w, noise;
	double factors[PLAYERS];
};

static const struct truth usual = { 6, 2.2, 2.5, 10, 0.003, { 1, 1.3, 0.7, 1.2, 0.8 } };

static void check_near(double actual, double expected, double tolerance)
{
	if (fabs(actual - expected) <= tolerance)
		return;
	fail_msg("%.17g instead of %.17g", actual, expected);
}

static struct model_bank *new_bank(void)
{
	struct model_bank *bank = test_calloc(1, sizeof(*bank));

	bank->smt_gain = 0.25;
	bank->cores = CORES;
	return bank;
}

static void draw(struct random_state *random, const struct truth *truth,
	struct power_model_sample *sample)
{
	double all = 0.1 + random_part(random), cores = 0;

	memset(sample, 0, sizeof(*sample));
	sample->n_players = PLAYERS;
	for (size_t i = 0; i < PLAYERS; i++) {
		struct power_model_load *load = &sample->players[i];

		load->time = all * 2 * random_part(random);
		load->log_frequency = 0.4 * (random_part(random) - 0.5);
		cores += load->time;
		sample->power += truth->core_w * truth->factors[i] * load->time *
				 exp(truth->exponent * load->log_frequency);
	}
	sample->power += truth->wake_w * (1 - exp(-cores / truth->tau));
	sample->power *= 1 + truth->noise * random_error(random);
}

/* Ticks of a second, of one package. */
static void run(struct model_bank *bank, const struct truth *truth, uint64_t seed,
	unsigned int seconds)
{
	struct random_state random = { seed };

	for (unsigned int i = 0; i < seconds; i++) {
		struct power_model_sample sample;

		model_bank_predict(bank, PLAYERS, 1);
		draw(&random, truth, &sample);
		model_bank_update(bank, &sample);
	}
}

/* In watts a busy core, of the player. */
static double core_w(const struct model_bank *bank, size_t player)
{
	struct model_bank_view view;
	double mean = 0, sum = 0;

	model_bank_view(bank, PLAYERS, &view);
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++) {
		double belief = exp(bank->models[m].log_evidence);

		mean += belief * bank->models[m].state[POWER_MODEL_MEAN];
		sum += belief;
	}
	return view.factors[player] * mean / sum * bank->unit_w;
}

static double wake_of(const struct model_bank *bank, size_t package, double busy_cores)
{
	double taus[MODEL_BANK_TAUS], wake[MODEL_BANK_TAUS], sum = 0;

	model_bank_wake(bank, package, busy_cores, taus, wake);
	for (size_t t = 0; t < MODEL_BANK_TAUS; t++)
		sum += wake[t];
	return sum;
}

static void check_truth(const struct model_bank *bank, const struct truth *truth)
{
	struct model_bank_view view;

	model_bank_view(bank, PLAYERS, &view);
	for (size_t i = 0; i < PLAYERS; i++)
		check_near(core_w(bank, i), truth->core_w * truth->factors[i],
			0.08 * truth->core_w);
	check_near(view.exponent, truth->exponent, 0.15);
}

static const struct power_model *best_of(const struct model_bank *bank)
{
	const struct power_model *best = &bank->models[0];

	for (size_t m = 1; m < MODEL_BANK_MODELS; m++)
		if (bank->models[m].log_evidence > best->log_evidence)
			best = &bank->models[m];
	return best;
}

/* It begins at the first sample that says something, and all are believed alike. */
static void test_begin(void **state)
{
	static const struct {
		double power, time;
		bool begins;
	} cases[] = {
		{ 20, 2, true },
		{ 1e-3, 0.03, true },
		{ 500, 64, true },
		{ 20, 0, false },
		{ 20, 0.01, false },
		{ 0, 2, false },
		{ -3, 2, false },
		{ NAN, 2, false },
		{ INFINITY, 2, false },
		{ -INFINITY, 2, false },
		{ 20, NAN, false },
		{ 20, INFINITY, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model_bank *bank = new_bank();
		struct power_model_sample sample = {
			.n_players = 1,
			.power = cases[i].power,
			.players = { { .time = cases[i].time } },
		};
		struct model_bank_view view;

		model_bank_predict(bank, PLAYERS, 1);
		model_bank_update(bank, &sample);
		assert_int_equal(bank->unit_w > 0, cases[i].begins);
		assert_int_equal(bank->n_samples, cases[i].begins);
		if (cases[i].begins) {
			model_bank_view(bank, PLAYERS, &view);
			for (size_t p = 0; p < PLAYERS; p++)
				check_near(view.factors[p], 1, 0.05);
			check_near(view.apart, 0.75, 0.05);
			check_near(view.exponent, 2.2, 0.05);
		}
		test_free(bank);
	}
}

static void test_recover(void **state)
{
	static const struct truth cases[] = {
		{ 6, 2.2, 2.5, 10, 0.003, { 1, 1.3, 0.7, 1.2, 0.8 } },
		{ 6, 2.6, 0.8, 10, 0.01, { 1, 1.3, 0.7, 1.2, 0.8 } },
		{ 20, 1.8, 6, 60, 0.003, { 1.5, 0.7, 0.7, 1, 1 } },
		{ 0.5, 2.2, 2.5, 0.4, 0.01, { 1, 1, 1, 1, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct model_bank *bank = new_bank();

		run(bank, &cases[i], i, 400);
		assert_int_equal(bank->n_samples, 400);
		check_truth(bank, &cases[i]);
		test_free(bank);
	}
}

/* The model that is true is believed most, in each of its parts. */
static void test_prefer(void **state)
{
	static const double taus[] = { 0.8, 2.5, 6 };
	static const double noises[] = { 0.003, 0.01, 0.03 };

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		struct truth truth = usual;
		double seen[MODEL_BANK_TAUS], wake[MODEL_BANK_TAUS];
		struct model_bank *bank = new_bank();
		const struct power_model *best;

		truth.tau = taus[i / 3];
		truth.noise = noises[i % 3];
		run(bank, &truth, 17 + i, 400);
		best = best_of(bank);
		check_near(best->log_evidence, 0, 0);
		assert_true(best->hypothesis.noise == truth.noise);
		/* Much noise hides when a package wakes up. */
		if (truth.noise < 0.02) {
			assert_true(best->hypothesis.tau == truth.tau);
			model_bank_wake(bank, 0, 4, seen, wake);
			for (size_t t = 0; t < MODEL_BANK_TAUS; t++) {
				assert_true(seen[t] == taus[t]);
				assert_true(wake[t] <= wake[i / 3]);
			}
		}
		test_free(bank);
	}
}

/* Players that are all alike are taken for that, others are not. */
static void test_prefer_spread(void **state)
{
	static const struct truth cases[] = {
		{ 6, 2.2, 2.5, 10, 0.01, { 1, 1, 1, 1, 1 } },
		{ 6, 2.2, 2.5, 10, 0.01, { 1, 1.3, 0.7, 1.2, 0.8 } },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct model_bank *bank = new_bank();
		struct model_bank_view view;

		run(bank, &cases[i], 3, 300);
		assert_true((best_of(bank)->hypothesis.spread < 0.1) == (i == 0));
		model_bank_view(bank, PLAYERS, &view);
		for (size_t p = 0; p < PLAYERS; p++)
			check_near(view.factors[p], cases[i].factors[p], i ? 0.1 : 0.02);
		test_free(bank);
	}
}

/* Nothing is so improbable that it could not be true later. */
static void test_change(void **state)
{
	struct truth truth = usual;
	struct model_bank *bank = new_bank();

	(void)state;
	truth.tau = 0.8;
	run(bank, &truth, 1, 400);
	assert_true(best_of(bank)->hypothesis.tau == 0.8);
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++)
		assert_in_range((int)(100 + bank->models[m].log_evidence), 70, 100);
	truth.tau = 6;
	run(bank, &truth, 2, 600);
	assert_true(best_of(bank)->hypothesis.tau == 6);
	/* What was believed long ago does not count. */
	model_bank_predict(bank, PLAYERS, 1000);
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++)
		check_near(bank->models[m].log_evidence, 0, 0.01);
	test_free(bank);
}

/* Where it began was a tick unlike the others: it begins anew, and learns all the same.
 */
static void test_unit(void **state)
{
	static const double firsts[] = { 1e-6, 0.001, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 3,
		4, 10, 100, 1e4 };

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		struct random_state random = { i };
		struct power_model_sample sample;
		struct model_bank *bank = new_bank();

		draw(&random, &usual, &sample);
		sample.power *= firsts[i];
		model_bank_update(bank, &sample);
		run(bank, &usual, i, 500);
		check_truth(bank, &usual);
		assert_true(bank->n_samples < 501);
		test_free(bank);
	}
}

/* Power that no model foretells, time and again, is another host's. */
static void test_lost(void **state)
{
	static const double times[] = { 0.001, 0.02, 50, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct truth truth = usual;
		struct model_bank *bank = new_bank();

		run(bank, &usual, 1, 200);
		truth.core_w *= times[i];
		truth.wake_w *= times[i];
		/* A few ticks now and then are no reason to forget. */
		for (uint64_t burst = 0; burst < 3; burst++) {
			run(bank, &truth, 2 + burst, 10);
			run(bank, &usual, 5 + burst, 30);
		}
		assert_int_equal(bank->n_samples, 320);
		run(bank, &truth, 4, 500);
		assert_true(bank->n_samples <= 500);
		check_truth(bank, &truth);
		test_free(bank);
	}
}

/* What a state file keeps goes on where it was. */
static void test_restore(void **state)
{
	struct model_bank *bank = new_bank(), *other = test_calloc(1, sizeof(*other));
	struct model_bank_view view, restored;

	(void)state;
	run(bank, &usual, 1, 200);
	*other = (struct model_bank){
		.unit_w = bank->unit_w,
		.smt_gain = bank->smt_gain,
		.cores = bank->cores,
		.wake_w = bank->wake_w,
	};
	model_bank_restore(other);
	assert_true(other->unit_w == bank->unit_w);
	assert_int_equal(other->n_samples, 0);
	/* Begun: all models alike, but for what they suppose. */
	model_bank_view(other, PLAYERS, &restored);
	for (size_t i = 0; i < PLAYERS; i++)
		check_near(restored.factors[i], 1, 1e-12);
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++) {
		struct power_model *to = &other->models[m];
		const struct power_model *from = &bank->models[m];

		assert_memory_equal(
			&to->hypothesis, &from->hypothesis, sizeof(to->hypothesis));
		check_near(to->log_evidence, 0, 0);
		to->log_evidence = from->log_evidence;
		memcpy(to->state, from->state, sizeof(to->state));
		memcpy(to->covariance, from->covariance, sizeof(to->covariance));
	}
	run(bank, &usual, 2, 20);
	run(other, &usual, 2, 20);
	model_bank_view(bank, PLAYERS, &view);
	model_bank_view(other, PLAYERS, &restored);
	assert_memory_equal(&view, &restored, sizeof(view));
	test_free(bank);
	test_free(other);
}

/* Idle power and wake power of a package that is awake stay what they were together. */
static void test_shift_idle(void **state)
{
	static const double shifts[] = { 1, 3, -2, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++) {
		struct model_bank *bank = new_bank(), *before = new_bank();
		struct model_bank_view view, view_before;

		run(bank, &usual, 1, 300);
		*before = *bank;
		model_bank_shift_idle(bank, 0, shifts[i]);
		for (size_t m = 0; m < MODEL_BANK_MODELS; m++) {
			const struct power_model *own = &bank->models[m];
			double mean_w = own->state[POWER_MODEL_MEAN] * bank->unit_w;
			double wake_w = power_model_wake(&before->models[m], 0, 1e9) *
					mean_w;

			check_near(power_model_wake(own, 0, 1e9) * mean_w,
				fmax(wake_w - shifts[i], 0), 1e-9);
		}
		check_near(wake_of(bank, 1, 4), wake_of(before, 1, 4), 1e-12);
		model_bank_view(bank, PLAYERS, &view);
		model_bank_view(before, PLAYERS, &view_before);
		assert_memory_equal(&view, &view_before, sizeof(view));
		test_free(bank);
		test_free(before);
	}
}

/* One that has not begun has no wake power to shift, and knows nothing of anybody. */
static void test_nothing(void **state)
{
	struct model_bank *bank = new_bank();
	struct model_bank_view view;

	(void)state;
	model_bank_shift_idle(bank, 0, 5);
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++)
		check_near(bank->models[m].state[POWER_MODEL_WAKE_PACKAGE], 0, 0);
	model_bank_forget_player(bank, 1);
	model_bank_predict(bank, PLAYERS, 1);
	run(bank, &usual, 1, 1);
	model_bank_view(bank, PLAYERS, &view);
	for (size_t i = 0; i < PLAYERS; i++)
		check_near(view.factors[i], 1, 0.1);
	assert_true(wake_of(bank, 0, 1e9) > 0.5);
	test_free(bank);
}

static void test_forget(void **state)
{
	struct model_bank *bank = new_bank();
	struct model_bank_view view;

	(void)state;
	run(bank, &usual, 1, 300);
	model_bank_view(bank, PLAYERS, &view);
	assert_true(view.factors[1] > 1.2);
	model_bank_forget_player(bank, 1);
	model_bank_view(bank, PLAYERS, &view);
	check_near(view.factors[1], 1, 1e-12);
	assert_true(view.factors[2] < 0.8);
	run(bank, &usual, 2, 100);
	check_truth(bank, &usual);
	test_free(bank);
}

/* Numbers of no host: none of them remains. */
static void test_garbage(void **state)
{
	static const struct {
		double power, time, log_frequency;
	} cases[] = {
		{ 1e300, 1, 0 },
		{ 1e200, 1, 0 },
		{ 20, 1, 1e4 },
		{ 20, 1, NAN },
		{ 20, 1, INFINITY },
		{ 20, 1e300, 0 },
		{ NAN, 1, 0 },
		{ 20, NAN, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct power_model_sample sample = {
			.n_players = 1,
			.power = cases[i].power,
			.players = { { .time = cases[i].time,
				.log_frequency = cases[i].log_frequency } },
		};
		struct model_bank *bank = new_bank();
		struct model_bank_view view;

		run(bank, &usual, 1, 100);
		model_bank_update(bank, &sample);
		model_bank_view(bank, PLAYERS, &view);
		for (size_t p = 0; p < PLAYERS; p++)
			assert_true(view.factors[p] >= 0.5 && view.factors[p] <= 2);
		assert_true(isfinite(wake_of(bank, 0, 3)));
		run(bank, &usual, 2, 400);
		check_truth(bank, &usual);
		test_free(bank);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begin),
		cmocka_unit_test(test_recover),
		cmocka_unit_test(test_prefer),
		cmocka_unit_test(test_prefer_spread),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_unit),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_shift_idle),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
