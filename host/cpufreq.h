/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The frequency of busy CPUs, from SYSFS/devices/system/cpu/cpuN/cpufreq
 * (Documentation/admin-guide/pm/cpufreq.rst). On a host without cpufreq nothing is
 * known, and nothing said.
 *
 * A thread of its own reads: on x86 kernels from 4.13 to 5.17, which count cycles from
 * one read to the next, a read asks that CPU with an interrupt, and sleeps for 10 or
 * 20 ms where the last one is over a second ago. Later ones tell the last scheduler
 * tick's frequency, of which several readings are better than one.
 */
#pragma once

#include "host/sample.h"

/* How often a busy CPU is read. */
#define CPUFREQ_PERIOD_MS 500

/* CPUs busy for less than one in so many of the time between samples are not read. */
#define CPUFREQ_BUSY_PART 20

struct cpufreq;

/* No thread yet. sysfs must outlive it. -ENOMEM. */
int cpufreq_new(const char *sysfs, struct cpufreq **ret_cpufreq);
/* NULL is fine. */
void cpufreq_free(struct cpufreq *cpufreq);

/* The thread, which calls cpufreq_poll(). -errno. */
int cpufreq_start(struct cpufreq *cpufreq);

/* Reads the CPUs that were busy in the last sample. */
void cpufreq_poll(struct cpufreq *cpufreq);

/*
 * Sets khz of the sample's CPUs, whose busy times and boottime_ns are set: the mean of
 * what was read since the sample before, else what was read last; 0 of a CPU that was
 * hardly busy since then, and of one that just began to be. Never waits for a reading.
 */
void cpufreq_fill(struct cpufreq *cpufreq, struct sample *sample);
