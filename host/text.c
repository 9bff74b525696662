/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Untrusted text for terminals and shells. */
#include "config.h"

#include "host/text.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/*
 * The next character of *text, moved on behind it; *ret_columns is its width, and
 * 0 says that '?' must stand for it.
 */
static size_t next_character(const char **text, size_t left, size_t *ret_columns)
{
	mbstate_t state = { 0 };
	wchar_t character;
	size_t len = mbrtowc(&character, *text, left, &state);
	int columns = 0;

	if (len == (size_t)-1 || len == (size_t)-2 || len == 0)
		len = 1;
	else if (iswprint((wint_t)character))
		columns = wcwidth(character);
	*ret_columns = columns > 0 ? (size_t)columns : 0;
	*text += len;
	return len;
}

/* out may be NULL. */
static size_t walk(FILE *out, const char *text)
{
	const char *end = text + strlen(text);
	size_t width = 0;

	while (text < end) {
		const char *start = text;
		size_t columns,
			len = next_character(&text, (size_t)(end - text), &columns);

		if (out)
			fwrite(columns ? start : "?", 1, columns ? len : 1, out);
		width += columns ? columns : 1;
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
