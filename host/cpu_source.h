/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * CPU time of all domains: keeps a struct domain_cpu for each one of the
 * inventory and reads them every tick. Not thread safe: the sampler's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/inventory.h"
#include "host/sample.h"

#define CPU_SOURCE_MESSAGE_SIZE 512

struct cpu_source_config {
	const char *procfs;	 /* "/proc"; both must outlive the source */
	const char *libvirt_run; /* "/run/libvirt" */
};

struct cpu_source;

/* Raises RLIMIT_NOFILE to its hard limit. -ENOMEM. */
int cpu_source_new(
	const struct cpu_source_config *config, struct cpu_source **ret_source);
void cpu_source_free(struct cpu_source *source);

/*
 * From now on these are the domains; call it whenever the inventory changed. The
 * threads and processes of domains that are new or changed are looked at anew.
 * Copies what it needs. -ENOMEM: domains that are new may be missing.
 */
int cpu_source_set_inventory(
	struct cpu_source *source, const struct inventory *inventory);

/*
 * The process at the other end of the domain's channel (SO_PEERCRED). It is taken
 * for the domain's QEMU only if its command line says so.
 */
void cpu_source_set_peer(struct cpu_source *source, const struct uuid *uuid, pid_t pid);

/* The domain's QEMU, or 0 while it is not known; then it is looked for here. */
pid_t cpu_source_find_pid(struct cpu_source *source, const struct uuid *uuid);

/*
 * Fills sample's domains and threads. Domains whose QEMU is not (yet or any
 * more) there are left out. -ENOMEM leaves these two empty.
 */
int cpu_source_read(struct cpu_source *source, struct sample *sample);

/*
 * The next thing about a domain worth a line in the log (name, cause, cure): once
 * when its state changes. false: no more.
 */
bool cpu_source_next_message(
	struct cpu_source *source, char message[CPU_SOURCE_MESSAGE_SIZE]);
