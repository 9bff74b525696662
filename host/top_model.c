/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Snapshots one after another, as rows. */
#include "config.h"

#include "host/top_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cleanup.h"

/* Rows that are not domains': ended, host, unattributed, and all of it. */
#define OTHERS_MAX 4

/* What is known of a domain besides the snapshot. */
struct entry {
	struct uuid uuid;
	struct top_history history;
	struct tick_share *base; /* of the ledger's sums, by zone; among the bases */
};

/* Entries in the order of their UUIDs, as in the snapshot. */
struct entries {
	size_t n;
	struct entry *of; /* owned */
	struct tick_share *bases;
};

struct top_model {
	struct snapshot *snapshot; /* a reference */
	enum top_sort sort;
	bool reverse;
	enum top_since since;
	struct entries entries;
	struct top_history host;
	struct snapshot_account base[MACHINE_ZONES_MAX];
	struct top_row *rows; /* n_domains */
	size_t n_others;
	struct top_row others[OTHERS_MAX];
};

static const char *const sort_names[] = {
	[TOP_SORT_NAME] = "name",
	[TOP_SORT_VCPUS] = "vcpus",
	[TOP_SORT_CPU] = "cpu",
	[TOP_SORT_DYNAMIC] = "dynamic",
	[TOP_SORT_IDLE] = "idle",
	[TOP_SORT_WATTS] = "watts",
	[TOP_SORT_JOULES] = "joules",
	[TOP_SORT_LINK] = "link",
};

const char *top_sort_name(enum top_sort sort)
{
	return sort_names[sort];
}

bool top_sort_parse(const char *name, enum top_sort *ret_sort)
{
	for (unsigned int i = 0; i < TOP_SORTS; i++) {
		if (strcmp(name, sort_names[i]) == 0) {
			*ret_sort = i;
			return true;
		}
	}
	return false;
}

static void entries_deinit(struct entries *entries)
{
	free(entries->of);
	free(entries->bases);
}

int top_model_new(struct top_model **ret_model)
{
	struct top_model *model = calloc(1, sizeof(*model));

	if (!model)
		return -ENOMEM;
	model->sort = TOP_SORT_WATTS;
	*ret_model = model;
	return 0;
}

void top_model_free(struct top_model *model)
{
	if (!model)
		return;
	snapshot_unref(model->snapshot);
	entries_deinit(&model->entries);
	free(model->rows);
	free(model);
}

static uint64_t growth(uint64_t from, uint64_t to)
{
	return to > from ? to - from : 0;
}

static struct tick_share share_growth(
	const struct tick_share *from, const struct tick_share *to)
{
	return (struct tick_share){ growth(from->dynamic_uj, to->dynamic_uj),
		growth(from->idle_uj, to->idle_uj) };
}

static void history_add(struct top_history *history, double watts)
{
	history->watts[history->next] = (float)watts;
	history->next = (history->next + 1) % TOP_HISTORY;
	if (history->n < TOP_HISTORY)
		history->n++;
}

/* Other zones, or sums that went back, as where the ledger is another: count anew. */
static bool base_is_of(const struct top_model *model, const struct snapshot *snapshot)
{
	const struct snapshot *before = model->snapshot;

	if (!before || before->n_zones != snapshot->n_zones)
		return false;
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];

		if (strcmp(zone->name, before->zones[z].name) != 0 ||
			zone->sum.total_uj < before->zones[z].sum.total_uj)
			return false;
	}
	return true;
}

/* A domain that was not there before has used the last tick's energy since. */
static void set_base(struct entry *entry, const struct snapshot *snapshot,
	const struct snapshot_domain *domain, bool fresh)
{
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_share *share = &domain->zones[z];

		entry->base[z] = share->sum;
		if (!fresh)
			entry->base[z] = share_growth(&share->last, &share->sum);
	}
}

/* The entry of this domain, or NULL: next goes on from one call to the next. */
static const struct entry *next_entry(
	const struct entries *entries, const struct uuid *uuid, size_t *next)
{
	while (*next < entries->n && uuid_compare(&entries->of[*next].uuid, uuid) < 0)
		(*next)++;
	return *next < entries->n && uuid_compare(&entries->of[*next].uuid, uuid) == 0
		       ? &entries->of[*next]
		       : NULL;
}

/* fresh: all is counted from this snapshot on. */
static int make_entries(const struct top_model *model, const struct snapshot *snapshot,
	bool fresh, struct entries *ret_entries)
{
	size_t n = snapshot->n_domains, n_zones = snapshot->n_zones, next = 0;
	struct entries entries = {
		.n = n,
		.of = calloc(n ? n : 1, sizeof(*entries.of)),
		.bases = calloc(n * n_zones + 1, sizeof(*entries.bases)),
	};

	if (!entries.of || !entries.bases) {
		entries_deinit(&entries);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const struct snapshot_domain *domain = &snapshot->domains[i];
		const struct entry *before = next_entry(
			&model->entries, &domain->uuid, &next);
		struct snapshot_power power = snapshot_domain_power(snapshot, domain);
		struct entry *entry = &entries.of[i];

		if (before)
			*entry = *before;
		entry->uuid = domain->uuid;
		entry->base = entries.bases + i * n_zones;
		if (before && !fresh)
			memcpy(entry->base, before->base, n_zones * sizeof(*entry->base));
		else
			set_base(entry, snapshot, domain, fresh);
		history_add(&entry->history, power.dynamic_w + power.idle_w);
	}
	*ret_entries = entries;
	return 0;
}

