/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* UUIDs: text to bytes and back, and that random ones are of version 4. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "shared/uuid.h"

static void test_text(void **state)
{
	static const char upper[] = "AAAAAAAA-0000-4000-8000-00000000000A";
	static const char lower[] = "aaaaaaaa-0000-4000-8000-00000000000a";
	static const char *const bad[] = { "", "aaaaaaaa",
		"aaaaaaaa-0000-4000-8000-00000000000",
		"aaaaaaaa-0000-4000-8000-00000000000a0",
		"aaaaaaaa00000-4000-8000-00000000000a",
		"gaaaaaaa-0000-4000-8000-00000000000a" };
	char text[UUID_TEXT_SIZE];
	struct uuid uuid;

	(void)state;
	assert_int_equal(uuid_parse(upper, &uuid), 0);
	uuid_format(&uuid, text);
	assert_string_equal(text, lower);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(uuid_parse(bad[i], &uuid), -EINVAL);
}

static void test_generate(void **state)
{
	struct uuid a, b;
	char text[UUID_TEXT_SIZE];

	(void)state;
	assert_int_equal(uuid_generate(&a), 0);
	assert_int_equal(uuid_generate(&b), 0);
	assert_int_not_equal(uuid_compare(&a, &b), 0);
	assert_false(uuid_is_nil(&a));
	uuid_format(&a, text);
	assert_int_equal(text[14], '4');
	assert_non_null(strchr("89ab", text[19]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_generate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
