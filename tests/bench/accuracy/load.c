/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Loads from step to step. */
#include "tests/bench/accuracy/load.h"

#include "tests/bench/accuracy/draw.h"

#define DUTY_MAX 0.97

/* A triangle between -1 and 1, of period 1. */
static double triangle(double x)
{
	x -= (double)(long)x;
	return x < 0.5 ? 4 * x - 1 : 3 - 4 * x;
}

static void change_demand(
	struct load_player *player, struct random_state *random, double now_s)
{
	double phase = now_s / player->demand_period_s + player->demand_phase;

	switch (player->pattern) {
	case LOAD_STEADY:
		break;
	case LOAD_LEVELS:
		if (draw_chance(random, 1 / player->demand_period_s))
			player->demand = 1 +
					 player->demand_depth * draw_range(random, -1, 1);
		break;
	case LOAD_WAVES:
		player->demand = 1 + player->demand_depth * triangle(phase);
		break;
	case LOAD_BATCHES:
		player->demand = phase - (double)(long)phase < 0.5
					 ? 1 + player->demand_depth
					 : 1 - player->demand_depth;
		break;
	}
}

static void change_activity(
	struct load_player *player, struct random_state *random, double now_s)
{
	if (draw_chance(random, player->jump_chance)) {
		player->level *= draw_factor(random, 0.35);
		if (player->level < 0.6)
			player->level = 0.6;
		if (player->level > 1.7)
			player->level = 1.7;
	}
	player->activity = player->level *
			   (1 + player->drift_depth *
					   triangle(now_s / player->drift_period_s +
						    player->drift_phase));
}

/* The balancer moves all of a domain to the other package. */
static void move_home(struct load *load, unsigned player)
{
	for (unsigned i = 0; i < load->n_threads; i++)
		if (load->threads[i].player == player)
			load->threads[i].home ^= 1;
}

static void change_players(struct load *load, uint32_t step)
{
	double now_s = (double)step / LOAD_STEPS;

	for (unsigned i = 0; i <= load->n_domains; i++) {
		change_demand(&load->players[i], &load->random, now_s);
		if (!load->plain)
			change_activity(&load->players[i], &load->random, now_s);
		if (load->n_packages > 1 && i < load->n_domains &&
			draw_chance(&load->random, 0.001))
			move_home(load, i);
	}
}

static double duty_of(
	const struct load_player *player, const struct load_thread *thread, uint32_t step)
{
	double duty = thread->duty * player->demand;

	if (!load_is_there(player, step) ||
		(step >= player->pause_from && step < player->pause_to))
		return 0;
	return duty < DUTY_MAX ? duty : DUTY_MAX;
}

/* Two states; bursts have a mean length, and the gaps follow from the duty. */
static void step_thread(
	struct load_thread *thread, double duty, struct random_state *random)
{
	double stop = 1 / thread->burst_steps, start = duty / (1 - duty) * stop;

	if (start > 1) {
		stop /= start;
		start = 1;
	}
	thread->fraction = 1;
	if (duty <= 0) {
		thread->wants = false;
	} else if (thread->wants) {
		thread->wants = !draw_chance(random, stop);
	} else if (draw_chance(random, start)) {
		thread->wants = true;
		thread->fraction = draw_range(random, 0.3, 1);
	}
}

void load_scale(struct load *load, double factor)
{
	for (unsigned i = 0; i < load->n_threads; i++) {
		struct load_thread *thread = &load->threads[i];

		if (thread->kind != SAMPLE_THREAD_VCPU)
			continue;
		thread->duty *= factor;
		if (thread->duty > DUTY_MAX)
			thread->duty = DUTY_MAX;
	}
}

void load_step(struct load *load, uint32_t step)
{
	if (step % LOAD_STEPS == 0)
		change_players(load, step);
	for (unsigned i = 0; i < load->n_threads; i++) {
		struct load_thread *thread = &load->threads[i];

		step_thread(thread, duty_of(&load->players[thread->player], thread, step),
			&load->random);
	}
}
