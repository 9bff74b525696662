/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What one tick reads, before any arithmetic: cumulative counters of the kernel,
 * at one instant. Sources fill it, the meter takes differences of two of them,
 * the ledger keeps the last one across restarts, and a recording is a sequence
 * of them. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/machine.h"
#include "shared/uuid.h"

/* start_ticks count in USER_HZ, which is 100 wherever KVM runs. */
#define SAMPLE_START_TICK_NS UINT64_C(10000000)

enum sample_thread_kind {
	SAMPLE_THREAD_VCPU,
	SAMPLE_THREAD_EMULATOR, /* QEMU's other threads and helper processes */
	SAMPLE_THREAD_IOTHREAD,
	SAMPLE_THREAD_VHOST, /* vhost-PID, kvm-pit/PID: kernel threads */
};

struct sample_zone {
	/* Not valid: unreadable in this tick; the meter excludes the zone. */
	bool valid;
	uint64_t energy_uj; /* raw, wraps at the zone's range */
};

struct sample_cpu {
	/* user+nice+system+irq+softirq of /proc/stat. */
	uint64_t busy_ns;
	/* 0: unknown. */
	uint32_t khz;
};

struct sample_thread {
	pid_t tid;
	uint8_t kind;	/* enum sample_thread_kind */
	uint16_t index; /* vCPU or iothread number, else 0 */
	uint16_t last_cpu;
	/* Field 22 of /proc/PID/stat, clock ticks since boot: tells a reused tid. */
	uint64_t start_ticks;
	uint64_t cpu_ns; /* schedstat, field 1 */
};

struct sample_domain {
	struct uuid uuid;
	pid_t pid;	      /* of QEMU */
	uint64_t start_ticks; /* of QEMU: tells a reused pid, and a new incarnation */
	uint32_t n_vcpus;     /* online */
	uint32_t max_vcpus;   /* as many as can be plugged */
	/* Of the live topology; 0: libvirt has none, every vCPU is its own socket. */
	uint32_t vcpus_per_socket;
	uint64_t memory_kib; /* configured, of the live definition; 0: unknown */
	/* CPU time of threads that ended, cumulative since QEMU's start. */
	uint64_t exited_ns;
	/* Its threads: threads[first_thread .. first_thread + n_threads). */
	uint32_t first_thread;
	uint32_t n_threads;
};

/*
 * Arrays grow when needed and are kept from tick to tick, so that a steady state
 * allocates nothing. Domains are in the order of their UUIDs, each once; threads
 * of a domain in the order of their tids.
 */
struct sample {
	uint64_t boottime_ns;
	uint64_t monotonic_ns;
	size_t n_zones; /* as in the machine */
	struct sample_zone zones[MACHINE_ZONES_MAX];
	size_t n_cpus, cpus_size;
	struct sample_cpu *cpus; /* by CPU number */
	size_t n_domains, domains_size;
	struct sample_domain *domains;
	/* NUMA nodes, by the kernel's number; 0: where memory resides is not known. */
	size_t n_nodes, resident_size;
	/* Memory of a domain on a node, hugetlb included: see sample_resident_kib(). */
	uint64_t *resident_kib;
	size_t n_threads, threads_size;
	struct sample_thread *threads;
};

/* Empties it, keeping the memory. */
void sample_clear(struct sample *sample);

/* Room for n in all; -ENOMEM leaves the sample as it was. */
int sample_reserve_cpus(struct sample *sample, size_t n);

/*
 * Room for n nodes of each domain there is, all 0: after the last domain was added.
 * -ENOMEM leaves the sample without nodes.
 */
int sample_reserve_nodes(struct sample *sample, size_t n);

static inline uint64_t *sample_resident_kib(
	const struct sample *sample, size_t domain, size_t node)
{
	return &sample->resident_kib[domain * sample->n_nodes + node];
}

/* Adds a zeroed element and returns it (valid until the next one is added); NULL: no
 * memory. */
struct sample_domain *sample_add_domain(struct sample *sample);
struct sample_thread *sample_add_thread(struct sample *sample);

/* Copies all of from into to, reusing to's memory; -ENOMEM leaves to empty. */
int sample_copy(struct sample *to, const struct sample *from);

/*
 * The CPU time of threads that ended, which was exited_ns so far: what the clock of
 * their process has and the threads that live do not. The clock was read before them, so
 * that it may lag behind their sum; then what is known already stays.
 */
static inline uint64_t sample_exited_ns(
	uint64_t exited_ns, uint64_t clock_ns, uint64_t live_ns)
{
	uint64_t ended_ns = clock_ns > live_ns ? clock_ns - live_ns : 0;

	return ended_ns > exited_ns ? ended_ns : exited_ns;
}

/* The domain with this UUID, or NULL. */
const struct sample_domain *sample_find_domain(
	const struct sample *sample, const struct uuid *uuid);

/* Frees what it holds, not the struct itself. A zeroed one is fine. */
void sample_deinit(struct sample *sample);
