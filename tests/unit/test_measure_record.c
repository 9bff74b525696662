/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Records and reports of windows: exact, parsable with any names, and their means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "host/measure_record.h"
#include "host/measure_report.h"
#include "shared/clock.h"
#include "tests/unit/fake_snapshot.h"

#define RUNS 3

/* Quotes, separators, an escape sequence, bytes that are no UTF-8. */
#define HOSTILE "a \"b\",\r\nc\x1b[31m;=1+1\xff\xc3"

static const struct measure_about about = {
	.name = "na\"me, 1", .program = "sysbench", .host = "hv1", .n_repeats = RUNS
};

/* 2 s in which domain 0 uses n x 1000001 uJ of a kind and zone. */
static void make_run(struct measure_run *run, uint64_t repeat, uint64_t n)
{
	struct snapshot *snapshot = fake_snapshot_new();
	const struct uuid uuids[] = { snapshot->domains[0].uuid };

	*run = (struct measure_run){ .repeat = repeat,
		.command_begin_ns = snapshot->boottime_ns + 5,
		.command_end_ns = snapshot->boottime_ns + 2 * (uint64_t)NSEC_PER_SEC - 7,
		.exit_status = 0 };
	snapshot->domains[0].name = HOSTILE;
	assert_int_equal(
		measure_window_begin(&run->window, snapshot, uuids, 1, false), 0);
	snapshot->number++;
	snapshot->boottime_ns += 2 * (uint64_t)NSEC_PER_SEC;
	for (size_t z = 0; z < 2; z++) {
		snapshot->domains[0].zones[z].sum.dynamic_uj += n * 1000001;
		snapshot->domains[0].zones[z].sum.idle_uj += n * 1000001;
		snapshot->zones[z].sum.host.idle_uj += 4000000;
		snapshot->zones[z].sum.unattributed_uj += 3;
		snapshot->zones[z].sum.total_uj += 2 * n * 1000001 + 4000003;
	}
	assert_int_equal(measure_window_add(&run->window, snapshot), 0);
	measure_window_end(&run->window);
	snapshot_unref(snapshot);
}

static const char *text_of(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	assert_true(cJSON_IsString(item));
	return item->valuestring;
}

static double number_of(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	assert_true(cJSON_IsNumber(item));
	return item->valuedouble;
}

static char *string_of(struct json_text *text)
{
	json_text_put(text, "", 1);
	assert_int_equal(json_text_error(text), 0);
	return text->data;
}

static void check_rows(const cJSON *record)
{
	static const char *const kinds[] = { "domain", "other-domains", "host",
		"unattributed", "total" };
	const cJSON *rows = cJSON_GetObjectItemCaseSensitive(record, "rows");
	const cJSON *row, *zone;

	assert_int_equal(cJSON_GetArraySize(rows), 5);
	for (int i = 0; i < 5; i++)
		assert_string_equal(
			text_of(cJSON_GetArrayItem(rows, i), "row"), kinds[i]);
	row = cJSON_GetArrayItem(rows, 0);
	assert_string_equal(text_of(row, "uuid"), "11111111-2222-4333-8444-555555555555");
	assert_string_equal(text_of(row, "domain"),
		"a \"b\",\r\nc\x1b[31m;=1+1\xef\xbf\xbd\xef\xbf\xbd");
	assert_string_equal(text_of(row, "energy_uj"), "4000004");
	assert_float_equal(number_of(row, "average_w"), 2.000002, 1e-9);
	zone = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(row, "zones"), "dram-0");
	assert_string_equal(text_of(zone, "dynamic_uj"), "1000001");
	assert_string_equal(text_of(zone, "idle_uj"), "1000001");
	assert_string_equal(text_of(zone, "energy_uj"), "2000002");
	assert_float_equal(number_of(zone, "peak_w"), 1.000001, 1e-9);
	row = cJSON_GetArrayItem(rows, 3);
	assert_string_equal(text_of(row, "energy_uj"), "6");
	assert_null(cJSON_GetObjectItemCaseSensitive(row, "idle_uj"));
	row = cJSON_GetArrayItem(rows, 4);
	assert_string_equal(text_of(row, "energy_uj"), "12000010");
	assert_string_equal(text_of(row, "idle_uj"), "10000002");
}

