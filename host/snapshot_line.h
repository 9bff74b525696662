/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A snapshot as one line of NDJSON: what was measured, without the state of links and
 * of the daemon. Its members have the names and values of /api/v1/host and
 * /api/v1/domains (host/snapshot_json.h), in one object; vmpower-hostd(8) lists them.
 * For what takes every tick, where those documents' trees are too slow. Pure.
 */
#pragma once

#include "host/json_text.h"
#include "host/snapshot.h"

/* What each line begins with. */
#define SNAPSHOT_LINE_BEGIN "{\"tick\":"

/*
 * Adds the line, newline included, behind what is in *text. node_name is this host's.
 * Errors are the text's.
 */
void snapshot_line_add(
	const struct snapshot *snapshot, const char *node_name, struct json_text *text);
