/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From a line to a machine. */
#include "host/trace_host.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_UW_MAX UINT64_C(100000000000)

/* A zone or CPU before the packages are known: where it says that it is. */
struct place {
	uint16_t physical_id;
	int16_t die_id; /* -1: none was told */
};

struct listed_cpu {
	uint16_t number;
	struct machine_cpu cpu;
	struct place place;
};

enum member { CPUS, ZONES, NODES, IDLE_W, IDLE_ORIGIN, SOURCE, BOOTTIME, N_MEMBERS };

static const char *const member_names[N_MEMBERS] = {
	[CPUS] = "cpus",
	[ZONES] = "zones",
	[NODES] = "node_memory_kib",
	[IDLE_W] = "idle_w",
	[IDLE_ORIGIN] = "idle_origin",
	[SOURCE] = "source",
	[BOOTTIME] = "boottime_ns",
};

struct parser {
	char *error;
	struct trace_host *host;
	/* Where each member's value begins; at is NULL for one that is not there. */
	struct json_scan members[N_MEMBERS];
	struct place zone_places[MACHINE_ZONES_MAX];
	size_t n_cpus, cpus_size;
	struct listed_cpu *cpus;
};

static int find_members(struct parser *parser, const char *line, size_t len)
{
	struct json_scan scan;
	size_t n = 0;
	int r;

	json_scan_init(&scan, line, len);
	r = json_scan_open(&scan, '{');
	while (r == 0 && (r = json_scan_next(&scan, '}', &n)) > 0) {
		struct json_string key;

		r = json_scan_key(&scan, &key);
		for (size_t i = 0; r == 0 && i < N_MEMBERS; i++) {
			if (!json_string_is(&key, member_names[i]))
				continue;
			if (parser->members[i].at)
				return trace_error(parser->error, "\"%s\" is there twice",
					member_names[i]);
			parser->members[i] = scan;
		}
		if (r == 0)
			r = json_scan_skip(&scan);
	}
	if (r == 0)
		r = json_scan_end(&scan);
	return r < 0 ? trace_error_scan(parser->error, &scan) : 0;
}

static int scan_die(struct parser *parser, struct json_scan *scan, int16_t *ret_die_id)
{
	uint64_t die_id;
	int r = trace_scan_number(parser->error, scan, "die", INT16_MAX, &die_id);

	if (r == 0)
		*ret_die_id = (int16_t)die_id;
	return r;
}

static int scan_u16(struct parser *parser, struct json_scan *scan, const char *name,
	uint64_t max, uint16_t *ret_value)
{
	uint64_t value;
	int r = trace_scan_number(parser->error, scan, name, max, &value);

	if (r == 0)
		*ret_value = (uint16_t)value;
	return r;
}

/* A name that must be there, such as a zone's. */
static int scan_name(struct parser *parser, struct json_scan *scan, const char *key,
	char name[MACHINE_ZONE_NAME_SIZE])
{
	struct json_string string;

	if (json_scan_string(scan, &string) < 0)
		return trace_error_scan(parser->error, scan);
	if (string.len == 0 ||
		json_string_copy(&string, name, MACHINE_ZONE_NAME_SIZE) < 0)
		return trace_error(parser->error, "\"%s\" is not a name of 1 to %d bytes",
			key, MACHINE_ZONE_NAME_SIZE - 1);
	return 0;
}

static int scan_zone_kind(
	struct parser *parser, struct json_scan *scan, enum machine_zone_kind *ret_kind)
{
	struct json_string string;

	if (json_scan_string(scan, &string) < 0)
		return trace_error_scan(parser->error, scan);
	if (trace_zone_kind_parse(&string, ret_kind) < 0)
		return trace_error(parser->error,
			"kind \"%.*s\" of a zone is not package, dram, core, uncore or psys",
			(int)(string.len < 32 ? string.len : 32), string.text);
	return 0;
}

static int scan_bool(struct parser *parser, struct json_scan *scan, bool *ret_value)
{
	char c = json_scan_peek(scan);
	int r = json_scan_skip(scan);

	if (r < 0)
		return trace_error_scan(parser->error, scan);
	if (c != 't' && c != 'f')
		return trace_error(parser->error, "\"online\" is neither true nor false");
	*ret_value = c == 't';
	return 0;
}

