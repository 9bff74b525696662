/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Seats for the largest domains. */
#include "host/roster.h"

#include <math.h>
#include <string.h>

#define SEATS_MAX (POWER_MODEL_PLAYERS_MAX - ROSTER_FIRST)

/* What a domain uses is averaged over about this. */
#define MEMORY_S 60.0

/* So many times the smallest one's use makes another worth forgetting it. */
#define LARGER 4.0

static struct roster_seat *domain_seat(struct roster *roster, size_t index)
{
	return &roster->seats[ROSTER_FIRST + index];
}

static void find_present(struct roster *roster, const struct sample *sample,
	const double *cores, double seconds, uint8_t *seats)
{
	double keep = exp(-seconds / MEMORY_S);

	memset(seats, ROSTER_OTHERS, sample->n_domains);
	for (size_t s = 0; s < roster->n_domains; s++) {
		struct roster_seat *seat = domain_seat(roster, s);
		const struct sample_domain *domain = sample_find_domain(
			sample, &seat->uuid);
		size_t index;

		seat->present = domain != NULL;
		if (!domain) {
			seat->absent_s += seconds;
			continue;
		}
		index = (size_t)(domain - sample->domains);
		seats[index] = (uint8_t)(ROSTER_FIRST + s);
		seat->absent_s = 0;
		seat->cores = keep * seat->cores + (1 - keep) * cores[index];
	}
}

/* The one that used most of those without a seat; n: none of them used anything. */
static size_t find_largest(const double *cores, const uint8_t *seats, size_t n)
{
	size_t largest = n;

	for (size_t i = 0; i < n; i++)
		if (seats[i] == ROSTER_OTHERS && cores[i] > 0 &&
			(largest == n || cores[i] > cores[largest]))
			largest = i;
	return largest;
}

/* A seat for a domain that used this much; NULL: there is none. */
static struct roster_seat *find_seat(struct roster *roster, double cores)
{
	struct roster_seat *absent = NULL, *smallest = NULL;

	if (roster->n_domains < SEATS_MAX)
		return domain_seat(roster, roster->n_domains++);
	for (size_t s = 0; s < SEATS_MAX; s++) {
		struct roster_seat *seat = domain_seat(roster, s);

		if (!seat->present) {
			if (!absent || seat->absent_s > absent->absent_s)
				absent = seat;
		} else if (!smallest || seat->cores < smallest->cores) {
			smallest = seat;
		}
	}
	if (absent)
		return absent;
	return cores > LARGER * smallest->cores ? smallest : NULL;
}

void roster_update(struct roster *roster, const struct sample *sample,
	const double *cores, double seconds, uint8_t *seats,
	bool is_new[POWER_MODEL_PLAYERS_MAX])
{
	bool replaced = false;

	memset(is_new, 0, POWER_MODEL_PLAYERS_MAX * sizeof(*is_new));
	find_present(roster, sample, cores, seconds, seats);
	while (!replaced) {
		size_t index = find_largest(cores, seats, sample->n_domains), s;
		struct roster_seat *seat;

		if (index == sample->n_domains)
			return;
		seat = find_seat(roster, cores[index]);
		if (!seat)
			return;
		s = (size_t)(seat - roster->seats);
		if (seat->present) {
			/* One in a tick: bursts must not turn everybody out. */
			seats[sample_find_domain(sample, &seat->uuid) - sample->domains] =
				ROSTER_OTHERS;
			replaced = true;
		}
		*seat = (struct roster_seat){
			.uuid = sample->domains[index].uuid,
			.present = true,
			.cores = cores[index],
		};
		seats[index] = (uint8_t)s;
		is_new[s] = true;
	}
}
