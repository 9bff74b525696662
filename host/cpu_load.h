/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What each CPU did between two samples: how long it was busy, and what time on it
 * weighs. Whose time it was is host/usage.h's business. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/sample.h"
#include "host/weight.h"

/* Of a CPU that is in no package: it is offline, or there is none of that number. */
#define CPU_LOAD_NO_PACKAGE UINT16_MAX

struct cpu_load {
	uint16_t package; /* or CPU_LOAD_NO_PACKAGE; the rest is 0 then */
	uint32_t factor;  /* of its time, for weight_of() */
	/*
	 * The part of it that is for siblings; and what that would be if they were busy
	 * at different times, as far as they can be.
	 */
	uint32_t smt_factor, apart_factor;
	uint64_t busy_ns;
};

/* Reused from tick to tick; a zeroed one is empty. */
struct cpu_loads {
	size_t n_packages; /* at least 1 */
	size_t n_cpus;	   /* those of the machine */
	struct cpu_load *cpus;
	uint64_t busy_ns[MACHINE_PACKAGES_MAX];
	/* Mean of its CPUs, by busy time; of an idle package: 1. */
	uint32_t factor[MACHINE_PACKAGES_MAX];
	uint32_t smt_factor[MACHINE_PACKAGES_MAX], apart_factor[MACHINE_PACKAGES_MAX];
	/*
	 * The frequency whose factor is 1: the mean of the package's CPUs, by busy time,
	 * where it is known of any; else 0. A CPU whose own is not known has this one.
	 * It is the ones that hardly ran which are not read: of what they ran, the
	 * frequency of the package's average busy nanosecond is the best guess, and CPUs
	 * that idle, at whatever frequency a recording says, have no part in it.
	 */
	double khz[MACHINE_PACKAGES_MAX];
	/* Rings of siblings; for the machine of this generation. */
	bool linked;
	uint64_t generation;
	size_t size, links_size;
	uint32_t *next_sibling; /* by CPU; its own number: it has none */
	uint64_t *order;	/* scratch */
};

/* Room for what cpu_loads_compute() will write; -ENOMEM leaves it usable. */
int cpu_loads_reserve(struct cpu_loads *loads, const struct machine *machine);

/*
 * From previous to now. remapped: the machine changed between the samples, or it may
 * have, and a CPU that came back counts from here on.
 */
void cpu_loads_compute(struct cpu_loads *loads, const struct machine *machine,
	const struct weight_model *model, const struct sample *previous,
	const struct sample *now, bool remapped);

/* Frees what it holds, not the struct itself. */
void cpu_loads_deinit(struct cpu_loads *loads);
