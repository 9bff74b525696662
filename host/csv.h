/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * CSV being written (RFC 4180: CRLF, quotes where needed), into bytes that grow. Out of
 * memory sticks, see host/json_text.h. Pure.
 */
#pragma once

#include <stddef.h>

#include "host/json_text.h"

/*
 * Any text as a field; what stands between fields is the caller's. A control character,
 * but for tabs, CR and LF, for which RFC 4180 has no place and which a terminal may
 * listen to, becomes U+FFFD, and so does a byte that is not UTF-8.
 */
void csv_field(struct json_text *text, const char *field);

/* A whole line of them. */
void csv_line(struct json_text *text, const char *const *fields, size_t n);
