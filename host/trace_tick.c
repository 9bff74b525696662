/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From a line to a sample. */
#include "host/trace_tick.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Where a trace does not tell: later than anything in it began. */
#define BASE_NS UINT64_C(1000000000000000000)
/* Of t_ns: no sum with a base overflows. */
#define T_NS_MAX (INT64_MAX / 2)

struct parser {
	struct trace_tick *tick;
	struct trace_host *host;
	const struct sample *before;
	struct sample *sample;
	char *error;
	struct json_scan scan;
	uint64_t base_ns;
	struct json_scan idle_origin; /* at is NULL: there is none */
};

/* Every member of a tick and of a domain but the names it does not know. */
struct member {
	const char *name;
	int (*scan)(struct parser *parser);
};

static int fail(struct parser *parser)
{
	return trace_error_scan(parser->error, &parser->scan);
}

static int scan_number(
	struct parser *parser, const char *name, uint64_t max, uint64_t *ret_value)
{
	return trace_scan_number(parser->error, &parser->scan, name, max, ret_value);
}

/*
 * Passes over an object, calling scan for each member that is in the table. seen gets
 * a bit for each; none may be there twice.
 */
static int scan_members(struct parser *parser, const struct member *members,
	size_t n_members, unsigned *ret_seen)
{
	struct json_scan *scan = &parser->scan;
	size_t n = 0;
	int r;

	*ret_seen = 0;
	if (json_scan_open(scan, '{') < 0)
		return fail(parser);
	while ((r = json_scan_next(scan, '}', &n)) > 0) {
		struct json_string key;
		size_t i = 0;

		if (json_scan_key(scan, &key) < 0)
			return fail(parser);
		while (i < n_members && !json_string_is(&key, members[i].name))
			i++;
		if (i == n_members) {
			if (json_scan_skip(scan) < 0)
				return fail(parser);
			continue;
		}
		if (*ret_seen >> i & 1)
			return trace_error(
				parser->error, "\"%s\" is there twice", members[i].name);
		*ret_seen |= 1u << i;
		r = members[i].scan(parser);
		if (r < 0)
			return r;
	}
	return r < 0 ? fail(parser) : 0;
}

/* The domain being read: the last one. */
static struct trace_domain *this_domain(const struct parser *parser)
{
	return &parser->tick->domains[parser->tick->n_domains - 1];
}

static int scan_uuid(struct parser *parser)
{
	struct json_string string;
	char text[UUID_TEXT_SIZE];

	if (json_scan_string(&parser->scan, &string) < 0)
		return fail(parser);
	if (json_string_copy(&string, text, sizeof(text)) < 0 ||
		uuid_parse(text, &this_domain(parser)->sample.uuid) < 0)
		return trace_error(parser->error, "\"%.*s\" is no UUID",
			(int)(string.len < 64 ? string.len : 64), string.text);
	return 0;
}

static int scan_vcpus(struct parser *parser)
{
	struct sample_domain *domain = &this_domain(parser)->sample;
	uint64_t n_vcpus;
	int r = scan_number(parser, "vcpus", UINT32_MAX, &n_vcpus);

	if (r == 0)
		domain->n_vcpus = domain->max_vcpus = (uint32_t)n_vcpus;
	return r;
}

static int scan_memory(struct parser *parser)
{
	return scan_number(parser, "memory_kib", UINT64_MAX,
		&this_domain(parser)->sample.memory_kib);
}

static int scan_process(struct parser *parser)
{
	this_domain(parser)->has_process = true;
	return scan_number(
		parser, "process_ns", UINT64_MAX, &this_domain(parser)->process_ns);
}

static int scan_pid(struct parser *parser)
{
	uint64_t pid;
	int r = scan_number(parser, "pid", INT_MAX, &pid);

	if (r == 0) {
		this_domain(parser)->has_pid = true;
		this_domain(parser)->sample.pid = (pid_t)pid;
	}
	return r;
}

/* The kernel's clock ticks since boot, as if the trace's base were the boot. */
static int scan_start(struct parser *parser, uint64_t *ret_ticks)
{
	int64_t start_ns;

	if (json_scan_i64(&parser->scan, &start_ns) < 0)
		return fail(parser);
	if (__builtin_add_overflow(start_ns, (int64_t)parser->base_ns, &start_ns))
		start_ns = INT64_MAX;
	*ret_ticks = start_ns > 0 ? (uint64_t)start_ns / SAMPLE_START_TICK_NS : 0;
	return 0;
}

static int scan_domain_start(struct parser *parser)
{
	this_domain(parser)->has_start = true;
	return scan_start(parser, &this_domain(parser)->sample.start_ticks);
}

