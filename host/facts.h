/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What vmpower doctor looks at, as it found it: the kernel's powercap tree, the
 * module behind it, libvirt and its domains, running daemons. Gathering (I/O, in
 * host/facts_*.c) judges nothing; judging (host/diagnose.h) reads nothing else.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/client.h"
#include "host/domain_xml.h"
#include "host/machine.h"
#include "host/snapshot.h"

/* Where to look. */
struct facts_paths {
	const char *sysfs;
	const char *procfs;
	const char *modules; /* /lib/modules */
	const char *libvirt_run_dir;
	const char *connect; /* libvirt's URI */
	const char *run_dir; /* hostd's */
	const char *config;  /* hostd's, to be named */
	const char *systemd; /* exists where systemd is the service manager */
};

/* A process's rights to files. */
struct facts_process {
	pid_t pid;
	uid_t uid; /* effective, as gid */
	gid_t gid;
	size_t n_groups;
	gid_t groups[64];
	uint64_t capabilities; /* effective */
};

/* A file that hostd must be able to use: the first thing on its path that it may not. */
struct facts_access {
	int error;     /* 0: it may; positive errno otherwise */
	char *blocker; /* the path's part that is missing or closed to it; NULL if error
			  is 0 */
	mode_t mode;   /* of the blocker; 0: it does not exist */
	gid_t gid;
	char *group; /* its name; NULL: it has none */
};

enum facts_module {
	FACTS_MODULE_UNKNOWN, /* the kernel's list of modules cannot be read */
	FACTS_MODULE_ABSENT,  /* not part of this kernel */
	FACTS_MODULE_UNLOADED,
	FACTS_MODULE_LOADED, /* or built in */
};

struct facts_zone {
	char *path; /* of energy_uj */
	int error;  /* of this process's read, positive errno; 0: it gave a number */
	struct facts_access hostd; /* where hostd runs */
};

struct facts_powercap {
	bool has_class; /* SYSFS/class/powercap exists */
	size_t n_zones;
	struct facts_zone zones[MACHINE_ZONES_MAX]; /* packages and dram */
	enum facts_module module;		    /* intel_rapl_msr */
	char release[128];			    /* of the running kernel */
	bool in_vm; /* this host is itself a virtual machine */
};

enum facts_libvirt_state {
	FACTS_LIBVIRT_OK,
	FACTS_LIBVIRT_DOWN,    /* nobody answers */
	FACTS_LIBVIRT_REFUSED, /* it answers that this is not allowed */
	FACTS_LIBVIRT_HANGS,   /* no answer in time */
	FACTS_LIBVIRT_OTHER,
};

struct facts_domain {
	struct domain_xml live;
	bool persistent;
	bool config_has_channel;
	/* Where hostd runs and there is a channel: its socket. */
	struct facts_access socket;
	/* Another process than hostd, whom QEMU serves there; 0: none seen. */
	pid_t holder;
	char holder_comm[32];
};

struct facts_libvirt {
	enum facts_libvirt_state state; /* of a read-only connection by this process */
	char *error;			/* libvirt's message; NULL if OK */
	bool modular;			/* virtqemud rather than libvirtd */
	char *socket;			/* the read-only socket file */
	struct facts_access access;	/* hostd's, where it runs */
	size_t n_domains;		/* the running ones, or the one asked for */
	struct facts_domain *domains;
};

/* More are not told apart. */
#define FACTS_DAEMONS_MAX 16

struct facts_hostd {
	size_t n_daemons; /* processes of that name */
	pid_t daemons[FACTS_DAEMONS_MAX];
	char *socket;		     /* RUN/hostd.sock */
	struct facts_process server; /* who listens there; pid 0: nobody */
	char *server_command;	     /* how it was started, for sh(1); NULL: unknown */
	char *user;		     /* its name; NULL: it has none */
	struct snapshot *snapshot;   /* its newest; NULL: error says why */
	int error;		     /* as client_get() */
	char message[CLIENT_ERROR_SIZE];
};

struct facts {
	const struct facts_paths *paths;
	bool has_systemd;
	const char *domain; /* the one asked for; NULL: all */
	struct facts_powercap powercap;
	struct facts_libvirt libvirt;
	struct facts_hostd hostd;
};

/*
 * Looks at everything; what cannot be found out is part of the facts. domain is a
 * name or UUID, or NULL. Only -ENOMEM fails.
 */
int facts_gather(
	struct facts *facts, const struct facts_paths *paths, const char *domain);

/* Frees what it holds. A zeroed one is fine. */
void facts_deinit(struct facts *facts);
void facts_access_deinit(struct facts_access *access);

/* The parts of facts_gather(): they fill their part, which was zeroed. */
int facts_gather_powercap(struct facts_powercap *powercap,
	const struct facts_paths *paths, const struct facts_process *hostd);
int facts_gather_hostd(struct facts_hostd *hostd, const struct facts_paths *paths);
int facts_gather_libvirt(struct facts_libvirt *libvirt, const struct facts_paths *paths,
	const struct facts_process *hostd, const char *domain);

/*
 * Notes for each domain the process that QEMU serves at its channel's socket, unless
 * that is hostd or this one, and where it can be seen. -ENOMEM.
 */
int facts_find_holders(
	const char *procfs, pid_t hostd, struct facts_domain *domains, size_t n_domains);

/* Whose rights PROCFS/PID/status tells; -errno. */
int facts_read_process(const char *procfs, pid_t pid, struct facts_process *ret_process);

/*
 * Whether the process may do access (R_OK, W_OK) to the file at path, which is
 * absolute, going by owners, modes and capabilities. -ENOMEM.
 */
int facts_check_access(const struct facts_process *process, const char *path, int access,
	struct facts_access *ret_access);
