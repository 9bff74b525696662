/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Fields as bytes. */
#include "host/protobuf.h"

#include <string.h>

#include "host/utf8.h"

#define WIRE_VARINT  0
#define WIRE_FIXED64 1
#define WIRE_LEN     2

/* Of 64 bits, seven in each byte. */
#define VARINT_SIZE 10

static size_t varint_format(char *to, uint64_t value)
{
	size_t len = 0;

	for (; value >= 0x80; value >>= 7)
		to[len++] = (char)(unsigned char)(value | 0x80);
	to[len++] = (char)(unsigned char)value;
	return len;
}

static void put_varint(struct json_text *out, uint64_t value)
{
	char bytes[VARINT_SIZE];

	json_text_put(out, bytes, varint_format(bytes, value));
}

static void put_tag(struct json_text *out, uint32_t field, uint32_t wire)
{
	put_varint(out, (uint64_t)field << 3 | wire);
}

void protobuf_varint(struct json_text *out, uint32_t field, uint64_t value)
{
	put_tag(out, field, WIRE_VARINT);
	put_varint(out, value);
}

void protobuf_sint(struct json_text *out, uint32_t field, int64_t value)
{
	/* 0, -1, 1, -2, ... are 0, 1, 2, 3, ... */
	uint64_t zigzag = (uint64_t)value << 1;

	protobuf_varint(out, field, value < 0 ? ~zigzag : zigzag);
}

void protobuf_fixed64(struct json_text *out, uint32_t field, uint64_t value)
{
	char bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(unsigned char)(value >> 8 * i);
	put_tag(out, field, WIRE_FIXED64);
	json_text_put(out, bytes, sizeof(bytes));
}

void protobuf_double(struct json_text *out, uint32_t field, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	protobuf_fixed64(out, field, bits);
}

void protobuf_bytes(struct json_text *out, uint32_t field, const char *bytes, size_t len)
{
	put_tag(out, field, WIRE_LEN);
	put_varint(out, len);
	json_text_put(out, bytes, len);
}

/* Of what the string begins with and is UTF-8. */
static size_t valid_len(const char *string)
{
	size_t len = 0, n = 1;

	while (string[len] && n > 0) {
		n = utf8_character_len(string + len);
		len += n;
	}
	return len;
}

void protobuf_string(struct json_text *out, uint32_t field, const char *string)
{
	size_t message = protobuf_begin(out, field), len = valid_len(string);

	json_text_put(out, string, len);
	for (string += len; *string; string += len) {
		json_text_literal(out, "\xef\xbf\xbd");
		string++;
		len = valid_len(string);
		json_text_put(out, string, len);
	}
	protobuf_end(out, message);
}

/* One byte is left for the length, which is enough for most. */
size_t protobuf_begin(struct json_text *out, uint32_t field)
{
	put_tag(out, field, WIRE_LEN);
	json_text_literal(out, "\0");
	return out->used;
}

void protobuf_end(struct json_text *out, size_t message)
{
	char length[VARINT_SIZE];
	size_t len = out->used - message, n = varint_format(length, len);

	json_text_put(out, length, n - 1);
	if (json_text_error(out) < 0)
		return;
	if (n > 1)
		memmove(out->data + message + n - 1, out->data + message, len);
	memcpy(out->data + message - 1, length, n);
}
