/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Sets of CPU numbers as the kernel prints them, "0-3,8,10-11"
 * (Documentation/admin-guide/cputopology.rst). Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's largest NR_CPUS. */
#define CPULIST_CPUS_MAX 8192

struct cpulist {
	size_t n; /* 1 + the highest number; 0: empty */
	uint64_t bits[CPULIST_CPUS_MAX / 64];
};

/* One newline may follow; the empty list is one. -EINVAL, -ERANGE. */
int cpulist_parse(const char *text, size_t len, struct cpulist *ret_list);

bool cpulist_has(const struct cpulist *list, size_t cpu);

/* The lowest number, or CPULIST_CPUS_MAX of an empty list. */
size_t cpulist_first(const struct cpulist *list);
