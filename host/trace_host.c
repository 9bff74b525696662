/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From a line to a machine. */
#include "host/trace_host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/trace_idle.h"
#include "host/trace_places.h"
#include "host/trace_scan.h"

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
	/* Where each member's value begins; its at is NULL for one that is not there. */
	struct trace_scan members[N_MEMBERS];
	struct trace_places places;
};

static bool has_member(const struct parser *parser, enum member member)
{
	return parser->members[member].json.at;
}

static int take_member(struct trace_scan *scan, const struct json_string *key, void *data)
{
	struct parser *parser = data;

	for (size_t i = 0; i < N_MEMBERS; i++) {
		if (!json_string_is(key, member_names[i]))
			continue;
		if (has_member(parser, (enum member)i))
			return trace_error(
				scan->error, "\"%s\" is there twice", member_names[i]);
		parser->members[i] = *scan;
	}
	return trace_scan_skip(scan);
}

static int find_members(struct parser *parser, const char *line, size_t len)
{
	struct trace_scan scan;
	int r;

	trace_scan_init(&scan, line, len, parser->error);
	r = trace_scan_object(&scan, take_member, parser);
	return r < 0 ? r : trace_scan_end(&scan);
}

static int scan_u16(
	struct trace_scan *scan, const char *name, uint64_t max, uint16_t *ret_value)
{
	uint64_t value;
	int r = trace_scan_number(scan, name, max, &value);

	if (r == 0)
		*ret_value = (uint16_t)value;
	return r;
}

static int scan_die(struct trace_scan *scan, int16_t *ret_die_id)
{
	uint64_t die_id;
	int r = trace_scan_number(scan, "die", INT16_MAX, &die_id);

	if (r == 0)
		*ret_die_id = (int16_t)die_id;
	return r;
}

static int scan_zone_name(struct trace_scan *scan, char name[MACHINE_ZONE_NAME_SIZE])
{
	struct json_string string;

	if (json_scan_string(&scan->json, &string) < 0)
		return trace_scan_fail(scan);
	if (string.len == 0 ||
		json_string_copy(&string, name, MACHINE_ZONE_NAME_SIZE) < 0)
		return trace_error(scan->error, "\"zone\" is not a name of 1 to %d bytes",
			MACHINE_ZONE_NAME_SIZE - 1);
	return 0;
}

static int scan_zone_kind(struct trace_scan *scan, enum machine_zone_kind *ret_kind)
{
	struct json_string string;

	if (json_scan_string(&scan->json, &string) < 0)
		return trace_scan_fail(scan);
	if (trace_zone_kind_parse(&string, ret_kind) < 0)
		return trace_error(scan->error,
			"kind \"%.*s\" of a zone is not package, dram, core, uncore or psys",
			(int)(string.len < 32 ? string.len : 32), string.text);
	return 0;
}

static int scan_online(struct trace_scan *scan, bool *ret_value)
{
	char c = json_scan_peek(&scan->json);
	int r = trace_scan_skip(scan);

	if (r < 0)
		return r;
	if (c != 't' && c != 'f')
		return trace_error(scan->error, "\"online\" is neither true nor false");
	*ret_value = c == 't';
	return 0;
}

/* A zone that is being read. */
struct zone {
	struct machine_zone *zone;
	struct trace_place *place;
	bool has_name, has_kind, has_package;
};

static int take_zone_member(
	struct trace_scan *scan, const struct json_string *key, void *data)
{
	struct zone *zone = data;

	if (json_string_is(key, "zone")) {
		zone->has_name = true;
		return scan_zone_name(scan, zone->zone->name);
	}
	if (json_string_is(key, "kind")) {
		zone->has_kind = true;
		return scan_zone_kind(scan, &zone->zone->kind);
	}
	if (json_string_is(key, "package")) {
		zone->has_package = true;
		return scan_u16(scan, "package", UINT16_MAX, &zone->place->physical_id);
	}
	if (json_string_is(key, "die"))
		return scan_die(scan, &zone->place->die_id);
	if (json_string_is(key, "max_energy_range_uj"))
		return trace_scan_number(scan, "max_energy_range_uj", UINT64_MAX,
			&zone->zone->max_energy_range_uj);
	if (json_string_is(key, "max_power_uw"))
		return trace_scan_number(
			scan, "max_power_uw", UINT64_MAX, &zone->zone->max_power_uw);
	return trace_scan_skip(scan);
}

static int check_zone(const struct zone *zone, const struct machine *machine, char *error)
{
	const char *name = zone->zone->name;

	if (!zone->has_name)
		return trace_error(error, "a zone without \"zone\", its name");
	if (!zone->has_kind)
		return trace_error(error, "zone %s: \"kind\" is missing", name);
	if (!zone->has_package && zone->zone->kind != MACHINE_ZONE_PSYS)
		return trace_error(error, "zone %s: \"package\" is missing", name);
	for (size_t i = 0; i < machine->n_zones; i++) {
		if (strcmp(machine->zones[i].name, name) == 0)
			return trace_error(error, "zone %s is there twice", name);
	}
	return 0;
}

static int take_zone(struct trace_scan *scan, void *data)
{
	struct parser *parser = data;
	struct machine *machine = &parser->host->machine;
	struct zone zone = { 0 };
	int r;

	if (machine->n_zones == MACHINE_ZONES_MAX)
		return trace_error(scan->error, "more than %d zones", MACHINE_ZONES_MAX);
	zone.zone = &machine->zones[machine->n_zones];
	zone.place = &parser->places.zones[machine->n_zones];
	/* A range that is not told is one that never wraps. */
	*zone.zone = (struct machine_zone){ .max_energy_range_uj = UINT64_MAX };
	*zone.place = (struct trace_place){ .die_id = -1 };
	r = trace_scan_object(scan, take_zone_member, &zone);
	if (r == 0)
		r = check_zone(&zone, machine, scan->error);
	if (r == 0)
		machine->n_zones++;
	return r;
}

