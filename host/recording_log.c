/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The recorder's troubles, for the log. */
#include "host/recording_log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "shared/log.h"

static void log_dropped(struct recording_log *log, const struct recorder_status *now)
{
	const struct recorder_status *before = &log->dropped;

	if (now->n_dropped == before->n_dropped)
		return;
	log_warning("%" PRIu64 " ticks were left out of %s, and those after them are the "
		    "longer: for %" PRIu64 " its disk was too slow, %" PRIu64
		    " could not be written, for %" PRIu64 " there was no memory",
		now->n_dropped - before->n_dropped, log->path,
		now->n_slow - before->n_slow, now->n_failed - before->n_failed,
		now->n_dropped - now->n_slow - now->n_failed -
			(before->n_dropped - before->n_slow - before->n_failed));
	log->dropped = *now;
}

static void log_state(struct recording_log *log, int error)
{
	if (error == log->error)
		return;
	log->error = error;
	if (error < 0)
		log_error("Cannot write %s: %s; ticks are left out of the recording "
			  "until it can be%s",
			log->path, strerror(-error),
			error == -ENOMEM ? "" : ". Make room there");
	else
		log_info("Recording into %s again", log->path);
}

void recording_log_status(struct recording_log *log, const struct recorder_status *now,
	uint64_t monotonic_ns)
{
	if (now->error != log->error && monotonic_ns >= log->next_error_ns) {
		log_state(log, now->error);
		log->next_error_ns = monotonic_ns + RECORDING_LOG_PERIOD_NS;
	}
	if (now->n_dropped != log->dropped.n_dropped &&
		monotonic_ns >= log->next_dropped_ns) {
		log_dropped(log, now);
		log->next_dropped_ns = monotonic_ns + RECORDING_LOG_PERIOD_NS;
	}
}

void recording_log_end(struct recording_log *log, const struct recorder_status *now)
{
	if (now->error < 0)
		log_state(log, now->error);
	log_dropped(log, now);
}
