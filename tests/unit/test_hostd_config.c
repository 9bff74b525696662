/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower-hostd's settings: sections, and who wins. */
#include "config.h" /* first: _GNU_SOURCE */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/hostd_config.h"
#include "tests/unit/child.h"

static const char uuid_text[] = "aaaaaaaa-0000-4000-8000-00000000000a";

static void parse(const char *file, struct hostd_config *config)
{
	int fd = memfd_create("hostd.conf", MFD_CLOEXEC);
	char path[32];
	const char *argv[] = { "vmpower-hostd", "--config", path, NULL };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file, strlen(file)), strlen(file));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	hostd_config_parse(3, (char **)argv, config);
	close(fd);
}

static void test_defaults(void **state)
{
	struct hostd_config config;

	(void)state;
	parse("", &config);
	assert_string_equal(config.connect_uri, "qemu:///system");
	assert_string_equal(config.sysfs, "/sys");
	assert_int_equal(config.interval_ms, 1000);
	assert_int_equal(config.source, HOSTD_SOURCE_AUTO);
	assert_int_equal(config.idle_policy, IDLE_POLICY_RESERVED);
	assert_int_equal(config.n_zones, 0);
	assert_int_equal(config.hourly_retention_days, 40);
	assert_int_equal(config.daily_retention_days, 800);
	assert_true(config.weight.smt_gain == 0.15);
	assert_true(config.learn);
	assert_true(config.weight.frequency_exponent == 2);
	assert_string_equal(config.record, "");
	assert_string_equal(config.json, "");
	assert_string_equal(config.csv, "");
	hostd_config_deinit(&config);
	parse("record = vm.trace\njson = -\ncsv = /var/log/ticks.csv\n", &config);
	assert_string_equal(config.record, "vm.trace");
	assert_string_equal(config.json, "-");
	assert_string_equal(config.csv, "/var/log/ticks.csv");
	hostd_config_deinit(&config);
}

static void test_http(void **state)
{
	struct hostd_config config;

	(void)state;
	parse("", &config);
	assert_int_equal(config.listen.kind, LISTEN_TCP);
	assert_int_equal(config.series_retention_s, 300);
	assert_false(config.scaphandre || config.kepler || config.anonymous);
	assert_int_equal(config.n_users, 0);
	hostd_config_deinit(&config);
	parse("listen = [::1]:80\ntls_certificate = /c.pem\ntls_key = /k.pem\n"
	      "host_names = a.example,b.example\nanonymous = yes\n"
	      "compat = scaphandre, kepler\nseries_retention_s = 0\n"
	      "[user \"ann\"]\n"
	      "password = $2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234\n"
	      "[user \"bob\"]\n"
	      "password = $2y$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234\n",
		&config);
	assert_int_equal(config.listen.tcp.any.sa_family, AF_INET6);
	assert_string_equal(config.tls_certificate, "/c.pem");
	assert_string_equal(config.tls_key, "/k.pem");
	assert_string_equal(config.host_names, "a.example,b.example");
	assert_true(config.scaphandre && config.kepler && config.anonymous);
	assert_int_equal(config.series_retention_s, 0);
	assert_int_equal(config.n_users, 2);
	assert_string_equal(config.users[1].name, "bob");
	assert_memory_equal(config.users[1].hash, "$2y$04$", 7);
	hostd_config_deinit(&config);
	parse("compat = kepler\nlisten = none\n", &config);
	assert_true(config.kepler && !config.scaphandre);
	assert_int_equal(config.listen.kind, LISTEN_NONE);
	hostd_config_deinit(&config);
}

/* What vmpower replay takes sets hostd's own settings. */
static void test_meter_specs(void **state)
{
	struct option_spec specs[HOSTD_CONFIG_METER_SPECS_MAX];
	size_t n = hostd_config_meter_specs(specs);
	struct hostd_config config;
	const char *expected;

	(void)state;
	hostd_config_init(&config);
	assert_in_range(n, 1, HOSTD_CONFIG_METER_SPECS_MAX);
	assert_string_equal(specs[0].name, "idle-policy");
	assert_int_equal(specs[0].set(&config, "equal", &expected), 0);
	assert_int_equal(
		hostd_config_meter_options(&config, true).idle_policy, IDLE_POLICY_EQUAL);
	assert_true(hostd_config_meter_options(&config, true).estimated);
}

