/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Memory of a process by node: which files tell, and what where they do not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "host/process_memory.h"
#include "tests/unit/scratch.h"

#define GIB_KIB (1u << 20)

struct fixture {
	struct scratch scratch;
	struct process_memory_config config;
	uint64_t kib[MACHINE_NODES_MAX];
};

static void write_status(const struct fixture *f, uint64_t rss_kib, uint64_t hugetlb_kib)
{
	char text[256];

	snprintf(text, sizeof(text),
		"Name:\tqemu\nVmRSS:\t%lu kB\nHugetlbPages:\t%lu kB\n",
		(unsigned long)rss_kib, (unsigned long)hugetlb_kib);
	scratch_write(&f->scratch, "7/status", text);
}

/* Process 7, which started at 500: in a threaded group of v2, and in one of v1. */
static int setup(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	char text[2048];

	memset(f, 0, sizeof(*f));
	scratch_init(&f->scratch);
	f->config.procfs = f->scratch.path;
	f->config.only_node = -1;
	scratch_write(&f->scratch, "7/stat",
		"7 (qemu) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0 0 0 0 0 0 0 0 0 0 "
		"0 0 0 0 17 3 0 0\n");
	scratch_write(&f->scratch, "7/task/7/cgroup",
		"5:memory,hugetlb:/old/vm\n0::/vm/libvirt/emulator\n");
	snprintf(text, sizeof(text),
		"40 31 0:38 / %s/v2 rw - cgroup2 cgroup2 rw\n"
		"41 31 0:39 / %s/v1 rw - cgroup cgroup rw,memory,hugetlb\n",
		f->scratch.path, f->scratch.path);
	scratch_write(&f->scratch, "self/mountinfo", text);
	scratch_write(&f->scratch, "v2/vm/libvirt/emulator/cgroup.type", "threaded\n");
	scratch_write(&f->scratch, "v2/vm/libvirt/cgroup.type", "domain threaded\n");
	write_status(f, 4000, 0);
	*state = f;
	return cgroup_mounts_read(f->scratch.path, &f->config.mounts);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	cgroup_mounts_deinit(&f->config.mounts);
	scratch_deinit(&f->scratch);
	return 0;
}

static void check(struct fixture *f, uint64_t kib_0, uint64_t kib_1)
{
	assert_int_equal(process_memory_read(&f->config, 7, 500, f->kib), 0);
	assert_int_equal(f->kib[0], kib_0);
	assert_int_equal(f->kib[1], kib_1);
}

static void test_one_node(void **state)
{
	struct fixture *f = *state;

	write_status(f, 4000, 2048);
	f->config.only_node = 1;
	check(f, 0, 6048);
	/* Another process by now, none, or a dying one; nothing is set. */
	assert_int_equal(process_memory_read(&f->config, 7, 501, f->kib), -ESRCH);
	assert_int_equal(process_memory_read(&f->config, 8, 500, f->kib), -ESRCH);
	scratch_write(&f->scratch, "7/status", "Name:\tqemu\n");
	assert_int_equal(process_memory_read(&f->config, 7, 500, f->kib), -EBADMSG);
	scratch_unlink(&f->scratch, "7/status");
	assert_int_equal(process_memory_read(&f->config, 7, 500, f->kib), -ESRCH);
	assert_int_equal(f->kib[1], 6048);
}

static void test_groups(void **state)
{
	struct fixture *f = *state;

	/* Nobody tells where it is. */
	check(f, 0, 0);
	scratch_write(&f->scratch, "v1/old/vm/memory.numa_stat",
		"total=50 N0=40 N1=10\nfile=46 N0=39 N1=7\nanon=4 N0=1 N1=3\n");
	check(f, 1000, 3000);
	scratch_write(&f->scratch, "v2/vm/libvirt/memory.numa_stat",
		"anon N0=40960 N1=0\nfile N0=0 N1=99999\nshmem N0=0 N1=40960\n");
	check(f, 2000, 2000);
}

