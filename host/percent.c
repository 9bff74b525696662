/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Which bytes stay. */
#include "host/percent.h"

#include <string.h>

/* RFC 3986, 2.3. Not isalnum(), which has a locale. */
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

void percent_put(struct json_text *out, const char *string)
{
	static const char hex[] = "0123456789ABCDEF";

	while (*string) {
		size_t len = strspn(string, UNRESERVED);
		unsigned char c = (unsigned char)*string;

		if (len > 0) {
			json_text_put(out, string, len);
		} else {
			json_text_put(out, (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3);
			len = 1;
		}
		string += len;
	}
}
