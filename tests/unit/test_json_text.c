/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Writing JSON. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/json_text.h"

static bool out_of_memory;

void *__real_realloc(void *pointer, size_t size);
void *__wrap_realloc(void *pointer, size_t size);

void *__wrap_realloc(void *pointer, size_t size)
{
	return out_of_memory ? NULL : __real_realloc(pointer, size);
}

static void expect(struct json_text *text, const char *expected)
{
	assert_int_equal(json_text_error(text), 0);
	assert_int_equal(text->used, strlen(expected));
	assert_memory_equal(text->data, expected, text->used);
	json_text_clear(text);
}

static void test_numbers(void **state)
{
	struct json_text text = { 0 };

	(void)state;
	/* Nothing, of which there is no copy to make. */
	json_text_put(&text, "", 0);
	assert_null(text.data);
	json_text_u64(&text, UINT64_MAX);
	expect(&text, "18446744073709551615");
	json_text_i64(&text, INT64_MIN);
	expect(&text, "-9223372036854775808");
	json_text_i64(&text, 7);
	expect(&text, "7");
	json_text_counter(&text, 0);
	expect(&text, "\"0\"");
	json_text_deinit(&text);
}

static void test_watts(void **state)
{
	static const struct {
		uint64_t uw;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 20000000, "20" },
		{ 20500000, "20.5" },
		{ 20000001, "20.000001" },
		{ 120, "0.00012" },
	};
	struct json_text text = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_text_watts(&text, cases[i].uw);
		expect(&text, cases[i].text);
	}
	json_text_deinit(&text);
}

static void test_strings(void **state)
{
	static const char *const cases[][2] = {
		{ "", "\"\"" },
		{ "vm1", "\"vm1\"" },
		{ "a\"\\\n\x7f", "\"a\\\"\\\\\\u000a\\u007f\"" },
		/* What a terminal listens to: C1 as well. */
		{ "\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0",
			"\"\\u0080\\u009b\\u009f\xc2\xa0\"" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
			"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "\xff"
		  "a\xc3",
			"\"\\ufffda\\ufffd\"" },
		{ "\xc0\xaf\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"" },
		{ "\xe2\x82x\xf4\x90\x80\x80",
			"\"\\ufffd\\ufffdx\\ufffd\\ufffd\\ufffd\\ufffd\"" },
	};
	struct json_text text = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_text_string(&text, cases[i][0]);
		expect(&text, cases[i][1]);
	}
	json_text_deinit(&text);
}

static void test_memory(void **state)
{
	struct json_text text = { 0 };

	(void)state;
	json_text_literal(&text, "[");
	for (size_t i = 0; i < 100000; i++)
		json_text_u64(&text, 9);
	assert_int_equal(text.used, 100001);
	out_of_memory = true;
	for (size_t i = 0; i < 100000; i++)
		json_text_counter(&text, 9);
	out_of_memory = false;
	json_text_literal(&text, "]");
	assert_int_equal(json_text_error(&text), -ENOMEM);
	json_text_clear(&text);
	json_text_literal(&text, "]");
	expect(&text, "]");
	json_text_deinit(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_watts),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
