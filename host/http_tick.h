/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * POST /api/v1/tick: the connection rests until the tick is published, then gets its
 * number, {"tick":"N"}. Whoever reads a document from then on reads that tick or a later
 * one.
 */
#pragma once

#include <microhttpd.h>
#include <stdint.h>

#include "host/tick_request.h"

/* Of one HTTP request, zeroed with it; must stay until the connection is resumed. */
struct http_tick {
	struct tick_request request;
	struct MHD_Connection *connection;
	enum { HTTP_TICK_NONE, HTTP_TICK_ASKED, HTTP_TICK_DONE } state;
	int error;
	uint64_t number;
};

/*
 * Asks when it is called first, answers when it is called again after the rest. Returns
 * what a handler returns.
 */
int http_tick_answer(struct tick_requests *requests, struct http_tick *tick,
	struct MHD_Connection *connection);
