/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A host for tests on which domains, threads, CPUs, zones and clocks do at random what
 * they may, and what a source may say of them. The same seed does the same.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/sample.h"
#include "tests/unit/random.h"
#include "tests/unit/scene.h"

#define RANDOM_HOST_DOMAINS 10
#define RANDOM_HOST_THREADS 4
#define RANDOM_HOST_NODES   3

/* Two domains that are and do the same in every tick. */
#define RANDOM_HOST_TWIN_A 2
#define RANDOM_HOST_TWIN_B 5

struct random_thread {
	uint64_t cpu_ns;
	uint64_t start_ticks;
	uint16_t cpu;
};

struct random_domain {
	bool alive;
	uint64_t start_ticks;
	uint64_t exited_ns;
	uint32_t number;  /* of the UUID */
	uint64_t used_ns; /* in all */
	uint64_t memory_kib;
	uint64_t resident_kib[RANDOM_HOST_NODES];
	/* What was to be seen of it in the sample before: the tests'. */
	bool seen;
	uint64_t seen_start_ticks, seen_ns;
	struct random_thread threads[RANDOM_HOST_THREADS];
};

/* What kind of host it is. */
struct random_traits {
	bool calm;	   /* nothing comes or goes, all is readable */
	bool silent;	   /* no domain at all */
	bool alone;	   /* the host's own time is none, and at most one domain runs */
	bool reversed;	   /* threads have their tids the other way round */
	bool khz_garbage;  /* frequencies that are none */
	bool busy_garbage; /* CPUs that were busy for longer than there was time */
	bool knows_memory;
	uint16_t threads_per_core; /* 1 .. 8 */
};

struct random_host {
	struct random_state random;
	struct random_traits traits;
	struct scene scene;
	uint64_t now_ns;
	uint64_t asleep_ns;
	uint64_t n_started; /* domains that ran before they were seen */
	uint64_t energy_uj[MACHINE_ZONES_MAX]; /* never wraps */
	bool valid[MACHINE_ZONES_MAX];
	uint64_t busy_ns[SCENE_CPUS];
	uint32_t khz[SCENE_CPUS];
	uint64_t largest_uj; /* energy of a zone in a tick */
	struct random_domain domains[RANDOM_HOST_DOMAINS];
};

void random_host_init(struct random_host *host, uint64_t seed, bool calm);

/* Up to 2 s, in which all do something, or nothing. */
void random_host_advance(struct random_host *host);

/* Fills the sample; *ret_order: which domain of the host is at which index. */
void random_host_observe(const struct random_host *host, struct sample *sample,
	size_t ret_order[RANDOM_HOST_DOMAINS]);
