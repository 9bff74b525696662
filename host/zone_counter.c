/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A zone's counter: baseline, delta, and what goes wrong. */
#include "host/zone_counter.h"

#include "shared/counter.h"

static void set_baseline(
	struct zone_counter *counter, uint64_t energy_uj, uint64_t boottime_ns)
{
	counter->known = true;
	counter->suspect = false;
	counter->energy_uj = energy_uj;
	counter->boottime_ns = boottime_ns;
}

/* A counter that went on counted energy; one that did not wrapped or was reset. */
static void cross_suspend(struct zone_counter *counter, uint64_t energy_uj,
	uint64_t boottime_ns, struct zone_delta *ret_delta)
{
	ret_delta->state = TICK_ZONE_BASELINE;
	if (energy_uj >= counter->energy_uj) {
		ret_delta->state = TICK_ZONE_AMBIGUOUS;
		ret_delta->energy_uj = energy_uj - counter->energy_uj;
		ret_delta->dt_ns = boottime_ns - counter->boottime_ns;
	}
	set_baseline(counter, energy_uj, boottime_ns);
}

static void advance(struct zone_counter *counter, const struct machine_zone *zone,
	uint64_t energy_uj, uint64_t boottime_ns, struct zone_delta *ret_delta)
{
	uint64_t dt_ns = boottime_ns - counter->boottime_ns;
	uint64_t delta_uj;

	switch (counter_advance(counter->energy_uj, energy_uj, zone->max_energy_range_uj,
		zone->max_power_uw, dt_ns, &delta_uj)) {
	case COUNTER_OK:
		ret_delta->state = TICK_ZONE_OK;
		break;
	case COUNTER_AMBIGUOUS:
		ret_delta->state = TICK_ZONE_AMBIGUOUS;
		break;
	case COUNTER_IMPOSSIBLE:
		if (counter->suspect)
			set_baseline(counter, energy_uj, boottime_ns);
		else
			counter->suspect = true;
		return;
	}
	ret_delta->energy_uj = delta_uj;
	ret_delta->dt_ns = dt_ns;
	set_baseline(counter, energy_uj, boottime_ns);
}

void zone_counter_advance(struct zone_counter *counter, const struct machine_zone *zone,
	const struct sample_zone *now, uint64_t boottime_ns, bool suspended,
	struct zone_delta *ret_delta)
{
	*ret_delta = (struct zone_delta){ .state = TICK_ZONE_EXCLUDED };
	if (!now->valid || now->energy_uj > zone->max_energy_range_uj) {
		if (suspended)
			counter->known = false;
		return;
	}
	if (!counter->known || boottime_ns < counter->boottime_ns) {
		ret_delta->state = TICK_ZONE_BASELINE;
		set_baseline(counter, now->energy_uj, boottime_ns);
		return;
	}
	if (suspended)
		cross_suspend(counter, now->energy_uj, boottime_ns, ret_delta);
	else
		advance(counter, zone, now->energy_uj, boottime_ns, ret_delta);
}