static void test_zones(void **state)
{
	struct hostd_config config;

	(void)state;
	parse("interval_ms = 100\nsource = estimate\nidle_policy = equal\n"
	      "smt_gain = 0\nfrequency_exponent = 2.5\ncoefficients = off\n"
	      "hourly_retention_days = 1\ndaily_retention_days = 0\n"
	      "[zone \"package-0\"]\nidle_w = 21.5\n[zone \"dram-0\"]\nidle_w = 3\n"
	      "[zone \"package-0\"]\nidle_w = 20\n[estimate]\nidle_w = 5\nfull_w = 50.25\n",
		&config);
	assert_int_equal(config.interval_ms, 100);
	assert_int_equal(config.hourly_retention_days, 1);
	assert_int_equal(config.daily_retention_days, 0);
	assert_int_equal(config.source, HOSTD_SOURCE_ESTIMATE);
	assert_int_equal(config.idle_policy, IDLE_POLICY_EQUAL);
	assert_true(config.weight.smt_gain == 0);
	assert_false(config.learn);
	assert_true(config.weight.frequency_exponent == 2.5);
	assert_int_equal(config.n_zones, 2);
	assert_string_equal(config.zones[0].name, "package-0");
	assert_int_equal(config.zones[0].idle_uw, 20000000);
	assert_string_equal(config.zones[1].name, "dram-0");
	assert_int_equal(config.zones[1].idle_uw, 3000000);
	assert_int_equal(config.estimate_idle_uw, 5000000);
	assert_int_equal(config.estimate_full_uw, 50250000);
	hostd_config_deinit(&config);
}

static void test_guest_period(void **state)
{
	char build[] = "build", other[] = "other";
	struct inventory_domain domain = { .name = build };
	struct hostd_config config;

	(void)state;
	assert_int_equal(uuid_parse(uuid_text, &domain.uuid), 0);
	parse("interval_ms = 100\n[domain \"build\"]\nperiod_ms = 5000\n"
	      "[domain \"AAAAAAAA-0000-4000-8000-00000000000A\"]\nperiod_ms = 7000\n",
		&config);
	assert_int_equal(hostd_config_guest_period_ms(&config, &domain), 7000);
	domain.uuid.bytes[0]++;
	assert_int_equal(hostd_config_guest_period_ms(&config, &domain), 5000);
	domain.name = other;
	assert_int_equal(hostd_config_guest_period_ms(&config, &domain), 1000);
	config.interval_ms = 3000;
	assert_int_equal(hostd_config_guest_period_ms(&config, &domain), 3000);
	hostd_config_deinit(&config);
}

/* What does not go together in a section is told of where the section begins. */
static void test_push_problems(void **state)
{
	static const struct {
		const char *file, *problems[3];
	} cases[] = {
		{ "\n [push \"a\"]\nformat = influx\n",
			{ ":2: [push \"a\"]: url is needed\n" } },
		{ "interval_ms = 500\n\n# Two.\n[push \"b\"]\n\nurl = http://x/\n"
		  "[zone \"psys\"]\nidle_w = 1\n"
		  "[push \"c\"]\nformat = riemann\nurl = http://x/\n",
			{ ":4: [push \"b\"]: format is needed",
				":9: [push \"c\"]: url must be tcp://" } },
		/* In two parts, of which the second does not make it good. */
		{ "[push \"d\"]\nformat = ndjson\n[push \"e\"]\nformat = ndjson\n"
		  "url = http://x/\n[push \"d\"]\nurl = x\n",
			{ ":1: [push \"d\"]: url must begin" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char said[1024] = "";
		FILE *file = tmpfile();
		pid_t pid;

		assert_non_null(file);
		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			struct hostd_config config;

			dup2(fileno(file), STDERR_FILENO);
			parse(cases[i].file, &config);
			_exit(0);
		}
		assert_int_equal(child_join(pid), 2);
		assert_true(pread(fileno(file), said, sizeof(said) - 1, 0) > 0);
		for (size_t j = 0; cases[i].problems[j]; j++) {
			if (!strstr(said, cases[i].problems[j]))
				fail_msg("%s", said);
		}
		fclose(file);
	}
}

/*
 * Ticks are at multiples of the interval, and a guest's samples of the first tick in each
 * period: as those begin with one, two are a period apart.
 */
static void test_guest_period_is_of_whole_intervals(void **state)
{
	static const uint32_t intervals_ms[] = { 100, 300, 333, 600, 700, 999, 1000, 1001,
		1500, 2500, 59999, 60000 };
	static const uint32_t periods_ms[] = { 1000, 1001, 1999, 2500, 7000, 60001,
		3599999, 3600000 };
	char name[] = "vm";
	struct inventory_domain domain = { .name = name };
	struct hostd_domain_config section = { .domain = "vm" };
	struct hostd_config config = { .n_domains = 1, .domains = &section };

	(void)state;
	for (size_t i = 0; i < sizeof(intervals_ms) / sizeof(intervals_ms[0]); i++) {
		for (size_t j = 0; j < sizeof(periods_ms) / sizeof(periods_ms[0]); j++) {
			uint32_t asked_ms = periods_ms[j], period_ms;

			config.interval_ms = intervals_ms[i];
			section.period_ms = asked_ms;
			period_ms = hostd_config_guest_period_ms(&config, &domain);
			assert_int_equal(period_ms % config.interval_ms, 0);
			/* The least that is enough, if that is no longer than may be. */
			assert_in_range(period_ms, config.interval_ms, 3600000);
			assert_true(period_ms < asked_ms + config.interval_ms);
			assert_true(period_ms >= asked_ms ||
				    period_ms + config.interval_ms > 3600000);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_meter_specs),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_guest_period),
		cmocka_unit_test(test_push_problems),
		cmocka_unit_test(test_guest_period_is_of_whole_intervals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
