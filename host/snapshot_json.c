/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Snapshots to JSON and back. The fields of each object are named once, in a
 * function that walks them in either direction, so that the two cannot disagree.
 */
#include "host/snapshot_json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "host/labels.h"
#include "shared/number.h"

static const char *const kind_names[] = {
	[MACHINE_ZONE_PACKAGE] = "package",
	[MACHINE_ZONE_DRAM] = "dram",
	[MACHINE_ZONE_CORE] = "core",
	[MACHINE_ZONE_UNCORE] = "uncore",
	[MACHINE_ZONE_PSYS] = "psys",
	NULL,
};

static const char *const zone_state_names[] = {
	[TICK_ZONE_OK] = "ok",
	[TICK_ZONE_BASELINE] = "baseline",
	[TICK_ZONE_EXCLUDED] = "excluded",
	[TICK_ZONE_AMBIGUOUS] = "ambiguous",
	NULL,
};

static const char *const origin_names[] = {
	[IDLE_POWER_LEARNED] = "learned",
	[IDLE_POWER_CONFIGURED] = "configured",
	[IDLE_POWER_CALIBRATED] = "calibrated",
	NULL,
};

static const char *const quality_names[] = {
	[MESSAGE_MEASURED] = "measured",
	[MESSAGE_ESTIMATED] = "estimated",
	[MESSAGE_DEGRADED] = "degraded",
	NULL,
};

const char *snapshot_json_kind_name(enum machine_zone_kind kind)
{
	return kind_names[kind];
}

/*
 * A walk over a document. Encoding adds to the object at, decoding reads from it;
 * the first error stays and the rest of the walk does nothing that matters.
 */
struct walk {
	bool decoding;
	int error;
	cJSON *at;
	struct snapshot *snapshot;
};

static void fail(struct walk *walk, int error)
{
	if (!walk->error)
		walk->error = error;
}

/* The value called name while decoding; NULL (and an error) without one. */
static const cJSON *get(struct walk *walk, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(walk->at, name);

	if (!item)
		fail(walk, -EBADMSG);
	return item;
}

/*
 * Adds item, which may be NULL for want of memory, while encoding. name is not copied:
 * it is a constant.
 */
static void put(struct walk *walk, const char *name, cJSON *item)
{
	if (item && cJSON_AddItemToObjectCS(walk->at, name, item))
		return;
	cJSON_Delete(item);
	fail(walk, -ENOMEM);
}

static void walk_u64(struct walk *walk, const char *name, uint64_t *value)
{
	char digits[NUMBER_U64_SIZE];
	const cJSON *item;

	if (!walk->decoding) {
		number_format_u64(digits, *value);
		put(walk, name, cJSON_CreateString(digits));
		return;
	}
	item = get(walk, name);
	if (!cJSON_IsString(item) ||
		number_parse_range(item->valuestring, 0, UINT64_MAX, value) < 0)
		fail(walk, -EBADMSG);
}

/* A small whole number, as a JSON number. */
static void walk_int(
	struct walk *walk, const char *name, int64_t min, int64_t max, int64_t *value)
{
	const cJSON *item;

	if (!walk->decoding) {
		put(walk, name, cJSON_CreateNumber((double)*value));
		return;
	}
	item = get(walk, name);
	if (cJSON_IsNumber(item) && item->valuedouble >= (double)min &&
		item->valuedouble <= (double)max)
		*value = (int64_t)item->valuedouble;
	else
		fail(walk, -EBADMSG);
}

static void walk_bool(struct walk *walk, const char *name, bool *value)
{
	const cJSON *item;

	if (!walk->decoding) {
		put(walk, name, cJSON_CreateBool(*value));
		return;
	}
	item = get(walk, name);
	if (cJSON_IsBool(item))
		*value = cJSON_IsTrue(item);
	else
		fail(walk, -EBADMSG);
}

/* Text or null. */
static void walk_text(struct walk *walk, const char *name, const char **value)
{
	const cJSON *item;

	if (!walk->decoding) {
		put(walk, name, *value ? cJSON_CreateString(*value) : cJSON_CreateNull());
		return;
	}
	item = get(walk, name);
	if (cJSON_IsString(item)) {
		*value = snapshot_copy_text(walk->snapshot, item->valuestring);
		if (!*value)
			fail(walk, -ENOMEM);
	} else if (!cJSON_IsNull(item)) {
		fail(walk, -EBADMSG);
	}
}

