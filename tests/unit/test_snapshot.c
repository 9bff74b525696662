/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Snapshots: one arena, references, and the box between threads. */
#include "host/snapshot.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_snapshot.h"

static void test_new_is_zeroed_and_has_room(void **state)
{
	struct snapshot *snapshot = snapshot_new(3, 5);

	(void)state;
	assert_non_null(snapshot);
	assert_int_equal(snapshot->n_zones, 3);
	assert_int_equal(snapshot->n_domains, 5);
	for (size_t i = 0; i < 5; i++) {
		for (size_t j = 0; j < 3; j++) {
			assert_int_equal(snapshot->domains[i].zones[j].sum.dynamic_uj, 0);
			snapshot->domains[i].zones[j].sum.dynamic_uj = i * 3 + j;
		}
	}
	for (size_t i = 0; i < 15; i++)
		assert_int_equal(snapshot->domains[i / 3].zones[i % 3].sum.dynamic_uj, i);
	snapshot_unref(snapshot);
}

static void test_empty(void **state)
{
	struct snapshot *snapshot = snapshot_new(0, 0);

	(void)state;
	assert_non_null(snapshot);
	snapshot_unref(snapshot);
	snapshot_unref(NULL);
	assert_null(snapshot_ref(NULL));
}

static void test_sizes_that_overflow(void **state)
{
	struct snapshot *snapshot;

	(void)state;
	assert_null(snapshot_new(SIZE_MAX / 2, 4));
	snapshot = snapshot_new(1, 1);
	assert_null(snapshot_alloc(snapshot, SIZE_MAX / 2, 4));
	assert_null(snapshot_alloc(snapshot, SIZE_MAX, 1));
	snapshot_unref(snapshot);
}

static void test_memory_lives_as_long(void **state)
{
	struct snapshot *snapshot = snapshot_new(1, 1);
	const char *texts[2000];
	char text[64];
	char *large;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "a domain called %d", i);
		texts[i] = snapshot_copy_text(snapshot, text);
	}
	large = snapshot_alloc(snapshot, 1000, 1000);
	memset(large, 1, 1000000);
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "a domain called %d", i);
		assert_string_equal(texts[i], text);
	}
	assert_null(snapshot_copy_text(snapshot, NULL));
	snapshot_unref(snapshot);
}

static void test_box_hands_out_the_newest(void **state)
{
	struct snapshot_box box;
	struct snapshot *first = snapshot_new(0, 0), *second = snapshot_new(0, 0), *taken;

	(void)state;
	first->number = 1;
	second->number = 2;
	snapshot_box_init(&box);
	assert_null(snapshot_box_take(&box));
	snapshot_box_publish(&box, first, true);
	taken = snapshot_box_take(&box);
	assert_int_equal(taken->number, 1);
	snapshot_box_publish(&box, second, true);
	/* The one before is not the box's any more, and still there for who took it. */
	assert_int_equal(taken->number, 1);
	snapshot_unref(taken);
	taken = snapshot_box_take(&box);
	assert_int_equal(taken->number, 2);
	snapshot_box_deinit(&box);
	assert_int_equal(taken->number, 2);
	snapshot_unref(taken);
}

static void *take_often(void *user)
{
	for (int i = 0; i < 20000; i++) {
		struct snapshot *snapshot = snapshot_box_take(user);

		assert_true(!snapshot || snapshot->number == snapshot->dt_ns);
		snapshot_unref(snapshot);
	}
	return NULL;
}

static void test_box_among_threads(void **state)
{
	struct snapshot_box box;
	pthread_t reader;

	(void)state;
	snapshot_box_init(&box);
	assert_int_equal(pthread_create(&reader, NULL, take_often, &box), 0);
	for (uint64_t i = 0; i < 2000; i++) {
		struct snapshot *snapshot = snapshot_new(1, 1);

		snapshot->number = i;
		snapshot->dt_ns = i;
		snapshot_box_publish(&box, snapshot, true);
	}
	pthread_join(reader, NULL);
	snapshot_box_deinit(&box);
}

static void test_figures(void **state)
{
	struct snapshot *snapshot = fake_snapshot_new();
	struct snapshot_power power;
	struct tick_share sum;

	(void)state;
	/* psys is not the domains', whatever stands there. */
	snapshot->domains[0].zones[2].sum.dynamic_uj = 99;
	snapshot->domains[0].zones[2].last.dynamic_uj = 99000000;
	power = snapshot_domain_power(snapshot, &snapshot->domains[0]);
	assert_true(fabs(power.dynamic_w - 13.0) < 1e-9);
	assert_true(fabs(power.idle_w - 3.25) < 1e-9);
	/* After a gap dram's energy is that of a longer time; or of none at all. */
	snapshot->zones[1].last_ns = 4000000000;
	power = snapshot_domain_power(snapshot, &snapshot->domains[0]);
	assert_true(fabs(power.dynamic_w - 12.25) < 1e-9);
	assert_true(
		fabs(snapshot_zone_watts(&snapshot->zones[1], 3000000) - 0.75) < 1e-9);
	snapshot->zones[1].last_ns = 0;
	assert_true(snapshot_zone_watts(&snapshot->zones[1], 0) < 1e-9);
	sum = snapshot_domain_sum(snapshot, &snapshot->domains[0]);
	assert_int_equal(sum.dynamic_uj, 9002000000);
	assert_int_equal(sum.idle_uj, 1000499900);
	assert_true(fabs(snapshot_watts(1500000, 500000000) - 3.0) < 1e-9);
	assert_true(snapshot_watts(1500000, 0) < 1e-9);
	assert_false(snapshot_is_estimate(snapshot));
	snapshot->source = "estimate";
	assert_true(snapshot_is_estimate(snapshot));
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_is_zeroed_and_has_room),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_sizes_that_overflow),
		cmocka_unit_test(test_memory_lives_as_long),
		cmocka_unit_test(test_box_hands_out_the_newest),
		cmocka_unit_test(test_box_among_threads),
		cmocka_unit_test(test_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