enum { HAS_NAME = 1, HAS_KIND = 2, HAS_PACKAGE = 4 };

static int scan_zone_member(struct parser *parser, struct json_scan *scan,
	struct machine_zone *zone, struct place *place, unsigned *has)
{
	struct json_string key;

	if (json_scan_key(scan, &key) < 0)
		return trace_error_scan(parser->error, scan);
	if (json_string_is(&key, "zone")) {
		*has |= HAS_NAME;
		return scan_name(parser, scan, "zone", zone->name);
	}
	if (json_string_is(&key, "kind")) {
		*has |= HAS_KIND;
		return scan_zone_kind(parser, scan, &zone->kind);
	}
	if (json_string_is(&key, "package")) {
		*has |= HAS_PACKAGE;
		return scan_u16(parser, scan, "package", UINT16_MAX, &place->physical_id);
	}
	if (json_string_is(&key, "die"))
		return scan_die(parser, scan, &place->die_id);
	if (json_string_is(&key, "max_energy_range_uj"))
		return trace_scan_number(parser->error, scan, "max_energy_range_uj",
			UINT64_MAX, &zone->max_energy_range_uj);
	if (json_string_is(&key, "max_power_uw"))
		return trace_scan_number(parser->error, scan, "max_power_uw", UINT64_MAX,
			&zone->max_power_uw);
	return json_scan_skip(scan) < 0 ? trace_error_scan(parser->error, scan) : 0;
}

int trace_host_find_zone(const struct machine *machine, const struct json_string *name)
{
	for (size_t i = 0; i < machine->n_zones; i++) {
		if (json_string_is(name, machine->zones[i].name))
			return (int)i;
	}
	return -ENOENT;
}

