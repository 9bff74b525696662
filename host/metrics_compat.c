/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Other tools' names. */
#include "host/metrics_compat.h"

#include <stdio.h>

#include "host/snapshot_json.h"

static const struct metrics_family host_power = {
	"scaph_host_power_microwatts",
	METRICS_GAUGE,
	NULL,
	"Power of the host: psys where there is such a zone, else packages and dram.",
};
static const struct metrics_family host_energy = {
	"scaph_host_energy_microjoules",
	METRICS_COUNTER_NAMED,
	NULL,
	"Energy of the host, of the same zones, since it booted.",
};
static const struct metrics_family socket_power = {
	"scaph_socket_power_microwatts",
	METRICS_GAUGE,
	NULL,
	"Power of a package.",
};
static const struct metrics_family socket_energy = {
	"scaph_socket_energy_microjoules",
	METRICS_COUNTER_NAMED,
	NULL,
	"Energy of a package, since the host booted.",
};
static const struct metrics_family zone_power = {
	"scaph_domain_power_microwatts",
	METRICS_GAUGE,
	NULL,
	"Power of a zone in a package.",
};
static const struct metrics_family zone_energy = {
	"scaph_domain_energy_microjoules",
	METRICS_COUNTER_NAMED,
	NULL,
	"Energy of a zone in a package, since the host booted.",
};
static const struct metrics_family process_power = {
	"scaph_process_power_consumption_microwatts",
	METRICS_GAUGE,
	NULL,
	"Power of a domain, dynamic and idle.",
};

/* Kepler's of a node come in energy and power, of all, active and idle. */
struct node_families {
	struct metrics_family energy, power;
};

static const struct node_families nodes[] = {
	{ { "kepler_node_cpu_joules_total", METRICS_COUNTER, "joules",
		  "Energy of the zones of a kind, since the host booted." },
		{ "kepler_node_cpu_watts", METRICS_GAUGE, "watts",
			"Power of the zones of a kind." } },
	{ { "kepler_node_cpu_active_joules_total", METRICS_COUNTER, "joules",
		  "Energy above idle of the zones of a kind, since the host booted." },
		{ "kepler_node_cpu_active_watts", METRICS_GAUGE, "watts",
			"Power above idle of the zones of a kind." } },
	{ { "kepler_node_cpu_idle_joules_total", METRICS_COUNTER, "joules",
		  "Idle energy of the zones of a kind, since the host booted." },
		{ "kepler_node_cpu_idle_watts", METRICS_GAUGE, "watts",
			"Idle power of the zones of a kind." } },
};
static const struct metrics_family vm_energy = {
	"kepler_vm_cpu_joules_total",
	METRICS_COUNTER,
	"joules",
	"Dynamic energy of a domain in the zones of a kind, since the host booted.",
};
static const struct metrics_family vm_power = {
	"kepler_vm_cpu_watts",
	METRICS_GAUGE,
	"watts",
	"Dynamic power of a domain in the zones of a kind.",
};

static const enum machine_zone_kind kinds[] = { MACHINE_ZONE_PACKAGE, MACHINE_ZONE_DRAM,
	MACHINE_ZONE_CORE, MACHINE_ZONE_UNCORE, MACHINE_ZONE_PSYS };
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static bool has_kind(const struct snapshot *snapshot, enum machine_zone_kind kind)
{
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		if (snapshot->zones[z].kind == kind)
			return true;
	}
	return false;
}

static uint64_t microwatts(double watts)
{
	return (uint64_t)(watts * 1e6 + 0.5);
}

static void put_host(struct metrics_sink *sink, const struct snapshot *snapshot)
{
	bool psys = has_kind(snapshot, MACHINE_ZONE_PSYS);
	uint64_t energy_uj = 0;
	double watts = 0;

	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];

		if (psys ? zone->kind != MACHINE_ZONE_PSYS
			 : !snapshot_zone_is_shared(zone))
			continue;
		energy_uj += zone->boot.total_uj;
		watts += snapshot_zone_watts(zone, zone->last.total_uj);
	}
	metrics_family(sink, &host_power);
	metrics_sample(sink, &host_power);
	metrics_value_u64(sink, microwatts(watts));
	metrics_family(sink, &host_energy);
	metrics_sample(sink, &host_energy);
	metrics_value_u64(sink, energy_uj);
}

