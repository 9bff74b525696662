/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From a tick in the ledger to snapshots and guests' samples. */
#include "host/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "host/calibration_file.h"
#include "host/guest_zones.h"
#include "host/idle_power.h"
#include "host/ledger.h"
#include "host/meter.h"
#include "host/self_usage.h"
#include "host/since_boot_file.h"
#include "host/vcpu_times.h"
#include "shared/clock.h"
#include "shared/log.h"

#define STALE_AFTER_MIN_MS 10000

/* Whoever is not trusted sees no more than a tick in this time. */
#define COARSE_MS 1000

static void fill_welcome(const struct publisher *publisher,
	const struct inventory_domain *domain, const struct ledger_domain *row,
	struct message_welcome *welcome, uint8_t places[MESSAGE_ZONES_MAX])
{
	struct guest_zones zones;

	guest_zones_init(&zones, sampler_machine(publisher->sampler), row->max_vcpus,
		row->vcpus_per_socket);
	*welcome = (struct message_welcome){
		.proto = MESSAGE_PROTO,
		.epoch = row->epoch,
		.from_start = row->epoch_from_start,
		.period_ms = hostd_config_guest_period_ms(publisher->config, domain),
	};
	welcome->stale_after_ms = 3 * welcome->period_ms;
	if (welcome->stale_after_ms < STALE_AFTER_MIN_MS)
		welcome->stale_after_ms = STALE_AFTER_MIN_MS;
	welcome->n_zones = guest_zones_list(&zones, welcome->zones, places);
}

static int tell_guest(const struct publisher *publisher,
	const struct inventory_domain *domain, const struct ledger_domain *row)
{
	const struct tick *tick = sampler_tick(publisher->sampler);
	uint8_t places[MESSAGE_ZONES_MAX];
	struct message_welcome welcome;
	struct message_sample sample = { .t_ns = tick->boottime_ns,
		.quality = tick->quality };
	int r;

	fill_welcome(publisher, domain, row, &welcome, places);
	r = links_set_welcome(publisher->links, &domain->uuid, &welcome);
	if (r < 0)
		return r;
	sample.n_zones = welcome.n_zones;
	for (size_t i = 0; i < sample.n_zones; i++)
		sample.uj[i] = row->guest_uj[places[i]];
	return links_publish(publisher->links, &domain->uuid, &sample);
}

/* The ledger's row of a domain that this tick measured, or NULL. */
static const struct ledger_domain *measured_row(
	const struct ledger *ledger, const struct uuid *uuid)
{
	ssize_t index = ledger_find_domain(ledger, uuid);
	const struct ledger_domain *row;

	if (index < 0)
		return NULL;
	row = ledger_domain(ledger, (size_t)index);
	return ledger_domain_is_running(ledger, row) ? row : NULL;
}

void publisher_tell_guests(struct publisher *publisher, const struct inventory *inventory)
{
	const struct ledger *ledger = sampler_ledger(publisher->sampler);

	for (size_t i = 0; i < inventory->n_domains; i++) {
		const struct inventory_domain *domain = &inventory->domains[i];
		const struct ledger_domain *row = measured_row(ledger, &domain->uuid);
		int r = row ? tell_guest(publisher, domain, row) : 0;

		if (r < 0 && r != -ENOENT)
			log_warning("Domain %s: cannot tell its guest: %s", domain->name,
				strerror(-r));
	}
}

static size_t find_tick_domain(const struct tick *tick, const struct uuid *uuid)
{
	size_t low = 0, high = tick->n_domains;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = uuid_compare(&tick->domains[middle].uuid, uuid);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SIZE_MAX;
}

static int32_t package_id(const struct machine *machine, const struct machine_zone *zone)
{
	if (zone->kind == MACHINE_ZONE_PSYS || zone->package >= machine->n_packages)
		return -1;
	return machine->packages[zone->package].physical_id;
}

