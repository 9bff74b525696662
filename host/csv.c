/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Fields and lines of CSV. */
#include "host/csv.h"

#include <string.h>

void csv_field(struct json_text *text, const char *field)
{
	size_t len = strcspn(field, ",\"\r\n");

	if (!field[len]) {
		json_text_put(text, field, len);
		return;
	}
	json_text_literal(text, "\"");
	for (; *field; field += len) {
		len = strcspn(field, "\"");
		json_text_put(text, field, len);
		if (!field[len])
			break;
		json_text_literal(text, "\"\"");
		len++;
	}
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
