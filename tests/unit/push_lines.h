/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A tick in a format of lines, and what is in it. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "host/push_format.h"

/* The tick's body, with a NUL, for the caller to free. */
static inline char *push_lines(const struct push_format *format,
	const struct push_options *options, const struct snapshot *snapshot)
{
	struct json_text body = { 0 };

	assert_int_equal(format->add(options, snapshot, &body), 0);
	json_text_literal(&body, "\0");
	assert_int_equal(json_text_error(&body), 0);
	return body.data;
}

static inline void assert_line(const char *body, const char *line)
{
	const char *found = strstr(body, line);

	if (!found || (found > body && found[-1] != '\n') || found[strlen(line)] != '\n')
		fail_msg("no line %s in\n%s", line, body);
}
