/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Growing arrays: what is in them stays, also where there is no memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "shared/array.h"
#include "shared/cleanup.h"

static void test_grows_one_by_one(void **state)
{
	cleanup_free uint64_t *numbers = NULL;
	size_t size = 0, n_grown = 0;

	(void)state;
	for (size_t n = 0; n < 100000; n++) {
		size_t before = size;

		assert_int_equal(array_reserve(&numbers, &size, n + 1), 0);
		assert_true(size > n);
		n_grown += size != before;
		numbers[n] = n * n;
	}
	for (size_t n = 0; n < 100000; n++)
		assert_true(numbers[n] == n * n);
	assert_in_range(n_grown, 2, 20);
}

static void test_has_room(void **state)
{
	cleanup_free char *bytes = NULL;
	size_t size = 0;
	char *before;

	(void)state;
	assert_int_equal(array_reserve(&bytes, &size, 0), 0);
	assert_null(bytes);
	assert_int_equal(array_reserve(&bytes, &size, 1000), 0);
	assert_int_equal(size, 1000);
	before = bytes;
	assert_int_equal(array_reserve(&bytes, &size, 1000), 0);
	assert_int_equal(array_reserve(&bytes, &size, 3), 0);
	assert_ptr_equal(bytes, before);
	assert_int_equal(size, 1000);
	assert_int_equal(array_resize(&bytes, 5), 0);
}

/* What overflows is no memory, and what there was stays. */
static void test_too_large(void **state)
{
	cleanup_free uint64_t *numbers = NULL;
	uint64_t *before;
	size_t size = 0;

	(void)state;
	assert_int_equal(array_reserve(&numbers, &size, 3), 0);
	before = numbers;
	numbers[2] = 7;
	assert_int_equal(array_resize(&numbers, SIZE_MAX / 2), -ENOMEM);
	size = SIZE_MAX / 2;
	assert_int_equal(array_reserve(&numbers, &size, SIZE_MAX / 2 + 1), -ENOMEM);
	assert_true(size == SIZE_MAX / 2);
	assert_ptr_equal(numbers, before);
	assert_true(numbers[2] == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows_one_by_one),
		cmocka_unit_test(test_has_room),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
