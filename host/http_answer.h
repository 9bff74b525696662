/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What hostd's HTTP servers answer with: responses of libmicrohttpd's. Not what is in
 * them. */
#pragma once

#include <cjson/cJSON.h>
#include <microhttpd.h>

/* Takes text over. NULL: out of memory. */
struct MHD_Response *http_answer_make(char *text, size_t size, const char *type);

/* Takes document over, which may be NULL for want of memory; so may be the response. */
struct MHD_Response *http_answer_make_json(cJSON *document);

/* Both return what a handler returns; MHD_NO, for want of memory, ends the connection. */
int http_answer_json(
	struct MHD_Connection *connection, unsigned int status, cJSON *document);

/* {"status":text}, with one header more unless it is NULL. */
int http_answer_status(struct MHD_Connection *connection, unsigned int status,
	const char *text, const char *header, const char *value);
