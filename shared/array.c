/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Arrays that grow. */
#include "config.h"

#include "shared/array.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 16

int array_resize_elements(void *array, size_t n, size_t element_size)
{
	void *elements, *resized;
	size_t bytes;

	/* Found before reallocarray() does: sanitizers end the program there. */
	if (__builtin_mul_overflow(n, element_size, &bytes))
		return -ENOMEM;
	memcpy(&elements, array, sizeof(elements));
	resized = reallocarray(elements, n, element_size);
	if (!resized)
		return -ENOMEM;
	memcpy(array, &resized, sizeof(resized));
	return 0;
}

int array_reserve_elements(void *array, size_t *size, size_t n, size_t element_size)
{
	size_t larger = *size <= SIZE_MAX / 2 ? 2 * *size : SIZE_MAX;

	if (n <= *size)
		return 0;
	if (larger < FIRST_SIZE)
		larger = FIRST_SIZE;
	if (larger < n)
		larger = n;
	if (array_resize_elements(array, larger, element_size) < 0)
		return -ENOMEM;
	*size = larger;
	return 0;
}
