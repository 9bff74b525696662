/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Decimal numbers as the kernel prints them and JSON strings carry them: digits
 * only, no sign, no space, no locale.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Digits of the largest uint64_t, and the NUL. */
#define NUMBER_U64_SIZE 21

/*
 * Reads the digits at *cursor, up to end or the first other byte, and moves
 * *cursor behind them. -EINVAL: no digit there; -ERANGE: over 2^64 - 1 (the
 * cursor stays).
 */
int number_scan_u64(const char **cursor, const char *end, uint64_t *ret_value);

/* The whole of text[0..len) is one number; one newline may follow. */
int number_parse_u64(const char *text, size_t len, uint64_t *ret_value);

/* As number_parse_u64(), and -ERANGE outside min..max. text ends with NUL. */
int number_parse_range(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/*
 * A finite decimal fraction like 12.5, without a sign, exponent or locale, at
 * most max. text ends with NUL. -EINVAL or -ERANGE.
 */
int number_parse_double(const char *text, double max, double *ret_value);

/* Writes value and a NUL; returns the number of digits. */
size_t number_format_u64(char text[NUMBER_U64_SIZE], uint64_t value);
