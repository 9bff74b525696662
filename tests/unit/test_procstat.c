/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Busy time of CPUs: which columns count, CPUs missing, text that is cut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/procstat.h"
#include "tests/unit/scratch.h"

#define TICK 10000000u

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t busy_ticks[3];
	} cases[] = {
		/* user nice system idle iowait irq softirq steal guest guest_nice */
		{ "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 10 100 7 7 1000 10000 7 1 10\n"
		  "cpu2 5 0 0 0 0 0 0 0 0 0\nintr 1 2 3\n",
			2, { 11111, 0, 5 } },
		{ "cpu  0 0 0 0 0 0 0\ncpu1 1 2 3 4 5 6 7\n", 1, { 0, 19, 0 } },
		{ "cpu  0\ncpu0 1 2 3 4 5 6\ncpu1 1 1 1 1 1 1 1\n", 1, { 0, 5, 0 } },
		{ "cpu  0\ncpu0 1 1 1 1 1 1 1\ncpu1 1 1 1 1 1 1 1", 1, { 5, 0, 0 } },
		{ "cpu  0\ncpu3 1 1 1 1 1 1 1\ncpu99999999999999999999 1 1 1 1 1 1 1\n",
			0, { 0 } },
		{ "cpu  0\nintr 5\ncpu0 1 1 1 1 1 1 1\n", 0, { 0 } },
		{ "cpu  0\n\n", 0, { 0 } },
		{ "intr 5\n", -EBADMSG, { 0 } },
		{ "", -EBADMSG, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sample_cpu cpus[3] = { { 77, 0 }, { 77, 0 }, { 77, 0 } };

		assert_int_equal(procstat_parse(cases[i].text, strlen(cases[i].text),
					 TICK, cpus, 3),
			cases[i].r);
		for (size_t cpu = 0; cpu < 3 && cases[i].r >= 0; cpu++)
			assert_int_equal(
				cpus[cpu].busy_ns, cases[i].busy_ticks[cpu] * TICK);
	}
}

/* A copy of a procfs is opened anew, so that a replaced file is seen. */
static void test_replaced(void **state)
{
	struct procstat procstat;
	struct sample sample = { 0 };
	struct scratch scratch;

	(void)state;
	scratch_init(&scratch);
	assert_int_equal(procstat_open(&procstat, scratch.path), -ENOENT);
	scratch_write(&scratch, "stat", "cpu  0\ncpu0 1 0 0 0 0 0 0\n");
	assert_int_equal(procstat_open(&procstat, scratch.path), 0);
	assert_int_equal(procstat_read(&procstat, &sample, 2), 1);
	assert_int_equal(sample.n_cpus, 2);
	scratch_write(
		&scratch, "stat", "cpu  0\ncpu0 2 0 0 0 0 0 0\ncpu1 1 0 0 0 0 0 0\n");
	assert_int_equal(procstat_read(&procstat, &sample, 2), 2);
	assert_int_equal(sample.cpus[0].busy_ns, 2 * procstat.tick_ns);
	scratch_unlink(&scratch, "stat");
	assert_int_equal(procstat_read(&procstat, &sample, 2), -ENOENT);
	procstat_close(&procstat);
	sample_deinit(&sample);
	scratch_deinit(&scratch);
}

static void test_real(void **state)
{
	struct procstat procstat;
	struct sample sample = { 0 };
	int n;

	(void)state;
	assert_int_equal(procstat_open(&procstat, "/proc"), 0);
	assert_true(procstat.fd >= 0);
	n = procstat_read(&procstat, &sample, 4096);
	assert_true(n >= 1);
	assert_int_equal(procstat_read(&procstat, &sample, 4096), n);
	procstat_close(&procstat);
	sample_deinit(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
