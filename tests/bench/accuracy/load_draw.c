/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Drawing a simulated host's domains and their habits. */
#include <string.h>

#include "tests/bench/accuracy/draw.h"
#include "tests/bench/accuracy/load.h"

/* Churn is drawn over this time, whatever the length of the run. */
#define HORIZON_STEPS (400 * LOAD_STEPS)

static void add_thread(struct load *load, unsigned player, uint8_t kind, unsigned index,
	uint8_t home, double duty)
{
	struct load_thread *thread = &load->threads[load->n_threads++];
	pid_t offset = 0;

	if (kind == SAMPLE_THREAD_VCPU)
		offset = 1 + (pid_t)index;
	else if (kind == SAMPLE_THREAD_VHOST)
		offset = LOAD_VCPUS_MAX + 1;
	*thread = (struct load_thread){
		.player = (uint8_t)player,
		.kind = kind,
		.index = (uint16_t)index,
		.home = home,
		.tid = load->players[player].pid + offset,
		.duty = duty,
		.burst_steps = draw_factor(&load->random, 1.2) * 6,
	};
	if (kind != SAMPLE_THREAD_VCPU)
		thread->burst_steps = 1;
}

static void draw_demand(struct load_player *player, struct random_state *random)
{
	player->pattern = (enum load_pattern)random_below(random, 4);
	player->demand = 1;
	player->demand_period_s = draw_range(random, 15, 90);
	player->demand_phase = draw_unit(random);
	player->demand_depth = draw_range(random, 0.2, 0.7);
	if (player->pattern == LOAD_BATCHES)
		player->demand_depth = draw_range(random, 0.5, 1);
}

static void draw_activity(
	struct load_player *player, bool plain, struct random_state *random)
{
	player->level = draw_factor(random, 0.45);
	player->jump_chance = draw_chance(random, 0.4) ? 1 / draw_range(random, 60, 200)
						       : 0;
	player->drift_depth = draw_range(random, 0, 0.08);
	player->drift_period_s = draw_range(random, 60, 300);
	player->drift_phase = draw_unit(random);
	player->access = draw_factor(random, 1.2) * 0.4;
	if (plain)
		player->level = 1;
	player->activity = player->level;
}

static void draw_churn(struct load_player *player, struct random_state *random)
{
	double late = draw_unit(random), early = draw_unit(random),
	       paused = draw_unit(random);
	uint32_t from = (uint32_t)(draw_unit(random) * HORIZON_STEPS),
		 length = (uint32_t)(draw_range(random, 5, 30) * LOAD_STEPS);

	player->from_step = 0;
	player->to_step = LOAD_NEVER;
	player->pause_from = player->pause_to = LOAD_NEVER;
	if (late < 0.15)
		player->from_step = from;
	else if (early < 0.15)
		player->to_step = from;
	else if (paused < 0.2) {
		player->pause_from = from;
		player->pause_to = from + length;
	}
}

/* In increasing order; version 4's form. */
static void draw_uuid(struct load_player *player, unsigned i, struct random_state *random)
{
	for (unsigned b = 0; b < sizeof(player->uuid.bytes); b++)
		player->uuid.bytes[b] = (uint8_t)random_u64(random);
	player->uuid.bytes[0] = (uint8_t)(10 * i + 5);
	player->uuid.bytes[6] = (player->uuid.bytes[6] & 0x0f) | 0x40;
	player->uuid.bytes[8] = (player->uuid.bytes[8] & 0x3f) | 0x80;
}

