/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Idle power as traces have it. */
#include "host/trace_idle.h"

#define IDLE_UW_MAX UINT64_C(100000000000)

struct zones {
	const struct machine *machine;
	struct trace_idle *idle;
};

static int take_power(struct trace_scan *scan, const struct json_string *name, void *data)
{
	const struct zones *zones = data;
	struct trace_idle *idle;
	uint64_t idle_uw;
	int zone;

	if (json_scan_fixed(&scan->json, 6, &idle_uw) < 0)
		return trace_scan_fail(scan);
	if (idle_uw > IDLE_UW_MAX)
		return trace_error(scan->error, "\"idle_w\" of a zone is over 100000");
	zone = trace_zone_find(zones->machine, name);
	if (zone < 0)
		return 0;
	idle = &zones->idle[zone];
	if (!idle->given)
		idle->origin = IDLE_POWER_CONFIGURED;
	idle->given = true;
	idle->idle_uw = idle_uw;
	return 0;
}

int trace_idle_scan_power(struct trace_scan *scan, const struct machine *machine,
	struct trace_idle idle[MACHINE_ZONES_MAX])
{
	return trace_scan_object(scan, take_power, &(struct zones){ machine, idle });
}

static int take_origin(
	struct trace_scan *scan, const struct json_string *name, void *data)
{
	const struct zones *zones = data;
	struct json_string text;
	enum idle_power_origin origin;
	int zone;

	if (json_scan_string(&scan->json, &text) < 0)
		return trace_scan_fail(scan);
	if (trace_origin_parse(&text, &origin) < 0)
		return trace_error(scan->error,
			"\"idle_origin\" of a zone is not configured, calibrated "
			"or learned");
	zone = trace_zone_find(zones->machine, name);
	if (zone >= 0)
		zones->idle[zone].origin = origin;
	return 0;
}

int trace_idle_scan_origin(struct trace_scan *scan, const struct machine *machine,
	struct trace_idle idle[MACHINE_ZONES_MAX])
{
	return trace_scan_object(scan, take_origin, &(struct zones){ machine, idle });
}
