/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Which players are learned of one by one: the host, and as many domains as there are
 * seats, the ones that use most; all others share one seat. Pure.
 *
 * A domain that ends keeps its seat until another one needs it: it may be back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/power_model.h"
#include "host/sample.h"
#include "shared/uuid.h"

#define ROSTER_HOST   0
#define ROSTER_OTHERS 1
#define ROSTER_FIRST  2 /* of the domains' */

struct roster_seat {
	struct uuid uuid;
	bool present;
	double absent_s;
	double cores; /* mean of what it used lately */
};

/* A zeroed one has no domain. */
struct roster {
	size_t n_domains; /* seats ROSTER_FIRST .. ROSTER_FIRST + n_domains */
	struct roster_seat seats[POWER_MODEL_PLAYERS_MAX];
};

/* Seats that may be taken, these of the host and the others included. */
static inline size_t roster_size(const struct roster *roster)
{
	return ROSTER_FIRST + roster->n_domains;
}

/*
 * Seats the domains, who used so many cores each in the last seconds. seats[i] is
 * where domain i is; is_new[seat]: somebody else than before.
 */
void roster_update(struct roster *roster, const struct sample *sample,
	const double *cores, double seconds, uint8_t *seats,
	bool is_new[POWER_MODEL_PLAYERS_MAX]);
