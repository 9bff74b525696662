/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The simulated RAPL: a test bed that is wrong proves nothing. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "shared/cleanup.h"
#include "shared/rooted.h"
#include "tests/simrapl/cpus.h"
#include "tests/simrapl/domains.h"
#include "tests/simrapl/energy.h"
#include "tests/simrapl/tree.h"

static const struct tree_limits limits[TREE_N_KINDS] = {
	{ 262143328850, 150000000 },
	{ 65712999613, 122000000 },
};

static int make_directory(void **state)
{
	char *dir = strdup("/tmp/test-simrapl.XXXXXX");

	*state = mkdtemp(dir);
	return *state ? 0 : -1;
}

static int remove_directory(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", (char *)*state);
	free(*state);
	return system(command);
}

static void test_packages(void **state)
{
	static const struct {
		const char *text;
		int r;
		unsigned count, n_packages;
	} cases[] = {
		{ "0", 0, 1, 1 },
		{ "0,0,1,1", 0, 4, 2 },
		{ "3,0,3", 0, 3, 2 },
		{ "", -EINVAL, 0, 0 },
		{ "0,", -EINVAL, 0, 0 },
		{ "0;1", -EINVAL, 0, 0 },
		{ "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", -ERANGE, 0, 0 },
	};
	struct cpus cpus;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&cpus, 0, sizeof(cpus));
		assert_int_equal(cpus_parse(cases[i].text, &cpus), cases[i].r);
		assert_int_equal(cpus.count, cases[i].count);
		assert_int_equal(cpus.n_packages, cases[i].n_packages);
	}
	assert_int_equal(cpus_parse("3,0,3", &cpus), 0);
	assert_int_equal(cpus.package_id[0], 3);
	assert_int_equal(cpus.package[1], 1);
	assert_int_equal(cpus.package[2], 0);
}

static void test_busy(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t busy_ns[2];
	} cases[] = {
		/* user nice system idle iowait irq softirq steal guest guest_nice */
		{ "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 4 100 100 8 16 100 1 1\n"
		  "cpu1 3 0 0 0 0 0 0 0 0 0\nintr 1 2\n",
			0, { 310, 30 } },
		{ "cpu1 3 0 0 0 0 0 0\ncpu0 1 0 0 0 0 0 0\n", 0, { 10, 30 } },
		{ "cpu0 1 2 4 100 100 8 16\n", -EINVAL, { 0, 0 } },
		{ "cpu0 1 2 4\ncpu1 1 2 4 100 100 8 16\n", -EINVAL, { 0, 0 } },
		{ "cpu0 1 1 1 1 1 1 1\ncpu7 1 1 1 1 1 1 1\n", -EINVAL, { 0, 0 } },
		{ "", -EINVAL, { 0, 0 } },
	};
	struct cpus cpus;

	(void)state;
	assert_int_equal(cpus_parse("0,1", &cpus), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t busy_ns[CPUS_MAX_PACKAGES] = { 0 };

		assert_int_equal(
			cpus_parse_busy(&cpus, cases[i].text, 10, busy_ns), cases[i].r);
		assert_memory_equal(busy_ns, cases[i].busy_ns, sizeof(cases[i].busy_ns));
	}
}

static void test_energy(void **state)
{
	(void)state;
	assert_true(energy_of_uj(20000000, 1500000000) == 30000000);
	assert_true(energy_of_uj(1, 999999999) == 0);
	/* A year at a kilowatt: 64 bits do not hold the product. */
	assert_true(energy_of_uj(1000000000, 31536000000000000) == 31536000000000000);
	assert_true(energy_wrap_uj(99, 100) == 99);
	assert_true(energy_wrap_uj(100, 100) == 0);
	assert_true(energy_wrap_uj(250, 100) == 50);
}

static void assert_text(const char *root, const char *path, const char *expected)
{
	char text[256] = "";

	if (rooted_read(root, text, sizeof(text), "%s", path) < 0)
		fail_msg("%s cannot be read", path);
	assert_string_equal(text, expected);
}

