/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower's own metrics. */
#include "config.h"

#include "host/metrics.h"

#include <stdio.h>
#include <string.h>

#include "host/labels.h"
#include "host/metrics_compat.h"
#include "host/metrics_push.h"
#include "host/metrics_sink.h"

static const struct metrics_family domain_energy = {
	"vmpower_domain_energy_joules_total",
	METRICS_COUNTER,
	"joules",
	"Energy of a domain in a zone, since the host booted.",
};
static const struct metrics_family ended_energy = {
	"vmpower_ended_domains_energy_joules_total",
	METRICS_COUNTER,
	"joules",
	"Energy of all domains that ended and have no series any more, since the host "
	"booted.",
};
static const struct metrics_family host_energy = {
	"vmpower_host_energy_joules_total",
	METRICS_COUNTER,
	"joules",
	"Energy of a zone that is no domain's, since the host booted.",
};
static const struct metrics_family zone_energy = {
	"vmpower_zone_energy_joules_total",
	METRICS_COUNTER,
	"joules",
	"Energy of a zone, since the host booted.",
};
static const struct metrics_family zone_idle = {
	"vmpower_zone_idle_watts",
	METRICS_GAUGE,
	"watts",
	"Power that a zone is taken to draw when nothing runs, and whence it is known.",
};
static const struct metrics_family domain_info = {
	"vmpower_domain_info",
	METRICS_INFO,
	NULL,
	"A domain that runs, and whose it is.",
};
static const struct metrics_family link_state = {
	"vmpower_domain_guest_link_state",
	METRICS_GAUGE,
	NULL,
	"1 for the state that the link to a domain's guest agent is in.",
};
static const struct metrics_family source_info = {
	"vmpower_source_info",
	METRICS_INFO,
	NULL,
	"Where energy comes from.",
};
static const struct metrics_family build_info = {
	"vmpower_build_info",
	METRICS_INFO,
	NULL,
	"The version of vmpower-hostd.",
};
static const struct metrics_family tick_number = {
	"vmpower_tick_number",
	METRICS_GAUGE,
	NULL,
	"The tick that all of this is of, counted since vmpower-hostd began.",
};
static const struct metrics_family tick_timestamp = {
	"vmpower_tick_timestamp_seconds",
	METRICS_GAUGE,
	"seconds",
	"When the tick was, in seconds since 1970.",
};
static const struct metrics_family tick_duration = {
	"vmpower_tick_duration_seconds",
	METRICS_GAUGE,
	"seconds",
	"How long the tick took to measure and to share out.",
};
static const struct metrics_family tick_lateness = {
	"vmpower_tick_lateness_seconds",
	METRICS_GAUGE,
	"seconds",
	"How long after its time the tick began.",
};
static const struct metrics_family tick_degraded = {
	"vmpower_tick_degraded",
	METRICS_GAUGE,
	NULL,
	"Whether something could not be read in the tick: 1 if so.",
};
static const struct metrics_family libvirt_connected = {
	"vmpower_libvirt_connected",
	METRICS_GAUGE,
	NULL,
	"Whether libvirt tells which domains run: 1 if so, else they are the last known.",
};
static const struct metrics_family self_cpu = {
	"vmpower_self_cpu_seconds_total",
	METRICS_COUNTER,
	"seconds",
	"CPU time that vmpower-hostd itself took.",
};
static const struct metrics_family self_rss = {
	"vmpower_self_rss_bytes",
	METRICS_GAUGE,
	"bytes",
	"Memory that vmpower-hostd itself has resident.",
};

/* Both kinds of a zone's share; who is the labels before. */
static void put_share(struct metrics_sink *sink, const struct metrics_family *family,
	const struct snapshot_zone *zone, const struct tick_share *share,
	const char *domain, const char *uuid)
{
	static const char *const kinds[] = { "dynamic", "idle" };
	const uint64_t uj[] = { share->dynamic_uj, share->idle_uj };

	for (size_t i = 0; i < 2; i++) {
		metrics_sample(sink, family);
		if (domain) {
			metrics_label(sink, "domain", domain);
			metrics_label(sink, "uuid", uuid);
		}
		metrics_label(sink, "zone", zone->name);
		metrics_label(sink, "kind", kinds[i]);
		metrics_value_uj(sink, uj[i]);
	}
}

static void put_domains(struct metrics_sink *sink, const struct snapshot *snapshot)
{
	char uuid[UUID_TEXT_SIZE];

	metrics_family(sink, &domain_energy);
	for (size_t i = 0; i < snapshot->n_domains; i++) {
		const struct snapshot_domain *domain = &snapshot->domains[i];

		uuid_format(&domain->uuid, uuid);
		for (size_t z = 0; z < snapshot->n_zones; z++) {
			if (snapshot_zone_is_shared(&snapshot->zones[z]))
				put_share(sink, &domain_energy, &snapshot->zones[z],
					&domain->zones[z].boot, domain->name, uuid);
		}
	}
	for (size_t i = 0; i < snapshot->n_lingering; i++) {
		const struct snapshot_lingering *domain = &snapshot->lingering[i];

		uuid_format(&domain->uuid, uuid);
		for (size_t z = 0; z < snapshot->n_zones; z++) {
			if (snapshot_zone_is_shared(&snapshot->zones[z]))
				put_share(sink, &domain_energy, &snapshot->zones[z],
					&domain->zones[z], domain->name, uuid);
		}
	}
}

