/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Records of intervals: made, added, subtracted. */
#include "config.h"

#include "host/interval_record.h"
#include "shared/array.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUALITIES (MESSAGE_DEGRADED + 1)

static void free_texts(struct interval_domain *domain)
{
	free(domain->name);
	free(domain->labels);
}

void interval_record_deinit(struct interval_record *record)
{
	for (uint32_t i = 0; i < record->n_domains; i++)
		free_texts(&record->domains[i]);
	free(record->zones);
	free(record->domains);
	free(record->shares);
	*record = (struct interval_record){ 0 };
}

/* One more zone in each domain's shares, from the last one on, as rows move up. */
static int widen_shares(struct interval_record *record)
{
	uint32_t n = record->n_zones;

	if (record->domains_size == 0)
		return 0;
	if (array_resize(&record->shares, (size_t)record->domains_size * (n + 1)) < 0)
		return -ENOMEM;
	for (uint32_t i = record->n_domains; i-- > 0;) {
		struct tick_share *to = &record->shares[(size_t)i * (n + 1)];

		memmove(to, &record->shares[(size_t)i * n], n * sizeof(*to));
		to[n] = (struct tick_share){ 0 };
	}
	return 0;
}

static ssize_t find_zone(const struct interval_record *record, const char *name)
{
	for (uint32_t i = 0; i < record->n_zones; i++) {
		if (strcmp(record->zones[i].name, name) == 0)
			return (ssize_t)i;
	}
	return -1;
}

int interval_record_take_zone(
	struct interval_record *record, const char *name, uint32_t *ret_zone)
{
	ssize_t known = find_zone(record, name);
	struct interval_zone *zone;

	if (known >= 0) {
		*ret_zone = (uint32_t)known;
		return 0;
	}
	if (record->n_zones == LEDGER_ZONES_MAX)
		return -E2BIG;
	if (array_resize(&record->zones, record->n_zones + 1) < 0 ||
		widen_shares(record) < 0)
		return -ENOMEM;
	zone = &record->zones[record->n_zones];
	*zone = (struct interval_zone){ 0 };
	snprintf(zone->name, sizeof(zone->name), "%s", name);
	*ret_zone = record->n_zones++;
	return 0;
}

/* Where it is, or would be; ends are looked at first, as domains come in order. */
static uint32_t search(
	const struct interval_record *record, const struct uuid *uuid, bool *ret_found)
{
	uint32_t low = 0, high = record->n_domains;

	*ret_found = false;
	if (high > 0 && uuid_compare(&record->domains[high - 1].uuid, uuid) < 0)
		return high;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = uuid_compare(&record->domains[middle].uuid, uuid);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return high;
}

ssize_t interval_record_find(
	const struct interval_record *record, const struct uuid *uuid)
{
	bool found;
	uint32_t position = search(record, uuid, &found);

	return found ? (ssize_t)position : -1;
}

static int reserve(struct interval_record *record, uint32_t n)
{
	uint32_t size = record->domains_size ? record->domains_size : 16;

	if (n <= record->domains_size)
		return 0;
	while (size < n)
		size *= 2;
	if (array_resize(&record->domains, size) < 0 ||
		array_resize(&record->shares, (size_t)size * (record->n_zones + 1)) < 0)
		return -ENOMEM;
	record->domains_size = size;
	return 0;
}

int interval_record_take_domain(struct interval_record *record, const struct uuid *uuid,
	const char *name, const char *labels, uint32_t *ret_domain)
{
	bool found;
	uint32_t at = search(record, uuid, &found), n = record->n_zones;
	uint32_t behind = record->n_domains - at;
	struct interval_domain domain = { .uuid = *uuid };

	*ret_domain = at;
	if (found)
		return 0;
	if (reserve(record, record->n_domains + 1) < 0)
		return -ENOMEM;
	domain.name = strdup(name);
	domain.labels = strdup(labels);
	if (!domain.name || !domain.labels) {
		free_texts(&domain);
		return -ENOMEM;
	}
	memmove(&record->domains[at + 1], &record->domains[at],
		behind * sizeof(*record->domains));
	memmove(&record->shares[(size_t)(at + 1) * n], &record->shares[(size_t)at * n],
		(size_t)behind * n * sizeof(*record->shares));
	record->domains[at] = domain;
	memset(&record->shares[(size_t)at * n], 0, n * sizeof(*record->shares));
	record->n_domains++;
	return 0;
}

static void add_quality(uint64_t to[QUALITIES], const uint64_t from[QUALITIES])
{
	for (size_t i = 0; i < QUALITIES; i++)
		to[i] += from[i];
}