/* Zones of packages, or zones in packages, where each is numbered. */
static void put_zones(struct metrics_sink *sink, const struct snapshot *snapshot,
	const struct metrics_family *family, bool packages, bool power)
{
	metrics_family(sink, family);
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];
		char number[24];

		if (zone->package < 0 || (zone->kind == MACHINE_ZONE_PACKAGE) != packages)
			continue;
		metrics_sample(sink, family);
		if (!packages) {
			snprintf(number, sizeof(number), "%zu", z);
			metrics_label(
				sink, "domain_name", snapshot_json_kind_name(zone->kind));
			metrics_label(sink, "domain_id", number);
		}
		snprintf(number, sizeof(number), "%d", (int)zone->package);
		metrics_label(sink, "socket_id", number);
		/* Dies have zones of their own. */
		metrics_label(sink, "zone", zone->name);
		metrics_value_u64(sink,
			power ? microwatts(snapshot_zone_watts(zone, zone->last.total_uj))
			      : zone->boot.total_uj);
	}
}

void metrics_compat_scaphandre(struct metrics_sink *sink, const struct snapshot *snapshot)
{
	put_host(sink, snapshot);
	put_zones(sink, snapshot, &socket_power, true, true);
	put_zones(sink, snapshot, &socket_energy, true, false);
	put_zones(sink, snapshot, &zone_power, false, true);
	put_zones(sink, snapshot, &zone_energy, false, false);
	metrics_family(sink, &process_power);
	for (size_t i = 0; i < snapshot->n_domains; i++) {
		const struct snapshot_domain *domain = &snapshot->domains[i];
		struct snapshot_power power = snapshot_domain_power(snapshot, domain);
		char uuid[UUID_TEXT_SIZE];

		uuid_format(&domain->uuid, uuid);
		metrics_sample(sink, &process_power);
		metrics_label(sink, "exe", "qemu");
		metrics_label(sink, "vmname", domain->name);
		metrics_label(sink, "uuid", uuid);
		metrics_value_u64(sink, microwatts(power.dynamic_w + power.idle_w));
	}
}

struct node_sums {
	uint64_t total_uj, idle_uj;
	double total_w, idle_w;
};

/* A tick does not sum up its domains' idle energy. */
static uint64_t last_idle_uj(const struct snapshot *snapshot, size_t zone)
{
	const struct snapshot_account *last = &snapshot->zones[zone].last;
	uint64_t idle_uj = last->host.idle_uj + last->ended.idle_uj;

	for (size_t i = 0; i < snapshot->n_domains; i++)
		idle_uj += snapshot->domains[i].zones[zone].last.idle_uj;
	return idle_uj;
}

static uint64_t boot_idle_uj(const struct snapshot *snapshot, size_t zone)
{
	const struct snapshot_account *boot = &snapshot->zones[zone].boot;
	uint64_t idle_uj = boot->host.idle_uj + boot->ended.idle_uj;

	for (size_t i = 0; i < snapshot->n_domains; i++)
		idle_uj += snapshot->domains[i].zones[zone].boot.idle_uj;
	for (size_t i = 0; i < snapshot->n_lingering; i++)
		idle_uj += snapshot->lingering[i].zones[zone].idle_uj;
	return idle_uj;
}

static struct node_sums sum_kind(
	const struct snapshot *snapshot, enum machine_zone_kind kind)
{
	struct node_sums sums = { 0 };

	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];

		if (zone->kind != kind)
			continue;
		sums.total_uj += zone->boot.total_uj;
		sums.idle_uj += boot_idle_uj(snapshot, z);
		sums.total_w += snapshot_zone_watts(zone, zone->last.total_uj);
		sums.idle_w += snapshot_zone_watts(zone, last_idle_uj(snapshot, z));
	}
	return sums;
}

static void begin_node(struct metrics_sink *sink, const struct metrics_family *family,
	enum machine_zone_kind kind, const char *node_name)
{
	char path[32];

	/* What Kepler calls the zones of all sockets together. */
	snprintf(path, sizeof(path), "aggregated-%s", snapshot_json_kind_name(kind));
	metrics_sample(sink, family);
	metrics_label(sink, "node_name", node_name);
	metrics_label(sink, "path", path);
	metrics_label(sink, "zone", snapshot_json_kind_name(kind));
}

static void put_nodes(
	struct metrics_sink *sink, const struct snapshot *snapshot, const char *node_name)
{
	struct node_sums sums[N_KINDS];