/*
 * row: the zone's in the ledger, negative where it has none yet. Until domains are
 * taken off, those of the ledger have all ended.
 */
static void fill_zone(const struct publisher *publisher, struct snapshot *snapshot,
	size_t zone, ssize_t row)
{
	const struct machine_zone *machine =
		&sampler_machine(publisher->sampler)->zones[zone];
	const struct ledger *ledger = sampler_ledger(publisher->sampler);
	const struct tick_zone *tick = &sampler_tick(publisher->sampler)->zones[zone];
	const struct idle_power *idle = meter_get_idle_power(
		sampler_meter(publisher->sampler), machine->name);
	struct snapshot_zone *to = &snapshot->zones[zone];
	const char *reason, *cure;

	memcpy(to->name, machine->name, sizeof(to->name));
	to->kind = machine->kind;
	to->package = package_id(sampler_machine(publisher->sampler), machine);
	to->state = tick->state;
	if (sampler_zone_problem(publisher->sampler, zone, &reason, &cure)) {
		char problem[512];

		snprintf(problem, sizeof(problem), "%s; %s", reason, cure);
		to->problem = snapshot_copy_text(snapshot, problem);
	}
	if (idle) {
		to->idle_uw = idle_power_uw(idle);
		to->idle_origin = idle->origin;
	}
	to->last.total_uj = tick->total_uj;
	to->last.unattributed_uj = tick->unattributed_uj;
	to->last.host = tick->host;
	to->last_ns = tick->dt_ns;
	if (row < 0)
		return;
	to->sum.total_uj = ledger_zone(ledger, (size_t)row)->total_uj;
	to->sum.unattributed_uj = ledger_zone(ledger, (size_t)row)->unattributed_uj;
	to->sum.host = ledger_zone(ledger, (size_t)row)->host;
	to->sum.ended = ledger_zone(ledger, (size_t)row)->domains;
}

static void fill_shares(const struct publisher *publisher, const ssize_t *zone_rows,
	struct snapshot_domain *domain)
{
	const struct machine *machine = sampler_machine(publisher->sampler);
	const struct ledger *ledger = sampler_ledger(publisher->sampler);
	const struct tick *tick = sampler_tick(publisher->sampler);
	size_t position = find_tick_domain(tick, &domain->uuid);

	for (size_t z = 0; z < machine->n_zones; z++) {
		if (zone_rows[z] >= 0)
			domain->zones[z].sum = ledger_total(
				ledger, &domain->uuid, (size_t)zone_rows[z]);
		if (position != SIZE_MAX)
			domain->zones[z].last = *tick_share(tick, position, z);
	}
}

/*
 * What the snapshot lists has not ended. Whether it was measured does not matter:
 * while libvirt is away it lists domains that are no more.
 */
static void take_off_ended(
	struct snapshot *snapshot, const struct snapshot_domain *domain)
{
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		struct tick_share *ended = &snapshot->zones[z].sum.ended;

		ended->dynamic_uj -= domain->zones[z].sum.dynamic_uj;
		ended->idle_uj -= domain->zones[z].sum.idle_uj;
	}
}

static int fill_guest_zones(const struct publisher *publisher, struct snapshot *snapshot,
	const struct ledger_domain *row, const struct message_sample *acked,
	struct snapshot_link *link)
{
	struct message_zone zones[MESSAGE_ZONES_MAX];
	uint8_t places[MESSAGE_ZONES_MAX];
	struct guest_zones layout;

	guest_zones_init(&layout, sampler_machine(publisher->sampler), row->max_vcpus,
		row->vcpus_per_socket);
	link->n_zones = guest_zones_list(&layout, zones, places);
	link->zones = snapshot_alloc(snapshot, link->n_zones, sizeof(*link->zones));
	if (!link->zones)
		return -ENOMEM;
	for (size_t i = 0; i < link->n_zones; i++) {
		memcpy(link->zones[i].name, zones[i].name, sizeof(link->zones[i].name));
		link->zones[i].measured_uj = row->guest_uj[places[i]];
		link->zones[i].acked_uj = i < acked->n_zones ? acked->uj[i] : 0;
	}
	return 0;
}

