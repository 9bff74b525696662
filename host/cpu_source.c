/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* CPU time of all domains. */
#include "host/cpu_source.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "host/domain_cpu.h"
#include "host/kthread_scan.h"
#include "shared/clock.h"
#include "shared/number.h"

/* Mounts, and kernel threads nobody announced. */
#define RESCAN_NS (60u * (uint64_t)NSEC_PER_SEC)

/* Entries of PROCFS looked at per tick: well below a millisecond. */
#define SCAN_BUDGET 128

/* Of the fds, these are left to the other parts of the daemon, or half of all. */
#define FDS_RESERVED 1024

/* A QEMU that is starting, or ending, is not worth a word yet. */
#define FAILURES_TO_REPORT 5

/* A domain and what the log knows of it. */
struct member {
	struct domain_cpu *cpu;
	enum domain_cpu_state reported;
};

struct cpu_source {
	struct domain_cpu_context context;
	/* In the order of their UUIDs; qemus has room for as many. */
	size_t n_members;
	struct member *members;
	pid_t *qemus;
	struct kthread_scan scan;
	bool scanned; /* all of PROCFS, for the QEMUs that were there first */
	uint64_t next_rescan_ns;
};

/* How many fds threads may take, of the most there can be. */
static int raise_fd_limit(void)
{
	struct rlimit limit;
	rlim_t n;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	n = limit.rlim_cur < INT32_MAX ? limit.rlim_cur : INT32_MAX;
	return (int)(n > 2 * FDS_RESERVED ? n - FDS_RESERVED : n / 2);
}

static pid_t read_own_pid(const char *procfs)
{
	char path[4096], target[16];
	uint64_t pid;
	ssize_t n;

	if ((size_t)snprintf(path, sizeof(path), "%s/self", procfs) >= sizeof(path))
		return 0;
	n = readlink(path, target, sizeof(target));
	if (n <= 0 || number_parse_u64(target, (size_t)n, &pid) < 0 || pid > INT32_MAX)
		return 0;
	return (pid_t)pid;
}

static void init_context(
	struct domain_cpu_context *context, const struct cpu_source_config *config)
{
	struct statfs fs;

	context->process.procfs = config->procfs;
	context->process.keep_fds = statfs(config->procfs, &fs) == 0 &&
				    fs.f_type == PROC_SUPER_MAGIC;
	context->process.own_pids = context->process.keep_fds &&
				    strcmp(config->procfs, "/proc") == 0;
	context->process.max_fd = raise_fd_limit();
	context->libvirt_run = config->libvirt_run;
	context->own_pid = read_own_pid(config->procfs);
	(void)cgroup_mounts_read(config->procfs, &context->mounts);
}

int cpu_source_new(const struct cpu_source_config *config, struct cpu_source **ret_source)
{
	struct cpu_source *source = calloc(1, sizeof(*source));

	if (!source)
		return -ENOMEM;
	init_context(&source->context, config);
	source->scan.procfs = config->procfs;
	*ret_source = source;
	return 0;
}

void cpu_source_free(struct cpu_source *source)
{
	if (!source)
		return;
	for (size_t i = 0; i < source->n_members; i++)
		domain_cpu_free(source->members[i].cpu);
	free(source->members);
	free(source->qemus);
	kthread_scan_deinit(&source->scan);
	cgroup_mounts_deinit(&source->context.mounts);
	free(source);
}

static struct member *find_member(struct cpu_source *source, const struct uuid *uuid)
{
	size_t low = 0, high = source->n_members;

