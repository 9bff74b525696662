/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* One power model, told the power of packages whose truth is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "host/power_model.h"
#include "tests/unit/random.h"

#define PLAYERS 6

static const struct power_model_hypothesis hypothesis = {
	.spread = 0.3,
	.noise = 0.003,
	.tau = 2.5,
	.memory_s = 1500,
};

/* Nobody changes: what is learned is not forgotten, so the more exact. */
static const struct power_model_hypothesis steady = {
	.spread = 0.3,
	.noise = 0.003,
	.tau = 2.5,
	.memory_s = 1e6,
};

static const struct power_model_prior prior = {
	.mean = 0.85,
	.exponent = 2.2,
	.apart = 0.75,
	.together = 0.3,
	.wake = 1.6,
	.mean_sd = 0.5,
	.exponent_sd = 0.4,
	.apart_sd = 0.12,
	.together_sd = 0.25,
	.wake_sd = 0.5,
	.wake_package_sd = 0.4,
};

/* What the power is made of in truth. */
struct truth {
	double mean, exponent, apart, together;
	double wake[2]; /* by package */
	double factors[PLAYERS];
};

static void check_near(double actual, double expected, double tolerance)
{
	if (fabs(actual - expected) <= tolerance)
		return;
	fail_msg("%.17g instead of %.17g", actual, expected);
}

static double power_of(const struct truth *truth, const struct power_model_sample *sample)
{
	double power = 0, cores = 0;

	for (size_t i = 0; i < sample->n_players; i++) {
		const struct power_model_load *load = &sample->players[i];
		double more = load->together - load->apart;

		power += truth->mean * truth->factors[i] *
			 (load->time - truth->apart * load->apart -
				 truth->together * more) *
			 exp(truth->exponent * load->log_frequency);
		cores += load->time - load->apart - truth->together / truth->apart * more;
	}
	return power + truth->wake[sample->package] * (1 - exp(-cores / hypothesis.tau));
}

/* Loads that vary, now more of them, now fewer. */
static void draw(struct random_state *random, struct power_model_sample *sample)
{
	double all = 0.05 + random_part(random);

	sample->n_players = PLAYERS;
	for (size_t i = 0; i < PLAYERS; i++) {
		double time = all * 2 * random_part(random);
		double together = time * 0.5 * random_part(random);

		sample->players[i] = (struct power_model_load){
			.time = time,
			.together = together,
			.apart = together * random_part(random),
			.log_frequency = 0.4 * (random_part(random) - 0.5),
		};
	}
}

/* Ticks of a second, of two packages. */
static void run(struct power_model *model, const struct truth *truth, uint64_t seed,
	unsigned int seconds)
{
	struct random_state random = { seed };

	for (unsigned int i = 0; i < seconds; i++) {
		power_model_predict(model, PLAYERS, 1);
		for (size_t p = 0; p < 2; p++) {
			struct power_model_sample sample = { .package = p };

			draw(&random, &sample);
			sample.power = power_of(truth, &sample) *
				       (1 + hypothesis.noise * random_error(&random));
			assert_true(power_model_update(model, &sample));
		}
	}
}

static double mean_factor(const struct truth *truth)
{
	double sum = 0;

	for (size_t i = 0; i < PLAYERS; i++)
		sum += truth->factors[i];
	return sum / PLAYERS;
}

/*
 * Whose the power is: a player's is known by its weight, so to 2 % of it; wake power to
 * 5 %, and the exponent to 0.05.
 */
static void check_truth(const struct power_model *model, const struct truth *truth)
{
	for (size_t i = 0; i < PLAYERS; i++)
		check_near(model->state[POWER_MODEL_MEAN] * power_model_factor(model, i),
			truth->mean * truth->factors[i],
			0.02 * truth->mean * truth->factors[i]);
	for (size_t p = 0; p < 2; p++)
		for (double cores = 0.5; cores < 20; cores *= 2)
			check_near(model->state[POWER_MODEL_MEAN] *
					   power_model_wake(model, p, cores),
				truth->wake[p] * (1 - exp(-cores / hypothesis.tau)),
				0.05 * truth->wake[p]);
	check_near(model->state[POWER_MODEL_EXPONENT], truth->exponent, 0.05);
	check_near(model->state[POWER_MODEL_APART], truth->apart, 0.05);
	check_near(model->state[POWER_MODEL_TOGETHER], truth->together, 0.05);
}

