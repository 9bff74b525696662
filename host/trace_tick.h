/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A trace's line of type "tick": one sample. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/sample.h"
#include "host/trace.h"
#include "host/trace_host.h"

/* A domain as the line has it, before the domains are in order. */
struct trace_domain {
	struct sample_domain sample;
	bool has_pid, has_start, has_process;
	uint64_t process_ns; /* of all its threads but vhost's, ended ones included */
	size_t first_node, n_nodes; /* of resident_kib */
};

/* Reused from line to line; a zeroed one is empty. */
struct trace_tick {
	uint64_t t_ns;
	size_t n_domains, domains_size;
	struct trace_domain *domains;
	size_t n_resident, resident_size;
	uint64_t *resident_kib;
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
