/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The mirror's memory in RUN/state, for the agent's next process in the same boot.
 *
 * RUN is a tmpfs: what counts is that the agent can be killed at any instruction,
 * not that the machine can crash, so there is no fsync. Two slots are written in
 * turn, each with a checksum and a generation; one of them is always whole.
 */
#pragma once

#include <stdint.h>

#include "guest/mirror.h"
#include "shared/cleanup.h"
#include "shared/uuid.h"

#define STATE_NAME "state"
/* What could not be read is kept under this name, until the next such file. */
#define STATE_ASIDE_NAME "state.bad"

enum state_found {
	STATE_NONE,    /* no earlier process kept anything */
	STATE_KEPT,    /* *ret_memory is what it kept */
	STATE_EXPIRED, /* of another boot of the guest: void */
	STATE_BAD,     /* corrupt, foreign or newer: set aside */
};

struct state;

/*
 * Opens or makes the file in run_fd (which stays the caller's) for the guest boot
 * boot_id, and reads what is there; *ret_memory is set for STATE_KEPT only. -errno
 * when it cannot be opened, read or set aside.
 */
int state_open(int run_fd, const struct uuid *boot_id, struct state **ret_state,
	enum state_found *ret_found, struct mirror_memory *ret_memory);
struct state *state_free(struct state *state);

static inline void cleanup_state_freep(struct state **state)
{
	state_free(*state);
}
#define cleanup_state cleanup(cleanup_state_freep)

/* Keeps memory from now on, in place of what was kept; on failure that still is. */
int state_store(struct state *state, const struct mirror_memory *memory);
