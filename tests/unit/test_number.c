/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Decimal numbers: what is taken, what is refused, and the way back to text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "shared/number.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "0\n", 0, 0 },
		{ "007", 0, 7 },
		{ "18446744073709551615\n", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "\n", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1\n\n", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 0;

		assert_int_equal(
			number_parse_u64(cases[i].text, strlen(cases[i].text), &value),
			cases[i].r);
		assert_true(value == cases[i].value);
	}
}

static void test_range(void **state)
{
	uint64_t value = 42;

	(void)state;
	assert_int_equal(number_parse_range("99", 100, 60000, &value), -ERANGE);
	assert_int_equal(number_parse_range("60001", 100, 60000, &value), -ERANGE);
	assert_int_equal(number_parse_range("100\n", 100, 60000, &value), -EINVAL);
	assert_true(value == 42);
	assert_int_equal(number_parse_range("100", 100, 60000, &value), 0);
	assert_true(value == 100);
}

static void test_double(void **state)
{
	static const struct {
		const char *text;
		int r;
		double value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "12.5", 0, 12.5 },
		{ "0.05", 0, 0.05 },
		{ "100.0", 0, 100 },
		{ "100.5", -ERANGE, 0 },
		{ "1.", -EINVAL, 0 },
		{ ".5", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1,5", -EINVAL, 0 },
		{ "nan", -EINVAL, 0 },
		{ "1e2", -EINVAL, 0 },
		{ "1.5W", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double value = 0;

		assert_int_equal(
			number_parse_double(cases[i].text, 100, &value), cases[i].r);
		assert_true(
			value > cases[i].value - 1e-12 && value < cases[i].value + 1e-12);
	}
}

static void test_format(void **state)
{
	static const uint64_t values[] = { 0, 9, 10, 262143328850, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char text[NUMBER_U64_SIZE];
		uint64_t back;
		size_t n = number_format_u64(text, values[i]);

		assert_int_equal(strlen(text), n);
		assert_int_equal(number_parse_u64(text, n, &back), 0);
		assert_true(back == values[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_double),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
