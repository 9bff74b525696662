/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Sets of CPU numbers. */
#include "host/cpulist.h"

#include <errno.h>

#include "shared/number.h"

static void add_range(struct cpulist *list, size_t first, size_t last)
{
	for (size_t cpu = first; cpu <= last; cpu++)
		list->bits[cpu / 64] |= UINT64_C(1) << (cpu % 64);
	if (last >= list->n)
		list->n = last + 1;
}

/* "3" or "0-3" at *cursor. */
static int parse_range(const char **cursor, const char *end, struct cpulist *list)
{
	uint64_t first, last;
	int r;

	r = number_scan_u64(cursor, end, &first);
	if (r < 0)
		return r;
	last = first;
	if (*cursor != end && **cursor == '-') {
		++*cursor;
		r = number_scan_u64(cursor, end, &last);
		if (r < 0)
			return r;
	}
	if (last < first)
		return -EINVAL;
	if (last >= CPULIST_CPUS_MAX)
		return -ERANGE;
	add_range(list, first, last);
	return 0;
}

int cpulist_parse(const char *text, size_t len, struct cpulist *ret_list)
{
	const char *end = text + len;
	struct cpulist list = { 0 };

	if (text != end && end[-1] == '\n')
		end--;
	while (text != end) {
		int r = parse_range(&text, end, &list);

		if (r < 0)
			return r;
		if (text == end)
			break;
		if (*text != ',' || ++text == end)
			return -EINVAL;
	}
	*ret_list = list;
	return 0;
}

bool cpulist_has(const struct cpulist *list, size_t cpu)
{
	return cpu < list->n && (list->bits[cpu / 64] >> (cpu % 64) & 1) != 0;
}

size_t cpulist_first(const struct cpulist *list)
{
	for (size_t i = 0; i < sizeof(list->bits) / sizeof(list->bits[0]); i++) {
		if (list->bits[i])
			return i * 64 + (size_t)__builtin_ctzll(list->bits[i]);
	}
	return CPULIST_CPUS_MAX;
}
