/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What has to hold of an update. */
#include "host/ledger_check.h"

/* Whether the sample is as host/sample.h has it; what is not could not be loaded again.
 */
static bool sample_is_sound(const struct sample *sample)
{
	for (size_t i = 0; i < sample->n_domains; i++) {
		const struct sample_domain *domain = &sample->domains[i];

		if (i > 0 &&
			uuid_compare(&sample->domains[i - 1].uuid, &domain->uuid) >= 0)
			return false;
		if (domain->first_thread > sample->n_threads ||
			domain->n_threads > sample->n_threads - domain->first_thread)
			return false;
	}
	for (size_t i = 0; i < sample->n_threads; i++) {
		if (sample->threads[i].kind > SAMPLE_THREAD_VHOST)
			return false;
	}
	return true;
}

static bool zone_adds_up(const struct tick *tick, size_t zone)
{
	const struct tick_zone *all = &tick->zones[zone];
	uint64_t sum_uj = all->host.dynamic_uj + all->host.idle_uj + all->unattributed_uj;

	for (size_t i = 0; i < tick->n_domains; i++) {
		const struct tick_share *share = tick_share(tick, i, zone);

		sum_uj += share->dynamic_uj + share->idle_uj;
	}
	return sum_uj == all->total_uj;
}

bool ledger_check_update(const struct ledger_update *update)
{
	size_t n_zones = update->machine->n_zones;

	if (update->tick->n_zones != n_zones || update->sample->n_zones != n_zones ||
		n_zones > MACHINE_ZONES_MAX ||
		(unsigned int)update->tick->quality > MESSAGE_DEGRADED)
		return false;
	for (size_t zone = 0; zone < n_zones; zone++) {
		if (update->machine->zones[zone].name[0] == '\0' ||
			!zone_adds_up(update->tick, zone))
			return false;
	}
	return sample_is_sound(update->sample);
}
