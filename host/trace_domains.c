/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Domains of a trace. */
#include "host/trace_domains.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "host/trace_incarnation.h"
#include "host/trace_threads.h"
#include "shared/array.h"

struct parser {
	struct trace_domains *domains;
	struct sample *sample;
	uint64_t base_ns;
};

/* The domain being read: the last one. */
static struct trace_domain *this_domain(const struct parser *parser)
{
	return &parser->domains->domains[parser->domains->n - 1];
}

static int take_uuid(struct trace_scan *scan, void *data)
{
	struct json_string string;
	char text[UUID_TEXT_SIZE];

	if (json_scan_string(&scan->json, &string) < 0)
		return trace_scan_fail(scan);
	if (json_string_copy(&string, text, sizeof(text)) < 0 ||
		uuid_parse(text, &this_domain(data)->sample.uuid) < 0)
		return trace_error(scan->error, "\"%.*s\" is no UUID",
			(int)(string.len < 64 ? string.len : 64), string.text);
	return 0;
}

static int take_vcpus(struct trace_scan *scan, void *data)
{
	struct sample_domain *domain = &this_domain(data)->sample;
	uint64_t n_vcpus;
	int r = trace_scan_number(scan, "vcpus", UINT32_MAX, &n_vcpus);

	if (r == 0)
		domain->n_vcpus = domain->max_vcpus = (uint32_t)n_vcpus;
	return r;
}

static int take_threads(struct trace_scan *scan, void *data)
{
	const struct parser *parser = data;

	return trace_threads_scan(
		scan, parser->base_ns, parser->sample, &this_domain(parser)->sample);
}

static int take_memory(struct trace_scan *scan, void *data)
{
	return trace_scan_number(
		scan, "memory_kib", UINT64_MAX, &this_domain(data)->sample.memory_kib);
}

static int take_process(struct trace_scan *scan, void *data)
{
	struct trace_domain *domain = this_domain(data);

	domain->has_process = true;
	return trace_scan_number(scan, "process_ns", UINT64_MAX, &domain->process_ns);
}

static int add_resident(struct trace_domains *domains, uint64_t kib)
{
	if (array_reserve(&domains->resident_kib, &domains->resident_size,
		    domains->n_resident + 1) < 0)
		return -ENOMEM;
	domains->resident_kib[domains->n_resident++] = kib;
	return 0;
}

static int take_node(struct trace_scan *scan, void *data)
{
	const struct parser *parser = data;
	struct trace_domain *domain = this_domain(parser);
	uint64_t kib;
	int r;

	if (domain->n_nodes == TRACE_NODES_MAX)
		return trace_error(scan->error, "\"rss_kib\" has more than %d nodes",
			TRACE_NODES_MAX);
	r = trace_scan_number(scan, "rss_kib", UINT64_MAX, &kib);
	if (r == 0)
		r = add_resident(parser->domains, kib);
	domain->n_nodes += r == 0;
	return r;
}

static int take_resident(struct trace_scan *scan, void *data)
{
	const struct parser *parser = data;

	this_domain(parser)->first_node = parser->domains->n_resident;
	return trace_scan_array(scan, take_node, data);
}

static int take_pid(struct trace_scan *scan, void *data)
{
	struct trace_domain *domain = this_domain(data);
	uint64_t pid;
	int r = trace_scan_number(scan, "pid", INT_MAX, &pid);

	if (r == 0) {
		domain->has_pid = true;
		domain->sample.pid = (pid_t)pid;
	}
	return r;
}

/* As if the trace's base were the boot. */
static int take_start(struct trace_scan *scan, void *data)
{
	const struct parser *parser = data;
	struct trace_domain *domain = this_domain(parser);

	domain->has_start = true;
	return trace_scan_start(scan, parser->base_ns, &domain->sample.start_ticks);
}

static int begin_domain(struct trace_domains *domains)
{
	if (array_reserve(&domains->domains, &domains->size, domains->n + 1) < 0)
		return -ENOMEM;
	domains->domains[domains->n++] = (struct trace_domain){ 0 };
	return 0;
}

