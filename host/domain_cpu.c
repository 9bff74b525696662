/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The CPU time of one domain. */
#include "host/domain_cpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/task.h"
#include "shared/array.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/number.h"
#include "shared/rooted.h"

#define CMDLINE_SIZE   (256u << 10)
#define SEARCH_FAST_NS (1u * (uint64_t)NSEC_PER_SEC)
#define SEARCH_SLOW_NS (10u * (uint64_t)NSEC_PER_SEC)
#define SEARCHES_FAST  10

int domain_cpu_new(const struct domain_cpu_context *context,
	const struct inventory_domain *domain, struct domain_cpu **ret_domain)
{
	struct domain_cpu *made = calloc(1, sizeof(*made));
	int r;

	if (!made)
		return -ENOMEM;
	made->context = context;
	made->uuid = domain->uuid;
	r = domain_cpu_update(made, domain);
	if (r < 0) {
		domain_cpu_free(made);
		return r;
	}
	*ret_domain = made;
	return 0;
}

static void forget_processes(struct domain_cpu *domain)
{
	for (size_t i = 0; i < domain->n_processes; i++)
		process_close(&domain->processes[i].process);
	domain->n_processes = 0;
	domain->has_cgroup = false;
	domain->gone_ns = 0;
	domain->read_ticks = 0;
	domain->cgroup_cpu_ns = 0;
}

void domain_cpu_free(struct domain_cpu *domain)
{
	if (!domain)
		return;
	forget_processes(domain);
	free(domain->processes);
	free(domain->name);
	free(domain);
}

/* Something that tells of other processes or threads. */
static bool differs(
	const struct domain_cpu *domain, const struct inventory_domain *inventory)
{
	return !domain->name || strcmp(domain->name, inventory->name) != 0 ||
	       domain->id != inventory->id || domain->n_vcpus != inventory->n_vcpus;
}

int domain_cpu_update(struct domain_cpu *domain, const struct inventory_domain *inventory)
{
	bool changed = differs(domain, inventory);

	if (!domain->name || strcmp(domain->name, inventory->name) != 0) {
		char *name = strdup(inventory->name);

		if (!name)
			return -ENOMEM;
		free(domain->name);
		domain->name = name;
	}
	domain->id = inventory->id;
	domain->n_vcpus = inventory->n_vcpus;
	domain->max_vcpus = inventory->max_vcpus;
	domain->vcpus_per_socket = inventory->vcpus_per_socket;
	domain->memory_kib = inventory->memory_kib;
	if (!changed)
		return 0;
	domain->next_refresh_ns = 0;
	domain->n_refreshes = 0;
	domain->next_search_ns = 0;
	domain->n_failures = 0;
	for (size_t i = 0; i < domain->n_processes; i++)
		process_rescan(&domain->processes[i].process);
	return 0;
}

pid_t domain_cpu_pid(const struct domain_cpu *domain)
{
	return domain->n_processes > 0 ? domain->processes[0].process.pid : 0;
}

/* Whether its command line says that it is this domain's QEMU. */
static bool is_qemu_of(const struct domain_cpu *domain, pid_t pid)
{
	cleanup_free char *text = malloc(CMDLINE_SIZE);
	ssize_t n;

	if (!text)
		return false;
	n = rooted_read(
		domain->context->process.procfs, text, CMDLINE_SIZE, "%d/cmdline", pid);
	return n > 0 && task_cmdline_is_domain(text, (size_t)n, &domain->uuid);
}

static struct domain_process *find_process(const struct domain_cpu *domain, pid_t pid)
{
	for (size_t i = 0; i < domain->n_processes; i++) {
		if (domain->processes[i].process.pid == pid)
			return &domain->processes[i];
	}
	return NULL;
}

static int add_process(struct domain_cpu *domain, pid_t pid)
{
	struct domain_process added = { .listed = true };
	int r;

	if (array_reserve(&domain->processes, &domain->processes_size,
		    domain->n_processes + 1) < 0)
		return -ENOMEM;
	r = process_open(&domain->context->process, pid, &added.process);
	if (r < 0)
		return r;
	domain->processes[domain->n_processes++] = added;
	return 0;
}

