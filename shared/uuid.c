/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* UUIDs: text, random ones. */
#include "shared/uuid.h"

#include <errno.h>
#include <stddef.h>
#include <sys/random.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool hyphen_at(size_t position)
{
	return position == 8 || position == 13 || position == 18 || position == 23;
}

int uuid_parse(const char *text, struct uuid *ret_uuid)
{
	struct uuid uuid = { 0 };
	size_t nibble = 0;

	if (strnlen(text, UUID_TEXT_SIZE) != UUID_TEXT_SIZE - 1)
		return -EINVAL;
	for (size_t i = 0; i < UUID_TEXT_SIZE - 1; i++) {
		int digit;

		if (hyphen_at(i)) {
			if (text[i] != '-')
				return -EINVAL;
			continue;
		}
		digit = hex_digit(text[i]);
		if (digit < 0)
			return -EINVAL;
		uuid.bytes[nibble / 2] |= (uint8_t)(nibble % 2 ? digit : digit << 4);
		nibble++;
	}
	*ret_uuid = uuid;
	return 0;
}

void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	size_t nibble = 0;

	for (size_t i = 0; i < UUID_TEXT_SIZE - 1; i++) {
		uint8_t byte = uuid->bytes[nibble / 2];

		if (hyphen_at(i)) {
			text[i] = '-';
			continue;
		}
		text[i] = digits[nibble % 2 ? byte & 15 : byte >> 4];
		nibble++;
	}
	text[UUID_TEXT_SIZE - 1] = '\0';
}

int uuid_generate(struct uuid *ret_uuid)
{
	struct uuid uuid;
	ssize_t n = getrandom(uuid.bytes, sizeof(uuid.bytes), 0);

	if (n != (ssize_t)sizeof(uuid.bytes))
		return n < 0 ? -errno : -EIO;
	uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | 0x40);
	uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
	*ret_uuid = uuid;
	return 0;
}