/* Text that a later part of the program takes for granted. */
static void walk_some_text(struct walk *walk, const char *name, const char **value)
{
	walk_text(walk, name, value);
	if (!*value)
		fail(walk, -EBADMSG);
}

static void walk_short_text(struct walk *walk, const char *name, char *value, size_t size)
{
	const cJSON *item;

	if (!walk->decoding) {
		put(walk, name, cJSON_CreateString(value));
		return;
	}
	item = get(walk, name);
	if (cJSON_IsString(item) && strlen(item->valuestring) < size)
		strcpy(value, item->valuestring);
	else
		fail(walk, -EBADMSG);
}

static void walk_uuid(struct walk *walk, const char *name, struct uuid *uuid)
{
	char text[UUID_TEXT_SIZE] = "";

	if (!walk->decoding)
		uuid_format(uuid, text);
	walk_short_text(walk, name, text, sizeof(text));
	if (walk->decoding && uuid_parse(text, uuid) < 0)
		fail(walk, -EBADMSG);
}

/* One of names, which ends with NULL. */
static unsigned int walk_name(
	struct walk *walk, const char *name, const char *const *names, unsigned int value)
{
	const cJSON *item;

	if (!walk->decoding) {
		put(walk, name, cJSON_CreateString(names[value]));
		return value;
	}
	item = get(walk, name);
	for (unsigned int i = 0; cJSON_IsString(item) && names[i]; i++) {
		if (strcmp(names[i], item->valuestring) == 0)
			return i;
	}
	fail(walk, -EBADMSG);
	return 0;
}

/* Numbers that follow from others: written for the reader's comfort, never read. */
static void put_watts(struct walk *walk, const char *name, double watts)
{
	if (!walk->decoding)
		put(walk, name, cJSON_CreateNumber(watts));
}

/* Goes into the object or array called name; leave() comes back with what this returns.
 */
static cJSON *enter(struct walk *walk, const char *name, bool array)
{
	cJSON *outer = walk->at, *inner;

	if (walk->decoding) {
		inner = cJSON_GetObjectItemCaseSensitive(outer, name);
		if (array ? !cJSON_IsArray(inner) : !cJSON_IsObject(inner))
			fail(walk, -EBADMSG);
	} else {
		inner = array ? cJSON_AddArrayToObject(outer, name)
			      : cJSON_AddObjectToObject(outer, name);
		if (!inner)
			fail(walk, -ENOMEM);
	}
	walk->at = inner;
	return outer;
}

static void leave(struct walk *walk, cJSON *outer)
{
	walk->at = outer;
}

/* Goes to the array's element: the one after previous, or a new one. */
static cJSON *next_element(struct walk *walk, cJSON *array, const cJSON *previous)
{
	if (walk->decoding) {
		walk->at = previous ? previous->next : array ? array->child : NULL;
		if (!cJSON_IsObject(walk->at))
			fail(walk, -EBADMSG);
		return walk->at;
	}
	walk->at = cJSON_CreateObject();
	if (!walk->at || !array || !cJSON_AddItemToArray(array, walk->at)) {
		cJSON_Delete(walk->at);
		walk->at = NULL;
		fail(walk, -ENOMEM);
	}
	return walk->at;
}

static void walk_share(struct walk *walk, const char *name, struct tick_share *share)
{
	cJSON *outer = enter(walk, name, false);

	walk_u64(walk, "dynamic_uj", &share->dynamic_uj);
	walk_u64(walk, "idle_uj", &share->idle_uj);
	leave(walk, outer);
}

static void walk_account(
	struct walk *walk, const char *name, struct snapshot_account *account)
{
	cJSON *outer = enter(walk, name, false);

	walk_u64(walk, "total_uj", &account->total_uj);
	walk_share(walk, "host", &account->host);
	walk_share(walk, "ended_domains", &account->ended);
	walk_u64(walk, "unattributed_uj", &account->unattributed_uj);
	leave(walk, outer);
}

