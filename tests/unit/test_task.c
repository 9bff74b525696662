/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* stat, schedstat and cmdline of tasks; what threads of QEMU are by their names. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/task.h"

/* Fields 3 to 39 as a kernel prints them, last CPU 5, start 1234. */
#define REST                                                                                \
	" S 1 7 7 0 -1 4194624 1 2 3 4 5 6 7 8 20 0 8 0 1234 100 200 18446744073709551615 " \
	"0 0 0 0 0 0 0 4096 17 0 0 0 17 5 0 0 0\n"

static void test_stat(void **state)
{
	static const struct {
		const char *text;
		int r;
		const char *comm;
	} cases[] = {
		{ "42 (CPU 0/KVM)" REST, 0, "CPU 0/KVM" },
		{ "42 (a) S 9 (b)" REST, 0, "a) S 9 (b" },
		{ "42 ())" REST, 0, ")" },
		{ "42 ()" REST, 0, "" },
		{ "42 (a\nb)" REST, 0, "a\nb" },
		{ "42 (a) S 1 7 7 0 -1 4194624 1 2 3", -EBADMSG, NULL },
		{ "42 (a", -EBADMSG, NULL },
		{ "42 a)" REST, -EBADMSG, NULL },
		{ "42 (a)", -EBADMSG, NULL },
		{ "42 (a) ", -EBADMSG, NULL },
		{ ")(", -EBADMSG, NULL },
		{ "", -EBADMSG, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct task_stat stat;

		assert_int_equal(
			task_parse_stat(cases[i].text, strlen(cases[i].text), &stat),
			cases[i].r);
		if (cases[i].r < 0)
			continue;
		assert_string_equal(stat.comm, cases[i].comm);
		assert_int_equal(stat.flags, 4194624);
		assert_int_equal(stat.cpu_ticks, 5 + 6);
		assert_int_equal(stat.start_ticks, 1234);
		assert_int_equal(stat.last_cpu, 5);
	}
}

static void test_schedstat(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t cpu_ns, timeslices;
	} cases[] = {
		{ "123456789 55 7\n", 0, 123456789, 7 },
		{ "0 0 0\n", 0, 0, 0 },
		{ "5 5", -EBADMSG, 0, 0 },
		{ "5 5 \n", -EBADMSG, 0, 0 },
		{ "-5 5 5\n", -EBADMSG, 0, 0 },
		{ "99999999999999999999 5 5\n", -EBADMSG, 0, 0 },
		{ "", -EBADMSG, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t cpu_ns = 0, timeslices = 0;

		assert_int_equal(task_parse_schedstat(cases[i].text,
					 strlen(cases[i].text), &cpu_ns, &timeslices),
			cases[i].r);
		assert_int_equal(cpu_ns, cases[i].cpu_ns);
		assert_int_equal(timeslices, cases[i].timeslices);
	}
}

static void test_kind(void **state)
{
	static const struct {
		const char *comm;
		enum sample_thread_kind kind;
		uint16_t index;
		pid_t owner;
	} cases[] = {
		{ "CPU 0/KVM", SAMPLE_THREAD_VCPU, 0, 0 },
		{ "CPU 287/KVM", SAMPLE_THREAD_VCPU, 287, 0 },
		{ "CPU 3/TCG", SAMPLE_THREAD_VCPU, 3, 0 },
		{ "ALL CPUs/TCG", SAMPLE_THREAD_VCPU, 0, 0 },
		{ "CPU 3/HVF", SAMPLE_THREAD_EMULATOR, 0, 0 },
		{ "CPU 3/KVM2", SAMPLE_THREAD_EMULATOR, 0, 0 },
		{ "CPU /KVM", SAMPLE_THREAD_EMULATOR, 0, 0 },
		{ "CPU 65536/KVM", SAMPLE_THREAD_EMULATOR, 0, 0 },
		{ "IO iothread12", SAMPLE_THREAD_IOTHREAD, 12, 0 },
		{ "IO mon_iothread", SAMPLE_THREAD_IOTHREAD, 0, 0 },
		{ "IO 99999", SAMPLE_THREAD_IOTHREAD, 0, 0 },
		{ "vhost-1234", SAMPLE_THREAD_VHOST, 0, 1234 },
		{ "kvm-pit/77", SAMPLE_THREAD_VHOST, 0, 77 },
		{ "vhost-12x", SAMPLE_THREAD_EMULATOR, 0, 0 },
		{ "vhost-9999999999", SAMPLE_THREAD_EMULATOR, 0, 0 },
		{ "vhost-", SAMPLE_THREAD_EMULATOR, 0, 0 },
		{ "qemu-system-x86", SAMPLE_THREAD_EMULATOR, 0, 0 },
		{ "", SAMPLE_THREAD_EMULATOR, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint16_t index = 99;

		assert_int_equal(task_kind(cases[i].comm, &index), cases[i].kind);
		assert_int_equal(index, cases[i].index);
		assert_int_equal(task_owner(cases[i].comm), cases[i].owner);
	}
}

static void test_cmdline(void **state)
{
#define UUID "aaaaaaaa-0000-4000-8000-00000000000a"
	static const struct {
		const char *text;
		size_t len;
		bool expected;
	} cases[] = {
#define CASE(text, expected) { text, sizeof(text) - 1, expected }
		CASE("qemu\0-name\0x\0-uuid\0" UUID "\0-S\0", true),
		CASE("qemu\0-uuid\0AAAAAAAA-0000-4000-8000-00000000000A\0", true),
		CASE("qemu\0-uuid\0bbbbbbbb-0000-4000-8000-00000000000b\0", false),
		CASE("qemu\0-name\0" UUID "\0", false),
		CASE("qemu\0-name\0-uuid " UUID "\0", false),
		CASE("qemu\0-uuid\0" UUID, false),
		CASE("qemu\0-uuid\0", false),
		CASE("qemu\0-uuid\0x\0" UUID "\0", false),
		CASE("", false),
	};
	struct uuid uuid;

	(void)state;
	assert_int_equal(uuid_parse(UUID, &uuid), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			task_cmdline_is_domain(cases[i].text, cases[i].len, &uuid),
			cases[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_schedstat),
		cmocka_unit_test(test_kind),
		cmocka_unit_test(test_cmdline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
