/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Writing protocol buffers. What is expected was made by hand from the description of
 * the wire format.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/protobuf.h"

static bool out_of_memory;

void *__real_realloc(void *pointer, size_t size);
void *__wrap_realloc(void *pointer, size_t size);

void *__wrap_realloc(void *pointer, size_t size)
{
	return out_of_memory ? NULL : __real_realloc(pointer, size);
}

#define expect(out, literal) expect_bytes(out, "" literal, sizeof(literal) - 1)

static void expect_bytes(struct json_text *out, const char *expected, size_t len)
{
	assert_int_equal(json_text_error(out), 0);
	assert_int_equal(out->used, len);
	assert_memory_equal(out->data, expected, len);
	json_text_clear(out);
}

static void test_varints(void **state)
{
	struct json_text out = { 0 };

	(void)state;
	protobuf_varint(&out, 1, 0);
	expect(&out, "\x08\x00");
	protobuf_varint(&out, 1, 150);
	expect(&out, "\x08\x96\x01");
	protobuf_varint(&out, 15, 127);
	expect(&out, "\x78\x7f");
	protobuf_varint(&out, 16, 128);
	expect(&out, "\x80\x01\x80\x01");
	protobuf_varint(&out, 2, UINT64_MAX);
	expect(&out, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	protobuf_varint(&out, 2, (uint64_t)INT64_C(-2));
	expect(&out, "\x10\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	protobuf_varint(&out, (1u << 29) - 1, 1);
	expect(&out, "\xf8\xff\xff\xff\x0f\x01");
	json_text_deinit(&out);
}

static void test_signed(void **state)
{
	struct json_text out = { 0 };

	(void)state;
	protobuf_sint(&out, 13, 0);
	expect(&out, "\x68\x00");
	protobuf_sint(&out, 13, -1);
	expect(&out, "\x68\x01");
	protobuf_sint(&out, 13, 1);
	expect(&out, "\x68\x02");
	protobuf_sint(&out, 13, INT32_MAX);
	expect(&out, "\x68\xfe\xff\xff\xff\x0f");
	protobuf_sint(&out, 13, INT64_MAX);
	expect(&out, "\x68\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	protobuf_sint(&out, 13, INT64_MIN);
	expect(&out, "\x68\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	json_text_deinit(&out);
}

static void test_fixed(void **state)
{
	struct json_text out = { 0 };

	(void)state;
	protobuf_fixed64(&out, 1, UINT64_C(0x0102030405060708));
	expect(&out, "\x09\x08\x07\x06\x05\x04\x03\x02\x01");
	protobuf_double(&out, 14, 1.0);
	expect(&out, "\x71\x00\x00\x00\x00\x00\x00\xf0\x3f");
	protobuf_double(&out, 14, -0.5);
	expect(&out, "\x71\x00\x00\x00\x00\x00\x00\xe0\xbf");
	json_text_deinit(&out);
}

static void test_strings(void **state)
{
	struct json_text out = { 0 };

	(void)state;
	protobuf_string(&out, 2, "testing");
	expect(&out, "\x12\x07testing");
	protobuf_string(&out, 2, "");
	expect(&out, "\x12\x00");
	protobuf_string(&out, 2, "\xc3\xa4\xf0\x9f\x98\x80");
	expect(&out, "\x12\x06\xc3\xa4\xf0\x9f\x98\x80");
	protobuf_string(&out, 2, "a\xff\xe2\x82");
	expect(&out, "\x12\x0a"
		     "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	protobuf_bytes(&out, 2, "\0\xff", 2);
	expect(&out, "\x12\x02\0\xff");
	json_text_deinit(&out);
}

static void test_messages(void **state)
{
	struct json_text out = { 0 };
	size_t outer, inner;

	(void)state;
	outer = protobuf_begin(&out, 3);
	protobuf_varint(&out, 1, 150);
	protobuf_end(&out, outer);
	expect(&out, "\x1a\x03\x08\x96\x01");
	protobuf_end(&out, protobuf_begin(&out, 3));
	expect(&out, "\x1a\x00");
	outer = protobuf_begin(&out, 1);
	inner = protobuf_begin(&out, 2);
	protobuf_string(&out, 3, "x");
	protobuf_end(&out, inner);
	inner = protobuf_begin(&out, 2);
	protobuf_end(&out, inner);
	protobuf_end(&out, outer);
	protobuf_varint(&out, 4, 1);
	expect(&out, "\x0a\x07\x12\x03\x1a\x01x\x12\x00\x20\x01");
	json_text_deinit(&out);
}

/* Around each length that takes a byte more, one message in another. */
static void test_lengths(void **state)
{
	static const struct {
		size_t len;	    /* of the inner string */
		const char *length; /* as it is written, */
		const char *outer;  /* and that of the message around it */
	} cases[] = {
		{ 125, "\x7d", "\x7f" },
		{ 126, "\x7e", "\x80\x01" },
		{ 127, "\x7f", "\x81\x01" },
		{ 128, "\x80\x01", "\x83\x01" },
		{ 16380, "\xfc\x7f", "\xff\x7f" },
		{ 16381, "\xfd\x7f", "\x80\x80\x01" },
		{ 16384, "\x80\x80\x01", "\x84\x80\x01" },
	};
	static char string[16385];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_text out = { 0 }, expected = { 0 };
		size_t outer;

		memset(string, 'x', cases[i].len);
		string[cases[i].len] = '\0';
		json_text_literal(&expected, "\x0a");
		json_text_put(&expected, cases[i].outer, strlen(cases[i].outer));
		json_text_literal(&expected, "\x12");
		json_text_put(&expected, cases[i].length, strlen(cases[i].length));
		json_text_put(&expected, string, cases[i].len);
		outer = protobuf_begin(&out, 1);
		protobuf_string(&out, 2, string);
		protobuf_end(&out, outer);
		expect_bytes(&out, expected.data, expected.used);
		json_text_deinit(&out);
		json_text_deinit(&expected);
	}
}

/* Wherever memory ends, it is said and nothing is written where nothing is. */
static void test_memory(void **state)
{
	(void)state;
	for (size_t filled = 4076; filled <= 4096; filled++) {
		struct json_text out = { 0 };
		size_t message, inner;

		while (out.used < filled)
			json_text_literal(&out, "x");
		out_of_memory = true;
		message = protobuf_begin(&out, 1);
		inner = protobuf_begin(&out, 2);
		protobuf_string(&out, 3, "twelve bytes");
		protobuf_double(&out, 4, 1);
		protobuf_end(&out, inner);
		protobuf_end(&out, message);
		out_of_memory = false;
		assert_int_equal(json_text_error(&out), -ENOMEM);
		json_text_deinit(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_varints),
		cmocka_unit_test(test_signed),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
