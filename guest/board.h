/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A page that the worker shows its counters on, for a process that serves them elsewhere
 * (guest/msr_server.h). It holds not values but the line they move along, so that both
 * show the same at any instant and the worker writes once a sample. The reader trusts
 * nothing on it: the worker is who talks to the host.
 */
#pragma once

#include <stdint.h>

#include "fuse-powercap/virtual.h"
#include "fuse-powercap/zone.h"
#include "guest/mirror.h"

struct board;

/* A page shared with the processes that are forked from here on; never freed. -ENOMEM. */
int board_new(struct board **ret_board);

/* The one writer's: after each welcome and sample. Before the first sample it is void. */
void board_publish(struct board *board, const struct mirror *mirror);

/* All zero but for the board: nothing is read yet. Plain; nothing to release. */
struct board_reader {
	const struct board *board;
	uint32_t sequence;
	struct powercap_model model;
	struct virtual_counters counters;
	/* Bit n: zone n can be read. */
	uint32_t measured;
	/* What each zone has shown. */
	uint64_t shown_uj[POWERCAP_ZONES_MAX];
};

/*
 * Takes over what is new. What is being written, or makes no sense, is left for the next
 * time, and the reader goes on with what it has until that is stale.
 */
void board_reader_refresh(struct board_reader *reader);

/* As mirror_shown(), of what the reader has; it never decreases. */
int board_reader_shown(struct board_reader *reader, unsigned int zone, uint64_t now_ns,
	uint64_t *ret_uj);
