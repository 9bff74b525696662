/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A snapshot of a small host. */
#include "tests/unit/fake_snapshot.h"

#include <assert.h>
#include <string.h>

static void set_zone(struct snapshot_zone *zone, const char *name,
	enum machine_zone_kind kind, struct snapshot_account sum,
	struct snapshot_account last)
{
	strcpy(zone->name, name);
	zone->kind = kind;
	zone->state = TICK_ZONE_OK;
	zone->sum = sum;
	zone->last = last;
	zone->last_ns = 1000000000;
	zone->package = kind == MACHINE_ZONE_PSYS ? -1 : 0;
}

/* Since the boot: as in the last tick, and 5 uJ of each kind of domains that ended. */
static void set_boot(struct snapshot *snapshot)
{
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		struct snapshot_zone *zone = &snapshot->zones[z];

		zone->boot = zone->last;
		if (snapshot_zone_is_shared(zone)) {
			zone->boot.ended = (struct tick_share){ 5, 5 };
			zone->boot.total_uj += 10;
		}
		for (size_t i = 0; i < snapshot->n_domains; i++)
			snapshot->domains[i].zones[z].boot =
				snapshot->domains[i].zones[z].last;
	}
}

static void set_zones(struct snapshot *snapshot)
{
	set_zone(&snapshot->zones[0], "package-0", MACHINE_ZONE_PACKAGE,
		(struct snapshot_account){ .total_uj = 18000000000000000007u,
			.unattributed_uj = 7,
			.host = { 8999999999000000000u, 8999999990999999900u },
			.ended = { 60, 40 } },
		(struct snapshot_account){ .total_uj = 40000000,
			.unattributed_uj = 1,
			.host = { 10000000, 9999999 } });
	snapshot->zones[0].idle_uw = 20500000;
	snapshot->zones[0].idle_origin = IDLE_POWER_LEARNED;
	set_zone(&snapshot->zones[1], "dram-0", MACHINE_ZONE_DRAM,
		(struct snapshot_account){
			.total_uj = 6000000, .host = { 1000000, 2000000 } },
		(struct snapshot_account){
			.total_uj = 3000000, .host = { 500000, 1000000 } });
	set_zone(&snapshot->zones[2], "psys", MACHINE_ZONE_PSYS,
		(struct snapshot_account){
			.total_uj = 90000000, .host = { 90000000, 0 } },
		(struct snapshot_account){
			.total_uj = 60000000, .host = { 60000000, 0 } });
}

static void set_domain(struct snapshot *snapshot, size_t index, const char *uuid,
	const char *name, int id)
{
	struct snapshot_domain *domain = &snapshot->domains[index];
	int r = uuid_parse(uuid, &domain->uuid);

	assert(r == 0);
	domain->name = snapshot_copy_text(snapshot, name);
	domain->id = id;
	domain->n_vcpus = 4;
}

/* 1.3 s in this tick of a second, nearly all of it by two vCPUs. */
static void set_vcpus(struct snapshot *snapshot, struct snapshot_domain *domain)
{
	static const uint64_t cpu_ns[] = { 998000000, 270000000, 0, 2000000 };

	domain->cpu_ns = 1300000000;
	domain->n_vcpu_times = domain->n_vcpus;
	domain->vcpu_times = snapshot_alloc(
		snapshot, domain->n_vcpus, sizeof(*domain->vcpu_times));
	for (uint32_t i = 0; i < domain->n_vcpus; i++)
		domain->vcpu_times[i] = (struct snapshot_vcpu){
			.number = i, .cpu = 10 + i, .cpu_ns = cpu_ns[i]
		};
}

static void set_link(struct snapshot *snapshot, struct snapshot_link *link)
{
	link->state = LINK_UP;
	link->since_ns = 5000000000u;
	link->agent = snapshot_copy_text(snapshot, "vmpower-guest/0.1.0");
	link->epoch = snapshot->domains[0].uuid;
	link->acked_seq = 41;
	link->n_zones = 1;
	link->zones = snapshot_alloc(snapshot, 1, sizeof(*link->zones));
	strcpy(link->zones[0].name, "package-0");
	link->zones[0].measured_uj = 20000000;
	link->zones[0].acked_uj = 19000000;
}

struct snapshot *fake_snapshot_new(void)
{
	struct snapshot *snapshot = snapshot_new(3, 2);

	assert(snapshot);
	snapshot->number = 42;
	snapshot->boottime_ns = 1234567890123u;
	snapshot->time_ns = 1790000000000000001u;
	snapshot->dt_ns = 1000000000;
	snapshot->host_cpu_ns = 50000000;
	snapshot->started_ns = 1000000000;
	snapshot->next_ns = 1235567890123u;
	snapshot->quality = MESSAGE_MEASURED;
	snapshot->source = "powercap";
	snapshot->idle_policy = "reserved";
	snapshot->calibration_file = "/var/lib/vmpower/calibration.conf";
	snapshot->libvirt_connected = true;
	set_zones(snapshot);
	set_domain(snapshot, 0, "11111111-2222-4333-8444-555555555555", "web1", 3);
	snapshot->domains[0].zones[0].sum = (struct tick_share){ 9000000000, 999999900 };
	snapshot->domains[0].zones[0].last = (struct tick_share){ 12000000, 3000000 };
	snapshot->domains[0].zones[1].sum = (struct tick_share){ 2000000, 500000 };
	snapshot->domains[0].zones[1].last = (struct tick_share){ 1000000, 250000 };
	snapshot->domains[0].labels = "project=blue \"1\"\nuser=ann\n";
	set_vcpus(snapshot, &snapshot->domains[0]);
	set_link(snapshot, &snapshot->domains[0].link);
	set_domain(snapshot, 1, "66666666-2222-4333-8444-555555555555", "db\x1b[31m", 4);
	snapshot->domains[1].paused = true;
	snapshot->domains[1].zones[0].sum = (struct tick_share){ 0, 100 };
	snapshot->domains[1].zones[0].last = (struct tick_share){ 0, 5000000 };
	snapshot->domains[1].zones[1].sum = (struct tick_share){ 0, 500000 };
	snapshot->domains[1].zones[1].last = (struct tick_share){ 0, 250000 };
	set_boot(snapshot);
	return snapshot;
}