static int take_domain(struct trace_scan *scan, void *data)
{
	static const struct trace_member members[] = {
		{ "uuid", take_uuid },
		{ "vcpus", take_vcpus },
		{ "threads", take_threads },
		{ "memory_kib", take_memory },
		{ "process_ns", take_process },
		{ "rss_kib", take_resident },
		{ "pid", take_pid },
		{ "start_ns", take_start },
	};
	const struct parser *parser = data;
	unsigned seen;
	int r = begin_domain(parser->domains);

	if (r == 0)
		r = trace_scan_members(
			scan, members, sizeof(members) / sizeof(members[0]), data, &seen);
	if (r < 0)
		return r;
	for (size_t i = 0; i < 3; i++) {
		if (!(seen >> i & 1))
			return trace_error(
				scan->error, "a domain without \"%s\"", members[i].name);
	}
	return 0;
}

void trace_domains_clear(struct trace_domains *domains)
{
	domains->n = 0;
	domains->n_resident = 0;
}

int trace_domains_scan(struct trace_domains *domains, struct trace_scan *scan,
	uint64_t base_ns, struct sample *sample)
{
	struct parser parser = { domains, sample, base_ns };

	return trace_scan_array(scan, take_domain, &parser);
}

static int compare_domains(const void *a, const void *b)
{
	const struct trace_domain *x = a, *y = b;

	return uuid_compare(&x->sample.uuid, &y->sample.uuid);
}

static int sort_domains(struct trace_domains *domains, char error[TRACE_ERROR_SIZE])
{
	struct trace_domain *sorted = domains->domains;
	char uuid[UUID_TEXT_SIZE];
	size_t i = 1;

	while (i < domains->n && compare_domains(&sorted[i - 1], &sorted[i]) < 0)
		i++;
	if (i >= domains->n)
		return 0;
	qsort(sorted, domains->n, sizeof(*sorted), compare_domains);
	for (i = 1; i < domains->n; i++) {
		if (compare_domains(&sorted[i - 1], &sorted[i]) < 0)
			continue;
		uuid_format(&sorted[i].sample.uuid, uuid);
		return trace_error(error, "domain %s is there twice", uuid);
	}
	return 0;
}

static int add_domains(const struct trace_domains *domains, const struct sample *before,
	struct sample *sample)
{
	size_t b = 0;

	for (size_t i = 0; i < domains->n; i++) {
		struct trace_domain *domain = &domains->domains[i];
		struct sample_domain *added = sample_add_domain(sample);
		int order = 1;

		if (!added)
			return -ENOMEM;
		while (b < before->n_domains &&
			(order = uuid_compare(
				 &before->domains[b].uuid, &domain->sample.uuid)) < 0)
			b++;
		trace_incarnation_find(sample, &domain->sample,
			domain->has_pid && domain->has_start, before,
			b < before->n_domains && order == 0 ? &before->domains[b] : NULL);
		if (domain->has_process)
			trace_incarnation_count(
				sample, &domain->sample, domain->process_ns);
		*added = domain->sample;
	}
	return 0;
}

/* All that no machine has are one: of these it only counts that there is memory. */
static size_t clamp_node(size_t node)
{
	return node < MACHINE_NODES_MAX ? node : MACHINE_NODES_MAX;
}

/* One domain's many nodes must not make the others' so many. */
static int add_nodes(const struct trace_domains *domains, struct sample *sample)
{
	size_t n_nodes = 0;

	for (size_t i = 0; i < domains->n; i++) {
		const struct trace_domain *domain = &domains->domains[i];

		if (domain->n_nodes > 0 && clamp_node(domain->n_nodes - 1) >= n_nodes)
			n_nodes = clamp_node(domain->n_nodes - 1) + 1;
	}
	if (sample_reserve_nodes(sample, n_nodes) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < domains->n; i++) {
		const struct trace_domain *domain = &domains->domains[i];

		for (size_t node = 0; node < domain->n_nodes; node++) {
			uint64_t kib = domains->resident_kib[domain->first_node + node];
			uint64_t *cell = sample_resident_kib(sample, i, clamp_node(node));

			*cell = kib > *cell ? kib : *cell;
		}
	}
	return 0;
}

int trace_domains_add(struct trace_domains *domains, const struct sample *before,
	char error[TRACE_ERROR_SIZE], struct sample *sample)
{
	int r = sort_domains(domains, error);

	if (r == 0)
		r = add_domains(domains, before, sample);
	if (r == 0)
		r = add_nodes(domains, sample);
	return r;
}

void trace_domains_deinit(struct trace_domains *domains)
{
	free(domains->domains);
	free(domains->resident_kib);
	*domains = (struct trace_domains){ 0 };
}
