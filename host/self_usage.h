/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What this process takes: a few microseconds to find out. */
#pragma once

#include <stdint.h>

struct self_usage {
	uint64_t cpu_ns; /* of all its threads, ended ones too */
	uint64_t rss_bytes;
};

/* What cannot be read is 0. */
struct self_usage self_usage_read(void);
