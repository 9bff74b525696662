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
	int id;	    /* libvirt's, of the running incarnation */
	bool paused;
	uint32_t n_vcpus; /* online now */
	/* cores x threads x dies of the live <topology>; 0: it has none. */
	uint32_t vcpus_per_socket;
	uint64_t memory_kib;
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

/* The domain with this UUID, or NULL. */
const struct inventory_domain *inventory_find(
	const struct inventory *inventory, const struct uuid *uuid);

/* Frees it and all it holds; NULL is fine. */
void inventory_free(struct inventory *inventory);
