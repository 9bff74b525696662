/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Memory and nodes in the kernel's text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "host/numa_text.h"

static void test_status(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t rss_kib, hugetlb_kib;
	} cases[] = {
		{ "Name:\tqemu\nVmHWM:\t  20 kB\nVmRSS:\t  4242 kB\nRssShmem:\t 8 kB\n"
		  "HugetlbPages:\t 1048576 kB\nThreads:\t3\n",
			0, 4242, 1048576 },
		{ "VmRSS: 7 kB", 0, 7, 0 },
		/* A name is not a line. */
		{ "Name:\tVmRSS: 5\nVmRSS:\t6 kB\n", 0, 6, 0 },
		{ "Name:\tkthreadd\nThreads:\t1\n", -EBADMSG, 0, 0 },
		{ "VmRSS:\t kB\n", -EBADMSG, 0, 0 },
		{ "VmRSS:", -EBADMSG, 0, 0 },
		{ "HugetlbPages:\t4 kB\n", -EBADMSG, 0, 0 },
		{ "", -EBADMSG, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t rss_kib = 77, hugetlb_kib = 77;
		int r = numa_parse_status(
			cases[i].text, strlen(cases[i].text), &rss_kib, &hugetlb_kib);

		assert_int_equal(r, cases[i].r);
		assert_int_equal(rss_kib, r < 0 ? 77 : cases[i].rss_kib);
		assert_int_equal(hugetlb_kib, r < 0 ? 77 : cases[i].hugetlb_kib);
	}
}

struct node_case {
	const char *text;
	uint64_t parts[3]; /* of nodes 0, 1 and 63 */
};

static void check(const struct node_case *cases, size_t n_cases,
	void (*add)(const char *text, size_t len, uint64_t *parts))
{
	for (size_t i = 0; i < n_cases; i++) {
		uint64_t parts[MACHINE_NODES_MAX] = { 100 }, sum = 0;

		add(cases[i].text, strlen(cases[i].text), parts);
		assert_int_equal(parts[0], 100 + cases[i].parts[0]);
		assert_int_equal(parts[1], cases[i].parts[1]);
		assert_int_equal(parts[63], cases[i].parts[2]);
		for (size_t n = 2; n < 63; n++)
			sum += parts[n];
		assert_int_equal(sum, 0);
	}
}

#define CHECK(cases, add) check(cases, sizeof(cases) / sizeof(cases[0]), add)

static void test_memory_stat(void **state)
{
	static const struct node_case cases[] = {
		/* v2; v1; text that is cut, or of another kind. */
		{ "anon N0=4096 N1=8192\nfile N0=7 N1=7\nkernel_stack N0=1 N1=1\n"
		  "shmem N0=1 N1=2\nanon_thp N0=5 N1=5\n",
			{ 4097, 8194, 0 } },
		{ "total=44 N0=40 N1=4\nfile=11 N0=10 N1=1\nanon=33 N0=30 N1=3\n"
		  "unevictable=0 N0=0 N1=0\nhierarchical_anon=55 N0=50 N1=5\n",
			{ 30, 3, 0 } },
		{ "anon N0=1 N63=3 N64=9 N99999999999999999999=9 N=4 NN1=4 N1\n",
			{ 1, 0, 3 } },
		{ "anon N0=1 N1=", { 1, 0, 0 } },
		{ "anon", { 0 } },
		{ "", { 0 } },
	};

	(void)state;
	CHECK(cases, numa_add_memory_stat);
}

static void test_hugetlb_stat(void **state)
{
	static const struct node_case cases[] = {
		{ "total=6291456 N0=2097152 N1=4194304\n", { 2097152, 4194304, 0 } },
		{ "total=3 N0=1 N1=2\nhierarichal_total=30 N0=10 N1=20\n", { 1, 2, 0 } },
		{ "N0=1 N1=2\n", { 0 } },
		{ "", { 0 } },
	};

	(void)state;
	CHECK(cases, numa_add_hugetlb_stat);
}

static void test_huge_map(void **state)
{
	static const struct node_case cases[] = {
		{ "7f5b40000000 bind:0 file=/dev/hugepages/libvirt/qemu/1-vm/ram.X huge "
		  "dirty=3 N0=1 N1=2 kernelpagesize_kB=1048576",
			{ 1048576, 2097152, 0 } },
		{ "7f5b40000000 default anon=512 dirty=512 N0=512 kernelpagesize_kB=4",
			{ 0 } },
		{ "7f5b40000000 default file=/N0=7 huge dirty=3 N1=2 kernelpagesize_kB=2048",
			{ 0, 4096, 0 } },
		{ "7f5b40000000 default file=/a huge dirty=3 N1=2 kernelpagesize_kB=",
			{ 0 } },
		{ "7f5b40000000 default file=/a huge", { 0 } },
	};

	(void)state;
	CHECK(cases, numa_add_huge_map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_memory_stat),
		cmocka_unit_test(test_hugetlb_stat),
		cmocka_unit_test(test_huge_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
