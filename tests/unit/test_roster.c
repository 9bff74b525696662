/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Who is learned of by itself, and from when on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "host/roster.h"
#include "tests/unit/scene.h"

#define SEATS	    (POWER_MODEL_PLAYERS_MAX - ROSTER_FIRST)
#define DOMAINS_MAX 64
#define SHARED	    ROSTER_OTHERS

struct hall {
	struct roster roster;
	struct sample sample;
	double cores[DOMAINS_MAX];
	uint8_t seats[DOMAINS_MAX];
	bool is_new[POWER_MODEL_PLAYERS_MAX];
};

static int setup(void **state)
{
	static struct hall hall;

	memset(&hall, 0, sizeof(hall));
	*state = &hall;
	return 0;
}

static int teardown(void **state)
{
	struct hall *hall = *state;

	sample_deinit(&hall->sample);
	return 0;
}

static void begin(struct hall *hall)
{
	sample_clear(&hall->sample);
}

/* In the order of the numbers. */
static void add(struct hall *hall, uint32_t number, double cores)
{
	hall->cores[hall->sample.n_domains] = cores;
	scene_add_domain(&hall->sample, number, 1);
}

static void add_many(struct hall *hall, uint32_t first, uint32_t end, double cores)
{
	for (uint32_t number = first; number < end; number++)
		add(hall, number, cores);
}

static size_t count_new(const struct hall *hall)
{
	size_t n = 0;

	for (size_t s = 0; s < POWER_MODEL_PLAYERS_MAX; s++)
		n += hall->is_new[s];
	return n;
}

/* Whatever happens: one domain a seat, and everybody has one. */
static void check_seats(const struct hall *hall)
{
	size_t taken[POWER_MODEL_PLAYERS_MAX] = { 0 };

	assert_in_range(
		roster_size(&hall->roster), ROSTER_FIRST, POWER_MODEL_PLAYERS_MAX);
	for (size_t i = 0; i < hall->sample.n_domains; i++) {
		assert_int_not_equal(hall->seats[i], ROSTER_HOST);
		assert_true(hall->seats[i] < roster_size(&hall->roster));
		assert_true(hall->seats[i] == SHARED || ++taken[hall->seats[i]] == 1);
	}
	assert_false(hall->is_new[ROSTER_HOST] || hall->is_new[ROSTER_OTHERS]);
	for (size_t s = ROSTER_FIRST; s < POWER_MODEL_PLAYERS_MAX; s++)
		assert_true(!hall->is_new[s] || taken[s]);
}

static void tick(struct hall *hall, double seconds)
{
	memset(hall->seats, 0xff, sizeof(hall->seats));
	memset(hall->is_new, 0xff, sizeof(hall->is_new));
	roster_update(&hall->roster, &hall->sample, hall->cores, seconds, hall->seats,
		hall->is_new);
	check_seats(hall);
}

static uint8_t seat_of(const struct hall *hall, uint32_t number)
{
	const struct uuid uuid = scene_uuid(number);
	const struct sample_domain *domain = sample_find_domain(&hall->sample, &uuid);

	assert_non_null(domain);
	return hall->seats[domain - hall->sample.domains];
}

/* Who used something gets a seat, the largest first, and is new once. */
static void test_first(void **state)
{
	struct hall *hall = *state;

	assert_int_equal(roster_size(&hall->roster), ROSTER_FIRST);
	tick(hall, 1);
	assert_int_equal(roster_size(&hall->roster), ROSTER_FIRST);
	add(hall, 1, 0.5);
	add(hall, 2, 0);
	add(hall, 3, 2);
	tick(hall, 1);
	assert_int_equal(seat_of(hall, 3), ROSTER_FIRST);
	assert_int_equal(seat_of(hall, 1), ROSTER_FIRST + 1);
	assert_int_equal(seat_of(hall, 2), SHARED);
	assert_int_equal(roster_size(&hall->roster), ROSTER_FIRST + 2);
	assert_int_equal(count_new(hall), 2);
	assert_true(hall->is_new[ROSTER_FIRST] && hall->is_new[ROSTER_FIRST + 1]);
	tick(hall, 1);
	assert_int_equal(count_new(hall), 0);
	hall->cores[0] = 0;
	hall->cores[1] = 0.001;
	tick(hall, 1);
	assert_int_equal(seat_of(hall, 1), ROSTER_FIRST + 1);
	assert_int_equal(seat_of(hall, 2), ROSTER_FIRST + 2);
	assert_int_equal(count_new(hall), 1);
	assert_true(hall->is_new[ROSTER_FIRST + 2]);
}

