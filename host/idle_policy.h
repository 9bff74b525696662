/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Who pays for idle energy: the energy a package would have used doing nothing.
 * A policy turns what is known of the players into weights for host/apportion.h.
 * Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum idle_policy {
	/*
	 * By what is reserved: a domain pays for its vCPUs (those whose last CPU is
	 * in the package, running or paused) out of the package's online hardware
	 * threads, the host for the threads nobody has. More vCPUs than threads
	 * share all of it, in proportion. Of dram: by memory, see host/memory.h.
	 */
	IDLE_POLICY_RESERVED,
	IDLE_POLICY_PROPORTIONAL, /* as dynamic energy is */
	IDLE_POLICY_EQUAL,	  /* every domain alike; the host when there is none */
	IDLE_POLICY_HOST,
};

/* One package, all its players together. */
struct idle_policy_package {
	uint32_t n_threads; /* online hardware threads */
	uint64_t n_vcpus;   /* of all domains, in this package */
	size_t n_domains;   /* of the whole host */
};

/* "reserved", "proportional", "equal" or "host"; else -EINVAL. */
int idle_policy_parse(const char *text, enum idle_policy *ret_policy);
const char *idle_policy_name(enum idle_policy policy);

/* A domain's weight, from its vCPUs in this package and its dynamic weight there. */
uint64_t idle_policy_domain_weight(
	enum idle_policy policy, uint32_t n_vcpus, uint64_t dynamic_weight);

/* The host's. */
uint64_t idle_policy_host_weight(enum idle_policy policy,
	const struct idle_policy_package *package, uint64_t dynamic_weight);
