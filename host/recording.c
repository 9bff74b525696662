/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Ticks to the recorder, its troubles to the log. */
#include "host/recording.h"

#include <errno.h>
#include <string.h>

#include "shared/log.h"

/* A recording is worth no longer wait when the daemon is to end. */
#define STOP_MS 5000

void recording_start(struct recording *recording, const char *path)
{
	int r;

	*recording = (struct recording){
		.log = { .path = path, .after = "those after them are the longer" }
	};
	if (!path[0])
		return;
	r = recorder_start(path, &recording->recorder);
	if (r == 0)
		log_info("Recording into %s", path);
	else if (r == -EEXIST)
		log_error("Not recording: there is something in %s, which is not "
			  "overwritten; move it away or name another file",
			path);
	else
		log_error("Not recording: cannot write %s: %s", path,
			r == -EINVAL ? "it is not a regular file" : strerror(-r));
}

void recording_add(struct recording *recording, const struct sampler *sampler)
{
	const struct tick *tick = sampler_tick(sampler);
	struct trace_idle idle[MACHINE_ZONES_MAX] = { 0 };
	const struct trace_item item = {
		.machine = sampler_machine(sampler),
		.sample = sampler_sample(sampler),
		.names = sampler_names(sampler),
		.idle = idle,
		.estimated = tick->quality == MESSAGE_ESTIMATED,
	};

	struct output_status status;

	if (!recording->recorder)
		return;
	for (size_t z = 0; z < tick->n_zones; z++) {
		const struct tick_zone *zone = &tick->zones[z];

		/* Nothing learned yet is nothing to tell. */
		idle[z] = (struct trace_idle){
			.given = zone->idle_uw > 0 ||
				 zone->idle_origin != IDLE_POWER_LEARNED,
			.origin = zone->idle_origin,
			.idle_uw = zone->idle_uw,
		};
	}
	recorder_add(recording->recorder, &item);
	recorder_status(recording->recorder, &status);
	output_log_status(&recording->log, &status, item.sample->monotonic_ns);
}

void recording_stop(struct recording *recording)
{
	struct output_status status;

	if (!recording->recorder)
		return;
	if (!recorder_stop(recording->recorder, STOP_MS, &status))
		log_error("The disk of %s does not answer; ticks that wait for it are "
			  "not recorded",
			recording->log.path);
	output_log_end(&recording->log, &status);
	*recording = (struct recording){ 0 };
}
