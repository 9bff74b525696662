/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Processes by the CPU time they use. */
#include "host/load.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "host/text.h"
#include "shared/array.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/number.h"
#include "shared/rooted.h"

#define CMDLINE_SIZE (256u << 10)
/* 10^9 / USER_HZ, which is 100 wherever KVM runs. */
#define TICK_NS (NSEC_PER_SEC / 100)

void load_deinit(struct load *load)
{
	free(load->processes);
	*load = (struct load){ 0 };
}

static int add(struct load *load, pid_t pid, const struct task_stat *stat)
{
	struct load_process *process;

	if (array_reserve(&load->processes, &load->size, load->n + 1) < 0)
		return -ENOMEM;
	process = &load->processes[load->n++];
	process->pid = pid;
	process->start_ticks = stat->start_ticks;
	process->cpu_ticks = stat->cpu_ticks;
	memcpy(process->comm, stat->comm, sizeof(process->comm));
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	const struct load_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

int load_read(struct load *load, const char *procfs)
{
	cleanup_closedir DIR *dir = opendir(procfs);
	struct dirent *entry;

	if (!dir)
		return -errno;
	load->n = 0;
	load->now_ns = clock_boottime_ns();
	while ((entry = readdir(dir))) {
		struct task_stat stat;
		char text[1024];
		uint64_t pid;
		ssize_t n;

		if (number_parse_range(entry->d_name, 1, INT32_MAX, &pid) < 0)
			continue;
		n = rooted_read(procfs, text, sizeof(text), "%s/stat", entry->d_name);
		if (n < 0 || task_parse_stat(text, (size_t)n, &stat) < 0)
			continue;
		if (add(load, (pid_t)pid, &stat) < 0)
			return -ENOMEM;
	}
	if (load->n > 0)
		qsort(load->processes, load->n, sizeof(*load->processes), compare_pids);
	return 0;
}

/* What it had used at the earlier look; of one that began since, nothing. */
static uint64_t ticks_before(
	const struct load *before, size_t *at, const struct load_process *process)
{
	const struct load_process *found;

	while (*at < before->n && before->processes[*at].pid < process->pid)
		++*at;
	if (*at == before->n)
		return 0;
	found = &before->processes[*at];
	return found->pid == process->pid && found->start_ticks == process->start_ticks
		       ? found->cpu_ticks
		       : 0;
}

/* Into its place among the first n; what is pushed out is forgotten. */
static void insert(struct load_share *shares, size_t n_shares, size_t n,
	const struct load_share *share)
{
	size_t at = n_shares < n ? n_shares : n;

	for (; at > 0 && shares[at - 1].percent < share->percent; at--) {
		if (at < n)
			shares[at] = shares[at - 1];
	}
	if (at < n)
		shares[at] = *share;
}

size_t load_compare(const struct load *before, const struct load *now,
	struct load_share *ret_shares, size_t n)
{
	uint64_t dt_ns = now->now_ns - before->now_ns;
	size_t at = 0, n_busy = 0;

	for (size_t i = 0; i < now->n && dt_ns > 0; i++) {
		const struct load_process *process = &now->processes[i];
		uint64_t ticks = ticks_before(before, &at, process);
		struct load_share share = { .process = process };

		if (process->cpu_ticks <= ticks)
			continue;
		share.percent = 100.0 * (double)((process->cpu_ticks - ticks) * TICK_NS) /
				(double)dt_ns;
		insert(ret_shares, n_busy++, n, &share);
	}
	return n_busy < n ? n_busy : n;
}

static const char *domain_name(
	const char *procfs, const struct snapshot *snapshot, pid_t pid)
{
	cleanup_free char *text = malloc(CMDLINE_SIZE);
	ssize_t n = text ? rooted_read(procfs, text, CMDLINE_SIZE, "%d/cmdline", pid) : 0;

	for (size_t i = 0; n > 0 && i < snapshot->n_domains; i++) {
		const struct snapshot_domain *domain = &snapshot->domains[i];

		if (task_cmdline_is_domain(text, (size_t)n, &domain->uuid))
			return domain->name;
	}
	return NULL;
}

void load_print(FILE *out, const char *procfs, const struct snapshot *snapshot,
	const struct load_share *shares, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct load_process *process = shares[i].process;
		const char *domain = domain_name(procfs, snapshot, process->pid);

		fprintf(out, "  %6.1f %%  ", shares[i].percent);
		if (domain) {
			fputs("domain ", out);
			text_print(out, domain);
		} else {
			text_print(out, process->comm);
			fprintf(out, " (process %d)", (int)process->pid);
		}
		fputc('\n', out);
	}
}
