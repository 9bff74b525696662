/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Pulling values out of JSON. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "host/json_scan.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct json_scan scan_of(const char *text)
{
	struct json_scan scan;

	json_scan_init(&scan, text, strlen(text));
	return scan;
}

static void test_u64(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		const char *expected; /* NULL: it is good */
	} cases[] = {
		{ "0", 0, NULL },
		{ " 17 ", 17, NULL },
		{ "\"17\"", 17, NULL },
		{ "999999999999999999", UINT64_C(999999999999999999), NULL },
		{ "18446744073709551615", UINT64_MAX, NULL },
		{ "\"18446744073709551615\"", UINT64_MAX, NULL },
		{ "18446744073709551616", 0, "a number below 2^64" },
		{ "18446744073709551619", 0, "a number below 2^64" },
		{ "\"99999999999999999999999\"", 0, "a number below 2^64" },
		{ "1e3", 1000, NULL },
		{ "2400000.0", 2400000, NULL },
		{ "1.5E+2", 150, NULL },
		{ "1000e-3", 1, NULL },
		{ "1.8446744073709551615e19", UINT64_MAX, NULL },
		{ "0e999999999999", 0, NULL },
		{ "1e20", 0, "a number below 2^64" },
		{ "1e99999999999999999999", 0, "a number below 2^64" },
		{ "0.5", 0, "a whole number" },
		{ "1e-1", 0, "a whole number" },
		{ "1e-30", 0, "a whole number" },
		{ "1.00000000000000000000000001", 0, "a whole number" },
		{ "-1", 0, "a number of 0 or more" },
		{ "\"-1\"", 0, "a number of 0 or more" },
		{ "\"\"", 0, "a number" },
		{ "\"12", 0, "'\"'" },
		{ "1.", 0, "a digit" },
		{ "1e", 0, "a digit" },
		{ "", 0, "a number" },
		{ "null", 0, "a number" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_scan scan = scan_of(cases[i].text);
		uint64_t value = 42;
		int r = json_scan_u64(&scan, &value);

		if (cases[i].expected) {
			assert_int_equal(r, -EBADMSG);
			assert_string_equal(json_scan_expected(&scan), cases[i].expected);
			continue;
		}
		assert_int_equal(r, 0);
		assert_true(value == cases[i].value);
		assert_int_equal(json_scan_end(&scan), 0);
	}
}

