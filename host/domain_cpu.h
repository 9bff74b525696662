/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The CPU time of one domain: which process is its QEMU, which others work for it,
 * and what all their threads used. libvirt is not asked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/domain_cgroup.h"
#include "host/inventory.h"
#include "host/process.h"
#include "host/sample.h"

/* How often the processes of a domain are looked for, in its control group. */
#define DOMAIN_CPU_REFRESH_NS 5000000000u
/* And the group itself: the first times, when libvirt may still move things, and then. */
#define DOMAIN_CPU_REFRESHES_FIRST     3u
#define DOMAIN_CPU_REFRESHES_PER_GROUP 12u

/* What all domains of a host share; must outlive them. */
struct domain_cpu_context {
	struct process_config process;
	const char *libvirt_run;
	pid_t own_pid; /* this process in PROCFS; 0: unknown */
	struct cgroup_mounts mounts;
	/* The QEMUs of all domains: a group with two of them is nobody's own. */
	size_t n_qemus;
	const pid_t *qemus;
};

/* Why a domain is not measured; also what the log knows of it. */
enum domain_cpu_state {
	DOMAIN_CPU_NEW, /* its QEMU was not looked for yet */
	DOMAIN_CPU_OK,
	DOMAIN_CPU_MISSING,    /* neither peer nor pid file tell of a QEMU */
	DOMAIN_CPU_FOREIGN,    /* the process they tell of is not this domain's QEMU */
	DOMAIN_CPU_UNREADABLE, /* its QEMU is there but cannot be read */
};

struct domain_process {
	struct process process;
	bool listed;	  /* in the control group when last looked */
	bool is_kthread;  /* found by name: it need not be in the group */
	uint64_t base_ns; /* of exited_ns, from before the process came here */
};

struct domain_cpu {
	const struct domain_cpu_context *context;
	struct uuid uuid;
	char *name; /* owned; untrusted */
	int id;	    /* of libvirt */
	uint32_t n_vcpus;
	uint32_t max_vcpus;
	uint32_t vcpus_per_socket;
	uint64_t memory_kib;
	pid_t peer; /* of its channel, or 0 */
	enum domain_cpu_state state;
	int error;	     /* of DOMAIN_CPU_UNREADABLE: -errno */
	unsigned n_failures; /* in a row, to find its QEMU */
	uint64_t next_search_ns;
	uint64_t next_refresh_ns;
	unsigned n_refreshes; /* of the QEMU, as it is now */
	/* The first one is QEMU; none: it is not known. */
	size_t n_processes, processes_size;
	struct domain_process *processes;
	bool has_cgroup;
	struct domain_cgroup cgroup;
	uint64_t gone_ns;	/* of processes that ended */
	uint64_t read_ticks;	/* when it was last read, as start_ticks count */
	uint64_t cgroup_cpu_ns; /* last reading, where threads cannot be read */
};

/* -ENOMEM. */
int domain_cpu_new(const struct domain_cpu_context *context,
	const struct inventory_domain *domain, struct domain_cpu **ret_domain);
void domain_cpu_free(struct domain_cpu *domain);

/*
 * Something about a domain changed: takes over what is this one's. Looks at its
 * processes anew if that was its id, its name or how many vCPUs it has. -ENOMEM.
 */
int domain_cpu_update(
	struct domain_cpu *domain, const struct inventory_domain *inventory);

/* Its QEMU, or 0. */
pid_t domain_cpu_pid(const struct domain_cpu *domain);

/* The process behind its channel, to be tried first; looks at once. */
void domain_cpu_set_peer(struct domain_cpu *domain, pid_t pid);

/*
 * Looks for its QEMU, unless it is known or the last attempt was just now: that of
 * the channel, then the one of LIBVIRT_RUN/qemu/NAME.pid. True when it was found.
 */
bool domain_cpu_search(struct domain_cpu *domain, uint64_t now_ns);

/* A kernel thread that works for its QEMU. Known ones are fine. */
void domain_cpu_add_kthread(struct domain_cpu *domain, pid_t tid);

/*
 * Adds it and its threads to the sample, whose instants are set. -ESRCH: its QEMU is
 * not known or ended, nothing was added. Other -errno likewise; -ENOMEM may leave
 * threads without a domain.
 */
int domain_cpu_read(struct domain_cpu *domain, struct sample *sample);
