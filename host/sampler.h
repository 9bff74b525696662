/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * One tick of the daemon: reads every source at one instant, lets the meter share
 * the energy out, and enters the result in the ledger. Publishing it is somebody
 * else's (host/publisher.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/hostd_config.h"
#include "host/inventory.h"
#include "host/ledger.h"
#include "host/machine.h"
#include "host/meter.h"
#include "host/tick.h"

struct sampler;

/*
 * Opens the energy source, the CPU time source and the ledger, and goes on from
 * the run before where it was in this boot. The config must outlive it. Says on
 * the log what fails, with the cure; returns -errno.
 */
int sampler_new(const struct hostd_config *config, struct sampler **ret_sampler);
void sampler_free(struct sampler *sampler);

/*
 * Takes what vmpower calibrate left in the state directory, or what is not there any
 * more, from the next tick on. What is wrong with it is said on the log, and changes
 * nothing. sampler_new() does it first.
 */
void sampler_load_calibration(struct sampler *sampler);

/*
 * Begins with the domains that ran when the run before ended, in this boot, as the
 * ledger knows them: each without its id and channel, and not connected. Whether
 * they still run shows when they are measured. Returns the inventory, which the
 * caller owns and which must stay until sampler_set_inventory(). -ENOMEM.
 */
int sampler_recall_inventory(struct sampler *sampler, struct inventory **ret_inventory);

/* From now on these are the domains. It must stay until the next call. -ENOMEM. */
int sampler_set_inventory(struct sampler *sampler, const struct inventory *inventory);

/* Whether process pid, which has the domain's channel, is its QEMU. */
bool sampler_verify_peer(struct sampler *sampler, const struct uuid *uuid, pid_t pid);

/*
 * Measures, shares out, and books. late_ns: how long after its time it begins.
 * -errno: there is no tick this time (said on the log), the next one covers it. A
 * ledger that cannot be written is said on the log and is no error.
 */
int sampler_measure(struct sampler *sampler, uint64_t late_ns);

/* For the writer: see host/ledger.h. */
bool sampler_next_interval(struct sampler *sampler, struct interval_record *ret_record);
void sampler_return_interval(struct sampler *sampler, struct interval_record *record);
bool sampler_lost_ledger(struct sampler *sampler, uint64_t inode);
void sampler_set_durable(struct sampler *sampler, uint64_t sequence);

/* Of the last tick. Valid until the next sampler_measure(). */
const struct machine *sampler_machine(const struct sampler *sampler);
const struct sample *sampler_sample(const struct sampler *sampler);
/* Of the sample's domains; NULL for one that the inventory no longer has. */
const char *const *sampler_names(const struct sampler *sampler);
const struct tick *sampler_tick(const struct sampler *sampler);
/* What was learned of the domains; 0: nothing. See host/coefficients.h. */
size_t sampler_encode_coefficients(
	struct sampler *sampler, uint8_t bytes[COEFFICIENTS_BYTES_MAX]);
const struct ledger *sampler_ledger(const struct sampler *sampler);
const struct meter *sampler_meter(const struct sampler *sampler);
uint64_t sampler_late_ns(const struct sampler *sampler);
/* Wall time that the tick took. */
uint64_t sampler_cost_ns(const struct sampler *sampler);
/* "powercap" or "estimate". */
const char *sampler_source_name(const struct sampler *sampler);
/* What is wrong with a zone and how to mend it; false: nothing. */
bool sampler_zone_problem(const struct sampler *sampler, size_t zone,
	const char **ret_reason, const char **ret_cure);
