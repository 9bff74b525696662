/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Busy time of each CPU. */
#include "host/procstat.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/cleanup.h"
#include "shared/number.h"
#include "shared/rooted.h"

/* "cpu8191" and ten counters of 20 digits fit twice. */
#define LINE_SIZE 512

/* Columns behind the CPU's name. */
enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, N_COLUMNS };

/* The counters at *cursor, up to the end of the line. */
static int parse_busy(const char *cursor, const char *end, uint64_t *ret_ticks)
{
	uint64_t busy = 0;

	for (int column = 0; column < N_COLUMNS; column++) {
		uint64_t ticks;

		if (cursor == end || *cursor++ != ' ' ||
			number_scan_u64(&cursor, end, &ticks) < 0)
			return -EBADMSG;
		if (column != IDLE && column != IOWAIT)
			busy += ticks;
	}
	*ret_ticks = busy;
	return 0;
}

/* "cpu3 1 2 3 ...": false for any other line. */
static bool parse_line(
	const char *line, const char *end, uint64_t *ret_cpu, uint64_t *ret_ticks)
{
	if (end - line < 4 || memcmp(line, "cpu", 3) != 0)
		return false;
	line += 3;
	return number_scan_u64(&line, end, ret_cpu) == 0 &&
	       parse_busy(line, end, ret_ticks) == 0;
}

int procstat_parse(const char *text, size_t len, uint64_t tick_ns,
	struct sample_cpu *cpus, size_t n_cpus)
{
	const char *end = text + len;
	int n = 0;

	if (len < 4 || memcmp(text, "cpu ", 4) != 0)
		return -EBADMSG;
	for (size_t i = 0; i < n_cpus; i++)
		cpus[i] = (struct sample_cpu){ 0 };
	while (text != end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		uint64_t cpu, ticks;

		if (!newline || memcmp(text, "cpu", newline - text < 3 ? 0 : 3) != 0)
			break;
		if (parse_line(text, newline, &cpu, &ticks) && cpu < n_cpus) {
			cpus[cpu].busy_ns = ticks * tick_ns;
			n++;
		}
		text = newline + 1;
	}
	return n;
}

int procstat_open(struct procstat *procstat, const char *procfs)
{
	long hz = sysconf(_SC_CLK_TCK);
	struct procstat opened = {
		.procfs = procfs,
		.tick_ns = NSEC_PER_SEC / (hz > 0 ? (uint64_t)hz : 100),
	};
	struct statfs fs;

	opened.fd = rooted_open(procfs, "stat");
	if (opened.fd < 0)
		return opened.fd;
	if (fstatfs(opened.fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) {
		close(opened.fd);
		opened.fd = -1;
	}
	*procstat = opened;
	return 0;
}

void procstat_close(struct procstat *procstat)
{
	if (procstat->fd >= 0)
		close(procstat->fd);
	free(procstat->text);
	*procstat = (struct procstat){ .fd = -1 };
}

static int reserve(struct procstat *procstat, size_t size)
{
	char *text;

	if (procstat->size >= size)
		return 0;
	text = realloc(procstat->text, size);
	if (!text)
		return -ENOMEM;
	procstat->text = text;
	procstat->size = size;
	return 0;
}

int procstat_read(struct procstat *procstat, struct sample *sample, size_t n_cpus)
{
	cleanup_close int opened = -1;
	int fd = procstat->fd, r;
	ssize_t n;

	if (fd < 0)
		fd = opened = rooted_open(procstat->procfs, "stat");
	if (fd < 0)
		return fd;
	r = reserve(procstat, (n_cpus + 1) * LINE_SIZE);
	if (r == 0)
		r = sample_reserve_cpus(sample, n_cpus);
	if (r < 0)
		return r;
	/* The CPUs come first; what does not fit is interrupt counts. */
	n = pread(fd, procstat->text, procstat->size, 0);
	if (n < 0)
		return -errno;
	sample->n_cpus = n_cpus;
	return procstat_parse(
		procstat->text, (size_t)n, procstat->tick_ns, sample->cpus, n_cpus);
}
