/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From samples to lines. */
#include "host/trace_writer.h"

#include <string.h>

static void put_text(struct json_text *text, const char *string)
{
	json_text_put(text, string, strlen(string));
}

/* ,"name":value, the comma only where something is before it. */
static void begin_element(struct json_text *text, size_t index)
{
	if (index > 0)
		json_text_literal(text, ",");
}

static void add_package(
	const struct machine *machine, uint16_t package, struct json_text *text)
{
	static const struct machine_package none = { .die_id = -1 };
	const struct machine_package *place = package < machine->n_packages
						      ? &machine->packages[package]
						      : &none;

	json_text_literal(text, ",\"package\":");
	json_text_u64(text, place->physical_id);
	if (place->die_id >= 0) {
		json_text_literal(text, ",\"die\":");
		json_text_u64(text, (uint64_t)place->die_id);
	}
}

static void add_cpus(const struct machine *machine, struct json_text *text)
{
	json_text_literal(text, ",\"cpus\":[");
	for (size_t i = 0; i < machine->n_cpus; i++) {
		const struct machine_cpu *cpu = &machine->cpus[i];

		begin_element(text, i);
		json_text_literal(text, "{\"cpu\":");
		json_text_u64(text, i);
		if (cpu->online) {
			add_package(machine, cpu->package, text);
			json_text_literal(text, ",\"core\":");
			json_text_u64(text, cpu->core);
			json_text_literal(text, ",\"node\":");
			json_text_u64(text, cpu->node);
		} else {
			json_text_literal(text, ",\"package\":0,\"core\":");
			json_text_u64(text, i);
			json_text_literal(text, ",\"node\":0,\"online\":false");
		}
		json_text_literal(text, "}");
	}
	json_text_literal(text, "]");
}

static void add_zones(const struct machine *machine, struct json_text *text)
{
	json_text_literal(text, ",\"zones\":[");
	for (size_t i = 0; i < machine->n_zones; i++) {
		const struct machine_zone *zone = &machine->zones[i];

		begin_element(text, i);
		json_text_literal(text, "{\"zone\":");
		json_text_string(text, zone->name);
		add_package(machine, zone->package, text);
		json_text_literal(text, ",\"kind\":\"");
		put_text(text, trace_zone_kind_name(zone->kind));
		json_text_literal(text, "\",\"max_energy_range_uj\":");
		json_text_counter(text, zone->max_energy_range_uj);
		if (zone->max_power_uw > 0) {
			json_text_literal(text, ",\"max_power_uw\":");
			json_text_counter(text, zone->max_power_uw);
		}
		json_text_literal(text, "}");
	}
	json_text_literal(text, "]");
}

static void add_nodes(const struct machine *machine, struct json_text *text)
{
	if (machine->n_nodes == 0)
		return;
	json_text_literal(text, ",\"node_memory_kib\":[");
	for (size_t node = 0; node < machine->n_nodes; node++) {
		begin_element(text, node);
		json_text_u64(text, machine->node_memory_kib[node]);
	}
	json_text_literal(text, "]");
}

static bool is_news(const struct trace_idle *idle, const struct trace_idle *told)
{
	return idle->given && (!told->given || idle->idle_uw != told->idle_uw ||
				      idle->origin != told->origin);
}

/* Of the zones whose idle power is not what the trace told last. */
static void add_idle(struct trace_writer *writer, const struct trace_item *item,
	struct json_text *text)
{
	const struct machine *machine = item->machine;
	size_t n = 0;

	for (size_t z = 0; z < machine->n_zones; z++) {
		if (!is_news(&item->idle[z], &writer->idle[z]))
			continue;
		if (n++ == 0)
			json_text_literal(text, ",\"idle_w\":{");
		else
			json_text_literal(text, ",");
		json_text_string(text, machine->zones[z].name);
		json_text_literal(text, ":");
		json_text_watts(text, item->idle[z].idle_uw);
	}
	if (n == 0)
		return;
	json_text_literal(text, "},\"idle_origin\":{");
	n = 0;
	for (size_t z = 0; z < machine->n_zones; z++) {
		if (!is_news(&item->idle[z], &writer->idle[z]))
			continue;
		begin_element(text, n++);
		json_text_string(text, machine->zones[z].name);
		json_text_literal(text, ":\"");
		put_text(text, idle_power_origin_name(item->idle[z].origin));
		json_text_literal(text, "\"");
		writer->idle[z] = item->idle[z];
	}
	json_text_literal(text, "}");
}

