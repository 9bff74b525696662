/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What the log is told of a recording: when its file cannot be written and when it can
 * be again, and how many ticks were left out of it, each at most once a minute however
 * often it changes.
 */
#pragma once

#include <stdint.h>

#include "host/recorder.h"

#define RECORDING_LOG_PERIOD_NS 60000000000u

struct recording_log {
	const char *path;		/* the caller's */
	struct recorder_status dropped; /* as it was when the log was told of drops */
	uint64_t next_dropped_ns;
	int error; /* that the log knows of */
	uint64_t next_error_ns;
};

void recording_log_status(struct recording_log *log, const struct recorder_status *now,
	uint64_t monotonic_ns);

/* What is left to say at the end. */
void recording_log_end(struct recording_log *log, const struct recorder_status *now);
