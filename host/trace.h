/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What the reader and the writer of traces share: names, limits, and how errors are
 * told. The format is described in host/TRACE.md. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/idle_power.h"
#include "host/json_string.h"
#include "host/machine.h"
#include "host/sample.h"

#define TRACE_VERSION	 1
#define TRACE_LINE_MAX	 (UINT32_C(64) << 20)
#define TRACE_CPUS_MAX	 8192
#define TRACE_NODES_MAX	 1024
#define TRACE_ERROR_SIZE 256

/* The idle power of a zone that the trace tells. Zeroed: it tells none. */
struct trace_idle {
	bool given;
	enum idle_power_origin origin; /* whence the one who measured had it */
	uint64_t idle_uw;
};

const char *trace_zone_kind_name(enum machine_zone_kind kind);
const char *trace_thread_kind_name(enum sample_thread_kind kind);
/* -EINVAL: there is no such kind. */
int trace_zone_kind_parse(
	const struct json_string *name, enum machine_zone_kind *ret_kind);
int trace_thread_kind_parse(const struct json_string *name, uint8_t *ret_kind);
int trace_origin_parse(
	const struct json_string *name, enum idle_power_origin *ret_origin);

/* The index of the zone of that name, or -ENOENT. */
int trace_zone_find(const struct machine *machine, const struct json_string *name);

/* Sets the text, and returns -EBADMSG. */
int trace_error(char error[TRACE_ERROR_SIZE], const char *format, ...)
	__attribute__((__format__(printf, 2, 3)));