static void walk_zone(struct walk *walk, size_t index)
{
	struct snapshot_zone *zone = &walk->snapshot->zones[index];
	struct snapshot_account boot = snapshot_since_boot(walk->snapshot, index);

	walk_short_text(walk, "name", zone->name, sizeof(zone->name));
	zone->kind = walk_name(walk, "kind", kind_names, zone->kind);
	zone->state = walk_name(walk, "state", zone_state_names, zone->state);
	walk_text(walk, "problem", &zone->problem);
	put_watts(walk, "power_w", snapshot_zone_watts(zone, zone->last.total_uj));
	put_watts(walk, "idle_power_w", (double)zone->idle_uw / 1e6);
	walk_u64(walk, "idle_power_uw", &zone->idle_uw);
	zone->idle_origin = walk_name(
		walk, "idle_power_origin", origin_names, zone->idle_origin);
	walk_account(walk, "energy", &zone->sum);
	walk_account(walk, "since_boot", &boot);
	walk_account(walk, "last_tick", &zone->last);
	walk_u64(walk, "last_tick_ns", &zone->last_ns);
	zone->boot = walk->decoding ? boot : zone->boot;
}

/* What both documents begin with. */
static void walk_head(struct walk *walk, struct snapshot *snapshot)
{
	bool estimate = snapshot_is_estimate(snapshot);

	walk_u64(walk, "tick", &snapshot->number);
	walk_u64(walk, "boottime_ns", &snapshot->boottime_ns);
	walk_u64(walk, "time_ns", &snapshot->time_ns);
	walk_u64(walk, "dt_ns", &snapshot->dt_ns);
	walk_some_text(walk, "source", &snapshot->source);
	walk_bool(walk, "estimate", &estimate);
	snapshot->quality = walk_name(walk, "quality", quality_names, snapshot->quality);
}

static void walk_host(struct walk *walk)
{
	struct snapshot *snapshot = walk->snapshot;
	cJSON *outer, *array, *element = NULL;

	walk_head(walk, snapshot);
	walk_some_text(walk, "idle_policy", &snapshot->idle_policy);
	walk_some_text(walk, "calibration_file", &snapshot->calibration_file);
	walk_u64(walk, "tick_late_ns", &snapshot->late_ns);
	walk_u64(walk, "tick_cost_ns", &snapshot->cost_ns);
	walk_u64(walk, "host_cpu_ns", &snapshot->host_cpu_ns);
	walk_u64(walk, "started_ns", &snapshot->started_ns);
	walk_u64(walk, "next_tick_ns", &snapshot->next_ns);
	walk_u64(walk, "degraded_ticks", &snapshot->degraded_ticks);
	outer = enter(walk, "libvirt", false);
	walk_bool(walk, "connected", &snapshot->libvirt_connected);
	walk_text(walk, "error", &snapshot->libvirt_error);
	leave(walk, outer);

	outer = enter(walk, "zones", true);
	array = walk->at;
	for (size_t i = 0; i < snapshot->n_zones && !walk->error; i++) {
		element = next_element(walk, array, element);
		walk_zone(walk, i);
	}
	leave(walk, outer);
}

static void walk_guest_zones(struct walk *walk, struct snapshot_link *link)
{
	cJSON *outer = enter(walk, "zones", true), *array = walk->at, *element = NULL;

	if (walk->decoding) {
		link->n_zones = (size_t)cJSON_GetArraySize(array);
		if (link->n_zones > MESSAGE_ZONES_MAX)
			fail(walk, -EBADMSG);
		else
			link->zones = snapshot_alloc(
				walk->snapshot, link->n_zones, sizeof(*link->zones));
		if (!link->zones)
			fail(walk, -ENOMEM);
	}
	for (size_t i = 0; i < link->n_zones && !walk->error; i++) {
		struct snapshot_guest_zone *zone = &link->zones[i];

		element = next_element(walk, array, element);
		walk_short_text(walk, "name", zone->name, sizeof(zone->name));
		walk_u64(walk, "measured_uj", &zone->measured_uj);
		walk_u64(walk, "acked_uj", &zone->acked_uj);
	}
	leave(walk, outer);
}

static void walk_link_state(struct walk *walk, struct snapshot_link *link)
{
	const char *names[LINK_BACKOFF + 2] = { NULL };

	for (unsigned int i = 0; i <= LINK_BACKOFF; i++)
		names[i] = link_state_name(i);
	link->state = walk_name(walk, "state", names, link->state);
	walk_u64(walk, "since_ns", &link->since_ns);
	walk_text(walk, "error", &link->error);
}