static int scan_zone(struct parser *parser, struct json_scan *scan)
{
	struct machine *machine = &parser->host->machine;
	struct machine_zone *zone = &machine->zones[machine->n_zones];
	struct place *place = &parser->zone_places[machine->n_zones];
	unsigned has = 0;
	size_t n = 0;
	int r;

	if (machine->n_zones == MACHINE_ZONES_MAX)
		return trace_error(
			parser->error, "more than %d zones", MACHINE_ZONES_MAX);
	/* A range that is not told is one that never wraps. */
	*zone = (struct machine_zone){ .max_energy_range_uj = UINT64_MAX };
	*place = (struct place){ .die_id = -1 };
	if (json_scan_open(scan, '{') < 0)
		return trace_error_scan(parser->error, scan);
	while ((r = json_scan_next(scan, '}', &n)) > 0) {
		r = scan_zone_member(parser, scan, zone, place, &has);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return trace_error_scan(parser->error, scan);
	if (!(has & HAS_NAME))
		return trace_error(parser->error, "a zone without \"zone\", its name");
	if (!(has & HAS_KIND))
		return trace_error(
			parser->error, "zone %s: \"kind\" is missing", zone->name);
	if (!(has & HAS_PACKAGE) && zone->kind != MACHINE_ZONE_PSYS)
		return trace_error(
			parser->error, "zone %s: \"package\" is missing", zone->name);
	for (size_t i = 0; i < machine->n_zones; i++) {
		if (strcmp(machine->zones[i].name, zone->name) == 0)
			return trace_error(
				parser->error, "zone %s is there twice", zone->name);
	}
	machine->n_zones++;
	return 0;
}

static int scan_cpu_member(struct parser *parser, struct json_scan *scan,
	struct listed_cpu *cpu, unsigned *has)
{
	struct json_string key;

	if (json_scan_key(scan, &key) < 0)
		return trace_error_scan(parser->error, scan);
	if (json_string_is(&key, "cpu")) {
		*has |= HAS_NAME;
		return scan_u16(parser, scan, "cpu", TRACE_CPUS_MAX - 1, &cpu->number);
	}
	if (json_string_is(&key, "package")) {
		*has |= HAS_PACKAGE;
		return scan_u16(
			parser, scan, "package", UINT16_MAX, &cpu->place.physical_id);
	}
	if (json_string_is(&key, "die"))
		return scan_die(parser, scan, &cpu->place.die_id);
	if (json_string_is(&key, "core")) {
		*has |= HAS_KIND;
		return scan_u16(parser, scan, "core", UINT16_MAX, &cpu->cpu.core);
	}
	if (json_string_is(&key, "node"))
		return scan_u16(
			parser, scan, "node", TRACE_NODES_MAX - 1, &cpu->cpu.node);
	if (json_string_is(&key, "online"))
		return scan_bool(parser, scan, &cpu->cpu.online);
	return json_scan_skip(scan) < 0 ? trace_error_scan(parser->error, scan) : 0;
}

static int add_listed_cpu(struct parser *parser, const struct listed_cpu *cpu)
{
	if (parser->n_cpus == parser->cpus_size) {
		size_t size = parser->cpus_size > 0 ? 2 * parser->cpus_size : 64;
		struct listed_cpu *grown = reallocarray(
			parser->cpus, size, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		parser->cpus = grown;
		parser->cpus_size = size;
	}
	parser->cpus[parser->n_cpus++] = *cpu;
	return 0;
}

static int scan_cpu(struct parser *parser, struct json_scan *scan)
{
	struct listed_cpu cpu = { .cpu.online = true, .place.die_id = -1 };
	unsigned has = 0;
	size_t n = 0;
	int r;

	if (parser->n_cpus == TRACE_CPUS_MAX)
		return trace_error(parser->error, "more than %d CPUs", TRACE_CPUS_MAX);
	if (json_scan_open(scan, '{') < 0)
		return trace_error_scan(parser->error, scan);
	while ((r = json_scan_next(scan, '}', &n)) > 0) {
		r = scan_cpu_member(parser, scan, &cpu, &has);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return trace_error_scan(parser->error, scan);
	if (!(has & HAS_NAME) || !(has & HAS_PACKAGE))
		return trace_error(parser->error, "a CPU without \"%s\"",
			has & HAS_NAME ? "package" : "cpu");
	/* Without a core it has no siblings. */
	if (!(has & HAS_KIND))
		cpu.cpu.core = (uint16_t)(UINT16_MAX - cpu.number);
	return add_listed_cpu(parser, &cpu);
}

static int scan_node(struct parser *parser, struct json_scan *scan)
{
	struct machine *machine = &parser->host->machine;

	if (machine->n_nodes == MACHINE_NODES_MAX)
		return trace_error(
			parser->error, "more than %d nodes", MACHINE_NODES_MAX);
	return trace_scan_number(parser->error, scan, "node_memory_kib", UINT64_MAX,
		&machine->node_memory_kib[machine->n_nodes++]);
}

static int scan_array(struct parser *parser, enum member member,
	int (*scan_element)(struct parser *, struct json_scan *))
{
	struct json_scan *scan = &parser->members[member];
	size_t n = 0;
	int r;

	if (!scan->at)
		return trace_error(
			parser->error, "\"%s\" is missing", member_names[member]);
	if (json_scan_open(scan, '[') < 0)
		return trace_error_scan(parser->error, scan);
	while ((r = json_scan_next(scan, ']', &n)) > 0) {
		r = scan_element(parser, scan);
		if (r < 0)
			return r;
	}
	return r < 0 ? trace_error_scan(parser->error, scan) : 0;
}

/* Whether a socket's energy is counted by die. */
static bool has_die_zones(const struct parser *parser, uint16_t physical_id)
{
	const struct machine *machine = &parser->host->machine;

	for (size_t i = 0; i < machine->n_zones; i++) {
		const struct place *place = &parser->zone_places[i];

		if (machine->zones[i].kind == MACHINE_ZONE_PACKAGE &&
			place->physical_id == physical_id && place->die_id >= 0)
			return true;
	}
	return false;
}

/* What the place's package is called, in a machine. */
static struct place normalize(const struct parser *parser, struct place place)
{
	if (!has_die_zones(parser, place.physical_id))
		place.die_id = -1;
	else if (place.die_id < 0)
		place.die_id = 0;
	return place;
}

/* The index of the place's package, or where it would be added. */
static size_t find_package(
	const struct machine *machine, struct place place, bool *ret_found)
{
	size_t at = 0;

	for (; at < machine->n_packages; at++) {
		const struct machine_package *other = &machine->packages[at];

		if (other->physical_id > place.physical_id ||
			(other->physical_id == place.physical_id &&
				other->die_id >= place.die_id))
			break;
	}
	*ret_found = at < machine->n_packages &&
		     machine->packages[at].physical_id == place.physical_id &&
		     machine->packages[at].die_id == place.die_id;
	return at;
}

static int add_package(struct parser *parser, struct place place)
{
	struct machine *machine = &parser->host->machine;
	struct place normal = normalize(parser, place);
	bool found;
	size_t at = find_package(machine, normal, &found);

	if (found)
		return 0;
	if (machine->n_packages == MACHINE_PACKAGES_MAX)
		return trace_error(
			parser->error, "more than %d packages", MACHINE_PACKAGES_MAX);
	memmove(&machine->packages[at + 1], &machine->packages[at],
		(machine->n_packages - at) * sizeof(machine->packages[0]));
	machine->packages[at] = (struct machine_package){
		.physical_id = normal.physical_id, .die_id = normal.die_id
	};
	machine->n_packages++;
	return 0;
}

static uint16_t package_of(const struct parser *parser, struct place place)
{
	bool found;

	return (uint16_t)find_package(
		&parser->host->machine, normalize(parser, place), &found);
}

static int place_zones(struct parser *parser)
{
	struct machine *machine = &parser->host->machine;
	int r = 0;

	for (size_t i = 0; r == 0 && i < machine->n_zones; i++) {
		if (machine->zones[i].kind != MACHINE_ZONE_PSYS)
			r = add_package(parser, parser->zone_places[i]);
	}
	for (size_t i = 0; r == 0 && i < parser->n_cpus; i++) {
		if (parser->cpus[i].cpu.online)
			r = add_package(parser, parser->cpus[i].place);
	}
	for (size_t i = 0; r == 0 && i < machine->n_zones; i++) {
		if (machine->zones[i].kind != MACHINE_ZONE_PSYS)
			machine->zones[i].package = package_of(
				parser, parser->zone_places[i]);
	}
	return r;
}

static int place_cpus(struct parser *parser)
{
	struct trace_host *host = parser->host;
	struct machine *machine = &host->machine;
	uint64_t seen[TRACE_CPUS_MAX / 64] = { 0 };

	for (size_t i = 0; i < parser->n_cpus; i++) {
		if (parser->cpus[i].number >= machine->n_cpus)
			machine->n_cpus = parser->cpus[i].number + (size_t)1;
	}
	if (machine->n_cpus == 0)
		return trace_error(parser->error, "\"cpus\" is empty");
	machine->cpus = calloc(machine->n_cpus, sizeof(*machine->cpus));
	host->listed = calloc(parser->n_cpus, sizeof(*host->listed));
	if (!machine->cpus || !host->listed)
		return -ENOMEM;
	for (size_t i = 0; i < parser->n_cpus; i++) {
		const struct listed_cpu *cpu = &parser->cpus[i];

		if (seen[cpu->number / 64] >> cpu->number % 64 & 1)
			return trace_error(
				parser->error, "CPU %u is there twice", cpu->number);
		seen[cpu->number / 64] |= UINT64_C(1) << cpu->number % 64;
		host->listed[host->n_listed++] = cpu->number;
		if (!cpu->cpu.online)
			continue;
		machine->cpus[cpu->number] = cpu->cpu;
		machine->cpus[cpu->number].package = package_of(parser, cpu->place);
		machine->packages[machine->cpus[cpu->number].package].n_cpus++;
	}
	return 0;
}

int trace_host_scan_idle_w(const struct machine *machine, struct json_scan *scan,
	char error[TRACE_ERROR_SIZE], struct trace_idle idle[MACHINE_ZONES_MAX])
{
	size_t n = 0;
	int r;

	if (json_scan_open(scan, '{') < 0)
		return trace_error_scan(error, scan);
	while ((r = json_scan_next(scan, '}', &n)) > 0) {
		struct json_string name;
		uint64_t idle_uw;
		int zone;

		if (json_scan_key(scan, &name) < 0 ||
			json_scan_fixed(scan, 6, &idle_uw) < 0)
			return trace_error_scan(error, scan);
		if (idle_uw > IDLE_UW_MAX)
			return trace_error(error, "\"idle_w\" of a zone is over 100000");
		zone = trace_host_find_zone(machine, &name);
		if (zone < 0)
			continue;
		if (!idle[zone].given)
			idle[zone].origin = IDLE_POWER_CONFIGURED;
		idle[zone].given = true;
		idle[zone].idle_uw = idle_uw;
	}
	return r < 0 ? trace_error_scan(error, scan) : 0;
}

int trace_host_scan_idle_origin(const struct machine *machine, struct json_scan *scan,
	char error[TRACE_ERROR_SIZE], struct trace_idle idle[MACHINE_ZONES_MAX])
{
	size_t n = 0;
	int r;

	if (json_scan_open(scan, '{') < 0)
		return trace_error_scan(error, scan);
	while ((r = json_scan_next(scan, '}', &n)) > 0) {
		struct json_string name, text;
		enum idle_power_origin origin;
		int zone;

		if (json_scan_key(scan, &name) < 0 || json_scan_string(scan, &text) < 0)
			return trace_error_scan(error, scan);
		if (trace_origin_parse(&text, &origin) < 0)
			return trace_error(error,
				"\"idle_origin\" of a zone is not configured, calibrated "
				"or learned");
		zone = trace_host_find_zone(machine, &name);
		if (zone >= 0)
			idle[zone].origin = origin;
	}
	return r < 0 ? trace_error_scan(error, scan) : 0;
}

static int take_idle(struct parser *parser)
{
	struct trace_host *host = parser->host;
	int r = 0;

	if (parser->members[IDLE_W].at)
		r = trace_host_scan_idle_w(&host->machine, &parser->members[IDLE_W],
			parser->error, host->idle);
	if (r == 0 && parser->members[IDLE_ORIGIN].at)
		r = trace_host_scan_idle_origin(&host->machine,
			&parser->members[IDLE_ORIGIN], parser->error, host->idle);
	return r;
}

static int take_source(struct parser *parser)
{
	struct json_scan *scan = &parser->members[SOURCE];
	struct json_string source;

	if (!scan->at)
		return 0;
	if (json_scan_string(scan, &source) < 0)
		return trace_error_scan(parser->error, scan);
	parser->host->estimated = json_string_is(&source, "estimate");
	return 0;
}

static int take_boottime(struct parser *parser)
{
	struct trace_host *host = parser->host;

	if (!parser->members[BOOTTIME].at)
		return 0;
	host->has_boottime = true;
	return trace_scan_number(parser->error, &parser->members[BOOTTIME], "boottime_ns",
		INT64_MAX / 2, &host->boottime_ns);
}

int trace_host_parse(const char *line, size_t len, char error[TRACE_ERROR_SIZE],
	struct trace_host *ret_host)
{
	struct trace_host host = { 0 };
	struct parser parser = { .error = error, .host = &host };
	int r = find_members(&parser, line, len);

	if (r == 0)
		r = scan_array(&parser, ZONES, scan_zone);
	if (r == 0)
		r = scan_array(&parser, CPUS, scan_cpu);
	if (r == 0 && parser.members[NODES].at)
		r = scan_array(&parser, NODES, scan_node);
	if (r == 0)
		r = place_zones(&parser);
	if (r == 0)
		r = place_cpus(&parser);
	if (r == 0)
		r = take_idle(&parser);
	if (r == 0)
		r = take_source(&parser);
	if (r == 0)
		r = take_boottime(&parser);
	free(parser.cpus);
	if (r < 0) {
		trace_host_deinit(&host);
		return r;
	}
	*ret_host = host;
	return 0;
}

void trace_host_deinit(struct trace_host *host)
{
	free(host->machine.cpus);
	free(host->listed);
	*host = (struct trace_host){ 0 };
}
