/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * On which NUMA nodes the memory of domains is resident. A thread of its own reads it
 * (host/process_memory.h), a new domain at once and each once a minute, then not many at
 * a time; a tick takes what was read last.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/machine.h"
#include "host/sample.h"

/* How often the thread looks for domains that are due. */
#define RESIDENCY_PERIOD_MS 1000

/* How often a domain is due. */
#define RESIDENCY_REFRESH_NS 60000000000u

/* A round that takes longer than this does not end. */
#define RESIDENCY_STUCK_NS 180000000000u

struct residency;

/* No thread yet. procfs must outlive it. -ENOMEM. */
int residency_new(const char *procfs, struct residency **ret_residency);
/* NULL is fine. */
void residency_free(struct residency *residency);

/* The thread, which calls residency_poll(). -errno. */
int residency_start(struct residency *residency);

/* Reads domains of the last sample: those that are new, and of many that are due some. */
void residency_poll(struct residency *residency, uint64_t monotonic_ns);

/*
 * Sets where the sample's domains, which it has all, are resident. Never waits for a
 * reading: of a domain that was not read yet, or ended, it is 0 on all nodes.
 * -ENOMEM leaves the sample without nodes.
 */
int residency_fill(struct residency *residency, const struct machine *machine,
	struct sample *sample);

/*
 * Has the thread read the domains of the last residency_fill(), and waits for it, so
 * long at most. false: some were not read in that time, or there is no thread.
 */
bool residency_wait(struct residency *residency, uint32_t ms);

/*
 * The process that holds all others up: the kernel makes readers of its memory wait for
 * over RESIDENCY_STUCK_NS. 0: there is none.
 */
pid_t residency_stuck_pid(struct residency *residency, uint64_t monotonic_ns);
