/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* An array of departed domains, searched by halves. */
#include "config.h"

#include "host/ledger_departed.h"
#include "shared/array.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void ledger_departed_deinit(struct ledger_departed *departed)
{
	for (size_t i = 0; i < departed->n; i++)
		free(departed->domains[i]);
	free(departed->domains);
	*departed = (struct ledger_departed){ 0 };
}

static size_t search(
	const struct ledger_departed *departed, const struct uuid *uuid, bool *ret_found)
{
	size_t low = 0, high = departed->n;

	*ret_found = false;
	while (low < high && !*ret_found) {
		size_t middle = low + (high - low) / 2;
		int order = uuid_compare(&departed->domains[middle]->uuid, uuid);

		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
			*ret_found = order == 0;
		}
	}
	return high;
}

static int reserve(struct ledger_departed *departed)
{
	return array_reserve(&departed->domains, &departed->size, departed->n + 1);
}

int ledger_departed_add(struct ledger_departed *departed, const struct uuid *uuid,
	const uint64_t quality_ns[MESSAGE_DEGRADED + 1], const struct tick_share *shares,
	uint32_t n_shares)
{
	struct ledger_departed_domain *domain;
	bool found;
	size_t at = search(departed, uuid, &found);

	if (reserve(departed) < 0)
		return -ENOMEM;
	domain = malloc(sizeof(*domain) + n_shares * sizeof(*shares));
	if (!domain)
		return -ENOMEM;
	domain->uuid = *uuid;
	memcpy(domain->quality_ns, quality_ns, sizeof(domain->quality_ns));
	domain->n_shares = n_shares;
	memcpy(domain->shares, shares, n_shares * sizeof(*shares));
	memmove(&departed->domains[at + 1], &departed->domains[at],
		(departed->n - at) * sizeof(*departed->domains));
	departed->domains[at] = domain;
	departed->n++;
	return 0;
}

const struct ledger_departed_domain *ledger_departed_find(
	const struct ledger_departed *departed, const struct uuid *uuid)
{
	bool found;
	size_t at = search(departed, uuid, &found);

	return found ? departed->domains[at] : NULL;
}

struct ledger_departed_domain *ledger_departed_take(
	struct ledger_departed *departed, const struct uuid *uuid)
{
	struct ledger_departed_domain *domain;
	bool found;
	size_t at = search(departed, uuid, &found);

	if (!found)
		return NULL;
	domain = departed->domains[at];
	departed->n--;
	memmove(&departed->domains[at], &departed->domains[at + 1],
		(departed->n - at) * sizeof(*departed->domains));
	return domain;
}
