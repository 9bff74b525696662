/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Energy from the powercap trees of the recorded hosts: which zones are found and read;
 * zones that break, heal, come and go; what is said about it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/energy.h"
#include "host/powercap.h"
#include "shared/clock.h"
#include "tests/unit/scratch.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t energy_uj;
	} cases[] = {
		{ "262143328850\n", 0, 262143328850 },
		{ "0", 0, 0 },
		{ "", -ENODATA, 0 },
		{ "\n", -EBADMSG, 0 },
		{ "-1\n", -EBADMSG, 0 },
		{ "12 uJ\n", -EBADMSG, 0 },
		{ "18446744073709551616\n", -EBADMSG, 0 },
	};
	char name[MACHINE_ZONE_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t energy_uj = 0;

		assert_int_equal(powercap_parse_energy(cases[i].text,
					 strlen(cases[i].text), &energy_uj),
			cases[i].r);
		assert_int_equal(energy_uj, cases[i].energy_uj);
	}
	assert_int_equal(powercap_parse_name("package-0\n", 10, name), 0);
	assert_string_equal(name, "package-0");
	assert_int_equal(powercap_parse_name("\n", 1, name), -EBADMSG);
	assert_int_equal(powercap_parse_name("dram\0x\n", 7, name), -EBADMSG);
	assert_int_equal(
		powercap_parse_name("01234567890123456789012345678901", 32, name),
		-EBADMSG);
}

/* Opens the energy of a host; its message is of no interest here. */
static int open_host(const char *sysfs, const char *procfs, enum energy_choice choice,
	struct energy **energy)
{
	const struct energy_config config = {
		.sysfs = sysfs,
		.procfs = procfs,
		.choice = choice,
		.idle_uw = 10000000,
		.full_uw = 30000000,
	};
	char reason[ENERGY_MESSAGE_SIZE];
	int r = energy_open(&config, energy, reason);

	print_message("%s\n", reason);
	return r;
}

static void describe(
	const struct machine *machine, const struct sample *sample, char *text)
{
	*text = '\0';
	for (size_t i = 0; i < machine->n_zones; i++) {
		text += sprintf(text, "%s@%u=", machine->zones[i].name,
			machine->zones[i].package);
		text += sample->zones[i].valid
				? sprintf(text, "%ju ",
					  (uintmax_t)sample->zones[i].energy_uj)
				: sprintf(text, "? ");
	}
}

/* A host, whose tree a test may change. */
struct host {
	struct scratch scratch;
	char sysfs[128], procfs[128];
	struct energy *energy;
	struct sample sample;
};

#define ZONE "sys/devices/virtual/powercap/intel-rapl/intel-rapl:"

static void host_init(struct host *host, const char *name)
{
	*host = (struct host){ 0 };
	scratch_init(&host->scratch);
	scratch_unpack(&host->scratch, FIXTURES, name);
	snprintf(host->sysfs, sizeof(host->sysfs), "%s/sys", host->scratch.path);
	snprintf(host->procfs, sizeof(host->procfs), "%s/proc", host->scratch.path);
}

static void host_deinit(struct host *host)
{
	energy_close(host->energy);
	sample_deinit(&host->sample);
	scratch_deinit(&host->scratch);
}

static int setup(void **state)
{
	*state = malloc(sizeof(struct host));
	host_init(*state, "xeon-2s");
	return 0;
}

static int teardown(void **state)
{
	host_deinit(*state);
	free(*state);
	return 0;
}

static void check_host(struct host *host, const char *zones, const char *cpus)
{
	const struct machine *machine;
	char text[1024];

	assert_int_equal(
		open_host(host->sysfs, host->procfs, ENERGY_AUTO, &host->energy), 0);
	assert_string_equal(energy_source_name(host->energy), "powercap");
	assert_int_equal(energy_read(host->energy, &host->sample), 0);
	machine = energy_machine(host->energy);
	describe(machine, &host->sample, text);
	assert_string_equal(text, zones);
	assert_int_equal(machine->n_cpus, strlen(cpus));
	for (size_t i = 0; i < machine->n_cpus; i++) {
		const struct machine_cpu *cpu = &machine->cpus[i];

		assert_int_equal(cpu->online, cpus[i] != '.');
		assert_int_equal(host->sample.cpus[i].busy_ns,
			cpu->online ? (i + 1) * 1000000000 : 0);
		if (cpu->online)
			assert_int_equal(cpu->package, cpus[i] - '0');
	}
}

