/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * hostd --json and --csv: hands each published tick to its streams, and says on the log
 * what becomes of them. Nothing here keeps a tick from being made.
 */
#pragma once

#include "host/output_log.h"
#include "host/snapshot.h"
#include "host/stream.h"

enum streams_format {
	STREAMS_JSON,
	STREAMS_CSV,
	STREAMS_FORMATS,
};

/* Zeroed: there are none. */
struct streams {
	struct streams_output {
		struct stream *stream;
		struct output_log log;
	} outputs[STREAMS_FORMATS];
};

/* Empty paths are none; they must outlive the streams. */
void streams_start(struct streams *streams, const char *json, const char *csv);

/* The box's newest snapshot. */
void streams_add(struct streams *streams, struct snapshot_box *box);

/* Files are opened again, so that they can be moved away. */
void streams_reopen(struct streams *streams);

void streams_stop(struct streams *streams);