/* A CPU that is being read. */
struct cpu {
	struct trace_cpu cpu;
	bool has_number, has_package;
};

static int take_cpu_member(
	struct trace_scan *scan, const struct json_string *key, void *data)
{
	struct cpu *cpu = data;

	if (json_string_is(key, "cpu")) {
		cpu->has_number = true;
		return scan_u16(scan, "cpu", TRACE_CPUS_MAX - 1, &cpu->cpu.number);
	}
	if (json_string_is(key, "package")) {
		cpu->has_package = true;
		return scan_u16(scan, "package", UINT16_MAX, &cpu->cpu.place.physical_id);
	}
	if (json_string_is(key, "die"))
		return scan_die(scan, &cpu->cpu.place.die_id);
	if (json_string_is(key, "core")) {
		cpu->cpu.has_core = true;
		return scan_u16(scan, "core", UINT16_MAX, &cpu->cpu.cpu.core);
	}
	if (json_string_is(key, "node"))
		return scan_u16(scan, "node", TRACE_NODES_MAX - 1, &cpu->cpu.cpu.node);
	if (json_string_is(key, "online"))
		return scan_online(scan, &cpu->cpu.cpu.online);
	return trace_scan_skip(scan);
}

static int take_cpu(struct trace_scan *scan, void *data)
{
	struct parser *parser = data;
	struct cpu cpu = { .cpu = { .cpu.online = true, .place.die_id = -1 } };
	int r;

	if (parser->places.n_cpus == TRACE_CPUS_MAX)
		return trace_error(scan->error, "more than %d CPUs", TRACE_CPUS_MAX);
	r = trace_scan_object(scan, take_cpu_member, &cpu);
	if (r < 0)
		return r;
	if (!cpu.has_number || !cpu.has_package)
		return trace_error(scan->error, "a CPU without \"%s\"",
			cpu.has_number ? "package" : "cpu");
	return trace_places_add_cpu(&parser->places, &cpu.cpu);
}

static int take_node(struct trace_scan *scan, void *data)
{
	struct parser *parser = data;
	struct machine *machine = &parser->host->machine;

	if (machine->n_nodes == MACHINE_NODES_MAX)
		return trace_error(scan->error, "more than %d nodes", MACHINE_NODES_MAX);
	return trace_scan_number(scan, "node_memory_kib", UINT64_MAX,
		&machine->node_memory_kib[machine->n_nodes++]);
}

static int scan_array(struct parser *parser, enum member member,
	int (*take)(struct trace_scan *scan, void *data))
{
	if (!has_member(parser, member))
		return trace_error(
			parser->error, "\"%s\" is missing", member_names[member]);
	return trace_scan_array(&parser->members[member], take, parser);
}

static int scan_machine(struct parser *parser)
{
	int r = scan_array(parser, ZONES, take_zone);

	if (r == 0)
		r = scan_array(parser, CPUS, take_cpu);
	if (r == 0 && has_member(parser, NODES))
		r = scan_array(parser, NODES, take_node);
	if (r == 0)
		r = trace_places_resolve(
			&parser->places, parser->error, &parser->host->machine);
	return r;
}

static int list_cpus(struct parser *parser)
{
	const struct trace_places *places = &parser->places;
	struct trace_host *host = parser->host;

	host->listed = calloc(places->n_cpus, sizeof(*host->listed));
	if (!host->listed)
		return -ENOMEM;
	while (host->n_listed < places->n_cpus) {
		host->listed[host->n_listed] = places->cpus[host->n_listed].number;
		host->n_listed++;
	}
	return 0;
}

static int take_idle(struct parser *parser)
{
	struct trace_host *host = parser->host;
	int r = 0;

	if (has_member(parser, IDLE_W))
		r = trace_idle_scan_power(
			&parser->members[IDLE_W], &host->machine, host->idle);
	if (r == 0 && has_member(parser, IDLE_ORIGIN))
		r = trace_idle_scan_origin(
			&parser->members[IDLE_ORIGIN], &host->machine, host->idle);
	return r;
}

static int take_source(struct parser *parser)
{
	struct trace_scan *scan = &parser->members[SOURCE];
	struct json_string source;

	if (!has_member(parser, SOURCE))
		return 0;
	if (json_scan_string(&scan->json, &source) < 0)
		return trace_scan_fail(scan);
	parser->host->estimated = json_string_is(&source, "estimate");
	return 0;
}

static int take_boottime(struct parser *parser)
{
	struct trace_host *host = parser->host;

	if (!has_member(parser, BOOTTIME))
		return 0;
	host->has_boottime = true;
	return trace_scan_number(&parser->members[BOOTTIME], "boottime_ns", INT64_MAX / 2,
		&host->boottime_ns);
}

int trace_host_parse(const char *line, size_t len, char error[TRACE_ERROR_SIZE],
	struct trace_host *ret_host)
{
	struct trace_host host = { 0 };
	struct parser parser = { .error = error, .host = &host };
	int r = find_members(&parser, line, len);

	if (r == 0)
		r = scan_machine(&parser);
	if (r == 0)
		r = list_cpus(&parser);
	if (r == 0)
		r = take_idle(&parser);
	if (r == 0)
		r = take_source(&parser);
	if (r == 0)
		r = take_boottime(&parser);
	trace_places_deinit(&parser.places);
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