static void draw_domain(struct load *load, const struct rig *rig, unsigned n_vcpus)
{
	unsigned i = load->n_domains++,
		 home = draw_count(&load->random, 1, rig->n_packages);
	bool spread = rig->n_packages > 1 && draw_chance(&load->random, 0.2);
	struct load_player *player = &load->players[i];

	draw_uuid(player, i, &load->random);
	draw_demand(player, &load->random);
	draw_activity(player, load->plain, &load->random);
	draw_churn(player, &load->random);
	player->n_vcpus = n_vcpus;
	player->pid = 1000 + 100 * (pid_t)i;
	player->memory_kib = UINT64_C(1048576) * n_vcpus *
			     draw_count(&load->random, 1, 4);
	player->resident[home - 1] = rig->n_packages == 1
					     ? 1
					     : draw_range(&load->random, 0.5, 1);
	player->resident[2 - home] = 1 - player->resident[home - 1];
	add_thread(load, i, SAMPLE_THREAD_EMULATOR, 0, (uint8_t)(home - 1),
		draw_range(&load->random, 0.005, 0.03));
	for (unsigned v = 0; v < n_vcpus; v++)
		add_thread(load, i, SAMPLE_THREAD_VCPU, v,
			(uint8_t)((home - 1) ^ (spread && v % 2)), 0);
	if (draw_chance(&load->random, 0.5))
		add_thread(load, i, SAMPLE_THREAD_VHOST, 0, (uint8_t)(home - 1),
			draw_range(&load->random, 0.01, 0.10));
}

static void draw_domains(struct load *load, const struct rig *rig)
{
	static const unsigned sizes[] = { 1, 2, 2, 4, 4, 8 };
	double busy = load->target * rig->n_cpus;
	/* As many as are sold: some hosts are overcommitted. */
	double sold = rig->n_cpus * draw_range(&load->random, 0.7, 1.5);
	unsigned n = 0;

	if (sold < 1.3 * busy)
		sold = 1.3 * busy;
	while ((n < sold || load->n_domains < 3) && load->n_domains < LOAD_DOMAINS_MAX) {
		unsigned size = sizes[random_below(&load->random, 6)];

		if (size > rig->n_cpus / 2)
			size = 1;
		draw_domain(load, rig, size);
		n += size;
	}
}

static void draw_host(struct load *load, const struct rig *rig)
{
	struct load_player *host = &load->players[load->n_domains];
	double duty = rig->n_cpus * draw_range(&load->random, 0.01, 0.05) /
		      LOAD_HOST_THREADS;

	draw_activity(host, load->plain, &load->random);
	draw_demand(host, &load->random);
	host->pattern = LOAD_LEVELS;
	host->from_step = 0;
	host->to_step = LOAD_NEVER;
	host->pause_from = host->pause_to = LOAD_NEVER;
	host->resident[0] = 1.0 / rig->n_packages;
	host->resident[1] = 1 - host->resident[0];
	for (unsigned i = 0; i < LOAD_HOST_THREADS; i++)
		add_thread(load, load->n_domains, SAMPLE_THREAD_EMULATOR, i,
			(uint8_t)(i % rig->n_packages), duty < 0.9 ? duty : 0.9);
}

/* vCPUs' duties so that they add up to what the host shall have to do. */
static void draw_duties(struct load *load, const struct rig *rig)
{
	double weights[LOAD_DOMAINS_MAX], busy = load->target * rig->n_cpus, scale = 1;

	for (unsigned i = 0; i < load->n_domains; i++)
		weights[i] = draw_factor(&load->random, 1.5);
	for (unsigned i = 0; i < load->n_threads; i++)
		busy -= load->threads[i].duty;
	for (unsigned round = 0; round < 12; round++) {
		double sum = 0;

		for (unsigned i = 0; i < load->n_threads; i++) {
			struct load_thread *thread = &load->threads[i];

			if (thread->player == load->n_domains ||
				thread->kind != SAMPLE_THREAD_VCPU)
				continue;
			thread->duty = scale * weights[thread->player];
			if (thread->duty > 0.9)
				thread->duty = 0.9;
			sum += thread->duty;
		}
		scale *= busy / sum;
	}
}

void load_draw(struct load *load, const struct rig *rig, const struct scenario *scenario,
	uint64_t seed)
{
	memset(load, 0, sizeof(*load));
	load->random = draw_stream(seed, 2);
	load->plain = scenario->plain;
	load->n_packages = rig->n_packages;
	load->target = draw_range(&load->random, scenario->load_min, scenario->load_max);
	draw_domains(load, rig);
	draw_host(load, rig);
	draw_duties(load, rig);
}
