/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Memory by NUMA node, from text. */
#include "config.h"

#include "host/numa_text.h"

#include <errno.h>
#include <string.h>

#include "shared/number.h"

/* Moves *cursor behind the prefix, if that is there. */
static bool skip(const char **cursor, const char *end, const char *prefix)
{
	size_t n = strlen(prefix);

	if ((size_t)(end - *cursor) < n || memcmp(*cursor, prefix, n) != 0)
		return false;
	*cursor += n;
	return true;
}

static const char *end_of_line(const char *line, const char *end)
{
	const char *newline = memchr(line, '\n', (size_t)(end - line));

	return newline ? newline : end;
}

/* "VmRSS:	  123 kB", for this key. */
static bool parse_kib(
	const char *line, const char *end, const char *key, uint64_t *ret_kib)
{
	if (!skip(&line, end, key))
		return false;
	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	return number_scan_u64(&line, end, ret_kib) == 0;
}

int numa_parse_status(
	const char *text, size_t len, uint64_t *ret_rss_kib, uint64_t *ret_hugetlb_kib)
{
	const char *end = text + len;
	uint64_t rss_kib, hugetlb_kib = 0;
	bool found = false;

	while (text < end) {
		const char *stop = end_of_line(text, end);

		if (parse_kib(text, stop, "VmRSS:", &rss_kib))
			found = true;
		else
			(void)parse_kib(text, stop, "HugetlbPages:", &hugetlb_kib);
		text = stop + 1;
	}
	if (!found)
		return -EBADMSG;
	*ret_rss_kib = rss_kib;
	*ret_hugetlb_kib = hugetlb_kib;
	return 0;
}

/* The words "N0=5" of a line, each times the factor. */
static void add_nodes(const char *line, const char *end, uint64_t factor,
	uint64_t parts[MACHINE_NODES_MAX])
{
	while (line < end) {
		const char *word = line;
		uint64_t node, value;

		line = memchr(word, ' ', (size_t)(end - word));
		line = line ? line + 1 : end;
		if (skip(&word, end, "N") && number_scan_u64(&word, end, &node) == 0 &&
			node < MACHINE_NODES_MAX && skip(&word, end, "=") &&
			number_scan_u64(&word, end, &value) == 0)
			parts[node] += value * factor;
	}
}

void numa_add_memory_stat(const char *text, size_t len, uint64_t parts[MACHINE_NODES_MAX])
{
	const char *end = text + len;

	while (text < end) {
		const char *stop = end_of_line(text, end);

		if (skip(&text, stop, "anon ") || skip(&text, stop, "shmem ") ||
			skip(&text, stop, "anon="))
			add_nodes(text, stop, 1, parts);
		text = stop + 1;
	}
}

void numa_add_hugetlb_stat(
	const char *text, size_t len, uint64_t parts[MACHINE_NODES_MAX])
{
	const char *stop = end_of_line(text, text + len);

	if (skip(&text, stop, "total="))
		add_nodes(text, stop, 1, parts);
}

void numa_add_huge_map(const char *line, size_t len, uint64_t parts[MACHINE_NODES_MAX])
{
	static const char key[] = " kernelpagesize_kB=";
	const char *end = line + len;
	const char *size = memmem(line, len, key, sizeof(key) - 1);
	uint64_t page_kib;

	if (!size || !memmem(line, len, " huge ", 6))
		return;
	size += sizeof(key) - 1;
	if (number_scan_u64(&size, end, &page_kib) == 0)
		add_nodes(line, end, page_kib, parts);
}
