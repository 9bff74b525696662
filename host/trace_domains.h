/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The domains of a tick, from the line to a sample. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/sample.h"
#include "host/trace_scan.h"

/* A domain as the line has it, before the domains are in order. */
struct trace_domain {
	struct sample_domain sample;
	bool has_pid, has_start, has_process;
	uint64_t process_ns; /* of all its threads but vhost's, ended ones included */
	size_t first_node, n_nodes; /* of resident_kib */
};

/* Reused from line to line; a zeroed one is empty. */
struct trace_domains {
	size_t n, size;
	struct trace_domain *domains;
	size_t n_resident, resident_size;
	uint64_t *resident_kib;
};

void trace_domains_clear(struct trace_domains *domains);

/*
 * The array "domains"; their threads go into sample. base_ns is the instant of the
 * trace's time 0. -EBADMSG: the error has been told; -ENOMEM.
 */
int trace_domains_scan(struct trace_domains *domains, struct trace_scan *scan,
	uint64_t base_ns, struct sample *sample);

/*
 * Adds them to sample, in the order of their UUIDs; before is that of the tick before,
 * or empty. -EBADMSG: error says what is wrong; -ENOMEM.
 */
int trace_domains_add(struct trace_domains *domains, const struct sample *before,
	char error[TRACE_ERROR_SIZE], struct sample *sample);

/* Frees what it holds, not the struct itself. */
void trace_domains_deinit(struct trace_domains *domains);