static void walk_link(struct walk *walk, struct snapshot_link *link)
{
	cJSON *outer = enter(walk, "link", false);

	walk_link_state(walk, link);
	walk_text(walk, "agent", &link->agent);
	walk_uuid(walk, "epoch", &link->epoch);
	walk_u64(walk, "acked_seq", &link->acked_seq);
	walk_guest_zones(walk, link);
	leave(walk, outer);
}

static void walk_domain_zones(struct walk *walk, struct snapshot_domain *domain)
{
	cJSON *outer = enter(walk, "zones", false);

	for (size_t i = 0; i < walk->snapshot->n_zones; i++) {
		const struct snapshot_zone *zone = &walk->snapshot->zones[i];
		cJSON *zones;

		if (!snapshot_zone_is_shared(zone))
			continue;
		zones = enter(walk, zone->name, false);
		walk_share(walk, "energy", &domain->zones[i].sum);
		walk_share(walk, "since_boot", &domain->zones[i].boot);
		walk_share(walk, "last_tick", &domain->zones[i].last);
		leave(walk, zones);
	}
	leave(walk, outer);
}

static void put_power(struct walk *walk, const struct snapshot_domain *domain)
{
	struct snapshot_power power;

	if (walk->decoding)
		return;
	power = snapshot_domain_power(walk->snapshot, domain);
	put_watts(walk, "power_w", power.dynamic_w + power.idle_w);
	put_watts(walk, "dynamic_power_w", power.dynamic_w);
	put_watts(walk, "idle_power_w", power.idle_w);
}

static void take_labels(struct walk *walk, const char **ret_labels)
{
	const cJSON *item = walk->at ? walk->at->child : NULL;
	char labels[LABELS_SIZE] = "";

	for (; item; item = item->next) {
		if (!cJSON_IsString(item) ||
			labels_set(labels, item->string, item->valuestring) < 0)
			fail(walk, -EBADMSG);
	}
	*ret_labels = snapshot_copy_text(walk->snapshot, labels);
	if (!*ret_labels)
		fail(walk, -ENOMEM);
}

static void walk_labels(struct walk *walk, const char **labels)
{
	cJSON *outer = enter(walk, "labels", false);
	const char *cursor = *labels;
	struct label label;

	if (walk->decoding)
		take_labels(walk, labels);
	while (!walk->decoding && labels_next(&cursor, &label)) {
		if (!cJSON_AddStringToObject(walk->at, label.key, label.value))
			fail(walk, -ENOMEM);
	}
	leave(walk, outer);
}

static void walk_vcpu(struct walk *walk, struct snapshot_vcpu *vcpu)
{
	int64_t number = vcpu->number, cpu = vcpu->cpu, package = vcpu->package;

	walk_int(walk, "vcpu", 0, UINT32_MAX, &number);
	walk_u64(walk, "cpu_ns", &vcpu->cpu_ns);
	walk_int(walk, "cpu", 0, UINT32_MAX, &cpu);
	walk_int(walk, "package", -1, INT32_MAX, &package);
	vcpu->number = (uint32_t)number;
	vcpu->cpu = (uint32_t)cpu;
	vcpu->package = (int32_t)package;
}

static void walk_vcpu_times(struct walk *walk, struct snapshot_domain *domain)
{
	cJSON *outer = enter(walk, "vcpu_times", true), *array = walk->at,
	      *element = NULL;

	if (walk->decoding) {
		domain->n_vcpu_times = (size_t)cJSON_GetArraySize(array);
		domain->vcpu_times = snapshot_alloc(walk->snapshot, domain->n_vcpu_times,
			sizeof(*domain->vcpu_times));
		if (!domain->vcpu_times)
			fail(walk, -ENOMEM);
	}
	for (size_t i = 0; i < domain->n_vcpu_times && !walk->error; i++) {
		element = next_element(walk, array, element);
		walk_vcpu(walk, &domain->vcpu_times[i]);
	}
	leave(walk, outer);
}

