/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* An output's troubles, for the log. */
#include "host/output_log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "shared/log.h"

static void log_dropped(struct output_log *log, const struct output_status *now)
{
	const struct output_status *before = &log->dropped;

	if (now->n_dropped == before->n_dropped)
		return;
	log_warning("%" PRIu64 " ticks were left out of %s, and %s: for %" PRIu64
		    " it was too slow, %" PRIu64 " could not be written, for %" PRIu64
		    " there was no memory",
		now->n_dropped - before->n_dropped, log->path, log->after,
		now->n_slow - before->n_slow, now->n_failed - before->n_failed,
		now->n_dropped - now->n_slow - now->n_failed -
			(before->n_dropped - before->n_slow - before->n_failed));
	log->dropped = *now;
}

static const char *reason(int error)
{
	if (error == -ENXIO)
		return "nobody reads it";
	if (error == -EEXIST)
		return "there is something else in it, which is left as it is";
	return strerror(-error);
}

static const char *cure(int error)
{
	if (error == -EEXIST)
		return ". Move that away or name another file";
	return error == -ENOSPC || error == -EDQUOT ? ". Make room there" : "";
}

static void log_state(struct output_log *log, int error)
{
	if (error == log->error)
		return;
	log->error = error;
	if (error < 0)
		log_error(
			"Cannot write %s: %s; ticks are left out of it until it can be%s",
			log->path, reason(error), cure(error));
	else
		log_info("%s is written again", log->path);
}

void output_log_status(
	struct output_log *log, const struct output_status *now, uint64_t monotonic_ns)
{
	if (now->error != log->error && monotonic_ns >= log->next_error_ns) {
		log_state(log, now->error);
		log->next_error_ns = monotonic_ns + OUTPUT_LOG_PERIOD_NS;
	}
	/* Of an error that lasts the log knows what it does. */
	if (now->n_dropped != log->dropped.n_dropped && log->error == 0 &&
		monotonic_ns >= log->next_dropped_ns) {
		log_dropped(log, now);
		log->next_dropped_ns = monotonic_ns + OUTPUT_LOG_PERIOD_NS;
	}
}

void output_log_end(struct output_log *log, const struct output_status *now)
{
	if (now->error < 0)
		log_state(log, now->error);
	log_dropped(log, now);
}
