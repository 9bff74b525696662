/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A trace's line of type "host": the machine that the ticks after it are of. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/trace.h"

struct trace_host {
	struct machine machine; /* owns its cpus; generation 0 */
	/* The kernel's numbers of the CPUs, in the order in which ticks have them. */
	size_t n_listed;
	uint16_t *listed; /* owned */
	struct trace_idle idle[MACHINE_ZONES_MAX];
	bool estimated; /* the energy is the estimate source's */
	/* CLOCK_BOOTTIME at t_ns 0, where the line tells it. */
	bool has_boottime;
	uint64_t boottime_ns;
};

/*
 * The caller deinits what it gets. -EBADMSG: error says what is wrong with the line;
 * -ENOMEM.
 */
int trace_host_parse(const char *line, size_t len, char error[TRACE_ERROR_SIZE],
	struct trace_host *ret_host);

/* Frees what it holds, not the struct itself. A zeroed one is fine. */
void trace_host_deinit(struct trace_host *host);
