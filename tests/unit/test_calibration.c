/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Calibration: what idle time tells, when the host is not idle, and the file. */
#include "host/calibration.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/calibration_file.h"
#include "shared/clock.h"
#include "tests/unit/fake_snapshot.h"
#include "tests/unit/scratch.h"

#define S  ((uint64_t)NSEC_PER_SEC)
#define MS ((uint64_t)NSEC_PER_MSEC)

struct fixture {
	struct scratch scratch;
	struct snapshot *snapshot;
	struct calibration calibration;
	uint64_t busy_ns, now_ns;
	char message[CALIBRATION_MESSAGE_SIZE];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	scratch_init(&f->scratch);
	f->snapshot = fake_snapshot_new();
	f->snapshot->zones[0].sum.total_uj = 1000;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	snapshot_unref(f->snapshot);
	scratch_deinit(&f->scratch);
	free(f);
	return 0;
}

static enum calibration_state add(struct fixture *f)
{
	f->message[0] = '\0';
	return calibration_add(
		&f->calibration, f->snapshot, f->busy_ns, f->now_ns, f->message);
}

/* A second in which package-0 draws package_w, and dram-0 2 W. */
static enum calibration_state run(struct fixture *f, uint64_t package_w, uint64_t busy_ns)
{
	f->snapshot->number++;
	f->snapshot->boottime_ns += S;
	f->now_ns += S;
	f->busy_ns += busy_ns;
	f->snapshot->zones[0].sum.total_uj += package_w * 1000000;
	f->snapshot->zones[1].sum.total_uj += 2000000;
	return add(f);
}

static void test_minute(void **state)
{
	struct fixture *f = *state;
	const struct calibration *calibration = &f->calibration;

	calibration_init(&f->calibration, 60 * S, 16);
	assert_int_equal(add(f), CALIBRATION_GOING);
	for (uint64_t i = 0; i < 60; i++) {
		/* Six blocks of 10 s; the third one has a burst, the fifth is the lowest.
		 */
		uint64_t package_w = i == 25 ? 80 : i / 10 == 4 ? 19 : 20;

		/* Nothing new half a second later. */
		assert_int_equal(add(f), CALIBRATION_GOING);
		assert_int_equal(run(f, package_w, 50 * MS),
			i < 59 ? CALIBRATION_GOING : CALIBRATION_DONE);
	}
	assert_int_equal(calibration->n_blocks, 6);
	assert_int_equal(calibration->n_zones, 2);
	assert_string_equal(calibration->zones[0].name, "package-0");
	assert_int_equal(calibration->zones[0].lowest_uw, 19000000);
	assert_int_equal(calibration->zones[0].highest_uw, 26000000);
	assert_int_equal(calibration_mean_uw(calibration, &calibration->zones[0]),
		(20 * 60 + 60 - 10) * 1000000 / 60);
	assert_string_equal(calibration->zones[1].name, "dram-0");
	assert_int_equal(calibration->zones[1].lowest_uw, 2000000);
	assert_int_equal(calibration->zones[1].highest_uw, 2000000);
	assert_true(calibration_busy_percent(calibration) > 4.99 &&
		    calibration_busy_percent(calibration) < 5.01);
}

/* A short one has blocks of 2 s; ticks may be longer than a block, and than all of it. */
static void test_short(void **state)
{
	struct fixture *f = *state;

	calibration_init(&f->calibration, 5 * S, 2);
	assert_int_equal(add(f), CALIBRATION_GOING);
	assert_int_equal(run(f, 10, 0), CALIBRATION_GOING);
	assert_int_equal(run(f, 12, 0), CALIBRATION_GOING);
	assert_int_equal(run(f, 13, 0), CALIBRATION_GOING);
	assert_int_equal(run(f, 13, 0), CALIBRATION_GOING);
	assert_int_equal(run(f, 1, 0), CALIBRATION_DONE);
	assert_int_equal(f->calibration.zones[0].lowest_uw, 11000000);
	assert_int_equal(f->calibration.zones[0].highest_uw, 13000000);
	calibration_init(&f->calibration, 5 * S, 2);
	assert_int_equal(add(f), CALIBRATION_GOING);
	f->snapshot->boottime_ns += 59 * S;
	assert_int_equal(run(f, 600, 0), CALIBRATION_DONE);
	assert_int_equal(f->calibration.zones[0].lowest_uw, 10000000);
	assert_int_equal(f->calibration.n_blocks, 1);
}

