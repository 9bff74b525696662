/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Pulling values out of JSON. */
#include "host/json_scan.h"

#include <errno.h>
#include <string.h>

static int expect(struct json_scan *scan, const char *expected)
{
	scan->expected = expected;
	return -EBADMSG;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The character at the cursor; 0: the end. */
static char look(const struct json_scan *scan)
{
	return scan->at == scan->end ? '\0' : *scan->at;
}

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
		return expect(scan, bracket == '{' ? "an object" : "an array");
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
			return expect(scan, bracket == '}' ? "',' or '}'" : "',' or ']'");
		scan->at++;
	}
	++*n;
	return 1;
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Passes what follows a backslash. */
static int pass_escape(struct json_scan *scan)
{
	char c = look(scan);

	if (c == '\0' || !strchr("\"\\/bfnrtu", c))
		return expect(scan, "one of \"\\/bfnrtu");
	scan->at++;
	for (int i = 0; c == 'u' && i < 4; i++, scan->at++) {
		if (hex_value(look(scan)) < 0)
			return expect(scan, "a hexadecimal digit");
	}
	return 0;
}

int json_scan_string(struct json_scan *scan, struct json_string *ret_string)
{
	const char *start;
	bool escaped = false;

	if (json_scan_peek(scan) != '"')
		return expect(scan, "a string");
	start = ++scan->at;
	while (scan->at != scan->end && *scan->at != '"') {
		char c = *scan->at;

		if ((unsigned char)c < ' ')
			return expect(scan, "no control character in a string");
		scan->at++;
		if (c == '\\') {
			escaped = true;
			if (pass_escape(scan) < 0)
				return -EBADMSG;
		}
	}
	if (scan->at == scan->end)
		return expect(scan, "'\"'");
	*ret_string = (struct json_string){ start, (size_t)(scan->at - start), escaped };
	scan->at++;
	return 0;
}

int json_scan_key(struct json_scan *scan, struct json_string *ret_key)
{
	struct json_string key;

	if (json_scan_string(scan, &key) < 0)
		return expect(scan, "a member's name");
	if (json_scan_peek(scan) != ':')
		return expect(scan, "':'");
	scan->at++;
	*ret_key = key;
	return 0;
}

static uint32_t hex4(const char *digits)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value * 16 + (uint32_t)hex_value(digits[i]);
	return value;
}

