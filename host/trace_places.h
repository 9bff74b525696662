/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Where the zones and CPUs of a host line say that they are, and the packages that
 * follow from it. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/trace.h"

struct trace_place {
	uint16_t physical_id;
	int16_t die_id; /* -1: none was told */
};

struct trace_cpu {
	uint16_t number;
	struct machine_cpu cpu;
	bool has_core; /* without one it has no siblings */
	struct trace_place place;
};

/* A zeroed one is empty. */
struct trace_places {
	struct trace_place zones[MACHINE_ZONES_MAX]; /* of the machine's zones */
	size_t n_cpus, cpus_size;
	struct trace_cpu *cpus; /* in the order of the line; owned */
};

/* -ENOMEM. */
int trace_places_add_cpu(struct trace_places *places, const struct trace_cpu *cpu);

/*
 * Makes machine's packages and CPUs; its zones are there but for their package.
 * machine->cpus is the caller's to free, after an error too. -EBADMSG: error says what
 * is wrong; -ENOMEM.
 */
int trace_places_resolve(const struct trace_places *places, char error[TRACE_ERROR_SIZE],
	struct machine *machine);

/* Frees what it holds, not the struct itself. */
void trace_places_deinit(struct trace_places *places);
