/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Fields and lines of CSV. */
#include "host/csv.h"

#include <stdbool.h>
#include <string.h>

#include "host/utf8.h"

/* Of the character at string; 0: it cannot stand in a field. */
static size_t character_len(const char *string)
{
	if (utf8_is_control(string) && !strchr("\t\r\n", *string))
		return 0;
	return utf8_character_len(string);
}

/* Up to what does not stand for itself. */
static size_t plain_len(const char *field)
{
	size_t len = 0, n;

	while (field[len] && field[len] != '"' && (n = character_len(field + len)) > 0)
		len += n;
	return len;
}

void csv_field(struct json_text *text, const char *field)
{
	bool quoted = field[strcspn(field, ",\"\r\n")];

	if (quoted)
		json_text_literal(text, "\"");
	for (;;) {
		size_t len = plain_len(field);

		json_text_put(text, field, len);
		field += len;
		if (!*field)
			break;
		if (*field == '"')
			json_text_literal(text, "\"\"");
		else
			json_text_literal(text, "\xef\xbf\xbd");
		len = utf8_character_len(field);
		field += len > 0 ? len : 1;
	}
	if (quoted)
		json_text_literal(text, "\"");
}

void csv_line(struct json_text *text, const char *const *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			json_text_literal(text, ",");
		csv_field(text, fields[i]);
	}
	json_text_literal(text, "\r\n");
}