	for (size_t k = 0; k < N_KINDS; k++)
		sums[k] = sum_kind(snapshot, kinds[k]);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		metrics_family(sink, &nodes[i].energy);
		for (size_t k = 0; k < N_KINDS; k++) {
			const uint64_t uj[] = { sums[k].total_uj,
				sums[k].total_uj - sums[k].idle_uj, sums[k].idle_uj };

			if (!has_kind(snapshot, kinds[k]))
				continue;
			begin_node(sink, &nodes[i].energy, kinds[k], node_name);
			metrics_value_uj(sink, uj[i]);
		}
		metrics_family(sink, &nodes[i].power);
		for (size_t k = 0; k < N_KINDS; k++) {
			double active_w = sums[k].total_w - sums[k].idle_w;
			const double watts[] = { sums[k].total_w,
				active_w > 0 ? active_w : 0, sums[k].idle_w };

			if (!has_kind(snapshot, kinds[k]))
				continue;
			begin_node(sink, &nodes[i].power, kinds[k], node_name);
			metrics_value_watts(sink, watts[i]);
		}
	}
}

static void begin_vm(struct metrics_sink *sink, const struct metrics_family *family,
	const struct uuid *uuid, const char *name, const char *state,
	enum machine_zone_kind kind, const char *node_name)
{
	char uuid_text[UUID_TEXT_SIZE];

	uuid_format(uuid, uuid_text);
	metrics_sample(sink, family);
	metrics_label(sink, "hypervisor", "kvm");
	metrics_label(sink, "node_name", node_name);
	metrics_label(sink, "state", state);
	metrics_label(sink, "vm_id", uuid_text);
	metrics_label(sink, "vm_name", name);
	metrics_label(sink, "zone", snapshot_json_kind_name(kind));
}

static void put_vm_energy(struct metrics_sink *sink, const struct snapshot *snapshot,
	enum machine_zone_kind kind, const char *node_name)
{
	for (size_t i = 0; i < snapshot->n_domains; i++) {
		const struct snapshot_domain *domain = &snapshot->domains[i];
		uint64_t uj = 0;

		for (size_t z = 0; z < snapshot->n_zones; z++)
			uj += snapshot->zones[z].kind == kind
				      ? domain->zones[z].boot.dynamic_uj
				      : 0;
		begin_vm(sink, &vm_energy, &domain->uuid, domain->name, "running", kind,
			node_name);
		metrics_value_uj(sink, uj);
	}
	for (size_t i = 0; i < snapshot->n_lingering; i++) {
		const struct snapshot_lingering *domain = &snapshot->lingering[i];
		uint64_t uj = 0;

		for (size_t z = 0; z < snapshot->n_zones; z++)
			uj += snapshot->zones[z].kind == kind
				      ? domain->zones[z].dynamic_uj
				      : 0;
		begin_vm(sink, &vm_energy, &domain->uuid, domain->name, "terminated",
			kind, node_name);
		metrics_value_uj(sink, uj);
	}
}

static void put_vm_power(struct metrics_sink *sink, const struct snapshot *snapshot,
	enum machine_zone_kind kind, const char *node_name)
{
	for (size_t i = 0; i < snapshot->n_domains; i++) {
		const struct snapshot_domain *domain = &snapshot->domains[i];
		double watts = 0;

		for (size_t z = 0; z < snapshot->n_zones; z++) {
			const struct snapshot_zone *zone = &snapshot->zones[z];

			if (zone->kind == kind)
				watts += snapshot_zone_watts(
					zone, domain->zones[z].last.dynamic_uj);
		}
		begin_vm(sink, &vm_power, &domain->uuid, domain->name, "running", kind,
			node_name);
		metrics_value_watts(sink, watts);
	}
}

void metrics_compat_kepler(
	struct metrics_sink *sink, const struct snapshot *snapshot, const char *node_name)
{
	static const enum machine_zone_kind shared[] = { MACHINE_ZONE_PACKAGE,
		MACHINE_ZONE_DRAM };

	put_nodes(sink, snapshot, node_name);
	metrics_family(sink, &vm_energy);
	for (size_t i = 0; i < 2; i++) {
		if (has_kind(snapshot, shared[i]))
			put_vm_energy(sink, snapshot, shared[i], node_name);
	}
	metrics_family(sink, &vm_power);
	for (size_t i = 0; i < 2; i++) {
		if (has_kind(snapshot, shared[i]))
			put_vm_power(sink, snapshot, shared[i], node_name);
	}
}
