/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From the ledger's rows to an inventory. */
#include "host/ledger_inventory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cleanup.h"

static int add_row(struct inventory *inventory, const struct ledger_domain *row)
{
	cleanup(inventory_domain_deinit) struct inventory_domain domain = {
		.uuid = row->uuid,
		.name = strdup(row->name),
		.labels = strdup(row->labels),
		.id = -1,
		.n_vcpus = row->n_vcpus,
		.max_vcpus = row->max_vcpus,
		.vcpus_per_socket = row->vcpus_per_socket,
	};

	return domain.name && domain.labels ? inventory_put(inventory, &domain) : -ENOMEM;
}

int ledger_inventory(const struct ledger *ledger, struct inventory **ret_inventory)
{
	struct inventory *inventory = calloc(1, sizeof(*inventory));
	size_t n_rows = ledger_header(ledger)->counts.domains;

	if (!inventory)
		return -ENOMEM;
	for (size_t i = 0; i < n_rows; i++) {
		const struct ledger_domain *row = ledger_domain(ledger, i);

		if (ledger_domain_is_running(ledger, row) &&
			add_row(inventory, row) < 0) {
			inventory_free(inventory);
			return -ENOMEM;
		}
	}
	*ret_inventory = inventory;
	return 0;
}