static void test_recover(void **state)
{
	static const struct truth cases[] = {
		{ 0.85, 2.2, 0.75, 0.3, { 1.6, 1.6 }, { 1, 1, 1, 1, 1, 1 } },
		{ 0.85, 2.2, 0.75, 0.3, { 1.6, 1.6 }, { 0.7, 0.8, 0.9, 1.1, 1.2, 1.3 } },
		{ 0.6, 2.6, 0.65, 0.2, { 2.4, 1.8 }, { 1.4, 0.7, 1, 1, 0.7, 1.2 } },
		{ 1.5, 1.8, 0.85, 0.5, { 0.9, 1.2 }, { 1, 1, 1.6, 0.8, 0.8, 0.8 } },
		{ 1, 3, 0.7, 0.3, { 2, 1 }, { 1.3, 0.7, 1, 1, 1, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct power_model model;

		power_model_begin(&model, &steady, &prior);
		run(&model, &cases[i], i, 600);
		check_truth(&model, &cases[i]);
		/* The mean is that of the players, to what six of them tell of it. */
		check_near(model.state[POWER_MODEL_MEAN],
			cases[i].mean * mean_factor(&cases[i]), 0.1 * cases[i].mean);
	}
}

/* What a domain does may change. */
static void test_follow(void **state)
{
	struct truth truth = { 0.85, 2.2, 0.75, 0.3, { 1.6, 1.6 },
		{ 0.7, 1.3, 1, 1, 1, 1 } };
	struct power_model model;

	(void)state;
	power_model_begin(&model, &hypothesis, &prior);
	run(&model, &truth, 1, 300);
	assert_true(power_model_factor(&model, 0) < 0.8);
	truth.factors[0] = 1.3;
	truth.factors[1] = 0.7;
	run(&model, &truth, 2, 600);
	check_near(power_model_factor(&model, 0) / power_model_factor(&model, 1),
		1.3 / 0.7, 0.1);
}

static void test_clamp(void **state)
{
	static const struct {
		double mean, deviation, factor;
	} cases[] = {
		{ 1, 0, 1 },
		{ 1, 0.25, 1.25 },
		{ 0.5, -0.125, 0.75 },
		{ 1, 1, 2 },
		{ 1, 5, 2 },
		{ 1, 1e300, 2 },
		{ 1, -0.5, 0.5 },
		{ 1, -0.75, 0.5 },
		{ 1, -1e300, 0.5 },
		/* No mean to speak of. */
		{ 0, 0, 1 },
		{ -5, 0, 1 },
		{ 0, 5, 2 },
		{ -5, -5, 0.5 },
		{ -1e300, 1e300, 2 },
	};
	struct power_model model;

	(void)state;
	power_model_begin(&model, &hypothesis, &prior);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		model.state[POWER_MODEL_MEAN] = cases[i].mean;
		model.state[POWER_MODEL_PLAYER + 3] = cases[i].deviation;
		check_near(power_model_factor(&model, 3), cases[i].factor, 1e-12);
		check_near(power_model_factor(&model, 2), 1, 0);
	}
}

/* Learned ones are clamped like any. */
static void test_clamp_learned(void **state)
{
	static const struct truth truth = { 0.85, 2.2, 0.75, 0.3, { 1.6, 1.6 },
		{ 8, 0.01, 0.5, 0.5, 0.5, 0.5 } };
	struct power_model model;

	(void)state;
	power_model_begin(&model, &hypothesis, &prior);
	run(&model, &truth, 1, 300);
	check_near(power_model_factor(&model, 0), 2, 0);
	check_near(power_model_factor(&model, 1), 0.5, 0);
}

static void test_wake(void **state)
{
	static const struct {
		double mean, wake, wake_package;
		double busy_cores;
		double expected;
	} cases[] = {
		{ 1, 2, 0, 0, 0 },
		{ 1, 2, 0, 1e9, 2 },
		{ 1, 2, 0, 2.5, 2 * 0.6321205588 },
		{ 0.5, 2, 0, 2.5, 4 * 0.6321205588 },
		{ 1, 2, -0.5, 1e9, 1.5 },
		/* Power that is less than none. */
		{ 1, -2, 0, 2.5, 0 },
		{ 1, 2, -3, 2.5, 0 },
		{ 1, 2, 0, -3, 0 },
		{ 1, 2, 0, NAN, 0 },
		/* No mean to speak of. */
		{ 0, 0.1, 0, 1e9, 2 },
		{ -1, 0.1, 0, 1e9, 2 },
	};
	struct power_model model;

	(void)state;
	power_model_begin(&model, &hypothesis, &prior);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double busy = cases[i].busy_cores;

		model.state[POWER_MODEL_MEAN] = cases[i].mean;
		model.state[POWER_MODEL_WAKE] = cases[i].wake;
		model.state[POWER_MODEL_WAKE_PACKAGE + 1] = cases[i].wake_package;
		check_near(power_model_wake(&model, 1, busy), cases[i].expected, 1e-9);
		/* A package that is not learned from has that of the others. */
		model.state[POWER_MODEL_WAKE_PACKAGE + 1] = 0;
		check_near(power_model_wake(&model, POWER_MODEL_PACKAGES_MAX, busy),
			power_model_wake(&model, 1, busy), 0);
	}
	/* That is not what stands behind the packages' deviations. */
	model.state[POWER_MODEL_MEAN] = 1;
	model.state[POWER_MODEL_WAKE] = 2;
	model.state[POWER_MODEL_PLAYER] = 1;
	check_near(power_model_wake(&model, POWER_MODEL_PACKAGES_MAX, 1e9), 2, 1e-9);
	/* What is called idle now was wake power before. */
	power_model_shift_wake(&model, 1, 0.5);
	check_near(power_model_wake(&model, 1, 1e9), 1.5, 1e-12);
	check_near(power_model_wake(&model, 0, 1e9), 2, 1e-12);
	power_model_shift_wake(&model, 1, -1);
	check_near(power_model_wake(&model, 1, 1e9), 2.5, 1e-12);
}

