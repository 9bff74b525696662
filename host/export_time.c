/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* ISO 8601, as far as it is asked for. */
#include "config.h"

#include "host/export_time.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "shared/number.h"

#define YEAR_10000_S 253402300800u

/* Exactly n digits, and in a range. */
static bool take_digits(const char **at, int n, int min, int max, int *ret_value)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)(*at)[i]))
			return false;
		value = value * 10 + ((*at)[i] - '0');
	}
	*at += n;
	*ret_value = value;
	return value >= min && value <= max;
}

static bool take_char(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

static bool take_date(const char **at, struct tm *tm)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day, leap;

	if (!take_digits(at, 4, 0, 9999, &year) || !take_char(at, '-') ||
		!take_digits(at, 2, 1, 12, &month) || !take_char(at, '-') ||
		!take_digits(at, 2, 1, 31, &day))
		return false;
	leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return day <= days[month - 1] + leap;
}

static bool take_clock(const char **at, struct tm *tm)
{
	if (!take_digits(at, 2, 0, 23, &tm->tm_hour) || !take_char(at, ':') ||
		!take_digits(at, 2, 0, 59, &tm->tm_min))
		return false;
	if (!take_char(at, ':'))
		return true;
	if (!take_digits(at, 2, 0, 60, &tm->tm_sec))
		return false;
	if (!take_char(at, '.'))
		return true;
	if (!isdigit((unsigned char)**at))
		return false;
	while (isdigit((unsigned char)**at))
		++*at;
	return true;
}

/* Seconds east of UTC. */
static bool take_offset(const char **at, int *ret_offset_s)
{
	int sign = **at == '-' ? -1 : 1, hours, minutes = 0;

	*ret_offset_s = 0;
	if (!**at || take_char(at, 'Z') || take_char(at, 'z'))
		return true;
	if (!take_char(at, '+') && !take_char(at, '-'))
		return false;
	if (!take_digits(at, 2, 0, 23, &hours))
		return false;
	take_char(at, ':');
	if (**at && !take_digits(at, 2, 0, 59, &minutes))
		return false;
	*ret_offset_s = sign * (hours * 3600 + minutes * 60);
	return true;
}

int export_time_parse(const char *text, uint64_t *ret_s)
{
	struct tm tm = { 0 };
	int offset_s = 0;
	int64_t s;

	if (text[0] == '@')
		return number_parse_range(text + 1, 0, YEAR_10000_S - 1, ret_s);
	if (!take_date(&text, &tm))
		return -EINVAL;
	if (*text) {
		if (!take_char(&text, 'T') && !take_char(&text, 't') &&
			!take_char(&text, ' '))
			return -EINVAL;
		if (!take_clock(&text, &tm) || !take_offset(&text, &offset_s) || *text)
			return -EINVAL;
	}
	s = (int64_t)timegm(&tm) - offset_s;
	if (s < 0 || s >= (int64_t)YEAR_10000_S)
		return -ERANGE;
	*ret_s = (uint64_t)s;
	return 0;
}

void export_time_format(uint64_t s, char text[EXPORT_TIME_SIZE])
{
	time_t time = (time_t)(s < YEAR_10000_S ? s : YEAR_10000_S - 1);
	struct tm tm;

	gmtime_r(&time, &tm);
	strftime(text, EXPORT_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
