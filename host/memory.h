/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Whose the memory is that a package's dram zone powers: memory resident on the nodes
 * of its CPUs. Pure.
 *
 * A node of several packages' CPUs counts for each by how many it has. Memory of nodes
 * without CPUs (CXL, persistent or high-bandwidth memory) is in no dram zone.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/sample.h"
#include "host/usage.h"

/* Reused from tick to tick; a zeroed one is empty. */
struct memory {
	size_t n_packages;
	/*
	 * What is no domain's, of all there is. Where a node's size is not known, as in
	 * a trace that does not tell, none of it: domains then share it all.
	 */
	uint64_t host_bytes[MACHINE_PACKAGES_MAX];
	size_t size;
	uint64_t *bytes; /* [domain * n_packages + package] */
};

/* Room for what memory_compute() will write; -ENOMEM leaves it usable. */
int memory_reserve(struct memory *memory, const struct machine *machine,
	const struct sample *sample);

/*
 * usage is that of the sample. The memory of a domain that is resident nobody knows
 * where is taken to be all of its configured size, where its vCPUs are.
 */
void memory_compute(struct memory *memory, const struct machine *machine,
	const struct sample *sample, const struct usage *usage);

static inline uint64_t memory_bytes(
	const struct memory *memory, size_t domain, size_t package)
{
	return memory->bytes[domain * memory->n_packages + package];
}

/* Frees what it holds, not the struct itself. */
void memory_deinit(struct memory *memory);
