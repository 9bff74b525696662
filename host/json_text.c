/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Writing JSON. */
#include "host/json_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/utf8.h"
#include "shared/number.h"

#define SIZE_MIN 4096

/* Room for len bytes more, or NULL. */
static char *reserve(struct json_text *text, size_t len)
{
	size_t size = text->size > 0 ? text->size : SIZE_MIN;
	char *grown;

	if (text->failed)
		return NULL;
	if (text->data && text->size - text->used >= len)
		return text->data + text->used;
	while (size - text->used < len)
		size *= 2;
	grown = realloc(text->data, size);
	if (!grown) {
		text->failed = true;
		return NULL;
	}
	text->data = grown;
	text->size = size;
	return text->data + text->used;
}

void json_text_put(struct json_text *text, const char *bytes, size_t len)
{
	char *to = len > 0 ? reserve(text, len) : NULL;

	if (!to)
		return;
	memcpy(to, bytes, len);
	text->used += len;
}

void json_text_u64(struct json_text *text, uint64_t value)
{
	char *to = reserve(text, NUMBER_U64_SIZE);

	if (to)
		text->used += number_format_u64(to, value);
}

void json_text_i64(struct json_text *text, int64_t value)
{
	if (value < 0)
		json_text_literal(text, "-");
	json_text_u64(text, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void json_text_counter(struct json_text *text, uint64_t value)
{
	char *to = reserve(text, NUMBER_U64_SIZE + 2);
	size_t n;

	if (!to)
		return;
	to[0] = '"';
	n = number_format_u64(to + 1, value);
	to[n + 1] = '"';
	text->used += n + 2;
}

void json_text_watts(struct json_text *text, uint64_t uw)
{
	char digits[] = "000000", number[NUMBER_U64_SIZE];
	size_t len = number_format_u64(number, uw % 1000000), last = 6;

	json_text_u64(text, uw / 1000000);
	memcpy(digits + 6 - len, number, len);
	while (last > 0 && digits[last - 1] == '0')
		last--;
	if (last == 0)
		return;
	json_text_literal(text, ".");
	json_text_put(text, digits, last);
}

void json_text_seconds(struct json_text *text, uint64_t ns)
{
	char digits[NUMBER_U64_SIZE];
	size_t len = number_format_u64(digits, ns % 1000000000);

	json_text_u64(text, ns / 1000000000);
	json_text_literal(text, ".");
	json_text_put(text, "000000000", 9 - len);
	json_text_put(text, digits, len);
}

void json_text_string(struct json_text *text, const char *string)
{
	static const char hex[] = "0123456789abcdef";

	json_text_literal(text, "\"");
	while (*string) {
		size_t len = utf8_character_len(string);
		unsigned char c = (unsigned char)*string;

		if (len == 0) {
			json_text_literal(text, "\\ufffd");
			len = 1;
		} else if (c == '"' || c == '\\') {
			json_text_literal(text, "\\");
			json_text_put(text, string, 1);
		} else if (utf8_is_control(string)) {
			/* Of two bytes the second is the number. */
			c = (unsigned char)string[len - 1];
			json_text_literal(text, "\\u00");
			json_text_put(text, &hex[c >> 4], 1);
			json_text_put(text, &hex[c & 15], 1);
		} else {
			json_text_put(text, string, len);
		}
		string += len;
	}
	json_text_literal(text, "\"");
}

void json_text_clear(struct json_text *text)
{
	text->used = 0;
	text->failed = false;
}

int json_text_error(const struct json_text *text)
{
	return text->failed ? -ENOMEM : 0;
}

void json_text_deinit(struct json_text *text)
{
	free(text->data);
	*text = (struct json_text){ 0 };
}
