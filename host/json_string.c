/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What a JSON string says. */
#include "host/json_string.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

int json_string_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static uint32_t hex4(const char *digits)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value * 16 + (uint32_t)json_string_hex_value(digits[i]);
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