/* Of too many the ones that use most have the seats. */
static void test_full(void **state)
{
	struct hall *hall = *state;

	for (uint32_t number = 1; number <= DOMAINS_MAX; number++)
		add(hall, number, number % 2 ? number : 0.1);
	tick(hall, 1);
	assert_int_equal(roster_size(&hall->roster), POWER_MODEL_PLAYERS_MAX);
	assert_int_equal(count_new(hall), SEATS);
	for (uint32_t number = 1; number <= DOMAINS_MAX; number++)
		assert_int_equal(seat_of(hall, number) == SHARED, number % 2 == 0);
}

/* The same use under other UUIDs, so in another order. */
static void test_order(void **state)
{
	struct hall *hall = *state;

	for (uint32_t turn = 0; turn < DOMAINS_MAX; turn += 9) {
		begin(hall);
		hall->roster = (struct roster){ 0 };
		for (uint32_t i = 0; i < DOMAINS_MAX; i++)
			add(hall, i + 1, 1 + (i * 5 + turn) % DOMAINS_MAX);
		tick(hall, 1);
		for (uint32_t i = 0; i < DOMAINS_MAX; i++) {
			uint32_t rank = DOMAINS_MAX - (uint32_t)hall->cores[i];

			assert_int_equal(hall->seats[i],
				rank < SEATS ? ROSTER_FIRST + rank : SHARED);
		}
	}
}

/* A domain that comes back finds its seat, whoever came before it in the order. */
static void test_return(void **state)
{
	struct hall *hall = *state;

	add(hall, 10, 3);
	add(hall, 20, 2);
	tick(hall, 1);
	begin(hall);
	add(hall, 20, 2);
	for (int i = 0; i < 100; i++)
		tick(hall, 10);
	assert_int_equal(seat_of(hall, 20), ROSTER_FIRST + 1);
	assert_int_equal(roster_size(&hall->roster), ROSTER_FIRST + 2);
	begin(hall);
	add(hall, 5, 1);
	add(hall, 10, 0);
	add(hall, 20, 2);
	tick(hall, 1);
	assert_int_equal(seat_of(hall, 10), ROSTER_FIRST);
	assert_int_equal(seat_of(hall, 20), ROSTER_FIRST + 1);
	assert_int_equal(seat_of(hall, 5), ROSTER_FIRST + 2);
	assert_int_equal(count_new(hall), 1);
}

/* Seats of domains that ended are given away when there is none else, longest first. */
static void test_ended(void **state)
{
	struct hall *hall = *state;
	uint8_t first, second;

	add_many(hall, 1, SEATS + 1, 1);
	tick(hall, 1);
	first = seat_of(hall, 7);
	second = seat_of(hall, 3);
	begin(hall);
	for (uint32_t number = 1; number <= SEATS; number++)
		if (number != 7)
			add(hall, number, 1);
	tick(hall, 1);
	begin(hall);
	for (uint32_t number = 1; number <= SEATS; number++)
		if (number != 7 && number != 3)
			add(hall, number, 1);
	tick(hall, 1);
	assert_int_equal(count_new(hall), 0);
	/* However little a newcomer uses: nobody needs these. */
	add(hall, 100, 0.01);
	tick(hall, 1);
	assert_int_equal(seat_of(hall, 100), first);
	assert_int_equal(count_new(hall), 1);
	assert_true(hall->is_new[first]);
	add(hall, 101, 0.01);
	add(hall, 102, 0.01);
	tick(hall, 1);
	assert_int_equal(seat_of(hall, 101), second);
	assert_int_equal(seat_of(hall, 102), SHARED);
	/* The one that was away has lost it. */
	begin(hall);
	add_many(hall, 1, SEATS + 1, 1);
	tick(hall, 1);
	assert_int_equal(count_new(hall), 2);
	assert_true(hall->is_new[first] && hall->is_new[second]);
}