/* Its time stays with the domain. */
static void remove_process(struct domain_cpu *domain, size_t index)
{
	struct domain_process *process = &domain->processes[index];

	if (process->process.cpu_ns > process->base_ns)
		domain->gone_ns += process->process.cpu_ns - process->base_ns;
	process_close(&process->process);
	domain->n_processes--;
	memmove(process, process + 1, (domain->n_processes - index) * sizeof(*process));
}

/* LIBVIRT_RUN/qemu/NAME.pid. A name is no path, whatever it says. */
static pid_t read_pid_file(const struct domain_cpu *domain)
{
	uint64_t pid;

	if (domain->name[0] == '\0' || strchr(domain->name, '/') ||
		rooted_read_u64(domain->context->libvirt_run, &pid, "qemu/%s.pid",
			domain->name) < 0)
		return 0;
	return pid <= INT32_MAX ? (pid_t)pid : 0;
}

static enum domain_cpu_state adopt(struct domain_cpu *domain, pid_t pid)
{
	int r;

	if (pid <= 0)
		return DOMAIN_CPU_MISSING;
	/* Opened first: what is read of the pid then is of the process that is kept. */
	r = add_process(domain, pid);
	if (r == -ENOENT || r == -ESRCH)
		return DOMAIN_CPU_MISSING;
	if (r < 0) {
		domain->error = r;
		return DOMAIN_CPU_UNREADABLE;
	}
	if (!is_qemu_of(domain, pid)) {
		forget_processes(domain);
		return DOMAIN_CPU_FOREIGN;
	}
	domain->next_refresh_ns = 0;
	domain->n_refreshes = 0;
	return DOMAIN_CPU_OK;
}

static void search(struct domain_cpu *domain)
{
	enum domain_cpu_state state = adopt(domain, domain->peer);

	if (state != DOMAIN_CPU_OK) {
		pid_t pid = read_pid_file(domain);

		if (pid != domain->peer || state == DOMAIN_CPU_MISSING)
			state = adopt(domain, pid);
	}
	domain->state = state;
	domain->n_failures = state == DOMAIN_CPU_OK ? 0 : domain->n_failures + 1;
}

void domain_cpu_set_peer(struct domain_cpu *domain, pid_t pid)
{
	domain->peer = pid;
	/* Another process, and it proves itself: the old one is about to end. */
	if (pid == domain_cpu_pid(domain) || !is_qemu_of(domain, pid))
		return;
	forget_processes(domain);
	search(domain);
}

bool domain_cpu_search(struct domain_cpu *domain, uint64_t now_ns)
{
	if (domain->n_processes > 0 || now_ns < domain->next_search_ns)
		return false;
	search(domain);
	domain->next_search_ns = now_ns + (domain->n_failures < SEARCHES_FAST
							  ? SEARCH_FAST_NS
							  : SEARCH_SLOW_NS);
	return domain->n_processes > 0;
}

void domain_cpu_add_kthread(struct domain_cpu *domain, pid_t tid)
{
	struct domain_process *known = find_process(domain, tid);

	if (!known && add_process(domain, tid) == 0)
		known = &domain->processes[domain->n_processes - 1];
	if (known)
		known->is_kthread = known->process.kernel_thread;
}

/* Started by libvirt for everybody: where it is, is not a domain's own place. */
static bool is_manager(const struct domain_cpu *domain, pid_t pid)
{
	static const char *const names[] = { "libvirtd\n", "virtqemud\n" };
	char comm[64];

	if (rooted_read(domain->context->process.procfs, comm, sizeof(comm), "%d/comm",
		    pid) < 0)
		return false;
	return strcmp(comm, names[0]) == 0 || strcmp(comm, names[1]) == 0;
}

static bool is_other_qemu(const struct domain_cpu *domain, pid_t pid)
{
	if (pid == domain_cpu_pid(domain))
		return false;
	for (size_t i = 0; i < domain->context->n_qemus; i++) {
		if (domain->context->qemus[i] == pid)
			return true;
	}
	return false;
}

