/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Hours: each has what its ticks used, and together they are the totals, come what may.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/interval_bed.h"

static void test_hours(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_history history;

	assert_int_equal(
		ledger_history_read(fixture->dir, fixture->message, &history), -ENOENT);
	assert_non_null(strstr(fixture->message, "--state-dir"));
	for (int i = 0; i < 4; i++) {
		run_hours(fixture, FIRST_HOUR_S + (uint64_t)i * HOUR_S, 1);
		assert_hours(fixture);
		assert_totals(fixture);
		if (i % 2) {
			reopen(fixture);
			assert_string_equal(fixture->message, "");
			assert_hours(fixture);
		}
	}
	/* One second before the hour is over, and when it is. */
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 4 * HOUR_S - 1), 0);
	history = read_history(fixture);
	assert_int_equal(history.n, 4);
	ledger_history_deinit(&history);
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 4 * HOUR_S), 0);
	history = read_history(fixture);
	assert_int_equal(history.n, 5);
	assert_string_equal(history.records[0].domains[1].name, "db");
	assert_int_equal(history.records[0].interval.sources,
		LEDGER_SOURCE_POWERCAP | LEDGER_IDLE_CALIBRATED);
	assert_true(history.records[0].interval.since_s == FIRST_HOUR_S);
	assert_true(history.records[0].interval.until_s == FIRST_HOUR_S + HOUR_S);
	ledger_history_deinit(&history);
	assert_hours(fixture);
}

/* How many records say so of the domain; no other has other labels of it. */
static size_t count_labelled(
	struct fixture *fixture, const char *name, const char *labels)
{
	struct ledger_history history = read_history(fixture);
	size_t n = 0;

	for (size_t i = 0; i < history.n; i++) {
		const struct interval_record *record = &history.records[i];

		for (uint32_t d = 0; d < record->n_domains; d++) {
			if (strcmp(record->domains[d].name, name) != 0)
				continue;
			assert_string_equal(record->domains[d].labels, labels);
			n++;
		}
	}
	ledger_history_deinit(&history);
	return n;
}

/*
 * They go with the name: into hours that are over and the open one, and after a crash
 * into an hour whose record was lost.
 */
static void test_labels(void **state)
{
	static const char *const labels[] = { "project=web\n", "" };
	static const char *const moved[] = { "project=w\n", NULL };
	struct fixture *fixture = *state;

	fixture->labels = labels;
	run_hours(fixture, FIRST_HOUR_S, 3);
	assert_int_equal(count_labelled(fixture, "web", "project=web\n"), 3);
	assert_int_equal(count_labelled(fixture, "db", ""), 3);
	/* Nobody says so again, and the third hour's record does not get to the file. */
	fixture->labels = NULL;
	reopen(fixture);
	assert_int_equal(count_labelled(fixture, "web", "project=web\n"), 3);
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 3 * HOUR_S), 0);
	reopen(fixture);
	assert_int_equal(count_labelled(fixture, "web", "project=web\n"), 4);
	write_intervals(fixture);
	assert_int_equal(count_labelled(fixture, "web", "project=web\n"), 4);
	child_shell(fixture->dir, "rm intervals");
	assert_int_equal(count_labelled(fixture, "web", "project=web\n"), 2);
	/* A change alone is stored, too. */
	fixture->labels = moved;
	assert_int_equal(tick_at(fixture, 0), 0);
	assert_int_equal(tick_at(fixture, 0), 0);
	assert_int_equal(count_labelled(fixture, "web", "project=w\n"), 2);
	reopen(fixture);
	assert_int_equal(count_labelled(fixture, "web", "project=w\n"), 2);
}

/* Back over hours that closed, on again, and to where clocks begin. */
static void test_clock_jumps(void **state)
{
	static const int64_t hours[] = { 0, 1, 2, 1, 1, 2, 0, 5, -3, 5, 6, 5, 100000, 6,
		-472222, 7, 7 };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(hours) / sizeof(hours[0]); i++) {
		uint64_t since_s = (uint64_t)((int64_t)FIRST_HOUR_S +
					      hours[i] * (int64_t)HOUR_S);

		assert_int_equal(tick_at(fixture, since_s + 100), 0);
		assert_int_equal(tick_at(fixture, since_s + 50), 0);
		/* One record may wait; more would become one. */
		assert_hours(fixture);
		write_intervals(fixture);
		assert_hours(fixture);
		if (i % 5 == 4) {
			reopen(fixture);
			assert_string_equal(fixture->message, "");
		}
	}
	assert_totals(fixture);
}

