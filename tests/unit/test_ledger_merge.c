/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Merges: exact sums over hosts, gaps and overlaps and nothing that is neither. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/ledger_merge.h"

#define DAY    1700006400u /* 2023-11-15 */
#define UUID_A "00000001-0000-4000-8000-00000000000a"
#define UUID_B "00000001-0000-4000-8000-00000000000b"

/* One domain, in one zone: both kinds of it. */
struct span {
	uint32_t file;
	double since_h, until_h; /* since the day began */
	double covered_h;
	const char *uuid, *host;
};

static void add(struct ledger_merge *merge, const struct span *span)
{
	static const char *const kinds[] = { "dynamic", "idle" };

	for (size_t i = 0; i < 2; i++) {
		const struct export_row row = {
			.since_s = span->since_h < 0
					   ? 0
					   : DAY + (uint64_t)(span->since_h * 3600),
			.until_s = DAY + (uint64_t)(span->until_h * 3600),
			.uuid = span->uuid,
			.name = span->since_h < 1 ? "before" : "after",
			.zone = "package-0",
			.kind = kinds[i],
			.energy_uj = 9007199254740993 + i,
			.quality_ns = { (uint64_t)(span->covered_h * 3600) * 1000000000 },
			.host = span->host,
			.machine_id = span->host,
			.source = "powercap",
			.ledger = "",
			.idle_origin = "",
			.labels = span->since_h < 1 ? "{\"n\":\"1\"}" : "{\"n\":\"2\"}",
		};

		assert_int_equal(ledger_merge_add(merge, &row), 0);
	}
}

static char *print(struct ledger_merge *merge, bool json, int expected)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(ledger_merge_print(merge, out, json), expected);
	fclose(out);
	return text;
}

/* Its lines that are of a type. */
static void keep(char *text, const char *type)
{
	char *to = text, *next;

	for (char *line = text; *line; line = next) {
		next = strchr(line, '\n') + 1;
		if (strncmp(line, type, strlen(type)) == 0) {
			memmove(to, line, (size_t)(next - line));
			to += next - line;
		}
	}
	*to = '\0';
}

static void test_sums(void **state)
{
	static const char expected[] =
		"{\"type\":\"sum\",\"uuid\":\"" UUID_A "\",\"name\":\"after\","
		"\"labels\":\"{\\\"n\\\":\\\"2\\\"}\","
		"\"zone\":\"package-0\",\"kind\":\"dynamic\","
		"\"energy_uj\":\"27021597764222979\",\"measured_s\":\"10800.000000000\","
		"\"estimated_s\":\"0.000000000\",\"degraded_s\":\"0.000000000\"}\n"
		"{\"type\":\"sum\",\"uuid\":\"" UUID_A "\",\"name\":\"after\","
		"\"labels\":\"{\\\"n\\\":\\\"2\\\"}\","
		"\"zone\":\"package-0\",\"kind\":\"idle\","
		"\"energy_uj\":\"27021597764222982\",\"measured_s\":\"10800.000000000\","
		"\"estimated_s\":\"0.000000000\",\"degraded_s\":\"0.000000000\"}\n"
		"{\"type\":\"sum\",\"uuid\":\"" UUID_B "\",\"name\":\"before\","
		"\"labels\":\"{\\\"n\\\":\\\"1\\\"}\","
		"\"zone\":\"package-0\",\"kind\":\"dynamic\","
		"\"energy_uj\":\"9007199254740993\",\"measured_s\":\"3600.000000000\","
		"\"estimated_s\":\"0.000000000\",\"degraded_s\":\"0.000000000\"}\n"
		"{\"type\":\"sum\",\"uuid\":\"" UUID_B "\",\"name\":\"before\","
		"\"labels\":\"{\\\"n\\\":\\\"1\\\"}\","
		"\"zone\":\"package-0\",\"kind\":\"idle\","
		"\"energy_uj\":\"9007199254740994\",\"measured_s\":\"3600.000000000\","
		"\"estimated_s\":\"0.000000000\",\"degraded_s\":\"0.000000000\"}\n";
	static const struct span spans[] = {
		{ 1, 1, 2, 1, UUID_A, "h1" },
		{ 1, 0, 1, 1, UUID_B, "h1" },
		{ 2, 2, 3, 1, "00000001-0000-4000-8000-00000000000A", "h2" },
		{ 2, 0, 1, 1, UUID_A, "h2" },
	};
	struct ledger_merge *merge = ledger_merge_new();
	char *text;

	(void)state;
	assert_non_null(merge);
	for (size_t i = 0; i < 4; i++) {
		if (i == 0 || spans[i].file != spans[i - 1].file)
			ledger_merge_begin_file(merge);
		add(merge, &spans[i]);
	}
	text = print(merge, true, 0);
	assert_string_equal(text, expected);
	free(text);
	text = print(merge, false, 0);
	assert_non_null(strstr(text, "package-0"));
	assert_non_null(strstr(text, "27021597764222982"));
	free(text);
	ledger_merge_free(merge);
}