/* A group is the domain's own if its QEMU is in it and nobody else's process. */
static bool is_own_group(const struct domain_cpu *domain, const pid_t *pids, int n)
{
	bool has_qemu = false;

	for (int i = 0; i < n; i++) {
		if (pids[i] == domain_cpu_pid(domain))
			has_qemu = true;
		else if (pids[i] <= 1 || pids[i] == domain->context->own_pid ||
			 is_other_qemu(domain, pids[i]) ||
			 (!find_process(domain, pids[i]) && is_manager(domain, pids[i])))
			return false;
	}
	return has_qemu;
}

static pid_t first_vcpu(const struct domain_cpu *domain)
{
	const struct process *qemu = &domain->processes[0].process;

	for (size_t i = 0; i < qemu->n_threads; i++) {
		if (qemu->threads[i].sample.kind == SAMPLE_THREAD_VCPU)
			return qemu->threads[i].sample.tid;
	}
	return qemu->pid;
}

/* What is in the group that was found before. 0: it is no longer the domain's own. */
static int list_known_group(
	const struct domain_cpu *domain, pid_t pids[DOMAIN_CGROUP_PIDS_MAX])
{
	int n = domain->has_cgroup ? domain_cgroup_list(&domain->cgroup, pids) : 0;

	return n > 0 && is_own_group(domain, pids, n) ? n : 0;
}

/* Finds the domain's own group, and what is in it. Returns how many, 0: there is none. */
static int find_group(struct domain_cpu *domain, pid_t pids[DOMAIN_CGROUP_PIDS_MAX])
{
	const struct domain_cpu_context *context = domain->context;
	pid_t pid = domain_cpu_pid(domain), vcpu = first_vcpu(domain);

	for (unsigned i = 0; i < DOMAIN_CGROUP_HIERARCHIES; i++) {
		struct domain_cgroup found;
		int n;

		if (domain_cgroup_find(context->process.procfs, &context->mounts, pid,
			    vcpu, i, &found) < 0)
			continue;
		n = domain_cgroup_list(&found, pids);
		if (n > 0 && is_own_group(domain, pids, n)) {
			domain->cgroup = found;
			domain->has_cgroup = true;
			return n;
		}
	}
	domain->has_cgroup = false;
	return 0;
}

/*
 * Brings the processes in line with the group. Without a group only QEMU counts,
 * and the kernel threads that name it.
 */
static void refresh(struct domain_cpu *domain)
{
	unsigned count = domain->n_refreshes++;
	pid_t pids[DOMAIN_CGROUP_PIDS_MAX];
	int n = 0;

	if (count >= DOMAIN_CPU_REFRESHES_FIRST &&
		count % DOMAIN_CPU_REFRESHES_PER_GROUP != 0)
		n = list_known_group(domain, pids);
	if (n == 0)
		n = find_group(domain, pids);
	for (size_t i = 0; i < domain->n_processes; i++)
		domain->processes[i].listed = i == 0 || domain->processes[i].is_kthread;
	for (int i = 0; i < n; i++) {
		struct domain_process *known = find_process(domain, pids[i]);

		if (known)
			known->listed = true;
		else
			(void)add_process(domain, pids[i]);
	}
	for (size_t i = domain->n_processes; i-- > 1;) {
		if (!domain->processes[i].listed)
			remove_process(domain, i);
	}
}

/* The times are spread, so that not all domains refresh in the same tick. */
static void refresh_if_due(struct domain_cpu *domain, uint64_t now_ns)
{
	if (now_ns < domain->next_refresh_ns)
		return;
	refresh(domain);
	if (domain->next_refresh_ns == 0)
		domain->next_refresh_ns = now_ns +
					  domain->uuid.bytes[15] *
						  (DOMAIN_CPU_REFRESH_NS / UINT8_MAX);
	else
		domain->next_refresh_ns = now_ns + DOMAIN_CPU_REFRESH_NS;
}

/* A helper that is older than the last read did nothing for this domain before it. */
static void set_base(struct domain_cpu *domain, struct domain_process *process)
{
	if (domain->read_ticks > 0 && process->process.start_ticks < domain->read_ticks)
		process->base_ns = process->process.exited_ns;
}

