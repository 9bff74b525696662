/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What the meter remembers of each zone from tick to tick, by the zone's name: its
 * counter, its idle power, and every player's weight and carry. What a tick changes
 * of it is there twice: as the step at hand makes it, and as it was when the last
 * step was accepted, which the next one starts from. Pure.
 *
 * The players of a zone are the host, then the domains in the order of their
 * UUIDs: the host stands for the nil UUID.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/apportion.h"
#include "host/idle_power.h"
#include "host/machine.h"
#include "host/sample.h"
#include "host/zone_counter.h"

/* Those of the machine, and as many that the configuration names. */
#define ZONE_STATES_MAX (2 * MACHINE_ZONES_MAX)

struct zone_state {
	char name[MACHINE_ZONE_NAME_SIZE];
	bool in_machine;
	struct zone_counter counter;
	struct idle_power idle_power;
	/* The host and the domains; NULL until the zone is shared out. */
	struct apportion_player *dynamic;
	struct apportion_player *idle;
	struct {
		struct zone_counter counter;
		struct idle_power_state learned;
		struct apportion_player *dynamic;
		struct apportion_player *idle;
	} accepted;
};

/* A zeroed one is empty. */
struct zone_states {
	size_t n;
	struct zone_state states[ZONE_STATES_MAX];
	size_t players_size;
	/* The state of the machine's zone with this index. */
	struct zone_state *of_zone[MACHINE_ZONES_MAX];
};

/* Its index, or -ENOENT. */
int zone_states_find(const struct zone_states *states, const char *name);

/*
 * The state for this name, a new one if there is none. -EINVAL: not a zone's name.
 * -ENOSPC: MACHINE_ZONES_MAX others were added already.
 */
int zone_states_add(
	struct zone_states *states, const char *name, struct zone_state **ret_state);

/*
 * Sets of_zone; a zone that was there before, also a while ago, has its state again,
 * unless so many others came since that it was taken for one of these: of zones whose
 * idle power was given only where more of them than MACHINE_ZONES_MAX are gone.
 */
void zone_states_map(struct zone_states *states, const struct machine *machine);

/* Room for so many domains in all zones that are shared out, or -ENOMEM. */
int zone_states_reserve(
	struct zone_states *states, const struct machine *machine, size_t n_domains);

/*
 * Begins a step from what was accepted last, with the domains of the previous sample,
 * to those of now. Carries stay with their domains; what a vanished domain's CPU time
 * weighed falls to the host. May be called again before zone_states_accept().
 */
void zone_states_begin(struct zone_states *states, const struct sample *previous,
	const struct sample *now);

/* The next step goes on from this one. */
void zone_states_accept(struct zone_states *states);

/* Energy of these zones is shared out; of others it is all the host's. */
static inline bool zone_is_shared(const struct machine_zone *zone)
{
	return zone->kind == MACHINE_ZONE_PACKAGE || zone->kind == MACHINE_ZONE_DRAM;
}

/* Frees what it holds, not the struct itself. */
void zone_states_deinit(struct zone_states *states);
