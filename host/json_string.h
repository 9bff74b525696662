/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A string of a JSON text (RFC 8259), and what it says with its escapes undone. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* As it stands in the text, without its quotes. json_scan_string() finds good ones. */
struct json_string {
	const char *text;
	size_t len;
	bool escaped; /* there are backslashes in it */
};

bool json_string_is(const struct json_string *string, const char *text);
/* With its escapes undone. -ENAMETOOLONG; -EINVAL: there is a NUL in it. */
int json_string_copy(const struct json_string *string, char *text, size_t size);

/* What a hexadecimal digit is worth; -1: it is none. */
int json_string_hex_value(char c);
