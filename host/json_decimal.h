/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A number as JSON writes it, which may have a fraction and an exponent. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/json_scan.h"

/* mantissa * 10^exponent; dropped: the digits behind them were not all 0. */
struct json_decimal {
	uint64_t mantissa;
	int64_t exponent;
	bool dropped;
};

static inline bool json_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The part of a number behind its sign. -EBADMSG. */
int json_decimal_scan(struct json_scan *scan, struct json_decimal *ret_decimal);

/* The whole number nearest to it; *ret_exact: it is that number. -ERANGE. */
int json_decimal_round(
	const struct json_decimal *decimal, uint64_t *ret_value, bool *ret_exact);