/* A package that was never busy is expected to be like the others, more or less. */
static void test_wake_of_others(void **state)
{
	static const struct truth truth = { 0.85, 2.2, 0.75, 0.3, { 2.6, 2.6 },
		{ 1, 1, 1, 1, 1, 1 } };
	struct power_model model;

	(void)state;
	power_model_begin(&model, &steady, &prior);
	run(&model, &truth, 1, 300);
	check_near(0.85 * power_model_wake(&model, 3, 1e9), 2.4, 0.2);
	check_near(
		0.85 * power_model_wake(&model, POWER_MODEL_PACKAGES_MAX, 1e9), 2.4, 0.2);
}

/* Next to no power tells next to nothing. */
static void test_floor(void **state)
{
	static const struct power_model_sample sample = {
		.n_players = 1,
		.power = 0.001,
		.players = { { .time = 0.001 } },
	};
	struct power_model model;

	(void)state;
	power_model_begin(&model, &hypothesis, &prior);
	assert_true(power_model_update(&model, &sample));
	check_near(model.state[POWER_MODEL_MEAN], prior.mean, 0.1);
	assert_true(model.covariance[POWER_MODEL_MEAN][POWER_MODEL_MEAN] >
		    0.8 * prior.mean_sd * prior.mean_sd);
}

/* What is not known of it grew by a standard deviation in this range. */
static void check_growth(const struct power_model *model,
	enum power_model_unknown unknown, double before, double min, double max)
{
	double grown = model->covariance[unknown][unknown] - before * before;

	assert_true(grown >= min * min - 1e-12 && grown <= max * max + 1e-12);
}

