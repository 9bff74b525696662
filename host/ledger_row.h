/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What the rows of the ledger hold, as structs and as bytes: words of 64 bits,
 * little-endian, in the order of the fields; names and UUIDs as they are. Only the
 * fields: which slot, sequence and checksum a row has is host/ledger_image.h. Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/labels.h"
#include "host/machine.h"
#include "host/sample.h"
#include "host/tick.h"
#include "shared/message.h"
#include "shared/uuid.h"

/* A machine's, and those it had before: zones go by name and never leave. */
#define LEDGER_ZONES_MAX 256
/* With the NUL; longer names are cut. */
#define LEDGER_NAME_SIZE	128
#define LEDGER_IDLE_STATE_WORDS 16

/* Where energy came from, and whence its idle part was known; a set of these. */
#define LEDGER_SOURCE_POWERCAP 1u
#define LEDGER_SOURCE_ESTIMATE 2u
#define LEDGER_IDLE_CONFIGURED 4u
#define LEDGER_IDLE_CALIBRATED 8u
#define LEDGER_IDLE_LEARNED    16u

/*
 * A stretch of ticks and what it is called: they ended in [since, until), seconds of
 * the wall clock. The open one goes up to the header's own sequence.
 */
struct ledger_interval {
	uint64_t from_sequence; /* the last one before */
	uint64_t to_sequence;
	uint64_t since_s;
	uint64_t until_s; /* 0: none yet */
	uint64_t sources;
};

/* Counts, or capacities, of the tables. */
struct ledger_counts {
	uint32_t zones;
	uint32_t domains;
	uint32_t threads;
	uint32_t cpus;
};

/* The digest beside it is the sum of the checksums of all rows it counts. */
struct ledger_header {
	uint64_t sequence; /* of this commit; goes with the row, not with the fields */
	/* Epochs that began before this one are void. */
	uint64_t epoch_sequence;
	struct uuid book; /* random: sequences compare within a book only */
	struct uuid boot_id;
	uint64_t boottime_ns; /* of the last sample */
	uint64_t monotonic_ns;
	uint64_t wall_ns;
	struct ledger_counts counts;
	/* Since version 2. */
	/* How long the energy of all ticks was measured, estimated, degraded. */
	uint64_t quality_ns[MESSAGE_DEGRADED + 1];
	/* The same up to closed.to_sequence. */
	uint64_t closed_quality_ns[MESSAGE_DEGRADED + 1];
	/* The interval that closed last, and the one that is open. */
	struct ledger_interval closed, open;
	/*
	 * Records that end in (from, to] never count: a power failure took the book back
	 * to before them. Its own go on behind, as no sequence is used twice.
	 */
	uint64_t abandoned_from, abandoned_to;
};

/* A zone, cumulative over all boots; the raw reading and the rest are the last ones. */
struct ledger_zone {
	char name[MACHINE_ZONE_NAME_SIZE];
	uint64_t max_energy_range_uj;
	/* == domains' dynamic + idle + host's dynamic + idle + unattributed; domains:
	 * those with a row and those that left. */
	uint64_t total_uj;
	uint64_t unattributed_uj;
	struct tick_share host;
	/* Of all domains that ever were; derived, not stored. */
	struct tick_share domains;
	struct sample_zone raw;
	/* Of whoever learns the idle power; opaque here. All 0: nothing learned. */
	uint64_t idle_state[LEDGER_IDLE_STATE_WORDS];
	/* Since version 2. */
	/* Of domains that ended and have no row any more: theirs is in the intervals. */
	struct tick_share departed;
	/* The host's and nobody's when the last interval closed. */
	struct tick_share closed_host;
	uint64_t closed_unattributed_uj;
};

/* A domain; its energy per zone, cumulative over all boots, goes beside it. */
struct ledger_domain {
	struct uuid uuid;
	char name[LEDGER_NAME_SIZE]; /* untrusted text; "": unknown */
	/* Likewise, see host/labels.h. They have rows of their own, as they seldom
	 * change; relabelled: and did since the last store. */
	char labels[LABELS_SIZE];
	bool relabelled;
	/* It was in the sample of this sequence last. */
	uint64_t sequence;
	pid_t pid;
	uint64_t start_ticks;
	uint32_t n_vcpus;
	uint32_t max_vcpus;
	uint32_t vcpus_per_socket;
	uint64_t exited_ns;
	struct uuid epoch;	 /* nil: void */
	uint64_t epoch_sequence; /* the commit it began with */
	/* It is the first one of its QEMU, for certain. Not in the file: see
	 * host/ledger.c. */
	bool epoch_from_start;
	/* Cumulative energy of the epoch by place, see host/guest_zones.h. */
	uint64_t guest_uj[MESSAGE_ZONES_MAX];
	uint64_t first_wall_ns, first_boottime_ns;
	uint64_t last_wall_ns, last_boottime_ns;
	/* How long its energy was measured, estimated, degraded. */
	uint64_t quality_ns[MESSAGE_DEGRADED + 1];
};

/* What of a domain is in closed intervals; its energy per zone goes beside it. */
struct ledger_base {
	uint64_t quality_ns[MESSAGE_DEGRADED + 1];
};

/* A thread of the last sample. They are in its order: by UUID, then tid. */
struct ledger_thread {
	uint32_t domain; /* row */
	struct sample_thread thread;
};

/*
 * Bytes of the fields; a domain's and a base's shares follow their own, 16 bytes a
 * zone. _1: in version 1 of the format.
 */
#define LEDGER_HEADER_BYTES_1 104
#define LEDGER_ZONE_BYTES_1   (MACHINE_ZONE_NAME_SIZE + 8 * (7 + LEDGER_IDLE_STATE_WORDS))
#define LEDGER_HEADER_BYTES   (LEDGER_HEADER_BYTES_1 + 8 * 18)
#define LEDGER_ZONE_BYTES     (LEDGER_ZONE_BYTES_1 + 8 * 5)
#define LEDGER_DOMAIN_BYTES   (LEDGER_NAME_SIZE + 8 * (18 + MESSAGE_ZONES_MAX))
#define LEDGER_SHARE_BYTES    16
#define LEDGER_THREAD_BYTES   32
#define LEDGER_CPU_BYTES      8
#define LEDGER_BASE_BYTES     24

/* Each writes, or reads, as many bytes as defined above. */
void ledger_header_encode(
	const struct ledger_header *header, uint64_t digest, uint8_t *bytes);
void ledger_header_decode(
	const uint8_t *bytes, struct ledger_header *ret_header, uint64_t *ret_digest);
void ledger_zone_encode(const struct ledger_zone *zone, uint8_t *bytes);
void ledger_zone_decode(const uint8_t *bytes, struct ledger_zone *ret_zone);
void ledger_domain_encode(const struct ledger_domain *domain,
	const struct tick_share *shares, uint32_t n_shares, uint8_t *bytes);
void ledger_domain_decode(const uint8_t *bytes, struct ledger_domain *ret_domain,
	struct tick_share *ret_shares, uint32_t n_shares);
void ledger_thread_encode(const struct ledger_thread *thread, uint8_t *bytes);
void ledger_thread_decode(const uint8_t *bytes, struct ledger_thread *ret_thread);
void ledger_base_encode(const struct ledger_base *base, const struct tick_share *shares,
	uint32_t n_shares, uint8_t *bytes);
void ledger_base_decode(const uint8_t *bytes, struct ledger_base *ret_base,
	struct tick_share *ret_shares, uint32_t n_shares);
