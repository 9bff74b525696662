/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Newline-delimited JSON for any HTTP server: a line a tick, see host/snapshot_line.h.
 * Pure.
 */
#include "host/push_format.h"
#include "host/snapshot_line.h"

static int add(const struct push_options *options, const struct snapshot *snapshot,
	struct json_text *body)
{
	snapshot_line_add(snapshot, options->host, body);
	return json_text_error(body);
}

const struct push_format push_format_ndjson = {
	.name = "ndjson",
	.carrier = PUSH_CARRIER_HTTP,
	.content_type = "application/x-ndjson",
	.token_header = "Authorization: Bearer ",
	.add = add,
	.judge = push_format_judge,
};
