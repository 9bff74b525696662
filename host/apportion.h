/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Shares an integer amount out over weights, exactly: by largest remainder, with
 * a carry per player, so that what rounding gave or took is made good by the next
 * ticks. 128-bit integers only. Pure, allocates nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A carry of one unit of the amount; carries are strictly between -ONE and ONE. */
#define APPORTION_ONE ((int64_t)1 << 62)

struct apportion_player {
	uint64_t weight;
	int64_t carry; /* what the player is still owed (> 0) or had too much (< 0) */
	uint64_t share;
};

/*
 * Sets every player's share, the sum of which is the amount, and its carry. The
 * players are in the order of their UUIDs, which decides ties. A player without
 * weight gets 0 and keeps its carry. A share is the player's quota, amount x
 * weight / sum of weights, plus its carry, rounded up or down; a negative sum
 * counts as 0.
 *
 * While the same players have weight their carries sum to 0, and each cumulative
 * share stays within 1 of the exact quota. Shares that add up cannot always honour
 * all carries where players come and go, or where quotas below 1 meet carries below
 * 0: then a carry is cut at its bound, and a part of 1 is forgotten.
 *
 * false: no player has weight, the amount is not shared out, all shares are 0.
 */
bool apportion(uint64_t amount, struct apportion_player *players, size_t n_players);
