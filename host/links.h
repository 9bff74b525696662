/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The streams to all guests: one connection to each domain's channel, kept alive,
 * on the caller's event loop. What is said on them is host/link.h. Nothing here
 * blocks, and a guest cannot make it cost more than its share of reading.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/inventory.h"
#include "host/link.h"
#include "shared/message.h"
#include "shared/uuid.h"

struct event_base;
struct links;

/*
 * Whether process pid, which listens on the domain's channel, is its QEMU. It
 * must not call back into the links.
 */
typedef bool (*links_verify_fn)(void *data, const struct uuid *uuid, pid_t pid);

struct links_config {
	struct event_base *base;
	uint64_t period_ns;	     /* of a guest whose welcome is not known yet */
	links_verify_fn verify_peer; /* NULL: any will do (tests) */
	void *verify_data;
};

struct link_info {
	enum link_state state;
	uint64_t since_ns; /* CLOCK_MONOTONIC */
	int error;	/* positive errno in LINK_UNREACHABLE; 0: the other end closed */
	pid_t peer_pid; /* of the verified QEMU; 0: not connected */
	/* Of the last hello; "" before it. */
	char agent[MESSAGE_AGENT_SIZE];
	/* The last sample this guest acknowledged in the session; seq 0: none. */
	struct message_sample acked;
	struct link_drops drops;
};

/* Copies the config. The caller owns *ret_links; the base must outlive it. */
int links_new(const struct links_config *config, struct links **ret_links);
/* Closes everything. NULL is fine. */
void links_free(struct links *links);

/*
 * Begins a link for each new domain, ends those of domains that are gone, and
 * connects anew where the channel or the incarnation is another. An inventory
 * that is not connected changes nothing. The inventory stays the caller's.
 * -ENOMEM: some domains have no link until the next update.
 */
int links_update(struct links *links, const struct inventory *inventory);

/*
 * As link_set_welcome(), with the period that its samples come in from now on; the
 * same again costs little. Due again when the domain's
 * incarnation (its id) is another. -ENOENT: no such domain.
 */
int links_set_welcome(struct links *links, const struct uuid *uuid,
	const struct message_welcome *welcome);

/*
 * The values after a tick, copied. The guest gets those of the first tick in each
 * period (of CLOCK_MONOTONIC), at its own moment soon after that, and none in between,
 * however often it says hello. -ENOENT: no such domain.
 */
int links_publish(struct links *links, const struct uuid *uuid,
	const struct message_sample *sample);

/* false: no such domain. */
bool links_get_info(
	const struct links *links, const struct uuid *uuid, struct link_info *ret_info);

/* The verified QEMU process of a connected domain, or 0. */
pid_t links_peer_pid(const struct links *links, const struct uuid *uuid);
