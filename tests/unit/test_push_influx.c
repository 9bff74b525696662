/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A tick as lines of InfluxDB. */
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

static const struct push_options options = { .host = "hv1", .labels = "host=hv1\n" };

#define UUID "uuid=11111111-2222-4333-8444-555555555555"
#define WHEN ",tick=42i 1790000000000000001"

static void test_lines(void **state)
{
	static const char *const lines[] = {
		"vmpower_domain_energy,domain=web1,host=hv1,kind=dynamic," UUID
		",zone=package-0 microjoules=12000000i" WHEN,
		"vmpower_host_energy,host=hv1,kind=unattributed,zone=package-0 "
		"microjoules=1i" WHEN,
		/* No package, no tag. */
		"vmpower_zone_energy,host=hv1,zone=psys microjoules=60000000i" WHEN,
		"vmpower_zone_idle,host=hv1,origin=learned,zone=package-0 "
		"watts=20.5" WHEN,
		"vmpower_tick_number,host=hv1 value=42i" WHEN,
		"vmpower_self_cpu,host=hv1 seconds=1.500000000" WHEN,
		"vmpower_self_rss,host=hv1 bytes=4096i" WHEN,
		"vmpower_source_info,host=hv1,source=powercap value=1i" WHEN,
		"vmpower_domain_guest_link_state,domain=web1,host=hv1,state=up," UUID
		" value=1i" WHEN,
	};
	struct snapshot *snapshot = fake_snapshot_new();
	char *body;

	(void)state;
	snapshot->self = (struct self_usage){ 1500000000, 4096 };
	body = push_lines(&push_format_influx, &options, snapshot);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_line(body, lines[i]);
	free(body);
	snapshot_unref(snapshot);
}

static void test_escapes(void **state)
{
	static const struct {
		const char *name, *tags;
	} cases[] = {
		{ "a b", "domain=a\\ b," },
		{ "a,b=c", "domain=a\\,b\\=c," },
		{ "a\"b", "domain=a\"b," },
		{ "x\\", "domain=x," },
		{ "x\\y\\\\", "domain=x\\y," },
		{ "\\", "" },
		{ "a\\,b=c", "domain=a\\,b\\=c," },
		{ "a\\\\ b\\c\\\nd", "domain=a\\ b\\c\\ d," },
		{ "a\nb\rc", "domain=a\\ b\\ c," },
		{ "\xff", "domain=\xef\xbf\xbd," },
	};
	struct snapshot *snapshot = fake_snapshot_new();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[256], *body;

		snapshot->domains[0].name = cases[i].name;
		body = push_lines(&push_format_influx, &options, snapshot);
		snprintf(line, sizeof(line),
			"vmpower_domain_guest_link_state,%shost=hv1,state=up," UUID
			" value=1i" WHEN,
			cases[i].tags);
		assert_line(body, line);
		free(body);
	}
	/* A tenant's label cannot be what is the database's own. */
	snapshot->domains[0].name = "web1";
	snapshot->domains[0].labels = "_field=f\ntime=now\n";
	{
		char *body = push_lines(&push_format_influx, &options, snapshot);

		assert_line(body, "vmpower_domain_info,_field_=f,domain=web1,host=hv1,"
				  "time_=now," UUID " value=1i" WHEN);
		free(body);
	}
	snapshot_unref(snapshot);
}

static void test_answers(void **state)
{
	static const struct {
		unsigned int status;
		enum push_verdict verdict;
	} cases[] = {
		{ 204, PUSH_DELIVERED },
		{ 200, PUSH_DELIVERED },
		{ 302, PUSH_RETRY },
		{ 400, PUSH_REFUSED }, /* a line of it, and the others were taken */
		{ 401, PUSH_RETRY },
		{ 403, PUSH_RETRY },
		{ 404, PUSH_RETRY }, /* no such database, yet */
		{ 407, PUSH_RETRY },
		{ 408, PUSH_RETRY },
		{ 413, PUSH_REFUSED },
		{ 429, PUSH_RETRY },
		{ 500, PUSH_RETRY },
		{ 503, PUSH_RETRY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			push_format_influx.judge(cases[i].status), cases[i].verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