static void test_tree(void **state)
{
	static const struct {
		const char *path, *text;
	} cases[] = {
		{ "class/powercap/intel-rapl/enabled", "1\n" },
		{ "class/powercap/intel-rapl:0/name", "package-0\n" },
		{ "class/powercap/intel-rapl:1/name", "package-2\n" },
		{ "class/powercap/intel-rapl:1:0/name", "dram\n" },
		{ "class/powercap/intel-rapl:1:0/device/name", "package-2\n" },
		{ "class/powercap/intel-rapl:1:0/device/device/enabled", "1\n" },
		{ "class/powercap/intel-rapl:1:0/subsystem/intel-rapl:1/name",
			"package-2\n" },
		{ "class/powercap/intel-rapl:0/subsystem/intel-rapl:0/name",
			"package-0\n" },
		{ "class/powercap/intel-rapl/subsystem/intel-rapl:0/name",
			"package-0\n" },
		{ "class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850\n" },
		{ "class/powercap/intel-rapl:0:0/constraint_0_max_power_uw",
			"122000000\n" },
		{ "class/powercap/intel-rapl:0/energy_uj", "0\n" },
		{ "devices/virtual/powercap/intel-rapl/intel-rapl:0/intel-rapl:0:0/"
		  "energy_uj",
			"12345\n" },
		{ "class/powercap/intel-rapl:0:0/uevent", "" },
		{ "devices/system/cpu/online", "0,1,2\n" },
		{ "devices/system/cpu/cpu2/topology/physical_package_id", "2\n" },
		{ "devices/system/cpu/cpu2/node1/cpulist", "1,2\n" },
		{ "devices/system/node/node1/cpu2/topology/core_id", "2\n" },
		{ "devices/system/node/online", "0-1\n" },
	};
	const char *energy = "class/powercap/intel-rapl:0:0/energy_uj";
	char dir[256], path[512];
	struct tree tree;
	struct cpus cpus;
	struct stat st;

	snprintf(dir, sizeof(dir), "%s/tree", (char *)*state);
	assert_int_equal(cpus_parse("0,2,2", &cpus), 0);
	assert_int_equal(tree_init(&tree, dir, &cpus, limits), 0);
	assert_int_equal(tree_set_energy(&tree, 0, TREE_DRAM, 12345), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_text(dir, cases[i].path, cases[i].text);
	snprintf(path, sizeof(path), "%s/%s", dir, energy);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0400);

	/* A held zone's file is left alone. */
	snprintf(path, sizeof(path), "%s/hold", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/hold/intel-rapl:0:0", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(tree_set_energy(&tree, 0, TREE_DRAM, 2), 0);
	assert_int_equal(tree_set_energy(&tree, 0, TREE_PACKAGE, 3), 0);
	assert_text(dir, energy, "12345\n");
	assert_text(dir, "class/powercap/intel-rapl:0/energy_uj", "3\n");
	tree_deinit(&tree);
	assert_int_equal(tree_init(&tree, dir, &cpus, limits), -EEXIST);
}

/* Who opens energy_uj sees a whole number, and never an older one than before. */
static void test_replacement_is_atomic(void **state)
{
	uint64_t before_uj = 0, now_uj = 0;
	struct tree tree;
	struct cpus cpus;
	char dir[256];
	int status;
	pid_t pid;

	snprintf(dir, sizeof(dir), "%s/atomic", (char *)*state);
	assert_int_equal(cpus_parse("0", &cpus), 0);
	assert_int_equal(tree_init(&tree, dir, &cpus, limits), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/*
		 * Digits come and go, so that a torn value would not be a small step.
		 * Not more of them: some file systems write at each rename(2).
		 */
		for (uint64_t uj = 1; uj <= 2000; uj++) {
			if (tree_set_energy(&tree, 0, TREE_PACKAGE, uj * uj * uj) < 0)
				_exit(1);
		}
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		assert_int_equal(rooted_read_u64(dir, &now_uj,
					 "class/powercap/intel-rapl:0/energy_uj"),
			0);
		assert_true(now_uj >= before_uj);
		before_uj = now_uj;
	}
	assert_int_equal(status, 0);
	assert_int_equal(
		rooted_read_u64(dir, &now_uj, "class/powercap/intel-rapl:0/energy_uj"),
		0);
	assert_true(now_uj == 8000000000);
	tree_deinit(&tree);
}

static void put(const char *dir, const char *path, const char *text, size_t len)
{
	cleanup_fclose FILE *file = NULL;
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
}

static void take_away(const char *dir, const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	assert_int_equal(unlink(full), 0);
}

#define PUT(dir, path, text) put(dir, path, text, sizeof(text) - 1)
#define UUID_1		     "11111111-0000-4000-8000-000000000001"
#define GROUP		     "cg/machine/qemu-1-one.libvirt-qemu"

/* A machine with one QEMU in the layout of pure cgroup v2, and two other processes. */
static void put_machine(const char *dir)
{
	char mounts[512];

	snprintf(mounts, sizeof(mounts),
		"cgroup /x cgroup rw 0 0\ncgroup2 %s/cg cgroup2 rw 0 0\n", dir);
	put(dir, "proc/mounts", mounts, strlen(mounts));
	PUT(dir, "proc/7/cmdline", "sleep\0-uuid\0");
	PUT(dir, "proc/8/cmdline", "");
	PUT(dir, "proc/9/cmdline",
		"qemu-system-x86_64\0-uuid\0" UUID_1 "\0-display\0none\0");
	PUT(dir, "proc/9/cgroup",
		"1:cpu:/x\n0::/machine/qemu-1-one.libvirt-qemu/libvirt/emulator\n");
	PUT(dir, GROUP "/libvirt/emulator/cgroup.type", "threaded\n");
	PUT(dir, GROUP "/libvirt/cgroup.type", "domain threaded\n");
	PUT(dir, GROUP "/cpu.stat", "usage_usec 1000\nuser_usec 900\n");
}

/* name holds what the kernel does not escape; then fields 3 to 52, of which 39 is cpu. */
static void put_thread(const char *dir, const char *tid, const char *schedstat, int cpu)
{
	char path[64], text[256];
	size_t used;

	snprintf(path, sizeof(path), "proc/9/task/%s/schedstat", tid);
	put(dir, path, schedstat, strlen(schedstat));
	used = (size_t)snprintf(text, sizeof(text), "%s (CPU 0) /TCG) S", tid);
	for (int field = 4; field <= 52; field++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, " %d", field == 39 ? cpu : 77);
	snprintf(path, sizeof(path), "proc/9/task/%s/stat", tid);
	put(dir, path, text, used);
}

static void test_domains(void **state)
{
	const char *dir = *state;
	struct domains domains;
	char procfs[256];
	struct cpus cpus;

	snprintf(procfs, sizeof(procfs), "%s/proc", dir);
	put_machine(dir);
	put_thread(dir, "9", "100 0 1\n", 0);
	put_thread(dir, "10", "300 0 1\n", 1);
	assert_int_equal(cpus_parse("0,1", &cpus), 0);
	assert_int_equal(domains_init(&domains, procfs, &cpus), 0);
	assert_int_equal(domains_scan(&domains), 0);
	assert_int_equal(domains_scan(&domains), 0);
	assert_int_equal(domains.count, 1);
	assert_int_equal(domains.list[0].pid, 9);

	domains_update(&domains);
	assert_true(domains.list[0].cpu_ns[0] == 250000);
	assert_true(domains.list[0].cpu_ns[1] == 750000);

	/* Time that no thread shows (one has ended) is where most of the rest was. */
	PUT(dir, GROUP "/cpu.stat", "usage_usec 3000\n");
	domains_update(&domains);
	assert_true(domains.list[0].cpu_ns[0] == 250000);
	assert_true(domains.list[0].cpu_ns[1] == 2750000);

	PUT(dir, GROUP "/cpu.stat", "usage_usec 4000\n");
	put_thread(dir, "9", "101 0 1\n", 0);
	domains_update(&domains);
	assert_true(domains.list[0].cpu_ns[0] == 1250000);

	/* Its QEMU ends, and another one starts; time goes on from where it was. */
	take_away(dir, GROUP "/cpu.stat");
	take_away(dir, "proc/9/cmdline");
	domains_update(&domains);
	assert_int_equal(domains.list[0].pid, 0);
	PUT(dir, GROUP "/cpu.stat", "usage_usec 10\n");
	PUT(dir, "proc/12/cmdline", "qemu\0-uuid\0" UUID_1 "\0");
	PUT(dir, "proc/12/cgroup", "0::/machine/qemu-1-one.libvirt-qemu\n");
	assert_int_equal(domains_scan(&domains), 0);
	domains_update(&domains);
	assert_int_equal(domains.count, 1);
	assert_int_equal(domains.list[0].pid, 12);
	assert_true(domains.list[0].cpu_ns[0] == 1260000);
	assert_true(domains.list[0].cpu_ns[1] == 2750000);
	domains_deinit(&domains);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packages),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_energy),
		cmocka_unit_test_setup_teardown(
			test_tree, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			test_replacement_is_atomic, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			test_domains, make_directory, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
