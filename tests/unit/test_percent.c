/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Percent-encoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "host/percent.h"

static void expect(const char *string, const char *expected)
{
	struct json_text out = { 0 };

	percent_put(&out, string);
	assert_int_equal(json_text_error(&out), 0);
	assert_int_equal(out.used, strlen(expected));
	if (out.used > 0)
		assert_memory_equal(out.data, expected, out.used);
	json_text_deinit(&out);
}

static void test_texts(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "AZaz09-._~", "AZaz09-._~" },
		{ "a b", "a%20b" },
		{ "+%", "%2B%25" },
		{ "{x=\"y\",}", "%7Bx%3D%22y%22%2C%7D" },
		{ "\n\x7f", "%0A%7F" },
		{ "\xc3\xa9", "%C3%A9" },
		{ "/", "%2F" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i][0], cases[i][1]);
}

/* Each byte, alone and between others, is itself or two digits. */
static void test_bytes(void **state)
{
	static const char hex[] = "0123456789ABCDEF";

	(void)state;
	for (unsigned int c = 1; c < 256; c++) {
		char string[] = { 'a', (char)c, 'b', '\0' };
		char expected[] = { 'a', '%', hex[c / 16], hex[c % 16], 'b', '\0' };
		bool stays = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
			     c == '~';

		expect(string, stays ? string : expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