/* Deviations fade, and what was learned of them; the rest changes slowly. */
static void test_predict(void **state)
{
	const size_t a = POWER_MODEL_PLAYER + 1, b = POWER_MODEL_PLAYER + 4;
	const double sd = hypothesis.spread * prior.mean, keep = exp(-0.5);
	struct power_model model;

	(void)state;
	power_model_begin(&model, &hypothesis, &prior);
	model.state[a] = 0.2;
	model.covariance[a][a] = 0.01;
	model.covariance[a][b] = model.covariance[b][a] = 0.004;
	model.covariance[a][POWER_MODEL_WAKE] = -0.002;
	model.covariance[POWER_MODEL_WAKE][a] = -0.002;
	power_model_predict(&model, PLAYERS, hypothesis.memory_s / 2);
	check_near(model.state[a], 0.2 * keep, 1e-12);
	check_near(model.state[POWER_MODEL_MEAN], prior.mean, 0);
	check_near(model.covariance[a][a],
		0.01 * keep * keep + (1 - keep * keep) * sd * sd, 1e-12);
	check_near(model.covariance[b][b], sd * sd, 1e-12);
	check_near(model.covariance[a][b], 0.004 * keep * keep, 1e-12);
	check_near(model.covariance[b][a], 0.004 * keep * keep, 1e-12);
	check_near(model.covariance[a][POWER_MODEL_WAKE], -0.002 * keep, 1e-12);
	check_near(model.covariance[POWER_MODEL_WAKE][a], -0.002 * keep, 1e-12);
	/* In an hour, the mean by some hundredths, wake power by less than a tenth. */
	power_model_begin(&model, &hypothesis, &prior);
	power_model_predict(&model, PLAYERS, 3600);
	check_growth(&model, POWER_MODEL_MEAN, prior.mean_sd, 0.01, 0.05);
	check_growth(&model, POWER_MODEL_WAKE, prior.wake_sd, 0.02, 0.1);
	check_growth(&model, POWER_MODEL_EXPONENT, prior.exponent_sd, 0, 0);
}

/* Nobody differs from the others unless power says so. */
static void test_no_excitation(void **state)
{
	struct power_model_sample sample = { .n_players = PLAYERS };
	struct power_model model;

	(void)state;
	power_model_begin(&model, &hypothesis, &prior);
	for (size_t i = 0; i < PLAYERS; i++)
		check_near(power_model_factor(&model, i), 1, 0);
	/* All alike from tick to tick, but one that never does anything. */
	for (size_t i = 1; i < PLAYERS; i++)
		sample.players[i].time = 0.5;
	sample.power = 3.5;
	for (int t = 0; t < 2000; t++) {
		power_model_predict(&model, PLAYERS, 1);
		assert_true(power_model_update(&model, &sample));
		for (size_t i = 2; i < PLAYERS; i++)
			check_near(power_model_factor(&model, i),
				power_model_factor(&model, 1), 1e-9);
		check_near(power_model_factor(&model, 1), 1, 0.03);
		check_near(power_model_factor(&model, 0), 1, 0);
	}
	/* Who is not told apart for long returns to the mean. */
	model.state[POWER_MODEL_PLAYER] = 0.4;
	power_model_predict(&model, PLAYERS, 10 * hypothesis.memory_s);
	check_near(power_model_factor(&model, 0), 1, 0.001);
}

/* Somebody else's place: at the mean, and as little known as at first. */
static void test_forget(void **state)
{
	static const struct truth truth = { 0.85, 2.2, 0.75, 0.3, { 1.6, 1.6 },
		{ 1.6, 0.7, 1, 1, 1, 1 } };
	struct power_model model, before;

	(void)state;
	power_model_begin(&model, &steady, &prior);
	run(&model, &truth, 1, 300);
	before = model;
	power_model_forget_player(&model, 0);
	check_near(power_model_factor(&model, 0), 1, 0);
	for (size_t i = 1; i < PLAYERS; i++)
		check_near(
			power_model_factor(&model, i), power_model_factor(&before, i), 0);
	for (size_t i = 0; i < POWER_MODEL_STATES; i++) {
		double sd = steady.spread * model.state[POWER_MODEL_MEAN];
		double expected = i == POWER_MODEL_PLAYER ? sd * sd : 0;

		check_near(model.covariance[i][POWER_MODEL_PLAYER], expected, 1e-12);
		check_near(model.covariance[POWER_MODEL_PLAYER][i], expected, 1e-12);
	}
	run(&model, &truth, 2, 300);
	check_truth(&model, &truth);
}