static int fill_link(const struct publisher *publisher, struct snapshot *snapshot,
	const struct uuid *uuid, struct snapshot_link *link)
{
	const struct ledger_domain *row = measured_row(
		sampler_ledger(publisher->sampler), uuid);
	struct link_info info;

	if (!links_get_info(publisher->links, uuid, &info)) {
		/* libvirt has not told of its channel yet. */
		link->state = LINK_CONNECTING;
		link->since_ns = snapshot->boottime_ns;
		return 0;
	}
	link->state = info.state;
	/* The links' clock stands still in suspend, the snapshot's does not. */
	link->since_ns = info.since_ns + clock_boottime_ns() - clock_monotonic_ns();
	if (info.agent[0])
		link->agent = snapshot_copy_text(snapshot, info.agent);
	if (info.state == LINK_UNREACHABLE)
		link->error = snapshot_copy_text(
			snapshot, info.error ? strerror(info.error) : "QEMU closed it");
	link->acked_seq = info.acked.seq;
	if (!row)
		return 0;
	link->epoch = row->epoch;
	return fill_guest_zones(publisher, snapshot, row, &info.acked, link);
}

static int fill_cpu(const struct publisher *publisher, struct snapshot *snapshot,
	struct snapshot_domain *domain)
{
	const struct tick *tick = sampler_tick(publisher->sampler);
	size_t position = find_tick_domain(tick, &domain->uuid);

	if (position == SIZE_MAX)
		return 0;
	domain->cpu_ns = tick->domains[position].cpu_ns;
	/* A tick's domains are the sample's. */
	return vcpu_times_fill(snapshot, domain, sampler_machine(publisher->sampler),
		sampler_sample(publisher->sampler),
		meter_get_usage(sampler_meter(publisher->sampler)), position);
}

static int fill_domain(const struct publisher *publisher, struct snapshot *snapshot,
	const ssize_t *zone_rows, const struct inventory_domain *from,
	struct snapshot_domain *domain)
{
	domain->uuid = from->uuid;
	domain->name = snapshot_copy_text(snapshot, from->name);
	domain->labels = snapshot_copy_text(snapshot, from->labels ? from->labels : "");
	domain->id = from->id;
	domain->paused = from->paused;
	domain->n_vcpus = from->n_vcpus;
	if (fill_cpu(publisher, snapshot, domain) < 0)
		return -ENOMEM;
	fill_shares(publisher, zone_rows, domain);
	take_off_ended(snapshot, domain);
	return domain->name && domain->labels
		       ? fill_link(publisher, snapshot, &from->uuid, &domain->link)
		       : -ENOMEM;
}

static int fill_host(const struct publisher *publisher, struct snapshot *snapshot,
	const struct inventory *inventory)
{
	const struct tick *tick = sampler_tick(publisher->sampler);
	const struct usage *usage = meter_get_usage(sampler_meter(publisher->sampler));
	char path[HOSTD_CONFIG_TEXT_SIZE + sizeof(CALIBRATION_FILE)];

	snapshot->number = publisher->number + 1;
	snapshot->boottime_ns = tick->boottime_ns;
	snapshot->time_ns = clock_read_ns(CLOCK_REALTIME);
	snapshot->dt_ns = tick->dt_ns;
	for (size_t p = 0; usage && p < usage->n_packages; p++)
		snapshot->host_cpu_ns += usage->host[p].cpu_ns;
	snapshot->late_ns = sampler_late_ns(publisher->sampler);
	snapshot->cost_ns = sampler_cost_ns(publisher->sampler);
	snapshot->quality = tick->quality;
	snapshot->started_ns = publisher->started_ns;
	snapshot->next_ns = publisher->next_ns;
	snapshot->degraded_ticks = publisher->n_degraded;
	snapshot->source = sampler_source_name(publisher->sampler);
	snapshot->idle_policy = idle_policy_name(publisher->config->idle_policy);
	snprintf(path, sizeof(path), "%s/%s", publisher->config->state_dir,
		CALIBRATION_FILE);
	snapshot->calibration_file = snapshot_copy_text(snapshot, path);
	snapshot->self = self_usage_read();
	snapshot->libvirt_connected = inventory->connected;
	if (!inventory->connected)
		snapshot->libvirt_error =
			"libvirt is away; the domains are the last known";
	return snapshot->calibration_file ? 0 : -ENOMEM;
}