struct tick_share top_model_domain_energy(
	const struct top_model *model, const struct snapshot_domain *domain, size_t zone)
{
	const struct entry *entry;

	if (model->since == TOP_SINCE_BOOT)
		return domain->zones[zone].boot;
	entry = &model->entries.of[domain - model->snapshot->domains];
	return share_growth(&entry->base[zone], &domain->zones[zone].sum);
}

struct snapshot_account top_model_zone_energy(const struct top_model *model, size_t zone)
{
	const struct snapshot_account *sum = &model->snapshot->zones[zone].sum;
	const struct snapshot_account *base = &model->base[zone];
	struct snapshot_account energy;

	if (model->since == TOP_SINCE_BOOT)
		return model->snapshot->zones[zone].boot;
	energy = (struct snapshot_account){
		.total_uj = growth(base->total_uj, sum->total_uj),
		.unattributed_uj = growth(base->unattributed_uj, sum->unattributed_uj),
		.host = share_growth(&base->host, &sum->host),
		.ended = sum->ended,
	};
	/* Those that run now were not among the ended, those that have gone since were
	 * not either: of both, what was used before does not count. */
	energy.ended.dynamic_uj += base->ended.dynamic_uj;
	energy.ended.idle_uj += base->ended.idle_uj;
	for (size_t i = 0; i < model->entries.n; i++) {
		const struct tick_share *own = &model->entries.of[i].base[zone];

		energy.ended.dynamic_uj += own->dynamic_uj;
		energy.ended.idle_uj += own->idle_uj;
	}
	return energy;
}

/* ended: so that adding what runs now, less its base, gives what was used since. */
static void set_zone_bases(struct top_model *model, const struct snapshot *snapshot)
{
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		struct snapshot_account *base = &model->base[z];
		struct tick_share before = snapshot->zones[z].sum.ended;

		*base = snapshot->zones[z].sum;
		for (size_t i = 0; i < snapshot->n_domains; i++) {
			before.dynamic_uj += snapshot->domains[i].zones[z].sum.dynamic_uj;
			before.idle_uj += snapshot->domains[i].zones[z].sum.idle_uj;
		}
		/* Modulo 2^64, as all sums of it. */
		base->ended = (struct tick_share){ -before.dynamic_uj, -before.idle_uj };
	}
}

static void fill_share(const struct snapshot_zone *zone, const struct tick_share *last,
	const struct tick_share *energy, struct top_row *row)
{
	row->dynamic_w += snapshot_zone_watts(zone, last->dynamic_uj);
	row->idle_w += snapshot_zone_watts(zone, last->idle_uj);
	row->energy_uj += energy->dynamic_uj + energy->idle_uj;
}

static void finish_row(struct top_row *row, double total_w)
{
	if (row->split)
		row->watts = row->dynamic_w + row->idle_w;
	row->share = total_w > 0 ? row->watts / total_w : 0;
}

static double total_watts(const struct snapshot *snapshot)
{
	double watts = 0;

	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];

		if (snapshot_zone_is_shared(zone))
			watts += snapshot_zone_watts(zone, zone->last.total_uj);
	}
	return watts;
}

static double cpu_percent(const struct snapshot *snapshot, uint64_t cpu_ns)
{
	return snapshot->dt_ns > 0 ? 100.0 * (double)cpu_ns / (double)snapshot->dt_ns : 0;
}

static void fill_domain(const struct top_model *model, size_t index, struct top_row *row)
{
	const struct snapshot *snapshot = model->snapshot;
	const struct snapshot_domain *domain = &snapshot->domains[index];

	*row = (struct top_row){
		.name = domain->name,
		.domain = domain,
		.cpu_percent = cpu_percent(snapshot, domain->cpu_ns),
		.split = true,
		.history = &model->entries.of[index].history,
	};
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		struct tick_share energy = top_model_domain_energy(model, domain, z);

		if (snapshot_zone_is_shared(&snapshot->zones[z]))
			fill_share(&snapshot->zones[z], &domain->zones[z].last, &energy,
				row);
	}
	finish_row(row, total_watts(snapshot));
}