/* Killed before the writer came to it: the ledger has the same record once more. */
static void test_record_not_written(void **state)
{
	struct fixture *fixture = *state;
	struct interval_record record;

	run_hours(fixture, FIRST_HOUR_S, 2);
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 2 * HOUR_S), 0);
	assert_int_equal(tick_at(fixture, 0), 0);
	assert_hours(fixture);
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_hours(fixture);
	assert_int_equal(tick_at(fixture, 0), 0);
	assert_hours(fixture);
	write_intervals(fixture);
	assert_hours(fixture);
	reopen(fixture);
	assert_false(ledger_next_interval(fixture->ledger, &record));

	/* Two hours: they are one record, from the end of the last one written on. */
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 3 * HOUR_S), 0);
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 4 * HOUR_S), 0);
	reopen(fixture);
	assert_true(ledger_next_interval(fixture->ledger, &record));
	assert_true(record.interval.since_s == FIRST_HOUR_S + 2 * HOUR_S);
	assert_true(record.interval.until_s == FIRST_HOUR_S + 4 * HOUR_S);
	interval_record_deinit(&record);
	assert_totals(fixture);
	reopen(fixture);
	write_intervals(fixture);
	assert_totals(fixture);
	run_hours(fixture, FIRST_HOUR_S + 5 * HOUR_S, 2);
	assert_totals(fixture);
}

/* The ledger is as it was before; the records go beyond it. */
static void test_power_failure(void **state)
{
	static const char *const restore[] = { "cp old ledger",
		"rm ledger; cp old ledger.checkpoint" };
	struct fixture *fixture = *state;
	struct model before;

	run_hours(fixture, FIRST_HOUR_S, 3);
	for (size_t i = 0; i < 2; i++) {
		child_shell(fixture->dir, "cp ledger old");
		before = fixture->model;
		run_hours(fixture, FIRST_HOUR_S + (3 + i) * HOUR_S, 3);
		close_ledger(fixture);
		child_shell(fixture->dir, restore[i]);
		fixture->model = before;
		open_ledger(fixture, &other_boot);
		assert_totals(fixture);
		/* So many that what is behind the next record would count again. */
		for (uint64_t s = 0; s < 12; s++)
			assert_int_equal(
				tick_at(fixture, FIRST_HOUR_S + (3 + i) * HOUR_S + s), 0);
		write_intervals(fixture);
		assert_int_equal(tick_at(fixture, FIRST_HOUR_S + (4 + i) * HOUR_S), 0);
		write_intervals(fixture);
		reopen(fixture);
		assert_string_equal(fixture->message, "");
		assert_totals(fixture);
		assert_hours(fixture);
		child_shell(fixture->dir, "rm -f ledger.checkpoint");
	}
}

/*
 * Beyond the ledger as well, and the disk stays full: for as long as they are in the
 * file they do not count, however far the ledger gets.
 */
static void test_abandoned(void **state)
{
	struct fixture *fixture = *state;
	struct interval_record record;
	struct model before;

	for (uint64_t s = 0; s < 5; s++)
		assert_int_equal(tick_at(fixture, FIRST_HOUR_S + s), 0);
	child_shell(fixture->dir, "cp ledger old");
	before = fixture->model;
	for (uint64_t s = 5; s < 10; s++)
		assert_int_equal(tick_at(fixture, FIRST_HOUR_S + s), 0);
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + HOUR_S), 0);
	write_intervals(fixture);
	close_ledger(fixture);
	child_shell(fixture->dir, "cp old ledger");
	fixture->model = before;
	open_ledger(fixture, &other_boot);
	assert_hours(fixture);
	/* The hour closes behind them, and it is made again of what it had this time. */
	for (uint64_t s = 10; s < 22; s++)
		assert_int_equal(tick_at(fixture, FIRST_HOUR_S + s), 0);
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + HOUR_S), 0);
	assert_hours(fixture);
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_hours(fixture);
	for (uint64_t hour = 1; hour < 4; hour++) {
		for (uint64_t s = 0; s < 12; s++)
			assert_int_equal(
				tick_at(fixture, FIRST_HOUR_S + hour * HOUR_S + s), 0);
		assert_totals(fixture);
		close_ledger(fixture);
		open_ledger(fixture, &other_boot);
		assert_string_equal(fixture->message, "");
		assert_totals(fixture);
	}
	/* Once more, back to where it was abandoned first. */
	close_ledger(fixture);
	child_shell(fixture->dir, "cp old ledger");
	fixture->model = before;
	open_ledger(fixture, &other_boot);
	/* And an hour closes before there is a tick. */
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + HOUR_S), 0);
	assert_hours(fixture);
	write_intervals(fixture);
	run_hours(fixture, FIRST_HOUR_S + 2 * HOUR_S, 2);
	assert_hours(fixture);
	close_ledger(fixture);
	open_ledger(fixture, &other_boot);
	assert_string_equal(fixture->message, "");
	assert_false(ledger_next_interval(fixture->ledger, &record));
	assert_hours(fixture);
	assert_totals(fixture);
}

