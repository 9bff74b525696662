/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Pulling values out of JSON. */
#include "host/json_scan.h"

#include <errno.h>
#include <string.h>

#include "host/json_decimal.h"

char json_scan_peek(struct json_scan *scan)
{
	for (; scan->at != scan->end; scan->at++) {
		char c = *scan->at;

		if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
			return c;
	}
	return '\0';
}

int json_scan_open(struct json_scan *scan, char bracket)
{
	if (json_scan_peek(scan) != bracket)
		return json_scan_expect(scan, bracket == '{' ? "an object" : "an array");
	scan->at++;
	return 0;
}

int json_scan_next(struct json_scan *scan, char bracket, size_t *n)
{
	char c = json_scan_peek(scan);

	if (c == bracket) {
		scan->at++;
		return 0;
	}
	if (*n > 0) {
		if (c != ',')
			return json_scan_expect(
				scan, bracket == '}' ? "',' or '}'" : "',' or ']'");
		scan->at++;
	}
	++*n;
	return 1;
}

/* Passes what follows a backslash. */
static int pass_escape(struct json_scan *scan)
{
	char c = json_scan_look(scan);

	if (c == '\0' || !strchr("\"\\/bfnrtu", c))
		return json_scan_expect(scan, "one of \"\\/bfnrtu");
	scan->at++;
	for (int i = 0; c == 'u' && i < 4; i++, scan->at++) {
		if (json_string_hex_value(json_scan_look(scan)) < 0)
			return json_scan_expect(scan, "a hexadecimal digit");
	}
	return 0;
}

int json_scan_string(struct json_scan *scan, struct json_string *ret_string)
{
	const char *start;
	bool escaped = false;

	if (json_scan_peek(scan) != '"')
		return json_scan_expect(scan, "a string");
	start = ++scan->at;
	while (scan->at != scan->end && *scan->at != '"') {
		char c = *scan->at;

		if ((unsigned char)c < ' ')
			return json_scan_expect(scan, "no control character in a string");
		scan->at++;
		if (c == '\\') {
			escaped = true;
			if (pass_escape(scan) < 0)
				return -EBADMSG;
		}
	}
	if (scan->at == scan->end)
		return json_scan_expect(scan, "'\"'");
	*ret_string = (struct json_string){ start, (size_t)(scan->at - start), escaped };
	scan->at++;
	return 0;
}

int json_scan_key(struct json_scan *scan, struct json_string *ret_key)
{
	struct json_string key;

	if (json_scan_peek(scan) != '"')
		return json_scan_expect(scan, "a member's name");
	if (json_scan_string(scan, &key) < 0)
		return -EBADMSG;
	if (json_scan_peek(scan) != ':')
		return json_scan_expect(scan, "':'");
	scan->at++;
	*ret_key = key;
	return 0;
}

static int scan_whole(struct json_scan *scan, uint64_t *ret_value)
{
	const char *start = scan->at;
	struct json_decimal decimal;
	bool exact;

	if (json_decimal_scan(scan, &decimal) < 0)
		return -EBADMSG;
	if (json_decimal_round(&decimal, ret_value, &exact) < 0 ||
		(decimal.dropped && decimal.exponent > 0)) {
		scan->at = start;
		return json_scan_expect(scan, "a number below 2^64");
	}
	if (!exact) {
		scan->at = start;
		return json_scan_expect(scan, "a whole number");
	}
	return 0;
}

/* At most 19 digits and nothing else that belongs to a number: most numbers. */
static bool scan_short(struct json_scan *scan, uint64_t *ret_value)
{
	const char *at = scan->at, *end = scan->end;
	uint64_t value = 0;

	if (end - at > 19)
		end = at + 19;
	for (; at != end && json_is_digit(*at); at++)
		value = value * 10 + (uint64_t)(*at - '0');
	if (at == end || at == scan->at || *at == '.' || *at == 'e' || *at == 'E')
		return false;
	scan->at = at;
	*ret_value = value;
	return true;
}

/* The begin of a number, which may be in quotes. */
static bool open_number(struct json_scan *scan)
{
	bool quoted = json_scan_peek(scan) == '"';

	scan->at += quoted;
	return quoted;
}

