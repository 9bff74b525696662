/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What is a character and what is not. */
#include "host/utf8.h"

#include <string.h>

size_t utf8_character_len(const char *string)
{
	const unsigned char *text = (const unsigned char *)string;
	static const struct {
		unsigned char first, last; /* of the first byte */
		unsigned char low, high;   /* of the second */
		unsigned char len;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (text[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (text[0] < forms[i].first || text[0] > forms[i].last)
			continue;
		if (text[1] < forms[i].low || text[1] > forms[i].high)
			return 0;
		for (size_t n = 2; n < forms[i].len; n++) {
			if ((text[n] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}

bool utf8_is_control(const char *string)
{
	const unsigned char *text = (const unsigned char *)string;

	if (text[0] < 0x80)
		return text[0] < ' ' || text[0] == 0x7f;
	/* U+0080 to U+009F. */
	return text[0] == 0xc2 && text[1] >= 0x80 && text[1] < 0xa0;
}

size_t utf8_cut(const char *string, size_t max)
{
	size_t len = strnlen(string, max + 1);

	if (len <= max)
		return len;
	len = max;
	while (len > 0 && ((unsigned char)string[len] & 0xc0) == 0x80)
		len--;
	return len;
}
