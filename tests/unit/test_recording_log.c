/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What is said of a recording, and how often. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "host/recording_log.h"
#include "shared/log.h"

#define MINUTE_NS RECORDING_LOG_PERIOD_NS

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
	static struct recording_log recording_log;

	recording_log = (struct recording_log){ .path = "/x/trace" };
	n_lines = 0;
	*state = &recording_log;
	return 0;
}

static void test_dropped(void **state)
{
	struct recorder_status now = { 0 };

	for (uint64_t t = 0; t < 3; t++) {
		/* One more is left out every second. */
		for (uint64_t s = 0; s < 60; s++) {
			now.n_dropped++;
			now.n_slow++;
			recording_log_status(
				*state, &now, MINUTE_NS * (t + 1) + s * 1000000000);
		}
		assert_int_equal(n_lines, t + 1);
	}
	assert_non_null(strstr(lines, "60 ticks were left out of /x/trace"));
	assert_non_null(strstr(lines, "for 60 its disk was too slow, 0 could"));
	/* Nothing new, nothing said; what was not said is at the end. */
	recording_log_end(*state, &now);
	assert_int_equal(n_lines, 4);
	assert_non_null(strstr(lines, "59 ticks were left out"));
	recording_log_status(*state, &now, 100 * MINUTE_NS);
	recording_log_end(*state, &now);
	assert_int_equal(n_lines, 4);
}

static void test_reasons(void **state)
{
	struct recorder_status now = { .n_dropped = 2 };

	recording_log_status(*state, &now, MINUTE_NS);
	assert_non_null(strstr(lines, "for 0 its disk was too slow, 0 could not be "
				      "written, for 2 there was no memory"));
	now = (struct recorder_status){ .n_dropped = 7, .n_slow = 1, .n_failed = 3 };
	recording_log_status(*state, &now, 2 * MINUTE_NS);
	assert_non_null(strstr(lines, "5 ticks"));
	assert_non_null(strstr(lines, "for 1 its disk was too slow, 3 could not be "
				      "written, for 1 there was no memory"));
}

/* A disk that is full every other tick is told of once a minute. */
static void test_errors(void **state)
{
	struct recorder_status now = { 0 };

	for (uint64_t s = 0; s < 120; s++) {
		now.error = s % 2 == 0 ? -ENOSPC : 0;
		recording_log_status(*state, &now, MINUTE_NS + s * 1000000000);
		assert_int_equal(n_lines, s < 61 ? 1 : 2);
	}
	assert_string_equal(lines, "Recording into /x/trace again");
	now.error = -EIO;
	recording_log_end(*state, &now);
	assert_int_equal(n_lines, 3);
	assert_non_null(strstr(lines, "Input/output error"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_dropped, setup),
		cmocka_unit_test_setup(test_reasons, setup),
		cmocka_unit_test_setup(test_errors, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