/* In a tick that foretells nothing at all evidence falls, and the state hardly moves. */
static void test_outlier(void **state)
{
	static const struct truth truth = { 0.85, 2.2, 0.75, 0.3, { 1.6, 1.6 },
		{ 0.7, 1.3, 1, 1, 1, 1 } };
	struct power_model_sample sample = { 0 };
	struct random_state random = { 5 };
	struct power_model model;
	double before;

	(void)state;
	power_model_begin(&model, &steady, &prior);
	run(&model, &truth, 1, 300);
	for (int i = 0; i < 4; i++) {
		draw(&random, &sample);
		sample.power = 20 * power_of(&truth, &sample);
		before = model.log_evidence;
		assert_true(power_model_update(&model, &sample));
		assert_true(model.log_evidence < before - 5);
		/* But one tick is no proof. */
		assert_true(model.log_evidence > before - 60);
	}
	check_truth(&model, &truth);
}

/* Symmetric, positive on the diagonal, and no correlation above 1. */
static void check_covariance(const struct power_model *model)
{
	for (size_t i = 0; i < POWER_MODEL_STATES; i++) {
		double own = model->covariance[i][i];

		assert_true(own > 0 && isfinite(own));
		for (size_t j = 0; j < i; j++) {
			double scale = sqrt(own * model->covariance[j][j]);

			check_near(model->covariance[i][j], model->covariance[j][i],
				1e-9 * scale);
			check_near(model->covariance[i][j], 0, 1.001 * scale);
		}
	}
}

static void check_view(const struct power_model *model)
{
	for (size_t i = 0; i < POWER_MODEL_PLAYERS_MAX; i++)
		assert_true(power_model_factor(model, i) >= 0.5 &&
			    power_model_factor(model, i) <= 2);
	for (size_t p = 0; p <= POWER_MODEL_PACKAGES_MAX; p++) {
		double wake = power_model_wake(model, p, 3);

		assert_true(wake >= 0 && isfinite(wake));
	}
	assert_true(model->state[POWER_MODEL_EXPONENT] >= POWER_MODEL_EXPONENT_MIN);
	assert_true(model->state[POWER_MODEL_EXPONENT] <= POWER_MODEL_EXPONENT_MAX);
	assert_true(model->state[POWER_MODEL_APART] >= POWER_MODEL_APART_MIN);
	assert_true(model->state[POWER_MODEL_APART] <= 1);
	assert_true(model->state[POWER_MODEL_TOGETHER] >= 0);
	assert_true(
		model->state[POWER_MODEL_TOGETHER] <= model->state[POWER_MODEL_APART]);
}

/* What no processor does is not believed, whatever the power says. */
static void test_bounds(void **state)
{
	static const struct truth fast = { 0.85, 5, 0.75, 0.3, { 1.6, 1.6 },
		{ 1, 1, 1, 1, 1, 1 } };
	static const struct truth slow = { 0.85, 0, 0.2, -0.5, { 1.6, 1.6 },
		{ 1, 1, 1, 1, 1, 1 } };
	struct power_model model;

	(void)state;
	power_model_begin(&model, &hypothesis, &prior);
	run(&model, &fast, 1, 300);
	check_near(model.state[POWER_MODEL_EXPONENT], POWER_MODEL_EXPONENT_MAX, 0.1);
	check_view(&model);
	power_model_begin(&model, &hypothesis, &prior);
	run(&model, &slow, 1, 300);
	check_near(model.state[POWER_MODEL_EXPONENT], POWER_MODEL_EXPONENT_MIN, 0.1);
	check_view(&model);
}

static double random_extreme(struct random_state *random)
{
	static const double extremes[] = { 0, 1e-300, 1e-30, 1e-9, 1e-3, 1e3, 1e9, 1e30,
		1e150, 1e300 };

	return extremes[random_below(random, sizeof(extremes) / sizeof(extremes[0]))];
}

/* Places are taken one after another, and remain. */
static void draw_any(struct random_state *random, bool extreme, int t,
	struct power_model_sample *sample)
{
	size_t n_players = (size_t)t / 100;

	memset(sample, 0, sizeof(*sample));
	sample->package = random_below(random, POWER_MODEL_PACKAGES_MAX);
	sample->n_players = n_players < POWER_MODEL_PLAYERS_MAX ? n_players
								: POWER_MODEL_PLAYERS_MAX;
	sample->power = 100 * random_part(random);
	if (extreme && random_one_in(random, 3))
		sample->power = random_extreme(random);
	for (size_t i = 0; i < sample->n_players; i++) {
		struct power_model_load *load = &sample->players[i];

		if (random_one_in(random, 3))
			continue;
		load->time = 4 * random_part(random);
		if (extreme && random_one_in(random, 10))
			load->time = random_extreme(random);
		load->together = load->time * 0.5 * random_part(random);
		load->apart = load->together * random_part(random);
		load->log_frequency = random_part(random) - 0.5;
		if (extreme && random_one_in(random, 10))
			load->log_frequency = 100 * (random_part(random) - 0.5);
	}
}

