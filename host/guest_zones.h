/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The zones a guest sees and a domain's energy in them. Pure.
 *
 * Guest package k is guest socket k: the energy of socket k's vCPUs in all host
 * packages; what has no vCPU (QEMU's other threads, vhost, idle energy) is split
 * by how many vCPUs each has online. Sockets are those of the topology, plugged or
 * not: the zones stay the same for a QEMU's life. Where the host has dram zones, every
 * guest package has a dram child, likewise. Ids: package-0, its dram, package-1, its
 * dram, ...
 *
 * A domain's energy is kept by place: the package of socket s at 2 * s, its dram at
 * 2 * s + 1, whether the guest is shown a dram now or not. So what was added up
 * stays its zone's when the host's dram zones come or go.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/sample.h"
#include "host/tick.h"
#include "host/usage.h"
#include "shared/message.h"

/* More guest sockets than this are shown as one package-0. */
#define GUEST_ZONES_SOCKETS_MAX 16

/* Ranges as real processors have them. */
#define GUEST_ZONES_PACKAGE_RANGE_UJ UINT64_C(262143328850)
#define GUEST_ZONES_DRAM_RANGE_UJ    UINT64_C(65712999613)

struct guest_zones {
	uint32_t n_sockets;	   /* 1 .. GUEST_ZONES_SOCKETS_MAX */
	uint32_t vcpus_per_socket; /* at least 1 */
	bool dram;
};

/*
 * The layout for a domain of at most max_vcpus; vcpus_per_socket 0: every vCPU is its
 * own socket.
 */
void guest_zones_init(struct guest_zones *zones, const struct machine *machine,
	uint32_t max_vcpus, uint32_t vcpus_per_socket);

/* The zones for the welcome, and where the energy of each is kept; returns how many. */
size_t guest_zones_list(const struct guest_zones *zones,
	struct message_zone ret_zones[MESSAGE_ZONES_MAX],
	uint8_t ret_places[MESSAGE_ZONES_MAX]);

/*
 * Sets tick->domains[domain].guest_uj from the tick's shares and the weights they
 * come from. The guest's packages sum to the domain's package zones, dynamic and
 * idle, and its dram zones to the domain's dram, exactly. A vCPU of a socket the
 * layout does not have counts for the last one.
 */
void guest_zones_split(const struct guest_zones *zones, const struct machine *machine,
	const struct sample *sample, const struct usage *usage, size_t domain,
	struct tick *tick);