/* A record of which only a part is there is made again. */
static void test_torn_tail(void **state)
{
	struct fixture *fixture = *state;
	uint64_t whole, kept;

	run_hours(fixture, FIRST_HOUR_S, 3);
	kept = file_size(fixture, "intervals");
	run_hours(fixture, FIRST_HOUR_S + 3 * HOUR_S, 1);
	whole = file_size(fixture, "intervals");
	assert_true(whole > kept);
	for (uint64_t size = kept; size < whole; size += 1 + size % 37) {
		close_ledger(fixture);
		child_shell(fixture->dir, "cp intervals whole");
		assert_int_equal(ftruncate(openat(fixture->dir_fd, "intervals", O_RDWR),
					 (off_t)size),
			0);
		open_ledger(fixture, &boot);
		assert_string_equal(fixture->message, "");
		assert_hours(fixture);
		write_intervals(fixture);
		assert_true(file_size(fixture, "intervals") == whole);
		assert_hours(fixture);
		/* It is not even another one. */
		child_shell(fixture->dir, "cmp intervals whole");
	}
}

/* Damage in the middle costs the time of what was there, and no energy. */
static void test_damage(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_history history;

	run_hours(fixture, FIRST_HOUR_S, 5);
	close_ledger(fixture);
	child_shell(fixture->dir,
		"printf '\\377\\377' | dd of=intervals bs=1 seek=700 conv=notrunc "
		"status=none");
	history = read_history(fixture);
	assert_non_null(strstr(fixture->message, "is damaged"));
	ledger_history_deinit(&history);
	open_ledger(fixture, &boot);
	assert_non_null(strstr(fixture->message, "is damaged"));
	assert_totals(fixture);
	write_intervals(fixture);
	assert_totals(fixture);
	run_hours(fixture, FIRST_HOUR_S + 5 * HOUR_S, 2);
	assert_totals(fixture);
	history = read_history(fixture);
	assert_int_equal(history.n, 7);
	ledger_history_deinit(&history);
}

/* Where there is no using it, the file is set aside, and the totals are one record. */
static void test_set_aside(void **state)
{
	static const struct {
		const char *damage, *reason;
	} cases[] = {
		{ "cp intervals i && cat i >>intervals", "does not go with the ledger" },
		{ "printf '\\3' | dd of=intervals bs=1 seek=8 conv=notrunc status=none",
			"Protocol not supported" },
		{ "rm intervals && mkdir intervals", "Invalid argument" },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct interval_record record;

		run_hours(fixture, FIRST_HOUR_S + 10 * i * HOUR_S, 3);
		close_ledger(fixture);
		child_shell(fixture->dir, cases[i].damage);
		open_ledger(fixture, &boot);
		assert_non_null(strstr(fixture->message, cases[i].reason));
		assert_non_null(strstr(fixture->message, "set aside as"));
		assert_totals(fixture);
		assert_true(ledger_next_interval(fixture->ledger, &record));
		assert_true(record.interval.since_s == 0);
		interval_record_deinit(&record);
		reopen(fixture);
		write_intervals(fixture);
		assert_totals(fixture);
	}
	child_shell(fixture->dir, "rm intervals");
	reopen(fixture);
	assert_totals(fixture);
}

/* A ledger of another book begins: what the first one knew is history. */
static void test_new_book(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_history history;

	run_hours(fixture, FIRST_HOUR_S, 3);
	/* Two hours are on the disk, the third is lost with the ledger. */
	fixture->model.n_hours = 2;
	close_ledger(fixture);
	child_shell(fixture->dir, "echo bad >ledger");
	open_ledger(fixture, &boot);
	assert_non_null(strstr(fixture->message, "a new ledger begins"));
	run_hours(fixture, FIRST_HOUR_S + 5 * HOUR_S, 3);
	assert_hours(fixture);
	reopen(fixture);
	history = read_history(fixture);
	assert_int_equal(history.n, 5);
	ledger_history_deinit(&history);
	assert_hours(fixture);
}

