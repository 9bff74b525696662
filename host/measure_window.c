/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The difference of snapshots. */
#include "host/measure_window.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/array.h"
#include "shared/clock.h"

#define BIT(mark) (UINT32_C(1) << (mark))

static const char *const mark_names[MEASURE_MARKS] = {
	[MEASURE_INTERRUPTED] = "interrupted",
	[MEASURE_ESTIMATED] = "estimated",
	[MEASURE_DEGRADED] = "degraded",
	[MEASURE_RESTARTED] = "hostd-restarted",
	[MEASURE_RESET] = "ledger-reset",
	[MEASURE_OPEN] = "no-end-tick",
	[MEASURE_ZONES] = "zones-changed",
	[MEASURE_LIBVIRT] = "libvirt-away",
	[MEASURE_STARTED] = "started",
	[MEASURE_ENDED] = "ended",
	[MEASURE_AWAY] = "away",
	[MEASURE_MISSING] = "missing",
};

const char *measure_mark_name(enum measure_mark mark)
{
	return mark_names[mark];
}

const char *measure_row_kind_name(enum measure_row_kind kind)
{
	static const char *const names[] = {
		[MEASURE_TOTAL] = "total",
		[MEASURE_UNATTRIBUTED] = "unattributed",
		[MEASURE_HOST] = "host",
		[MEASURE_OTHERS] = "other-domains",
		[MEASURE_DOMAIN] = "domain",
	};

	return names[kind];
}

/* The zone of a snapshot by its name; NULL: it is not there. */
static const struct snapshot_zone *find_zone(
	const struct snapshot *snapshot, const char *name)
{
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		if (strcmp(snapshot->zones[z].name, name) == 0 &&
			snapshot_zone_is_shared(&snapshot->zones[z]))
			return &snapshot->zones[z];
	}
	return NULL;
}

static struct measure_energy energy_of(const struct tick_share *share)
{
	return (struct measure_energy){ share->dynamic_uj, share->idle_uj,
		share->dynamic_uj + share->idle_uj };
}

static struct measure_energy add(struct measure_energy a, struct measure_energy b)
{
	return (struct measure_energy){ a.dynamic_uj + b.dynamic_uj,
		a.idle_uj + b.idle_uj, a.uj + b.uj };
}

static struct measure_energy subtract(struct measure_energy a, struct measure_energy b)
{
	return (struct measure_energy){ a.dynamic_uj - b.dynamic_uj,
		a.idle_uj - b.idle_uj, a.uj - b.uj };
}

static bool is_less(const struct measure_energy *a, const struct measure_energy *b)
{
	return a->dynamic_uj < b->dynamic_uj || a->idle_uj < b->idle_uj || a->uj < b->uj;
}

/* Of all domains, ended ones too. */
static struct measure_energy domains_energy(
	const struct snapshot *snapshot, const struct snapshot_zone *zone)
{
	struct measure_energy sum = energy_of(&zone->sum.ended);
	size_t z = (size_t)(zone - snapshot->zones);

	for (size_t i = 0; i < snapshot->n_domains; i++)
		sum = add(sum, energy_of(&snapshot->domains[i].zones[z].sum));
	return sum;
}

/* What a row that is no domain's counts in a zone. */
static struct measure_energy count(const struct snapshot *snapshot,
	const struct snapshot_zone *zone, enum measure_row_kind kind)
{
	struct measure_energy energy = { 0 };

	switch (kind) {
	case MEASURE_TOTAL:
		energy = add(domains_energy(snapshot, zone), energy_of(&zone->sum.host));
		energy.uj = zone->sum.total_uj;
		break;
	case MEASURE_UNATTRIBUTED:
		energy.uj = zone->sum.unattributed_uj;
		break;
	case MEASURE_HOST:
		energy = energy_of(&zone->sum.host);
		break;
	case MEASURE_OTHERS:
	case MEASURE_DOMAIN:
		energy = domains_energy(snapshot, zone);
		break;
	}
	return energy;
}

static int add_row(struct measure_window *window, enum measure_row_kind kind,
	const struct uuid *uuid)
{
	struct measure_row *row;

	if (array_reserve(&window->rows, &window->rows_size, window->n_rows + 1) < 0)
		return -ENOMEM;
	row = &window->rows[window->n_rows];
	*row = (struct measure_row){ .kind = kind };
	if (uuid)
		row->uuid = *uuid;
	row->zones = calloc(window->n_zones, sizeof(*row->zones));
	if (!row->zones)
		return -ENOMEM;
	window->n_rows++;
	return 0;
}

