/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Who keeps the host busy, in a copy of /proc. */
#include "host/load.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/clock.h"
#include "tests/unit/fake_snapshot.h"
#include "tests/unit/scratch.h"

/* A process that used so many ticks. */
static void write_process(const struct scratch *scratch, unsigned int pid,
	const char *comm, unsigned int start_ticks, unsigned int cpu_ticks)
{
	char path[32], text[256];

	snprintf(path, sizeof(path), "%u/stat", pid);
	snprintf(text, sizeof(text),
		"%u (%s) S 1 7 7 0 -1 4194624 1 2 3 4 %u %u 7 8 20 0 8 0 %u 100 200 0 0 0 "
		"0 0 0 0 0 4096 17 0 0 0 17 1 0 0 0\n",
		pid, comm, cpu_ticks / 2, cpu_ticks - cpu_ticks / 2, start_ticks);
	scratch_write(scratch, path, text);
}

static void test_compare(void **state)
{
	struct load before = { 0 }, now = { 0 };
	struct load_share shares[3];
	struct scratch scratch;

	(void)state;
	scratch_init(&scratch);
	write_process(&scratch, 7, "same", 1, 500);
	write_process(&scratch, 20, "busy one", 1, 100);
	write_process(&scratch, 100, "a) b", 1, 3000);
	write_process(&scratch, 300, "old", 1, 4000);
	write_process(&scratch, 400, "ends", 1, 4000);
	scratch_write(&scratch, "stat", "cpu 1 2 3\n");
	scratch_write(&scratch, "sys/kernel/osrelease", "6.1\n");
	assert_int_equal(load_read(&before, scratch.path), 0);
	assert_int_equal(before.n, 5);
	write_process(&scratch, 20, "busy one", 1, 150);
	write_process(&scratch, 100, "a) b", 1, 3100);
	/* Its pid was used again. */
	write_process(&scratch, 300, "new", 9, 70);
	write_process(&scratch, 301, "little", 9, 1);
	scratch_unlink(&scratch, "400/stat");
	assert_int_equal(load_read(&now, scratch.path), 0);
	now.now_ns = before.now_ns + 2 * (uint64_t)NSEC_PER_SEC;
	assert_int_equal(load_compare(&before, &now, shares, 3), 3);
	assert_string_equal(shares[0].process->comm, "a) b");
	assert_int_equal(shares[0].percent, 50);
	assert_string_equal(shares[1].process->comm, "new");
	assert_int_equal(shares[1].percent, 35);
	assert_string_equal(shares[2].process->comm, "busy one");
	assert_int_equal(shares[2].percent, 25);
	assert_int_equal(load_compare(&before, &now, shares, 1), 1);
	assert_string_equal(shares[0].process->comm, "a) b");
	assert_int_equal(load_compare(&before, &before, shares, 3), 0);
	assert_int_equal(load_read(&now, "/nonexistent"), -ENOENT);
	load_deinit(&before);
	load_deinit(&now);
	scratch_deinit(&scratch);
}

/* A QEMU by the name of its domain. */
static void test_print(void **state)
{
	static const char cmdline[] = "/usr/bin/qemu\n-uuid\n"
				      "11111111-2222-4333-8444-555555555555\n";
	struct snapshot *snapshot = fake_snapshot_new();
	struct load_process processes[] = { { .pid = 20, .comm = "qemu-system-x86" },
		{ .pid = 21, .comm = "od\033d" } };
	struct load_share shares[] = { { &processes[0], 97.25 }, { &processes[1], 5 } };
	char arguments[sizeof(cmdline)], path[128], *text = NULL;
	struct scratch scratch;
	size_t size = 0;
	FILE *out, *file;

	(void)state;
	scratch_init(&scratch);
	scratch_write(&scratch, "20/cmdline", "");
	for (size_t i = 0; i < sizeof(cmdline); i++)
		arguments[i] = cmdline[i] == '\n' ? '\0' : cmdline[i];
	snprintf(path, sizeof(path), "%s/20/cmdline", scratch.path);
	file = fopen(path, "w");
	assert_non_null(file);
	fwrite(arguments, 1, sizeof(cmdline) - 1, file);
	fclose(file);
	out = open_memstream(&text, &size);
	load_print(out, scratch.path, snapshot, shares, 2);
	fclose(out);
	assert_string_equal(text, "    97.2 %  domain web1\n"
				  "     5.0 %  od?d (process 21)\n");
	free(text);
	snapshot_unref(snapshot);
	scratch_deinit(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
