/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Counters since the boot: the ledger's less what it had then. */
#include "host/since_boot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/array.h"
#include "shared/cleanup.h"

static void free_domain(struct since_boot_domain *domain)
{
	free(domain->name);
	free(domain->zones);
	*domain = (struct since_boot_domain){ 0 };
}

void since_boot_deinit(struct since_boot *table)
{
	for (size_t i = 0; i < table->n_domains; i++)
		free_domain(&table->domains[i]);
	free(table->domains);
	*table = (struct since_boot){ .retention_ns = table->retention_ns,
		.dirty = table->dirty };
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static struct tick_share share_less(struct tick_share a, struct tick_share b)
{
	return (struct tick_share){ less(a.dynamic_uj, b.dynamic_uj),
		less(a.idle_uj, b.idle_uj) };
}

static struct tick_share share_plus(struct tick_share a, struct tick_share b)
{
	return (struct tick_share){ a.dynamic_uj + b.dynamic_uj, a.idle_uj + b.idle_uj };
}

static struct snapshot_account account_less(
	const struct snapshot_account *a, const struct snapshot_account *b)
{
	return (struct snapshot_account){
		.total_uj = less(a->total_uj, b->total_uj),
		.unattributed_uj = less(a->unattributed_uj, b->unattributed_uj),
		.host = share_less(a->host, b->host),
		.ended = share_less(a->ended, b->ended),
	};
}

/* The zone's sum, with all domains' in ended. */
static struct snapshot_account whole_account(const struct snapshot *snapshot, size_t zone)
{
	struct snapshot_account account = snapshot->zones[zone].sum;

	for (size_t i = 0; i < snapshot->n_domains; i++)
		account.ended = share_plus(
			account.ended, snapshot->domains[i].zones[zone].sum);
	return account;
}

/* What a zone had before its first tick here. */
static struct snapshot_account base_of_zone(const struct snapshot *snapshot, size_t zone)
{
	struct snapshot_account account = whole_account(snapshot, zone);
	struct snapshot_account last = snapshot->zones[zone].last;

	for (size_t i = 0; i < snapshot->n_domains; i++)
		last.ended = share_plus(
			last.ended, snapshot->domains[i].zones[zone].last);
	return account_less(&account, &last);
}

static size_t find_zone(const struct since_boot *table, const char *name)
{
	for (size_t i = 0; i < table->n_zones; i++) {
		if (strcmp(table->zones[i].name, name) == 0)
			return i;
	}
	return SIZE_MAX;
}

static bool zones_are_same(
	const struct since_boot *table, const struct snapshot *snapshot)
{
	if (table->n_zones != snapshot->n_zones)
		return false;
	for (size_t i = 0; i < table->n_zones; i++) {
		if (strcmp(table->zones[i].name, snapshot->zones[i].name) != 0)
			return false;
	}
	return true;
}

/* A domain's shares in the snapshot's order of zones; those of new zones are 0. */
static int move_shares(struct since_boot_domain *domain, const size_t *from, size_t n)
{
	struct since_boot_share *zones = calloc(n ? n : 1, sizeof(*zones));

	if (!zones)
		return -ENOMEM;
	for (size_t z = 0; z < n; z++) {
		if (from[z] != SIZE_MAX)
			zones[z] = domain->zones[from[z]];
	}
	free(domain->zones);
	domain->zones = zones;
	return 0;
}

/* In a new zone a domain begins as the zone does: before the last tick. */
static void begin_zone(
	struct since_boot *table, const struct snapshot *snapshot, size_t z)
{
	for (size_t i = 0; i < table->n_domains; i++) {
		struct since_boot_domain *domain = &table->domains[i];
		const struct snapshot_domain *listed = snapshot_find_domain(
			snapshot, &domain->uuid);

		if (listed)
			domain->zones[z].base = share_less(
				listed->zones[z].sum, listed->zones[z].last);
		domain->zones[z].last = domain->zones[z].base;
	}
}

/* Makes the table's zones the snapshot's. */
static int take_zones(struct since_boot *table, const struct snapshot *snapshot)
{
	struct since_boot_zone zones[MACHINE_ZONES_MAX] = { 0 };
	size_t from[MACHINE_ZONES_MAX];

	for (size_t z = 0; z < snapshot->n_zones; z++) {
		from[z] = find_zone(table, snapshot->zones[z].name);
		if (from[z] != SIZE_MAX) {
			zones[z] = table->zones[from[z]];
			continue;
		}
		memcpy(zones[z].name, snapshot->zones[z].name, sizeof(zones[z].name));
		zones[z].base = base_of_zone(snapshot, z);
	}
	for (size_t i = 0; i < table->n_domains; i++) {
		if (move_shares(&table->domains[i], from, snapshot->n_zones) < 0) {
			/* Half of them are in another order now: all begin anew. */
			since_boot_deinit(table);
			return -ENOMEM;
		}
	}
	memcpy(table->zones, zones, sizeof(zones));
	table->n_zones = snapshot->n_zones;
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		if (from[z] == SIZE_MAX)
			begin_zone(table, snapshot, z);
	}
	return 0;
}

