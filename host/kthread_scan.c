/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Kernel threads that work for QEMUs. */
#include "host/kthread_scan.h"

#include <errno.h>
#include <string.h>

#include "host/task.h"
#include "shared/number.h"
#include "shared/rooted.h"

void kthread_scan_request(struct kthread_scan *scan)
{
	scan->due = true;
}

/* The QEMU it works for, or 0. Its name alone is no proof: anybody can take one. */
static pid_t owner_of(const struct kthread_scan *scan, pid_t pid)
{
	char text[1024];
	struct task_stat stat;
	ssize_t n;

	n = rooted_read(scan->procfs, text, sizeof(text), "%d/comm", pid);
	if (n <= 0)
		return 0;
	text[n - 1] = '\0';
	if (task_owner(text) == 0)
		return 0;
	n = rooted_read(scan->procfs, text, sizeof(text), "%d/stat", pid);
	if (n <= 0 || task_parse_stat(text, (size_t)n, &stat) < 0 ||
		(stat.flags & TASK_KERNEL_THREAD) == 0)
		return 0;
	return task_owner(stat.comm);
}

static bool begin_pass(struct kthread_scan *scan)
{
	if (!scan->directory && scan->due) {
		scan->due = false;
		scan->directory = opendir(scan->procfs);
	}
	return scan->directory != NULL;
}

static void end_pass(struct kthread_scan *scan)
{
	closedir(scan->directory);
	scan->directory = NULL;
}

bool kthread_scan_next(
	struct kthread_scan *scan, unsigned *budget, pid_t *ret_tid, pid_t *ret_owner)
{
	while (*budget > 0 && begin_pass(scan)) {
		struct dirent *entry = readdir(scan->directory);
		uint64_t pid;
		pid_t owner;

		--*budget;
		if (!entry) {
			end_pass(scan);
			continue;
		}
		if (number_parse_range(entry->d_name, 1, INT32_MAX, &pid) < 0)
			continue;
		owner = owner_of(scan, (pid_t)pid);
		if (owner > 0) {
			*ret_tid = (pid_t)pid;
			*ret_owner = owner;
			return true;
		}
	}
	return false;
}

void kthread_scan_deinit(struct kthread_scan *scan)
{
	if (scan->directory)
		end_pass(scan);
}
