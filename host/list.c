/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower list: the table. */
#include "host/list.h"

#include <inttypes.h>

#include "host/text.h"

/* Names are aligned up to here; a longer one pushes its own row to the right. */
#define NAME_WIDTH_MIN 14u
#define NAME_WIDTH_MAX 32u

/* One row's energy, of the shared zones. */
struct energy {
	struct snapshot_power last;
	uint64_t sum_uj;
};

static size_t name_width(const struct snapshot *snapshot)
{
	size_t width = NAME_WIDTH_MIN;

	for (size_t i = 0; i < snapshot->n_domains; i++) {
		size_t name = text_width(snapshot->domains[i].name);

		if (name > width && name <= NAME_WIDTH_MAX)
			width = name;
	}
	return width;
}

static void print_head(FILE *out, const struct snapshot *snapshot)
{
	fputs("source=", out);
	text_print(out, snapshot->source);
	fprintf(out,
		"  quality=%s  idle-policy=", message_quality_name(snapshot->quality));
	text_print(out, snapshot->idle_policy);
	fprintf(out, "  tick=%.3fs\n", (double)snapshot->dt_ns / 1e9);
	if (snapshot_is_estimate(snapshot))
		fputs("These watts are an estimate from CPU time, not a measurement.\n",
			out);
	if (!snapshot->libvirt_connected)
		fputs("libvirt is away: these are the domains last known "
		      "(see vmpower doctor).\n",
			out);
	fputc('\n', out);
}

static void add_account(struct energy *energy, const struct snapshot_zone *zone,
	const struct tick_share *last, const struct tick_share *sum)
{
	energy->last.dynamic_w += snapshot_zone_watts(zone, last->dynamic_uj);
	energy->last.idle_w += snapshot_zone_watts(zone, last->idle_uj);
	energy->sum_uj += sum->dynamic_uj + sum->idle_uj;
}

static void print_energy(FILE *out, const struct energy *energy)
{
	const struct snapshot_power *last = &energy->last;

	fprintf(out, " %8.2f %8.2f %8.2f %11.1f", last->dynamic_w, last->idle_w,
		last->dynamic_w + last->idle_w, (double)energy->sum_uj / 1e6);
}

static void print_domain(FILE *out, const struct snapshot *snapshot,
	const struct snapshot_domain *domain, size_t width)
{
	struct tick_share sum = snapshot_domain_sum(snapshot, domain);
	struct energy energy = {
		.last = snapshot_domain_power(snapshot, domain),
		.sum_uj = sum.dynamic_uj + sum.idle_uj,
	};

	text_print_padded(out, domain->name, width);
	if (domain->id < 0)
		fprintf(out, " %5s", "-");
	else
		fprintf(out, " %5d", domain->id);
	fprintf(out, " %5" PRIu32, domain->n_vcpus);
	print_energy(out, &energy);
	fprintf(out, "  %s%s\n", link_state_name(domain->link.state),
		domain->paused ? ", paused" : "");
}

static void print_other(
	FILE *out, const char *name, const struct energy *energy, size_t width)
{
	fprintf(out, "%-*s %5s %5s", (int)width, name, "", "");
	print_energy(out, energy);
	fputc('\n', out);
}

static void print_table(FILE *out, const struct snapshot *snapshot)
{
	size_t width = name_width(snapshot);
	struct energy host = { 0 }, ended = { 0 };
	uint64_t unattributed_uj = 0;
	double unattributed_w = 0;

	fprintf(out, "%-*s %5s %5s %8s %8s %8s %11s  %s\n", (int)width, "DOMAIN", "ID",
		"VCPUS", "DYN W", "IDLE W", "WATTS", "JOULES", "GUEST");
	for (size_t i = 0; i < snapshot->n_domains; i++)
		print_domain(out, snapshot, &snapshot->domains[i], width);
	for (size_t i = 0; i < snapshot->n_zones; i++) {
		const struct snapshot_zone *zone = &snapshot->zones[i];

		if (!snapshot_zone_is_shared(zone))
			continue;
		add_account(&host, zone, &zone->last.host, &zone->sum.host);
		add_account(&ended, zone, &zone->last.ended, &zone->sum.ended);
		unattributed_w += snapshot_zone_watts(zone, zone->last.unattributed_uj);
		unattributed_uj += zone->sum.unattributed_uj;
	}
	if (ended.sum_uj > 0)
		print_other(out, "(ended)", &ended, width);
	print_other(out, "(host)", &host, width);
	fprintf(out, "%-*s %5s %5s %8s %8s %8.2f %11.1f\n", (int)width, "(unattributed)",
		"", "", "", "", unattributed_w, (double)unattributed_uj / 1e6);
}

/* What the zone's sum is made of; they add up exactly, or the line would show it. */
static void print_zone(FILE *out, const struct snapshot *snapshot, size_t index)
{
	const struct snapshot_zone *zone = &snapshot->zones[index];
	const struct snapshot_account *last = &zone->last;
	uint64_t domains_uj = last->ended.dynamic_uj + last->ended.idle_uj;

	for (size_t i = 0; i < snapshot->n_domains; i++) {
		const struct tick_share *share = &snapshot->domains[i].zones[index].last;

		domains_uj += share->dynamic_uj + share->idle_uj;
	}
	fprintf(out,
		"%-14s %13" PRIu64 " + %13" PRIu64 " + %13" PRIu64 " = %13" PRIu64 "\n",
		zone->name, domains_uj, last->host.dynamic_uj + last->host.idle_uj,
		last->unattributed_uj, last->total_uj);
}

/* Whose idle energy is, hangs on this, so it is said where it comes from. */
static void print_idle_power(FILE *out, const struct snapshot_zone *zone)
{
	fprintf(out, "%-14s %13.2f   %s%s\n", zone->name, (double)zone->idle_uw / 1e6,
		idle_power_origin_name(zone->idle_origin),
		zone->idle_origin == IDLE_POWER_LEARNED && zone->idle_uw == 0
			? "; the host was not idle yet"
			: "");
}

static void print_trouble(FILE *out, const struct snapshot_zone *zone)
{
	if (zone->state == TICK_ZONE_AMBIGUOUS)
		fprintf(out, "%s may have wrapped unseen; its energy is unattributed\n",
			zone->name);
	if (zone->state != TICK_ZONE_EXCLUDED)
		return;
	fprintf(out, "%s is excluded: ", zone->name);
	text_print(out, zone->problem ? zone->problem : "it cannot be read");
	fputc('\n', out);
}

static void print_zones(FILE *out, const struct snapshot *snapshot)
{
	fprintf(out, "\n%-14s %13s + %13s + %13s = %13s\n", "LAST TICK, uJ", "DOMAINS",
		"HOST", "UNATTRIBUTED", "ZONE");
	for (size_t i = 0; i < snapshot->n_zones; i++) {
		if (snapshot_zone_is_shared(&snapshot->zones[i]))
			print_zone(out, snapshot, i);
	}
	fprintf(out, "\n%-14s %13s   %s\n", "IDLE POWER", "WATTS", "ORIGIN");
	for (size_t i = 0; i < snapshot->n_zones; i++) {
		if (snapshot_zone_is_shared(&snapshot->zones[i]))
			print_idle_power(out, &snapshot->zones[i]);
	}
	for (size_t i = 0; i < snapshot->n_zones; i++)
		print_trouble(out, &snapshot->zones[i]);
}

void list_print(FILE *out, const struct snapshot *snapshot)
{
	print_head(out, snapshot);
	print_table(out, snapshot);
	print_zones(out, snapshot);
}
