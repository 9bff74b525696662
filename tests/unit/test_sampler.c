/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Whole ticks on a recorded host: what is said about zones whose readings make no sense,
 * where idle power comes from, and how a restart goes on with what the run before knew.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/sampler.h"
#include "shared/log.h"
#include "tests/unit/fake_qemu.h"
#include "tests/unit/scratch.h"

#define ZONE "sys/devices/virtual/powercap/intel-rapl/intel-rapl:"

static char lines[4096];

void __wrap_log_line(enum log_level level, const char *format, ...)
	__attribute__((__format__(printf, 2, 3)));

void __wrap_log_line(enum log_level level, const char *format, ...)
{
	size_t n = strlen(lines);
	va_list arguments;

	if (level > LOG_LEVEL_WARNING)
		return;
	va_start(arguments, format);
	n += (size_t)vsnprintf(lines + n, sizeof(lines) - n - 1, format, arguments);
	va_end(arguments);
	strcpy(lines + n, "\n");
}

int __real_ledger_apply(struct ledger *ledger, const struct ledger_update *update);
int __wrap_ledger_apply(struct ledger *ledger, const struct ledger_update *update);

static int refusal;    /* of the ledger; 0: it takes what comes */
static int file_error; /* what it says when it took it; 0: what it does say */
/* What it is told that was learned, of zone 0; NULL: what was. */
static const struct idle_power_state *learned;

int __wrap_ledger_apply(struct ledger *ledger, const struct ledger_update *update)
{
	uint64_t states[MACHINE_ZONES_MAX][LEDGER_IDLE_STATE_WORDS] = { 0 };
	struct ledger_update changed = *update;
	int r;

	if (refusal)
		return refusal;
	if (learned) {
		memcpy(states[0], learned, sizeof(*learned));
		changed.idle_states = states;
	}
	r = __real_ledger_apply(ledger, &changed);
	return r == 0 ? file_error : r;
}

struct fixture {
	struct scratch scratch;
	struct hostd_config config;
	struct inventory inventory;
	struct sampler *sampler;
};

