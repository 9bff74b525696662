/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A tick as Warp 10 takes it. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/fake_snapshot.h"
#include "tests/unit/push_lines.h"

static const struct push_options options = {
	.host = "node1",
	.labels = "host=node1\nrack=a,b=c\n",
};

static void test_lines(void **state)
{
	static const char *const lines[] = {
		"1790000000000000// vmpower_domain_energy_microjoules_total"
		"{domain=web1,host=node1,kind=dynamic,rack=a%2Cb%3Dc,"
		"uuid=11111111-2222-4333-8444-555555555555,zone=package-0} 12000000",
		"1790000000000000// vmpower_domain_energy_microjoules_total"
		"{domain=db%1B%5B31m,host=node1,kind=idle,rack=a%2Cb%3Dc,"
		"uuid=66666666-2222-4333-8444-555555555555,zone=dram-0} 250000",
		"1790000000000000// vmpower_host_energy_microjoules_total"
		"{host=node1,kind=unattributed,rack=a%2Cb%3Dc,zone=package-0} 1",
		/* No package, no label. */
		"1790000000000000// vmpower_zone_energy_microjoules_total"
		"{host=node1,rack=a%2Cb%3Dc,zone=psys} 60000000",
		"1790000000000000// vmpower_zone_idle_watts"
		"{host=node1,origin=learned,rack=a%2Cb%3Dc,zone=package-0} 20.5",
		"1790000000000000// vmpower_tick_number"
		"{host=node1,rack=a%2Cb%3Dc} 42",
		"1790000000000000// vmpower_tick_timestamp_seconds"
		"{host=node1,rack=a%2Cb%3Dc} 1790000000.000000001",
		"1790000000000000// vmpower_domain_info"
		"{domain=web1,host=node1,project=blue%20%221%22,rack=a%2Cb%3Dc,user=ann,"
		"uuid=11111111-2222-4333-8444-555555555555} 1",
	};
	struct snapshot *snapshot = fake_snapshot_new();
	char *body = push_lines(&push_format_warp10, &options, snapshot);

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_line(body, lines[i]);
	free(body);
	snapshot_unref(snapshot);
}

/* Else it would be another type's. */
static void test_whole_fractions(void **state)
{
	struct snapshot *snapshot = fake_snapshot_new();
	char *body;

	(void)state;
	snapshot->zones[0].idle_uw = 20000000;
	body = push_lines(&push_format_warp10, &options, snapshot);
	assert_line(body,
		"1790000000000000// vmpower_zone_idle_watts"
		"{host=node1,origin=learned,rack=a%2Cb%3Dc,zone=package-0} 20.0");
	free(body);
	snapshot_unref(snapshot);
}

/* Ticks stand one behind the other. */
static void test_batch(void **state)
{
	struct snapshot *snapshot = fake_snapshot_new();
	struct json_text body = { 0 };
	size_t one;

	(void)state;
	assert_null(push_format_warp10.finish);
	assert_int_equal(push_format_warp10.add(&options, snapshot, &body), 0);
	one = body.used;
	assert_int_equal(push_format_warp10.add(&options, snapshot, &body), 0);
	assert_int_equal(body.used, 2 * one);
	assert_memory_equal(body.data, body.data + one, one);
	json_text_deinit(&body);
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_whole_fractions),
		cmocka_unit_test(test_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
