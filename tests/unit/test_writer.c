/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Checkpoints, taken while the ledger goes on. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/ledger_file.h"
#include "host/writer.h"
#include "tests/unit/child.h"
#include "tests/unit/world.h"

static const struct uuid boot = { { 0xb0 } };

#define STOP_MS 60000

struct fixture {
	char dir[64];
	struct world world;
	struct ledger *ledger;
	struct writer *writer;
};

static void open_ledger(struct fixture *fixture)
{
	char message[LEDGER_MESSAGE_SIZE];

	assert_int_equal(ledger_open(fixture->dir, &boot, message, &fixture->ledger), 0);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/test_writer.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	world_init(&fixture->world, 2, 4);
	for (uint32_t i = 0; i < 40; i++)
		world_add_domain(&fixture->world, i, 4000 + 10 * (pid_t)i, 8);
	open_ledger(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	assert_true(writer_stop(fixture->writer, STOP_MS));
	ledger_close(fixture->ledger);
	world_deinit(&fixture->world);
	child_shell(fixture->dir, "rm -rf \"$PWD\"");
	free(fixture);
	return 0;
}

static void step(struct fixture *fixture)
{
	struct ledger_update update;

	world_step(&fixture->world);
	update = world_update(&fixture->world);
	assert_int_equal(ledger_apply(fixture->ledger, &update), 0);
}

static int start_writer(const char *dir, uint32_t interval_ms, struct writer **ret_writer)
{
	const struct writer_config config = { .dir = dir, .interval_ms = interval_ms };

	return writer_start(&config, ret_writer);
}

static void start(struct fixture *fixture, uint32_t interval_ms)
{
	assert_int_equal(start_writer(fixture->dir, interval_ms, &fixture->writer), 0);
}

static void stop(struct fixture *fixture)
{
	assert_true(writer_stop(fixture->writer, STOP_MS));
	fixture->writer = NULL;
}

/* Waits for the status to have this many tries behind it. */
static struct writer_status wait_for(struct fixture *fixture, uint64_t n)
{
	struct writer_status status = { 0 };

	for (int i = 0; i < 60000 && status.n_checkpoints + status.n_failures < n; i++) {
		usleep(1000);
		writer_status(fixture->writer, &status);
	}
	assert_true(status.n_checkpoints + status.n_failures >= n);
	return status;
}

/* What the checkpoint alone gives back. */
static uint64_t checkpoint_total_uj(struct fixture *fixture)
{
	ledger_close(fixture->ledger);
	child_shell(fixture->dir, "mv ledger kept");
	open_ledger(fixture);
	child_shell(fixture->dir, "mv kept ledger");
	return ledger_header(fixture->ledger)->counts.zones
		       ? ledger_zone(fixture->ledger, 0)->total_uj
		       : 0;
}

static void test_last_one(void **state)
{
	struct fixture *fixture = *state;
	uint64_t total_uj;
	struct stat st;
	char path[128];

	start(fixture, 3600000);
	for (int i = 0; i < 3; i++)
		step(fixture);
	total_uj = ledger_zone(fixture->ledger, 0)->total_uj;
	stop(fixture);
	assert_true(checkpoint_total_uj(fixture) == total_uj);
	snprintf(path, sizeof(path), "%s/ledger.checkpoint", fixture->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_nothing_to_do(void **state)
{
	struct fixture *fixture = *state;
	struct writer_status status;

	start(fixture, 1);
	usleep(20000);
	writer_status(fixture->writer, &status);
	assert_true(
		status.n_checkpoints == 0 && status.n_failures == 0 && status.error == 0);
	step(fixture);
	status = wait_for(fixture, 1);
	assert_true(status.sequence == 1 && status.boottime_ns > 0);
	usleep(20000);
	writer_status(fixture->writer, &status);
	assert_true(status.n_checkpoints == 1 && status.n_failures == 0);
}

/*
 * Ticks far faster than real ones: what is taken is whole, or taken again; where this
 * machine is so slow that no try catches a moment between two, it is taken later.
 */
static void test_beside_ticks(void **state)
{
	struct fixture *fixture = *state;
	struct writer_status status = { 0 };
	uint64_t total_uj;

	start(fixture, 1);
	for (int i = 0; i < 20000 && status.n_checkpoints < 30; i++) {
		step(fixture);
		usleep(2000);
		writer_status(fixture->writer, &status);
		assert_true(status.error == 0 || status.error == -EBADMSG);
	}
	assert_true(status.n_checkpoints >= 30);
	total_uj = ledger_zone(fixture->ledger, 0)->total_uj;
	stop(fixture);
	assert_true(checkpoint_total_uj(fixture) == total_uj);
}

/* With the next checkpoint, the newest only, whole. */
static void test_coefficients(void **state)
{
	static const uint8_t old[] = { 9, 9, 9, 9 }, bytes[] = { 1, 2, 3 };
	struct fixture *fixture = *state;
	uint8_t found[8];
	char path[128];
	struct stat st;
	FILE *file;

	start(fixture, 3600000);
	writer_keep_coefficients(fixture->writer, old, sizeof(old));
	writer_keep_coefficients(fixture->writer, bytes, sizeof(bytes));
	stop(fixture);
	snprintf(path, sizeof(path), "%s/coefficients", fixture->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fread(found, 1, sizeof(found), file), sizeof(bytes));
	assert_memory_equal(found, bytes, sizeof(bytes));
	fclose(file);
}

static void test_coefficients_failure(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct fixture *fixture = *state;
	struct writer_status status = { 0 };

	child_shell(fixture->dir, "mkdir coefficients");
	start(fixture, 1);
	writer_keep_coefficients(fixture->writer, bytes, sizeof(bytes));
	for (int i = 0; i < 60000 && status.coefficients_error == 0; i++) {
		usleep(1000);
		writer_status(fixture->writer, &status);
	}
	assert_int_equal(status.coefficients_error, -EISDIR);
	assert_int_equal(status.error, 0);
	child_shell(fixture->dir, "rmdir coefficients && test ! -e coefficients.new");
	writer_keep_coefficients(fixture->writer, bytes, sizeof(bytes));
	for (int i = 0; i < 60000 && status.coefficients_error != 0; i++) {
		usleep(1000);
		writer_status(fixture->writer, &status);
	}
	assert_int_equal(status.coefficients_error, 0);
}

static void test_failure(void **state)
{
	struct fixture *fixture = *state;
	struct writer_status status;
	struct writer *writer;

	assert_int_equal(start_writer("/nonexistent", 1, &writer), -ENOENT);
	child_shell(fixture->dir, "mkdir ledger.checkpoint.new");
	start(fixture, 1);
	step(fixture);
	status = wait_for(fixture, 1);
	assert_true(status.n_checkpoints == 0 && status.error == -EISDIR);
	child_shell(fixture->dir, "rmdir ledger.checkpoint.new");
	for (int i = 0; i < 60000 && status.error; i++) {
		usleep(1000);
		writer_status(fixture->writer, &status);
	}
	assert_true(status.n_checkpoints == 1 && status.error == 0);
}

static struct interval_record make_record(uint64_t hour)
{
	return (struct interval_record){ .interval = { .from_sequence = hour - 1,
						 .to_sequence = hour,
						 .since_s = 3600 * hour,
						 .until_s = 3600 * (hour + 1) } };
}

static struct writer_status wait_for_intervals(struct fixture *fixture, uint64_t n)
{
	struct writer_status status = { 0 };

	for (int i = 0; i < 60000 && status.n_intervals < n; i++) {
		usleep(1000);
		writer_status(fixture->writer, &status);
	}
	assert_true(status.n_intervals == n && status.n_waiting == 0);
	return status;
}

/* Records do not wait for the next checkpoint, but for room, and for nobody at the end.
 */
static void test_intervals(void **state)
{
	struct fixture *fixture = *state;
	struct interval_record record = make_record(1);
	struct writer_status status = { 0 };

	start(fixture, 3600000);
	assert_int_equal(writer_push(fixture->writer, &record), 0);
	status = wait_for_intervals(fixture, 1);
	assert_true(status.intervals_sequence == 1 && status.intervals_error == 0);
	assert_true(status.n_checkpoints == 0);
	child_shell(fixture->dir, "mv intervals kept && mkdir intervals");
	for (uint64_t hour = 2; hour < 5; hour++) {
		record = make_record(hour);
		assert_int_equal(writer_push(fixture->writer, &record), 0);
	}
	for (int i = 0; i < 60000 && !status.intervals_error; i++) {
		usleep(1000);
		writer_status(fixture->writer, &status);
	}
	assert_int_equal(status.intervals_error, -EISDIR);
	assert_true(status.n_waiting == 3);
	child_shell(fixture->dir, "rmdir intervals && mv kept intervals");
	/* It would try again in 5 s. */
	stop(fixture);
	child_shell(fixture->dir, "test $(stat -c %s intervals) = 512 && "
				  "test $(stat -c %a intervals) = 600");
}

/* The file is gone, or another one: it goes on with what is there, and leaves no hole. */
static void test_intervals_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct interval_record record = make_record(1);
	struct writer_status status = { 0 };

	start(fixture, 3600000);
	for (uint64_t hour = 1; hour < 4; hour++) {
		record = make_record(hour);
		assert_int_equal(writer_push(fixture->writer, &record), 0);
	}
	wait_for_intervals(fixture, 3);
	child_shell(fixture->dir, "truncate -s 130 intervals");
	record = make_record(4);
	assert_int_equal(writer_push(fixture->writer, &record), 0);
	for (int i = 0; i < 60000 && !status.intervals_error; i++) {
		usleep(1000);
		writer_status(fixture->writer, &status);
	}
	assert_int_equal(status.intervals_error, -ESTALE);
	stop(fixture);
	child_shell(fixture->dir, "test $(stat -c %s intervals) = 256");
}

/* Somebody removes the ledger's file, or puts another one there: it is made again. */
static void test_ledger_lost(void **state)
{
	static const char *const commands[] = { "rm ledger", "cp ledger l; mv l ledger",
		"cp old l; mv l ledger" };
	struct fixture *fixture = *state;
	struct writer_status status = { 0 };
	uint64_t inode, total_uj;
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "%s/ledger", fixture->dir);
	start(fixture, 1);
	step(fixture);
	child_shell(fixture->dir, "cp ledger old");
	step(fixture);
	wait_for(fixture, 1);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(stat(path, &st), 0);
		inode = st.st_ino;
		for (int t = 0; t < 60000 && status.ledger_inode != inode; t++) {
			usleep(1000);
			writer_status(fixture->writer, &status);
		}
		assert_true(status.has_looked && status.ledger_inode == inode);
		assert_false(ledger_lost_file(fixture->ledger, inode));
		/* Seen before the ledger made a file itself. */
		assert_false(ledger_lost_file(fixture->ledger, inode + 1));
		child_shell(fixture->dir, commands[i]);
		for (int t = 0; t < 60000 && status.ledger_inode == inode; t++) {
			usleep(1000);
			writer_status(fixture->writer, &status);
		}
		/* The checkpoint does not go back. */
		assert_int_equal(status.error, i == 2 ? -ESTALE : 0);
		assert_true(ledger_lost_file(fixture->ledger, status.ledger_inode));
		assert_false(ledger_lost_file(fixture->ledger, status.ledger_inode));
		step(fixture);
		for (int t = 0;
			t < 60000 &&
			status.sequence != ledger_header(fixture->ledger)->sequence;
			t++) {
			usleep(1000);
			writer_status(fixture->writer, &status);
		}
		assert_true(status.sequence == ledger_header(fixture->ledger)->sequence);
		assert_int_equal(status.error, 0);
	}
	stop(fixture);
	total_uj = ledger_zone(fixture->ledger, 0)->total_uj;
	ledger_close(fixture->ledger);
	child_shell(fixture->dir, "rm ledger.checkpoint");
	open_ledger(fixture);
	assert_true(ledger_zone(fixture->ledger, 0)->total_uj == total_uj);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_last_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_to_do, setup, teardown),
		cmocka_unit_test_setup_teardown(test_beside_ticks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_coefficients, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_coefficients_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ledger_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_intervals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_intervals_replaced, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
