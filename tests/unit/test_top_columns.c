/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Which columns a width has room for, and numbers that fit. */
#include "host/top_columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A letter for each column that is there. */
static void letters(
	const struct top_place places[TOP_COLUMNS], char text[TOP_COLUMNS + 1])
{
	static const char all[] = "nvcdiwjsgh";
	size_t n = 0;

	for (size_t i = 0; i < TOP_COLUMNS; i++) {
		if (places[i].width > 0)
			text[n++] = all[i];
	}
	text[n] = '\0';
}

static void test_widths(void **state)
{
	static const struct {
		size_t width, name_width;
		bool history;
		const char *columns;
		size_t name, shown; /* widths of names and of the history */
	} cases[] = {
		{ 1, 4, true, "d", 0, 0 },
		{ 10, 4, true, "nd", 2, 0 },
		{ 22, 40, true, "nd", 14, 0 },
		{ 40, 40, true, "ncdi", 17, 0 },
		{ 48, 40, true, "ncdij", 14, 0 },
		{ 60, 4, true, "ncdijg", 14, 0 },
		{ 67, 4, true, "ncdijsg", 14, 0 },
		{ 72, 4, true, "nvcdijsg", 14, 0 },
		{ 79, 4, true, "nvcdijsg", 14, 0 },
		{ 80, 4, true, "nvcdijsgh", 14, 7 },
		{ 80, 40, true, "nvcdijsgh", 14, 7 },
		{ 80, 40, false, "nvcdijsg", 22, 0 },
		{ 88, 20, true, "nvcdijsgh", 20, 9 },
		{ 89, 4, true, "nvcdiwjsgh", 14, 7 },
		{ 120, 20, true, "nvcdiwjsgh", 20, 32 },
		{ 200, 100, true, "nvcdiwjsgh", 32, TOP_HISTORY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct top_place places[TOP_COLUMNS];
		char text[TOP_COLUMNS + 1];

		top_columns_fit(
			cases[i].width, cases[i].name_width, cases[i].history, places);
		letters(places, text);
		assert_string_equal(text, cases[i].columns);
		assert_int_equal(places[TOP_COLUMN_NAME].width, cases[i].name);
		assert_int_equal(places[TOP_COLUMN_HISTORY].width, cases[i].shown);
	}
}

/* In every width they stand side by side, a blank between them. */
static void test_no_overlap(void **state)
{
	(void)state;
	for (size_t width = 22; width <= 200; width++) {
		for (size_t name = 0; name < 40; name += 13) {
			struct top_place places[TOP_COLUMNS];
			size_t end = 0;

			top_columns_fit(width, name, name != 13, places);
			for (size_t i = 0; i < TOP_COLUMNS; i++) {
				if (places[i].width == 0)
					continue;
				assert_int_equal(places[i].start, end ? end + 1 : 0);
				end = places[i].start + places[i].width;
			}
			assert_in_range(end, 1, width);
		}
	}
}

static void test_numbers(void **state)
{
	static const struct {
		double number;
		unsigned int decimals;
		size_t width;
		const char *text;
	} cases[] = {
		{ 0, 2, 7, "0.00" },
		{ 16.256, 2, 7, "16.26" },
		{ 9999.994, 2, 7, "9999.99" },
		{ 9999.999, 2, 7, "10000.0" },
		{ 99999.99, 2, 7, "100000" },
		{ 12345678.0, 2, 7, "12346k" },
		{ 12345678.9, 1, 10, "12345678.9" },
		{ 1e12, 1, 10, "1000000.0M" },
		{ 25600.04, 1, 6, "25600" },
		{ 18446744073709.5, 1, 10, "18446744M" },
		{ 123456, 1, 3, "#" },
		{ 123456, 1, 4, "123k" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[32];

		top_columns_number(text, sizeof(text), cases[i].number, cases[i].decimals,
			cases[i].width);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_no_overlap),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