static void path_in(const struct fixture *fixture, char path[HOSTD_CONFIG_TEXT_SIZE],
	const char *name)
{
	snprintf(path, HOSTD_CONFIG_TEXT_SIZE, "%s/%s", fixture->scratch.path, name);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	lines[0] = '\0';
	scratch_init(&fixture->scratch);
	scratch_unpack(&fixture->scratch, FIXTURES, "xeon-2s");
	scratch_write(&fixture->scratch, "proc/sys/kernel/random/boot_id",
		"b0000000-0000-4000-8000-000000000000\n");
	path_in(fixture, fixture->config.sysfs, "sys");
	path_in(fixture, fixture->config.procfs, "proc");
	path_in(fixture, fixture->config.libvirt_run_dir, "run");
	path_in(fixture, fixture->config.state_dir, "state");
	fixture->inventory.connected = true;
	assert_int_equal(sampler_new(&fixture->config, &fixture->sampler), 0);
	assert_int_equal(sampler_set_inventory(fixture->sampler, &fixture->inventory), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	sampler_free(fixture->sampler);
	scratch_deinit(&fixture->scratch);
	free(fixture);
	return 0;
}

/* One tick with package-0 at this reading, and all that it said. */
static const char *measure(struct fixture *fixture, const char *energy_uj)
{
	lines[0] = '\0';
	if (energy_uj)
		scratch_write(&fixture->scratch, ZONE "0/energy_uj", energy_uj);
	assert_int_equal(sampler_measure(fixture->sampler, 0), 0);
	return lines;
}

static enum tick_zone_state state_of(const struct fixture *fixture, size_t zone)
{
	return sampler_tick(fixture->sampler)->zones[zone].state;
}

static void test_impossible(void **state)
{
	struct fixture *fixture = *state;

	assert_string_equal(measure(fixture, NULL), "");
	assert_string_equal(measure(fixture, "1000001\n"), "");
	assert_int_equal(state_of(fixture, 0), TICK_ZONE_OK);
	/* Once, for as long as it lasts, and of this zone alone. */
	assert_non_null(strstr(measure(fixture, "200000000000\n"), "zone package-0 "));
	assert_int_equal(state_of(fixture, 0), TICK_ZONE_EXCLUDED);
	assert_null(strchr(strchr(lines, '\n') + 1, '\n'));
	assert_string_equal(measure(fixture, "200000000001\n"), "");
	assert_int_equal(state_of(fixture, 0), TICK_ZONE_EXCLUDED);
	assert_string_equal(measure(fixture, "200000000002\n"), "");
	assert_int_equal(state_of(fixture, 0), TICK_ZONE_OK);
	assert_non_null(strstr(measure(fixture, "1000001\n"), "zone package-0 "));
}

/* Of a zone that cannot be read it is said why, and nothing else. */
static void test_unreadable(void **state)
{
	struct fixture *fixture = *state;

	measure(fixture, NULL);
	assert_non_null(strstr(measure(fixture, ""), "is empty"));
	assert_null(strchr(strchr(lines, '\n') + 1, '\n'));
	assert_int_equal(state_of(fixture, 0), TICK_ZONE_EXCLUDED);
	assert_string_equal(measure(fixture, NULL), "");
	/* Then it can be, but makes no sense. */
	assert_non_null(strstr(measure(fixture, "200000000000\n"), "again"));
	assert_non_null(strstr(lines, "jumped"));
}

/* The driver has no value, for a while. */
static void test_failing(void **state)
{
	struct fixture *fixture = *state;

	measure(fixture, "1000000\n");
	scratch_unlink(&fixture->scratch, ZONE "0/energy_uj");
	/* Nothing is mapped at its beginning. */
	scratch_link(&fixture->scratch, ZONE "0/energy_uj", "/proc/self/mem");
	assert_non_null(strstr(measure(fixture, NULL), strerror(EIO)));
	assert_int_equal(state_of(fixture, 0), TICK_ZONE_EXCLUDED);
	assert_int_equal(state_of(fixture, 1), TICK_ZONE_OK);
	scratch_unlink(&fixture->scratch, ZONE "0/energy_uj");
	measure(fixture, "1000007\n");
	assert_int_equal(state_of(fixture, 0), TICK_ZONE_OK);
	assert_int_equal(sampler_tick(fixture->sampler)->zones[0].total_uj, 7);
}

/* A range that is used up within a tick. */
static void test_ambiguous(void **state)
{
	struct fixture *fixture = *state;

	scratch_write(&fixture->scratch, ZONE "0/max_energy_range_uj", "1000\n");
	scratch_write(&fixture->scratch, ZONE "0/energy_uj", "1\n");
	sampler_free(fixture->sampler);
	assert_int_equal(sampler_new(&fixture->config, &fixture->sampler), 0);
	assert_int_equal(sampler_set_inventory(fixture->sampler, &fixture->inventory), 0);
	assert_string_equal(measure(fixture, NULL), "");
	assert_non_null(
		strstr(measure(fixture, "2\n"), "zone package-0: 0 J are nobody's"));
	assert_int_equal(state_of(fixture, 0), TICK_ZONE_AMBIGUOUS);
	assert_string_equal(measure(fixture, "3\n"), "");
}

/* What the ledger does not take is in the next tick. */
static void test_refused(void **state)
{
	static const int refusals[] = { -EINVAL, -E2BIG, -ENOMEM, -ENOSYS };
	struct fixture *fixture = *state;
	const struct tick_zone *zone = &sampler_tick(fixture->sampler)->zones[0];

	measure(fixture, "1000000\n");
	for (size_t i = 0; i < 4; i++) {
		char energy_uj[16];

		snprintf(energy_uj, sizeof(energy_uj), "%zu", 1000100 + 100 * i);
		scratch_write(&fixture->scratch, ZONE "0/energy_uj", energy_uj);
		refusal = refusals[i];
		lines[0] = '\0';
		assert_int_equal(sampler_measure(fixture->sampler, 0), refusal);
		assert_non_null(strstr(lines, "the next one covers it"));
	}
	refusal = 0;
	measure(fixture, "1000700\n");
	assert_int_equal(zone->total_uj, 700);
	assert_int_equal(zone->dt_ns, sampler_tick(fixture->sampler)->dt_ns);
	assert_int_equal(ledger_zone(sampler_ledger(fixture->sampler), 0)->total_uj, 700);
	measure(fixture, "1000701\n");
	assert_int_equal(zone->total_uj, 1);
	/* What it took does not come again, whatever is wrong with its file. */
	for (size_t i = 0; i < 4; i++) {
		char energy_uj[16];

		snprintf(energy_uj, sizeof(energy_uj), "%zu", 1000711 + 10 * i);
		file_error = refusals[i];
		assert_non_null(
			strstr(measure(fixture, energy_uj), "going on in memory"));
		assert_int_equal(zone->total_uj, 10);
	}
	file_error = 0;
	measure(fixture, "1000742\n");
	assert_int_equal(zone->total_uj, 1);
	assert_int_equal(ledger_zone(sampler_ledger(fixture->sampler), 0)->total_uj, 742);
}

#define UUID_A "aaaaaaaa-0000-4000-8000-00000000000a"
#define UUID_B "bbbbbbbb-0000-4000-8000-00000000000b"

/* Two domains as libvirt tells of them; where their QEMUs are, too. */
static void tell_domains(struct fixture *fixture, struct inventory_domain domains[2],
	const struct fake_qemu qemus[2])
{
	static const char *const uuids[] = { UUID_A, UUID_B };

	for (size_t i = 0; i < 2; i++) {
		char path[32], pid[16];

		domains[i] = (struct inventory_domain){ .name = (char *)(i ? "b" : "a"),
			.id = 7 + (int)i,
			.n_vcpus = 3,
			.max_vcpus = 4,
			.vcpus_per_socket = 2 };
		assert_int_equal(uuid_parse(uuids[i], &domains[i].uuid), 0);
		snprintf(path, sizeof(path), "run/qemu/%s.pid", domains[i].name);
		snprintf(pid, sizeof(pid), "%d", qemus[i].pid);
		scratch_write(&fixture->scratch, path, pid);
	}
	fixture->inventory = (struct inventory){ true, 2, domains };
	assert_int_equal(sampler_set_inventory(fixture->sampler, &fixture->inventory), 0);
}

/* The daemon ends and is started again; libvirt tells nothing. */
static struct inventory *restart(struct fixture *fixture)
{
	struct inventory *inventory;

	sampler_free(fixture->sampler);
	assert_int_equal(sampler_new(&fixture->config, &fixture->sampler), 0);
	assert_int_equal(sampler_recall_inventory(fixture->sampler, &inventory), 0);
	return inventory;
}

static const struct ledger_domain *row_of(const struct fixture *fixture, const char *text)
{
	const struct ledger *ledger = sampler_ledger(fixture->sampler);
	struct uuid uuid;
	ssize_t row;

	assert_int_equal(uuid_parse(text, &uuid), 0);
	row = ledger_find_domain(ledger, &uuid);
	assert_true(row >= 0);
	return ledger_domain(ledger, (size_t)row);
}

static void check_idle(const struct fixture *fixture, const char *zone,
	enum idle_power_origin origin, uint64_t idle_uw)
{
	const struct idle_power *idle = meter_get_idle_power(
		sampler_meter(fixture->sampler), zone);

	assert_non_null(idle);
	assert_int_equal(idle->origin, origin);
	assert_int_equal(idle_power_uw(idle), idle_uw);
}

/* What was learned outlives the daemon, and the boot. */
static void test_learned(void **state)
{
	static const struct idle_power_state known = { .window_ns = 1,
		.current_uw = 21000000 };
	struct fixture *fixture = *state;
	struct inventory *inventory;

	learned = &known;
	measure(fixture, NULL);
	learned = NULL;
	inventory = restart(fixture);
	check_idle(fixture, "package-0", IDLE_POWER_LEARNED, 21000000);
	measure(fixture, NULL);
	scratch_write(&fixture->scratch, "proc/sys/kernel/random/boot_id",
		"b0000000-0000-4000-8000-000000000001\n");
	inventory_free(inventory);
	inventory = restart(fixture);
	check_idle(fixture, "package-0", IDLE_POWER_LEARNED, 21000000);
	measure(fixture, NULL);
	check_idle(fixture, "package-0", IDLE_POWER_LEARNED, 21000000);
	sampler_set_inventory(fixture->sampler, &fixture->inventory);
	inventory_free(inventory);
}

/* A file that makes no sense is ignored, and said so; none is nothing to speak of. */
static void test_coefficients(void **state)
{
	struct fixture *fixture = *state;

	fixture->config.learn = true;
	lines[0] = '\0';
	inventory_free(restart(fixture));
	assert_null(strstr(lines, "coefficients"));
	scratch_write(&fixture->scratch, "state/coefficients", "vmpcoef nonsense");
	inventory_free(restart(fixture));
	assert_non_null(strstr(lines, "state/coefficients: Bad message; ignoring it"));
	sampler_set_inventory(fixture->sampler, &fixture->inventory);
	measure(fixture, NULL);
}

static void calibrate(const struct fixture *fixture, const char *text)
{
	scratch_write(&fixture->scratch, "state/calibration.conf", text);
}

/* Configured wins over calibrated, and that over learned. */
static void test_calibration(void **state)
{
	static const char both[] = "[calibration]\nseconds = 60\n"
				   "[zone \"package-0\"]\nidle_w = 20.5\n"
				   "[zone \"package-1\"]\nidle_w = 5\n"
				   "[zone \"package-9\"]\nidle_w = 5\n";
	static const struct idle_power_state known = { .current_uw = 21000000 };
	struct fixture *fixture = *state;
	struct inventory *inventory;

	fixture->config.n_zones = 1;
	fixture->config.zones[0] = (struct hostd_zone_config){ "package-1", 7000000 };
	learned = &known;
	measure(fixture, NULL);
	learned = NULL;
	calibrate(fixture, both);
	inventory = restart(fixture);
	check_idle(fixture, "package-0", IDLE_POWER_CALIBRATED, 20500000);
	check_idle(fixture, "package-1", IDLE_POWER_CONFIGURED, 7000000);
	measure(fixture, NULL);
	/* It changes, is wrong, is no more. */
	calibrate(fixture, "[zone \"package-0\"]\nidle_w = 19\n");
	sampler_load_calibration(fixture->sampler);
	check_idle(fixture, "package-0", IDLE_POWER_CALIBRATED, 19000000);
	calibrate(fixture, "[zone \"package-0\"]\nidle_w = some\n");
	lines[0] = '\0';
	sampler_load_calibration(fixture->sampler);
	assert_non_null(strstr(lines, "calibration.conf:2: "));
	check_idle(fixture, "package-0", IDLE_POWER_CALIBRATED, 19000000);
	scratch_unlink(&fixture->scratch, "state/calibration.conf");
	sampler_load_calibration(fixture->sampler);
	check_idle(fixture, "package-0", IDLE_POWER_LEARNED, 21000000);
	check_idle(fixture, "package-1", IDLE_POWER_CONFIGURED, 7000000);
	measure(fixture, NULL);
	inventory_free(inventory);
	/* An estimate is made of what the configuration says. */
	calibrate(fixture, both);
	fixture->config.source = HOSTD_SOURCE_ESTIMATE;
	fixture->config.estimate_idle_uw = 3000000;
	fixture->config.estimate_full_uw = 30000000;
	inventory = restart(fixture);
	check_idle(fixture, "package-0", IDLE_POWER_CONFIGURED, 3000000);
	inventory_free(inventory);
	sampler_set_inventory(fixture->sampler, &fixture->inventory);
}

/* Nothing waits for libvirt: the ledger knows who ran, /proc who still does. */
static void test_recall(void **state)
{
	struct fixture *fixture = *state;
	struct inventory_domain domains[2];
	struct inventory *recalled;
	const struct tick *tick;
	struct fake_qemu qemus[2];
	uint64_t burnt_ns;
	struct uuid epoch;

	strcpy(fixture->config.procfs, "/proc");
	recalled = restart(fixture);
	assert_int_equal(recalled->n_domains, 0);
	fake_qemu_start(&qemus[0], UUID_A);
	fake_qemu_start(&qemus[1], UUID_B);
	tell_domains(fixture, domains, qemus);
	inventory_free(recalled);
	measure(fixture, "1000000\n");
	assert_int_equal(sampler_tick(fixture->sampler)->n_domains, 2);
	epoch = row_of(fixture, UUID_A)->epoch;
	burnt_ns = fake_qemu_burn(&qemus[0], 0, 1);

	/* Both run on. libvirt's directory is of no help. */
	scratch_unlink(&fixture->scratch, "run/qemu/a.pid");
	recalled = restart(fixture);
	assert_false(recalled->connected);
	assert_int_equal(recalled->n_domains, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct inventory_domain *domain = &recalled->domains[i];

		assert_memory_equal(&domain->uuid, &domains[i].uuid, sizeof(struct uuid));
		assert_string_equal(domain->name, domains[i].name);
		assert_int_equal(domain->id, -1);
		assert_int_equal(domain->n_vcpus, 3);
		assert_int_equal(domain->max_vcpus, 4);
		assert_int_equal(domain->vcpus_per_socket, 2);
		assert_null(domain->channel_path);
	}
	burnt_ns = fake_qemu_burn(&qemus[0], 0, 100) - burnt_ns;
	measure(fixture, "2000000\n");
	tick = sampler_tick(fixture->sampler);
	assert_int_equal(tick->quality, MESSAGE_DEGRADED);
	assert_int_equal(tick->zones[0].total_uj, 1000000);
	assert_int_equal(tick->zones[0].unattributed_uj, 0);
	assert_int_equal(tick->n_domains, 2);
	assert_in_range(tick->domains[0].cpu_ns, burnt_ns, burnt_ns + 50000000);

	/* What libvirt tells later changes nothing of that. */
	tell_domains(fixture, domains, qemus);
	inventory_free(recalled);
	measure(fixture, "2000001\n");
	tick = sampler_tick(fixture->sampler);
	assert_int_equal(tick->quality, MESSAGE_MEASURED);
	assert_int_equal(tick->n_domains, 2);
	assert_memory_equal(&row_of(fixture, UUID_A)->epoch, &epoch, sizeof(epoch));

	/* One of them ends with the daemon. */
	fake_qemu_kill(&qemus[1]);
	fake_qemu_burn(&qemus[0], 0, 10);
	recalled = restart(fixture);
	assert_int_equal(recalled->n_domains, 2);
	measure(fixture, "3000001\n");
	tick = sampler_tick(fixture->sampler);
	assert_int_equal(tick->n_domains, 1);
	assert_int_equal(tick->zones[0].host.dynamic_uj, 0);
	assert_int_equal(
		tick->zones[0].unattributed_uj + tick_share(tick, 0, 0)->dynamic_uj,
		1000000);
	sampler_free(fixture->sampler);
	fixture->sampler = NULL;
	inventory_free(recalled);
	recalled = restart(fixture);
	assert_int_equal(recalled->n_domains, 1);
	sampler_free(fixture->sampler);
	fixture->sampler = NULL;
	inventory_free(recalled);
	fake_qemu_kill(&qemus[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_impossible),
		TEST(test_unreadable),
		TEST(test_failing),
		TEST(test_ambiguous),
		TEST(test_refused),
		TEST(test_learned),
		TEST(test_coefficients),
		TEST(test_calibration),
		TEST(test_recall),
	};

	fake_qemu_main(argc, argv);

	return cmocka_run_group_tests(tests, NULL, NULL);
}