static void add_host(struct trace_writer *writer, const struct trace_item *item,
	struct json_text *text)
{
	const struct machine *machine = item->machine;

	memset(writer->idle, 0, sizeof(writer->idle));
	writer->generation = machine->generation;
	writer->n_nodes = machine->n_nodes;
	memcpy(writer->node_memory_kib, machine->node_memory_kib,
		sizeof(writer->node_memory_kib));
	json_text_literal(text, "{\"type\":\"host\",\"version\":");
	json_text_u64(text, TRACE_VERSION);
	json_text_literal(text, ",\"source\":\"");
	put_text(text, item->estimated ? "estimate" : "powercap");
	json_text_literal(text, "\",\"boottime_ns\":");
	json_text_counter(text, writer->boottime_ns);
	add_cpus(machine, text);
	add_zones(machine, text);
	add_nodes(machine, text);
	add_idle(writer, item, text);
	json_text_literal(text, "}\n");
}

static void add_energy(const struct trace_item *item, struct json_text *text)
{
	const struct sample *sample = item->sample;
	size_t n = 0;

	json_text_literal(text, ",\"energy_uj\":{");
	for (size_t z = 0; z < sample->n_zones; z++) {
		if (!sample->zones[z].valid)
			continue;
		begin_element(text, n++);
		json_text_string(text, item->machine->zones[z].name);
		json_text_literal(text, ":");
		json_text_counter(text, sample->zones[z].energy_uj);
	}
	json_text_literal(text, "}");
}

static void add_busy(const struct trace_item *item, struct json_text *text)
{
	const struct sample *sample = item->sample;

	json_text_literal(text, ",\"cpu\":[");
	for (size_t i = 0; i < item->machine->n_cpus; i++) {
		bool known = i < sample->n_cpus;

		begin_element(text, i);
		json_text_literal(text, "[");
		json_text_u64(text, known ? sample->cpus[i].busy_ns : 0);
		json_text_literal(text, ",");
		json_text_u64(text, known ? sample->cpus[i].khz : 0);
		json_text_literal(text, "]");
	}
	json_text_literal(text, "]");
}

/* Since the first tick: less than 0 of what was there before. */
static void add_start(
	const struct trace_writer *writer, uint64_t start_ticks, struct json_text *text)
{
	uint64_t start_ns = start_ticks * SAMPLE_START_TICK_NS;

	json_text_i64(text, (int64_t)(start_ns - writer->boottime_ns));
}

static void add_thread(const struct trace_writer *writer,
	const struct sample_thread *thread, struct json_text *text)
{
	json_text_literal(text, "[");
	json_text_u64(text, (uint64_t)thread->tid);
	json_text_literal(text, ",");
	add_start(writer, thread->start_ticks, text);
	json_text_literal(text, ",\"");
	put_text(text, trace_thread_kind_name(thread->kind));
	json_text_literal(text, "\",");
	json_text_u64(text, thread->index);
	json_text_literal(text, ",");
	json_text_u64(text, thread->cpu_ns);
	json_text_literal(text, ",");
	json_text_u64(text, thread->last_cpu);
	json_text_literal(text, "]");
}

static const struct sample_thread *thread_of(
	const struct sample *sample, const struct sample_domain *domain, size_t index)
{
	return &sample->threads[domain->first_thread + index];
}

/* A tid that a sample has twice counts once, and in a trace would be an error. */
static bool is_again(
	const struct sample *sample, const struct sample_domain *domain, size_t index)
{
	return index > 0 && thread_of(sample, domain, index)->tid ==
				    thread_of(sample, domain, index - 1)->tid;
}