static void test_json(void **state)
{
	struct json_text text = { 0 };
	struct measure_run run;
	const cJSON *marks;
	cJSON *record;

	(void)state;
	make_run(&run, 2, 1);
	run.window.marks = 1U << MEASURE_DEGRADED | 1U << MEASURE_RESTARTED;
	measure_record_json(&about, &run, &text);
	assert_memory_equal(
		text.data, MEASURE_RECORD_BEGIN, sizeof(MEASURE_RECORD_BEGIN) - 1);
	/* One line. */
	record = cJSON_Parse(string_of(&text));
	assert_int_equal(strcspn(text.data, "\n") + 2, text.used);
	assert_non_null(record);
	assert_string_equal(text_of(record, "name"), about.name);
	assert_float_equal(number_of(record, "repeat"), 2, 0);
	assert_float_equal(number_of(record, "repeats"), RUNS, 0);
	assert_string_equal(text_of(record, "since"), "2026-09-21T14:13:20Z");
	assert_string_equal(text_of(record, "begin_ns"), "1234567890123");
	assert_string_equal(text_of(record, "end_ns"), "1236567890123");
	assert_string_equal(text_of(record, "command_begin_ns"), "1234567890128");
	assert_string_equal(text_of(record, "command"), "sysbench");
	assert_float_equal(number_of(record, "exit_status"), 0, 0);
	assert_string_equal(text_of(record, "quality"), "degraded");
	marks = cJSON_GetObjectItemCaseSensitive(record, "marks");
	assert_int_equal(cJSON_GetArraySize(marks), 2);
	assert_string_equal(cJSON_GetArrayItem(marks, 1)->valuestring, "hostd-restarted");
	check_rows(record);
	cJSON_Delete(record);
	json_text_clear(&text);

	/* Without a command there is nothing of one. */
	run.exit_status = -1;
	measure_record_json(&about, &run, &text);
	record = cJSON_Parse(string_of(&text));
	assert_null(cJSON_GetObjectItemCaseSensitive(record, "exit_status"));
	assert_null(cJSON_GetObjectItemCaseSensitive(record, "command"));
	cJSON_Delete(record);
	json_text_deinit(&text);
	measure_window_deinit(&run.window);
}

static void test_csv(void **state)
{
	static const char expected[] =
		"1,\"na\"\"me, 1\",1,3,2026-09-21T14:13:20Z,1234567890123,1236567890123,"
		"sysbench,1234567890128,1236567890116,0,hv1,powercap,reserved,measured,,";
	static const char *const rows[] = {
		"domain,11111111-2222-4333-8444-555555555555,\"a \"\"b\"\",\r\n"
		"c\ufffd[31m;=1+1\ufffd\ufffd\",ended away,package-0,1000001,1000001,2000002,"
		"1.000001,1.000001\r\n",
		"domain,11111111-2222-4333-8444-555555555555,\"a \"\"b\"\",\r\n"
		"c\ufffd[31m;=1+1\ufffd\ufffd\",ended away,dram-0,1000001,1000001,2000002,"
		"1.000001,1.000001\r\n",
		"other-domains,,,,package-0,0,0,0,0.000000,0.000000\r\n",
		"other-domains,,,,dram-0,0,0,0,0.000000,0.000000\r\n",
		"host,,,,package-0,0,4000000,4000000,2.000000,2.000000\r\n",
		"host,,,,dram-0,0,4000000,4000000,2.000000,2.000000\r\n",
		"unattributed,,,,package-0,,,3,0.000002,0.000001\r\n",
		"unattributed,,,,dram-0,,,3,0.000002,0.000001\r\n",
		"total,,,,package-0,1000001,5000001,6000005,3.000003,3.000002\r\n",
		"total,,,,dram-0,1000001,5000001,6000005,3.000003,3.000002\r\n",
	};
	struct json_text text = { 0 }, head = { 0 };
	struct measure_run run;
	const char *at;
	size_t commas = 0;

	(void)state;
	make_run(&run, 1, 1);
	run.window.rows[MEASURE_DOMAIN].marks = 1U << MEASURE_ENDED | 1U << MEASURE_AWAY;
	measure_record_csv(&about, &run, &text);
	at = string_of(&text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_memory_equal(at, expected, sizeof(expected) - 1);
		at += sizeof(expected) - 1;
		assert_memory_equal(at, rows[i], strlen(rows[i]));
		at += strlen(rows[i]);
	}
	assert_string_equal(at, "");
	measure_record_csv_head(&head);
	assert_memory_equal(head.data, "vmpower_measure_version,name,", 29);
	for (at = string_of(&head); (at = strchr(at, ',')); at++)
		commas++;
	assert_int_equal(commas, 25);
	json_text_deinit(&head);
	json_text_deinit(&text);
	measure_window_deinit(&run.window);
}