static int close_number(struct json_scan *scan, bool quoted)
{
	if (!quoted)
		return 0;
	if (json_scan_look(scan) != '"')
		return json_scan_expect(scan, "'\"'");
	scan->at++;
	return 0;
}

int json_scan_u64(struct json_scan *scan, uint64_t *ret_value)
{
	bool quoted = open_number(scan);
	uint64_t value;

	if (json_scan_look(scan) == '-')
		return json_scan_expect(scan, "a number of 0 or more");
	if (!scan_short(scan, &value) && scan_whole(scan, &value) < 0)
		return -EBADMSG;
	if (close_number(scan, quoted) < 0)
		return -EBADMSG;
	*ret_value = value;
	return 0;
}

int json_scan_i64(struct json_scan *scan, int64_t *ret_value)
{
	bool quoted = open_number(scan), negative = json_scan_look(scan) == '-';
	const char *start = scan->at;
	uint64_t value;

	scan->at += negative;
	if (!scan_short(scan, &value) && scan_whole(scan, &value) < 0)
		return -EBADMSG;
	if (value > INT64_MAX) {
		scan->at = start;
		return json_scan_expect(scan, "a number between -2^63 and 2^63");
	}
	if (close_number(scan, quoted) < 0)
		return -EBADMSG;
	*ret_value = negative ? -(int64_t)value : (int64_t)value;
	return 0;
}

int json_scan_fixed(struct json_scan *scan, unsigned digits, uint64_t *ret_value)
{
	bool quoted = open_number(scan), exact;
	const char *start = scan->at;
	struct json_decimal decimal;
	uint64_t value;

	if (json_scan_look(scan) == '-')
		return json_scan_expect(scan, "a number of 0 or more");
	if (json_decimal_scan(scan, &decimal) < 0)
		return -EBADMSG;
	decimal.exponent += digits;
	if (json_decimal_round(&decimal, &value, &exact) < 0) {
		scan->at = start;
		return json_scan_expect(scan, "a smaller number");
	}
	if (close_number(scan, quoted) < 0)
		return -EBADMSG;
	*ret_value = value;
	return 0;
}

static int skip_word(struct json_scan *scan, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
		return json_scan_expect(scan, "a value");
	scan->at += len;
	return 0;
}

static int skip_scalar(struct json_scan *scan)
{
	struct json_string string;
	struct json_decimal decimal;

	switch (json_scan_peek(scan)) {
	case '"':
		return json_scan_string(scan, &string);
	case 't':
		return skip_word(scan, "true");
	case 'f':
		return skip_word(scan, "false");
	case 'n':
		return skip_word(scan, "null");
	case '-':
		scan->at++;
		return json_decimal_scan(scan, &decimal);
	default:
		if (json_is_digit(json_scan_look(scan)))
			return json_decimal_scan(scan, &decimal);
		return json_scan_expect(scan, "a value");
	}
}

/* An object or array that is open: its closing bracket, and how much of it was seen. */
struct level {
	char bracket;
	size_t n;
};

int json_scan_skip(struct json_scan *scan)
{
	struct level levels[JSON_SCAN_DEPTH_MAX];
	size_t depth = 0;

	do {
		char c = json_scan_peek(scan);
		struct json_string key;
		int r = 1;

		if (c == '{' || c == '[') {
			if (depth == JSON_SCAN_DEPTH_MAX)
				return json_scan_expect(
					scan, "at most 64 values within another");
			levels[depth++] = (struct level){ c == '{' ? '}' : ']', 0 };
			scan->at++;
		} else if (skip_scalar(scan) < 0) {
			return -EBADMSG;
		}
		/* Up to the next value, out of what ends before it. */
		while (depth > 0) {
			r = json_scan_next(
				scan, levels[depth - 1].bracket, &levels[depth - 1].n);
			if (r != 0)
				break;
			depth--;
		}
		if (r < 0)
			return r;
		if (depth > 0 && levels[depth - 1].bracket == '}' &&
			json_scan_key(scan, &key) < 0)
			return -EBADMSG;
	} while (depth > 0);
	return 0;
}

int json_scan_end(struct json_scan *scan)
{
	return json_scan_peek(scan) == '\0' && scan->at == scan->end
		       ? 0
		       : json_scan_expect(scan, "the end of the line");
}
