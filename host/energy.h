/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The energy of this host and the busy time of its CPUs: chooses a source, keeps
 * the machine's description up to date and takes the readings. It computes no
 * differences.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/sample.h"
#include "host/topology.h"

#define ENERGY_RESCAN_NS 60000000000u
/* While a zone cannot be read. */
#define ENERGY_RETRY_NS	    5000000000u
#define ENERGY_MESSAGE_SIZE 512

enum energy_choice {
	ENERGY_AUTO, /* powercap where a package can be read, else the estimate */
	ENERGY_POWERCAP,
	ENERGY_ESTIMATE,
};

struct energy_config {
	const char *sysfs;  /* "/sys"; must outlive the source */
	const char *procfs; /* "/proc"; likewise */
	enum energy_choice choice;
	/* Of the estimate, for each package. */
	uint64_t idle_uw;
	uint64_t full_uw; /* with all its CPUs busy; at least idle_uw */
};

/* One kind of source; see host/powercap.h and host/estimate.h. */
struct energy_ops {
	const char *name; /* as in source=NAME */

	/* -ENODEV: this host has none of it. */
	int (*open)(const struct energy_config *config, void **ret_source);

	/*
	 * Finds the zones and fills machine, all but its generation; the caller then
	 * owns machine->cpus. Of a powercap class, zones of scans before that are gone
	 * stay. On failure nothing changed.
	 */
	int (*scan)(
		void *source, const struct topology *topology, struct machine *machine);

	/*
	 * Reads the zones of the last scan. sample has its instants and CPUs. Sets
	 * sample->zones and error[zone]: 0 or -errno, -ENODEV a zone that is gone,
	 * -ENODATA an empty file, -EBADMSG no number, -ERANGE no usable
	 * max_energy_range_uj.
	 */
	void (*read)(void *source, struct sample *sample, int error[MACHINE_ZONES_MAX]);

	/* Where a zone of the last scan is ("/sys/class/powercap/intel-rapl:0"). */
	void (*describe)(void *source, size_t zone, char *text, size_t size);

	/* NULL is fine. */
	void (*close)(void *source);
};

struct energy;

/*
 * Chooses, scans, and opens. -ENODEV: the chosen source is not there, the reason
 * says why and what to do; other -errno: topology unreadable, -ENOMEM. reason is
 * one sentence for the log, set in every case.
 */
int energy_open(const struct energy_config *config, struct energy **ret_energy,
	char reason[ENERGY_MESSAGE_SIZE]);
void energy_close(struct energy *energy);

/* "powercap" or "estimate". */
const char *energy_source_name(const struct energy *energy);

/* Valid until the next energy_read(), which may replace its contents. */
const struct machine *energy_machine(const struct energy *energy);

/*
 * Fills sample's instants, CPUs and zones. First scans again if a CPU came or went
 * or there are new read errors; machine.generation grows when a scan found something
 * changed. Errors of zones make the zone not valid; -errno only when PROCFS/stat
 * cannot be read or memory is short.
 */
int energy_read(struct energy *energy, struct sample *sample);

/*
 * Scans again where it is time to: every ENERGY_RESCAN_NS, or ENERGY_RETRY_NS while a
 * zone cannot be read. Call it after the readings of a tick, which it would delay; the
 * next energy_read() takes over what it found.
 */
void energy_look_around(struct energy *energy, uint64_t monotonic_ns);

/*
 * Whether the zone could not be read last time; then the cause and the cure, which are
 * constants or valid until strerror() is called again.
 */
bool energy_zone_problem(const struct energy *energy, size_t zone,
	const char **ret_reason, const char **ret_cure);

/*
 * The next thing about a zone worth a line in the log (name, cause, cure): once
 * when its state changes. false: no more.
 */
bool energy_next_message(struct energy *energy, char message[ENERGY_MESSAGE_SIZE]);
