/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Threads and processes as /proc shows them. */
#include "config.h"

#include "host/task.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "shared/number.h"

#define FIELD_STATE    3
#define FIELD_FLAGS    9
#define FIELD_UTIME    14
#define FIELD_STIME    15
#define FIELD_START    22
#define FIELD_LAST_CPU 39

/* Moves *cursor, which is at the first one of two fields, to the second. */
static bool skip_field(const char **cursor, const char *end)
{
	const char *space = memchr(*cursor, ' ', (size_t)(end - *cursor));

	if (!space)
		return false;
	*cursor = space + 1;
	return true;
}

/* From field *at to the number in field wanted. */
static bool scan_field(const char **cursor, const char *end, unsigned *at,
	unsigned wanted, uint64_t *ret_value)
{
	for (; *at < wanted; ++*at) {
		if (!skip_field(cursor, end))
			return false;
	}
	return number_scan_u64(cursor, end, ret_value) == 0;
}

int task_parse_stat(const char *text, size_t len, struct task_stat *ret_stat)
{
	const char *end = text + len, *open = memchr(text, '(', len), *close;
	struct task_stat stat = { 0 };
	unsigned field = FIELD_STATE;
	uint64_t last_cpu, utime, stime;
	size_t n;

	close = open ? memrchr(open, ')', (size_t)(end - open)) : NULL;
	if (!close || end - close < 2)
		return -EBADMSG;
	n = (size_t)(close - open - 1);
	memcpy(stat.comm, open + 1, n < TASK_COMM_SIZE ? n : TASK_COMM_SIZE - 1);
	text = close + 2;
	if (!scan_field(&text, end, &field, FIELD_FLAGS, &stat.flags) ||
		!scan_field(&text, end, &field, FIELD_UTIME, &utime) ||
		!scan_field(&text, end, &field, FIELD_STIME, &stime) ||
		!scan_field(&text, end, &field, FIELD_START, &stat.start_ticks) ||
		!scan_field(&text, end, &field, FIELD_LAST_CPU, &last_cpu) ||
		last_cpu > UINT16_MAX)
		return -EBADMSG;
	stat.cpu_ticks = utime + stime;
	stat.last_cpu = (uint16_t)last_cpu;
	*ret_stat = stat;
	return 0;
}

int task_parse_schedstat(
	const char *text, size_t len, uint64_t *ret_cpu_ns, uint64_t *ret_timeslices)
{
	const char *end = text + len;
	uint64_t cpu_ns, timeslices;

	if (number_scan_u64(&text, end, &cpu_ns) < 0 || !skip_field(&text, end) ||
		!skip_field(&text, end) || number_scan_u64(&text, end, &timeslices) < 0)
		return -EBADMSG;
	*ret_cpu_ns = cpu_ns;
	*ret_timeslices = timeslices;
	return 0;
}

static bool skip(const char **cursor, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(*cursor, prefix, len) != 0)
		return false;
	*cursor += len;
	return true;
}

static bool scan_index(const char **cursor, uint16_t *ret_index)
{
	uint64_t index;

	if (number_scan_u64(cursor, *cursor + strlen(*cursor), &index) < 0 ||
		index > UINT16_MAX)
		return false;
	*ret_index = (uint16_t)index;
	return true;
}

static bool is_vcpu(const char *comm, uint16_t *ret_index)
{
	uint16_t index;

	if (strcmp(comm, "ALL CPUs/TCG") == 0) {
		*ret_index = 0;
		return true;
	}
	if (!skip(&comm, "CPU ") || !scan_index(&comm, &index) ||
		(strcmp(comm, "/KVM") != 0 && strcmp(comm, "/TCG") != 0))
		return false;
	*ret_index = index;
	return true;
}

enum sample_thread_kind task_kind(const char *comm, uint16_t *ret_index)
{
	*ret_index = 0;
	if (is_vcpu(comm, ret_index))
		return SAMPLE_THREAD_VCPU;
	if (task_owner(comm) > 0)
		return SAMPLE_THREAD_VHOST;
	if (skip(&comm, "IO ")) {
		comm += strcspn(comm, "0123456789");
		(void)scan_index(&comm, ret_index);
		return SAMPLE_THREAD_IOTHREAD;
	}
	return SAMPLE_THREAD_EMULATOR;
}

pid_t task_owner(const char *comm)
{
	uint64_t pid;

	if (!skip(&comm, "vhost-") && !skip(&comm, "kvm-pit/"))
		return 0;
	if (number_scan_u64(&comm, comm + strlen(comm), &pid) < 0 || *comm != '\0' ||
		pid > INT_MAX)
		return 0;
	return (pid_t)pid;
}

bool task_cmdline_is_domain(const char *text, size_t len, const struct uuid *uuid)
{
	const char *end = text + len;
	bool is_value = false;

	while (text != end) {
		const char *stop = memchr(text, '\0', (size_t)(end - text));
		struct uuid found;

		if (!stop)
			return false;
		if (is_value && uuid_parse(text, &found) == 0 &&
			uuid_compare(&found, uuid) == 0)
			return true;
		is_value = strcmp(text, "-uuid") == 0;
		text = stop + 1;
	}
	return false;
}
