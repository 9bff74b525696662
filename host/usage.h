/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Who used the CPUs between two samples: time and weights by domain and package, and
 * the host's, which is what nobody else used. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/cpu_load.h"
#include "host/machine.h"
#include "host/sample.h"
#include "host/weight.h"

/* A thread's weight. One that changed CPU counts half on either. */
struct usage_thread {
	uint64_t cpu_ns;
	uint64_t weight[2];
	uint16_t package[2];
};

/* A player in a package. */
struct usage_cell {
	uint64_t cpu_ns; /* of all its threads, ended ones included */
	uint64_t weight; /* of that time */
	/* The same at equal clocks; and if siblings were busy at different times. */
	uint64_t core_weight, apart_weight;
	/* Of cpu_ns, what half of a thread's is here because it was seen elsewhere, too.
	 */
	uint64_t moved_ns;
	uint32_t n_vcpus; /* whose last CPU is there */
};

/* Reused from tick to tick; a zeroed one is empty. */
struct usage {
	size_t n_packages; /* at least 1 */
	struct cpu_loads loads;
	/*
	 * Of a package's busy time what no domain used. It weighs what time weighs on
	 * the CPUs where it was left over, as far as threads tell where they were.
	 */
	struct usage_cell host[MACHINE_PACKAGES_MAX];
	uint64_t n_vcpus[MACHINE_PACKAGES_MAX]; /* of all domains */
	/* A QEMU of the previous sample is no more. */
	bool domain_ended;
	size_t cells_size, located_size, threads_size;
	struct usage_cell *cells;     /* [domain * n_packages + package] */
	uint64_t *located_ns;	      /* by CPU: of the domains' threads */
	struct usage_thread *threads; /* as in the sample */
};

/* Room for what usage_compute() will write; -ENOMEM leaves it usable. */
int usage_reserve(
	struct usage *usage, const struct machine *machine, const struct sample *now);

/*
 * From previous to now. Threads are matched by tid and start time. All of a domain
 * whose QEMU started since counts from 0, and so does a thread that did, in a domain
 * known before. What ran before and was not seen counts from the next sample on: a
 * domain, a kernel thread or helper found late; but of a thread, what it cannot have
 * used before. remapped: the machine changed between the samples, or it may have.
 */
void usage_compute(struct usage *usage, const struct machine *machine,
	const struct weight_model *model, const struct sample *previous,
	const struct sample *now, bool remapped);

static inline const struct usage_cell *usage_cell(
	const struct usage *usage, size_t domain, size_t package)
{
	return &usage->cells[domain * usage->n_packages + package];
}

/* Of a domain, in all packages. */
uint64_t usage_cpu_ns(const struct usage *usage, size_t domain);

/* Frees what it holds, not the struct itself. */
void usage_deinit(struct usage *usage);