static void test_times(void **state)
{
	static const struct {
		const char *expected;
		struct span spans[6];
	} cases[] = {
		{ "", /* moved at half past one */
			{ { 1, 0, 1, 1, UUID_A, "h1" }, { 1, 1, 2, 0.5, UUID_A, "h1" },
				{ 2, 1, 2, 0.5, UUID_A, "h2" },
				{ 2, 2, 3, 1, UUID_A, "h2" } } },
		{ "", /* began and ended within */
			{ { 1, 0, 1, 0.1, UUID_A, "h1" }, { 1, 1, 2, 1, UUID_A, "h1" },
				{ 1, 2, 3, 0.2, UUID_A, "h1" } } },
		{ "", /* a tick more here, one less there */
			{ { 1, 0, 1, 1.01, UUID_A, "h1" },
				{ 1, 1, 2, 0.98, UUID_A, "h1" },
				{ 1, 2, 3, 1, UUID_A, "h1" } } },
		{ "", /* an outage, covered by the tick after it */
			{ { 1, 0, 1, 1, UUID_A, "h1" }, { 1, 1, 2, 0.1, UUID_A, "h1" },
				{ 1, 7, 8, 6.9, UUID_A, "h1" },
				{ 1, 8, 9, 1, UUID_A, "h1" } } },
		{ "gap      " UUID_A
		  "  2023-11-15T01:00:00Z .. 2023-11-15T03:00:00Z  7200.000 s on no "
		  "host's records\n",
			{ { 1, 0, 1, 1, UUID_A, "h1" }, { 2, 3, 4, 1, UUID_A, "h2" } } },
		{ "gap      " UUID_A
		  "  2023-11-15T01:00:00Z .. 2023-11-15T02:00:00Z  1800.000 s on no "
		  "host's records\n",
			{ { 1, 0, 1, 1, UUID_A, "h1" }, { 1, 1, 2, 0.25, UUID_A, "h1" },
				{ 2, 1, 2, 0.25, UUID_A, "h2" },
				{ 2, 2, 3, 1, UUID_A, "h2" } } },
		{ "overlap  " UUID_A
		  "  2023-11-15T01:00:00Z .. 2023-11-15T02:00:00Z  1800.000 s counted "
		  "twice, by h1 and h2\n",
			{ { 1, 1, 2, 1, UUID_A, "h1" },
				{ 2, 1, 2, 0.5, UUID_A, "h2" } } },
		{ "overlap  " UUID_A
		  "  2023-11-15T01:00:00Z .. 2023-11-15T02:00:00Z  3600.000 s counted "
		  "twice, by h1 and h1\n", /* the same export twice */
			{ { 1, 1, 2, 1, UUID_A, "h1" }, { 2, 1, 2, 1, UUID_A, "h1" } } },
		{ "overlap  " UUID_A
		  "  2023-11-15T01:00:00Z .. 2023-11-15T02:00:00Z  3600.000 s counted "
		  "twice, by h1 and h1\n", /* in one file, even */
			{ { 1, 1, 2, 1, UUID_A, "h1" }, { 1, 1, 2, 1, UUID_A, "h1" } } },
		{ "overlap  " UUID_A
		  "  2023-11-15T00:00:00Z .. 2023-11-16T00:00:00Z  3600.000 s counted "
		  "twice, by h1 and h2\n", /* a day and an hour in it */
			{ { 1, 0, 24, 24, UUID_A, "h1" },
				{ 2, 5, 6, 1, UUID_A, "h2" } } },
		{ "overlap  " UUID_A
		  "  2023-11-15T01:00:00Z .. 2023-11-15T02:00:00Z  360.000 s counted "
		  "twice, by h1 and h1\n", /* it ran for some minutes only */
			{ { 1, 1, 2, 0.1, UUID_A, "h1" },
				{ 2, 1, 2, 0.1, UUID_A, "h1" } } },
		{ "overlap  " UUID_A
		  "  2023-11-15T00:00:00Z .. 2023-11-16T00:00:00Z  360.000 s counted "
		  "twice, by h1 and h1\n", /* a day and hours in it, of one host */
			{ { 1, 0, 24, 0.5, UUID_A, "h1" },
				{ 2, 5, 6, 0.05, UUID_A, "h1" },
				{ 2, 7, 8, 0.05, UUID_A, "h1" },
				{ 3, 7, 8, 0.25, UUID_A, "h2" } } },
		{ "overlap  " UUID_A
		  "  2023-11-15T05:00:00Z .. 2023-11-15T12:00:00Z  720.000 s counted "
		  "twice, by h1 and h1\n", /* beside a longer one of its own file */
			{ { 1, 5, 8, 0.1, UUID_A, "h1" }, { 2, 6, 12, 0.1, UUID_A, "h1" },
				{ 2, 7, 8, 0.1, UUID_A, "h1" } } },
		{ "overlap  " UUID_A
		  "  2023-11-15T07:00:00Z .. 2023-11-15T08:00:00Z  180.000 s counted "
		  "twice, by h1 and h1\n", /* behind another one of its file */
			{ { 1, 7, 8, 0.1, UUID_A, "h1" }, { 2, 6, 7, 0.1, UUID_A, "h1" },
				{ 2, 7, 8, 0.05, UUID_A, "h1" } } },
		{ "", /* the clock went back within a file; another host */
			{ { 1, 5, 8, 3, UUID_A, "h1" }, { 1, 7, 8, 0.02, UUID_A, "h1" },
				{ 2, 8, 9, 0.5, UUID_A, "h2" },
				{ 2, 8, 9, 0.5, UUID_B, "h1" } } },
		{ "overlap  host"
		  "  2023-11-15T01:00:00Z .. 2023-11-15T02:00:00Z  3600.000 s counted "
		  "twice, by h1 and h1\n", /* no domain ran */
			{ { 1, 1, 2, 1, "host", "h1" }, { 2, 1, 2, 1, "host", "h1" },
				{ 2, 5, 6, 1, "host", "h1" },
				{ 3, 1, 3, 2, "host", "h2" } } },
		{ "", /* hosts have their own time, and no gaps that were one's fault */
			{ { 1, 1, 2, 1, "host", "h1" }, { 2, 1, 2, 1, "host", "h2" },
				{ 2, 5, 6, 0.2, "host", "h2" },
				{ 2, 7, 8, 1, "host", "h2" } } },
		{ "overlap  " UUID_A
		  "  - .. 2023-11-15T00:00:00Z  10800.000 s counted twice, by h1 and "
		  "h1\n", /* it has no beginning in either */
			{ { 1, -1, 0, 3, UUID_A, "h1" }, { 2, -1, 0, 4, UUID_A, "h1" },
				{ 2, 0, 1, 1, UUID_A, "h1" } } },
		{ "gap      " UUID_A
		  "  2023-11-15T01:00:00Z .. 2023-11-15T02:00:00Z  3600.000 s on no "
		  "host's records\n", /* another one was there */
			{ { 1, 0, 1, 1, UUID_A, "h1" }, { 1, 1, 2, 1, UUID_B, "h1" },
				{ 1, 2, 3, 1, UUID_A, "h1" } } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ledger_merge *merge = ledger_merge_new();
		char *text, *json;

		print_message("%zu\n", i);
		assert_non_null(merge);
		for (size_t s = 0; s < 6 && cases[i].spans[s].uuid; s++) {
			if (s == 0 ||
				cases[i].spans[s].file != cases[i].spans[s - 1].file)
				ledger_merge_begin_file(merge);
			add(merge, &cases[i].spans[s]);
		}
		text = print(merge, false, cases[i].expected[0] == 'o');
		keep(text, cases[i].expected[0] == 'o' ? "overlap" : "gap");
		assert_string_equal(text, cases[i].expected);
		free(text);
		ledger_merge_free(merge);
		/* Printed once; what is printed twice is of another merge. */
		merge = ledger_merge_new();
		assert_non_null(merge);
		for (size_t s = 0; s < 6 && cases[i].spans[s].uuid; s++) {
			if (s == 0 ||
				cases[i].spans[s].file != cases[i].spans[s - 1].file)
				ledger_merge_begin_file(merge);
			add(merge, &cases[i].spans[s]);
		}
		json = print(merge, true, cases[i].expected[0] == 'o');
		if (!cases[i].expected[0])
			assert_null(strstr(json, "\"seconds\""));
		else
			assert_non_null(strstr(json, cases[i].expected[0] == 'o'
							     ? "\"type\":\"overlap\""
							     : "\"type\":\"gap\""));
		free(json);
		ledger_merge_free(merge);
	}
}

/* A ledger is the same wherever it was copied to, and a host may have two. */
static void test_ledgers(void **state)
{
	static const char *const ledgers[] = { "00000009-0000-4000-8000-000000000001",
		"00000009-0000-4000-8000-000000000002" };
	static const char *const machines[] = { "m", "n" };

	(void)state;
	for (int same_ledger = 0; same_ledger < 2; same_ledger++) {
		struct ledger_merge *merge = ledger_merge_new();
		struct export_row row = { .since_s = DAY,
			.until_s = DAY + 3600,
			.uuid = UUID_A,
			.name = "",
			.zone = "z",
			.kind = "idle",
			.quality_ns = { 1000000000 },
			.host = "h",
			.source = "",
			.idle_origin = "",
			.labels = "" };
		char *text;

		assert_non_null(merge);
		for (int i = 0; i < 2; i++) {
			ledger_merge_begin_file(merge);
			row.ledger = ledgers[same_ledger ? 0 : i];
			row.machine_id = machines[same_ledger ? i : 0];
			assert_int_equal(ledger_merge_add(merge, &row), 0);
		}
		text = print(merge, false, same_ledger);
		free(text);
		ledger_merge_free(merge);
	}
}

static void test_overflow(void **state)
{
	struct ledger_merge *merge = ledger_merge_new();
	struct export_row row = { .since_s = DAY,
		.until_s = DAY + 1,
		.uuid = UUID_A,
		.name = "",
		.zone = "z",
		.kind = "idle",
		.energy_uj = UINT64_MAX,
		.host = "h",
		.machine_id = "m",
		.source = "",
		.ledger = "",
		.idle_origin = "",
		.labels = "" };

	(void)state;
	assert_non_null(merge);
	ledger_merge_begin_file(merge);
	assert_int_equal(ledger_merge_add(merge, &row), 0);
	row.energy_uj = 0;
	assert_int_equal(ledger_merge_add(merge, &row), 0);
	row.energy_uj = 1;
	assert_int_equal(ledger_merge_add(merge, &row), -EOVERFLOW);
	ledger_merge_free(merge);
	ledger_merge_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_ledgers),
		cmocka_unit_test(test_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