static void fill_others(struct top_model *model)
{
	const struct snapshot *snapshot = model->snapshot;
	struct top_row ended = { .name = "(ended)", .cpu_percent = -1, .split = true };
	struct top_row host = { .name = "(host)",
		.cpu_percent = cpu_percent(snapshot, snapshot->host_cpu_ns),
		.split = true,
		.history = &model->host };
	struct top_row nobody = { .name = "(unattributed)", .cpu_percent = -1 };
	struct top_row all = { .name = "(all zones)", .cpu_percent = -1 };
	double total_w = total_watts(snapshot);

	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_zone *zone = &snapshot->zones[z];
		struct snapshot_account energy;

		if (!snapshot_zone_is_shared(zone))
			continue;
		energy = top_model_zone_energy(model, z);
		fill_share(zone, &zone->last.ended, &energy.ended, &ended);
		fill_share(zone, &zone->last.host, &energy.host, &host);
		nobody.watts += snapshot_zone_watts(zone, zone->last.unattributed_uj);
		nobody.energy_uj += energy.unattributed_uj;
		all.watts += snapshot_zone_watts(zone, zone->last.total_uj);
		all.energy_uj += energy.total_uj;
	}
	model->n_others = 0;
	if (ended.energy_uj > 0)
		model->others[model->n_others++] = ended;
	model->others[model->n_others++] = host;
	model->others[model->n_others++] = nobody;
	model->others[model->n_others++] = all;
	for (size_t i = 0; i < model->n_others; i++)
		finish_row(&model->others[i], total_w);
}

static int compare_numbers(double a, double b)
{
	return (a < b) - (a > b);
}

/* In the order that is not reversed. */
static int compare_rows(
	const struct top_row *a, const struct top_row *b, enum top_sort sort)
{
	switch (sort) {
	case TOP_SORT_VCPUS:
		return compare_numbers(a->domain->n_vcpus, b->domain->n_vcpus);
	case TOP_SORT_CPU:
		return compare_numbers(a->cpu_percent, b->cpu_percent);
	case TOP_SORT_DYNAMIC:
		return compare_numbers(a->dynamic_w, b->dynamic_w);
	case TOP_SORT_IDLE:
		return compare_numbers(a->idle_w, b->idle_w);
	case TOP_SORT_WATTS:
		return compare_numbers(a->watts, b->watts);
	case TOP_SORT_JOULES:
		return (a->energy_uj < b->energy_uj) - (a->energy_uj > b->energy_uj);
	case TOP_SORT_LINK:
		return (a->domain->link.state > b->domain->link.state) -
		       (a->domain->link.state < b->domain->link.state);
	default:
		return strcmp(a->name, b->name);
	}
}

/* Rows that are equal stay in the order of their names, then of their UUIDs. */
static int compare(const void *a, const void *b, void *user)
{
	const struct top_model *model = user;
	const struct top_row *x = a, *y = b;
	int order = compare_rows(x, y, model->sort);

	if (order != 0)
		return model->reverse ? -order : order;
	order = strcmp(x->name, y->name);
	return order != 0 ? order : uuid_compare(&x->domain->uuid, &y->domain->uuid);
}

static void arrange(struct top_model *model)
{
	size_t n = model->snapshot->n_domains;

	for (size_t i = 0; i < n; i++)
		fill_domain(model, i, &model->rows[i]);
	qsort_r(model->rows, n, sizeof(*model->rows), compare, model);
	fill_others(model);
}

int top_model_update(struct top_model *model, const struct snapshot *snapshot)
{
	bool fresh = !base_is_of(model, snapshot);
	struct entries entries;
	struct top_row *rows;

	if (model->snapshot && model->snapshot->boottime_ns == snapshot->boottime_ns)
		return 0;
	rows = calloc(snapshot->n_domains + 1, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	if (make_entries(model, snapshot, fresh, &entries) < 0) {
		free(rows);
		return -ENOMEM;
	}
	if (fresh)
		set_zone_bases(model, snapshot);
	entries_deinit(&model->entries);
	model->entries = entries;
	free(model->rows);
	model->rows = rows;
	snapshot_unref(model->snapshot);
	model->snapshot = snapshot_ref(snapshot);
	arrange(model);
	for (size_t i = 0; i < model->n_others; i++) {
		if (model->others[i].history)
			history_add(&model->host, model->others[i].watts);
	}
	return 0;
}

void top_model_arrange(
	struct top_model *model, enum top_sort sort, bool reverse, enum top_since since)
{
	model->sort = sort;
	model->reverse = reverse;
	model->since = since;
	if (model->snapshot)
		arrange(model);
}

const struct snapshot *top_model_snapshot(const struct top_model *model)
{
	return model->snapshot;
}

size_t top_model_n_domains(const struct top_model *model)
{
	return model->snapshot ? model->snapshot->n_domains : 0;
}

const struct top_row *top_model_row(const struct top_model *model, size_t index)
{
	return &model->rows[index];
}

size_t top_model_n_others(const struct top_model *model)
{
	return model->n_others;
}

const struct top_row *top_model_other(const struct top_model *model, size_t index)
{
	return &model->others[index];
}

size_t top_model_find(const struct top_model *model, const struct uuid *uuid)
{
	size_t n = top_model_n_domains(model), i = 0;

	while (i < n && uuid_compare(&model->rows[i].domain->uuid, uuid) != 0)
		i++;
	return i;
}
