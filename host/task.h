/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What /proc tells of a thread or a process, see proc(5): schedstat, stat, comm,
 * cmdline; and what a thread of QEMU does, by its name. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/sample.h"
#include "shared/uuid.h"

/* Names of kernel threads can be this long; of others they have 15 characters. */
#define TASK_COMM_SIZE 64

/* PF_KTHREAD in include/linux/sched.h; shown to user space since 2.6. */
#define TASK_KERNEL_THREAD 0x00200000u

struct task_stat {
	char comm[TASK_COMM_SIZE]; /* cut when longer */
	uint64_t flags;		   /* field 9 */
	uint64_t cpu_ticks;	   /* fields 14 and 15: of a process, all its threads' */
	uint64_t start_ticks;	   /* field 22 */
	uint16_t last_cpu;	   /* field 39 */
};

/* -EBADMSG: cut or not such a line. comm may hold anything, spaces and ')' too. */
int task_parse_stat(const char *text, size_t len, struct task_stat *ret_stat);

/*
 * Time on a CPU, and how often it got there: never 0 for what ever ran, but where
 * the kernel does not count, both are. -EBADMSG.
 */
int task_parse_schedstat(
	const char *text, size_t len, uint64_t *ret_cpu_ns, uint64_t *ret_timeslices);

/*
 * By the name QEMU (with debug-threads=on, which libvirt sets) or the kernel gave
 * it: "CPU 3/KVM", "CPU 3/TCG", "ALL CPUs/TCG", "IO iothread1", "vhost-1234",
 * "kvm-pit/1234"; everything else is the emulator's. The index is of vCPU or
 * iothread, else 0.
 */
enum sample_thread_kind task_kind(const char *comm, uint16_t *ret_index);

/* The QEMU that a kernel thread "vhost-PID" or "kvm-pit/PID" works for, or 0. */
pid_t task_owner(const char *comm);

/* Whether these are the arguments of the QEMU of this domain: they have -uuid UUID. */
bool task_cmdline_is_domain(const char *text, size_t len, const struct uuid *uuid);