static void walk_domain(struct walk *walk, struct snapshot_domain *domain)
{
	int64_t id = domain->id, n_vcpus = domain->n_vcpus;

	walk_uuid(walk, "uuid", &domain->uuid);
	walk_some_text(walk, "name", &domain->name);
	walk_labels(walk, &domain->labels);
	walk_int(walk, "id", -1, INT_MAX, &id);
	walk_bool(walk, "paused", &domain->paused);
	walk_int(walk, "vcpus", 0, UINT32_MAX, &n_vcpus);
	walk_u64(walk, "cpu_ns", &domain->cpu_ns);
	walk_vcpu_times(walk, domain);
	put_power(walk, domain);
	walk_domain_zones(walk, domain);
	walk_link(walk, &domain->link);
	domain->id = (int)id;
	domain->n_vcpus = (uint32_t)n_vcpus;
}

static void walk_domains(struct walk *walk)
{
	struct snapshot *snapshot = walk->snapshot;
	cJSON *outer, *array, *element = NULL;

	walk_head(walk, snapshot);
	outer = enter(walk, "domains", true);
	array = walk->at;
	for (size_t i = 0; i < snapshot->n_domains && !walk->error; i++) {
		element = next_element(walk, array, element);
		walk_domain(walk, &snapshot->domains[i]);
	}
	leave(walk, outer);
}

static cJSON *encode(const struct snapshot *snapshot, void (*walk_all)(struct walk *walk))
{
	/* An encoding walk only reads the snapshot. */
	struct walk walk = { .snapshot = (struct snapshot *)snapshot };
	cJSON *document = walk.at = cJSON_CreateObject();

	if (!document)
		return NULL;
	walk_all(&walk);
	if (!walk.error)
		return document;
	cJSON_Delete(document);
	return NULL;
}

cJSON *snapshot_json_host(const struct snapshot *snapshot)
{
	return encode(snapshot, walk_host);
}

cJSON *snapshot_json_domains(const struct snapshot *snapshot)
{
	return encode(snapshot, walk_domains);
}

cJSON *snapshot_json_domain(
	const struct snapshot *snapshot, const struct snapshot_domain *domain)
{
	/* An encoding walk only reads the snapshot. */
	struct walk walk = { .snapshot = (struct snapshot *)snapshot };
	cJSON *document = walk.at = cJSON_CreateObject(), *outer;

	if (!document)
		return NULL;
	walk_head(&walk, walk.snapshot);
	outer = enter(&walk, "domain", false);
	walk_domain(&walk, (struct snapshot_domain *)domain);
	leave(&walk, outer);
	if (!walk.error)
		return document;
	cJSON_Delete(document);
	return NULL;
}

cJSON *snapshot_json_join(cJSON *host, cJSON *domains)
{
	cJSON *document = cJSON_CreateObject();
	cJSON *array = cJSON_DetachItemFromObjectCaseSensitive(domains, "domains");
	bool has_host = cJSON_AddItemToObject(document, "host", host);
	bool has_array = cJSON_AddItemToObject(document, "domains", array);

	cJSON_Delete(domains);
	if (has_host && has_array)
		return document;
	if (!has_host)
		cJSON_Delete(host);
	if (!has_array)
		cJSON_Delete(array);
	cJSON_Delete(document);
	return NULL;
}

static int decode(struct snapshot *snapshot, const cJSON *document,
	void (*walk_all)(struct walk *walk))
{
	/* A decoding walk only reads the document. */
	struct walk walk = {
		.decoding = true, .at = (cJSON *)document, .snapshot = snapshot
	};

	walk_all(&walk);
	return walk.error;
}

int snapshot_json_decode(
	const cJSON *host, const cJSON *domains, struct snapshot **ret_snapshot)
{
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;
	int n_zones = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(host, "zones"));
	int n_domains = cJSON_GetArraySize(
		cJSON_GetObjectItemCaseSensitive(domains, "domains"));
	uint64_t number;
	int r;

	if (n_zones > MACHINE_ZONES_MAX)
		return -EBADMSG;
	snapshot = snapshot_new((size_t)n_zones, (size_t)n_domains);
	if (!snapshot)
		return -ENOMEM;
	r = decode(snapshot, host, walk_host);
	if (r < 0)
		return r;
	number = snapshot->number;
	if (domains)
		r = decode(snapshot, domains, walk_domains);
	if (r < 0)
		return r;
	if (snapshot->number != number)
		return -EAGAIN;
	*ret_snapshot = steal_pointer(&snapshot);
	return 0;
}
