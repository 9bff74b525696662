/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Old hours become days, and old days go: no energy does. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/interval_fold.h"
#include "tests/unit/interval_bed.h"

static void fold(struct fixture *fixture, uint32_t hourly, uint32_t daily, int expected)
{
	const struct interval_fold options = {
		.hourly_days = hourly,
		.daily_days = daily,
		.book = ledger_header(fixture->ledger)->book,
		.max_sequence = UINT64_MAX,
	};

	assert_int_equal(
		interval_fold_file(fixture->dir_fd, &options, &fixture->end), expected);
	if (expected == 1)
		assert_true(file_size(fixture, "intervals") == fixture->end);
}

static void test_retention(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_history history;
	struct model_hour total;
	struct model *days;

	/* Ten days, and a clock that is in another century for a moment. */
	for (uint64_t day = 0; day < 10; day++)
		run_hours(fixture, FIRST_HOUR_S + day * DAY_S, 4);
	run_hours(fixture, FIRST_HOUR_S + 36500u * (uint64_t)DAY_S, 1);
	run_hours(fixture, FIRST_HOUR_S + 10 * DAY_S, 1);
	total = model_total(&fixture->model);
	fold(fixture, 20, 0, 0);
	fold(fixture, 20, 20, 0);
	fold(fixture, 4, 0, 1);
	assert_totals(fixture);
	/* Each has 22:00 to 02:00 of the next. */
	history = read_history(fixture);
	days = calloc(1, sizeof(*days));
	assert_non_null(days);
	for (size_t i = 0; i < history.n; i++) {
		const struct interval_record *record = &history.records[i];

		assert_true(
			record->interval.until_s - record->interval.since_s ==
			(record->interval.since_s < FIRST_HOUR_S + 7 * DAY_S + 2 * HOUR_S
					? DAY_S
					: HOUR_S));
		assert_true(model_add_record(days, record,
			record->interval.since_s - record->interval.since_s % DAY_S));
	}
	assert_int_equal(days->n_hours, 12);
	ledger_history_deinit(&history);
	fold(fixture, 4, 0, 0);
	fold(fixture, 4, 6, 1);
	assert_totals(fixture);
	fold(fixture, 4, 6, 0);
	history = read_history(fixture);
	assert_true(history.records[0].interval.since_s == 0);
	for (size_t i = 1; i < history.n; i++)
		assert_true(history.records[i].interval.since_s > 0);
	memset(days, 0, sizeof(*days));
	assert_true(model_add_history(days, &history, true));
	assert_same_hour(&days->hours[0], &total);
	ledger_history_deinit(&history);
	free(days);
	/* It goes on after it, and after a restart. */
	run_hours(fixture, FIRST_HOUR_S + 11 * DAY_S, 3);
	assert_totals(fixture);
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_totals(fixture);
	fold(fixture, 1, 1, 1);
	assert_totals(fixture);
}

/* A clock that goes to and fro between two hours makes no file without end. */
static void test_many_records(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_history history;

	run_hours(fixture, FIRST_HOUR_S, 3);
	for (uint64_t i = 0; i < 28; i++) {
		assert_int_equal(
			tick_at(fixture, FIRST_HOUR_S + (3 + i % 2) * HOUR_S + i), 0);
		write_intervals(fixture);
	}
	/* Fourteen of each are not so many. */
	fold(fixture, 40, 0, 0);
	for (uint64_t i = 0; i < 6; i++) {
		assert_int_equal(
			tick_at(fixture, FIRST_HOUR_S + (3 + i % 2) * HOUR_S + i), 0);
		write_intervals(fixture);
	}
	fold(fixture, 40, 0, 1);
	assert_hours(fixture);
	history = read_history(fixture);
	assert_int_equal(history.n, 6);
	ledger_history_deinit(&history);
	fold(fixture, 40, 0, 0);
	run_hours(fixture, FIRST_HOUR_S + 5 * HOUR_S, 2);
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_hours(fixture);
}

static bool dir_fsync_fails;

/* The program's own, in place of libc's. */
int fsync(int fd)
{
	struct stat st;

	if (dir_fsync_fails && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

/* Where the directory cannot be flushed the new file is there nevertheless. */
static void test_fold_not_flushed(void **state)
{
	struct fixture *fixture = *state;
	struct interval_fold options = {
		.hourly_days = 1,
		.book = ledger_header(fixture->ledger)->book,
		.max_sequence = UINT64_MAX,
	};

	for (uint64_t day = 0; day < 4; day++)
		run_hours(fixture, FIRST_HOUR_S + day * DAY_S, 4);
	dir_fsync_fails = true;
	assert_int_equal(
		interval_fold_file(fixture->dir_fd, &options, &fixture->end), -EIO);
	dir_fsync_fails = false;
	assert_true(file_size(fixture, "intervals") == fixture->end);
	run_hours(fixture, FIRST_HOUR_S + 4 * DAY_S, 2);
	assert_totals(fixture);
	assert_string_equal(fixture->message, "");

	/* Nor is a hole made behind a file that somebody cut. */
	assert_int_equal(interval_file_append(
				 fixture->dir_fd, fixture->end + 8, (uint8_t[8]){ 0 }, 8),
		-ESTALE);
	assert_true(file_size(fixture, "intervals") == fixture->end);
	assert_totals(fixture);
}

/* What is not in the checkpoint yet is not folded: it may have to go again. */
static void test_retention_waits(void **state)
{
	struct fixture *fixture = *state;
	const struct interval_fold options = {
		.hourly_days = 1,
		.daily_days = 1,
		.book = ledger_header(fixture->ledger)->book,
		.max_sequence = 0,
	};

	run_hours(fixture, FIRST_HOUR_S, 60);
	assert_int_equal(interval_fold_file(fixture->dir_fd, &options, &fixture->end), 0);
	child_shell(fixture->dir, "mkdir intervals.new");
	assert_int_equal(
		interval_fold_file(fixture->dir_fd,
			&(struct interval_fold){ .hourly_days = 1 }, &fixture->end),
		-EISDIR);
	assert_hours(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fold_not_flushed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retention_waits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
