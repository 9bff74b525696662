/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The HTTP documents: fields, the way back, and what is refused. */
#include "host/snapshot_json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_snapshot.h"

struct fixture {
	struct snapshot *snapshot;
	cJSON *host, *domains;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->snapshot = fake_snapshot_new();
	fixture->host = snapshot_json_host(fixture->snapshot);
	fixture->domains = snapshot_json_domains(fixture->snapshot);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	snapshot_unref(fixture->snapshot);
	cJSON_Delete(fixture->host);
	cJSON_Delete(fixture->domains);
	free(fixture);
	return 0;
}

/* The item at a path such as "zones/0/energy/total_uj". */
static cJSON *item(cJSON *at, const char *path)
{
	char copy[128], *save, *word;

	snprintf(copy, sizeof(copy), "%s", path);
	for (word = strtok_r(copy, "/", &save); word; word = strtok_r(NULL, "/", &save))
		at = cJSON_IsArray(at) ? cJSON_GetArrayItem(at, atoi(word))
				       : cJSON_GetObjectItemCaseSensitive(at, word);
	return at;
}

static void assert_text(cJSON *document, const char *path, const char *expected)
{
	const char *text = cJSON_GetStringValue(item(document, path));

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void assert_number(cJSON *document, const char *path, double expected)
{
	const cJSON *number = item(document, path);

	assert_true(cJSON_IsNumber(number));
	assert_float_equal((float)number->valuedouble, (float)expected, 1e-5f);
}

static void test_host_document(void **state)
{
	cJSON *host = ((struct fixture *)*state)->host;

	assert_text(host, "tick", "42");
	assert_text(host, "time_ns", "1790000000000000001");
	assert_text(host, "source", "powercap");
	assert_true(cJSON_IsFalse(item(host, "estimate")));
	assert_text(host, "quality", "measured");
	assert_text(host, "idle_policy", "reserved");
	assert_text(host, "calibration_file", "/var/lib/vmpower/calibration.conf");
	assert_true(cJSON_IsTrue(item(host, "libvirt/connected")));
	assert_text(host, "zones/0/name", "package-0");
	assert_text(host, "zones/0/kind", "package");
	assert_text(host, "zones/0/state", "ok");
	assert_text(host, "zones/0/idle_power_origin", "learned");
	assert_number(host, "zones/0/idle_power_w", 20.5);
	assert_number(host, "zones/0/power_w", 40.0);
	/* Beyond what a double holds. */
	assert_text(host, "zones/0/energy/total_uj", "18000000000000000007");
	assert_text(host, "zones/0/energy/unattributed_uj", "7");
	assert_text(host, "zones/0/last_tick/host/idle_uj", "9999999");
	assert_text(host, "zones/0/since_boot/total_uj", "40000010");
	assert_text(host, "zones/0/since_boot/ended_domains/idle_uj", "5");
	assert_text(host, "host_cpu_ns", "50000000");
}

/* Who lingers for /metrics has ended for everybody else. */
static void test_lingering(void **state)
{
	struct fixture *fixture = *state;
	struct tick_share zones[3] = { { 7, 8 }, { 9, 10 } };
	struct snapshot_lingering lingering = { .name = "gone", .zones = zones };
	struct snapshot *decoded = NULL;
	cJSON *host;

	fixture->snapshot->n_lingering = 1;
	fixture->snapshot->lingering = &lingering;
	host = snapshot_json_host(fixture->snapshot);
	assert_text(host, "zones/0/since_boot/ended_domains/dynamic_uj", "12");
	assert_text(host, "zones/1/since_boot/ended_domains/idle_uj", "15");
	assert_int_equal(snapshot_json_decode(host, NULL, &decoded), 0);
	assert_int_equal(decoded->zones[0].boot.ended.dynamic_uj, 12);
	assert_int_equal(decoded->n_lingering, 0);
	snapshot_unref(decoded);
	cJSON_Delete(host);
}

static void test_domains_document(void **state)
{
	cJSON *domains = ((struct fixture *)*state)->domains;

	assert_text(domains, "tick", "42");
	assert_text(domains, "domains/0/uuid", "11111111-2222-4333-8444-555555555555");
	assert_text(domains, "domains/0/name", "web1");
	assert_number(domains, "domains/0/id", 3);
	assert_number(domains, "domains/0/vcpus", 4);
	assert_number(domains, "domains/0/power_w", 16.25);
	assert_number(domains, "domains/0/dynamic_power_w", 13.0);
	assert_text(domains, "domains/0/zones/package-0/energy/dynamic_uj", "9000000000");
	assert_text(domains, "domains/0/zones/dram-0/last_tick/idle_uj", "250000");
	assert_text(domains, "domains/0/zones/package-0/since_boot/idle_uj", "3000000");
	assert_text(domains, "domains/0/cpu_ns", "1300000000");
	assert_text(domains, "domains/0/vcpu_times/1/cpu_ns", "270000000");
	assert_number(domains, "domains/0/vcpu_times/1/cpu", 11);
	assert_number(domains, "domains/0/vcpu_times/1/package", 0);
	assert_null(item(domains, "domains/1/vcpu_times/0"));
	assert_null(item(domains, "domains/0/zones/psys"));
	assert_text(domains, "domains/0/link/state", "up");
	assert_text(domains, "domains/0/link/acked_seq", "41");
	assert_text(domains, "domains/0/link/zones/0/acked_uj", "19000000");
	assert_true(cJSON_IsTrue(item(domains, "domains/1/paused")));
	assert_true(cJSON_IsNull(item(domains, "domains/1/link/agent")));
}

static void test_there_and_back(void **state)
{
	struct fixture *fixture = *state;
	struct snapshot *decoded = NULL;
	cJSON *host, *domains;

	fixture->snapshot->domains[1].link.state = LINK_UNREACHABLE;
	fixture->snapshot->domains[1].link.error = "denied";
	fixture->snapshot->zones[1].state = TICK_ZONE_EXCLUDED;
	fixture->snapshot->zones[1].problem = "it \"lies\"";
	cJSON_Delete(fixture->host);
	cJSON_Delete(fixture->domains);
	fixture->host = snapshot_json_host(fixture->snapshot);
	fixture->domains = snapshot_json_domains(fixture->snapshot);
	assert_int_equal(
		snapshot_json_decode(fixture->host, fixture->domains, &decoded), 0);
	assert_string_equal(decoded->domains[1].link.error, "denied");
	assert_string_equal(decoded->zones[1].problem, "it \"lies\"");
	host = snapshot_json_host(decoded);
	domains = snapshot_json_domains(decoded);
	assert_true(cJSON_Compare(fixture->host, host, true));
	assert_true(cJSON_Compare(fixture->domains, domains, true));
	cJSON_Delete(host);
	cJSON_Delete(domains);
	snapshot_unref(decoded);
}

static void test_host_alone(void **state)
{
	struct fixture *fixture = *state;
	struct snapshot *decoded = NULL;

	assert_int_equal(snapshot_json_decode(fixture->host, NULL, &decoded), 0);
	assert_int_equal(decoded->n_zones, fixture->snapshot->n_zones);
	assert_int_equal(decoded->n_domains, 0);
	assert_string_equal(
		decoded->calibration_file, fixture->snapshot->calibration_file);
	snapshot_unref(decoded);
}

static void test_two_ticks(void **state)
{
	struct fixture *fixture = *state;
	struct snapshot *decoded = NULL;
	cJSON *later;

	fixture->snapshot->number++;
	later = snapshot_json_domains(fixture->snapshot);
	assert_int_equal(snapshot_json_decode(fixture->host, later, &decoded), -EAGAIN);
	assert_null(decoded);
	cJSON_Delete(later);
}

/* Each is put in place of what is there; NULL takes it away. */
static const struct {
	bool in_domains;
	const char *object, *name, *json;
} bad[] = {
	{ false, "", "tick", NULL },
	{ false, "", "tick", "42" },
	{ false, "", "tick", "\"-1\"" },
	{ false, "", "tick", "\"18446744073709551616\"" },
	{ false, "", "source", "null" },
	{ false, "", "estimate", "0" },
	{ false, "", "quality", "\"good\"" },
	{ false, "", "libvirt", "[]" },
	{ false, "", "zones", "{}" },
	{ false, "", "zones", "[1,2,3]" },
	{ false, "zones/0", "name",
		"\"a name that is longer than any zone of the kernel\"" },
	{ false, "zones/0", "kind", "\"gpu\"" },
	{ false, "zones/0", "state", "null" },
	{ false, "zones/0", "energy", NULL },
	{ false, "zones/2/energy/host", "idle_uj", "1" },
	{ true, "", "domains", "[null]" },
	{ true, "", "domains", NULL },
	{ true, "domains/0", "uuid", "\"11111111\"" },
	{ true, "domains/0", "name", "null" },
	{ true, "domains/0", "id", "1e300" },
	{ true, "domains/0", "vcpus", "-1" },
	{ true, "domains/1", "zones", "{\"package-0\":{}}" },
	{ true, "domains/1/link", "state", "\"odd\"" },
	{ true, "domains/1/link", "zones", "7" },
	{ true, "domains/0/link/zones/0", "acked_uj", "\"0x10\"" },
};

static void test_bad_documents(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cJSON *host = cJSON_Duplicate(fixture->host, true);
		cJSON *domains = cJSON_Duplicate(fixture->domains, true);
		cJSON *object = item(bad[i].in_domains ? domains : host, bad[i].object);
		struct snapshot *decoded = NULL;
		int r;

		cJSON_DeleteItemFromObjectCaseSensitive(object, bad[i].name);
		if (bad[i].json)
			cJSON_AddItemToObject(
				object, bad[i].name, cJSON_Parse(bad[i].json));
		r = snapshot_json_decode(host, domains, &decoded);
		if (r != -EBADMSG)
			fail_msg("%s/%s = %s gives %d", bad[i].object, bad[i].name,
				bad[i].json ? bad[i].json : "(none)", r);
		assert_null(decoded);
		cJSON_Delete(host);
		cJSON_Delete(domains);
	}
}

static void test_too_many_zones(void **state)
{
	struct fixture *fixture = *state;
	struct snapshot *decoded = NULL;
	cJSON *zones = item(fixture->domains, "domains/0/link/zones");

	for (int i = 0; i < MESSAGE_ZONES_MAX; i++)
		cJSON_AddItemToArray(
			zones, cJSON_Duplicate(cJSON_GetArrayItem(zones, 0), true));
	assert_int_equal(snapshot_json_decode(fixture->host, fixture->domains, &decoded),
		-EBADMSG);
	zones = item(fixture->host, "zones");
	for (int i = 0; i < MACHINE_ZONES_MAX; i++)
		cJSON_AddItemToArray(
			zones, cJSON_Duplicate(cJSON_GetArrayItem(zones, 0), true));
	assert_int_equal(snapshot_json_decode(fixture->host, fixture->domains, &decoded),
		-EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_host_document, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lingering, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_domains_document, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_there_and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_host_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_ticks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_documents, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_zones, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