void publisher_recall(struct publisher *publisher)
{
	const char *run_dir = publisher->config->run_dir;
	int r = since_boot_load(
		&publisher->since_boot, run_dir, sampler_ledger(publisher->sampler));

	publisher->since_boot.retention_ns = publisher->config->series_retention_s *
					     (uint64_t)NSEC_PER_SEC;
	/* Of another boot or ledger: the time of those counters is over. */
	if (r < 0 && r != -ENOENT && r != -ESTALE)
		log_warning("Cannot use %s/since-boot: %s; ignoring it, the counters of "
			    "/metrics begin at 0 again",
			run_dir, strerror(-r));
}

void publisher_deinit(struct publisher *publisher)
{
	since_boot_deinit(&publisher->since_boot);
}

/* Without the file they begin at 0 again in the next run, that is all. */
static void keep_since_boot(struct publisher *publisher)
{
	int r = since_boot_save(&publisher->since_boot, publisher->config->run_dir,
		sampler_ledger(publisher->sampler));

	if (r == publisher->since_boot_error)
		return;
	publisher->since_boot_error = r;
	if (r < 0)
		log_warning("Cannot write %s/since-boot: %s; the counters of /metrics "
			    "will begin at 0 again after a restart. Make room there",
			publisher->config->run_dir, strerror(-r));
}

/* Each of the timer's, or of more than one in COARSE_MS the first. */
static bool is_coarse(const struct publisher *publisher)
{
	uint32_t interval_ms = publisher->config->interval_ms;

	return (publisher->n_timed - 1) % ((COARSE_MS + interval_ms - 1) / interval_ms) ==
	       0;
}

int publisher_publish(
	struct publisher *publisher, const struct inventory *inventory, bool timed)
{
	const struct machine *machine = sampler_machine(publisher->sampler);
	struct snapshot *snapshot = snapshot_new(machine->n_zones, inventory->n_domains);
	ssize_t zone_rows[MACHINE_ZONES_MAX];
	int r;

	publisher->n_timed += timed;
	publisher->n_degraded += sampler_tick(publisher->sampler)->quality ==
				 MESSAGE_DEGRADED;
	if (!snapshot)
		return -ENOMEM;
	r = fill_host(publisher, snapshot, inventory);
	for (size_t z = 0; z < machine->n_zones; z++) {
		zone_rows[z] = ledger_find_zone(
			sampler_ledger(publisher->sampler), machine->zones[z].name);
		fill_zone(publisher, snapshot, z, zone_rows[z]);
	}
	for (size_t i = 0; r == 0 && i < inventory->n_domains; i++)
		r = fill_domain(publisher, snapshot, zone_rows, &inventory->domains[i],
			&snapshot->domains[i]);
	if (r == 0)
		r = push_describe(publisher->push, snapshot);
	if (r == 0)
		r = since_boot_apply(&publisher->since_boot, snapshot);
	if (r < 0) {
		snapshot_unref(snapshot);
		return r;
	}
	keep_since_boot(publisher);
	publisher->number++;
	/* Samples are as far apart as the timer's ticks. */
	if (timed)
		push_offer(publisher->push, snapshot);
	snapshot_box_publish(publisher->box, snapshot, timed && is_coarse(publisher));
	return 0;
}
