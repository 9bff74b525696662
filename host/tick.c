/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Ticks: their memory. */
#include "host/tick.h"
#include "shared/array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tick_reset(struct tick *tick, size_t n_zones, size_t n_domains)
{
	size_t n_shares = n_domains * n_zones;

	tick->boottime_ns = 0;
	tick->dt_ns = 0;
	tick->quality = MESSAGE_MEASURED;
	tick->n_zones = 0;
	tick->n_domains = 0;
	if (array_reserve(&tick->domains, &tick->domains_size, n_domains) < 0 ||
		array_reserve(&tick->shares, &tick->shares_size, n_shares) < 0)
		return -ENOMEM;
	tick->n_zones = n_zones;
	tick->n_domains = n_domains;
	memset(tick->zones, 0, n_zones * sizeof(*tick->zones));
	if (n_domains > 0)
		memset(tick->domains, 0, n_domains * sizeof(*tick->domains));
	if (n_shares > 0)
		memset(tick->shares, 0, n_shares * sizeof(*tick->shares));
	return 0;
}

void tick_deinit(struct tick *tick)
{
	free(tick->domains);
	free(tick->shares);
	memset(tick, 0, sizeof(*tick));
}