/* The emulator's group is threaded and that above it may have no controllers either. */
static void test_domain_threaded(void **state)
{
	struct fixture *f = *state;

	scratch_write(&f->scratch, "7/task/7/cgroup",
		"0::/machine.slice/vm.scope/libvirt/emulator\n");
	scratch_write(&f->scratch,
		"v2/machine.slice/vm.scope/libvirt/emulator/cgroup.type", "threaded\n");
	scratch_write(&f->scratch, "v2/machine.slice/vm.scope/libvirt/vcpu0/cgroup.type",
		"threaded\n");
	scratch_write(&f->scratch, "v2/machine.slice/vm.scope/libvirt/cgroup.type",
		"domain threaded\n");
	scratch_write(&f->scratch, "v2/machine.slice/vm.scope/cgroup.type", "domain\n");
	scratch_write(
		&f->scratch, "v2/machine.slice/other.scope/cgroup.type", "domain\n");
	/* Not that: it is of other domains too. */
	scratch_write(
		&f->scratch, "v2/machine.slice/memory.numa_stat", "anon N0=9 N1=1\n");
	check(f, 0, 0);
	scratch_write(&f->scratch, "v2/machine.slice/vm.scope/memory.numa_stat",
		"anon N0=1 N1=3\n");
	check(f, 1000, 3000);
	write_status(f, 4000, 2048);
	scratch_write(&f->scratch, "v2/machine.slice/vm.scope/hugetlb.2MB.numa_stat",
		"total=9 N0=1 N1=1\n");
	check(f, 1000 + 1024, 3000 + 1024);
	/* The nearest one is the best. */
	scratch_write(&f->scratch, "v2/machine.slice/vm.scope/libvirt/memory.numa_stat",
		"anon N0=1 N1=1\n");
	check(f, 2000 + 1024, 2000 + 1024);
}

static void test_hugetlb(void **state)
{
	struct fixture *f = *state;

	write_status(f, 4000, 3 * GIB_KIB);
	scratch_write(&f->scratch, "v2/vm/libvirt/memory.numa_stat", "anon N0=3 N1=1\n");
	/* Not told: where the rest is. */
	check(f, 3000 + 3 * (3 * GIB_KIB / 4), 1000 + 3 * GIB_KIB / 4);
	scratch_write(&f->scratch, "7/numa_maps",
		"7f0000000000 default anon=900 N1=900 kernelpagesize_kB=4\n"
		"7f1000000000 default file=/dev/hugepages/x huge dirty=1 N0=1 "
		"kernelpagesize_kB=1048576\n"
		"7f2000000000 default file=/dev/hugepages/y huge dirty=1 N1=1024 "
		"kernelpagesize_kB=2048");
	check(f, 3000 + GIB_KIB, 1000 + 2 * GIB_KIB);
	/* So much else that numa_maps is too dear. */
	write_status(f, 8 * GIB_KIB, 4 * GIB_KIB);
	check(f, 9 * GIB_KIB, 3 * GIB_KIB);
	write_status(f, 4000, 3 * GIB_KIB);
	scratch_write(
		&f->scratch, "v1/old/vm/hugetlb.2MB.numa_stat", "total=9 N0=8 N1=1\n");
	scratch_write(
		&f->scratch, "v1/old/vm/hugetlb.1GB.numa_stat", "total=9 N0=1 N1=8\n");
	check(f, 3000 + 3 * GIB_KIB / 2, 1000 + 3 * GIB_KIB / 2);
	/* Of huge pages only is it told. */
	scratch_unlink(&f->scratch, "v2/vm/libvirt/memory.numa_stat");
	check(f, 2000 + 3 * GIB_KIB / 2, 2000 + 3 * GIB_KIB / 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_node),
		TEST(test_groups),
		TEST(test_domain_threaded),
		TEST(test_hugetlb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
