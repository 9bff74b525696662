/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Responses. */
#include "host/http_answer.h"

#include <stdlib.h>
#include <string.h>

struct MHD_Response *http_answer_make(char *text, size_t size, const char *type)
{
	struct MHD_Response *response;

	if (!text)
		return NULL;
	response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return NULL;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	return response;
}

struct MHD_Response *http_answer_make_json(cJSON *document)
{
	char *text = document ? cJSON_PrintUnformatted(document) : NULL;

	cJSON_Delete(document);
	return http_answer_make(text, text ? strlen(text) : 0, "application/json");
}

int http_answer_json(
	struct MHD_Connection *connection, unsigned int status, cJSON *document)
{
	struct MHD_Response *response = http_answer_make_json(document);
	int r;

	if (!response)
		return MHD_NO;
	r = (int)MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

int http_answer_status(struct MHD_Connection *connection, unsigned int status,
	const char *text, const char *header, const char *value)
{
	cJSON *document = cJSON_CreateObject();
	struct MHD_Response *response;
	int r;

	cJSON_AddStringToObject(document, "status", text);
	response = http_answer_make_json(document);
	if (!response)
		return MHD_NO;
	if (header)
		MHD_add_response_header(response, header, value);
	r = (int)MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}
