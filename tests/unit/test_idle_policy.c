/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Who pays for idle energy, as weights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "host/idle_policy.h"

static void test_names(void **state)
{
	static const enum idle_policy policies[] = { IDLE_POLICY_RESERVED,
		IDLE_POLICY_PROPORTIONAL, IDLE_POLICY_EQUAL, IDLE_POLICY_HOST };
	static const char *const names[] = { "reserved", "proportional", "equal",
		"host" };
	enum idle_policy policy = IDLE_POLICY_EQUAL;

	(void)state;
	assert_int_equal(idle_policy_parse("", &policy), -EINVAL);
	assert_int_equal(idle_policy_parse("Reserved", &policy), -EINVAL);
	assert_int_equal(policy, IDLE_POLICY_EQUAL);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(idle_policy_parse(names[i], &policy), 0);
		assert_int_equal(policy, policies[i]);
		assert_string_equal(idle_policy_name(policies[i]), names[i]);
	}
}

static void test_weights(void **state)
{
	static const struct {
		enum idle_policy policy;
		struct idle_policy_package package;
		uint64_t host_dynamic;
		uint32_t n_vcpus;
		uint64_t dynamic;
		uint64_t host, domain;
	} cases[] = {
		/* 3 of 8 threads are reserved, one of them here, busy or not. */
		{ IDLE_POLICY_RESERVED, { 8, 3, 2 }, 70, 1, 50, 5, 1 },
		{ IDLE_POLICY_RESERVED, { 8, 3, 2 }, 0, 1, 0, 5, 1 },
		{ IDLE_POLICY_RESERVED, { 8, 0, 0 }, 0, 0, 0, 8, 0 },
		{ IDLE_POLICY_RESERVED, { 8, 8, 2 }, 70, 4, 50, 0, 4 },
		/* Overcommitted: nothing is left for the host. */
		{ IDLE_POLICY_RESERVED, { 8, 80, 20 }, 70, 4, 50, 0, 4 },
		{ IDLE_POLICY_PROPORTIONAL, { 8, 3, 2 }, 70, 1, 50, 70, 50 },
		{ IDLE_POLICY_PROPORTIONAL, { 8, 3, 2 }, 0, 1, 0, 0, 0 },
		{ IDLE_POLICY_EQUAL, { 8, 3, 2 }, 70, 0, 0, 0, 1 },
		{ IDLE_POLICY_EQUAL, { 8, 0, 0 }, 70, 0, 0, 1, 1 },
		{ IDLE_POLICY_HOST, { 8, 3, 2 }, 0, 1, 50, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(idle_policy_host_weight(cases[i].policy,
					 &cases[i].package, cases[i].host_dynamic),
			cases[i].host);
		assert_int_equal(idle_policy_domain_weight(cases[i].policy,
					 cases[i].n_vcpus, cases[i].dynamic),
			cases[i].domain);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_weights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
