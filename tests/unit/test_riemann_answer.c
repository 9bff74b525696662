/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Answers of Riemann, whole, in pieces, and such as no Riemann gives. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/riemann_answer.h"
#include "tests/unit/random.h"

/* Puts bytes in, at most so many at a time, as long as some are wanted. */
static int feed(
	struct riemann_answer *answer, const char *bytes, size_t len, size_t at_most)
{
	size_t size;
	int r = 0;

	*answer = (struct riemann_answer){ 0 };
	while (len > 0 && r == 0 && !riemann_answer_is_whole(answer)) {
		char *room = riemann_answer_room(answer, &size);

		assert_true(size > 0);
		assert_true(room >= answer->bytes);
		assert_true(room + size <= answer->bytes + sizeof(answer->bytes));
		size = size < at_most ? size : at_most;
		size = size < len ? size : len;
		memcpy(room, bytes, size);
		bytes += size;
		len -= size;
		r = riemann_answer_add(answer, size);
	}
	return r;
}

static void test_answers(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		int r;
		const char *error;
	} cases[] = {
#define CASE(literal, r, error) { "" literal, sizeof(literal) - 1, r, error }
		CASE("\0\0\0\x02\x10\x01", 1, ""),
		CASE("\0\0\0\x02\x10\x00", 0, ""),
		CASE("\0\0\0\0", 0, ""),
		CASE("\0\0\0\x06\x10\x00\x1a\x02no", 0, "no"),
		CASE("\0\0\0\x06\x1a\x02no\x10\x00", 0, "no"),
		/* More than there is room for. */
		CASE("\0\0\0\x0b\x10\x00\x1a\x07nothing", 0, "nothi"),
		/* Others' fields: an event, a double, a float, one far away. */
		CASE("\0\0\0\x1b\x32\x02\x08\x05\x21zzzzzzzz\x2dzzzz\x10\x01"
		     "\xf8\xff\xff\xff\x0f\x80\x01",
			1, ""),
		/* The wrong kinds of them. */
		CASE("\0\0\0\x05\x12\x01\x01\x18\x05", 0, ""),
		/* Too short for what they say. */
		CASE("\0\0\0\x01\x10", -EBADMSG, ""),
		CASE("\0\0\0\x01\x90", -EBADMSG, ""),
		CASE("\0\0\0\x02\x10\x81", -EBADMSG, ""),
		CASE("\0\0\0\x03\x1a\x02n", -EBADMSG, ""),
		CASE("\0\0\0\x04\x2dzzz", -EBADMSG, ""),
		CASE("\0\0\0\x0c\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", -EBADMSG,
			""),
		/* No number, no kind. */
		CASE("\0\0\0\x0c\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
			-EBADMSG, ""),
		CASE("\0\0\0\x02\x13\x00", -EBADMSG, ""),
#undef CASE
	};
	struct riemann_answer answer;
	char error[6];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t at_most = 1; at_most <= cases[i].len; at_most++) {
			assert_int_equal(
				feed(&answer, cases[i].bytes, cases[i].len, at_most), 0);
			assert_true(riemann_answer_is_whole(&answer));
			assert_int_equal(
				riemann_answer_is_ok(&answer, error, sizeof(error)),
				cases[i].r);
			assert_string_equal(error, cases[i].error);
		}
	}
}

static void test_lengths(void **state)
{
	static const char longest[] = "\0\0\x40\0", longer[] = "\0\0\x40\x01";
	static const char all[] = "\xff\xff\xff\xff";
	struct riemann_answer answer;
	size_t size;

	(void)state;
	assert_int_equal(feed(&answer, longest, 4, 4), 0);
	riemann_answer_room(&answer, &size);
	assert_int_equal(size, RIEMANN_ANSWER_MAX);
	assert_int_equal(feed(&answer, longer, 4, 4), -EBADMSG);
	assert_int_equal(feed(&answer, all, 4, 4), -EBADMSG);
	assert_int_equal(feed(&answer, all, 3, 1), 0);
	assert_false(riemann_answer_is_whole(&answer));
}

/* Whatever comes, it stays within bounds. */
static void test_random(void **state)
{
	struct riemann_answer answer;
	char bytes[68], error[8];
	struct random_state random = { 1 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		memset(bytes, 0, 4);
		bytes[3] = (char)random_below(&random, 65);
		for (size_t n = 4; n < sizeof(bytes); n++)
			bytes[n] = (char)random_below(&random, 256);
		assert_int_equal(feed(&answer, bytes, sizeof(bytes), sizeof(bytes)), 0);
		assert_true(riemann_answer_is_whole(&answer));
		assert_in_range(
			riemann_answer_is_ok(&answer, error, sizeof(error)) + EBADMSG, 0,
			EBADMSG + 1);
		assert_true(strlen(error) < sizeof(error));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