static void test_hosts(void **state)
{
	static const struct {
		const char *host, *zones, *cpus;
	} cases[] = {
		{ "xeon-2s",
			"package-0@0=1000000 dram-0@0=500000 package-1@1=2000000 "
			"dram-1@1=1000000 ",
			"00110011" },
		{ "amd-dies", "package-0@0=7000000 core-0@0=300000 ", "0000" },
		{ "intel-dies",
			"package-0-die-0@0=3000000 dram-0-die-0@0=40000 "
			"package-0-die-1@1=6000000 dram-0-die-1@1=80000 ",
			"0011" },
		{ "client",
			"package-0@0=11000000 core-0@0=5000000 uncore-0@0=10000 "
			"psys@0=30000000 ",
			"000." },
		{ "broken",
			"package-0@0=1234 dram-0@0=? package-1@1=? dram-1@1=? "
			"package-2@2=? dram-2@2=77 ",
			"012" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host host;

		host_init(&host, cases[i].host);
		check_host(&host, cases[i].zones, cases[i].cpus);
		host_deinit(&host);
	}
}

static const char *read_host(struct host *host)
{
	static char text[1024];

	assert_int_equal(energy_read(host->energy, &host->sample), 0);
	describe(energy_machine(host->energy), &host->sample, text);
	return text;
}

/* The next message has all of these; none when what is NULL. */
static void expect_message(struct host *host, const char *zone, const char *what)
{
	char message[ENERGY_MESSAGE_SIZE];

	if (!zone) {
		assert_false(energy_next_message(host->energy, message));
		return;
	}
	assert_true(energy_next_message(host->energy, message));
	print_message("%s\n", message);
	assert_non_null(strstr(message, zone));
	assert_non_null(strstr(message, what));
}

static void test_changes(void **state)
{
	struct host *host = *state;
	const char *reason, *cure;

	assert_int_equal(
		open_host(host->sysfs, host->procfs, ENERGY_POWERCAP, &host->energy), 0);
	read_host(host);
	expect_message(host, NULL, NULL);

	/* Replaced by rename: the new file is what counts. */
	scratch_write(&host->scratch, ZONE "0/energy_uj", "1000001\n");
	assert_non_null(strstr(read_host(host), "package-0@0=1000001 "));

	/* One breaks, is told of once, the others go on; then it heals. */
	scratch_unlink(&host->scratch, ZONE "0/energy_uj");
	for (int i = 0; i < 3; i++)
		assert_string_equal(read_host(host),
			"package-0@0=? dram-0@0=500000 package-1@1=2000000 dram-1@1=1000000 ");
	expect_message(host, "package-0", "No such file");
	expect_message(host, NULL, NULL);
	assert_true(energy_zone_problem(host->energy, 0, &reason, &cure));
	assert_non_null(strstr(cure, "modprobe"));
	assert_false(energy_zone_problem(host->energy, 1, &reason, &cure));
	scratch_write(&host->scratch, ZONE "0/energy_uj", "");
	read_host(host);
	expect_message(host, "package-0", "empty");
	scratch_write(&host->scratch, ZONE "0/energy_uj", "garbage\n");
	read_host(host);
	expect_message(host, "package-0", "not a number");
	scratch_write(&host->scratch, ZONE "0/energy_uj", "1000002\n");
	assert_non_null(strstr(read_host(host), "package-0@0=1000002 "));
	expect_message(host, "package-0", "again");
	expect_message(host, NULL, NULL);
	assert_int_equal(energy_machine(host->energy)->generation, 1);
}

/* As on a real host for anybody but root. */
static void test_not_permitted(void **state)
{
	struct host *host = *state;
	uid_t self = geteuid();
	char path[256];

	assert_int_equal(chmod(host->scratch.path, 0755), 0);
	snprintf(path, sizeof(path), "%s/" ZONE "1/energy_uj", host->scratch.path);
	assert_int_equal(chmod(path, 0), 0);
	if (self == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(
		open_host(host->sysfs, host->procfs, ENERGY_POWERCAP, &host->energy), 0);
	assert_non_null(strstr(read_host(host), "package-0@0=1000000 "));
	assert_non_null(strstr(read_host(host), "package-1@1=? "));
	expect_message(host, "package-1", "CAP_DAC_READ_SEARCH");
	expect_message(host, NULL, NULL);
	assert_int_equal(seteuid(self), 0);
}

static void remove_zone(struct host *host, const char *zone)
{
	char path[256];

	snprintf(path, sizeof(path), ZONE "%s/energy_uj", zone);
	scratch_unlink(&host->scratch, path);
	snprintf(path, sizeof(path), ZONE "%s/max_energy_range_uj", zone);
	scratch_unlink(&host->scratch, path);
}

/* A zone that vanished is one that cannot be read: its energy is unknown, not 0. */
static void test_zone_goes(void **state)
{
	static const char all[] = "package-0@0=1000000 dram-0@0=500000 "
				  "package-1@1=2000000 dram-1@1=1000000 ";
	static const char not_the_first[] = "package-0@0=? dram-0@0=? "
					    "package-1@1=2000000 dram-1@1=1000000 ";
	struct host *host = *state;
	const char *reason, *cure;

	assert_int_equal(
		open_host(host->sysfs, host->procfs, ENERGY_POWERCAP, &host->energy), 0);
	assert_string_equal(read_host(host), all);
	remove_zone(host, "0/intel-rapl:0:0");
	remove_zone(host, "0");
	for (int i = 0; i < 4; i++)
		assert_string_equal(read_host(host), not_the_first);
	assert_int_equal(energy_machine(host->energy)->generation, 1);
	expect_message(host, "package-0", "No such device");
	expect_message(host, "dram-0", "No such device");
	expect_message(host, NULL, NULL);
	assert_true(energy_zone_problem(host->energy, 0, &reason, &cure));
	assert_non_null(strstr(cure, "modprobe"));

	/* Scanned again, it is still known. */
	energy_look_around(host->energy, UINT64_MAX);
	assert_string_equal(read_host(host), not_the_first);
	expect_message(host, NULL, NULL);

	/* Then the driver is unloaded, and the class is empty. */
	remove_zone(host, "1/intel-rapl:1:0");
	remove_zone(host, "1");
	for (int i = 0; i < 3; i++)
		assert_string_equal(read_host(host),
			"package-0@0=? dram-0@0=? package-1@1=? dram-1@1=? ");
	assert_int_equal(energy_machine(host->energy)->n_packages, 2);
}

/* What was seen to come back is measured again within ENERGY_RETRY_NS. */
static void test_zone_comes_back(void **state)
{
	struct host *host = *state;
	uint64_t before_ns, now_ns;

	assert_int_equal(
		open_host(host->sysfs, host->procfs, ENERGY_POWERCAP, &host->energy), 0);
	remove_zone(host, "1");
	before_ns = clock_monotonic_ns();
	for (int i = 0; i < 3; i++)
		assert_non_null(
			strstr(read_host(host), "package-1@1=? dram-1@1=1000000"));
	expect_message(host, "package-1", "No such device");
	scratch_write(&host->scratch, ZONE "1/max_energy_range_uj", "262143328850\n");
	scratch_write(&host->scratch, ZONE "1/energy_uj", "2000001\n");
	now_ns = clock_monotonic_ns();
	energy_look_around(host->energy, before_ns + ENERGY_RETRY_NS / 2);
	assert_non_null(strstr(read_host(host), "package-1@1=? "));
	energy_look_around(host->energy, now_ns + ENERGY_RETRY_NS);
	assert_non_null(strstr(read_host(host), "package-1@1=2000001 "));
	expect_message(host, "package-1", "again");
	expect_message(host, NULL, NULL);
	/* No error any more, no hurry any more. */
	energy_look_around(host->energy, now_ns + ENERGY_RETRY_NS);
	now_ns = clock_monotonic_ns();
	remove_zone(host, "1");
	energy_look_around(host->energy, now_ns + ENERGY_RESCAN_NS / 2);
	scratch_write(&host->scratch, ZONE "1/energy_uj", "2000002\n");
	assert_non_null(strstr(read_host(host), "package-1@1=2000002 "));
}

/* What a scan finds is the machine only of the readings after it. */
static void test_look_around(void **state)
{
	struct host *host = *state;

	assert_int_equal(
		open_host(host->sysfs, host->procfs, ENERGY_POWERCAP, &host->energy), 0);
	read_host(host);
	scratch_write(&host->scratch, ZONE "1/name", "package-7\n");
	energy_look_around(host->energy, clock_monotonic_ns() + ENERGY_RESCAN_NS / 2);
	assert_int_equal(energy_machine(host->energy)->n_packages, 2);
	assert_null(strstr(read_host(host), "package-7"));
	energy_look_around(host->energy, clock_monotonic_ns() + ENERGY_RESCAN_NS);
	energy_look_around(host->energy, clock_monotonic_ns() + 2 * ENERGY_RESCAN_NS);
	assert_int_equal(energy_machine(host->energy)->n_packages, 2);
	assert_int_equal(energy_machine(host->energy)->generation, 1);
	assert_string_equal(read_host(host),
		"package-0@0=1000000 dram-0@0=500000 package-1@1=? dram-1@1=? "
		"package-7@2=2000000 dram-7@2=1000000 ");
	assert_int_equal(energy_machine(host->energy)->n_packages, 3);
	assert_int_equal(energy_machine(host->energy)->generation, 2);
}

static void test_cpu_goes(void **state)
{
	struct host *host = *state;

	assert_int_equal(
		open_host(host->sysfs, host->procfs, ENERGY_POWERCAP, &host->energy), 0);
	read_host(host);
	scratch_write(&host->scratch, "sys/devices/system/cpu/online", "0-6\n");
	scratch_write(&host->scratch, "proc/stat", "cpu  0\ncpu0 1 0 0 0 0 0 0\n");
	read_host(host);
	read_host(host);
	assert_int_equal(energy_machine(host->energy)->generation, 2);
	assert_int_equal(energy_machine(host->energy)->n_cpus, 8);
	assert_false(energy_machine(host->energy)->cpus[7].online);
	assert_int_equal(energy_machine(host->energy)->packages[1].n_cpus, 3);
}

static void test_auto(void **state)
{
	struct host *host = *state, bare;

	scratch_write(&host->scratch, ZONE "0/energy_uj", "");
	scratch_write(&host->scratch, ZONE "1/energy_uj", "");
	assert_int_equal(
		open_host(host->sysfs, host->procfs, ENERGY_AUTO, &host->energy), 0);
	assert_string_equal(energy_source_name(host->energy), "estimate");
	assert_int_equal(energy_machine(host->energy)->n_zones, 2);
	energy_close(host->energy);
	scratch_write(&host->scratch, ZONE "1/energy_uj", "1\n");
	assert_int_equal(
		open_host(host->sysfs, host->procfs, ENERGY_AUTO, &host->energy), 0);
	assert_string_equal(energy_source_name(host->energy), "powercap");
	energy_close(host->energy);
	host->energy = NULL;
	host_init(&bare, "kvm-guest");
	assert_int_equal(
		open_host(bare.sysfs, bare.procfs, ENERGY_POWERCAP, &bare.energy),
		-ENODEV);
	host_deinit(&bare);
	assert_int_equal(
		open_host("/nowhere", host->procfs, ENERGY_AUTO, &host->energy), -ENOENT);
	assert_int_equal(
		open_host(host->sysfs, "/nowhere", ENERGY_AUTO, &host->energy), -ENOENT);
}

/* The same zones by several paths, in directories, below other things. */
static void test_find(void **state)
{
	struct zone_found *found = calloc(ZONE_RULES_FOUND_MAX, sizeof(*found));
	struct host *host = *state;

	assert_int_equal(powercap_find(host->sysfs, found), 4);
	assert_string_equal(found[1].path, "intel-rapl/intel-rapl:0/intel-rapl:0:0");
	assert_string_equal(found[1].name, "dram");
	assert_int_equal(found[1].parent, 0);
	assert_int_equal(found[1].max_power_uw, 122000000);
	assert_int_equal(found[2].parent, -1);
	scratch_write(
		&host->scratch, "sys/class/powercap/other/more/x/name", "package-5\n");
	scratch_write(&host->scratch, "sys/class/powercap/other/more/x/energy_uj", "5\n");
	scratch_link(&host->scratch, "sys/class/powercap/other/loop", "..");
	assert_int_equal(powercap_find(host->sysfs, found), 5);
	assert_string_equal(found[4].path, "other/more/x");
	assert_int_equal(powercap_find("/nowhere", found), -ENOENT);
	free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_permitted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zone_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_zone_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_look_around, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cpu_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_auto, setup, teardown),
		cmocka_unit_test_setup_teardown(test_find, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