static struct measure_row *find_row(
	const struct measure_window *window, const struct uuid *uuid)
{
	for (size_t i = MEASURE_DOMAIN; i < window->n_rows; i++) {
		if (uuid_compare(&window->rows[i].uuid, uuid) == 0)
			return &window->rows[i];
	}
	return NULL;
}

static int set_zones(struct measure_window *window, const struct snapshot *snapshot)
{
	window->zone_names = calloc(
		snapshot->n_zones ? snapshot->n_zones : 1, sizeof(*window->zone_names));
	if (!window->zone_names)
		return -ENOMEM;
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		if (snapshot_zone_is_shared(&snapshot->zones[z]))
			memcpy(window->zone_names[window->n_zones++],
				snapshot->zones[z].name, sizeof(*window->zone_names));
	}
	return window->n_zones > 0 ? 0 : -EBADMSG;
}

static int set_rows(struct measure_window *window, const struct snapshot *snapshot,
	const struct uuid *uuids, size_t n_uuids)
{
	int r = 0;

	for (int kind = MEASURE_TOTAL; r == 0 && kind < MEASURE_DOMAIN; kind++)
		r = add_row(window, (enum measure_row_kind)kind, NULL);
	for (size_t i = 0; r == 0 && i < n_uuids; i++)
		r = add_row(window, MEASURE_DOMAIN, &uuids[i]);
	for (size_t i = 0; window->all && r == 0 && i < snapshot->n_domains; i++) {
		if (!find_row(window, &snapshot->domains[i].uuid))
			r = add_row(window, MEASURE_DOMAIN, &snapshot->domains[i].uuid);
	}
	return r;
}

static void set_domain(struct measure_window *window, struct measure_row *row,
	const struct snapshot *snapshot, const struct snapshot_domain *domain)
{
	row->present = domain != NULL;
	for (size_t z = 0; domain && z < window->n_zones; z++) {
		const struct snapshot_zone *zone = find_zone(
			snapshot, window->zone_names[z]);

		if (zone)
			row->zones[z].now = energy_of(
				&domain->zones[zone - snapshot->zones].sum);
	}
}

/*
 * Seen first in this snapshot. At the beginning its energy so far is not the window's;
 * later, all but what was new in the last tick.
 */
static int meet_domain(struct measure_window *window, struct measure_row *row,
	const struct snapshot *snapshot, const struct snapshot_domain *domain)
{
	char *name = strdup(domain->name ? domain->name : "");

	if (!name)
		return -ENOMEM;
	row->name = name;
	row->seen = true;
	set_domain(window, row, snapshot, domain);
	for (size_t z = 0; z < window->n_zones; z++) {
		const struct snapshot_zone *zone = find_zone(
			snapshot, window->zone_names[z]);
		struct measure_zone_state *state = &row->zones[z];

		state->base = state->now;
		if (zone && window->n_ticks > 0)
			state->base = subtract(state->now,
				energy_of(&domain->zones[zone - snapshot->zones].last));
	}
	if (window->n_ticks > 0)
		row->marks |= BIT(MEASURE_STARTED);
	return 0;
}

static void note(struct measure_window *window, const struct snapshot *snapshot)
{
	if (snapshot_is_estimate(snapshot))
		window->marks |= BIT(MEASURE_ESTIMATED);
	if (!snapshot->libvirt_connected)
		window->marks |= BIT(MEASURE_LIBVIRT);
	window->end_ns = snapshot->boottime_ns;
	window->end_time_ns = snapshot->time_ns;
	window->started_ns = snapshot->started_ns;
	window->number = snapshot->number;
	window->degraded_ticks = snapshot->degraded_ticks;
}

int measure_window_begin(struct measure_window *ret_window,
	const struct snapshot *snapshot, const struct uuid *uuids, size_t n_uuids,
	bool all)
{
	struct measure_window window = {
		.all = all,
		.begin_ns = snapshot->boottime_ns,
		.begin_time_ns = snapshot->time_ns,
		.peak_begin_ns = snapshot->boottime_ns,
	};
	int r = set_zones(&window, snapshot);

	if (r == 0)
		r = set_rows(&window, snapshot, uuids, n_uuids);
	for (size_t i = 0; r == 0 && i < window.n_rows; i++) {
		struct measure_row *row = &window.rows[i];
		const struct snapshot_domain *domain = snapshot_find_domain(
			snapshot, &row->uuid);

		if (row->kind == MEASURE_DOMAIN && domain)
			r = meet_domain(&window, row, snapshot, domain);
		for (size_t z = 0; row->kind != MEASURE_DOMAIN && z < window.n_zones; z++)
			row->zones[z].base = row->zones[z].now = count(snapshot,
				find_zone(snapshot, window.zone_names[z]), row->kind);
	}
	if (r < 0) {
		measure_window_deinit(&window);
		return r;
	}
	snprintf(window.source, sizeof(window.source), "%s", snapshot->source);
	snprintf(window.idle_policy, sizeof(window.idle_policy), "%s",
		snapshot->idle_policy);
	note(&window, snapshot);
	*ret_window = window;
	return 0;
}

