/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A scheduler for simulated hosts: which thread is on which CPU. It prefers the CPU a
 * thread had, idle cores to idle siblings, and a thread's home package; when there are
 * more threads than CPUs they take turns. Pure.
 */
#pragma once

#include <stdint.h>

#include "tests/bench/accuracy/load.h"
#include "tests/bench/accuracy/rig.h"

struct place {
	struct random_state random;
	/* What runs on each CPU in this step; < 0: nothing. */
	int16_t thread_of[RIG_CPUS_MAX];
	/* Where each thread runs in this step; < 0: nowhere; and where it last did. */
	int16_t cpu_of[LOAD_THREADS_MAX];
	uint16_t last_cpu[LOAD_THREADS_MAX];
	unsigned n_waiting;
};

void place_init(struct place *place, const struct rig *rig, const struct load *load,
	uint64_t seed);

void place_step(struct place *place, const struct rig *rig, const struct load *load);
