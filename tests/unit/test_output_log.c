/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What is said of an output, and how often. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "host/output_log.h"
#include "shared/log.h"

#define MINUTE_NS OUTPUT_LOG_PERIOD_NS

static char lines[2048];
static unsigned n_lines;

void __wrap_log_line(enum log_level level, const char *format, ...)
	__attribute__((__format__(printf, 2, 3)));

void __wrap_log_line(enum log_level level, const char *format, ...)
{
	va_list args;

	(void)level;
	va_start(args, format);
	vsnprintf(lines, sizeof(lines), format, args);
	va_end(args);
	n_lines++;
}

static int setup(void **state)
{
	static struct output_log output_log;

	output_log = (struct output_log){ .path = "/x/trace", .after = "so" };
	n_lines = 0;
	*state = &output_log;
	return 0;
}

static void test_dropped(void **state)
{
	struct output_status now = { 0 };

	for (uint64_t t = 0; t < 3; t++) {
		/* One more is left out every second. */
		for (uint64_t s = 0; s < 60; s++) {
			now.n_dropped++;
			now.n_slow++;
			output_log_status(
				*state, &now, MINUTE_NS * (t + 1) + s * 1000000000);
		}
		assert_int_equal(n_lines, t + 1);
	}
	assert_non_null(strstr(lines, "60 ticks were left out of /x/trace, and so: "));
	assert_non_null(strstr(lines, "for 60 it was too slow, 0 could"));
	/* Nothing new, nothing said; what was not said is at the end. */
	output_log_end(*state, &now);
	assert_int_equal(n_lines, 4);
	assert_non_null(strstr(lines, "59 ticks were left out"));
	output_log_status(*state, &now, 100 * MINUTE_NS);
	output_log_end(*state, &now);
	assert_int_equal(n_lines, 4);
}

static void test_reasons(void **state)
{
	struct output_status now = { .n_dropped = 2 };

	output_log_status(*state, &now, MINUTE_NS);
	assert_non_null(strstr(lines, "for 0 it was too slow, 0 could not be written, "
				      "for 2 there was no memory"));
	now = (struct output_status){ .n_dropped = 7, .n_slow = 1, .n_failed = 3 };
	output_log_status(*state, &now, 2 * MINUTE_NS);
	assert_non_null(strstr(lines, "5 ticks"));
	assert_non_null(strstr(lines, "for 1 it was too slow, 3 could not be written, "
				      "for 1 there was no memory"));
}

/* A disk that is full every other tick is told of once a minute. */
static void test_errors(void **state)
{
	struct output_status now = { 0 };

	for (uint64_t s = 0; s < 120; s++) {
		now.error = s % 2 == 0 ? -ENOSPC : 0;
		output_log_status(*state, &now, MINUTE_NS + s * 1000000000);
		assert_int_equal(n_lines, s < 61 ? 1 : 2);
	}
	assert_string_equal(lines, "/x/trace is written again");
	now.error = -EIO;
	output_log_end(*state, &now);
	assert_int_equal(n_lines, 3);
	assert_non_null(strstr(lines, "Input/output error"));
}

/* While it lasts the log is told once; at its end, how many ticks that cost. */
static void test_an_error_that_lasts(void **state)
{
	static const struct {
		int error;
		const char *reason;
	} cases[] = {
		{ -ENXIO, "/x/trace: nobody reads it; ticks" },
		{ -EEXIST, "name another file" },
		{ -ENOSPC, "No space left on device; ticks are left out of it until it "
			   "can be. Make room there" },
		{ -EACCES,
			"Permission denied; ticks are left out of it until it can be" },
	};
	struct output_status now = { 0 };
	uint64_t t = MINUTE_NS;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n_lines = 0;
		now.error = cases[i].error;
		for (uint64_t s = 0; s < 180; s++, t += 1000000000) {
			now.n_dropped++;
			now.n_failed++;
			output_log_status(*state, &now, t);
		}
		assert_int_equal(n_lines, 1);
		assert_non_null(strstr(lines, cases[i].reason));
		now.error = 0;
		output_log_status(*state, &now, t);
		assert_int_equal(n_lines, 3);
		assert_non_null(strstr(lines, "180 ticks were left out of /x/trace"));
		t += MINUTE_NS;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_dropped, setup),
		cmocka_unit_test_setup(test_reasons, setup),
		cmocka_unit_test_setup(test_errors, setup),
		cmocka_unit_test_setup(test_an_error_that_lasts, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