static void add_interval(struct ledger_interval *to, const struct ledger_interval *from)
{
	if (to->until_s == 0) {
		*to = *from;
		return;
	}
	if (from->from_sequence < to->from_sequence)
		to->from_sequence = from->from_sequence;
	if (from->to_sequence > to->to_sequence)
		to->to_sequence = from->to_sequence;
	if (from->since_s < to->since_s)
		to->since_s = from->since_s;
	if (from->until_s > to->until_s)
		to->until_s = from->until_s;
	to->sources |= from->sources;
}

static int add_zones(struct interval_record *to, const struct interval_record *from,
	uint32_t zones[LEDGER_ZONES_MAX])
{
	for (uint32_t i = 0; i < from->n_zones; i++) {
		const struct interval_zone *zone = &from->zones[i];
		int r = interval_record_take_zone(to, zone->name, &zones[i]);

		if (r < 0)
			return r;
		to->zones[zones[i]].host.dynamic_uj += zone->host.dynamic_uj;
		to->zones[zones[i]].host.idle_uj += zone->host.idle_uj;
		to->zones[zones[i]].unattributed_uj += zone->unattributed_uj;
	}
	return 0;
}

/* Adds a domain to one that is there. */
static void add_to_domain(struct interval_record *to, uint32_t at,
	const struct interval_record *from, uint32_t index, const uint32_t *zones)
{
	add_quality(to->domains[at].quality_ns, from->domains[index].quality_ns);
	for (uint32_t zone = 0; zone < from->n_zones; zone++) {
		const struct tick_share *share = interval_share(from, index, zone);
		struct tick_share *sum = interval_share(to, at, zones[zone]);

		sum->dynamic_uj += share->dynamic_uj;
		sum->idle_uj += share->idle_uj;
	}
}

/* The texts of a domain; NULL: they stay as they are. */
struct texts {
	char *name, *labels;
};

static void free_all_texts(struct texts *texts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		free(texts[i].name);
		free(texts[i].labels);
	}
	free(texts);
}

/* A copy, unless it would change nothing. */
static int copy_text(const char *known, const char *text, bool is_newer, char **ret_copy)
{
	if (known && (!is_newer || !text[0] || strcmp(known, text) == 0))
		return 0;
	*ret_copy = strdup(text);
	return *ret_copy ? 0 : -ENOMEM;
}

/*
 * Copies of the texts that to will need: of a domain it has not, and of one that has
 * others since. *ret_new: how many it has not.
 */
static int copy_texts(const struct interval_record *to,
	const struct interval_record *from, struct texts **ret_texts, uint32_t *ret_new)
{
	bool is_newer = from->interval.to_sequence >= to->interval.to_sequence;
	struct texts *texts = calloc((size_t)from->n_domains + 1, sizeof(*texts));
	uint32_t at = 0, n_new = 0;

	if (!texts)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->n_domains; i++) {
		const struct interval_domain *domain = &from->domains[i], *known = NULL;

		while (at < to->n_domains &&
			uuid_compare(&to->domains[at].uuid, &domain->uuid) < 0)
			at++;
		if (at < to->n_domains &&
			uuid_compare(&to->domains[at].uuid, &domain->uuid) == 0)
			known = &to->domains[at];
		n_new += !known;
		if (copy_text(known ? known->name : NULL, domain->name, is_newer,
			    &texts[i].name) < 0 ||
			copy_text(known ? known->labels : NULL, domain->labels, is_newer,
				&texts[i].labels) < 0) {
			free_all_texts(texts, from->n_domains);
			return -ENOMEM;
		}
	}
	*ret_texts = texts;
	*ret_new = n_new;
	return 0;
}

/* Takes the text over, if there is one. */
static void replace_text(char **text, char **with)
{
	if (!*with)
		return;
	free(*text);
	*text = *with;
	*with = NULL;
}

/* Moves a domain up, to make room. */
static void move_domain(struct interval_record *record, uint32_t to, uint32_t from)
{
	size_t n = record->n_zones;

	if (to == from)
		return;
	record->domains[to] = record->domains[from];
	memcpy(&record->shares[to * n], &record->shares[from * n],
		n * sizeof(*record->shares));
}

/* From the last one on, so that what is moved was looked at. Takes the texts over. */
static void merge_domains(struct interval_record *to, const struct interval_record *from,
	const uint32_t *zones, struct texts *texts, uint32_t n_new)
{
	uint32_t left = to->n_domains, at = left + n_new;

	to->n_domains = at;
	for (uint32_t i = from->n_domains; i-- > 0;) {
		const struct uuid *uuid = &from->domains[i].uuid;

		while (left > 0 && uuid_compare(&to->domains[left - 1].uuid, uuid) > 0)
			move_domain(to, --at, --left);
		at--;
		if (left > 0 && uuid_compare(&to->domains[left - 1].uuid, uuid) == 0) {
			move_domain(to, at, --left);
		} else {
			to->domains[at] = (struct interval_domain){ .uuid = *uuid };
			memset(&to->shares[(size_t)at * to->n_zones], 0,
				to->n_zones * sizeof(*to->shares));
		}
		replace_text(&to->domains[at].name, &texts[i].name);
		replace_text(&to->domains[at].labels, &texts[i].labels);
		add_to_domain(to, at, from, i, zones);
	}
}