static void put_ended(struct metrics_sink *sink, const struct snapshot *snapshot)
{
	metrics_family(sink, &ended_energy);
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];

		if (snapshot_zone_is_shared(zone))
			put_share(
				sink, &ended_energy, zone, &zone->boot.ended, NULL, NULL);
	}
}

static void put_host(struct metrics_sink *sink, const struct snapshot *snapshot)
{
	metrics_family(sink, &host_energy);
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];

		put_share(sink, &host_energy, zone, &zone->boot.host, NULL, NULL);
		metrics_sample(sink, &host_energy);
		metrics_label(sink, "zone", zone->name);
		metrics_label(sink, "kind", "unattributed");
		metrics_value_uj(sink, zone->boot.unattributed_uj);
	}
}

static void put_zones(struct metrics_sink *sink, const struct snapshot *snapshot)
{
	metrics_family(sink, &zone_energy);
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];
		char package[16] = "";

		if (zone->package >= 0)
			snprintf(package, sizeof(package), "%d", (int)zone->package);
		metrics_sample(sink, &zone_energy);
		metrics_label(sink, "zone", zone->name);
		metrics_label(sink, "package", package);
		metrics_value_uj(sink, zone->boot.total_uj);
	}
	metrics_family(sink, &zone_idle);
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];

		if (!snapshot_zone_is_shared(zone))
			continue;
		metrics_sample(sink, &zone_idle);
		metrics_label(sink, "zone", zone->name);
		metrics_label(sink, "origin", idle_power_origin_name(zone->idle_origin));
		metrics_value_uj(sink, zone->idle_uw);
	}
}

/* But for what would be there twice. */
static void put_labels(struct metrics_sink *sink, const char *labels)
{
	struct label label;

	while (labels_next(&labels, &label)) {
		if (strcmp(label.key, "domain") != 0 && strcmp(label.key, "uuid") != 0)
			metrics_label(sink, label.key, label.value);
	}
}

static void put_domain_states(struct metrics_sink *sink, const struct snapshot *snapshot)
{
	char uuid[UUID_TEXT_SIZE];

	metrics_family(sink, &domain_info);
	for (size_t i = 0; i < snapshot->n_domains; i++) {
		uuid_format(&snapshot->domains[i].uuid, uuid);
		metrics_sample(sink, &domain_info);
		metrics_label(sink, "domain", snapshot->domains[i].name);
		metrics_label(sink, "uuid", uuid);
		put_labels(sink, snapshot->domains[i].labels);
		metrics_value_u64(sink, 1);
	}
	metrics_family(sink, &link_state);
	for (size_t i = 0; i < snapshot->n_domains; i++) {
		const struct snapshot_domain *domain = &snapshot->domains[i];

		uuid_format(&domain->uuid, uuid);
		metrics_sample(sink, &link_state);
		metrics_label(sink, "domain", domain->name);
		metrics_label(sink, "uuid", uuid);
		metrics_label(sink, "state", link_state_name(domain->link.state));
		metrics_value_u64(sink, 1);
	}
}

static void put_info(struct metrics_sink *sink, const struct metrics_family *family,
	const char *label, const char *value)
{
	metrics_family(sink, family);
	metrics_sample(sink, family);
	metrics_label(sink, label, value);
	metrics_value_u64(sink, 1);
}

static void put_number(
	struct metrics_sink *sink, const struct metrics_family *family, uint64_t value)
{
	metrics_family(sink, family);
	metrics_sample(sink, family);
	metrics_value_u64(sink, value);
}

static void put_time(
	struct metrics_sink *sink, const struct metrics_family *family, uint64_t ns)
{
	metrics_family(sink, family);
	metrics_sample(sink, family);
	metrics_value_ns(sink, ns);
}

static void put_tick(struct metrics_sink *sink, const struct snapshot *snapshot)
{
	put_info(sink, &source_info, "source", snapshot->source);
	put_info(sink, &build_info, "version", PACKAGE_VERSION);
	put_number(sink, &tick_number, snapshot->number);
	put_time(sink, &tick_timestamp, snapshot->time_ns);
	put_time(sink, &tick_duration, snapshot->cost_ns);
	put_time(sink, &tick_lateness, snapshot->late_ns);
	put_number(sink, &tick_degraded, snapshot->quality == MESSAGE_DEGRADED);
	put_number(sink, &libvirt_connected, snapshot->libvirt_connected);
	put_time(sink, &self_cpu, snapshot->self.cpu_ns);
	put_number(sink, &self_rss, snapshot->self.rss_bytes);
}

void metrics_write(const struct snapshot *snapshot, const struct metrics_options *options,
	struct metrics_sink *sink)
{
	put_domains(sink, snapshot);
	put_ended(sink, snapshot);
	put_host(sink, snapshot);
	put_zones(sink, snapshot);
	put_domain_states(sink, snapshot);
	put_tick(sink, snapshot);
	metrics_push(sink, snapshot);
	if (options->scaphandre)
		metrics_compat_scaphandre(sink, snapshot);
	if (options->kepler)
		metrics_compat_kepler(sink, snapshot, options->node_name);
}
