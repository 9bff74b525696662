/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The page: a sequence lock, and what it guards. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/board.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "shared/clock.h"

struct content {
	struct powercap_model model;
	uint64_t period_ms;
	uint64_t stale_after_ms;
	uint32_t measured;
	struct virtual_plan plan;
};

struct board {
	/* Odd while it is being written; 0: nothing was. */
	uint32_t sequence;
	struct content content;
};

int board_new(struct board **ret_board)
{
	void *page = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return -errno;
	*ret_board = page;
	return 0;
}

void board_publish(struct board *board, const struct mirror *mirror)
{
	struct content content = {
		.model = mirror->model,
		.period_ms = mirror->period_ns / NSEC_PER_MSEC,
		.stale_after_ms = mirror->stale_after_ns / NSEC_PER_MSEC,
		.plan = mirror->memory.plan,
	};
	uint32_t sequence = board->sequence;

	for (unsigned int i = 0; i < mirror->model.n_zones; i++) {
		if (mirror_is_measured(mirror, i))
			content.measured |= UINT32_C(1) << i;
	}
	__atomic_store_n(&board->sequence, sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(&board->content, &content, sizeof(content));
	__atomic_store_n(&board->sequence, sequence + 2, __ATOMIC_RELEASE);
}

/* Whether the reader got all of one writing that it has not seen yet. */
static bool copy(const struct board_reader *reader, struct content *ret_content,
	uint32_t *ret_sequence)
{
	const struct board *board = reader->board;
	uint32_t sequence = __atomic_load_n(&board->sequence, __ATOMIC_ACQUIRE);

	if (sequence == reader->sequence || sequence & 1)
		return false;
	memcpy(ret_content, &board->content, sizeof(*ret_content));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	*ret_sequence = sequence;
	return __atomic_load_n(&board->sequence, __ATOMIC_RELAXED) == sequence;
}

/* The same zones, made anew: what is found need not be a model. */
static int rebuild_model(
	const struct powercap_model *found, struct powercap_model *ret_model)
{
	struct powercap_model model = { 0 };

	if (found->n_zones > POWERCAP_ZONES_MAX)
		return -EINVAL;
	for (unsigned int i = 0; i < found->n_zones; i++) {
		const struct powercap_zone *zone = &found->zones[i];
		int r;

		if (!memchr(zone->name, '\0', sizeof(zone->name)))
			return -EINVAL;
		r = powercap_model_add(
			&model, zone->name, zone->max_energy_range_uj, zone->parent);
		if (r < 0)
			return r;
	}
	*ret_model = model;
	return 0;
}

void board_reader_refresh(struct board_reader *reader)
{
	struct virtual_counters counters;
	struct powercap_model model;
	struct content content;
	uint32_t sequence;

	if (!copy(reader, &content, &sequence))
		return;
	reader->sequence = sequence;
	if (rebuild_model(&content.model, &model) < 0 ||
		!virtual_plan_is_valid(&content.plan, model.n_zones) ||
		virtual_counters_init(
			&counters, &model, content.period_ms, content.stale_after_ms) < 0)
		return;
	virtual_counters_resume(&counters, &content.plan);
	reader->model = model;
	reader->counters = counters;
	reader->measured = content.measured;
}

int board_reader_shown(
	struct board_reader *reader, unsigned int zone, uint64_t now_ns, uint64_t *ret_uj)
{
	uint64_t shown_uj;
	int r;

	if (zone >= reader->model.n_zones || !(reader->measured & UINT32_C(1) << zone))
		return -EIO;
	r = virtual_counters_shown(&reader->counters, zone, now_ns, &shown_uj);
	if (r < 0)
		return r;
	/*
	 * A plan begins before it is on the page. One who has read the old one in between
	 * may be a little further than the new one is yet.
	 */
	if (shown_uj > reader->shown_uj[zone])
		reader->shown_uj[zone] = shown_uj;
	*ret_uj = reader->shown_uj[zone];
	return 0;
}
