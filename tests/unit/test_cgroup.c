/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Control groups of v1, of v2 and of hosts with both: paths, mounts, where a domain's
 * own group is, what is in it.
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

#include "host/domain_cgroup.h"
#include "shared/rooted.h"
#include "tests/unit/scratch.h"

#define V2 "0::/machine.slice/machine-qemu\\x2d1\\x2dg1.scope/libvirt/emulator\n"
#define HYBRID                                                                           \
	"9:name=systemd:/system.slice/libvirtd.service\n"                                \
	"4:cpu,cpuacct:/machine/qemu-1-g1.libvirt-qemu/emulator\n"                       \
	"0::/system.slice/libvirtd.service\n"

static void test_path(void **state)
{
	static const struct {
		const char *text, *controller;
		int r;
		const char *path;
	} cases[] = {
		{ V2, NULL, 0,
			"/machine.slice/machine-qemu\\x2d1\\x2dg1.scope/libvirt/emulator" },
		{ V2, "cpu", -ENOENT, NULL },
		{ HYBRID, NULL, 0, "/system.slice/libvirtd.service" },
		{ HYBRID, "cpuacct", 0, "/machine/qemu-1-g1.libvirt-qemu/emulator" },
		{ HYBRID, "cpu", 0, "/machine/qemu-1-g1.libvirt-qemu/emulator" },
		{ HYBRID, "name=systemd", 0, "/system.slice/libvirtd.service" },
		{ HYBRID, "acct", -ENOENT, NULL },
		{ "0::/a:b/c\n", NULL, 0, "/a:b/c" },
		{ "0::/\n", NULL, 0, "/" },
		{ "0::/a/\n", NULL, 0, "/a" },
		{ "0::/a", NULL, 0, "/a" },
		{ "0::a\n", NULL, -ENOENT, NULL },
		{ "0::\n", NULL, -ENOENT, NULL },
		{ "1::/a\n0\n:\n\n", NULL, -ENOENT, NULL },
		{ "", NULL, -ENOENT, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[CGROUP_PATH_SIZE];

		assert_int_equal(cgroup_parse_path(cases[i].text, strlen(cases[i].text),
					 cases[i].controller, path),
			cases[i].r);
		if (cases[i].r == 0)
			assert_string_equal(path, cases[i].path);
	}
}

static void test_mountinfo(void **state)
{
	static const char text[] =
		"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
		"33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:7 master:1 - cgroup cgroup "
		"rw,cpu,cpuacct\n"
		"41 31 0:38 /.. /old rw,relatime - cgroup2 cgroup2 rw\n"
		"42 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
		"43 31 0:38 /deep/er /with\\040space rw - cgroup2 none rw\n"
		"44 31 broken\n";
	static const struct {
		const char *controller, *path;
		int r;
		const char *directory;
	} cases[] = {
		{ "cpuacct", "/m/d", 0, "/sys/fs/cgroup/cpu,cpuacct/m/d" },
		{ "cpuacct", "/", 0, "/sys/fs/cgroup/cpu,cpuacct" },
		{ NULL, "/m/d", 0, "/sys/fs/cgroup/unified/m/d" },
		{ NULL, "/deep/er/x", 0, "/with space/x" },
		{ NULL, "/deep/er", 0, "/with space" },
		{ NULL, "/deep/err", 0, "/sys/fs/cgroup/unified/deep/err" },
		{ NULL, "/../m", 0, "/sys/fs/cgroup/unified/../m" },
		{ "memory", "/m", -ENOENT, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char directory[CGROUP_PATH_SIZE];

		assert_int_equal(cgroup_parse_mountinfo(text, strlen(text),
					 cases[i].controller, cases[i].path, directory),
			cases[i].r);
		if (cases[i].r == 0)
			assert_string_equal(directory, cases[i].directory);
	}
}

static void test_paths(void **state)
{
	static const struct {
		const char *a, *b, *common;
	} cases[] = {
		{ "/m/d/emulator", "/m/d/vcpu0", "/m/d" },
		{ "/m/d", "/m/d", "/m/d" },
		{ "/m/d", "/m/d/vcpu0", "/m/d" },
		{ "/m/d1", "/m/d2", "/m" },
		{ "/m/d", "/m/d2", "/m" },
		{ "/a", "/b", "/" },
		{ "/", "/b", "/" },
		{ "/", "/", "/" },
	};
	char path[CGROUP_PATH_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cgroup_common(cases[i].a, cases[i].b, path);
		assert_string_equal(path, cases[i].common);
		cgroup_common(cases[i].b, cases[i].a, path);
		assert_string_equal(path, cases[i].common);
	}
	strcpy(path, "/m/d");
	assert_true(cgroup_is_own(path));
	assert_true(cgroup_ascend(path));
	assert_string_equal(path, "/m");
	assert_true(cgroup_ascend(path));
	assert_string_equal(path, "/");
	assert_false(cgroup_is_own(path));
	assert_false(cgroup_ascend(path));
	assert_false(cgroup_is_own("/.."));
	assert_false(cgroup_is_own("/../m"));
	assert_true(cgroup_is_own("/..m"));
}

static void test_numbers(void **state)
{
	static const char procs[] = "12\n7\n0\nx\n9\n";
	const char *cursor = procs, *end = procs + strlen(procs);
	uint64_t cpu_ns = 0;
	pid_t pid;

	(void)state;
	assert_true(cgroup_next_pid(&cursor, end, &pid) && pid == 12);
	assert_true(cgroup_next_pid(&cursor, end, &pid) && pid == 7);
	assert_true(cgroup_next_pid(&cursor, end, &pid) && pid == 0);
	assert_false(cgroup_next_pid(&cursor, end, &pid));
#define PARSE(text) cgroup_parse_cpu_stat(text, strlen(text), &cpu_ns)
	assert_int_equal(PARSE("nr 1\nusage_usec 1234\nuser_usec 5\n"), 0);
	assert_int_equal(cpu_ns, 1234000);
	assert_int_equal(PARSE("xusage_usec 1\n"), -EBADMSG);
	assert_int_equal(PARSE("usage_usec x\n"), -EBADMSG);
	assert_int_equal(PARSE("usage_usec 18446744073709551615\n"), -EBADMSG);
	assert_int_equal(PARSE("usage_usec\n"), -EBADMSG);
	assert_int_equal(PARSE(""), -EBADMSG);
}

/* A vCPU of a real libvirt, on a host with both kinds. */
static void test_recorded(void **state)
{
	static const struct {
		const char *controller, *directory;
	} cases[] = {
		{ NULL, "/sys/fs/cgroup/unified/machine/qemu-1-g1.libvirt-qemu/vcpu0" },
		{ "cpu", "/sys/fs/cgroup/cpu/machine/qemu-1-g1.libvirt-qemu/vcpu0" },
		{ "cpuacct", "/sys/fs/cgroup/cpuacct" },
	};
	struct cgroup_mounts mounts = { 0 };
	char procfs[128], text[4096];
	struct scratch scratch;
	ssize_t n;

	(void)state;
	scratch_init(&scratch);
	scratch_unpack(&scratch, FIXTURES, "kvm-guest");
	snprintf(procfs, sizeof(procfs), "%s/proc", scratch.path);
	assert_int_equal(cgroup_mounts_read(procfs, &mounts), 0);
	n = rooted_read(procfs, text, sizeof(text), "71/task/76/cgroup");
	assert_true(n > 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[CGROUP_PATH_SIZE], directory[CGROUP_PATH_SIZE];

		assert_int_equal(
			cgroup_parse_path(text, (size_t)n, cases[i].controller, path), 0);
		assert_int_equal(cgroup_parse_mountinfo(mounts.text, mounts.len,
					 cases[i].controller, path, directory),
			0);
		assert_string_equal(directory, cases[i].directory);
	}
	cgroup_mounts_deinit(&mounts);
	scratch_deinit(&scratch);
}

/* PROCFS and both kinds of hierarchies in one scratch directory. */
static void make_host(struct scratch *scratch, struct cgroup_mounts *mounts)
{
	char text[512];

	scratch_init(scratch);
	snprintf(text, sizeof(text),
		"1 0 0:1 / %s/v1 rw - cgroup cgroup rw,cpuacct\n"
		"2 0 0:2 / %s/v2 rw - cgroup2 cgroup2 rw\n",
		scratch->path, scratch->path);
	scratch_write(scratch, "proc/self/mountinfo", text);
	snprintf(text, sizeof(text), "%s/proc", scratch->path);
	*mounts = (struct cgroup_mounts){ 0 };
	assert_int_equal(cgroup_mounts_read(text, mounts), 0);
}

static int find(const struct scratch *scratch, const struct cgroup_mounts *mounts,
	unsigned hierarchy, struct domain_cgroup *cgroup)
{
	char procfs[128];

	snprintf(procfs, sizeof(procfs), "%s/proc", scratch->path);
	return domain_cgroup_find(procfs, mounts, 50, 52, hierarchy, cgroup);
}

/* libvirt under systemd: threads in threaded groups, the domain's is two further up. */
static void test_find_v2(void **state)
{
	pid_t pids[DOMAIN_CGROUP_PIDS_MAX];
	struct cgroup_mounts mounts;
	struct domain_cgroup cgroup;
	struct scratch scratch;
	uint64_t cpu_ns;

	(void)state;
	make_host(&scratch, &mounts);
	scratch_write(
		&scratch, "proc/50/task/50/cgroup", "0::/m/scope/libvirt/emulator\n");
	scratch_write(&scratch, "v2/m/scope/libvirt/emulator/cgroup.type", "threaded\n");
	scratch_write(&scratch, "v2/m/scope/libvirt/cgroup.type", "domain threaded\n");
	scratch_write(&scratch, "v2/m/scope/libvirt/cgroup.procs", "50\n49\n");
	scratch_write(
		&scratch, "v2/m/scope/libvirt/cpu.stat", "usage_usec 17\nuser_usec 1\n");
	assert_int_equal(find(&scratch, &mounts, 0, &cgroup), 0);
	assert_true(cgroup.v2 && cgroup.counts_cpu);
	assert_non_null(strstr(cgroup.directory, "/v2/m/scope/libvirt"));
	assert_int_equal(domain_cgroup_list(&cgroup, pids), 2);
	assert_int_equal(pids[0], 50);
	assert_int_equal(pids[1], 49);
	assert_int_equal(domain_cgroup_read_cpu(&cgroup, &cpu_ns), 0);
	assert_int_equal(cpu_ns, 17000);
	assert_int_equal(find(&scratch, &mounts, 1, &cgroup), -ENOENT);

	/* All threaded up to the root: there is no own group. */
	scratch_write(&scratch, "proc/50/task/50/cgroup", "0::/t\n");
	scratch_write(&scratch, "v2/t/cgroup.type", "threaded\n");
	assert_int_equal(find(&scratch, &mounts, 0, &cgroup), -ENOENT);
	scratch_write(&scratch, "proc/50/task/50/cgroup", "0::/../t\n");
	assert_int_equal(find(&scratch, &mounts, 0, &cgroup), -ENOENT);
	cgroup_mounts_deinit(&mounts);
	scratch_deinit(&scratch);
}

static void test_find_v1(void **state)
{
	pid_t pids[DOMAIN_CGROUP_PIDS_MAX];
	struct cgroup_mounts mounts;
	struct domain_cgroup cgroup;
	struct scratch scratch;
	uint64_t cpu_ns;

	(void)state;
	make_host(&scratch, &mounts);
	scratch_write(&scratch, "proc/50/task/50/cgroup", "2:cpuacct:/m/d/first\n0::/\n");
	scratch_write(
		&scratch, "proc/50/task/52/cgroup", "2:cpuacct:/m/d/second\n0::/\n");
	scratch_write(&scratch, "v1/m/d/cgroup.procs", "49\n");
	scratch_write(&scratch, "v1/m/d/cpuacct.usage", "4321\n");
	scratch_write(&scratch, "v1/m/d/first/cgroup.procs", "50\n");
	assert_int_equal(find(&scratch, &mounts, 0, &cgroup), -ENOENT);
	assert_int_equal(find(&scratch, &mounts, 1, &cgroup), 0);
	assert_false(cgroup.v2);
	assert_int_equal(domain_cgroup_list(&cgroup, pids), 2);
	assert_int_equal(pids[0], 49);
	assert_int_equal(pids[1], 50);
	assert_int_equal(domain_cgroup_read_cpu(&cgroup, &cpu_ns), 0);
	assert_int_equal(cpu_ns, 4321);
	assert_int_equal(find(&scratch, &mounts, 2, &cgroup), -ENOENT);

	/* All threads in one group: that is it. */
	scratch_write(&scratch, "proc/50/task/52/cgroup", "2:cpuacct:/m/d/first\n0::/\n");
	assert_int_equal(find(&scratch, &mounts, 1, &cgroup), 0);
	assert_int_equal(domain_cgroup_list(&cgroup, pids), 1);
	assert_int_equal(pids[0], 50);
	cgroup_mounts_deinit(&mounts);
	scratch_deinit(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_mountinfo),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_find_v2),
		cmocka_unit_test(test_find_v1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
