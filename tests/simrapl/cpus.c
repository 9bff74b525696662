/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* CPUs, packages, and the busy time of PROCFS/stat. */
#include "tests/simrapl/cpus.h"

#include <errno.h>
#include <string.h>

#include "shared/number.h"
#include "shared/rooted.h"

static int add(struct cpus *cpus, uint64_t package_id)
{
	unsigned p;

	for (p = 0; p < cpus->n_packages; p++) {
		if (cpus->package_id[p] == package_id)
			break;
	}
	if (p == CPUS_MAX_PACKAGES || cpus->count == CPUS_MAX || package_id > UINT16_MAX)
		return -ERANGE;
	if (p == cpus->n_packages)
		cpus->package_id[cpus->n_packages++] = (unsigned)package_id;
	cpus->package[cpus->count++] = (uint8_t)p;
	return 0;
}

int cpus_parse(const char *text, struct cpus *ret_cpus)
{
	const char *end = text + strlen(text);
	struct cpus cpus = { 0 };

	for (;;) {
		uint64_t package_id;
		int r = number_scan_u64(&text, end, &package_id);

		if (r == 0)
			r = add(&cpus, package_id);
		if (r < 0)
			return r;
		if (text == end)
			break;
		if (*text++ != ',')
			return -EINVAL;
	}
	*ret_cpus = cpus;
	return 0;
}

int cpus_read(const char *sysfs, struct cpus *ret_cpus)
{
	struct cpus cpus = { 0 };
	int r;

	do {
		uint64_t package_id;

		r = rooted_read_u64(sysfs, &package_id,
			"devices/system/cpu/cpu%u/topology/physical_package_id",
			cpus.count);
		if (r == 0)
			r = add(&cpus, package_id);
	} while (r == 0);
	if (r != -ENOENT || cpus.count == 0)
		return r;
	*ret_cpus = cpus;
	return 0;
}

/* The columns behind "cpuN": user nice system idle iowait irq softirq ... */
static int parse_columns(const char **cursor, const char *end, uint64_t *ret_ticks)
{
	static const unsigned busy[] = { 1, 1, 1, 0, 0, 1, 1 };
	uint64_t ticks = 0;

	for (size_t i = 0; i < sizeof(busy) / sizeof(busy[0]); i++) {
		uint64_t value;
		int r;

		if (*cursor == end || *(*cursor)++ != ' ')
			return -EINVAL;
		r = number_scan_u64(cursor, end, &value);
		if (r < 0)
			return r;
		ticks += busy[i] * value;
	}
	*ret_ticks = ticks;
	return 0;
}

int cpus_parse_busy(const struct cpus *cpus, const char *text, uint64_t ns_per_tick,
	uint64_t ret_busy_ns[CPUS_MAX_PACKAGES])
{
	uint64_t busy_ns[CPUS_MAX_PACKAGES] = { 0 };
	unsigned seen = 0;

	while (strncmp(text, "cpu", 3) == 0) {
		const char *end = text + strcspn(text, "\n"), *cursor = text + 3;
		uint64_t cpu, ticks = 0;
		int r = 0;

		text = *end ? end + 1 : end;
		if (*cursor == ' ') /* the sum of all */
			continue;
		r = number_scan_u64(&cursor, end, &cpu);
		if (r == 0)
			r = parse_columns(&cursor, end, &ticks);
		if (r < 0)
			return r;
		if (cpu >= cpus->count)
			return -EINVAL;
		busy_ns[cpus->package[cpu]] += ticks * ns_per_tick;
		seen++;
	}
	if (seen != cpus->count)
		return -EINVAL;
	memcpy(ret_busy_ns, busy_ns, sizeof(busy_ns));
	return 0;
}