/* Whether nothing that is counted went back. */
static bool goes_on(const struct measure_window *window, const struct snapshot *snapshot)
{
	if (snapshot->boottime_ns < window->end_ns)
		return false;
	for (size_t z = 0; z < window->n_zones; z++) {
		const struct snapshot_zone *zone = find_zone(
			snapshot, window->zone_names[z]);

		for (size_t i = 0; zone && i < window->n_rows; i++) {
			const struct measure_row *row = &window->rows[i];
			const struct snapshot_domain *domain = NULL;
			struct measure_energy now;

			if (row->kind == MEASURE_DOMAIN) {
				domain = row->seen ? snapshot_find_domain(
							     snapshot, &row->uuid)
						   : NULL;
				if (!domain)
					continue;
				now = energy_of(
					&domain->zones[zone - snapshot->zones].sum);
			} else {
				now = count(snapshot, zone, row->kind);
			}
			if (is_less(&now, &row->zones[z].now))
				return false;
		}
	}
	return true;
}

static int update_domain(struct measure_window *window, struct measure_row *row,
	const struct snapshot *snapshot)
{
	const struct snapshot_domain *domain = snapshot_find_domain(snapshot, &row->uuid);

	if (domain && !row->seen)
		return meet_domain(window, row, snapshot, domain);
	if (domain && !row->present)
		row->marks |= BIT(MEASURE_AWAY);
	set_domain(window, row, snapshot, domain);
	return 0;
}

static int update_rows(struct measure_window *window, const struct snapshot *snapshot)
{
	int r = 0;

	for (size_t i = 0; window->all && r == 0 && i < snapshot->n_domains; i++) {
		if (!find_row(window, &snapshot->domains[i].uuid))
			r = add_row(window, MEASURE_DOMAIN, &snapshot->domains[i].uuid);
	}
	for (size_t i = MEASURE_DOMAIN; r == 0 && i < window->n_rows; i++)
		r = update_domain(window, &window->rows[i], snapshot);
	return r;
}

static void update_others(struct measure_window *window, const struct snapshot *snapshot)
{
	size_t n_shared = 0;

	for (size_t z = 0; z < snapshot->n_zones; z++)
		n_shared += snapshot_zone_is_shared(&snapshot->zones[z]);
	if (n_shared != window->n_zones)
		window->marks |= BIT(MEASURE_ZONES);
	for (size_t z = 0; z < window->n_zones; z++) {
		const struct snapshot_zone *zone = find_zone(
			snapshot, window->zone_names[z]);

		if (!zone)
			window->marks |= BIT(MEASURE_ZONES);
		for (size_t i = 0; zone && i < MEASURE_DOMAIN; i++)
			window->rows[i].zones[z].now = count(
				snapshot, zone, window->rows[i].kind);
	}
}

static void take_peak(uint64_t uj, uint64_t before_uj, uint64_t dt_ns, uint64_t *peak_uw)
{
	unsigned __int128 power_uw = 0;

	/* What others had is a domain's again, once it is back. */
	if (uj > before_uj)
		power_uw = (unsigned __int128)(uj - before_uj) * NSEC_PER_SEC / dt_ns;
	if (power_uw > UINT64_MAX)
		power_uw = UINT64_MAX;
	if (power_uw > *peak_uw)
		*peak_uw = (uint64_t)power_uw;
}

static void update_peaks(struct measure_window *window)
{
	uint64_t dt_ns = window->end_ns - window->peak_begin_ns;

	for (size_t i = 0; i < window->n_rows; i++) {
		struct measure_row *row = &window->rows[i];
		uint64_t sum_uj = 0, before_uj = 0;

		for (size_t z = 0; z < window->n_zones; z++) {
			struct measure_zone_state *state = &row->zones[z];
			uint64_t uj = measure_window_energy(window, i, z).uj;

			take_peak(uj, state->peak_base_uj, dt_ns, &state->peak_uw);
			sum_uj += uj;
			before_uj += state->peak_base_uj;
			state->peak_base_uj = uj;
		}
		take_peak(sum_uj, before_uj, dt_ns, &row->peak_uw);
	}
	window->peak_begin_ns = window->end_ns;
}

