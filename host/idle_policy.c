/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Idle policies as weights. */
#include "host/idle_policy.h"

#include <errno.h>
#include <string.h>

static const char *const names[] = {
	[IDLE_POLICY_RESERVED] = "reserved",
	[IDLE_POLICY_PROPORTIONAL] = "proportional",
	[IDLE_POLICY_EQUAL] = "equal",
	[IDLE_POLICY_HOST] = "host",
};

int idle_policy_parse(const char *text, enum idle_policy *ret_policy)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_policy = (enum idle_policy)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *idle_policy_name(enum idle_policy policy)
{
	return names[policy];
}

uint64_t idle_policy_domain_weight(
	enum idle_policy policy, uint32_t n_vcpus, uint64_t dynamic_weight)
{
	switch (policy) {
	case IDLE_POLICY_RESERVED:
		return n_vcpus;
	case IDLE_POLICY_PROPORTIONAL:
		return dynamic_weight;
	case IDLE_POLICY_EQUAL:
		return 1;
	case IDLE_POLICY_HOST:
		break;
	}
	return 0;
}

uint64_t idle_policy_host_weight(enum idle_policy policy,
	const struct idle_policy_package *package, uint64_t dynamic_weight)
{
	switch (policy) {
	case IDLE_POLICY_RESERVED:
		return package->n_threads > package->n_vcpus
			       ? package->n_threads - package->n_vcpus
			       : 0;
	case IDLE_POLICY_PROPORTIONAL:
		return dynamic_weight;
	case IDLE_POLICY_EQUAL:
		return package->n_domains == 0;
	case IDLE_POLICY_HOST:
		break;
	}
	return 1;
}
