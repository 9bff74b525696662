/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What the world is shown of one tick: zones, domains and guest links, complete
 * and never changed again. The sampler makes one a tick and publishes it in a
 * box; HTTP threads take a reference and read without any lock. Energies are the
 * ledger's, so in every zone, both since the ledger began and in the last tick,
 *
 *	domains + ended + host (dynamic + idle each) + unattributed == total
 *
 * exactly, and since the host booted, with the lingering domains beside the others. Pure,
 *but for the box, which has a lock.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/idle_power.h"
#include "host/link.h"
#include "host/machine.h"
#include "host/self_usage.h"
#include "host/tick.h"
#include "shared/cleanup.h"
#include "shared/message.h"
#include "shared/uuid.h"

/* A zone's energy, and whose it is; the domains that run now have their own shares. */
struct snapshot_account {
	uint64_t total_uj;
	uint64_t unattributed_uj;
	struct tick_share host;
	struct tick_share ended; /* of domains that do not run any more */
};

struct snapshot_zone {
	char name[MACHINE_ZONE_NAME_SIZE];
	enum machine_zone_kind kind;
	enum tick_zone_state state;
	const char *problem; /* what is wrong and what to do; NULL: nothing */
	uint64_t idle_uw;    /* idle power assumed */
	enum idle_power_origin idle_origin;
	int32_t package;	      /* physical id; -1: no package's (psys) */
	struct snapshot_account sum;  /* since the ledger began */
	struct snapshot_account last; /* in the last tick */
	/* Since the host booted: ended is of those that are not lingering either. */
	struct snapshot_account boot;
	/* The time that took: more than the tick's after a gap in the readings. */
	uint64_t last_ns;
};

struct snapshot_share {
	struct tick_share sum;
	struct tick_share last;
	struct tick_share boot; /* since the host booted, see host/since_boot.h */
};

struct snapshot_guest_zone {
	char name[MESSAGE_ZONE_NAME_SIZE];
	uint64_t measured_uj; /* in this epoch, up to this tick */
	uint64_t acked_uj;    /* what the sample acked_seq carried */
};

struct snapshot_link {
	enum link_state state;
	uint64_t since_ns;  /* CLOCK_BOOTTIME when it entered the state */
	const char *agent;  /* from hello, printable ASCII; NULL: none yet */
	const char *error;  /* why it is unreachable, else NULL */
	struct uuid epoch;  /* nil: none */
	uint64_t acked_seq; /* 0: none since the welcome */
	size_t n_zones;
	struct snapshot_guest_zone *zones;
};

/* A thread that runs a virtual CPU, or all of them. */
struct snapshot_vcpu {
	uint32_t number;
	uint32_t cpu;	 /* of the host, where it was last, */
	int32_t package; /* and that one's physical id; -1: not known */
	uint64_t cpu_ns; /* in the last tick */
};

struct snapshot_domain {
	struct uuid uuid;
	const char *name;   /* untrusted text */
	const char *labels; /* see host/labels.h; likewise */
	int id;
	bool paused;
	uint32_t n_vcpus;
	uint64_t cpu_ns; /* of all its threads in the last tick */
	/* As many as were seen in it, by number. */
	size_t n_vcpu_times;
	struct snapshot_vcpu *vcpu_times;
	struct snapshot_share *zones; /* n_zones of the snapshot */
	struct snapshot_link link;
};

/* A domain that ended not long ago. */
struct snapshot_lingering {
	struct uuid uuid;
	const char *name;	  /* untrusted text */
	struct tick_share *zones; /* n_zones of the snapshot; since the host booted */
};

/* What became of the ticks that are pushed to a target, since the daemon began. */
struct snapshot_push {
	const char *name; /* of the target */
	uint64_t delivered_ticks;
	uint64_t full_ticks;	/* dropped: the queue was full, */
	uint64_t refused_ticks; /* the target refused them, */
	uint64_t unclear_ticks; /* or did when it may have had them already, */
	uint64_t memory_ticks;	/* or there was no memory for them */
	uint64_t failures;	/* attempts to send that failed */
	uint64_t waiting_ticks;
	uint64_t delivered_ns; /* CLOCK_REALTIME, of the last delivery; 0: none */
};

