/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Who has a seat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "host/roster.h"
#include "tests/unit/scene.h"

#define DOMAINS_MAX 100
#define SEATS	    (POWER_MODEL_PLAYERS_MAX - ROSTER_FIRST)

struct fixture {
	struct scene scene;
	struct sample sample;
	struct roster roster;
	double cores[DOMAINS_MAX];
	uint8_t seats[DOMAINS_MAX];
	bool is_new[POWER_MODEL_PLAYERS_MAX];
};

static int setup(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	scene_init(&fixture.scene, 1);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sample_deinit(&f->sample);
	return 0;
}

/* Domains first .. first + n - 1, each of which used so many cores. */
static void update(struct fixture *f, uint32_t first, uint32_t n, double cores)
{
	scene_begin(&f->scene, &f->sample, SCENE_SECOND_NS);
	for (uint32_t i = 0; i < n; i++) {
		scene_add_domain(&f->sample, first + i, 1);
		f->cores[i] = cores;
	}
	roster_update(&f->roster, &f->sample, f->cores, 1, f->seats, f->is_new);
}

static size_t count_new(const struct fixture *f)
{
	size_t n = 0;

	for (size_t s = 0; s < POWER_MODEL_PLAYERS_MAX; s++)
		n += f->is_new[s];
	return n;
}

static void test_few(void **state)
{
	struct fixture *f = *state;
	uint8_t before[3];

	update(f, 1, 3, 0.5);
	assert_int_equal(count_new(f), 3);
	assert_int_equal(roster_size(&f->roster), ROSTER_FIRST + 3);
	memcpy(before, f->seats, sizeof(before));
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(f->seats[i], f->seats[j]);
	update(f, 1, 3, 0.5);
	assert_int_equal(count_new(f), 0);
	assert_memory_equal(before, f->seats, sizeof(before));
	/* Without the first one, the others stay where they are. */
	update(f, 2, 2, 0.5);
	assert_memory_equal(before + 1, f->seats, 2);
	/* Which has its own seat when it is back. */
	update(f, 1, 3, 0.5);
	assert_int_equal(count_new(f), 0);
	assert_memory_equal(before, f->seats, sizeof(before));
}

static void test_idle_has_none(void **state)
{
	struct fixture *f = *state;

	update(f, 1, 3, 0);
	assert_int_equal(roster_size(&f->roster), ROSTER_FIRST);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(f->seats[i], ROSTER_OTHERS);
}

static void test_too_many(void **state)
{
	struct fixture *f = *state;
	size_t others = 0;

	update(f, 1, DOMAINS_MAX, 0.5);
	assert_int_equal(count_new(f), SEATS);
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		others += f->seats[i] == ROSTER_OTHERS;
	assert_int_equal(others, DOMAINS_MAX - SEATS);
	/* A little more is no reason to forget somebody. */
	f->cores[DOMAINS_MAX - 1] = 1;
	roster_update(&f->roster, &f->sample, f->cores, 1, f->seats, f->is_new);
	assert_int_equal(count_new(f), 0);
	/* Much more is; one goes, and no more than one at a time. */
	f->cores[DOMAINS_MAX - 1] = f->cores[DOMAINS_MAX - 2] = 10;
	roster_update(&f->roster, &f->sample, f->cores, 1, f->seats, f->is_new);
	assert_int_equal(count_new(f), 1);
	others = 0;
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		others += f->seats[i] == ROSTER_OTHERS;
	assert_int_equal(others, DOMAINS_MAX - SEATS);
}

static void test_absent_go_first(void **state)
{
	struct fixture *f = *state;

	update(f, 1, SEATS, 0.5);
	/* Others come in their place: all have one at once. */
	update(f, 1000, SEATS, 0.01);
	assert_int_equal(count_new(f), SEATS);
	for (size_t i = 0; i < SEATS; i++)
		assert_int_not_equal(f->seats[i], ROSTER_OTHERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_few, setup, teardown),
		cmocka_unit_test_setup_teardown(test_idle_has_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_absent_go_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
