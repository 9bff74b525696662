/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Ticks to streams, their troubles to the log. */
#include "host/streams.h"

#include <string.h>

#include "host/snapshot_csv.h"
#include "host/snapshot_line.h"
#include "host/stream_target.h"
#include "shared/clock.h"
#include "shared/log.h"

/* A stream is worth no longer wait when the daemon is to end. */
#define STOP_MS 5000

static void add_csv(
	const struct snapshot *snapshot, const char *node_name, struct json_text *text)
{
	(void)node_name;
	snapshot_csv_add(snapshot, text);
}

static const struct stream_format formats[STREAMS_FORMATS] = {
	[STREAMS_JSON] = { "", SNAPSHOT_LINE_BEGIN, "\n", snapshot_line_add },
	[STREAMS_CSV] = { SNAPSHOT_CSV_HEAD, SNAPSHOT_CSV_HEAD, "\r\n", add_csv },
};

static void start(struct streams_output *output, const char *path,
	const struct stream_format *format)
{
	int r;

	*output = (struct streams_output){ 0 };
	if (!path[0])
		return;
	output->log = (struct output_log){
		.path = strcmp(path, STREAM_TARGET_STDOUT) == 0 ? "standard output"
								: path,
		.after = "their energy is in the totals of those after them",
	};
	r = stream_start(path, format, &output->stream);
	if (r == 0)
		log_info("Writing every tick to %s", output->log.path);
	else
		log_error("Not writing to %s: cannot start a thread: %s",
			output->log.path, strerror(-r));
}

void streams_start(struct streams *streams, const char *json, const char *csv)
{
	start(&streams->outputs[STREAMS_JSON], json, &formats[STREAMS_JSON]);
	start(&streams->outputs[STREAMS_CSV], csv, &formats[STREAMS_CSV]);
}

void streams_add(struct streams *streams, struct snapshot_box *box)
{
	cleanup_snapshot_unref struct snapshot *snapshot = snapshot_box_take(box);

	for (size_t i = 0; i < STREAMS_FORMATS; i++) {
		struct streams_output *output = &streams->outputs[i];
		struct output_status status;

		if (!output->stream)
			continue;
		stream_add(output->stream, snapshot);
		stream_status(output->stream, &status);
		output_log_status(&output->log, &status, clock_monotonic_ns());
	}
}

void streams_reopen(struct streams *streams)
{
	for (size_t i = 0; i < STREAMS_FORMATS; i++) {
		if (streams->outputs[i].stream)
			stream_reopen(streams->outputs[i].stream);
	}
}

void streams_stop(struct streams *streams)
{
	for (size_t i = 0; i < STREAMS_FORMATS; i++) {
		struct streams_output *output = &streams->outputs[i];
		struct output_status status;

		if (!output->stream)
			continue;
		if (!stream_stop(output->stream, STOP_MS, &status))
			log_error("The disk of %s does not answer; ticks that wait for "
				  "it are left out",
				output->log.path);
		output_log_end(&output->log, &status);
		output->stream = NULL;
	}
}