int interval_record_add(struct interval_record *to, const struct interval_record *from)
{
	uint32_t zones[LEDGER_ZONES_MAX], n_new;
	struct texts *texts;
	int r = copy_texts(to, from, &texts, &n_new);

	if (r < 0)
		return r;
	r = reserve(to, to->n_domains + n_new);
	if (r == 0)
		r = add_zones(to, from, zones);
	if (r < 0) {
		free_all_texts(texts, from->n_domains);
		return r;
	}
	merge_domains(to, from, zones, texts, n_new);
	free_all_texts(texts, from->n_domains);
	if (to->interval.until_s == 0)
		to->book = from->book;
	add_quality(to->quality_ns, from->quality_ns);
	add_interval(&to->interval, &from->interval);
	return 0;
}

static bool take_off(uint64_t *to, uint64_t from)
{
	bool enough = *to >= from;

	*to -= from;
	return enough;
}

static bool take_off_quality(uint64_t to[QUALITIES], const uint64_t from[QUALITIES])
{
	bool enough = true;

	for (size_t i = 0; i < QUALITIES; i++)
		enough &= take_off(&to[i], from[i]);
	return enough;
}

static bool take_off_share(struct tick_share *to, const struct tick_share *from)
{
	bool enough = take_off(&to->dynamic_uj, from->dynamic_uj);

	return take_off(&to->idle_uj, from->idle_uj) && enough;
}

static bool share_is_zero(const struct tick_share *share)
{
	return share->dynamic_uj == 0 && share->idle_uj == 0;
}

static bool take_off_domain(
	struct interval_record *to, const struct interval_record *from, uint32_t index)
{
	ssize_t at = interval_record_find(to, &from->domains[index].uuid);
	bool enough = at >= 0;

	if (!enough)
		return false;
	enough = take_off_quality(
		to->domains[at].quality_ns, from->domains[index].quality_ns);
	for (uint32_t zone = 0; zone < from->n_zones; zone++) {
		const struct tick_share *share = interval_share(from, index, zone);
		ssize_t zone_at = find_zone(to, from->zones[zone].name);

		if (zone_at < 0)
			enough &= share_is_zero(share);
		else
			enough &= take_off_share(
				interval_share(to, (size_t)at, (size_t)zone_at), share);
	}
	return enough;
}

int interval_record_subtract(
	struct interval_record *to, const struct interval_record *from)
{
	bool enough = take_off_quality(to->quality_ns, from->quality_ns);

	for (uint32_t i = 0; i < from->n_zones; i++) {
		const struct interval_zone *zone = &from->zones[i];
		ssize_t at = find_zone(to, zone->name);

		if (at < 0) {
			enough &= share_is_zero(&zone->host) &&
				  zone->unattributed_uj == 0;
			continue;
		}
		enough &= take_off_share(&to->zones[at].host, &zone->host);
		enough &= take_off(&to->zones[at].unattributed_uj, zone->unattributed_uj);
	}
	for (uint32_t i = 0; i < from->n_domains; i++)
		enough &= take_off_domain(to, from, i);
	return enough ? 0 : -ERANGE;
}

static bool quality_is_zero(const uint64_t quality_ns[QUALITIES])
{
	for (size_t i = 0; i < QUALITIES; i++) {
		if (quality_ns[i])
			return false;
	}
	return true;
}

static bool domain_is_zero(const struct interval_record *record, uint32_t index)
{
	if (!quality_is_zero(record->domains[index].quality_ns))
		return false;
	for (uint32_t zone = 0; zone < record->n_zones; zone++) {
		if (!share_is_zero(interval_share(record, index, zone)))
			return false;
	}
	return true;
}

bool interval_record_is_zero(const struct interval_record *record)
{
	if (!quality_is_zero(record->quality_ns))
		return false;
	for (uint32_t i = 0; i < record->n_zones; i++) {
		if (!share_is_zero(&record->zones[i].host) ||
			record->zones[i].unattributed_uj)
			return false;
	}
	for (uint32_t i = 0; i < record->n_domains; i++) {
		if (!domain_is_zero(record, i))
			return false;
	}
	return true;
}

void interval_record_prune(struct interval_record *record)
{
	uint32_t n = record->n_zones, kept = 0;

	for (uint32_t i = 0; i < record->n_domains; i++) {
		if (domain_is_zero(record, i)) {
			free_texts(&record->domains[i]);
			continue;
		}
		record->domains[kept] = record->domains[i];
		memmove(&record->shares[(size_t)kept * n], &record->shares[(size_t)i * n],
			n * sizeof(*record->shares));
		kept++;
	}
	record->n_domains = kept;
}
