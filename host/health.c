/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What can be wrong. */
#include "host/health.h"

#include <stdarg.h>
#include <stdio.h>

#include "shared/clock.h"

struct reasons {
	cJSON *array;
	bool any, failed; /* for want of memory */
};

static void __attribute__((__format__(printf, 2, 3)))
add(struct reasons *reasons, const char *format, ...)
{
	char text[768];
	va_list args;
	cJSON *item;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	item = cJSON_CreateString(text);
	reasons->any = true;
	if (item && cJSON_AddItemToArray(reasons->array, item))
		return;
	cJSON_Delete(item);
	reasons->failed = true;
}

static void check_ticks(struct reasons *reasons, const struct snapshot *snapshot,
	uint64_t now_ns, const struct health_limits *limits)
{
	uint64_t age_ns = now_ns > snapshot->boottime_ns ? now_ns - snapshot->boottime_ns
							 : 0;

	if (age_ns > limits->stale_ns)
		add(reasons, "ticks late: the last one was %.1f s ago",
			(double)age_ns / NSEC_PER_SEC);
	else if (snapshot->late_ns > limits->late_ns)
		add(reasons, "ticks late: the last one began %.3f s after its time",
			(double)snapshot->late_ns / NSEC_PER_SEC);
}

static void check_zones(struct reasons *reasons, const struct snapshot *snapshot)
{
	bool any = false;

	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];

		any |= snapshot_zone_is_shared(zone);
		if (snapshot_zone_is_shared(zone) && zone->state == TICK_ZONE_EXCLUDED)
			add(reasons, "source lost: zone %s is left out: %s", zone->name,
				zone->problem ? zone->problem
					      : "its counter makes no sense");
	}
	if (!any)
		add(reasons, "source lost: there is no zone");
}

cJSON *health_document(const struct snapshot *snapshot, uint64_t now_boottime_ns,
	const struct health_limits *limits, bool *ret_ok)
{
	cJSON *document = cJSON_CreateObject();
	struct reasons reasons = { .array = cJSON_CreateArray() };

	if (!snapshot) {
		add(&reasons, "starting: nothing is measured yet");
	} else {
		check_ticks(&reasons, snapshot, now_boottime_ns, limits);
		check_zones(&reasons, snapshot);
		if (!snapshot->libvirt_connected)
			add(&reasons, "%s", snapshot->libvirt_error);
	}
	*ret_ok = !reasons.any;
	if (!reasons.failed &&
		cJSON_AddStringToObject(
			document, "status", reasons.any ? "failing" : "ok") &&
		cJSON_AddItemToObject(document, "reasons", reasons.array))
		return document;
	cJSON_Delete(reasons.array);
	cJSON_Delete(document);
	return NULL;
}