	while (low < high) {
		size_t middle = (low + high) / 2;
		struct member *member = &source->members[middle];
		int order = uuid_compare(&member->cpu->uuid, uuid);

		if (order == 0)
			return member;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static void list_qemus(struct cpu_source *source)
{
	size_t n = 0;

	for (size_t i = 0; i < source->n_members; i++) {
		pid_t pid = domain_cpu_pid(source->members[i].cpu);

		if (pid > 0)
			source->qemus[n++] = pid;
	}
	source->context.qemus = source->qemus;
	source->context.n_qemus = n;
}

/* Takes the member of this domain over from the old ones, or makes a new one. */
static int make_member(struct cpu_source *source, const struct inventory_domain *domain,
	struct member *ret_member)
{
	struct member *known = find_member(source, &domain->uuid);
	struct member made = { 0 };
	int r;

	if (!known) {
		r = domain_cpu_new(&source->context, domain, &made.cpu);
		if (r == 0)
			*ret_member = made;
		return r;
	}
	r = domain_cpu_update(known->cpu, domain);
	*ret_member = *known;
	return r < 0 ? r : 1;
}

int cpu_source_set_inventory(struct cpu_source *source, const struct inventory *inventory)
{
	size_t size = inventory->n_domains > 0 ? inventory->n_domains : 1, n = 0;
	struct member *members = calloc(size, sizeof(*members));
	pid_t *qemus = calloc(size, sizeof(*qemus));
	int result = 0;

	if (!members || !qemus) {
		free(members);
		free(qemus);
		return -ENOMEM;
	}
	for (size_t i = 0; i < inventory->n_domains; i++) {
		int r = make_member(source, &inventory->domains[i], &members[n]);

		if (r < 0)
			result = r;
		n += members[n].cpu != NULL;
	}
	for (size_t i = 0, kept = 0; i < source->n_members; i++) {
		struct domain_cpu *cpu = source->members[i].cpu;

		while (kept < n && uuid_compare(&members[kept].cpu->uuid, &cpu->uuid) < 0)
			kept++;
		if (kept == n || members[kept].cpu != cpu)
			domain_cpu_free(cpu);
	}
	free(source->members);
	free(source->qemus);
	source->members = members;
	source->n_members = n;
	source->qemus = qemus;
	list_qemus(source);
	kthread_scan_request(&source->scan);
	return result;
}

static void search_member(
	struct cpu_source *source, struct member *member, uint64_t now_ns)
{
	if (!domain_cpu_search(member->cpu, now_ns))
		return;
	list_qemus(source);
	kthread_scan_request(&source->scan);
}

void cpu_source_set_peer(struct cpu_source *source, const struct uuid *uuid, pid_t pid)
{
	struct member *member = find_member(source, uuid);
	pid_t before;

	if (!member)
		return;
	before = domain_cpu_pid(member->cpu);
	domain_cpu_set_peer(member->cpu, pid);
	if (domain_cpu_pid(member->cpu) != before) {
		list_qemus(source);
		kthread_scan_request(&source->scan);
	}
}

pid_t cpu_source_find_pid(struct cpu_source *source, const struct uuid *uuid)
{
	struct member *member = find_member(source, uuid);

	if (!member)
		return 0;
	search_member(source, member, clock_boottime_ns());
	return domain_cpu_pid(member->cpu);
}

static void add_kthread(struct cpu_source *source, pid_t tid, pid_t owner)
{
	for (size_t i = 0; i < source->n_members; i++) {
		if (domain_cpu_pid(source->members[i].cpu) == owner)
			domain_cpu_add_kthread(source->members[i].cpu, tid);
	}
}

static void scan_kthreads(struct cpu_source *source, unsigned budget)
{
	pid_t tid, owner;

	while (kthread_scan_next(&source->scan, &budget, &tid, &owner))
		add_kthread(source, tid, owner);
}

/*
 * Whatever works for the QEMUs that were here before this process must be in its first
 * readings: those cover what happened since the run before.
 */
static void look_around_first(struct cpu_source *source)
{
	if (source->scanned || source->context.n_qemus == 0)
		return;
	source->scanned = true;
	scan_kthreads(source, UINT_MAX);
}

/* After the readings, so that they are not late for it. */
static void look_around(struct cpu_source *source, uint64_t now_ns)
{
	if (now_ns >= source->next_rescan_ns) {
		source->next_rescan_ns = now_ns + RESCAN_NS;
		(void)cgroup_mounts_read(
			source->context.process.procfs, &source->context.mounts);
		kthread_scan_request(&source->scan);
	}
	scan_kthreads(source, SCAN_BUDGET);
}

int cpu_source_read(struct cpu_source *source, struct sample *sample)
{
	int r = 0;

	sample->n_domains = 0;
	sample->n_threads = 0;
	for (size_t i = 0; i < source->n_members; i++)
		search_member(source, &source->members[i], sample->boottime_ns);
	look_around_first(source);
	for (size_t i = 0; i < source->n_members && r != -ENOMEM; i++) {
		bool known = domain_cpu_pid(source->members[i].cpu) > 0;

		r = domain_cpu_read(source->members[i].cpu, sample);
		if (known && r < 0)
			list_qemus(source);
	}
	if (r == -ENOMEM) {
		sample->n_domains = 0;
		sample->n_threads = 0;
		return r;
	}
	if (source->n_members > 0)
		look_around(source, sample->boottime_ns);
	return 0;
}

static const char *describe(const struct domain_cpu *cpu)
{
	switch (cpu->state) {
	case DOMAIN_CPU_MISSING:
		return "no process of it was found; see whether --libvirt-run-dir and "
		       "--procfs are right, and with a /proc that has hidepid run hostd "
		       "with CAP_SYS_PTRACE";
	case DOMAIN_CPU_FOREIGN:
		return "the process its pid file or channel names is not its QEMU; see "
		       "whether --procfs shows the processes of this host";
	default:
		return strerror(-cpu->error);
	}
}

bool cpu_source_next_message(
	struct cpu_source *source, char message[CPU_SOURCE_MESSAGE_SIZE])
{
	for (size_t i = 0; i < source->n_members; i++) {
		struct member *member = &source->members[i];
		const struct domain_cpu *cpu = member->cpu;
		bool was_reported = member->reported != DOMAIN_CPU_NEW;

		if (cpu->state == DOMAIN_CPU_OK && was_reported) {
			member->reported = DOMAIN_CPU_NEW;
			snprintf(message, CPU_SOURCE_MESSAGE_SIZE,
				"domain %.128s: its CPU time is read again", cpu->name);
			return true;
		}
		if (cpu->n_failures >= FAILURES_TO_REPORT &&
			cpu->state != member->reported) {
			member->reported = cpu->state;
			snprintf(message, CPU_SOURCE_MESSAGE_SIZE,
				"domain %.128s: its CPU time cannot be read: %s",
				cpu->name, describe(cpu));
			return true;
		}
	}
	return false;
}
