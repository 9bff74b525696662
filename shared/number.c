/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Decimal numbers: strict parsing and formatting, without stdio or locale. */
#include "shared/number.h"

#include <errno.h>
#include <string.h>

int number_scan_u64(const char **cursor, const char *end, uint64_t *ret_value)
{
	const char *p = *cursor;
	uint64_t value = 0;

	if (p == end || *p < '0' || *p > '9')
		return -EINVAL;
	for (; p != end && *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(value, 10u, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return -ERANGE;
	}
	*cursor = p;
	*ret_value = value;
	return 0;
}

int number_parse_u64(const char *text, size_t len, uint64_t *ret_value)
{
	const char *end = text + len;
	uint64_t value;
	int r;

	r = number_scan_u64(&text, end, &value);
	if (r < 0)
		return r;
	if (text != end && *text == '\n')
		text++;
	if (text != end)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

int number_parse_range(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	const char *cursor = text, *end = text + strlen(text);
	uint64_t value;
	int r;

	r = number_scan_u64(&cursor, end, &value);
	if (r < 0)
		return r;
	if (cursor != end)
		return -EINVAL;
	if (value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int number_parse_double(const char *text, double max, double *ret_value)
{
	const char *end = text + strlen(text);
	uint64_t whole, fraction = 0;
	double scale = 1, value;
	int r;

	r = number_scan_u64(&text, end, &whole);
	if (r < 0)
		return r;
	if (text != end) {
		const char *digits = text + 1;

		if (*text != '.')
			return -EINVAL;
		text = digits;
		r = number_scan_u64(&text, end, &fraction);
		if (r < 0)
			return r;
		if (text != end)
			return -EINVAL;
		for (; digits != end; digits++)
			scale *= 10;
	}
	value = (double)whole + (double)fraction / scale;
	if (value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

size_t number_format_u64(char text[NUMBER_U64_SIZE], uint64_t value)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	char digits[NUMBER_U64_SIZE];
	size_t at = sizeof(digits), n;

	while (value >= 10) {
		at -= 2;
		memcpy(digits + at, pairs + 2 * (value % 100), 2);
		value /= 100;
	}
	/* What is left has one digit, or none, where the last pair began the number. */
	if (value > 0 || at == sizeof(digits))
		digits[--at] = (char)('0' + value);
	n = sizeof(digits) - at;
	memcpy(text, digits + at, n);
	text[n] = '\0';
	return n;
}
