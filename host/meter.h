/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * From samples to ticks: whose the energy is. Holds what attribution remembers
 * from one sample to the next: the last readings, the carries, the idle power of
 * every zone. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "host/coefficients.h"
#include "host/idle_policy.h"
#include "host/idle_power.h"
#include "host/machine.h"
#include "host/sample.h"
#include "host/tick.h"
#include "host/usage.h"
#include "host/weight.h"

struct meter;

struct meter_options {
	enum idle_policy idle_policy;
	/* The energy is the estimate source's: every tick says so. */
	bool estimated;
	/* What CPU time weighs; all 0: siblings share a core fully, clocks cost alike. */
	struct weight_model weight;
	/*
	 * Dynamic energy of packages goes by what was learned of the domains, see
	 * host/coefficients.h. Of an estimate nothing can be learned.
	 */
	bool learn;
};

/* -ENOMEM. */
int meter_new(const struct meter_options *options, struct meter **ret_meter);
/* NULL is fine. */
void meter_free(struct meter *meter);

/*
 * Idle power of the zone with this name, known to the machine or not yet: given by
 * the administrator or by a calibration (origin), or what was learned in an
 * earlier run. -ENOSPC: more zones than a machine can have. -EINVAL: the name is
 * too long.
 */
int meter_set_idle_power(struct meter *meter, const char *zone,
	enum idle_power_origin origin, uint64_t idle_uw);
int meter_restore_idle_power(
	struct meter *meter, const char *zone, const struct idle_power_state *learned);

/*
 * Makes the machine's zones known before the next step does: of these, and of all that
 * were known before, idle power can be set, however many other zones there were once.
 */
void meter_map_zones(struct meter *meter, const struct machine *machine);

/* As the last step has it. NULL: no such zone. Valid until the next call that is not
 * const. */
const struct idle_power *meter_get_idle_power(
	const struct meter *meter, const char *zone);

/*
 * What was learned of the domains, to be kept for the next run, see
 * host/coefficients.h. Size 0: nothing. Restoring: -EBADMSG, -ENOMEM; a meter that does
 * not learn ignores it.
 */
size_t meter_encode_coefficients(
	struct meter *meter, uint8_t bytes[COEFFICIENTS_BYTES_MAX]);
int meter_restore_coefficients(struct meter *meter, const uint8_t *bytes, size_t size);

/*
 * Continues after a restart within the same boot: sample is the last one of the
 * earlier run, its zones in the order of this machine (not valid: a zone it did not
 * have). The next step covers the outage in one degraded tick; if a QEMU of this
 * sample is no longer there, the host's dynamic energy of that tick is
 * unattributed, because it may be that domain's. So step only once the domains are
 * known. -ENOMEM leaves the meter as it was.
 */
int meter_resume(
	struct meter *meter, const struct machine *machine, const struct sample *sample);

/*
 * The energy between the sample accepted last and this one. After the first sample
 * ever all zones are TICK_ZONE_BASELINE and every amount is 0. tick is reused from
 * call to call. A steady state allocates nothing. -ENOMEM: there is no tick.
 *
 * The meter goes on from this sample once meter_accept() says that the tick was
 * booked. A tick that was not is as if it had never been: the next step covers the
 * longer time.
 */
int meter_step(struct meter *meter, const struct machine *machine,
	const struct sample *sample, struct tick *tick);
/* After a step that succeeded, once. */
void meter_accept(struct meter *meter);

/*
 * Who used the CPUs in the last step, its threads in the order of that step's sample.
 * NULL: nothing could be said of it. Valid until the next step.
 */
const struct usage *meter_get_usage(const struct meter *meter);
