/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A tick as CSV: quotes, rows and sums. */
#include "host/snapshot_csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/csv.h"
#include "tests/unit/fake_snapshot.h"

/* What was written, for the caller to free. */
static char *text_of(struct json_text *text)
{
	json_text_put(text, "", 1);
	assert_int_equal(json_text_error(text), 0);
	return text->data;
}

static void test_fields(void **state)
{
	static const struct {
		const char *field, *written;
	} cases[] = {
		{ "", "" },
		{ "web1", "web1" },
		{ "two words", "two words" },
		{ "a,b", "\"a,b\"" },
		{ "a\nb", "\"a\nb\"" },
		{ "a\rb", "\"a\rb\"" },
		{ "say \"hi\"", "\"say \"\"hi\"\"\"" },
		{ "\"", "\"\"\"\"" },
		{ "\"\"", "\"\"\"\"\"\"" },
		{ "a\",\"b", "\"a\"\",\"\"b\"" },
		{ "a\tb", "a\tb" },
		{ "B\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
			"B\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80" },
		/* What a terminal listens to, and what is not UTF-8. */
		{ "\x1b[2J\x7f", "\ufffd[2J\ufffd" },
		{ "a\xc2\x80\xc2\x9b,31m\xc2\xa0", "\"a\ufffd\ufffd,31m\xc2\xa0\"" },
		{ "\"\x9b\xc2", "\"\"\"\ufffd\ufffd\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_text text = { 0 };

		csv_field(&text, cases[i].field);
		assert_string_equal(text_of(&text), cases[i].written);
		json_text_deinit(&text);
	}
}

static void test_line(void **state)
{
	static const char *const fields[] = { "a", "", "b,c" };
	struct json_text text = { 0 };

	(void)state;
	csv_line(&text, fields, 3);
	assert_string_equal(text_of(&text), "a,,\"b,c\"\r\n");
	json_text_deinit(&text);
}

static void test_rows(void **state)
{
	static const char expected[] =
		"42,1790000000000000001,11111111-2222-4333-8444-555555555555,web1,"
		"package-0,dynamic,9000000000,12000000,12000000,1000000000,powercap,measured\r\n"
		"42,1790000000000000001,11111111-2222-4333-8444-555555555555,web1,"
		"package-0,idle,999999900,3000000,3000000,1000000000,powercap,measured\r\n"
		"42,1790000000000000001,66666666-2222-4333-8444-555555555555,"
		"\"a,\"\"b\"\"\n\",package-0,dynamic,0,0,0,1000000000,powercap,measured\r\n"
		"42,1790000000000000001,66666666-2222-4333-8444-555555555555,"
		"\"a,\"\"b\"\"\n\",package-0,idle,100,5000000,5000000,1000000000,powercap,"
		"measured\r\n"
		"42,1790000000000000001,ended,,package-0,dynamic,60,5,0,1000000000,"
		"powercap,measured\r\n"
		"42,1790000000000000001,ended,,package-0,idle,40,5,0,1000000000,powercap,"
		"measured\r\n"
		"42,1790000000000000001,host,,package-0,dynamic,8999999999000000000,"
		"10000000,10000000,1000000000,powercap,measured\r\n"
		"42,1790000000000000001,host,,package-0,idle,8999999990999999900,9999999,9999999,"
		"1000000000,powercap,measured\r\n"
		"42,1790000000000000001,unattributed,,package-0,unattributed,7,1,1,"
		"1000000000,powercap,measured\r\n"
		"42,1790000000000000001,zone,,package-0,total,18000000000000000007,"
		"40000010,40000000,1000000000,powercap,measured\r\n";
	struct snapshot *snapshot = fake_snapshot_new();
	struct json_text text = { 0 };

	(void)state;
	snapshot->n_zones = 1;
	snapshot->domains[1].name = "a,\"b\"\n";
	snapshot_csv_add(snapshot, &text);
	assert_string_equal(text_of(&text), expected);
	json_text_deinit(&text);
	snapshot_unref(snapshot);
}

/* The field after so many commas; no name of fake_snapshot.h needs quotes. */
static const char *field_of(const char *row, unsigned int index)
{
	while (index-- > 0) {
		row = strchr(row, ',');
		assert_non_null(row);
		row++;
	}
	return row;
}

/* The parts of each zone add up to its total. */
static void test_adds_up(void **state)
{
	enum { KIND = 5, ENERGY_UJ, N = 3 };
	struct snapshot *snapshot = fake_snapshot_new();
	uint64_t sum_uj[N] = { 0 }, uj[N];
	struct json_text text = { 0 };
	unsigned int n_totals = 0;
	char *save, *row;

	(void)state;
	snapshot_csv_add(snapshot, &text);
	for (row = strtok_r(text_of(&text), "\r\n", &save); row;
		row = strtok_r(NULL, "\r\n", &save)) {
		bool total = strncmp(field_of(row, KIND), "total,", 6) == 0;

		for (unsigned int i = 0; i < N; i++) {
			uj[i] = strtoull(field_of(row, ENERGY_UJ + i), NULL, 10);
			sum_uj[i] += total ? 0 : uj[i];
		}
		if (!total)
			continue;
		assert_memory_equal(sum_uj, uj, sizeof(uj));
		memset(sum_uj, 0, sizeof(sum_uj));
		n_totals++;
	}
	assert_int_equal(n_totals, 3);
	json_text_deinit(&text);
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