static void make_runs(struct measure_run runs[RUNS])
{
	for (size_t i = 0; i < RUNS; i++)
		make_run(&runs[i], i + 1, i + 1);
}

static void free_runs(struct measure_run runs[RUNS])
{
	for (size_t i = 0; i < RUNS; i++)
		measure_window_deinit(&runs[i].window);
}

static cJSON *report(const struct measure_run *runs, size_t n)
{
	struct json_text text = { 0 };
	cJSON *document;

	measure_report_json(&about, runs, n, &text);
	document = cJSON_Parse(string_of(&text));
	assert_non_null(document);
	json_text_deinit(&text);
	return document;
}

static void test_means(void **state)
{
	struct measure_run runs[RUNS];
	const cJSON *mean, *row, *energy;
	cJSON *document;

	(void)state;
	make_runs(runs);
	document = report(runs, RUNS);
	assert_int_equal(
		cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(document, "runs")),
		RUNS);
	check_rows(cJSON_GetArrayItem(
		cJSON_GetObjectItemCaseSensitive(document, "runs"), 0));
	mean = cJSON_GetObjectItemCaseSensitive(document, "mean");
	assert_float_equal(number_of(mean, "n"), 3, 0);
	row = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(mean, "rows"), 0);
	energy = cJSON_GetObjectItemCaseSensitive(row, "energy_j");
	/* 4.000004, 8.000008 and 12.000012 J. */
	assert_float_equal(number_of(energy, "mean"), 8.000008, 1e-9);
	assert_float_equal(number_of(energy, "deviation"), 4.000004, 1e-9);
	assert_true(fabs(number_of(energy, "confidence_95") -
			    4.302652729911275 * 4.000004 / sqrt(3)) < 1e-6);
	assert_float_equal(number_of(row, "peak_w"), 6.000006, 1e-9);
	cJSON_Delete(document);

	/* Those that were cut short or failed are shown, and do not count. */
	runs[0].window.marks |= 1U << MEASURE_INTERRUPTED;
	runs[2].exit_status = 1;
	assert_false(measure_report_counts(&runs[0]));
	assert_true(measure_report_counts(&runs[1]));
	document = report(runs, RUNS);
	mean = cJSON_GetObjectItemCaseSensitive(document, "mean");
	assert_float_equal(number_of(mean, "n"), 1, 0);
	row = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(mean, "rows"), 0);
	energy = cJSON_GetObjectItemCaseSensitive(row, "energy_j");
	assert_float_equal(number_of(energy, "mean"), 8.000008, 1e-9);
	assert_null(cJSON_GetObjectItemCaseSensitive(energy, "confidence_95"));
	cJSON_Delete(document);
	document = report(runs, 1);
	assert_null(cJSON_GetObjectItemCaseSensitive(document, "mean"));
	cJSON_Delete(document);
	free_runs(runs);
}

