/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Zones by name, players by UUID. */
#include "host/zone_state.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/weight.h"
#include "shared/array.h"

int zone_states_find(const struct zone_states *states, const char *name)
{
	for (size_t i = 0; i < states->n; i++)
		if (strcmp(states->states[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

static struct zone_state *begin_state(struct zone_state *state, const char *name)
{
	struct zone_state begun = { .dynamic = state->dynamic, .idle = state->idle };

	begun.accepted.dynamic = state->accepted.dynamic;
	begun.accepted.idle = state->accepted.idle;
	*state = begun;
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

/* The one of a zone long gone, rather one that nobody configured. */
static struct zone_state *find_gone(struct zone_states *states)
{
	struct zone_state *gone = NULL;

	for (size_t i = 0; i < states->n; i++) {
		struct zone_state *state = &states->states[i];

		if (state->in_machine)
			continue;
		if (state->idle_power.origin == IDLE_POWER_LEARNED)
			return state;
		if (!gone)
			gone = state;
	}
	return gone;
}

/* A free one, or one whose zone is gone. */
static struct zone_state *take_state(struct zone_states *states, const char *name)
{
	size_t size = states->players_size * sizeof(struct apportion_player);
	struct zone_state *state;

	if (states->n < ZONE_STATES_MAX)
		return begin_state(&states->states[states->n++], name);
	/* There is one: at most half of them are in the machine. */
	state = find_gone(states);
	assert(state);
	if (state->accepted.idle) {
		memset(state->accepted.dynamic, 0, size);
		memset(state->accepted.idle, 0, size);
	}
	return begin_state(state, name);
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
		states->of_zone[z] = take_state(states, machine->zones[z].name);
		states->of_zone[z]->in_machine = true;
	}
}

/* Elements from the old size on are zeroed; NULL has no elements. */
static int grow(struct apportion_player **players, size_t old_size, size_t size)
{
	bool is_new = !*players;

	if (array_resize(players, size) < 0)
		return -ENOMEM;
	if (is_new)
		old_size = 0;
	memset(*players + old_size, 0, (size - old_size) * sizeof(**players));
	return 0;
}

/* accepted.idle comes last: a state that has it has all. */
static int grow_state(struct zone_state *state, size_t old_size, size_t size)
{
	if (grow(&state->dynamic, old_size, size) < 0 ||
		grow(&state->idle, old_size, size) < 0 ||
		grow(&state->accepted.dynamic, old_size, size) < 0 ||
		grow(&state->accepted.idle, old_size, size) < 0)
		return -ENOMEM;
	return 0;
}

static int grow_all(struct zone_states *states, size_t size)
{
	for (size_t i = 0; i < states->n; i++) {
		struct zone_state *state = &states->states[i];

		if (state->accepted.idle &&
			grow_state(state, states->players_size, size) < 0)
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

		if (zone_is_shared(&machine->zones[z]) && !state->accepted.idle &&
			grow_state(state, 0, states->players_size) < 0)
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

/* Copies the players of one sample to the places they have in the other. */
static void move(struct apportion_player *to, const struct apportion_player *from,
	const struct sample *previous, const struct sample *now)
{
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
}

void zone_states_begin(struct zone_states *states, const struct sample *previous,
	const struct sample *now)
{
	size_t size = (now->n_domains + 1) * sizeof(struct apportion_player);
	bool same = same_domains(previous, now);

	for (size_t i = 0; i < states->n; i++) {
		struct zone_state *state = &states->states[i];

		state->counter = state->accepted.counter;
		state->idle_power.learned = state->accepted.learned;
		if (!state->accepted.idle)
			continue;
		if (same) {
			memcpy(state->dynamic, state->accepted.dynamic, size);
			memcpy(state->idle, state->accepted.idle, size);
		} else {
			move(state->dynamic, state->accepted.dynamic, previous, now);
			move(state->idle, state->accepted.idle, previous, now);
		}
	}
}

static void swap_players(struct apportion_player **a, struct apportion_player **b)
{
	struct apportion_player *players = *a;

	*a = *b;
	*b = players;
}

void zone_states_accept(struct zone_states *states)
{
	for (size_t i = 0; i < states->n; i++) {
		struct zone_state *state = &states->states[i];

		state->accepted.counter = state->counter;
		state->accepted.learned = state->idle_power.learned;
		swap_players(&state->dynamic, &state->accepted.dynamic);
		swap_players(&state->idle, &state->accepted.idle);
	}
}

void zone_states_deinit(struct zone_states *states)
{
	for (size_t i = 0; i < states->n; i++) {
		free(states->states[i].dynamic);
		free(states->states[i].idle);
		free(states->states[i].accepted.dynamic);
		free(states->states[i].accepted.idle);
	}
	memset(states, 0, sizeof(*states));
}
