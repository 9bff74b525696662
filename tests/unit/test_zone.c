/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Which zones a model takes, their ids and constraints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "fuse-powercap/zone.h"

#define RANGE_UJ 262143328850u
#define NO	 POWERCAP_ZONE_NO_PARENT

static void test_add(void **state)
{
	static const struct {
		const char *name;
		uint64_t range_uj;
		int parent;
		int r;
	} steps[] = {
		{ "dram", RANGE_UJ, 0, -EINVAL }, /* no package yet */
		{ "dram", RANGE_UJ, NO, -EINVAL },
		{ "package-1", RANGE_UJ, NO, -EINVAL },
		{ "package-0", 0, NO, -EINVAL },
		{ "package-0", 1, NO, -EINVAL },
		{ "package-0", (uint64_t)INT64_MAX + 1, NO, -EINVAL },
		{ "package-0-die-0", RANGE_UJ, NO, -EINVAL },
		{ "psys", RANGE_UJ, NO, -EINVAL },
		{ "../evil", RANGE_UJ, NO, -EINVAL },
		{ "package-0", RANGE_UJ, -2, -EINVAL },
		{ "package-0", INT64_MAX, NO, 0 },
		{ "package-0", RANGE_UJ, NO, -EINVAL },
		{ "core", RANGE_UJ, 0, -EINVAL },
		{ "dram", RANGE_UJ, 1, -EINVAL },
		{ "dram", RANGE_UJ, -2, -EINVAL },
		{ "dram", RANGE_UJ, 0, 0 },
		{ "dram", RANGE_UJ, 0, -EINVAL }, /* its second */
		{ "dram", RANGE_UJ, 1, -EINVAL }, /* below a dram */
		{ "package-1", RANGE_UJ, NO, 0 },
		{ "dram", 2, 2, 0 },
	};
	struct powercap_model model = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int r = powercap_model_add(
			&model, steps[i].name, steps[i].range_uj, steps[i].parent);

		if (r != steps[i].r)
			fail_msg("step %zu (%s): %d", i, steps[i].name, r);
	}
	assert_int_equal(model.n_zones, 4);
	assert_string_equal(model.zones[2].name, "package-1");
	assert_int_equal(model.zones[2].index, 1);
	assert_int_equal(model.zones[3].parent, 2);
}

static void test_full(void **state)
{
	struct powercap_model model = { 0 };
	char name[POWERCAP_ZONE_NAME_SIZE];

	(void)state;
	for (unsigned int i = 0; i < POWERCAP_PACKAGES_MAX; i++) {
		snprintf(name, sizeof(name), "package-%u", i % 100);
		assert_int_equal(powercap_model_add(&model, name, RANGE_UJ, NO), 0);
	}
	assert_int_equal(powercap_model_add(&model, "package-16", RANGE_UJ, NO), -ENOSPC);
	for (int i = 0; i < POWERCAP_PACKAGES_MAX; i++)
		assert_int_equal(powercap_model_add(&model, "dram", RANGE_UJ, i), 0);
	assert_int_equal(model.n_zones, POWERCAP_ZONES_MAX);
}

static void test_ids(void **state)
{
	static const struct {
		unsigned int zone;
		const char *id;
	} cases[] = {
		{ 0, "intel-rapl:0" },
		{ 9, "intel-rapl:9" },
		{ 10, "intel-rapl:a" },
		{ 15, "intel-rapl:f" },
		{ 16, "intel-rapl:0:0" },
		{ 31, "intel-rapl:f:0" },
	};
	struct powercap_model model = { 0 };
	char name[POWERCAP_ZONE_NAME_SIZE];

	(void)state;
	for (unsigned int i = 0; i < POWERCAP_PACKAGES_MAX; i++) {
		snprintf(name, sizeof(name), "package-%u", i % 100);
		assert_int_equal(powercap_model_add(&model, name, RANGE_UJ, NO), 0);
	}
	for (int i = 0; i < POWERCAP_PACKAGES_MAX; i++)
		assert_int_equal(powercap_model_add(&model, "dram", RANGE_UJ, i), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[POWERCAP_ZONE_ID_SIZE];

		powercap_model_format_id(&model, cases[i].zone, id);
		assert_string_equal(id, cases[i].id);
	}
}

static void test_constraints(void **state)
{
	const struct powercap_zone package = { .parent = NO }, dram = { .parent = 0 };

	(void)state;
	assert_string_equal(powercap_zone_constraint(&package, 0)->name, "long_term");
	assert_string_equal(powercap_zone_constraint(&package, 1)->name, "short_term");
	assert_null(powercap_zone_constraint(&package, 2));
	assert_string_equal(powercap_zone_constraint(&dram, 0)->name, "long_term");
	assert_null(powercap_zone_constraint(&dram, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_constraints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
