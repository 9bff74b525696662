/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From a line to a sample. */
#include "host/trace_tick.h"

#include <errno.h>
#include <string.h>

#include "host/trace_idle.h"

/* Where a trace does not tell: later than anything in it began. */
#define BASE_NS UINT64_C(1000000000000000000)
/* Of t_ns: no sum with a base overflows. */
#define T_NS_MAX (INT64_MAX / 2)

struct parser {
	struct trace_tick *tick;
	struct trace_host *host;
	struct sample *sample;
	uint64_t base_ns;
	size_t n_cpus;		       /* that the line had so far */
	struct trace_scan idle_origin; /* its at is NULL: there is none */
};

static int take_t_ns(struct trace_scan *scan, void *data)
{
	const struct parser *parser = data;

	return trace_scan_number(scan, "t_ns", T_NS_MAX, &parser->tick->t_ns);
}

static int take_monotonic(struct trace_scan *scan, void *data)
{
	const struct parser *parser = data;

	return trace_scan_number(
		scan, "monotonic_ns", T_NS_MAX, &parser->sample->monotonic_ns);
}

/* A zone without a number here is one that could not be read. */
static int take_zone(struct trace_scan *scan, const struct json_string *name, void *data)
{
	const struct parser *parser = data;
	int zone = trace_zone_find(&parser->host->machine, name);

	if (zone < 0 || json_scan_peek(&scan->json) == 'n')
		return trace_scan_skip(scan);
	if (json_scan_u64(&scan->json, &parser->sample->zones[zone].energy_uj) < 0)
		return trace_scan_fail(scan);
	parser->sample->zones[zone].valid = true;
	return 0;
}

static int take_energy(struct trace_scan *scan, void *data)
{
	return trace_scan_object(scan, take_zone, data);
}

/* [busy_ns, khz]; khz may be a fraction, or missing. */
static int scan_cpu(struct trace_scan *scan, struct sample_cpu *cpu)
{
	struct json_scan *json = &scan->json;
	uint64_t khz;
	size_t n = 0;
	int r;

	if (json_scan_open(json, '[') < 0)
		return trace_scan_fail(scan);
	r = json_scan_next(json, ']', &n);
	if (r <= 0)
		return r < 0 ? trace_scan_fail(scan)
			     : trace_error(scan->error, "\"cpu\" has an empty entry");
	r = trace_scan_number(scan, "busy_ns", UINT64_MAX, &cpu->busy_ns);
	if (r < 0)
		return r;
	r = json_scan_next(json, ']', &n);
	if (r <= 0)
		return r < 0 ? trace_scan_fail(scan) : 0;
	if (json_scan_fixed(json, 0, &khz) < 0)
		return trace_scan_fail(scan);
	if (khz > UINT32_MAX)
		return trace_error(scan->error, "\"khz\" is over %u", UINT32_MAX);
	cpu->khz = (uint32_t)khz;
	return trace_scan_rest(scan, &n);
}

static int take_cpu(struct trace_scan *scan, void *data)
{
	struct parser *parser = data;
	const struct trace_host *host = parser->host;
	struct sample_cpu surplus, *cpu = &surplus;

	if (parser->n_cpus < host->n_listed)
		cpu = &parser->sample->cpus[host->listed[parser->n_cpus]];
	parser->n_cpus++;
	return scan_cpu(scan, cpu);
}

static int take_cpus(struct trace_scan *scan, void *data)
{
	const struct parser *parser = data;
	int r = trace_scan_array(scan, take_cpu, data);

	if (r == 0 && parser->n_cpus != parser->host->n_listed)
		r = trace_error(scan->error,
			"\"cpu\" has %zu entries, the host line has %zu", parser->n_cpus,
			parser->host->n_listed);
	return r;
}

static int take_domains(struct trace_scan *scan, void *data)
{
	const struct parser *parser = data;

	return trace_domains_scan(
		&parser->tick->domains, scan, parser->base_ns, parser->sample);
}

static int take_idle_w(struct trace_scan *scan, void *data)
{
	const struct parser *parser = data;

	return trace_idle_scan_power(scan, &parser->host->machine, parser->host->idle);
}

/* Has its turn when the powers are known. */
static int keep_idle_origin(struct trace_scan *scan, void *data)
{
	struct parser *parser = data;

	parser->idle_origin = *scan;
	return trace_scan_skip(scan);
}

static int begin(struct parser *parser)
{
	const struct machine *machine = &parser->host->machine;
	struct sample *sample = parser->sample;

	trace_domains_clear(&parser->tick->domains);
	sample_clear(sample);
	sample->monotonic_ns = UINT64_MAX;
	if (sample_reserve_cpus(sample, machine->n_cpus) < 0)
		return -ENOMEM;
	sample->n_cpus = machine->n_cpus;
	memset(sample->cpus, 0, machine->n_cpus * sizeof(*sample->cpus));
	sample->n_zones = machine->n_zones;
	memset(sample->zones, 0, machine->n_zones * sizeof(*sample->zones));
	return 0;
}

/*
 * The clock that stands still in suspend is of no other use: it begins far below, so
 * that it never is ahead of the other.
 */
static void set_instants(struct parser *parser)
{
	struct sample *sample = parser->sample;
	uint64_t t_ns = parser->tick->t_ns;

	sample->boottime_ns = parser->base_ns + t_ns;
	sample->monotonic_ns = parser->base_ns / 2 +
			       (sample->monotonic_ns == UINT64_MAX
					       ? t_ns
					       : sample->monotonic_ns);
}

static int scan_tick(struct parser *parser, struct trace_scan *scan)
{
	static const struct trace_member members[] = {
		{ "t_ns", take_t_ns },
		{ "energy_uj", take_energy },
		{ "cpu", take_cpus },
		{ "domains", take_domains },
		{ "monotonic_ns", take_monotonic },
		{ "idle_w", take_idle_w },
		{ "idle_origin", keep_idle_origin },
	};
	unsigned seen;
	int r = trace_scan_members(
		scan, members, sizeof(members) / sizeof(members[0]), parser, &seen);

	if (r == 0)
		r = trace_scan_end(scan);
	if (r < 0)
		return r;
	for (size_t i = 0; i < 4; i++) {
		if (!(seen >> i & 1))
			return trace_error(
				scan->error, "\"%s\" is missing", members[i].name);
	}
	return 0;
}

int trace_tick_parse(struct trace_tick *tick, struct trace_host *host,
	const struct sample *before, const char *line, size_t len,
	char error[TRACE_ERROR_SIZE], struct sample *sample)
{
	struct parser parser = {
		.tick = tick,
		.host = host,
		.sample = sample,
		.base_ns = host->has_boottime ? host->boottime_ns : BASE_NS,
	};
	struct trace_scan scan;
	int r = begin(&parser);

	trace_scan_init(&scan, line, len, error);
	if (r == 0)
		r = scan_tick(&parser, &scan);
	if (r == 0 && parser.idle_origin.json.at)
		r = trace_idle_scan_origin(
			&parser.idle_origin, &host->machine, host->idle);
	if (r == 0)
		r = trace_domains_add(&tick->domains, before, error, sample);
	if (r == 0)
		set_instants(&parser);
	return r;
}

void trace_tick_deinit(struct trace_tick *tick)
{
	trace_domains_deinit(&tick->domains);
	*tick = (struct trace_tick){ 0 };
}