static int read_processes(struct domain_cpu *domain)
{
	for (size_t i = domain->n_processes; i-- > 0;) {
		struct domain_process *process = &domain->processes[i];
		bool first = process->process.n_threads == 0;
		int r;

		r = process_read(&process->process);
		if (r < 0 && i == 0)
			return r;
		if (r < 0)
			remove_process(domain, i);
		else if (first && i > 0)
			set_base(domain, process);
	}
	return 0;
}

/* The threads of helpers come in between: a few runs, each in order. */
static void sort_threads(struct sample_thread *threads, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct sample_thread thread = threads[i];
		size_t at = i;

		for (; at > 0 && threads[at - 1].tid > thread.tid; at--)
			threads[at] = threads[at - 1];
		threads[at] = thread;
	}
}

static int add_threads(const struct domain_cpu *domain, struct sample *sample)
{
	size_t first = sample->n_threads;

	for (size_t i = 0; i < domain->n_processes; i++) {
		const struct process *process = &domain->processes[i].process;

		for (size_t j = 0; j < process->n_threads; j++) {
			struct sample_thread *thread = sample_add_thread(sample);

			if (!thread)
				return -ENOMEM;
			*thread = process->threads[j].sample;
			if (domain->processes[i].is_kthread)
				thread->kind = SAMPLE_THREAD_VHOST;
		}
	}
	sort_threads(&sample->threads[first], sample->n_threads - first);
	return 0;
}

/*
 * Where the kernel counts no thread's time, QEMU's first thread stands for all: with
 * the group's time, or that of the process, which it has already.
 */
static void read_blind(struct domain_cpu *domain, struct sample *sample,
	const struct sample_domain *added)
{
	struct sample_thread *threads = &sample->threads[added->first_thread];
	uint64_t cpu_ns;

	if (!domain->has_cgroup || !domain->cgroup.counts_cpu)
		return;
	if (domain_cgroup_read_cpu(&domain->cgroup, &cpu_ns) == 0 &&
		cpu_ns > domain->cgroup_cpu_ns)
		domain->cgroup_cpu_ns = cpu_ns;
	for (size_t i = 0; i < added->n_threads; i++)
		threads[i].cpu_ns = threads[i].tid == added->pid ? domain->cgroup_cpu_ns
								 : 0;
}

static int add_to_sample(struct domain_cpu *domain, struct sample *sample)
{
	const struct process *qemu = &domain->processes[0].process;
	size_t first = sample->n_threads;
	struct sample_domain *added;

	if (add_threads(domain, sample) < 0)
		return -ENOMEM;
	added = sample_add_domain(sample);
	if (!added)
		return -ENOMEM;
	*added = (struct sample_domain){
		.uuid = domain->uuid,
		.pid = qemu->pid,
		.start_ticks = qemu->start_ticks,
		.n_vcpus = domain->n_vcpus,
		.max_vcpus = domain->max_vcpus,
		.vcpus_per_socket = domain->vcpus_per_socket,
		.memory_kib = domain->memory_kib,
		.exited_ns = domain->gone_ns,
		.first_thread = (uint32_t)first,
		.n_threads = (uint32_t)(sample->n_threads - first),
	};
	if (qemu->blind) {
		read_blind(domain, sample, added);
		return 0;
	}
	for (size_t i = 0; i < domain->n_processes; i++)
		added->exited_ns += domain->processes[i].process.exited_ns -
				    domain->processes[i].base_ns;
	return 0;
}

int domain_cpu_read(struct domain_cpu *domain, struct sample *sample)
{
	int r;

	if (domain->n_processes == 0)
		return -ESRCH;
	r = read_processes(domain);
	if (r == 0 && sample->boottime_ns >= domain->next_refresh_ns) {
		size_t n = domain->n_processes;

		refresh_if_due(domain, sample->boottime_ns);
		if (domain->n_processes != n)
			r = read_processes(domain);
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		forget_processes(domain);
		if (r == -ESRCH || r == -ENOENT)
			return -ESRCH;
		domain->state = DOMAIN_CPU_UNREADABLE;
		domain->error = r;
		return r;
	}
	domain->read_ticks = sample->boottime_ns / SAMPLE_START_TICK_NS;
	return add_to_sample(domain, sample);
}
