/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A short history of operations, done on both trees from a state that is always the
 * same, and what it takes of it to make them differ.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/oracle/feeder.h"
#include "tests/oracle/listed.h"
#include "tests/oracle/nodes.h"
#include "tests/oracle/operation.h"
#include "tests/oracle/side.h"

#define HISTORY_LEN 400

enum { KERNEL, VMPOWER, N_SIDES };

struct history {
	/* The caller's, as is all that the sides have of it. */
	const struct nodes *nodes;
	struct feeder *feeder;
	struct listed *listed;
	struct side sides[N_SIDES];

	struct operation operation[HISTORY_LEN];
	bool left_out[HISTORY_LEN];
	uint64_t n_done; /* operations done on both, in all histories */

	/* While it runs: what opened each slot, and whose state may be another. */
	const struct operation *opener[OPERATION_SLOTS];
	bool touched[NODES_MAX];
	struct outcome outcome[N_SIDES];
};

/* A new one; nothing is left out of it. */
void history_draw(struct history *history, struct random_state *random);

/*
 * Runs it up to the first difference that is not listed. 1: that is *ret_at; 0: there
 * is none; -errno: a tree cannot be brought to where it began.
 */
int history_run(struct history *history, size_t *ret_at);

/* Leaves out what the difference does not need, and prints the rest. -errno. */
int history_print_shortest(struct history *history, size_t at);
