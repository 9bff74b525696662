/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Bytes to lines, however the bytes are cut into reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "shared/frame.h"

#define MAX 8

/* What the frame makes of text read in pieces: lines joined by '|', "!" for too long. */
static void run(const char *text, size_t piece, char *result)
{
	struct frame frame;
	size_t left = strlen(text);

	assert_int_equal(frame_init(&frame, MAX), 0);
	result[0] = '\0';
	while (left) {
		size_t len = piece < left ? piece : left;
		enum frame_result r;
		const char *line;
		size_t line_len;

		left -= len;
		do {
			r = frame_next(&frame, &text, &len, &line, &line_len);
			if (r == FRAME_LINE) {
				assert_int_equal(strlen(line), line_len);
				strcat(strcat(result, line), "|");
			} else if (r == FRAME_TOO_LONG) {
				strcat(result, "!");
			}
		} while (r != FRAME_MORE);
		assert_int_equal(len, 0);
	}
	frame_deinit(&frame);
}

static void test_lines(void **state)
{
	static const struct {
		const char *text;
		const char *result;
	} cases[] = {
		{ "", "" },
		{ "half of a line that was there before\nab\n", "ab|" },
		{ "\nab\ncd\n", "ab|cd|" },
		{ "\n\n\nab\n\n\ncd", "ab|" },
		{ "\r\n\r\nab\n", "ab|" },
		{ "\n12345678\n", "12345678|" },
		{ "\n123456789\nab\n", "!ab|" },
		{ "\n1234567890123456789012345678901234567890\n\nab\n", "!ab|" },
		{ "\nab\n123456789\n123456789\ncd\n", "ab|!!cd|" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece < 50; piece++) {
			char result[128];

			run(cases[i].text, piece, result);
			assert_string_equal(result, cases[i].result);
		}
	}
}

static void test_reset(void **state)
{
	struct frame frame;
	const char *text = "\nab", *line;
	size_t len = 3, line_len;

	(void)state;
	assert_int_equal(frame_init(&frame, MAX), 0);
	assert_int_equal(frame_next(&frame, &text, &len, &line, &line_len), FRAME_MORE);
	frame_reset(&frame);
	text = "cd\nef\n";
	len = 6;
	assert_int_equal(frame_next(&frame, &text, &len, &line, &line_len), FRAME_LINE);
	assert_string_equal(line, "ef");
	frame_deinit(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