static int make_domain(const struct since_boot *table,
	const struct snapshot_domain *listed, struct since_boot_domain *ret_domain)
{
	struct since_boot_domain domain = { .uuid = listed->uuid,
		.name = strdup(listed->name),
		.zones = calloc(
			table->n_zones ? table->n_zones : 1, sizeof(*domain.zones)) };

	if (!domain.name || !domain.zones) {
		free_domain(&domain);
		return -ENOMEM;
	}
	for (size_t z = 0; z < table->n_zones; z++)
		domain.zones[z].base = share_less(
			listed->zones[z].sum, listed->zones[z].last);
	*ret_domain = domain;
	return 0;
}

/*
 * A domain that is listed, again or still. While it was not, others may have been
 * told of what it used (it was measured once more, say): that stays with ended.
 */
static int see_domain(struct since_boot *table, struct since_boot_domain *domain,
	const struct snapshot_domain *listed)
{
	if (strcmp(domain->name, listed->name) != 0) {
		char *name = strdup(listed->name);

		if (!name)
			return -ENOMEM;
		free(domain->name);
		domain->name = name;
		table->dirty = true;
	}
	for (size_t z = 0; z < table->n_zones; z++) {
		struct since_boot_share *share = &domain->zones[z];
		struct tick_share before = share_less(
			listed->zones[z].sum, listed->zones[z].last);

		if (domain->ended) {
			struct tick_share unseen = share_less(before, share->last);

			share->base = share_plus(share->base, unseen);
			table->dirty |= unseen.dynamic_uj || unseen.idle_uj;
		}
		share->last = listed->zones[z].sum;
	}
	domain->ended = false;
	return 0;
}

/* Whether one that is not listed goes on lingering. */
static bool lingers(
	const struct since_boot *table, struct since_boot_domain *domain, uint64_t now_ns)
{
	if (!domain->ended) {
		domain->ended = true;
		domain->ended_ns = now_ns;
	}
	return now_ns - domain->ended_ns < table->retention_ns;
}

/* Makes room for all that are known or listed. */
static int reserve(struct since_boot *table, const struct snapshot *snapshot)
{
	return array_resize(&table->domains, table->n_domains + snapshot->n_domains + 1);
}

static int add_domains(struct since_boot *table, const struct snapshot *snapshot)
{
	size_t known = 0, n = table->n_domains;
	int r = reserve(table, snapshot);

	for (size_t i = 0; r == 0 && i < snapshot->n_domains; i++) {
		const struct snapshot_domain *listed = &snapshot->domains[i];

		while (known < n &&
			uuid_compare(&table->domains[known].uuid, &listed->uuid) < 0)
			known++;
		if (known < n &&
			uuid_compare(&table->domains[known].uuid, &listed->uuid) == 0)
			continue;
		r = make_domain(table, listed, &table->domains[table->n_domains]);
		if (r == 0) {
			table->n_domains++;
			table->dirty = true;
		}
	}
	return r;
}

static int compare_domains(const void *a, const void *b)
{
	return uuid_compare(&((const struct since_boot_domain *)a)->uuid,
		&((const struct since_boot_domain *)b)->uuid);
}

