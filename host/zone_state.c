/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Zones by name, players by UUID. */
#include "host/zone_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/weight.h"

int zone_states_find(const struct zone_states *states, const char *name)
{
	for (size_t i = 0; i < states->n; i++)
		if (strcmp(states->states[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

static struct zone_state *begin_state(struct zone_state *state, const char *name)
{
	struct apportion_player *dynamic = state->dynamic, *idle = state->idle;

	*state = (struct zone_state){ .dynamic = dynamic, .idle = idle };
	strcpy(state->name, name);
	return state;
}

int zone_states_add(
	struct zone_states *states, const char *name, struct zone_state **ret_state)
{
	size_t length = strnlen(name, MACHINE_ZONE_NAME_SIZE);
	int index;

	if (length == 0 || length == MACHINE_ZONE_NAME_SIZE)
		return -EINVAL;
	index = zone_states_find(states, name);
	if (index >= 0) {
		*ret_state = &states->states[index];
		return 0;
	}
	if (states->n >= MACHINE_ZONES_MAX)
		return -ENOSPC;
	*ret_state = begin_state(&states->states[states->n++], name);
	return 0;
}

/* A free one, or that of a zone long gone which nobody configured. */
static struct zone_state *take_state(struct zone_states *states, const char *name)
{
	if (states->n < ZONE_STATES_MAX)
		return begin_state(&states->states[states->n++], name);
	for (size_t i = 0; i < states->n; i++) {
		struct zone_state *state = &states->states[i];

		if (!state->in_machine &&
			state->idle_power.origin == IDLE_POWER_LEARNED) {
			size_t size = states->n_players * sizeof(*state->dynamic);

			if (state->dynamic)
				memset(state->dynamic, 0, size);
			if (state->idle)
				memset(state->idle, 0, size);
			return begin_state(state, name);
		}
	}
	return NULL;
}

void zone_states_map(struct zone_states *states, const struct machine *machine)
{
	for (size_t i = 0; i < states->n; i++)
		states->states[i].in_machine = false;
	for (size_t z = 0; z < machine->n_zones; z++) {
		int index = zone_states_find(states, machine->zones[z].name);

		states->of_zone[z] = index < 0 ? NULL : &states->states[index];
		if (index >= 0)
			states->states[index].in_machine = true;
	}
	for (size_t z = 0; z < machine->n_zones; z++) {
		if (states->of_zone[z])
			continue;
		/* At most half of the states are configured, and half in the machine. */
		states->of_zone[z] = take_state(states, machine->zones[z].name);
		assert(states->of_zone[z]);
		states->of_zone[z]->in_machine = true;
	}
}

/* Elements from the old size on are zeroed; NULL has no elements. */
static int grow(struct apportion_player **players, size_t old_size, size_t size)
{
	struct apportion_player *grown = reallocarray(*players, size, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	if (!*players)
		old_size = 0;
	memset(grown + old_size, 0, (size - old_size) * sizeof(*grown));
	*players = grown;
	return 0;
}

static int grow_all(struct zone_states *states, size_t size)
{
	if (grow(&states->spare, states->players_size, size) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < states->n; i++) {
		struct zone_state *state = &states->states[i];

		if (!state->dynamic)
			continue;
		if (grow(&state->dynamic, states->players_size, size) < 0 ||
			grow(&state->idle, states->players_size, size) < 0)
			return -ENOMEM;
	}
	states->players_size = size;
	return 0;
}

int zone_states_reserve(
	struct zone_states *states, const struct machine *machine, size_t n_domains)
{
	size_t size = 2 * (n_domains + 1);

	if (n_domains + 1 > states->players_size && grow_all(states, size) < 0)
		return -ENOMEM;
	for (size_t z = 0; z < machine->n_zones; z++) {
		struct zone_state *state = states->of_zone[z];

		if (!zone_is_shared(&machine->zones[z]))
			continue;
		if (!state->dynamic && grow(&state->dynamic, 0, states->players_size) < 0)
			return -ENOMEM;
		if (!state->idle && grow(&state->idle, 0, states->players_size) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool same_domains(const struct sample *previous, const struct sample *now)
{
	if (previous->n_domains != now->n_domains)
		return false;
	for (size_t i = 0; i < now->n_domains; i++)
		if (uuid_compare(&previous->domains[i].uuid, &now->domains[i].uuid) != 0)
			return false;
	return true;
}

/* Moves the players of one array by way of the spare one, which takes its place. */
static void move(struct apportion_player **players, struct apportion_player **spare,
	const struct sample *previous, const struct sample *now)
{
	struct apportion_player *from = *players, *to = *spare;
	size_t before = 0;

	to[0] = from[0];
	for (size_t i = 0; i < now->n_domains; i++) {
		int order = 1;

		for (; before < previous->n_domains; before++) {
			order = uuid_compare(
				&previous->domains[before].uuid, &now->domains[i].uuid);
			if (order >= 0)
				break;
			to[0].weight = weight_add(to[0].weight, from[before + 1].weight);
		}
		to[i + 1] = (struct apportion_player){ 0 };
		if (order == 0)
			to[i + 1] = from[++before];
	}
	for (; before < previous->n_domains; before++)
		to[0].weight = weight_add(to[0].weight, from[before + 1].weight);
	*players = to;
	*spare = from;
}

void zone_states_move_players(struct zone_states *states, const struct sample *previous,
	const struct sample *now)
{
	states->n_players = now->n_domains + 1;
	if (same_domains(previous, now))
		return;
	for (size_t i = 0; i < states->n; i++) {
		struct zone_state *state = &states->states[i];

		if (state->dynamic)
			move(&state->dynamic, &states->spare, previous, now);
		if (state->idle)
			move(&state->idle, &states->spare, previous, now);
	}
}

void zone_states_deinit(struct zone_states *states)
{
	for (size_t i = 0; i < states->n; i++) {
		free(states->states[i].dynamic);
		free(states->states[i].idle);
	}
	free(states->spare);
	memset(states, 0, sizeof(*states));
}
