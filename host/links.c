/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The links of all domains, by UUID. What each does is host/guest_link.c. */
#include "host/links.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "host/guest_link.h"

struct links {
	struct links_config config;
	/* In the order of their UUIDs. */
	size_t n_guests;
	struct guest_link **guests;
};

int links_new(const struct links_config *config, struct links **ret_links)
{
	struct links *links = calloc(1, sizeof(*links));

	assert(config->base && config->period_ns > 0);
	if (!links)
		return -ENOMEM;
	links->config = *config;
	*ret_links = links;
	return 0;
}

void links_free(struct links *links)
{
	if (!links)
		return;
	for (size_t i = 0; i < links->n_guests; i++)
		guest_link_free(links->guests[i]);
	free(links->guests);
	free(links);
}

int links_update(struct links *links, const struct inventory *inventory)
{
	struct guest_link **guests;
	size_t old = 0, n = 0;
	int r = 0;

	if (!inventory->connected)
		return 0;
	guests = calloc(inventory->n_domains + 1, sizeof(struct guest_link *));
	if (!guests)
		return -ENOMEM;
	for (size_t i = 0; i < inventory->n_domains; i++) {
		const struct inventory_domain *domain = &inventory->domains[i];
		struct guest_link *guest = NULL;

		while (old < links->n_guests &&
			uuid_compare(guest_link_uuid(links->guests[old]), &domain->uuid) <
				0)
			guest_link_free(links->guests[old++]);
		if (old < links->n_guests &&
			uuid_compare(guest_link_uuid(links->guests[old]),
				&domain->uuid) == 0) {
			guest = links->guests[old++];
			if (guest_link_update(guest, domain) < 0)
				r = -ENOMEM;
		} else if (guest_link_new(&links->config, domain, &guest) < 0) {
			r = -ENOMEM;
			continue;
		}
		guests[n++] = guest;
	}
	while (old < links->n_guests)
		guest_link_free(links->guests[old++]);
	free(links->guests);
	links->guests = guests;
	links->n_guests = n;
	return r;
}

static int compare_guest(const void *uuid, const void *element)
{
	const struct guest_link *const *guest = element;

	return uuid_compare(uuid, guest_link_uuid(*guest));
}

static struct guest_link *find_guest(const struct links *links, const struct uuid *uuid)
{
	struct guest_link **found;

	if (links->n_guests == 0)
		return NULL;
	found = bsearch(uuid, links->guests, links->n_guests, sizeof(*links->guests),
		compare_guest);
	return found ? *found : NULL;
}

int links_set_welcome(struct links *links, const struct uuid *uuid,
	const struct message_welcome *welcome)
{
	struct guest_link *guest = find_guest(links, uuid);

	if (!guest)
		return -ENOENT;
	guest_link_set_welcome(guest, welcome);
	return 0;
}

int links_publish(
	struct links *links, const struct uuid *uuid, const struct message_sample *sample)
{
	struct guest_link *guest = find_guest(links, uuid);

	if (!guest)
		return -ENOENT;
	guest_link_publish(guest, sample);
	return 0;
}

bool links_get_info(
	const struct links *links, const struct uuid *uuid, struct link_info *ret_info)
{
	const struct guest_link *guest = find_guest(links, uuid);

	if (guest)
		guest_link_get_info(guest, ret_info);
	return guest != NULL;
}

pid_t links_peer_pid(const struct links *links, const struct uuid *uuid)
{
	const struct guest_link *guest = find_guest(links, uuid);

	return guest ? guest_link_peer_pid(guest) : 0;
}
