/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A counter tick by tick: wraps, gaps, glitches, resets, suspends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>

#include "host/zone_counter.h"

#define SECOND_NS UINT64_C(1000000000)
#define RANGE_UJ  UINT64_C(262143328850)
#define MISSING	  UINT64_MAX

struct reading {
	uint64_t second;
	uint64_t energy_uj; /* MISSING: unreadable */
	bool suspended;
	enum tick_zone_state state;
	uint64_t delta_uj;
	uint64_t seconds; /* the delta took */
};

static void check(const struct reading *readings, size_t n)
{
	static const struct machine_zone zone = { .max_energy_range_uj = RANGE_UJ };
	struct zone_counter counter = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct reading *reading = &readings[i];
		const struct sample_zone now = {
			.valid = reading->energy_uj != MISSING,
			.energy_uj = reading->energy_uj,
		};
		struct zone_delta delta;

		zone_counter_advance(&counter, &zone, &now, reading->second * SECOND_NS,
			reading->suspended, &delta);
		assert_int_equal(delta.state, reading->state);
		assert_int_equal(delta.energy_uj, reading->delta_uj);
		assert_int_equal(delta.dt_ns, reading->seconds * SECOND_NS);
	}
}

#define CHECK(readings) check(readings, sizeof(readings) / sizeof(readings[0]))

static void test_plain(void **state)
{
	static const struct reading readings[] = {
		{ 10, 5000, false, TICK_ZONE_BASELINE, 0, 0 },
		{ 11, 5000, false, TICK_ZONE_OK, 0, 1 },
		{ 12, 9000, false, TICK_ZONE_OK, 4000, 1 },
		{ 12, 9001, false, TICK_ZONE_OK, 1, 0 },
	};
	static const struct reading wrap[] = {
		{ 10, RANGE_UJ - 100, false, TICK_ZONE_BASELINE, 0, 0 },
		{ 11, 50, false, TICK_ZONE_OK, 150, 1 },
	};
	static const struct reading ambiguous[] = {
		{ 10, 5000, false, TICK_ZONE_BASELINE, 0, 0 },
		{ 200, 9000, false, TICK_ZONE_AMBIGUOUS, 4000, 190 },
		{ 201, 9500, false, TICK_ZONE_OK, 500, 1 },
	};

	(void)state;
	CHECK(readings);
	CHECK(wrap);
	CHECK(ambiguous);
}

/* What flowed while it could not be read comes afterwards, in its own time. */
static void test_gap(void **state)
{
	static const struct reading readings[] = {
		{ 9, MISSING, false, TICK_ZONE_EXCLUDED, 0, 0 },
		{ 10, 5000, false, TICK_ZONE_BASELINE, 0, 0 },
		{ 11, MISSING, false, TICK_ZONE_EXCLUDED, 0, 0 },
		{ 12, RANGE_UJ + 1, false, TICK_ZONE_EXCLUDED, 0, 0 },
		{ 13, 35000000, false, TICK_ZONE_OK, 34995000, 3 },
		{ 14, 35000001, false, TICK_ZONE_OK, 1, 1 },
		{ 15, MISSING, false, TICK_ZONE_EXCLUDED, 0, 0 },
		{ 999, 7, false, TICK_ZONE_AMBIGUOUS, RANGE_UJ - 35000001 + 7, 985 },
		{ 1000, 8, false, TICK_ZONE_OK, 1, 1 },
	};

	(void)state;
	CHECK(readings);
}

static void test_impossible(void **state)
{
	/* One wrong reading: the baseline stays. */
	static const struct reading glitch[] = {
		{ 10, UINT64_C(100000000000), false, TICK_ZONE_BASELINE, 0, 0 },
		{ 11, 0, false, TICK_ZONE_EXCLUDED, 0, 0 },
		{ 12, UINT64_C(100000000200), false, TICK_ZONE_OK, 200, 2 },
		{ 13, UINT64_C(200000000000), false, TICK_ZONE_EXCLUDED, 0, 0 },
		{ 14, UINT64_C(100000000300), false, TICK_ZONE_OK, 100, 2 },
	};
	/* Two in a row: the counter began anew. */
	static const struct reading reset[] = {
		{ 10, UINT64_C(100000000000), false, TICK_ZONE_BASELINE, 0, 0 },
		{ 11, 0, false, TICK_ZONE_EXCLUDED, 0, 0 },
		{ 12, 1000, false, TICK_ZONE_EXCLUDED, 0, 0 },
		{ 13, 3000, false, TICK_ZONE_OK, 2000, 1 },
	};

	(void)state;
	CHECK(glitch);
	CHECK(reset);
}

static void test_suspend(void **state)
{
	static const struct reading went_on[] = {
		{ 10, 5000, false, TICK_ZONE_BASELINE, 0, 0 },
		{ 9999, 8000, true, TICK_ZONE_AMBIGUOUS, 3000, 9989 },
		{ 10000, 8500, false, TICK_ZONE_OK, 500, 1 },
	};
	static const struct reading began_anew[] = {
		{ 10, 5000, false, TICK_ZONE_BASELINE, 0, 0 },
		{ 9999, 100, true, TICK_ZONE_BASELINE, 0, 0 },
		{ 10000, 600, false, TICK_ZONE_OK, 500, 1 },
	};
	static const struct reading unread[] = {
		{ 10, 5000, false, TICK_ZONE_BASELINE, 0, 0 },
		{ 20, MISSING, true, TICK_ZONE_EXCLUDED, 0, 0 },
		{ 21, 6000, false, TICK_ZONE_BASELINE, 0, 0 },
	};
	/* Time does not go back; if it did, nothing could be said. */
	static const struct reading back[] = {
		{ 10, 5000, false, TICK_ZONE_BASELINE, 0, 0 },
		{ 9, 6000, false, TICK_ZONE_BASELINE, 0, 0 },
		{ 10, 6500, false, TICK_ZONE_OK, 500, 1 },
	};

	(void)state;
	CHECK(went_on);
	CHECK(began_anew);
	CHECK(unread);
	CHECK(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_suspend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
