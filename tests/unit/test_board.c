/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The worker's counters on a page: the same line, read by another, who trusts nothing. */
#include "tests/unit/child.h"

#include <errno.h>
#include <string.h>

#include "guest/board.h"
#include "shared/clock.h"
#include "tests/unit/random.h"

#define SECOND ((uint64_t)NSEC_PER_SEC)
/* Of the page, more than is used. */
#define PAGE_SIZE 4096
#define N_CORRUPT 20000
#define N_RACES	  20000

struct fixture {
	struct mirror mirror;
	struct board *board;
	struct board_reader reader;
};

static void welcome(struct fixture *fixture, size_t n_zones)
{
	static const struct message_zone zones[] = {
		{ "package-0", UINT64_C(262143328850), -1 },
		{ "dram", UINT64_C(65712999613), 0 },
	};
	struct message_welcome message = {
		.proto = 1,
		.epoch = { { 1 } },
		.period_ms = 1000,
		.stale_after_ms = 10000,
		.n_zones = n_zones,
	};

	memcpy(message.zones, zones, sizeof(zones));
	assert_int_equal(mirror_welcome(&fixture->mirror, &message), 0);
}

static void sample(struct fixture *fixture, uint64_t now_ns, uint64_t a, uint64_t b)
{
	const struct message_sample message = {
		.seq = 1,
		.t_ns = now_ns,
		.n_zones = 2,
		.uj = { a, b },
	};
	struct mirror_memory memory;

	assert_int_equal(mirror_prepare(&fixture->mirror, &message, now_ns, &memory), 0);
	mirror_commit(&fixture->mirror, &memory);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	mirror_init(&fixture->mirror);
	assert_int_equal(board_new(&fixture->board), 0);
	fixture->reader.board = fixture->board;
	welcome(fixture, 2);
	*state = fixture;
	return 0;
}

/* The page stays, as it does in an agent. */
static int teardown(void **state)
{
	free(*state);
	return 0;
}

/* Of both, at one time: the mirror's own answer. */
static void check_same(struct fixture *fixture, uint64_t now_ns)
{
	board_reader_refresh(&fixture->reader);
	for (unsigned int zone = 0; zone < 3; zone++) {
		uint64_t own_uj = 7, read_uj = 7;
		int r = mirror_shown(&fixture->mirror, zone, now_ns, &own_uj);

		assert_int_equal(
			board_reader_shown(&fixture->reader, zone, now_ns, &read_uj), r);
		assert_true(read_uj == own_uj);
	}
}

static void test_same_line(void **state)
{
	struct fixture *fixture = *state;
	uint64_t now_ns = SECOND, uj = 1000000;

	check_same(fixture, now_ns);
	/* Nothing that is not known yet is shown. */
	board_publish(fixture->board, &fixture->mirror);
	check_same(fixture, now_ns);
	for (unsigned int i = 0; i < 10; i++) {
		sample(fixture, now_ns, uj, uj / 3);
		board_publish(fixture->board, &fixture->mirror);
		for (unsigned int j = 0; j < 13; j++)
			check_same(fixture, now_ns + j * 97000001);
		now_ns += SECOND + i * 30000000;
		uj += 50000000 + i * 1000003;
	}
	/* The host is silent: it slows down, and is stale. */
	for (unsigned int i = 0; i < 15; i++)
		check_same(fixture, now_ns + i * SECOND);
	/* A new welcome has one zone only. */
	now_ns += 15 * SECOND;
	welcome(fixture, 1);
	board_publish(fixture->board, &fixture->mirror);
	check_same(fixture, now_ns);
	sample(fixture, now_ns, uj, uj);
	board_publish(fixture->board, &fixture->mirror);
	check_same(fixture, now_ns);
}

/* A reader who was on the old line after the new one began does not go back. */
static void test_late_page(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t begin_ns = 2 * SECOND + SECOND / 2, now_ns = begin_ns + SECOND / 4;
	uint64_t old_uj, new_uj;

	sample(fixture, SECOND, 1000000, 1000);
	sample(fixture, 2 * SECOND, 101000000, 1100);
	board_publish(fixture->board, &fixture->mirror);
	board_reader_refresh(&fixture->reader);
	assert_int_equal(board_reader_shown(&fixture->reader, 0, now_ns, &old_uj), 0);
	sample(fixture, begin_ns, 101000000, 1100);
	assert_int_equal(mirror_shown(&fixture->mirror, 0, now_ns, &new_uj), 0);
	assert_true(new_uj < old_uj);
	board_publish(fixture->board, &fixture->mirror);
	board_reader_refresh(&fixture->reader);
	assert_int_equal(board_reader_shown(&fixture->reader, 0, now_ns, &new_uj), 0);
	assert_true(new_uj == old_uj);
}

/* Whatever is on the page, and in whatever state: an answer, and no end of the reader. */
static void test_corrupt(void **state)
{
	struct fixture *fixture = *state;
	struct random_state random = { 1 };
	unsigned char *page = (unsigned char *)fixture->board, good[PAGE_SIZE];
	unsigned int n_errors = 0;
	uint64_t uj;

	sample(fixture, SECOND, 1000000, 1000);
	sample(fixture, 2 * SECOND, 101000000, 1100);
	board_publish(fixture->board, &fixture->mirror);
	memcpy(good, page, sizeof(good));
	for (unsigned int i = 0; i < N_CORRUPT; i++) {
		struct board_reader reader = { .board = fixture->board };

		memcpy(page, good, sizeof(good));
		for (uint64_t j = random_u64(&random) % 8; j > 0; j--)
			page[random_u64(&random) % PAGE_SIZE] = (unsigned char)random_u64(
				&random);
		board_reader_refresh(&reader);
		for (unsigned int zone = 0; zone < 4; zone++)
			n_errors += board_reader_shown(&reader, zone,
					    3 * SECOND + random_u64(&random) % SECOND,
					    &uj) < 0;
	}
	/* Two zones there are not. */
	assert_true(n_errors > 2 * N_CORRUPT);
	assert_true(n_errors < 4 * N_CORRUPT);
}

/* While another process writes, what is read is of one writing. */
static void test_race(void **state)
{
	struct fixture *fixture = *state;
	unsigned int n_seen = 0;
	uint32_t sequence = 0;
	pid_t writer;

	sample(fixture, SECOND, 1000, 1000);
	board_publish(fixture->board, &fixture->mirror);
	writer = fork();
	assert_true(writer >= 0);
	if (writer == 0) {
		/* Both zones always have the same. */
		for (uint64_t i = 1; i <= N_RACES; i++) {
			sample(fixture, SECOND + i, 1000 + i, 1000 + i);
			board_publish(fixture->board, &fixture->mirror);
		}
		_exit(0);
	}
	for (;;) {
		int ended = waitpid(writer, NULL, WNOHANG) != 0;
		const struct virtual_zone_plan *zones =
			fixture->reader.counters.plan.zones;

		board_reader_refresh(&fixture->reader);
		assert_true(zones[0].measured_uj == zones[1].measured_uj);
		n_seen += fixture->reader.sequence != sequence;
		sequence = fixture->reader.sequence;
		if (ended)
			break;
	}
	assert_true(n_seen > 0);
	assert_true(fixture->reader.counters.plan.zones[0].measured_uj == 1000 + N_RACES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_page, setup, teardown),
		cmocka_unit_test_setup_teardown(test_corrupt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_race, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
