/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A tick for a request. */
#include "host/http_tick.h"

#include <stddef.h>

#include "host/http_answer.h"
#include "shared/number.h"

/* In the main loop's thread. */
static void done(struct tick_request *request, int error, uint64_t number)
{
	struct http_tick *tick = (struct http_tick *)((char *)request -
						      offsetof(
							      struct http_tick, request));

	tick->error = error;
	tick->number = number;
	tick->state = HTTP_TICK_DONE;
	MHD_resume_connection(tick->connection);
}

static int answer(const struct http_tick *tick)
{
	char digits[NUMBER_U64_SIZE];
	cJSON *document;

	if (tick->error < 0)
		return http_answer_status(tick->connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			"there was no tick; see the log of vmpower-hostd",
			MHD_HTTP_HEADER_RETRY_AFTER, "1");
	number_format_u64(digits, tick->number);
	document = cJSON_CreateObject();
	cJSON_AddStringToObject(document, "tick", digits);
	return http_answer_json(tick->connection, MHD_HTTP_OK, document);
}

int http_tick_answer(struct tick_requests *requests, struct http_tick *tick,
	struct MHD_Connection *connection)
{
	int r;

	if (tick->state != HTTP_TICK_NONE)
		return answer(tick);
	tick->connection = connection;
	tick->request.done = done;
	tick->state = HTTP_TICK_ASKED;
	MHD_suspend_connection(connection);
	r = tick_requests_submit(requests, &tick->request);
	if (r < 0)
		done(&tick->request, r, 0);
	return MHD_YES;
}
