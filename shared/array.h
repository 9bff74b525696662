/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Arrays that grow: a pointer to elements, and how many there is room for. What they
 * hold, and how many of them, is the owner's, who frees them with free(). What is new is
 * not zeroed.
 */
#pragma once

#include <stddef.h>

int array_resize_elements(void *array, size_t n, size_t element_size);
int array_reserve_elements(void *array, size_t *size, size_t n, size_t element_size);

/* realloc() of *array to n > 0 elements; -ENOMEM: *array stays. */
#define array_resize(array, n) array_resize_elements(array, n, sizeof(**(array)))

/*
 * Room for n elements in *array, which has room for *size; where it grows it doubles at
 * least, so that adding one by one is cheap. -ENOMEM: both stay.
 */
#define array_reserve(array, size, n)                                                    \
	array_reserve_elements(array, size, n, sizeof(**(array)))
