/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Zones by name, players by UUID. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "host/zone_state.h"
#include "tests/unit/scene.h"

static struct zone_states *new_states(void)
{
	struct zone_states *states = calloc(1, sizeof(*states));

	assert_non_null(states);
	return states;
}

static void free_states(struct zone_states *states)
{
	zone_states_deinit(states);
	free(states);
}

static void test_add(void **state)
{
	struct zone_states *states = new_states();
	struct zone_state *first, *zone;

	(void)state;
	assert_int_equal(zone_states_find(states, "package-0"), -ENOENT);
	assert_int_equal(zone_states_add(states, "", &zone), -EINVAL);
	assert_int_equal(
		zone_states_add(states, "a-name-of-thirty-two-characters-", &zone),
		-EINVAL);
	assert_int_equal(zone_states_add(states, "package-0", &first), 0);
	for (int i = 1; i < MACHINE_ZONES_MAX; i++) {
		char name[MACHINE_ZONE_NAME_SIZE];

		snprintf(name, sizeof(name), "package-%d", i);
		assert_int_equal(zone_states_add(states, name, &zone), 0);
	}
	assert_int_equal(zone_states_add(states, "another", &zone), -ENOSPC);
	assert_int_equal(zone_states_add(states, "package-0", &zone), 0);
	assert_ptr_equal(zone, first);
	free_states(states);
}

/* A machine's zones come and go by name, in any order. */
static void test_map(void **state)
{
	struct zone_states *states = new_states();
	struct zone_state *one;
	struct scene scene, other;

	(void)state;
	scene_init(&scene, 2);
	scene_init(&other, 0);
	scene_add_zone(&other, "psys", MACHINE_ZONE_PSYS, 0);
	scene_add_zone(&other, "package-1", MACHINE_ZONE_PACKAGE, 0);
	zone_states_map(states, &scene.machine);
	one = states->of_zone[1];
	one->accepted.counter.energy_uj = 7;
	zone_states_map(states, &other.machine);
	assert_ptr_equal(states->of_zone[1], one);
	assert_string_equal(states->of_zone[0]->name, "psys");
	zone_states_map(states, &scene.machine);
	assert_ptr_equal(states->of_zone[1], one);
	assert_int_equal(one->accepted.counter.energy_uj, 7);
	free_states(states);
}

/* More names than there is room for: what was configured stays. */
static void test_evict(void **state)
{
	struct zone_states *states = new_states();
	struct zone_state *kept;
	struct scene scene;

	(void)state;
	assert_int_equal(zone_states_add(states, "kept", &kept), 0);
	kept->idle_power.origin = IDLE_POWER_CONFIGURED;
	for (int round = 0; round < 5; round++) {
		scene_init(&scene, 0);
		for (int i = 0; i < MACHINE_ZONES_MAX; i++) {
			char name[MACHINE_ZONE_NAME_SIZE];

			snprintf(name, sizeof(name), "zone-%d-%d", round, i);
			scene_add_zone(&scene, name, MACHINE_ZONE_PACKAGE, 0);
		}
		zone_states_map(states, &scene.machine);
		assert_int_equal(zone_states_reserve(states, &scene.machine, 2), 0);
		for (size_t i = 0; i < MACHINE_ZONES_MAX; i++) {
			struct zone_state *zone = states->of_zone[i];

			assert_string_equal(zone->name, scene.machine.zones[i].name);
			assert_int_equal(zone->accepted.dynamic[0].carry, 0);
			zone->accepted.dynamic[0].carry = 5;
		}
	}
	assert_string_equal(kept->name, "kept");
	free_states(states);
}

/* Of zones that are gone and were configured there can be too many as well. */
static void test_evict_configured(void **state)
{
	struct zone_states *states = new_states();
	struct scene scene;

	(void)state;
	for (int round = 0; round < 5; round++) {
		scene_init(&scene, 0);
		for (int i = 0; i < MACHINE_ZONES_MAX; i++) {
			char name[MACHINE_ZONE_NAME_SIZE];

			snprintf(name, sizeof(name), "zone-%d-%d", round, i);
			scene_add_zone(&scene, name, MACHINE_ZONE_PACKAGE, 0);
		}
		zone_states_map(states, &scene.machine);
		for (size_t i = 0; i < MACHINE_ZONES_MAX; i++) {
			struct zone_state *zone;

			assert_int_equal(zone_states_add(states,
						 scene.machine.zones[i].name, &zone),
				0);
			assert_ptr_equal(zone, states->of_zone[i]);
			/* Nothing of the zone it was before is left. */
			assert_int_equal(zone->idle_power.origin, IDLE_POWER_LEARNED);
			zone->idle_power.origin = IDLE_POWER_CONFIGURED;
		}
	}
	free_states(states);
}

static void set_domains(struct sample *sample, const char *numbers)
{
	sample_clear(sample);
	for (; *numbers; numbers++)
		scene_add_domain(sample, (uint32_t)*numbers, 1);
}

static void test_move(void **state)
{
	static const struct {
		const char *before, *after;
		uint64_t host; /* what vanished, by number - 'a' + 1, and its own 100 */
	} cases[] = {
		{ "", "", 100 },
		{ "abc", "abc", 100 },
		{ "", "abc", 100 },
		{ "abc", "", 106 },
		{ "abc", "xyz", 106 },
		{ "xyz", "abc", 175 },
		{ "abc", "ac", 102 },
		{ "ac", "abc", 100 },
		{ "abd", "acd", 102 },
		{ "abc", "bcd", 101 },
	};
	struct sample before = { 0 }, after = { 0 };
	struct scene scene;

	(void)state;
	scene_init(&scene, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct zone_states *states = new_states();
		struct apportion_player *players;

		set_domains(&before, cases[i].before);
		set_domains(&after, cases[i].after);
		zone_states_map(states, &scene.machine);
		assert_int_equal(zone_states_reserve(states, &scene.machine, 3), 0);
		players = states->of_zone[0]->accepted.dynamic;
		players[0] = (struct apportion_player){ .weight = 100, .carry = -9 };
		for (size_t k = 0; k < before.n_domains; k++) {
			int number = cases[i].before[k] - 'a' + 1;

			players[k + 1] = (struct apportion_player){
				.weight = (uint64_t)number, .carry = number
			};
		}
		/* A step that is not accepted leaves no trace. */
		zone_states_begin(states, &before, &before);
		states->of_zone[0]->dynamic[0].carry = 0;
		zone_states_begin(states, &before, &after);
		zone_states_accept(states);
		players = states->of_zone[0]->accepted.dynamic;
		assert_int_equal(players[0].weight, cases[i].host);
		assert_int_equal(players[0].carry, -9);
		for (size_t k = 0; k < after.n_domains; k++) {
			char c = cases[i].after[k];
			int number = strchr(cases[i].before, c) ? c - 'a' + 1 : 0;

			assert_int_equal(players[k + 1].carry, number);
			assert_int_equal(players[k + 1].weight, number);
		}
		free_states(states);
	}
	sample_deinit(&before);
	sample_deinit(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_evict),
		cmocka_unit_test(test_evict_configured),
		cmocka_unit_test(test_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
