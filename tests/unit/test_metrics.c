/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Metrics as text: escapes, digits, formats, sums, and the names of others. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <math.h>

#include "host/metrics.h"
#include "host/metrics_text.h"
#include "tests/unit/fake_snapshot.h"
#include "tests/unit/random.h"

static const struct metrics_family gauge = { "g", METRICS_GAUGE, NULL, "Help." };

/* What was written, with a NUL, for the caller to free. */
static char *text_of(struct json_text *out)
{
	json_text_put(out, "", 1);
	assert_int_equal(json_text_error(out), 0);
	return out->data;
}

static char *write_all(const struct snapshot *snapshot,
	const struct metrics_options *options, bool openmetrics)
{
	struct metrics_text text;

	metrics_text_init(&text, openmetrics, (struct json_text){ 0 });
	metrics_write(snapshot, options, &text.sink);
	metrics_text_end(&text);
	return text_of(&text.out);
}

static void assert_line(const char *text, const char *line)
{
	char whole[512];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(text, whole))
		fail_msg("no line %s in\n%s", line, text);
}

static void test_escapes(void **state)
{
	static const struct {
		const char *value, *escaped;
	} cases[] = {
		{ "", "" },
		{ "web1", "web1" },
		{ "a\"b", "a\\\"b" },
		{ "a\\b", "a\\\\b" },
		{ "a\nb", "a\\nb" },
		{ "\\n", "\\\\n" },
		{ "\"} 1\nevil 2", "\\\"} 1\\nevil 2" },
		{ "tab\tcr\r{}", "tab\tcr\r{}" },
		{ "caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80" },
		{ "\xff", "\xef\xbf\xbd" },
		{ "a\xc3", "a\xef\xbf\xbd" },
		{ "\xc3\"", "\xef\xbf\xbd\\\"" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\x1b[31m", "\x1b[31m" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct metrics_text text;
		char expected[128], *got;

		metrics_text_init(&text, false, (struct json_text){ 0 });
		metrics_sample(&text.sink, &gauge);
		metrics_label(&text.sink, "a", cases[i].value);
		metrics_label(&text.sink, "b", "");
		metrics_value_u64(&text.sink, 7);
		got = text_of(&text.out);
		snprintf(expected, sizeof(expected), "g{a=\"%s\",b=\"\"} 7\n",
			cases[i].escaped);
		assert_string_equal(got, expected);
		free(got);
	}
}

static uint64_t written_uj(uint64_t uj)
{
	struct metrics_text text;
	char *got;
	double joules;

	metrics_text_init(&text, false, (struct json_text){ 0 });
	metrics_sample(&text.sink, &gauge);
	metrics_value_uj(&text.sink, uj);
	got = text_of(&text.out);
	joules = strtod(got + 2, NULL);
	free(got);
	return (uint64_t)llround(joules * 1e6);
}

/* Below 2^32 J every microjoule comes back from a float64 of joules. */
static void test_every_microjoule(void **state)
{
	const uint64_t limit_uj = (UINT64_C(1) << 32) * 1000000;
	struct random_state random = { .state = 1 };

	(void)state;
	for (unsigned int i = 0; i < 200000; i++) {
		uint64_t uj = random_u64(&random) % (limit_uj >> (i % 40));

		assert_int_equal(written_uj(uj), uj);
		assert_int_equal(written_uj(limit_uj - 1 - i), limit_uj - 1 - i);
	}
}

static void test_numbers(void **state)
{
	struct metrics_text text;
	char *got;

	(void)state;
	metrics_text_init(&text, false, (struct json_text){ 0 });
	metrics_sample(&text.sink, &gauge);
	metrics_value_uj(&text.sink, 12000034);
	metrics_sample(&text.sink, &gauge);
	metrics_value_uj(&text.sink, 5000000);
	metrics_sample(&text.sink, &gauge);
	metrics_value_ns(&text.sink, 1000000007);
	metrics_sample(&text.sink, &gauge);
	metrics_value_ns(&text.sink, 123456789);
	metrics_sample(&text.sink, &gauge);
	metrics_value_watts(&text.sink, 93.6973);
	metrics_sample(&text.sink, &gauge);
	metrics_value_watts(&text.sink, 0);
	metrics_sample(&text.sink, &gauge);
	metrics_value_u64(&text.sink, UINT64_MAX);
	got = text_of(&text.out);
	assert_string_equal(got, "g 12.000034\ng 5\ng 1.000000007\ng 0.123456789\n"
				 "g 93.697\ng 0\ng 18446744073709551615\n");
	free(got);
}

static void test_families(void **state)
{
	static const struct metrics_family families[] = {
		{ "a_joules_total", METRICS_COUNTER, "joules", "A." },
		{ "b_info", METRICS_INFO, NULL, "B." },
		{ "c_bytes", METRICS_GAUGE, "bytes", "C." },
		{ "d_microjoules", METRICS_COUNTER_NAMED, NULL, "D." },
	};
	static const char *const expected[] = {
		"# HELP a_joules_total A.\n# TYPE a_joules_total counter\n"
		"# HELP b_info B.\n# TYPE b_info gauge\n"
		"# HELP c_bytes C.\n# TYPE c_bytes gauge\n"
		"# HELP d_microjoules D.\n# TYPE d_microjoules counter\n",
		"# HELP a_joules A.\n# TYPE a_joules counter\n# UNIT a_joules joules\n"
		"# HELP b B.\n# TYPE b info\n"
		"# HELP c_bytes C.\n# TYPE c_bytes gauge\n# UNIT c_bytes bytes\n"
		"# HELP d_microjoules D.\n# TYPE d_microjoules unknown\n# EOF\n",
	};

	(void)state;
	for (unsigned int openmetrics = 0; openmetrics < 2; openmetrics++) {
		struct metrics_text text;
		char *got;

		metrics_text_init(&text, openmetrics, (struct json_text){ 0 });
		for (size_t i = 0; i < 4; i++)
			metrics_family(&text.sink, &families[i]);
		metrics_text_end(&text);
		got = text_of(&text.out);
		assert_string_equal(got, expected[openmetrics]);
		free(got);
	}
}

static void test_snapshot(void **state)
{
	const struct metrics_options options = { .node_name = "hv1" };
	struct snapshot *snapshot = fake_snapshot_new();
	char *got;

	(void)state;
	snapshot->late_ns = 2000000;
	/* A tenant's, who would have it say something else. */
	snapshot->domains[0].labels =
		"domain=other\nflavor=m1 \"x\"\nproject=p1\nuuid=0\n";
	snapshot->self = (struct self_usage){ 1500000000, 4096 };
	got = write_all(snapshot, &options, false);
	assert_line(got, "vmpower_domain_energy_joules_total{domain=\"web1\","
			 "uuid=\"11111111-2222-4333-8444-555555555555\","
			 "zone=\"package-0\",kind=\"dynamic\"} 12");
	assert_line(got, "vmpower_domain_energy_joules_total{domain=\"db\x1b[31m\","
			 "uuid=\"66666666-2222-4333-8444-555555555555\","
			 "zone=\"dram-0\",kind=\"idle\"} 0.25");
	assert_line(got, "vmpower_ended_domains_energy_joules_total{zone=\"dram-0\","
			 "kind=\"idle\"} 0.000005");
	assert_line(got, "vmpower_host_energy_joules_total{zone=\"package-0\","
			 "kind=\"unattributed\"} 0.000001");
	assert_line(got, "vmpower_host_energy_joules_total{zone=\"psys\","
			 "kind=\"dynamic\"} 60");
	assert_line(got, "vmpower_zone_energy_joules_total{zone=\"package-0\","
			 "package=\"0\"} 40.00001");
	assert_line(got, "vmpower_zone_energy_joules_total{zone=\"psys\","
			 "package=\"\"} 60");
	assert_line(got, "vmpower_zone_idle_watts{zone=\"package-0\","
			 "origin=\"learned\"} 20.5");
	assert_line(got, "vmpower_domain_info{domain=\"web1\","
			 "uuid=\"11111111-2222-4333-8444-555555555555\","
			 "flavor=\"m1 \\\"x\\\"\",project=\"p1\"} 1");
	assert_line(got, "vmpower_domain_guest_link_state{domain=\"web1\","
			 "uuid=\"11111111-2222-4333-8444-555555555555\","
			 "state=\"up\"} 1");
	assert_line(got, "vmpower_source_info{source=\"powercap\"} 1");
	assert_line(got, "vmpower_tick_number 42");
	assert_line(got, "vmpower_tick_timestamp_seconds 1790000000.000000001");
	assert_line(got, "vmpower_tick_lateness_seconds 0.002000000");
	assert_line(got, "vmpower_tick_degraded 0");
	assert_line(got, "vmpower_libvirt_connected 1");
	assert_line(got, "vmpower_self_cpu_seconds_total 1.500000000");
	assert_line(got, "vmpower_self_rss_bytes 4096");
	assert_null(strstr(got, "zone=\"psys\",kind=\"idle\"} 0\nvmpower_domain_energy"));
	assert_null(strstr(got, "scaph_"));
	assert_null(strstr(got, "kepler_"));
	assert_null(strstr(got, "EOF"));
	free(got);
	got = write_all(snapshot, &options, true);
	assert_string_equal(got + strlen(got) - 6, "# EOF\n");
	free(got);
	snapshot_unref(snapshot);
}

static void test_pushes(void **state)
{
	const struct metrics_options options = { .node_name = "hv1" };
	struct snapshot *snapshot = fake_snapshot_new();
	struct snapshot_push pushes[] = {
		{ .name = "a\"",
			.delivered_ticks = 1,
			.full_ticks = 2,
			.refused_ticks = 3,
			.unclear_ticks = 8,
			.memory_ticks = 4,
			.failures = 5,
			.waiting_ticks = 6,
			.delivered_ns = 7000000008 },
		{ .name = "b" },
	};
	char *got = write_all(snapshot, &options, false);

	(void)state;
	assert_null(strstr(got, "vmpower_push"));
	free(got);
	snapshot->pushes = pushes;
	snapshot->n_pushes = 2;
	got = write_all(snapshot, &options, false);
	assert_line(got, "vmpower_push_delivered_ticks_total{target=\"a\\\"\"} 1");
	assert_line(got, "vmpower_push_delivered_ticks_total{target=\"b\"} 0");
	assert_line(got, "vmpower_push_dropped_ticks_total{target=\"a\\\"\","
			 "reason=\"queue_full\"} 2");
	assert_line(got, "vmpower_push_dropped_ticks_total{target=\"a\\\"\","
			 "reason=\"refused\"} 3");
	assert_line(got, "vmpower_push_dropped_ticks_total{target=\"a\\\"\","
			 "reason=\"unclear\"} 8");
	assert_line(got, "vmpower_push_dropped_ticks_total{target=\"a\\\"\","
			 "reason=\"no_memory\"} 4");
	assert_line(got, "vmpower_push_failures_total{target=\"a\\\"\"} 5");
	assert_line(got, "vmpower_push_waiting_ticks{target=\"a\\\"\"} 6");
	assert_line(got, "vmpower_push_delivered_timestamp_seconds{target=\"a\\\"\"} "
			 "7.000000008");
	free(got);
	snapshot->n_pushes = 0;
	snapshot_unref(snapshot);
}

/* The sum of a family's values with this label, in microjoules of each value. */
static uint64_t sum_uj(const char *text, const char *family, const char *label)
{
	size_t len = strlen(family);
	uint64_t sum = 0;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		const char *end, *value, *found;

		line += *line == '\n';
		end = strchrnul(line, '\n');
		found = strstr(line, label);
		if (strncmp(line, family, len) != 0 || line[len] != '{' || !found ||
			found > end)
			continue;
		value = memrchr(line, ' ', (size_t)(end - line));
		sum += (uint64_t)llround(strtod(value, NULL) * 1e6);
	}
	return sum;
}

static void test_zones_add_up(void **state)
{
	static const char *const zones[] = { "zone=\"package-0\"", "zone=\"dram-0\"",
		"zone=\"psys\"" };
	const struct metrics_options options = { .node_name = "hv1" };
	struct snapshot *snapshot = fake_snapshot_new();
	char *got;

	(void)state;
	/* One that ended not long ago. */
	snapshot->lingering = snapshot_alloc(snapshot, 1, sizeof(*snapshot->lingering));
	snapshot->n_lingering = 1;
	snapshot->lingering[0].name = "gone\n";
	snapshot->lingering[0].zones = snapshot_alloc(
		snapshot, 3, sizeof(struct tick_share));
	snapshot->lingering[0].zones[0] = (struct tick_share){ 1234567, 1 };
	snapshot->zones[0].boot.total_uj += 1234568;
	got = write_all(snapshot, &options, false);
	assert_line(got, "vmpower_domain_energy_joules_total{domain=\"gone\\n\","
			 "uuid=\"00000000-0000-0000-0000-000000000000\","
			 "zone=\"package-0\",kind=\"dynamic\"} 1.234567");
	for (size_t i = 0; i < 3; i++) {
		uint64_t total = sum_uj(
			got, "vmpower_zone_energy_joules_total", zones[i]);

		assert_int_equal(total, snapshot->zones[i].boot.total_uj);
		assert_int_equal(
			sum_uj(got, "vmpower_domain_energy_joules_total", zones[i]) +
				sum_uj(got, "vmpower_ended_domains_energy_joules_total",
					zones[i]) +
				sum_uj(got, "vmpower_host_energy_joules_total", zones[i]),
			total);
	}
	free(got);
	snapshot_unref(snapshot);
}

static void test_scaphandre(void **state)
{
	const struct metrics_options options = { .scaphandre = true, .node_name = "hv1" };
	struct snapshot *snapshot = fake_snapshot_new();
	char *got = write_all(snapshot, &options, false);

	(void)state;
	assert_line(got, "scaph_host_power_microwatts 60000000");
	assert_line(got, "scaph_host_energy_microjoules 60000000");
	assert_line(got, "scaph_socket_power_microwatts{socket_id=\"0\","
			 "zone=\"package-0\"} 40000000");
	assert_line(got, "scaph_socket_energy_microjoules{socket_id=\"0\","
			 "zone=\"package-0\"} 40000010");
	assert_line(got, "scaph_domain_power_microwatts{domain_name=\"dram\","
			 "domain_id=\"1\",socket_id=\"0\",zone=\"dram-0\"} 3000000");
	assert_line(got, "scaph_process_power_consumption_microwatts{exe=\"qemu\","
			 "vmname=\"web1\","
			 "uuid=\"11111111-2222-4333-8444-555555555555\"} 16250000");
	assert_null(strstr(got, "kepler_"));
	free(got);
	/* Without psys, the host is its packages and dram. */
	snapshot->n_zones = 2;
	got = write_all(snapshot, &options, true);
	assert_line(got, "scaph_host_power_microwatts 43000000");
	assert_line(got, "scaph_host_energy_microjoules 43000020");
	assert_line(got, "# TYPE scaph_host_energy_microjoules unknown");
	free(got);
	snapshot_unref(snapshot);
}

static void test_kepler(void **state)
{
	const struct metrics_options options = { .kepler = true, .node_name = "hv1" };
	struct snapshot *snapshot = fake_snapshot_new();
	char *got = write_all(snapshot, &options, false);

	(void)state;
	assert_line(got, "kepler_node_cpu_joules_total{node_name=\"hv1\","
			 "path=\"aggregated-package\",zone=\"package\"} 40.00001");
	assert_line(got, "kepler_node_cpu_watts{node_name=\"hv1\","
			 "path=\"aggregated-psys\",zone=\"psys\"} 60");
	/* 9.999999 of the host, 3 and 5 of domains. */
	assert_line(got, "kepler_node_cpu_idle_joules_total{node_name=\"hv1\","
			 "path=\"aggregated-package\",zone=\"package\"} 18.000004");
	assert_line(got, "kepler_node_cpu_active_joules_total{node_name=\"hv1\","
			 "path=\"aggregated-package\",zone=\"package\"} 22.000006");
	assert_line(got, "kepler_node_cpu_idle_watts{node_name=\"hv1\","
			 "path=\"aggregated-package\",zone=\"package\"} 18");
	assert_line(got, "kepler_node_cpu_active_watts{node_name=\"hv1\","
			 "path=\"aggregated-package\",zone=\"package\"} 22");
	assert_line(got, "kepler_vm_cpu_joules_total{hypervisor=\"kvm\","
			 "node_name=\"hv1\",state=\"running\","
			 "vm_id=\"11111111-2222-4333-8444-555555555555\","
			 "vm_name=\"web1\",zone=\"package\"} 12");
	assert_line(got, "kepler_vm_cpu_watts{hypervisor=\"kvm\","
			 "node_name=\"hv1\",state=\"running\","
			 "vm_id=\"11111111-2222-4333-8444-555555555555\","
			 "vm_name=\"web1\",zone=\"dram\"} 1");
	assert_null(strstr(got, "scaph_"));
	free(got);
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_every_microjoule),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_pushes),
		cmocka_unit_test(test_zones_add_up),
		cmocka_unit_test(test_scaphandre),
		cmocka_unit_test(test_kepler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