/* A tenth of a thread, or one part in 200 of all; said as soon as it is over. */
static void test_busy(void **state)
{
	static const struct {
		size_t n_threads;
		uint64_t percent;
		int seconds; /* until it is refused; 0: it is not */
	} cases[] = {
		{ 2, 10, 0 },
		{ 2, 11, 55 },
		{ 2, 100, 7 },
		{ 20, 11, 55 },
		{ 128, 64, 0 },
		{ 128, 65, 60 },
		{ 128, 1000, 4 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum calibration_state result;
		int seconds = 0;

		calibration_init(&f->calibration, 60 * S, cases[i].n_threads);
		for (result = add(f); result == CALIBRATION_GOING; seconds++)
			result = run(f, 20, cases[i].percent * S / 100);
		if (cases[i].seconds) {
			assert_int_equal(result, CALIBRATION_BUSY);
			assert_int_equal(seconds, cases[i].seconds);
		} else {
			assert_int_equal(result, CALIBRATION_DONE);
		}
	}
	/* A CPU went offline, and its time with it. */
	calibration_init(&f->calibration, 60 * S, 2);
	add(f);
	f->busy_ns -= 1;
	assert_int_equal(run(f, 20, 0), CALIBRATION_GOING);
}

static void estimate(struct fixture *f)
{
	f->snapshot->source = "estimate";
}

static void degraded(struct fixture *f)
{
	f->snapshot->quality = MESSAGE_DEGRADED;
}

static void excluded(struct fixture *f)
{
	f->snapshot->zones[1].state = TICK_ZONE_EXCLUDED;
}

static void lower(struct fixture *f)
{
	f->snapshot->zones[0].sum.total_uj = 1;
}

static void renamed(struct fixture *f)
{
	strcpy(f->snapshot->zones[0].name, "package-1");
}

static void odd(struct fixture *f)
{
	strcpy(f->snapshot->zones[1].name, "a\"]\nb");
}

static void fewer(struct fixture *f)
{
	f->snapshot->n_zones = 1;
}

static void still(struct fixture *f)
{
	f->snapshot->zones[0].sum.total_uj = 1000;
}

static void test_broken(void **state)
{
	static const struct {
		void (*break_it)(struct fixture *f);
		int after_s;
		const char *message;
	} cases[] = {
		{ estimate, 0, "source=estimate" },
		{ odd, 0, "name" },
		{ degraded, 3, "did not measure all the time" },
		{ excluded, 3, "zone dram-0" },
		{ lower, 3, "zone package-0" },
		{ renamed, 3, "changed" },
		{ fewer, 3, "changed" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = *state;
		int seconds = 0;

		teardown(state);
		setup(state);
		f = *state;
		calibration_init(&f->calibration, 60 * S, 2);
		for (; seconds < cases[i].after_s; seconds++)
			assert_int_equal(
				seconds ? run(f, 20, 0) : add(f), CALIBRATION_GOING);
		f->snapshot->boottime_ns += S;
		cases[i].break_it(f);
		assert_int_equal(add(f), CALIBRATION_BROKEN);
		assert_non_null(strstr(f->message, cases[i].message));
	}
}

/* A counter that is not counting is no idle power of 0. */
static void test_still(void **state)
{
	struct fixture *f = *state;
	enum calibration_state result;

	calibration_init(&f->calibration, 5 * S, 2);
	for (result = add(f); result == CALIBRATION_GOING; still(f))
		result = run(f, 0, 0);
	assert_int_equal(result, CALIBRATION_BROKEN);
	assert_non_null(strstr(f->message, "package-0 stands still"));
	/* No zones at all. */
	f->snapshot->n_zones = 0;
	calibration_init(&f->calibration, 5 * S, 2);
	assert_int_equal(add(f), CALIBRATION_BROKEN);
}

static void path_in(const struct fixture *f, char path[128])
{
	snprintf(path, 128, "%s/%s", f->scratch.path, CALIBRATION_FILE);
}

static void test_file(void **state)
{
	struct fixture *f = *state;
	struct calibration_values values;
	char path[128], text[1024];
	struct stat st;
	int line = 0;
	FILE *file;

	path_in(f, path);
	assert_int_equal(calibration_file_read(path, &values, &line), -ENOENT);
	calibration_init(&f->calibration, 5 * S, 2);
	add(f);
	for (int i = 0; i < 5; i++)
		run(f, 20, 0);
	f->calibration.zones[0].lowest_uw = 20000001;
	assert_int_equal(calibration_file_write(path, &f->calibration, 1790000000), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(calibration_file_read(path, &values, &line), 0);
	assert_int_equal(values.n_zones, 2);
	assert_string_equal(values.zones[0].name, "package-0");
	assert_int_equal(values.zones[0].idle_uw, 20000001);
	assert_string_equal(values.zones[1].name, "dram-0");
	assert_int_equal(values.zones[1].idle_uw, 2000000);
	file = fopen(path, "r");
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_non_null(strstr(text, "date = 2026-09-21T14:13:20Z\nseconds = 5\n"));
	assert_non_null(strstr(text, "mean_w = 20.000000\nhighest_w = 20.000000\n"));
	/* Nothing is left beside it. */
	strcat(path, ".new");
	assert_int_equal(access(path, F_OK), -1);
	/* It cannot be written: what is there stays. */
	assert_int_equal(calibration_file_write(
				 "/nonexistent/calibration.conf", &f->calibration, 0),
		-ENOENT);
}

static void test_bad_file(void **state)
{
	static const struct {
		const char *text;
		int line; /* 0: it is good */
		size_t n_zones;
	} cases[] = {
		{ "", 0, 0 },
		{ "[calibration]\ndate = x\n[zone \"package-0\"]\nidle_w = 7\n", 0, 1 },
		{ "[zone \"a\"]\nidle_w = 7\n[zone \"a\"]\nidle_w = 8\n", 0, 1 },
		{ "[zone \"a\"]\nmean_w = 7\n", 0, 0 },
		{ "idle_w = 7\n", 1, 0 },
		{ "[zone \"a\"]\nidle_w = -7\n", 2, 0 },
		{ "[zone \"a\"]\nidle_w = seven\n", 2, 0 },
		{ "[zone \"a\"]\nidle_w = 100001\n", 2, 0 },
		{ "[zone a]\nidle_w = 7\n", 2, 0 },
		{ "[zone \"\"]\nidle_w = 7\n", 2, 0 },
		{ "[zone \"a-name-of-more-than-thirty-two-bytes\"]\nidle_w = 7\n", 2, 0 },
		{ "[host \"a\"]\nidle_w = 7\n", 2, 0 },
		{ "\x7f"
		  "ELF\n",
			1, 0 },
	};
	struct fixture *f = *state;
	char path[128];

	path_in(f, path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct calibration_values values = { 0 };
		int line = 0;

		scratch_write(&f->scratch, CALIBRATION_FILE, cases[i].text);
		assert_int_equal(calibration_file_read(path, &values, &line),
			cases[i].line ? -EINVAL : 0);
		assert_int_equal(line, cases[i].line);
		assert_int_equal(values.n_zones, cases[i].n_zones);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_minute),
		TEST(test_short),
		TEST(test_busy),
		TEST(test_broken),
		TEST(test_still),
		TEST(test_file),
		TEST(test_bad_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
