/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Untrusted text for terminals and shells. */
#include "config.h"

#include "host/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/*
 * Letters written from right to left: a terminal may put what follows them, numbers too,
 * before them.
 */
static bool goes_left(wchar_t character)
{
	static const struct {
		wchar_t first, last;
	} blocks[] = {
		{ 0x0590, 0x08ff },
		{ 0xfb1d, 0xfdff },
		{ 0xfe70, 0xfeff },
		{ 0x10800, 0x10fff },
		{ 0x1e800, 0x1efff },
	};

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		if (character >= blocks[i].first && character <= blocks[i].last)
			return true;
	}
	return false;
}

size_t text_next(
	const char *text, size_t left, wchar_t *ret_character, size_t *ret_columns)
{
	mbstate_t state = { 0 };
	wchar_t character = L'?';
	size_t len = mbrtowc(&character, text, left, &state);
	int columns = 0;

	if (len == (size_t)-1 || len == (size_t)-2 || len == 0)
		len = 1;
	else if (iswprint((wint_t)character) && !goes_left(character))
		columns = wcwidth(character);
	*ret_character = columns > 0 ? character : L'?';
	*ret_columns = columns > 0 ? (size_t)columns : 0;
	return len;
}

/* out may be NULL. */
static size_t walk(FILE *out, const char *text)
{
	const char *end = text + strlen(text);
	size_t width = 0;

	while (text < end) {
		wchar_t character;
		size_t columns,
			len = text_next(text, (size_t)(end - text), &character, &columns);

		if (out)
			fwrite(columns ? text : "?", 1, columns ? len : 1, out);
		width += columns ? columns : 1;
		text += len;
	}
	return width;
}

size_t text_print(FILE *out, const char *text)
{
	return walk(out, text);
}

size_t text_width(const char *text)
{
	return walk(NULL, text);
}

void text_print_padded(FILE *out, const char *text, size_t width)
{
	for (size_t used = walk(out, text); used < width; used++)
		fputc(' ', out);
}

char *text_quote(const char *text)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789_-+=.,:/@%";
	size_t len = strlen(text);
	char *quoted, *to;

	if (len > 0 && strspn(text, safe) == len)
		return strdup(text);
	/* Each ' becomes '\''. */
	quoted = to = malloc(4 * len + 3);
	if (!quoted)
		return NULL;
	*to++ = '\'';
	for (; *text; text++) {
		if (*text == '\'')
			to = stpcpy(to, "'\\''");
		else
			*to++ = *text;
	}
	strcpy(to, "'");
	return quoted;
}