/* A ledger that version 1 wrote, see tests/fixtures/ledger/README. */
static void test_upgrade(void **state)
{
	struct fixture *fixture = *state;
	struct interval_record record;
	char command[256];

	close_ledger(fixture);
	snprintf(command, sizeof(command), "gunzip <%s/ledger/version-1.gz >ledger",
		FIXTURES);
	child_shell(fixture->dir, command);
	for (int i = 0; i < 2; i++) {
		open_ledger(fixture, &boot);
		assert_string_equal(fixture->message, "");
		assert_totals(fixture);
		assert_true(ledger_zone(fixture->ledger, 1)->total_uj == 19354397);
		assert_true(ledger_next_interval(fixture->ledger, &record));
		assert_true(record.interval.since_s == 0);
		assert_true(record.interval.until_s == 1700000008);
		assert_true(interval_share(&record, 1, 1)->idle_uj == 4025648);
		interval_record_deinit(&record);
		close_ledger(fixture);
	}
	/* Killed before, and after, its first commit in the new format. */
	open_ledger(fixture, &boot);
	write_intervals(fixture);
	assert_totals(fixture);
	reopen(fixture);
	assert_false(ledger_next_interval(fixture->ledger, &record));
	fixture->world.sample.boottime_ns = 100 * (uint64_t)NSEC_PER_SEC;
	run_hours(fixture, FIRST_HOUR_S, 2);
	assert_totals(fixture);
	reopen(fixture);
	assert_totals(fixture);
	assert_true(ledger_zone(fixture->ledger, 1)->total_uj > 19354397);
}

/* One that version 2 wrote: it had no labels. */
static void test_upgrade_from_2(void **state)
{
	static const char *const labels[] = { "project=web\n", "" };
	struct fixture *fixture = *state;
	struct interval_record record;
	char command[256];

	close_ledger(fixture);
	snprintf(command, sizeof(command), "gunzip <%s/ledger/version-2.gz >ledger",
		FIXTURES);
	child_shell(fixture->dir, command);
	open_ledger(fixture, &boot);
	assert_string_equal(fixture->message, "");
	assert_totals(fixture);
	assert_true(ledger_zone(fixture->ledger, 1)->total_uj == 15297785);
	assert_true(ledger_next_interval(fixture->ledger, &record));
	assert_true(record.interval.until_s == FIRST_HOUR_S + HOUR_S);
	assert_string_equal(record.domains[0].labels, "");
	interval_record_deinit(&record);
	reopen(fixture);
	write_intervals(fixture);
	assert_int_equal(count_labelled(fixture, "web", ""), 2);
	fixture->world.sample.boottime_ns = 100 * (uint64_t)NSEC_PER_SEC;
	fixture->labels = labels;
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + HOUR_S + 1), 0);
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_totals(fixture);
	assert_string_equal(ledger_domain(fixture->ledger, 0)->labels, "project=web\n");
}

static uint32_t n_rows(const struct fixture *fixture)
{
	return ledger_header(fixture->ledger)->counts.domains;
}

static const struct tick_share *share_of(const struct fixture *fixture, uint32_t number)
{
	const struct uuid uuid = world_uuid(number);
	ssize_t row = ledger_find_domain(fixture->ledger, &uuid);

	return row < 0 ? NULL : ledger_share(fixture->ledger, (size_t)row, 1);
}

static struct uuid epoch_of(const struct fixture *fixture, const struct uuid *uuid)
{
	ssize_t row = ledger_find_domain(fixture->ledger, uuid);

	assert_true(row >= 0);
	return ledger_domain(fixture->ledger, (size_t)row)->epoch;
}

