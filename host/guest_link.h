/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * One domain's end of host/links.h: the socket of its channel on the event loop,
 * and the timers that go with it. What is said there is host/link.h.
 */
#pragma once

#include <sys/types.h>

#include "host/inventory.h"
#include "host/links.h"
#include "shared/message.h"
#include "shared/uuid.h"

struct guest_link;

/*
 * Connects in the next round of the event loop. The config must outlive it, the
 * caller owns it. -ENOMEM.
 */
int guest_link_new(const struct links_config *config,
	const struct inventory_domain *domain, struct guest_link **ret_guest);
void guest_link_free(struct guest_link *guest);

/* Takes over name, channel and incarnation, which may be the same. -ENOMEM. */
int guest_link_update(struct guest_link *guest, const struct inventory_domain *domain);

/* As the functions of links.h that find it by UUID. */
void guest_link_set_welcome(
	struct guest_link *guest, const struct message_welcome *welcome);
void guest_link_publish(struct guest_link *guest, const struct message_sample *sample);
void guest_link_get_info(const struct guest_link *guest, struct link_info *ret_info);
const struct uuid *guest_link_uuid(const struct guest_link *guest);
pid_t guest_link_peer_pid(const struct guest_link *guest);