/* Sees who is listed, and drops who has lingered for long enough. */
static int update_domains(struct since_boot *table, const struct snapshot *snapshot)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < table->n_domains; i++) {
		struct since_boot_domain *domain = &table->domains[i];
		const struct snapshot_domain *listed = snapshot_find_domain(
			snapshot, &domain->uuid);

		if (listed) {
			int seen = see_domain(table, domain, listed);

			r = r < 0 ? r : seen;
		} else if (!lingers(table, domain, snapshot->boottime_ns)) {
			free_domain(domain);
			table->dirty = true;
			continue;
		}
		table->domains[kept++] = *domain;
	}
	table->n_domains = kept;
	return r;
}

/* Of one that is listed. */
static void fill_domain(const struct since_boot_domain *domain, struct snapshot *snapshot)
{
	struct snapshot_domain *to = (struct snapshot_domain *)snapshot_find_domain(
		snapshot, &domain->uuid);

	for (size_t z = 0; z < snapshot->n_zones; z++)
		to->zones[z].boot = share_less(
			domain->zones[z].last, domain->zones[z].base);
}

static int fill_lingering(const struct since_boot_domain *domain,
	struct snapshot *snapshot, struct snapshot_lingering *to)
{
	to->uuid = domain->uuid;
	to->name = snapshot_copy_text(snapshot, domain->name);
	to->zones = snapshot_alloc(snapshot, snapshot->n_zones, sizeof(*to->zones));
	if (!to->name || !to->zones)
		return -ENOMEM;
	for (size_t z = 0; z < snapshot->n_zones; z++)
		to->zones[z] = share_less(domain->zones[z].last, domain->zones[z].base);
	return 0;
}

static int fill_domains(const struct since_boot *table, struct snapshot *snapshot)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n_domains; i++)
		n += table->domains[i].ended;
	snapshot->lingering = snapshot_alloc(snapshot, n, sizeof(*snapshot->lingering));
	if (!snapshot->lingering)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_domains; i++) {
		const struct since_boot_domain *domain = &table->domains[i];
		int r = 0;

		if (domain->ended)
			r = fill_lingering(domain, snapshot,
				&snapshot->lingering[snapshot->n_lingering++]);
		else
			fill_domain(domain, snapshot);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ended is what is left of all domains'. false: the parts do not make the whole. */
static bool fill_zone(const struct since_boot *table, struct snapshot *snapshot, size_t z)
{
	struct snapshot_account sum = whole_account(snapshot, z);
	struct snapshot_account *boot = &snapshot->zones[z].boot;
	struct tick_share domains = { 0 };

	*boot = account_less(&sum, &table->zones[z].base);
	for (size_t i = 0; i < snapshot->n_domains; i++)
		domains = share_plus(domains, snapshot->domains[i].zones[z].boot);
	for (size_t i = 0; i < snapshot->n_lingering; i++)
		domains = share_plus(domains, snapshot->lingering[i].zones[z]);
	boot->ended = share_less(boot->ended, domains);
	return boot->total_uj == boot->unattributed_uj + boot->host.dynamic_uj +
					 boot->host.idle_uj + boot->ended.dynamic_uj +
					 boot->ended.idle_uj + domains.dynamic_uj +
					 domains.idle_uj;
}

/* -ERANGE: the ledger went back, to before what the table says it had. */
static int apply(struct since_boot *table, struct snapshot *snapshot)
{
	int r = 0;

	if (!zones_are_same(table, snapshot)) {
		table->dirty = true;
		r = take_zones(table, snapshot);
	}
	if (r == 0)
		r = add_domains(table, snapshot);
	if (table->n_domains > 0)
		qsort(table->domains, table->n_domains, sizeof(*table->domains),
			compare_domains);
	if (r == 0)
		r = update_domains(table, snapshot);
	if (r == 0)
		r = fill_domains(table, snapshot);
	for (size_t z = 0; r == 0 && z < snapshot->n_zones; z++) {
		if (!fill_zone(table, snapshot, z))
			r = -ERANGE;
	}
	return r;
}

int since_boot_apply(struct since_boot *table, struct snapshot *snapshot)
{
	int r = apply(table, snapshot);

	if (r != -ERANGE)
		return r;
	since_boot_deinit(table);
	snapshot->n_lingering = 0;
	r = apply(table, snapshot);
	/* A ledger that does not add up itself is shown as it is. */
	return r == -ERANGE ? 0 : r;
}
