/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Sections [push "NAME"]: their keys, and what does not go together. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "host/push_config.h"

#define KEYS_MAX 5

/* Pairs of a key and its value, up to NULL, into a new section. */
static struct push_config config_of(const char *const *pairs)
{
	struct push_config config;
	const char *expected;

	push_config_init(&config);
	for (; *pairs; pairs += 2)
		assert_int_equal(
			push_config_set(&config, pairs[0], pairs[1], &expected), 0);
	return config;
}

static void test_keys(void **state)
{
	static const char *const pairs[] = { "format", "warp10", "url",
		"https://w.example/api/v0/update", "interval_ms", "100", "sample_ms",
		"60000", "batch_ticks", "1", "queue_mib", "65536", "timeout_s", "600",
		"retry_max_s", "3600", "tls_ca", "/ca.pem", "token_file", "/t", "user",
		"ann", "password_file", "/p", "labels", "rack=a1, site=x y", NULL };
	struct push_config config = config_of(pairs);

	(void)state;
	assert_ptr_equal(config.format, &push_format_warp10);
	assert_string_equal(config.url, "https://w.example/api/v0/update");
	assert_int_equal(config.interval_ms, 100);
	assert_int_equal(config.sample_ms, 60000);
	assert_int_equal(config.batch_ticks, 1);
	assert_int_equal(config.queue_mib, 65536);
	assert_int_equal(config.timeout_s, 600);
	assert_int_equal(config.retry_max_s, 3600);
	assert_string_equal(config.tls_ca, "/ca.pem");
	assert_string_equal(config.token_file, "/t");
	assert_string_equal(config.user, "ann");
	assert_string_equal(config.password_file, "/p");
	assert_string_equal(config.labels, "rack=a1\nsite=x y\n");
}

static void test_bad_values(void **state)
{
	static const struct {
		const char *key, *value;
		int r;
	} cases[] = {
		{ "format", "graphite", -EINVAL },
		{ "interval_ms", "99", -ERANGE },
		{ "interval_ms", "1s", -EINVAL },
		{ "batch_ticks", "0", -ERANGE },
		{ "queue_mib", "0", -ERANGE },
		{ "token_file", "token", -EINVAL },
		{ "url", "", -EINVAL },
		{ "labels", "rack", -EINVAL },
		{ "no_such_key", "1", -ENOENT },
	};
	struct push_config config;

	(void)state;
	push_config_init(&config);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *expected = NULL;

		assert_int_equal(
			push_config_set(&config, cases[i].key, cases[i].value, &expected),
			cases[i].r);
		if (cases[i].r != -ENOENT)
			assert_non_null(expected);
	}
}

/* Each section as a whole; "": nothing is wrong. */
static void test_problems(void **state)
{
	static const struct {
		const char *problem;
		const char *pairs[2 * KEYS_MAX + 1];
	} cases[] = {
		{ "format is needed", { "url", "http://x/" } },
		{ "url is needed", { "format", "influx" } },
		{ "http://", { "format", "influx", "url", "ftp://x/" } },
		{ "http://", { "format", "warp10", "url", "tcp://x:1" } },
		{ "", { "format", "warp10", "url", "http://x/" } },
		{ "are needed both",
			{ "format", "influx", "url", "http://x/", "user", "ann" } },
		{ "are needed both", { "format", "influx", "url", "http://x/",
					     "password_file", "/p" } },
		{ "not both", { "format", "influx", "url", "http://x/", "user", "ann",
				      "password_file", "/p", "token_file", "/t" } },
		{ "not for Riemann",
			{ "format", "riemann", "url", "tcp://x:1", "token_file", "/t" } },
		{ "not for Riemann",
			{ "format", "riemann", "url", "tcp://x:1", "tls_ca", "/c" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct push_config config = config_of(cases[i].pairs);
		const char *problem = push_config_problem(&config);

		if (cases[i].problem[0])
			assert_non_null(strstr(problem, cases[i].problem));
		else
			assert_null(problem);
	}
}

static void test_riemann_urls(void **state)
{
	static const struct {
		const char *url;
		bool good;
	} cases[] = {
		{ "tcp://riemann.example:5555", true },
		{ "tcp://10.0.0.1:1", true },
		{ "tcp://[::1]:65535", true },
		{ "tcp://riemann.example", false },
		{ "tcp://riemann.example:", false },
		{ "tcp://:5555", false },
		{ "tcp://", false },
		{ "tcp", false },
		{ "http://riemann.example:5555", false },
		{ "tcp://riemann.example:0", false },
		{ "tcp://riemann.example:65536", false },
		{ "tcp://riemann.example:5555/", false },
		{ "tcp://ann@riemann.example:5555", false },
		{ "tcp://::1:5555", false },
		{ "tcp://[::1]", false },
		{ "tcp://a]:5555", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const pairs[] = { "format", "riemann", "url", cases[i].url,
			NULL };
		struct push_config config = config_of(pairs);

		if (!push_config_problem(&config) != cases[i].good)
			fail_msg("%s", cases[i].url);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_riemann_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