/* 10,000 ticks of anything: what is out of bounds is said to be, and only that. */
static void check_random(bool extreme, unsigned int *ret_n_refused)
{
	struct random_state random = { extreme };
	struct power_model model;

	*ret_n_refused = 0;
	power_model_begin(&model, &hypothesis, &prior);
	for (int t = 0; t < 10000; t++) {
		struct power_model_sample sample;

		draw_any(&random, extreme, t, &sample);
		power_model_predict(&model, sample.n_players,
			random_one_in(&random, 100) ? 1e6 : random_part(&random));
		if (random_one_in(&random, 50))
			power_model_forget_player(
				&model, random_below(&random, POWER_MODEL_PLAYERS_MAX));
		if (!power_model_update(&model, &sample)) {
			power_model_begin(&model, &hypothesis, &prior);
			++*ret_n_refused;
		}
		check_covariance(&model);
		check_view(&model);
	}
}

static void test_random(void **state)
{
	unsigned int n_refused;

	(void)state;
	check_random(false, &n_refused);
	assert_int_equal(n_refused, 0);
}

static void test_extremes(void **state)
{
	unsigned int n_refused;

	(void)state;
	check_random(true, &n_refused);
	assert_in_range(n_refused, 1, 9000);
}

/* No numbers, and such of which none comes: said, not learned. */
static void test_garbage(void **state)
{
	static const struct {
		double power;
		struct power_model_load load;
	} cases[] = {
		{ NAN, { .time = 1 } },
		{ INFINITY, { .time = 1 } },
		{ -INFINITY, { .time = 1 } },
		{ 1e200, { .time = 1 } },
		{ 1, { .time = NAN } },
		{ 1, { .time = INFINITY } },
		{ 1, { .time = 1e300 } },
		{ 1, { .time = 1, .together = NAN } },
		{ 1, { .time = 1, .apart = NAN } },
		{ 1, { .time = 1, .together = INFINITY, .apart = INFINITY } },
		{ 1, { .time = 1, .together = 1e300, .apart = 1e300 } },
		{ 1, { .time = 1, .log_frequency = NAN } },
		{ 1, { .time = 1, .log_frequency = INFINITY } },
		{ 1, { .time = 1, .log_frequency = 1e4 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct power_model_sample sample = {
			.n_players = 2,
			.power = cases[i].power,
			.players = { { .time = 1 }, cases[i].load },
		};
		struct power_model model;

		power_model_begin(&model, &hypothesis, &prior);
		if (power_model_update(&model, &sample))
			fail_msg("case %zu was learned from", i);
	}
}

/* The time of siblings that share a core counts once. */
static void test_cores(void **state)
{
	static const struct {
		struct power_model_load load;
		double apart, together;
		double cores;
	} cases[] = {
		{ { .time = 3 }, 0.75, 0.3, 3 },
		{ { .time = 3, .together = 1, .apart = 1 }, 0.75, 0.3, 2 },
		{ { .time = 3, .together = 1, .apart = 0.5 }, 0.8, 0.4, 2.25 },
		{ { .time = 3, .together = 1, .apart = 0.5 }, 0.8, 0, 2.5 },
		{ { .time = 3, .together = 1, .apart = 0.5 }, 0.8, 0.8, 2 },
		{ { .time = 3, .together = 1, .apart = 0.5 }, 0, 0, 2.5 },
		{ { .time = 0 }, 0.75, 0.3, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_near(power_model_cores(
				   &cases[i].load, cases[i].apart, cases[i].together),
			cases[i].cores, 1e-12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recover),
		cmocka_unit_test(test_follow),
		cmocka_unit_test(test_clamp),
		cmocka_unit_test(test_clamp_learned),
		cmocka_unit_test(test_wake),
		cmocka_unit_test(test_wake_of_others),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_predict),
		cmocka_unit_test(test_no_excitation),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_outlier),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_cores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