struct snapshot {
	uint64_t number; /* of the tick, from 1 in each run of the daemon */
	uint64_t boottime_ns;
	uint64_t time_ns; /* CLOCK_REALTIME */
	uint64_t dt_ns;	  /* length of the last tick; 0: there was none */
	/* CPU time of this tick that no domain used. */
	uint64_t host_cpu_ns;
	uint64_t late_ns; /* how long after its time it began, */
	uint64_t cost_ns; /* and how long it took */
	/* Of this run of the daemon, CLOCK_BOOTTIME: when it began, */
	uint64_t started_ns;
	uint64_t next_ns;	 /* when the next tick is due, unless one is asked for, */
	uint64_t degraded_ticks; /* and how many of its ticks were of that quality */
	enum message_quality quality;
	const char *source;	      /* "powercap", "estimate" */
	const char *idle_policy;      /* "reserved", ... */
	const char *calibration_file; /* where vmpower calibrate leaves what it found */
	bool libvirt_connected;
	const char *libvirt_error; /* NULL when connected */
	size_t n_zones;
	struct snapshot_zone *zones; /* as in the machine */
	size_t n_domains;
	struct snapshot_domain *domains; /* in the order of their UUIDs */
	size_t n_lingering;
	struct snapshot_lingering *lingering; /* in the order of their UUIDs */
	size_t n_pushes;
	struct snapshot_push *pushes;
	struct self_usage self; /* what the daemon itself takes */
};

/*
 * A zeroed one with one reference, room for the zones and the domains, which have no
 * labels, and for each domain's shares; the maker fills it in. NULL: no memory.
 */
struct snapshot *snapshot_new(size_t n_zones, size_t n_domains);

/*
 * Memory of the snapshot's own, zeroed, that lives as long as it does: for texts
 * and guest zones. NULL: no memory. Only its maker calls these, before it is
 * published.
 */
void *snapshot_alloc(struct snapshot *snapshot, size_t n, size_t size);
/* A copy of text; NULL also where text is NULL. */
const char *snapshot_copy_text(struct snapshot *snapshot, const char *text);

/* The memory that it takes, about. */
size_t snapshot_size(const struct snapshot *snapshot);

/* Another reference to it; NULL is passed through. Any thread. */
struct snapshot *snapshot_ref(const struct snapshot *snapshot);
/* Gives one back; the last one frees it. NULL is fine. Any thread. */
void snapshot_unref(struct snapshot *snapshot);

/* The power that moves uj in dt_ns; 0 where dt_ns is 0. */
double snapshot_watts(uint64_t uj, uint64_t dt_ns);

/* Whether the source is a model rather than a meter. */
bool snapshot_is_estimate(const struct snapshot *snapshot);

/* Whether the zone is shared out among the domains: packages and dram. */
bool snapshot_zone_is_shared(const struct snapshot_zone *zone);

/* The power of uj of the zone's last tick. */
double snapshot_zone_watts(const struct snapshot_zone *zone, uint64_t uj);

struct snapshot_power {
	double dynamic_w, idle_w;
};

/* A domain's power in all shared zones in the last tick. */
struct snapshot_power snapshot_domain_power(
	const struct snapshot *snapshot, const struct snapshot_domain *domain);

/* And its energy since the ledger began. */
struct tick_share snapshot_domain_sum(
	const struct snapshot *snapshot, const struct snapshot_domain *domain);

/* Whether metrics of both would have the same labels: most ticks are like the one before.
 */
bool snapshot_has_same_series(const struct snapshot *a, const struct snapshot *b);

/*
 * A zone's account since the host booted for who does not show those who linger: they
 * are among the ended.
 */
struct snapshot_account snapshot_since_boot(const struct snapshot *snapshot, size_t zone);

/* The domain with this UUID, or NULL. */
const struct snapshot_domain *snapshot_find_domain(
	const struct snapshot *snapshot, const struct uuid *uuid);

/* Where the sampler leaves the newest one and others take it. */
struct snapshot_box {
	pthread_mutex_t lock;
	struct snapshot *newest; /* one reference; NULL: none yet */
	struct snapshot *coarse; /* likewise, at most one a second */
};

void snapshot_box_init(struct snapshot_box *box);
void snapshot_box_deinit(struct snapshot_box *box);

/*
 * Puts snapshot there, whose reference the box takes over, and drops the one before.
 * coarse: those who may see no more than one a second see it as well.
 */
void snapshot_box_publish(
	struct snapshot_box *box, struct snapshot *snapshot, bool coarse);

/* A reference to the newest, which the caller owns; NULL: none yet. */
struct snapshot *snapshot_box_take(struct snapshot_box *box);

/* Likewise to the newest that everybody may see. */
struct snapshot *snapshot_box_take_coarse(struct snapshot_box *box);

static inline void cleanup_snapshot_unrefp(struct snapshot **snapshot)
{
	snapshot_unref(*snapshot);
}
#define cleanup_snapshot_unref cleanup(cleanup_snapshot_unrefp)