int measure_window_add(struct measure_window *window, const struct snapshot *snapshot)
{
	bool same_run = snapshot->started_ns == window->started_ns;
	int r;

	if (same_run && snapshot->number == window->number)
		return 0;
	if (!goes_on(window, snapshot)) {
		window->marks |= BIT(MEASURE_RESET) | BIT(MEASURE_DEGRADED);
		return -ESTALE;
	}
	window->n_ticks += same_run && snapshot->number > window->number
				   ? snapshot->number - window->number
				   : snapshot->number;
	r = update_rows(window, snapshot);
	if (r < 0)
		return r;
	update_others(window, snapshot);
	if (!same_run)
		window->marks |= BIT(MEASURE_RESTARTED) | BIT(MEASURE_DEGRADED);
	if (snapshot->degraded_ticks != window->degraded_ticks && same_run)
		window->marks |= BIT(MEASURE_DEGRADED);
	note(window, snapshot);
	if (window->end_ns - window->peak_begin_ns >= MEASURE_PEAK_NS)
		update_peaks(window);
	return 0;
}

void measure_window_end(struct measure_window *window)
{
	/* What is left over is too short for a peak; none is below the mean. */
	for (size_t i = 0; i < window->n_rows; i++) {
		for (size_t z = 0; z < window->n_zones; z++)
			window->rows[i].zones[z].peak_base_uj = 0;
	}
	window->peak_begin_ns = window->begin_ns;
	if (window->end_ns > window->begin_ns)
		update_peaks(window);
	for (size_t i = MEASURE_DOMAIN; i < window->n_rows; i++) {
		struct measure_row *row = &window->rows[i];

		if (!row->seen)
			row->marks |= BIT(MEASURE_MISSING);
		else if (!row->present)
			row->marks |= BIT(MEASURE_ENDED);
	}
}

void measure_window_deinit(struct measure_window *window)
{
	for (size_t i = 0; i < window->n_rows; i++) {
		free(window->rows[i].name);
		free(window->rows[i].zones);
	}
	free(window->rows);
	free(window->zone_names);
	*window = (struct measure_window){ 0 };
}

size_t measure_window_nth(const struct measure_window *window, size_t n)
{
	size_t n_domains = window->n_rows - MEASURE_DOMAIN;

	return n < n_domains ? MEASURE_DOMAIN + n : window->n_rows - 1 - n;
}

struct measure_energy measure_window_energy(
	const struct measure_window *window, size_t row, size_t zone)
{
	const struct measure_zone_state *state = &window->rows[row].zones[zone];
	struct measure_energy energy = subtract(state->now, state->base);

	if (window->rows[row].kind != MEASURE_OTHERS)
		return energy;
	/* Of all domains, without those that are measured. */
	for (size_t i = MEASURE_DOMAIN; i < window->n_rows; i++)
		energy = subtract(energy, measure_window_energy(window, i, zone));
	return energy;
}

struct measure_energy measure_window_sum(const struct measure_window *window, size_t row)
{
	struct measure_energy sum = { 0 };

	for (size_t z = 0; z < window->n_zones; z++)
		sum = add(sum, measure_window_energy(window, row, z));
	return sum;
}

double measure_window_watts(const struct measure_window *window, uint64_t uj)
{
	return snapshot_watts(uj, window->end_ns - window->begin_ns);
}

enum message_quality measure_window_quality(const struct measure_window *window)
{
	if (window->marks & BIT(MEASURE_ESTIMATED))
		return MESSAGE_ESTIMATED;
	return window->marks & BIT(MEASURE_DEGRADED) ? MESSAGE_DEGRADED
						     : MESSAGE_MEASURED;
}

static const struct snapshot_domain *find_domain(
	const struct snapshot *snapshot, const char *name)
{
	struct uuid uuid;

	for (size_t i = 0; i < snapshot->n_domains; i++) {
		if (strcmp(snapshot->domains[i].name, name) == 0)
			return &snapshot->domains[i];
	}
	return uuid_parse(name, &uuid) == 0 ? snapshot_find_domain(snapshot, &uuid)
					    : NULL;
}

int measure_window_find(const struct snapshot *snapshot, const char *const *names,
	size_t n_names, struct uuid **ret_uuids, size_t *ret_n, const char **ret_unknown)
{
	struct uuid *uuids = calloc(n_names ? n_names : 1, sizeof(*uuids));
	size_t n = 0;

	if (!uuids)
		return -ENOMEM;
	for (size_t i = 0; i < n_names; i++) {
		const struct snapshot_domain *domain = find_domain(snapshot, names[i]);
		bool known = false;

		if (!domain) {
			*ret_unknown = names[i];
			free(uuids);
			return -ENOENT;
		}
		for (size_t j = 0; j < n; j++)
			known |= uuid_compare(&uuids[j], &domain->uuid) == 0;
		if (!known)
			uuids[n++] = domain->uuid;
	}
	*ret_uuids = uuids;
	*ret_n = n;
	return 0;
}
