/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* This process's own CPU time and memory. */
#include "host/self_usage.h"

#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/number.h"
#include "shared/rooted.h"

/* "size resident shared ...", in pages. Our own, whatever --procfs says. */
static uint64_t read_rss(void)
{
	char text[256];
	ssize_t n = rooted_read("/proc/self", text, sizeof(text), "statm");
	const char *at = n > 0 ? strchr(text, ' ') : NULL;
	uint64_t pages;

	if (!at)
		return 0;
	at++;
	if (number_scan_u64(&at, text + n, &pages) < 0)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct self_usage self_usage_read(void)
{
	return (struct self_usage){
		.cpu_ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID),
		.rss_bytes = read_rss(),
	};
}
