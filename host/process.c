/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The CPU time of one process.
 *
 * Threads that end between two reads take what they used since the last one with
 * them; the process's clock (sum of the threads, ended ones included) still has it.
 * It is read before the threads, so that
 *
 *	clock - sum of the live threads' time <= time of the ended threads
 *
 * whatever runs meanwhile, and its running maximum never is too much. A thread that
 * started unseen would count as an ended one, hence: whenever the maximum would
 * grow, the threads are looked for anew and all is read again first.
 *
 * Most threads of a QEMU sleep at most times. As soon as what some have used since the
 * last read makes up for all that the clock moved by, the others are not read.
 */
#include "host/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/task.h"
#include "shared/array.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/number.h"
#include "shared/rooted.h"

#define SCHEDSTAT "schedstat"
#define STAT	  "stat"

/* procfs renders such a file whole into one read. */
static ssize_t read_once(int fd, char *buffer, size_t size)
{
	ssize_t n;

	do
		n = pread(fd, buffer, size, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int open_task(const struct process *process, pid_t tid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "task/%d/%s", tid, name);
	fd = openat(process->directory, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static ssize_t read_task(const struct process *process, int fd, pid_t tid,
	const char *name, char *buffer, size_t size)
{
	cleanup_close int opened = -1;

	if (fd >= 0)
		return read_once(fd, buffer, size);
	opened = open_task(process, tid, name);
	return opened < 0 ? opened : read_once(opened, buffer, size);
}

/* An fd to keep, or -1: the file is to be opened each time. */
static int keep_task(const struct process *process, pid_t tid, const char *name)
{
	cleanup_close int fd = -1;

	if (!process->config->keep_fds)
		return -1;
	fd = open_task(process, tid, name);
	return fd >= 0 && fd < process->config->max_fd ? steal_fd(&fd) : -1;
}

static void close_thread(struct process_thread *thread)
{
	if (thread->schedstat_fd >= 0)
		close(thread->schedstat_fd);
	if (thread->stat_fd >= 0)
		close(thread->stat_fd);
}

static int read_stat(const struct process *process, struct process_thread *thread)
{
	pid_t tid = thread->sample.tid;
	struct task_stat stat;
	char text[1024];
	ssize_t n = read_task(process, thread->stat_fd, tid, STAT, text, sizeof(text));
	int r;

	if (n < 0)
		return (int)n;
	r = task_parse_stat(text, (size_t)n, &stat);
	if (r < 0)
		return r;
	/* Without a kept fd the tid may have gone to another thread. */
	if (thread->sample.start_ticks != stat.start_ticks && thread->comm[0] != '\0')
		return -ESRCH;
	thread->sample.start_ticks = stat.start_ticks;
	thread->sample.last_cpu = stat.last_cpu;
	/* A thread gets its name only after it has started. */
	if (strncmp(thread->comm, stat.comm, PROCESS_COMM_SIZE - 1) != 0) {
		snprintf(thread->comm, sizeof(thread->comm), "%.*s",
			PROCESS_COMM_SIZE - 1, stat.comm);
		thread->sample.kind = (uint8_t)task_kind(
			stat.comm, &thread->sample.index);
	}
	return 0;
}

static int read_cpu_ns(struct process *process, const struct process_thread *thread,
	uint64_t *ret_cpu_ns)
{
	pid_t tid = thread->sample.tid;
	uint64_t cpu_ns, timeslices;
	char text[128];
	ssize_t n;
	int r;

	n = read_task(process, thread->schedstat_fd, tid, SCHEDSTAT, text, sizeof(text));
	if (n < 0)
		return (int)n;
	r = task_parse_schedstat(text, (size_t)n, &cpu_ns, &timeslices);
	if (r < 0)
		return r;
	/* The first thread has run, or there would be no process. */
	if (tid == process->pid)
		process->blind = cpu_ns == 0 && timeslices == 0;
	*ret_cpu_ns = cpu_ns;
	return 0;
}

/* stat, which costs more, only for a thread that ran. */
static int read_thread(struct process *process, struct process_thread *thread)
{
	uint64_t cpu_ns = 0;
	int r;

	r = read_cpu_ns(process, thread, &cpu_ns);
	/* Kernels without CONFIG_SCHED_INFO do not have the file at all. */
	if (r == -ENOENT && faccessat(process->directory, SCHEDSTAT, F_OK, 0) < 0)
		process->blind = true;
	else if (r < 0)
		return r;
	if (cpu_ns == thread->sample.cpu_ns && !process->blind)
		return 0;
	r = read_stat(process, thread);
	if (r < 0)
		return r;
	thread->sample.cpu_ns = cpu_ns;
	thread->ran = process->n_reads;
	return 0;
}

/* A thread that ends meanwhile is left out. */
static bool open_thread(struct process *process, pid_t tid, struct process_thread *thread)
{
	*thread = (struct process_thread){ .sample.tid = tid };
	thread->stat_fd = keep_task(process, tid, STAT);
	thread->schedstat_fd = keep_task(process, tid, SCHEDSTAT);
	if (read_stat(process, thread) == 0)
		return true;
	close_thread(thread);
	return false;
}

static struct process_thread *find_thread(const struct process *process, pid_t tid)
{
	size_t low = 0, high = process->n_threads;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (process->threads[middle].sample.tid == tid)
			return &process->threads[middle];
		if (process->threads[middle].sample.tid < tid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static int compare_tids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

/* The tids now, in order. The caller frees them. */
static int list_tids(const struct process *process, pid_t **ret_tids, size_t *ret_n)
{
	cleanup_close int fd = openat(
		process->directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_closedir DIR *dir = NULL;
	cleanup_free pid_t *tids = NULL;
	size_t n = 0, size = 0;
	struct dirent *entry;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	steal_fd(&fd);
	while ((entry = readdir(dir)) != NULL) {
		uint64_t tid;

		if (number_parse_range(entry->d_name, 1, INT32_MAX, &tid) < 0)
			continue;
		if (array_reserve(&tids, &size, n + 1) < 0)
			return -ENOMEM;
		tids[n++] = (pid_t)tid;
	}
	if (n == 0)
		return -ESRCH;
	qsort(tids, n, sizeof(*tids), compare_tids);
	*ret_tids = steal_pointer(&tids);
	*ret_n = n;
	return 0;
}

/* Brings the threads in line with the task directory. */
static int scan_threads(struct process *process)
{
	cleanup_free struct process_thread *threads = NULL;
	cleanup_free pid_t *tids = NULL;
	size_t n_tids = 0, n = 0;
	int r;

	r = list_tids(process, &tids, &n_tids);
	if (r < 0)
		return r;
	threads = calloc(n_tids, sizeof(*threads));
	if (!threads)
		return -ENOMEM;
	for (size_t i = 0; i < n_tids; i++) {
		struct process_thread *known = find_thread(process, tids[i]);

		if (known) {
			threads[n++] = *known;
			known->schedstat_fd = known->stat_fd = -1;
		} else if (open_thread(process, tids[i], &threads[n])) {
			n++;
		}
	}
	for (size_t i = 0; i < process->n_threads; i++)
		close_thread(&process->threads[i]);
	free(process->threads);
	process->threads = steal_pointer(&threads);
	process->n_threads = n;
	process->scan_due = false;
	return 0;
}

/* Reads all threads, leaves out those that ended, and adds up the others. */
static uint64_t read_threads(struct process *process)
{
	uint64_t sum_ns = 0;
	size_t n = 0;

	for (size_t i = 0; i < process->n_threads; i++) {
		struct process_thread *thread = &process->threads[i];

		if (read_thread(process, thread) < 0) {
			close_thread(thread);
			process->scan_due = true;
			continue;
		}
		sum_ns += thread->sample.cpu_ns;
		process->threads[n++] = *thread;
	}
	process->n_threads = n;
	return sum_ns;
}

/*
 * Reads threads, those first that ran before the last read, until all that the clock
 * moved by is found: the others have not run. false: it is not found so.
 */
static bool read_runners(struct process *process, uint64_t clock_ns)
{
	uint64_t cpu_ns = process->cpu_ns;

	if (cpu_ns >= clock_ns)
		return true;
	process->n_reads++;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < process->n_threads && cpu_ns < clock_ns; i++) {
			struct process_thread *thread = &process->threads[i];
			bool is_runner = thread->ran + 1 >= process->n_reads;
			uint64_t before_ns = thread->sample.cpu_ns;

			if (is_runner != (pass == 0))
				continue;
			if (read_thread(process, thread) < 0)
				return false;
			cpu_ns += thread->sample.cpu_ns - before_ns;
		}
	}
	if (cpu_ns < clock_ns)
		return false;
	process->cpu_ns = cpu_ns;
	return true;
}

/* 0: none, or the process is gone. */
static uint64_t read_clock(const struct process *process)
{
	struct timespec now;

	if (!process->has_clock || clock_gettime(process->clock, &now) < 0)
		return 0;
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Without a clock new threads are told by the task directory's link count. */
static void check_links(struct process *process)
{
	struct stat st;

	if (process->has_clock || fstatat(process->directory, "task", &st, 0) < 0)
		return;
	if (st.st_nlink != process->task_links)
		process->scan_due = true;
	process->task_links = st.st_nlink;
}

/* Of a kernel that counts no thread's time the process's clock is all there is. */
static void read_blind(struct process *process, uint64_t clock_ns)
{
	struct process_thread *first = find_thread(process, process->pid);

	if (clock_ns > process->cpu_ns)
		process->cpu_ns = clock_ns;
	if (first)
		first->sample.cpu_ns = process->cpu_ns;
}

/* Reads all threads, and looks for new ones until none has run unseen. */
static int read_all(struct process *process, uint64_t clock_ns)
{
	bool scanned = false;

	for (;; clock_ns = read_clock(process)) {
		uint64_t sum_ns, exited_ns;

		if (process->scan_due) {
			int r = scan_threads(process);

			if (r < 0)
				return r;
			scanned = true;
		}
		sum_ns = read_threads(process);
		if (process->n_threads == 0)
			return -ESRCH;
		if (process->blind) {
			read_blind(process, clock_ns);
			return 0;
		}
		exited_ns = sample_exited_ns(process->exited_ns, clock_ns, sum_ns);
		if (exited_ns == process->exited_ns || scanned) {
			process->exited_ns = exited_ns;
			process->cpu_ns = sum_ns + exited_ns;
			return 0;
		}
		process->scan_due = true;
	}
}

int process_read(struct process *process)
{
	uint64_t clock_ns = read_clock(process);

	check_links(process);
	if (clock_ns > 0 && !process->scan_due && !process->blind &&
		read_runners(process, clock_ns))
		return 0;
	return read_all(process, clock_ns);
}

static int read_process_stat(int directory, struct task_stat *ret_stat)
{
	cleanup_close int fd = openat(directory, STAT, O_RDONLY | O_CLOEXEC);
	char text[1024];
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read_once(fd, text, sizeof(text));
	return n < 0 ? (int)n : task_parse_stat(text, (size_t)n, ret_stat);
}

int process_open(
	const struct process_config *config, pid_t pid, struct process *ret_process)
{
	struct process process = { .config = config, .pid = pid, .scan_due = true };
	cleanup_close int directory = rooted_open(config->procfs, "%d", pid);
	struct task_stat stat;
	int r;

	if (directory < 0)
		return directory;
	r = read_process_stat(directory, &stat);
	if (r < 0)
		return r;
	process.start_ticks = stat.start_ticks;
	process.kernel_thread = (stat.flags & TASK_KERNEL_THREAD) != 0;
	process.has_clock = config->own_pids &&
			    clock_getcpuclockid(pid, &process.clock) == 0;
	process.directory = steal_fd(&directory);
	*ret_process = process;
	return 0;
}

void process_close(struct process *process)
{
	for (size_t i = 0; i < process->n_threads; i++)
		close_thread(&process->threads[i]);
	free(process->threads);
	if (process->directory >= 0)
		close(process->directory);
	*process = (struct process){ .directory = -1 };
}

void process_rescan(struct process *process)
{
	process->scan_due = true;
}