/* A zone went and another came: figures are of windows with the last one's zones. */
static void test_zones_that_changed(void **state)
{
	struct measure_run runs[RUNS];
	const cJSON *row, *zone;
	cJSON *document;

	(void)state;
	make_runs(runs);
	strcpy(runs[1].window.zone_names[1], "dram-1");
	document = report(runs, RUNS);
	row = cJSON_GetArrayItem(
		cJSON_GetObjectItemCaseSensitive(
			cJSON_GetObjectItemCaseSensitive(document, "mean"), "rows"),
		0);
	/* 4.000004 and 12.000012 J. */
	assert_float_equal(number_of(row, "n"), 2, 0);
	zone = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(row, "zones"), "dram-0");
	assert_float_equal(number_of(zone, "n"), 2, 0);
	assert_float_equal(
		number_of(cJSON_GetObjectItemCaseSensitive(zone, "energy_j"), "mean"),
		4.000004, 1e-9);
	cJSON_Delete(document);
	free_runs(runs);
}

static char *print(const struct measure_run *runs, size_t n)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	measure_report_print(out, &about, runs, n);
	fclose(out);
	return text;
}

#define HEAD                                                                             \
	"\nDOMAIN                  DYN J     IDLE J     JOULES   SHARE    WATTS   "      \
	"PEAK W\n"

static void test_table(void **state)
{
	struct measure_run runs[RUNS];
	char *text;

	(void)state;
	make_runs(runs);
	text = print(runs, 1);
	/* To the letter, with what does not print replaced. */
	assert_string_equal(text,
		"na\"me, 1\n"
		"2.000 s, 1 ticks, source=powercap, quality=measured, "
		"idle-policy=reserved\n" HEAD
		"a \"b\",??c?[31m;=1+1??      2.000      2.000      4.000   33.3%    "
		"2.000    2.000\n"
		"  package-0             1.000      1.000      2.000   16.7%    1.000    "
		"1.000\n"
		"  dram-0                1.000      1.000      2.000   16.7%    1.000    "
		"1.000\n"
		"(other domains)         0.000      0.000      0.000    0.0%    0.000    "
		"0.000\n"
		"  package-0             0.000      0.000      0.000    0.0%    0.000    "
		"0.000\n"
		"  dram-0                0.000      0.000      0.000    0.0%    0.000    "
		"0.000\n"
		"(host)                  0.000      8.000      8.000   66.7%    4.000    "
		"4.000\n"
		"  package-0             0.000      4.000      4.000   33.3%    2.000    "
		"2.000\n"
		"  dram-0                0.000      4.000      4.000   33.3%    2.000    "
		"2.000\n"
		"(unattributed)          0.000      0.000      0.000    0.0%    0.000    "
		"0.000\n"
		"  package-0             0.000      0.000      0.000    0.0%    0.000    "
		"0.000\n"
		"  dram-0                0.000      0.000      0.000    0.0%    0.000    "
		"0.000\n"
		"(total)                 2.000     10.000     12.000  100.0%    6.000    "
		"6.000\n"
		"  package-0             1.000      5.000      6.000   50.0%    3.000    "
		"3.000\n"
		"  dram-0                1.000      5.000      6.000   50.0%    3.000    "
		"3.000\n");
	free(text);

	runs[1].window.marks = 1U << MEASURE_DEGRADED | 1U << MEASURE_RESTARTED;
	text = print(runs, RUNS);
	assert_non_null(strstr(text, "run 2: 2.000 s, 1 ticks, source=powercap, "
				     "quality=degraded, idle-policy=reserved  degraded, "
				     "hostd-restarted\n"));
	assert_non_null(strstr(text, "mean of 3: 2.000 s +/- 0.000\n"));
	assert_non_null(strstr(text, "  +/- (95 %)            4.968      4.968      "
				     "9.937            4.968\n"));
	free(text);

	/* All that there is was cut short: better than nothing. */
	runs[0].window.marks = 1U << MEASURE_INTERRUPTED;
	text = print(runs, 1);
	assert_non_null(strstr(text, "interrupted\n" HEAD "a \"b\""));
	assert_non_null(strstr(text, "  4.000   33.3%"));
	free(text);
	free_runs(runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_means),
		cmocka_unit_test(test_zones_that_changed),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