/* The \u escape whose digits are at *text, and the second half of a pair. */
static uint32_t decode_code_point(const char **text, const char *end)
{
	uint32_t code = hex4(*text);

	*text += 4;
	if (code < 0xd800 || code > 0xdfff)
		return code;
	if (code < 0xdc00 && end - *text >= 6 && (*text)[0] == '\\' &&
		(*text)[1] == 'u') {
		uint32_t low = hex4(*text + 2);

		if (low >= 0xdc00 && low <= 0xdfff) {
			*text += 6;
			return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return 0xfffd; /* half of a pair alone is no character */
}

static size_t encode_utf8(uint32_t code, char bytes[4])
{
	if (code < 0x80) {
		bytes[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		bytes[0] = (char)(0xc0 | code >> 6);
		bytes[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		bytes[0] = (char)(0xe0 | code >> 12);
		bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	bytes[0] = (char)(0xf0 | code >> 18);
	bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
	bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
	bytes[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* The next character at *text, which json_scan_string() has found to be good. */
static size_t decode(const char **text, const char *end, char bytes[4])
{
	static const char names[] = "bfnrt", meant[] = "\b\f\n\r\t";
	const char *name;
	char c = *(*text)++;

	if (c == '\\') {
		c = *(*text)++;
		if (c == 'u')
			return encode_utf8(decode_code_point(text, end), bytes);
		name = strchr(names, c);
		if (name)
			c = meant[name - names];
	}
	bytes[0] = c;
	return 1;
}

bool json_string_is(const struct json_string *string, const char *text)
{
	const char *at = string->text, *end = at + string->len;
	char bytes[4];

	if (!string->escaped)
		return strlen(text) == string->len && memcmp(text, at, string->len) == 0;
	while (at != end) {
		size_t n = decode(&at, end, bytes);

		if (strnlen(text, n) < n || memcmp(text, bytes, n) != 0)
			return false;
		text += n;
	}
	return *text == '\0';
}

int json_string_copy(const struct json_string *string, char *text, size_t size)
{
	const char *at = string->text, *end = at + string->len;
	char bytes[4];

	while (at != end) {
		size_t n = decode(&at, end, bytes);

		if (bytes[0] == '\0')
			return -EINVAL;
		if (n >= size)
			return -ENAMETOOLONG;
		memcpy(text, bytes, n);
		text += n;
		size -= n;
	}
	if (size == 0)
		return -ENAMETOOLONG;
	*text = '\0';
	return 0;
}

/* mantissa * 10^exponent; dropped: the digits behind them were not all 0. */
struct decimal {
	uint64_t mantissa;
	int64_t exponent;
	bool dropped;
};

/* Exponents beyond it make any number 0 or too large, but for 0 itself. */
#define EXPONENT_MAX 1000

static void take_digits(struct json_scan *scan, struct decimal *decimal, bool fraction)
{
	for (; is_digit(look(scan)); scan->at++) {
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

static int take_exponent(struct json_scan *scan, struct decimal *decimal)
{
	bool negative;
	int64_t exponent = 0;

	scan->at++;
	negative = look(scan) == '-';
	if (negative || look(scan) == '+')
		scan->at++;
	if (!is_digit(look(scan)))
		return expect(scan, "a digit");
	for (; is_digit(look(scan)); scan->at++) {
		if (exponent < EXPONENT_MAX)
			exponent = exponent * 10 + (*scan->at - '0');
	}
	decimal->exponent += negative ? -exponent : exponent;
	return 0;
}

/* The part of a number behind its sign. */
static int scan_decimal(struct json_scan *scan, struct decimal *ret_decimal)
{
	struct decimal decimal = { 0 };

	if (!is_digit(look(scan)))
		return expect(scan, "a number");
	take_digits(scan, &decimal, false);
	if (look(scan) == '.') {
		scan->at++;
		if (!is_digit(look(scan)))
			return expect(scan, "a digit");
		take_digits(scan, &decimal, true);
	}
	if ((look(scan) == 'e' || look(scan) == 'E') && take_exponent(scan, &decimal) < 0)
		return -EBADMSG;
	*ret_decimal = decimal;
	return 0;
}

/* The whole number nearest to it; -ERANGE; *ret_exact: it is that number. */
static int round_decimal(
	const struct decimal *decimal, uint64_t *ret_value, bool *ret_exact)
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

static int scan_whole(struct json_scan *scan, uint64_t *ret_value)
{
	const char *start = scan->at;
	struct decimal decimal;
	bool exact;

	if (scan_decimal(scan, &decimal) < 0)
		return -EBADMSG;
	if (round_decimal(&decimal, ret_value, &exact) < 0 ||
		(decimal.dropped && decimal.exponent > 0)) {
		scan->at = start;
		return expect(scan, "a number below 2^64");
	}
	if (!exact) {
		scan->at = start;
		return expect(scan, "a whole number");
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
	for (; at != end && is_digit(*at); at++)
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
	if (look(scan) != '"')
		return expect(scan, "'\"'");
	scan->at++;
	return 0;
}

int json_scan_u64(struct json_scan *scan, uint64_t *ret_value)
{
	bool quoted = open_number(scan);
	uint64_t value;

	if (look(scan) == '-')
		return expect(scan, "a number of 0 or more");
	if (!scan_short(scan, &value) && scan_whole(scan, &value) < 0)
		return -EBADMSG;
	if (close_number(scan, quoted) < 0)
		return -EBADMSG;
	*ret_value = value;
	return 0;
}

int json_scan_i64(struct json_scan *scan, int64_t *ret_value)
{
	bool quoted = open_number(scan), negative = look(scan) == '-';
	const char *start = scan->at;
	uint64_t value;

	scan->at += negative;
	if (!scan_short(scan, &value) && scan_whole(scan, &value) < 0)
		return -EBADMSG;
	if (value > INT64_MAX) {
		scan->at = start;
		return expect(scan, "a number between -2^63 and 2^63");
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
	struct decimal decimal;
	uint64_t value;

	if (look(scan) == '-')
		return expect(scan, "a number of 0 or more");
	if (scan_decimal(scan, &decimal) < 0)
		return -EBADMSG;
	decimal.exponent += digits;
	if (round_decimal(&decimal, &value, &exact) < 0) {
		scan->at = start;
		return expect(scan, "a smaller number");
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
		return expect(scan, "a value");
	scan->at += len;
	return 0;
}

static int skip_scalar(struct json_scan *scan)
{
	struct json_string string;
	struct decimal decimal;

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
		return scan_decimal(scan, &decimal);
	default:
		if (is_digit(look(scan)))
			return scan_decimal(scan, &decimal);
		return expect(scan, "a value");
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
				return expect(scan, "at most 64 values within another");
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
		       : expect(scan, "the end of the line");
}