static int add_resident(struct parser *parser, uint64_t kib)
{
	struct trace_tick *tick = parser->tick;

	if (tick->n_resident == tick->resident_size) {
		size_t size = tick->resident_size > 0 ? 2 * tick->resident_size : 64;
		uint64_t *grown = reallocarray(tick->resident_kib, size, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		tick->resident_kib = grown;
		tick->resident_size = size;
	}
	tick->resident_kib[tick->n_resident++] = kib;
	return 0;
}

static int scan_resident(struct parser *parser)
{
	struct trace_domain *domain = this_domain(parser);
	size_t n = 0;
	int r;

	domain->first_node = parser->tick->n_resident;
	if (json_scan_open(&parser->scan, '[') < 0)
		return fail(parser);
	while ((r = json_scan_next(&parser->scan, ']', &n)) > 0) {
		uint64_t kib;

		if (n > TRACE_NODES_MAX)
			return trace_error(parser->error,
				"\"rss_kib\" has more than %d nodes", TRACE_NODES_MAX);
		r = scan_number(parser, "rss_kib", UINT64_MAX, &kib);
		if (r == 0)
			r = add_resident(parser, kib);
		if (r < 0)
			return r;
	}
	domain->n_nodes = n;
	return r < 0 ? fail(parser) : 0;
}

/* The next element of an array that has so many of them. */
static int next_field(struct parser *parser, size_t *n)
{
	int r = json_scan_next(&parser->scan, ']', n);

	if (r < 0)
		return fail(parser);
	if (r == 0)
		return trace_error(parser->error,
			"a thread of %zu elements; it must be "
			"[tid, start_ns, kind, index, cpu_ns, last_cpu]",
			*n);
	return 0;
}

static int scan_kind(struct parser *parser, uint8_t *ret_kind)
{
	struct json_string kind;

	if (json_scan_string(&parser->scan, &kind) < 0)
		return fail(parser);
	if (trace_thread_kind_parse(&kind, ret_kind) < 0)
		return trace_error(parser->error,
			"kind \"%.*s\" of a thread is not vcpu, emulator, iothread or "
			"vhost",
			(int)(kind.len < 32 ? kind.len : 32), kind.text);
	return 0;
}

/* Of a thread that is one of several; of others any number will do, -1 too. */
static int scan_index(struct parser *parser, uint8_t kind, uint16_t *ret_index)
{
	uint64_t index;
	int r;

	if (kind != SAMPLE_THREAD_VCPU && kind != SAMPLE_THREAD_IOTHREAD)
		return json_scan_skip(&parser->scan) < 0 ? fail(parser) : 0;
	r = scan_number(parser, "index", UINT16_MAX, &index);
	if (r == 0)
		*ret_index = (uint16_t)index;
	return r;
}

/* Elements that a later version may add are passed over. */
static int end_fields(struct parser *parser, size_t *n)
{
	int r;

	while ((r = json_scan_next(&parser->scan, ']', n)) > 0) {
		if (json_scan_skip(&parser->scan) < 0)
			return fail(parser);
	}
	return r < 0 ? fail(parser) : 0;
}

static int scan_thread(struct parser *parser)
{
	struct sample_thread *thread = sample_add_thread(parser->sample);
	uint64_t tid, last_cpu;
	size_t n = 0;
	int r;

	if (!thread)
		return -ENOMEM;
	if (json_scan_open(&parser->scan, '[') < 0)
		return fail(parser);
	if ((r = next_field(parser, &n)) < 0 ||
		(r = scan_number(parser, "tid", INT_MAX, &tid)) < 0 ||
		(r = next_field(parser, &n)) < 0 ||
		(r = scan_start(parser, &thread->start_ticks)) < 0 ||
		(r = next_field(parser, &n)) < 0 ||
		(r = scan_kind(parser, &thread->kind)) < 0 ||
		(r = next_field(parser, &n)) < 0 ||
		(r = scan_index(parser, thread->kind, &thread->index)) < 0 ||
		(r = next_field(parser, &n)) < 0 ||
		(r = scan_number(parser, "cpu_ns", UINT64_MAX, &thread->cpu_ns)) < 0 ||
		(r = next_field(parser, &n)) < 0 ||
		(r = scan_number(parser, "last_cpu", UINT16_MAX, &last_cpu)) < 0)
		return r;
	thread->tid = (pid_t)tid;
	thread->last_cpu = (uint16_t)last_cpu;
	return end_fields(parser, &n);
}

static int compare_threads(const void *a, const void *b)
{
	const struct sample_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int sort_threads(struct parser *parser, size_t first)
{
	size_t n = parser->sample->n_threads - first;
	struct sample_thread *threads;
	bool sorted = true;

	if (n == 0)
		return 0;
	threads = &parser->sample->threads[first];
	for (size_t i = 1; i < n && sorted; i++)
		sorted = threads[i - 1].tid < threads[i].tid;
	if (sorted)
		return 0;
	qsort(threads, n, sizeof(*threads), compare_threads);
	for (size_t i = 1; i < n; i++) {
		if (threads[i - 1].tid == threads[i].tid)
			return trace_error(parser->error,
				"a domain has two threads with tid %d", threads[i].tid);
	}
	return 0;
}

static int scan_threads(struct parser *parser)
{
	struct sample_domain *domain = &this_domain(parser)->sample;
	struct sample *sample = parser->sample;
	size_t first = sample->n_threads, n = 0;
	int r;

	if (json_scan_open(&parser->scan, '[') < 0)
		return fail(parser);
	while ((r = json_scan_next(&parser->scan, ']', &n)) > 0) {
		r = scan_thread(parser);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return fail(parser);
	domain->first_thread = (uint32_t)first;
	domain->n_threads = (uint32_t)(sample->n_threads - first);
	return sort_threads(parser, first);
}

static int begin_domain(struct parser *parser)
{
	struct trace_tick *tick = parser->tick;

	if (tick->n_domains == tick->domains_size) {
		size_t size = tick->domains_size > 0 ? 2 * tick->domains_size : 16;
		struct trace_domain *grown = reallocarray(
			tick->domains, size, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		tick->domains = grown;
		tick->domains_size = size;
	}
	tick->domains[tick->n_domains++] = (struct trace_domain){ 0 };
	return 0;
}

static int scan_domain(struct parser *parser)
{
	static const struct member members[] = {
		{ "uuid", scan_uuid },
		{ "vcpus", scan_vcpus },
		{ "threads", scan_threads },
		{ "memory_kib", scan_memory },
		{ "process_ns", scan_process },
		{ "rss_kib", scan_resident },
		{ "pid", scan_pid },
		{ "start_ns", scan_domain_start },
	};
	unsigned seen;
	int r = begin_domain(parser);

	if (r == 0)
		r = scan_members(
			parser, members, sizeof(members) / sizeof(members[0]), &seen);
	if (r < 0)
		return r;
	for (size_t i = 0; i < 3; i++) {
		if (!(seen >> i & 1))
			return trace_error(parser->error, "a domain without \"%s\"",
				members[i].name);
	}
	return 0;
}

static int scan_domains(struct parser *parser)
{
	size_t n = 0;
	int r;

	if (json_scan_open(&parser->scan, '[') < 0)
		return fail(parser);
	while ((r = json_scan_next(&parser->scan, ']', &n)) > 0) {
		r = scan_domain(parser);
		if (r < 0)
			return r;
	}
	return r < 0 ? fail(parser) : 0;
}

static int scan_t_ns(struct parser *parser)
{
	return scan_number(parser, "t_ns", T_NS_MAX, &parser->tick->t_ns);
}

static int scan_monotonic(struct parser *parser)
{
	return scan_number(
		parser, "monotonic_ns", T_NS_MAX, &parser->sample->monotonic_ns);
}

/* A zone without a number here is one that could not be read. */
static int scan_energy(struct parser *parser)
{
	struct json_scan *scan = &parser->scan;
	struct sample *sample = parser->sample;
	size_t n = 0;
	int r;

	if (json_scan_open(scan, '{') < 0)
		return fail(parser);
	while ((r = json_scan_next(scan, '}', &n)) > 0) {
		struct json_string name;
		int zone;

		if (json_scan_key(scan, &name) < 0)
			return fail(parser);
		zone = trace_host_find_zone(&parser->host->machine, &name);
		if (zone < 0 || json_scan_peek(scan) == 'n') {
			if (json_scan_skip(scan) < 0)
				return fail(parser);
			continue;
		}
		if (json_scan_u64(scan, &sample->zones[zone].energy_uj) < 0)
			return fail(parser);
		sample->zones[zone].valid = true;
	}
	return r < 0 ? fail(parser) : 0;
}

/* [busy_ns, khz]; khz may be a fraction, or missing. */
static int scan_cpu(struct parser *parser, struct sample_cpu *cpu)
{
	struct json_scan *scan = &parser->scan;
	uint64_t khz;
	size_t n = 0;
	int r;

	if (json_scan_open(scan, '[') < 0)
		return fail(parser);
	r = json_scan_next(scan, ']', &n);
	if (r <= 0)
		return r < 0 ? fail(parser)
			     : trace_error(parser->error, "\"cpu\" has an empty entry");
	r = scan_number(parser, "busy_ns", UINT64_MAX, &cpu->busy_ns);
	if (r < 0)
		return r;
	r = json_scan_next(scan, ']', &n);
	if (r <= 0)
		return r < 0 ? fail(parser) : 0;
	if (json_scan_fixed(scan, 0, &khz) < 0)
		return fail(parser);
	if (khz > UINT32_MAX)
		return trace_error(parser->error, "\"khz\" is over %u", UINT32_MAX);
	cpu->khz = (uint32_t)khz;
	return end_fields(parser, &n);
}

static int scan_cpus(struct parser *parser)
{
	const struct trace_host *host = parser->host;
	struct sample_cpu *cpus = parser->sample->cpus, surplus;
	size_t n = 0;
	int r;

	if (json_scan_open(&parser->scan, '[') < 0)
		return fail(parser);
	while ((r = json_scan_next(&parser->scan, ']', &n)) > 0) {
		r = scan_cpu(parser,
			n <= host->n_listed ? &cpus[host->listed[n - 1]] : &surplus);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return fail(parser);
	if (n != host->n_listed)
		return trace_error(parser->error,
			"\"cpu\" has %zu entries, the host line has %zu", n,
			host->n_listed);
	return 0;
}

static int scan_idle_w(struct parser *parser)
{
	return trace_host_scan_idle_w(
		&parser->host->machine, &parser->scan, parser->error, parser->host->idle);
}

/* Has its turn when the powers are known. */
static int keep_idle_origin(struct parser *parser)
{
	parser->idle_origin = parser->scan;
	return json_scan_skip(&parser->scan) < 0 ? fail(parser) : 0;
}

static int compare_domains(const void *a, const void *b)
{
	const struct trace_domain *x = a, *y = b;

	return uuid_compare(&x->sample.uuid, &y->sample.uuid);
}

static int sort_domains(struct parser *parser)
{
	struct trace_tick *tick = parser->tick;
	char uuid[UUID_TEXT_SIZE];
	bool sorted = true;

	for (size_t i = 1; i < tick->n_domains && sorted; i++)
		sorted = compare_domains(&tick->domains[i - 1], &tick->domains[i]) < 0;
	if (sorted)
		return 0;
	qsort(tick->domains, tick->n_domains, sizeof(*tick->domains), compare_domains);
	for (size_t i = 1; i < tick->n_domains; i++) {
		if (compare_domains(&tick->domains[i - 1], &tick->domains[i]) < 0)
			continue;
		uuid_format(&tick->domains[i].sample.uuid, uuid);
		return trace_error(parser->error, "domain %s is there twice", uuid);
	}
	return 0;
}

/* Whether any thread was there before: both are in the order of the tids. */
static bool shares_thread(const struct sample *sample, const struct sample_domain *domain,
	const struct sample *before, const struct sample_domain *other)
{
	size_t i = 0, j = 0;

	while (i < domain->n_threads && j < other->n_threads) {
		const struct sample_thread *a =
			&sample->threads[domain->first_thread + i];
		const struct sample_thread *b = &before->threads[other->first_thread + j];

		if (a->tid == b->tid && a->start_ticks == b->start_ticks)
			return true;
		i += a->tid <= b->tid;
		j += b->tid <= a->tid;
	}
	return domain->n_threads == 0 || other->n_threads == 0;
}

/* The one that says when QEMU started: the oldest vCPU, or else the oldest of all. */
static const struct sample_thread *first_thread(
	const struct sample *sample, const struct sample_domain *domain)
{
	const struct sample_thread *first = NULL;

	for (size_t i = 0; i < domain->n_threads; i++) {
		const struct sample_thread *thread =
			&sample->threads[domain->first_thread + i];
		bool is_vcpu = thread->kind == SAMPLE_THREAD_VCPU;
		bool has_vcpu = first && first->kind == SAMPLE_THREAD_VCPU;

		if (!first || (is_vcpu && !has_vcpu) ||
			(is_vcpu == has_vcpu && thread->start_ticks < first->start_ticks))
			first = thread;
	}
	return first;
}

/* Whether it is the QEMU that it was in the tick before. */
static bool is_same(const struct parser *parser, const struct trace_domain *domain,
	const struct sample_domain *before)
{
	if (!domain->has_pid || !domain->has_start)
		return shares_thread(
			parser->sample, &domain->sample, parser->before, before);
	return domain->sample.pid == before->pid &&
	       domain->sample.start_ticks == before->start_ticks;
}

static void identify(const struct parser *parser, struct trace_domain *domain,
	const struct sample_domain *before)
{
	const struct sample_thread *first;

	if (before && is_same(parser, domain, before)) {
		domain->sample.pid = before->pid;
		domain->sample.start_ticks = before->start_ticks;
		domain->sample.exited_ns = before->exited_ns;
		return;
	}
	if (domain->has_pid && domain->has_start)
		return;
	first = first_thread(parser->sample, &domain->sample);
	if (!first)
		return;
	domain->sample.pid = first->tid;
	domain->sample.start_ticks = first->start_ticks;
}

static void count_exited(const struct sample *sample, struct trace_domain *domain)
{
	uint64_t live_ns = 0;

	if (!domain->has_process)
		return;
	for (size_t i = 0; i < domain->sample.n_threads; i++) {
		const struct sample_thread *thread =
			&sample->threads[domain->sample.first_thread + i];

		if (thread->kind != SAMPLE_THREAD_VHOST &&
			__builtin_add_overflow(live_ns, thread->cpu_ns, &live_ns))
			live_ns = UINT64_MAX;
	}
	domain->sample.exited_ns = sample_exited_ns(
		domain->sample.exited_ns, domain->process_ns, live_ns);
}

static int add_domains(struct parser *parser)
{
	const struct sample *before = parser->before;
	struct trace_tick *tick = parser->tick;
	size_t b = 0;

	for (size_t i = 0; i < tick->n_domains; i++) {
		struct trace_domain *domain = &tick->domains[i];
		struct sample_domain *added = sample_add_domain(parser->sample);
		int order = 1;

		if (!added)
			return -ENOMEM;
		while (b < before->n_domains &&
			(order = uuid_compare(
				 &before->domains[b].uuid, &domain->sample.uuid)) < 0)
			b++;
		identify(parser, domain,
			b < before->n_domains && order == 0 ? &before->domains[b] : NULL);
		count_exited(parser->sample, domain);
		*added = domain->sample;
	}
	return 0;
}

static int add_nodes(struct parser *parser)
{
	const struct trace_tick *tick = parser->tick;
	size_t n_nodes = 0;

	for (size_t i = 0; i < tick->n_domains; i++) {
		if (tick->domains[i].n_nodes > n_nodes)
			n_nodes = tick->domains[i].n_nodes;
	}
	if (sample_reserve_nodes(parser->sample, n_nodes) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < tick->n_domains; i++) {
		const struct trace_domain *domain = &tick->domains[i];

		for (size_t node = 0; node < domain->n_nodes; node++)
			*sample_resident_kib(parser->sample, i,
				node) = tick->resident_kib[domain->first_node + node];
	}
	return 0;
}

static int begin(struct parser *parser)
{
	const struct machine *machine = &parser->host->machine;
	struct sample *sample = parser->sample;

	parser->tick->n_domains = 0;
	parser->tick->n_resident = 0;
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

static int scan_tick(struct parser *parser)
{
	static const struct member members[] = {
		{ "t_ns", scan_t_ns },
		{ "energy_uj", scan_energy },
		{ "cpu", scan_cpus },
		{ "domains", scan_domains },
		{ "monotonic_ns", scan_monotonic },
		{ "idle_w", scan_idle_w },
		{ "idle_origin", keep_idle_origin },
	};
	unsigned seen;
	int r = scan_members(
		parser, members, sizeof(members) / sizeof(members[0]), &seen);

	if (r < 0)
		return r;
	if (json_scan_end(&parser->scan) < 0)
		return fail(parser);
	for (size_t i = 0; i < 4; i++) {
		if (!(seen >> i & 1))
			return trace_error(
				parser->error, "\"%s\" is missing", members[i].name);
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
		.before = before,
		.sample = sample,
		.error = error,
		.base_ns = host->has_boottime ? host->boottime_ns : BASE_NS,
	};
	int r = begin(&parser);

	json_scan_init(&parser.scan, line, len);
	if (r == 0)
		r = scan_tick(&parser);
	if (r == 0 && parser.idle_origin.at)
		r = trace_host_scan_idle_origin(
			&host->machine, &parser.idle_origin, error, host->idle);
	if (r == 0)
		r = sort_domains(&parser);
	if (r == 0)
		r = add_domains(&parser);
	if (r == 0)
		r = add_nodes(&parser);
	if (r == 0)
		set_instants(&parser);
	return r;
}

void trace_tick_deinit(struct trace_tick *tick)
{
	free(tick->domains);
	free(tick->resident_kib);
	*tick = (struct trace_tick){ 0 };
}