/* The time of all threads but vhost's, those that live and those that ended. */
static uint64_t process_ns(
	const struct sample *sample, const struct sample_domain *domain)
{
	uint64_t sum_ns = domain->exited_ns;

	for (size_t i = 0; i < domain->n_threads; i++) {
		const struct sample_thread *thread = thread_of(sample, domain, i);

		if (thread->kind != SAMPLE_THREAD_VHOST && !is_again(sample, domain, i))
			sum_ns += thread->cpu_ns;
	}
	return sum_ns;
}

static void add_threads(const struct trace_writer *writer, const struct sample *sample,
	const struct sample_domain *domain, struct json_text *text)
{
	json_text_literal(text, ",\"threads\":[");
	for (size_t i = 0; i < domain->n_threads; i++) {
		if (is_again(sample, domain, i))
			continue;
		begin_element(text, i);
		add_thread(writer, thread_of(sample, domain, i), text);
	}
	json_text_literal(text, "]");
}

static void add_resident(
	const struct sample *sample, size_t domain, struct json_text *text)
{
	if (sample->n_nodes == 0)
		return;
	json_text_literal(text, ",\"rss_kib\":[");
	for (size_t node = 0; node < sample->n_nodes; node++) {
		begin_element(text, node);
		json_text_u64(text, *sample_resident_kib(sample, domain, node));
	}
	json_text_literal(text, "]");
}

static void add_domain(const struct trace_writer *writer, const struct trace_item *item,
	size_t index, struct json_text *text)
{
	const struct sample_domain *domain = &item->sample->domains[index];
	char uuid[UUID_TEXT_SIZE];

	uuid_format(&domain->uuid, uuid);
	json_text_literal(text, "{\"uuid\":");
	json_text_string(text, uuid);
	if (item->names && item->names[index]) {
		json_text_literal(text, ",\"name\":");
		json_text_string(text, item->names[index]);
	}
	json_text_literal(text, ",\"vcpus\":");
	json_text_u64(text, domain->n_vcpus);
	json_text_literal(text, ",\"memory_kib\":");
	json_text_u64(text, domain->memory_kib);
	json_text_literal(text, ",\"pid\":");
	json_text_u64(text, (uint64_t)domain->pid);
	json_text_literal(text, ",\"start_ns\":");
	add_start(writer, domain->start_ticks, text);
	json_text_literal(text, ",\"process_ns\":");
	json_text_u64(text, process_ns(item->sample, domain));
	add_threads(writer, item->sample, domain, text);
	add_resident(item->sample, index, text);
	json_text_literal(text, "}");
}

static void add_tick(struct trace_writer *writer, const struct trace_item *item,
	struct json_text *text)
{
	const struct sample *sample = item->sample;

	json_text_literal(text, "{\"type\":\"tick\",\"t_ns\":");
	json_text_counter(text, sample->boottime_ns - writer->boottime_ns);
	json_text_literal(text, ",\"monotonic_ns\":");
	json_text_counter(text, sample->monotonic_ns - writer->monotonic_ns);
	add_idle(writer, item, text);
	add_energy(item, text);
	add_busy(item, text);
	json_text_literal(text, ",\"domains\":[");
	for (size_t i = 0; i < sample->n_domains; i++) {
		begin_element(text, i);
		add_domain(writer, item, i, text);
	}
	json_text_literal(text, "]}\n");
}

/* Whether the last host line is of this machine. */
static bool was_told(const struct trace_writer *writer, const struct machine *machine)
{
	return writer->begun && writer->generation == machine->generation &&
	       writer->n_nodes == machine->n_nodes &&
	       memcmp(writer->node_memory_kib, machine->node_memory_kib,
		       machine->n_nodes * sizeof(*machine->node_memory_kib)) == 0;
}

int trace_writer_add(struct trace_writer *writer, const struct trace_item *item,
	struct json_text *text)
{
	struct trace_writer now = *writer;
	int r;

	if (!now.begun) {
		now.boottime_ns = item->sample->boottime_ns;
		now.monotonic_ns = item->sample->monotonic_ns;
	}
	if (!was_told(writer, item->machine))
		add_host(&now, item, text);
	now.begun = true;
	add_tick(&now, item, text);
	r = json_text_error(text);
	if (r == 0)
		*writer = now;
	return r;
}
