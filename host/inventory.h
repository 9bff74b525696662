/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Which domains run on this host, as some management layer tells it. libvirt is
 * the one that exists (host/inventory_libvirt.h); the sampler and the links know
 * only this.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/uuid.h"

struct inventory_domain {
	struct uuid uuid;
	char *name; /* untrusted text */
	int id;	    /* libvirt's, of the running incarnation; -1: not known yet */
	bool paused;
	uint32_t n_vcpus;   /* online now */
	uint32_t max_vcpus; /* as many as can be plugged */
	/* dies x clusters x cores x threads of the live <topology>; 0: it has none. */
	uint32_t vcpus_per_socket;
	uint64_t memory_kib;
	char *labels; /* see host/labels.h; untrusted text; NULL: not known yet */
	/* The bound unix socket of org.vmpower.0; NULL: no such channel. */
	char *channel_path;
};

/* All running domains at one moment, in the order of their UUIDs. Immutable. */
struct inventory {
	/* false: the management layer is away; the list is the last one known. */
	bool connected;
	size_t n_domains;
	struct inventory_domain *domains;
};

/*
 * Where inventories come from. A source has a thread of its own: nothing here
 * blocks, but close, which waits a bounded time.
 */
struct inventory_source {
	const struct inventory_ops *ops;
};

struct inventory_ops {
	/*
	 * Begins to watch the management layer at this URI. That it is away is no
	 * error: then the first inventory is the known one, copied, not connected.
	 * The caller owns the source.
	 */
	int (*open)(const char *uri, const struct inventory *known,
		struct inventory_source **ret_source);
	/* Readable when take() has something. The source's own. */
	int (*fd)(const struct inventory_source *source);
	/*
	 * The newest inventory, once: NULL when it was taken already. The caller
	 * owns it.
	 */
	struct inventory *(*take)(struct inventory_source *source);
	/* Stops and frees it, within 2 s; NULL is fine. */
	void (*close)(struct inventory_source *source);
};

/*
 * Adds a domain in its place, or replaces the one with its UUID. Takes over what
 * the domain holds, and leaves it empty; on -ENOMEM both are as they were.
 */
int inventory_put(struct inventory *inventory, struct inventory_domain *domain);

/* Takes the domain with this UUID out. false: there is none. */
bool inventory_remove(struct inventory *inventory, const struct uuid *uuid);

/* A copy, which the caller owns. -ENOMEM. */
int inventory_copy(const struct inventory *inventory, struct inventory **ret_copy);

/* Likewise of one domain. */
int inventory_domain_copy(
	const struct inventory_domain *domain, struct inventory_domain *ret_copy);

bool inventory_equal(const struct inventory *a, const struct inventory *b);

/* Frees what it holds, not the struct itself. A zeroed one is fine. */
void inventory_domain_deinit(struct inventory_domain *domain);

/* The domain with this UUID, or NULL. */
const struct inventory_domain *inventory_find(
	const struct inventory *inventory, const struct uuid *uuid);

/* Frees it and all it holds; NULL is fine. */
void inventory_free(struct inventory *inventory);
