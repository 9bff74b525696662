/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A trace's line of type "tick": one sample. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/sample.h"
#include "host/trace_domains.h"
#include "host/trace_host.h"

/* Reused from line to line; a zeroed one is empty. */
struct trace_tick {
	uint64_t t_ns;
	struct trace_domains domains;
};

/*
 * Fills sample; before is that of the tick before, or empty. Takes over in host->idle
 * what the line says of idle power. -EBADMSG: error says what is wrong; -ENOMEM.
 */
int trace_tick_parse(struct trace_tick *tick, struct trace_host *host,
	const struct sample *before, const char *line, size_t len,
	char error[TRACE_ERROR_SIZE], struct sample *sample);

/* Frees what it holds, not the struct itself. */
void trace_tick_deinit(struct trace_tick *tick);
