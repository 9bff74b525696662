/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What the host says of the guest's zones becomes counters that last for a guest
 * boot: value = offset + what the host counted in this epoch. Pure; where the
 * memory is kept is guest/state.h's, who reads the counters fuse-powercap's.
 *
 * A sample is taken in two steps, so that what it makes visible is stored before:
 * mirror_prepare(), store the memory it gives, mirror_commit().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fuse-powercap/virtual.h"
#include "fuse-powercap/zone.h"
#include "shared/message.h"
#include "shared/uuid.h"

/* measured_uj has a value. */
#define MIRROR_MEASURED 1u
/* offset_uj is that of the memory's epoch. */
#define MIRROR_CURRENT 2u
/* The last sample had it. */
#define MIRROR_SAMPLED 4u

/*
 * What a host can have counted: 292,000 years of 1 MW. A slip of a host, once shown
 * and never taken back, must leave room to go on counting.
 */
#define MIRROR_UJ_MAX ((uint64_t)INT64_MAX)

/* These two are stored as they are: of fixed size, without padding. */
struct mirror_zone {
	char name[POWERCAP_ZONE_NAME_SIZE];
	int32_t parent; /* its package's place, or POWERCAP_ZONE_NO_PARENT */
	uint32_t flags;
	uint64_t max_energy_range_uj;
	uint64_t offset_uj;   /* modulo 2^64: it can be negative */
	uint64_t measured_uj; /* offset_uj + the host's value */
};

struct mirror_memory {
	struct uuid epoch;    /* of the last sample; nil: there was none */
	uint32_t n_zones;     /* 0: no welcome in this boot yet */
	uint32_t reserved[3]; /* 0 */
	uint64_t t_ns;	      /* of the last sample, the host's clock */
	uint64_t ahead_ns;    /* the host's clock before the guest's, modulo 2^64 */
	struct mirror_zone zones[POWERCAP_ZONES_MAX];
	/* By the guest's clock, so that a next process goes on with the same line. */
	struct virtual_plan plan;
};

/* Of a zone that the current welcome does not have. */
#define MIRROR_ABSENT (-1)

struct mirror {
	struct mirror_memory memory;
	struct powercap_model model;
	struct virtual_counters counters;
	bool counting;	   /* counters is initialised */
	struct uuid epoch; /* of the current welcome */
	bool from_start;   /* and whether all of it is news to the guest */
	uint64_t period_ns;
	uint64_t stale_after_ns;
	/* Per zone: its place in the current welcome, or MIRROR_ABSENT. */
	int places[POWERCAP_ZONES_MAX];
	bool welcomed; /* and there was no sample since */
	bool sampled;  /* by this process */
};

/* No zones, before the first welcome of a boot. */
void mirror_init(struct mirror *mirror);

/*
 * Goes on from what an earlier process kept, also between two samples: who reads
 * sees no difference. A plan from after now_ns is of another clock, and dropped.
 * -EINVAL: the memory cannot have been ours.
 */
int mirror_restore(
	struct mirror *mirror, const struct mirror_memory *memory, uint64_t now_ns);

/*
 * The zones and times that samples will have from now on. Zones are matched by
 * name and parent; the first welcome of a boot makes them. -EINVAL: zones or times
 * that fuse-powercap refuses, and nothing has changed.
 */
int mirror_welcome(struct mirror *mirror, const struct message_welcome *welcome);

/*
 * Whether the host may be talking of another epoch than the current welcome's: time
 * passed for it that did not pass here, so the guest's memory may be that of a
 * snapshot. Never of the first sample after a welcome.
 */
bool mirror_doubts(const struct mirror *mirror, const struct message_sample *sample,
	uint64_t now_ns);

/*
 * What is to be stored before this sample, of the current welcome, is committed.
 * -ERANGE: a value is lower than before in its epoch, beyond MIRROR_UJ_MAX, or takes
 * the guest's beyond 64 bits.
 *
 * Values are exact at once, rather than on their way, where time passed that the
 * guest did not see: after a pause, and in a new epoch, which is a restored or
 * migrated guest. So is a zone that the last sample did not have.
 */
int mirror_prepare(const struct mirror *mirror, const struct message_sample *sample,
	uint64_t now_ns, struct mirror_memory *ret_memory);

/* Makes a sample visible; memory is what mirror_prepare() gave for it just now. */
void mirror_commit(struct mirror *mirror, const struct mirror_memory *memory);

/* Whether zones can be shown: a welcome of this boot is known, and a sample. */
bool mirror_is_ready(const struct mirror *mirror);

/* The zones of this boot; they do not change any more once mirror_is_ready(). */
const struct powercap_model *mirror_model(const struct mirror *mirror);

/* When all values become stale; UINT64_MAX: there is no sample. */
uint64_t mirror_stale_at_ns(const struct mirror *mirror);

/* Whether the host has told of that zone in its last sample. */
bool mirror_is_measured(const struct mirror *mirror, unsigned int zone);

/*
 * energy_uj of a zone, wrapped at its range. -EIO: the zone is not measured now, or
 * no sample came for too long.
 */
int mirror_read(
	struct mirror *mirror, unsigned int zone, uint64_t now_ns, uint64_t *ret_uj);

/* The same, not wrapped. */
int mirror_shown(
	struct mirror *mirror, unsigned int zone, uint64_t now_ns, uint64_t *ret_uj);