/* Rows of those that ended leave, with all that is known of them elsewhere. */
static void test_departed(void **state)
{
	static const struct uuid unknown = { { 0xee } };
	struct fixture *fixture = *state;
	struct tick_share before;
	struct uuid uuid = world_uuid(9), epoch, found_epoch;
	struct ledger_zone zone;
	uint64_t listed_uj;

	for (uint32_t i = 3; i < 40; i++)
		world_add_domain(&fixture->world, i, 5000 + 10 * (pid_t)i, 2);
	run_hours(fixture, FIRST_HOUR_S, 2);
	before = *share_of(fixture, 7);
	fixture->listed = 9;
	epoch = epoch_of(fixture, &uuid);
	world_clear_domains(&fixture->world);
	world_add_domain(&fixture->world, 2, 4002, 2);
	/* What the others used is in the hour that ends here. */
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 2 * HOUR_S), 0);
	assert_int_equal(n_rows(fixture), 39);
	/* Not on the disk yet. */
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 3 * HOUR_S), 0);
	assert_int_equal(n_rows(fixture), 39);
	write_intervals(fixture);
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 5 * HOUR_S), 0);
	write_intervals(fixture);
	/* One runs, as libvirt says, though nobody can measure it: it is as it was. */
	assert_int_equal(n_rows(fixture), 2);
	assert_false(uuid_is_nil(&epoch));
	found_epoch = epoch_of(fixture, &uuid);
	assert_int_equal(uuid_compare(&found_epoch, &epoch), 0);
	assert_totals(fixture);
	listed_uj = share_of(fixture, 9)->idle_uj;
	fixture->listed = 0;
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 6 * HOUR_S), 0);
	write_intervals(fixture);
	assert_int_equal(n_rows(fixture), 1);
	assert_totals(fixture);
	/* What it had is told nevertheless. */
	assert_true(ledger_total(fixture->ledger, &uuid, 1).idle_uj == listed_uj);
	assert_true(listed_uj > 0);
	assert_true(ledger_total(fixture->ledger, &unknown, 1).idle_uj == 0);
	zone = *ledger_zone(fixture->ledger, 1);
	for (int i = 0; i < 2; i++) {
		assert_true(ledger_zone(fixture->ledger, 1)->domains.dynamic_uj ==
			    zone.domains.dynamic_uj);
		assert_true(zone.domains.dynamic_uj >
			    share_of(fixture, 2)->dynamic_uj + before.dynamic_uj);
		reopen(fixture);
		assert_string_equal(fixture->message, "");
		assert_int_equal(n_rows(fixture), 1);
		assert_hours(fixture);
	}

	/* One is back, with all it had. */
	world_clear_domains(&fixture->world);
	world_add_domain(&fixture->world, 2, 4002, 2);
	world_add_domain(&fixture->world, 7, 9007, 2);
	assert_int_equal(tick_at(fixture, 0), 0);
	assert_int_equal(n_rows(fixture), 2);
	assert_true(share_of(fixture, 7)->idle_uj ==
		    before.idle_uj + tick_share(&fixture->world.tick, 1, 1)->idle_uj);
	assert_hours(fixture);
	assert_totals(fixture);
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	run_hours(fixture, FIRST_HOUR_S + 7 * HOUR_S, 3);
	assert_hours(fixture);
	assert_totals(fixture);
	assert_int_equal(n_rows(fixture), 2);

	/* Without the records they are nameless, and their energy is still there. */
	close_ledger(fixture);
	child_shell(fixture->dir, "rm intervals");
	open_ledger(fixture, &boot);
	assert_true(ledger_zone(fixture->ledger, 1)->total_uj > zone.total_uj);
	write_intervals(fixture);
	assert_totals(fixture);
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_totals(fixture);
}

/* One that there was no memory to hand over is the next one still. */
static void test_returned(void **state)
{
	struct fixture *fixture = *state;
	struct interval_record record;

	for (uint64_t hour = 0; hour < 5; hour++)
		assert_int_equal(tick_at(fixture, FIRST_HOUR_S + hour * HOUR_S), 0);
	for (uint64_t hour = 0; hour < 4; hour++) {
		for (int i = 0; i < 3; i++) {
			assert_true(ledger_next_interval(fixture->ledger, &record));
			assert_true(
				record.interval.since_s == FIRST_HOUR_S + hour * HOUR_S);
			if (i < 2)
				ledger_return_interval(fixture->ledger, &record);
		}
		interval_record_deinit(&record);
	}
	assert_false(ledger_next_interval(fixture->ledger, &record));
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 5 * HOUR_S), 0);
	assert_true(ledger_next_interval(fixture->ledger, &record));
	ledger_return_interval(fixture->ledger, &record);
	assert_null(record.domains);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_labels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock_jumps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record_not_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abandoned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set_aside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_book, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upgrade, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upgrade_from_2, setup, teardown),
		cmocka_unit_test_setup_teardown(test_departed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_returned, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