/* Only the time since it was there last counts, not how long it was away before. */
static void test_away_again(void **state)
{
	struct hall *hall = *state;
	uint8_t seat;

	add_many(hall, 1, SEATS + 1, 1);
	tick(hall, 1);
	seat = seat_of(hall, 1);
	begin(hall);
	add_many(hall, 2, SEATS + 1, 1);
	tick(hall, 1000);
	begin(hall);
	add_many(hall, 1, SEATS, 1);
	tick(hall, 20);
	begin(hall);
	add_many(hall, 2, SEATS, 1);
	tick(hall, 1);
	add(hall, 100, 1);
	tick(hall, 1);
	assert_int_equal(count_new(hall), 1);
	assert_int_not_equal(seat_of(hall, 100), seat);
}

/* All present: only who uses much more than the smallest turns it out, one a tick. */
static void test_replace(void **state)
{
	struct hall *hall = *state;
	uint8_t seat;

	add(hall, 1, 1);
	add_many(hall, 2, SEATS + 1, 2);
	tick(hall, 1);
	seat = seat_of(hall, 1);
	add(hall, 50, 3.9);
	tick(hall, 1);
	assert_int_equal(seat_of(hall, 50), SHARED);
	add(hall, 51, 20);
	add(hall, 52, 20);
	tick(hall, 1);
	assert_int_equal(count_new(hall), 1);
	assert_true(hall->is_new[seat]);
	assert_int_equal(seat_of(hall, 1), SHARED);
	assert_int_equal(seat_of(hall, 51), seat);
	assert_int_equal(seat_of(hall, 52), SHARED);
	tick(hall, 1);
	assert_int_equal(count_new(hall), 1);
	assert_int_not_equal(seat_of(hall, 52), SHARED);
	assert_int_equal(seat_of(hall, 51), seat);
}

/* A pause is no reason to lose a seat to a burst; use of minutes is what counts. */
static void test_pause(void **state)
{
	struct hall *hall = *state;

	add(hall, 1, 1);
	add_many(hall, 2, SEATS + 1, 10);
	tick(hall, 1);
	add(hall, 50, 3);
	hall->cores[0] = 0;
	for (int i = 0; i < 10; i++)
		tick(hall, 1);
	assert_int_equal(seat_of(hall, 50), SHARED);
	for (int i = 0; i < 60; i++)
		tick(hall, 1);
	assert_int_not_equal(seat_of(hall, 50), SHARED);
	assert_int_equal(seat_of(hall, 1), SHARED);
}

/* Domains come and go: each seated one that was not there a tick before is new. */
static void test_churn(void **state)
{
	struct hall *hall = *state;
	struct uuid before[POWER_MODEL_PLAYERS_MAX] = { 0 };

	for (uint32_t t = 0; t < 500; t++) {
		begin(hall);
		for (uint32_t number = 1; number <= 100; number++)
			if ((number * 7 + t / 8) % 100 < DOMAINS_MAX)
				add(hall, number, (number * 31 + t * 17) % 50);
		tick(hall, 1 + t % 3);
		for (size_t i = 0; i < hall->sample.n_domains; i++) {
			uint8_t seat = hall->seats[i];
			const struct uuid *uuid = &hall->sample.domains[i].uuid;

			if (seat == SHARED)
				continue;
			assert_int_equal(hall->is_new[seat],
				uuid_compare(uuid, &before[seat]) != 0);
			before[seat] = *uuid;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_return, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_away_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(test_churn, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
