/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Findings about the idle power that the zones are taken to have. */
#include "host/diagnose.h"

#include <stdio.h>

#include "host/cure.h"
#include "shared/cleanup.h"

/* Of its idle power, a zone may seem to draw as little as this in a tick. */
#define IDLE_NOISE 0.9

static void name_cause(const struct facts *facts, const struct snapshot_zone *zone,
	struct findings *findings, struct finding *finding)
{
	cleanup_free char *command = NULL;

	finding_cause(findings, finding,
		"%s; while it draws less, no energy of the zone counts as used by anybody's "
		"work",
		zone->idle_origin == IDLE_POWER_CONFIGURED
			? "idle_w in the configuration is too high"
			: "the host was not idle when it was calibrated, or has changed "
			  "since");
	if (zone->idle_origin == IDLE_POWER_CONFIGURED) {
		finding_advice(findings, finding, "correct idle_w of [zone \"%s\"] in %s",
			zone->name, facts->paths->config);
		return;
	}
	command = cure_undo_calibration(facts);
	if (command)
		finding_command(findings, finding, "%s", command);
	else
		findings->out_of_memory = true;
}

/* A zone does not draw less than when nothing runs; what is learned is never more. */
static void diagnose_zone(const struct facts *facts, const struct snapshot_zone *zone,
	struct findings *findings)
{
	double power_w = snapshot_zone_watts(zone, zone->last.total_uj);
	double idle_w = (double)zone->idle_uw / 1e6;

	if (zone->state != TICK_ZONE_OK || zone->idle_origin == IDLE_POWER_LEARNED ||
		power_w >= idle_w * IDLE_NOISE)
		return;
	name_cause(facts, zone, findings,
		findings_add(findings, FINDING_WARNING, "idle-power-too-high", NULL,
			"zone %s draws %.2f W, but its %s idle power is %.2f W",
			zone->name, power_w, idle_power_origin_name(zone->idle_origin),
			idle_w));
}

/* "package-0 20.50 W (learned), ..."; the caller frees it. */
static char *list_zones(const struct snapshot *snapshot)
{
	const char *separator = "";
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; out && i < snapshot->n_zones; i++) {
		const struct snapshot_zone *zone = &snapshot->zones[i];

		if (!snapshot_zone_is_shared(zone))
			continue;
		fprintf(out, "%s%s %.2f W (%s)", separator, zone->name,
			(double)zone->idle_uw / 1e6,
			idle_power_origin_name(zone->idle_origin));
		separator = ", ";
	}
	if (out && fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

void diagnose_idle(const struct facts *facts, struct findings *findings)
{
	const struct snapshot *snapshot = facts->hostd.snapshot;
	cleanup_free char *zones = list_zones(snapshot);
	size_t n_before = findings->n, n_unknown = 0;
	struct finding *finding;

	if (!zones)
		findings->out_of_memory = true;
	for (size_t i = 0; i < snapshot->n_zones; i++) {
		const struct snapshot_zone *zone = &snapshot->zones[i];

		if (!snapshot_zone_is_shared(zone))
			continue;
		diagnose_zone(facts, zone, findings);
		n_unknown += zone->idle_origin == IDLE_POWER_LEARNED &&
			     zone->idle_uw == 0;
	}
	if (!zones || findings->n > n_before)
		return;
	if (n_unknown == 0) {
		findings_add(findings, FINDING_OK, "idle-power", NULL, "idle power: %s",
			zones);
		return;
	}
	finding = findings_add(findings, FINDING_INFO, "idle-power-unknown", NULL,
		"idle power is not known of all zones: %s", zones);
	finding_cause(findings, finding,
		"the host was not idle for 10 s yet; all energy of those zones counts as "
		"dynamic");
	finding_advice(findings, finding,
		"nothing, where the host is idle at times; else run vmpower calibrate once "
		"while it is, or set idle_w of the zones in %s",
		facts->paths->config);
}
