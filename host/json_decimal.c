/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From digits to a number. */
#include "host/json_decimal.h"

#include <errno.h>

/* Exponents beyond it make any number 0 or too large, but for 0 itself. */
#define EXPONENT_MAX 1000

static void take_digits(
	struct json_scan *scan, struct json_decimal *decimal, bool fraction)
{
	for (; json_is_digit(json_scan_look(scan)); scan->at++) {
		uint64_t digit = (uint64_t)(*scan->at - '0');

		if (decimal->mantissa > (UINT64_MAX - digit) / 10 ||
			decimal->exponent > 0 || decimal->dropped) {
			decimal->dropped |= digit != 0;
			/* An integer's digit that does not fit still counts. */
			decimal->exponent += !fraction;
			continue;
		}
		decimal->mantissa = decimal->mantissa * 10 + digit;
		decimal->exponent -= fraction;
	}
}

static int take_exponent(struct json_scan *scan, struct json_decimal *decimal)
{
	bool negative;
	int64_t exponent = 0;

	scan->at++;
	negative = json_scan_look(scan) == '-';
	if (negative || json_scan_look(scan) == '+')
		scan->at++;
	if (!json_is_digit(json_scan_look(scan)))
		return json_scan_expect(scan, "a digit");
	for (; json_is_digit(json_scan_look(scan)); scan->at++) {
		if (exponent < EXPONENT_MAX)
			exponent = exponent * 10 + (*scan->at - '0');
	}
	decimal->exponent += negative ? -exponent : exponent;
	return 0;
}

int json_decimal_scan(struct json_scan *scan, struct json_decimal *ret_decimal)
{
	struct json_decimal decimal = { 0 };

	if (!json_is_digit(json_scan_look(scan)))
		return json_scan_expect(scan, "a number");
	take_digits(scan, &decimal, false);
	if (json_scan_look(scan) == '.') {
		scan->at++;
		if (!json_is_digit(json_scan_look(scan)))
			return json_scan_expect(scan, "a digit");
		take_digits(scan, &decimal, true);
	}
	if ((json_scan_look(scan) == 'e' || json_scan_look(scan) == 'E') &&
		take_exponent(scan, &decimal) < 0)
		return -EBADMSG;
	*ret_decimal = decimal;
	return 0;
}

int json_decimal_round(
	const struct json_decimal *decimal, uint64_t *ret_value, bool *ret_exact)
{
	uint64_t value = decimal->mantissa, divisor = 1;
	int64_t exponent = decimal->exponent;

	*ret_exact = !decimal->dropped;
	for (; exponent > 0 && value > 0; exponent--) {
		if (__builtin_mul_overflow(value, 10u, &value))
			return -ERANGE;
	}
	for (; exponent < 0 && divisor < UINT64_MAX / 10; exponent++)
		divisor *= 10;
	if (exponent < 0) { /* 10^19 and more below it */
		*ret_exact &= value == 0;
		value = 0;
	}
	*ret_exact &= value % divisor == 0;
	*ret_value = value / divisor + (value % divisor >= divisor - divisor / 2);
	return 0;
}