static void test_i64(void **state)
{
	static const struct {
		const char *text;
		int r;
		int64_t value;
	} cases[] = {
		{ "-5", 0, -5 },
		{ "5", 0, 5 },
		{ "-9223372036854775807", 0, -INT64_MAX },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", -EBADMSG, 0 },
		{ "-18446744073709551616", -EBADMSG, 0 },
		{ "--5", -EBADMSG, 0 },
		{ "\"-5\"", 0, -5 },
		{ "\"5", -EBADMSG, 0 },
		{ "\"5 \"", -EBADMSG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_scan scan = scan_of(cases[i].text);
		int64_t value = 0;

		assert_int_equal(json_scan_i64(&scan, &value), cases[i].r);
		assert_true(value == cases[i].value);
	}
}

static void test_fixed(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{ "20", 0, 20000000 },
		{ "20.5", 0, 20500000 },
		{ "2e1", 0, 20000000 },
		{ "0.1234567", 0, 123457 },
		{ "0.30000000000000004", 0, 300000 },
		{ "0.29999999999999999", 0, 300000 },
		{ "1e-9", 0, 0 },
		{ "1e13", 0, UINT64_C(10000000000000000000) },
		{ "1e14", -EBADMSG, 0 },
		{ "-1", -EBADMSG, 0 },
		{ "\"20.5\"", 0, 20500000 },
		{ "\"20", -EBADMSG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_scan scan = scan_of(cases[i].text);
		uint64_t value = 0;

		assert_int_equal(json_scan_fixed(&scan, 6, &value), cases[i].r);
		assert_true(value == cases[i].value);
	}
}

static void test_strings(void **state)
{
	static const struct {
		const char *text;
		const char *meant; /* NULL: it is none */
	} cases[] = {
		{ "\"\"", "" },
		{ "\"a\\\"b\\\\\\/\\n\"", "a\"b\\/\n" },
		{ "\"\\u0041\\u00e4\\u20ac\"", "A\xc3\xa4\xe2\x82\xac" },
		{ "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80" },
		{ "\"\\ud83d\"", "\xef\xbf\xbd" },
		{ "\"\\ud83d\\u0041\"", "\xef\xbf\xbd\x41" },
		{ "\"\\ude00x\"", "\xef\xbf\xbdx" },
		{ "\"\xc3\xa4\"", "\xc3\xa4" },
		{ "\"a", NULL },
		{ "\"\\x\"", NULL },
		{ "\"\\u00g0\"", NULL },
		{ "\"\\u00", NULL },
		{ "\"\\", NULL },
		{ "\"a\nb\"", NULL },
		{ "a", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct json_scan scan = scan_of(cases[i].text);
		struct json_string string;
		char text[32];

		if (!cases[i].meant) {
			assert_int_equal(json_scan_string(&scan, &string), -EBADMSG);
			continue;
		}
		assert_int_equal(json_scan_string(&scan, &string), 0);
		assert_int_equal(json_scan_end(&scan), 0);
		assert_int_equal(json_string_copy(&string, text, sizeof(text)), 0);
		assert_string_equal(text, cases[i].meant);
		assert_true(json_string_is(&string, cases[i].meant));
		assert_false(json_string_is(&string, "other"));
		if (cases[i].meant[0]) {
			assert_int_equal(
				json_string_copy(&string, text, strlen(cases[i].meant)),
				-ENAMETOOLONG);
			text[strlen(text) - 1] = '\0';
			assert_false(json_string_is(&string, text));
		}
	}
}

static void test_nul(void **state)
{
	struct json_scan scan = scan_of("\"a\\u0000b\"");
	struct json_string string;
	char text[8];

	(void)state;
	assert_int_equal(json_scan_string(&scan, &string), 0);
	assert_int_equal(json_string_copy(&string, text, sizeof(text)), -EINVAL);
	assert_false(json_string_is(&string, "a"));
}

static void test_skip(void **state)
{
	static const char *const good[] = { "1", "-1.5e-3", "true", "false", "null",
		"\"x\\u0041\"", "[]", "{}", "[1,[2,{\"a\":[]}],{}]",
		" { \"a\" : 1 , \"b\" : [ ] } ", "{\"a\":{\"a\":{\"a\":{}}}}" };
	static const char *const bad[] = { "", "[", "[1", "[1,", "[1,]", "[,1]",
		"{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "{\"a\":1 \"b\":2}",
		"[1 2]", "tru", "nul", "]", "}", "[}", "{]", "-", "+1", "'a'", "{1:2}" };
	char deep[2 * JSON_SCAN_DEPTH_MAX + 8];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct json_scan scan = scan_of(good[i]);

		assert_int_equal(json_scan_skip(&scan), 0);
		assert_int_equal(json_scan_end(&scan), 0);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct json_scan scan = scan_of(bad[i]);

		assert_int_equal(json_scan_skip(&scan), -EBADMSG);
		assert_non_null(json_scan_expected(&scan));
	}
	for (size_t depth = JSON_SCAN_DEPTH_MAX; depth < JSON_SCAN_DEPTH_MAX + 2;
		depth++) {
		struct json_scan scan;

		memset(deep, '[', depth);
		memset(deep + depth, ']', depth);
		json_scan_init(&scan, deep, 2 * depth);
		assert_int_equal(json_scan_skip(&scan),
			depth > JSON_SCAN_DEPTH_MAX ? -EBADMSG : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_i64),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_skip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
