/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Ledger and writer together: on a full disk, killed at any time, read meanwhile.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/writer.h"
#include "tests/unit/interval_bed.h"

static void start_writer(struct fixture *fixture, struct writer **ret_writer)
{
	const struct writer_config config = {
		.dir = fixture->dir,
		.interval_ms = 5,
		.intervals_end = ledger_intervals_end(fixture->ledger),
		.hourly_days = 2,
		.daily_days = 3,
	};

	assert_int_equal(writer_start(&config, ret_writer), 0);
}

static void push(struct fixture *fixture, struct writer *writer)
{
	struct interval_record record;
	struct writer_status status;

	while (ledger_next_interval(fixture->ledger, &record))
		assert_int_equal(writer_push(writer, &record), 0);
	writer_status(writer, &status);
	ledger_set_durable(fixture->ledger, status.intervals_sequence);
}

static struct writer_status wait_until(struct writer *writer, bool failed)
{
	struct writer_status status;

	for (int i = 0; i < 60000; i++) {
		writer_status(writer, &status);
		if (failed ? status.intervals_error < 0
			   : status.n_waiting == 0 && status.intervals_error == 0)
			return status;
		usleep(1000);
	}
	fail_msg("the writer does not get there");
	return status;
}

/* Until the checkpoint has all that the ledger has: no other one comes before a tick. */
static void wait_for_checkpoint(struct fixture *fixture, struct writer *writer)
{
	uint64_t sequence = ledger_header(fixture->ledger)->sequence;
	struct writer_status status = { 0 };

	for (int i = 0; i < 60000 && status.sequence != sequence; i++) {
		usleep(1000);
		writer_status(writer, &status);
	}
	assert_true(status.sequence == sequence);
}

/*
 * What closed right behind the checkpoint is not folded, though it ends with the
 * sequence that the checkpoint has: a power failure may still undo it.
 */
static void test_fold_beside_checkpoint(void **state)
{
	struct fixture *fixture = *state;
	struct interval_record record;
	struct writer *writer;

	start_writer(fixture, &writer);
	for (uint64_t day = 0; day < 4; day++) {
		for (uint64_t hour = 0; hour < 2; hour++) {
			assert_int_equal(tick_at(fixture, FIRST_HOUR_S + day * DAY_S +
								  hour * HOUR_S),
				0);
			push(fixture, writer);
		}
	}
	/* A clock that was dead for a moment makes the last record an old one. */
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S - 8000u * (uint64_t)DAY_S), 0);
	push(fixture, writer);
	wait_until(writer, false);
	wait_for_checkpoint(fixture, writer);
	/* It is the last one. */
	child_shell(fixture->dir, "mkdir ledger.checkpoint.new");
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 5 * DAY_S), 0);
	push(fixture, writer);
	wait_until(writer, false);
	assert_true(writer_stop(writer, 60000));
	assert_totals(fixture);

	close_ledger(fixture);
	child_shell(fixture->dir, "rm ledger; rmdir ledger.checkpoint.new");
	open_ledger(fixture, &other_boot);
	assert_false(ledger_next_interval(fixture->ledger, &record));
	assert_totals(fixture);
}

/* That old records stay as they are is told, and when it is over. */
static void test_fold_fails(void **state)
{
	struct fixture *fixture = *state;
	struct writer_status status;
	struct writer *writer;

	start_writer(fixture, &writer);
	child_shell(fixture->dir, "mkdir intervals.new");
	for (uint64_t day = 0; day < 8; day++) {
		for (uint64_t hour = 0; hour < 3; hour++) {
			assert_int_equal(tick_at(fixture, FIRST_HOUR_S + day * DAY_S +
								  hour * HOUR_S),
				0);
			push(fixture, writer);
			wait_until(writer, false);
			/* So that the checkpoint comes along. */
			usleep(10000);
		}
		if (day == 6) {
			status = wait_until(writer, false);
			assert_int_equal(status.fold_error, -EISDIR);
			assert_totals(fixture);
			child_shell(fixture->dir, "rmdir intervals.new");
		}
	}
	status = wait_until(writer, false);
	assert_int_equal(status.fold_error, 0);
	assert_true(writer_stop(writer, 60000));
	assert_totals(fixture);
}

static int run_full_disk(struct fixture *fixture)
{
	struct writer_status status;
	struct writer *writer;

	close_ledger(fixture);
	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", fixture->dir, "tmpfs", 0, "size=2m,mode=700") < 0)
		return 77;
	open_ledger(fixture, &boot);
	start_writer(fixture, &writer);
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S), 0);
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + HOUR_S), 0);
	push(fixture, writer);
	wait_until(writer, false);
	/* Another checkpoint would make room where the one before was. */
	wait_for_checkpoint(fixture, writer);
	child_shell(fixture->dir,
		"dd if=/dev/zero of=fill bs=4k status=none 2>/dev/null; test -s fill");
	/* Room in the file's last block is used up by a few hours. */
	for (uint64_t i = 2; i < 40; i++) {
		assert_int_equal(tick_at(fixture, FIRST_HOUR_S + i * HOUR_S), 0);
		push(fixture, writer);
	}
	status = wait_until(writer, true);
	assert_int_equal(status.intervals_error, -ENOSPC);
	assert_true(status.n_waiting > 0);
	assert_totals(fixture);
	child_shell(fixture->dir, "rm fill");
	status = wait_until(writer, false);
	assert_int_equal(status.n_intervals, 39);
	assert_totals(fixture);
	assert_true(writer_stop(writer, 60000));
	reopen(fixture);
	assert_string_equal(fixture->message, "");
	assert_totals(fixture);
	return 0;
}

static void test_full_disk(void **state)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run_full_disk(*state));
	status = child_join(pid);
	if (status == 77)
		skip();
	assert_int_equal(status, 0);
}

/* What the killed process had added, before and with the tick it was in. */
struct shared {
	uint64_t n_ticks;
	/* Of the first zone, in the ledger; and with the tick that it is in. */
	uint64_t total_uj, coming_uj;
	uint64_t n_read; /* beside it */
	uint64_t wall_s;
	struct model models[2];
};

_Noreturn static void tick_until_killed(struct fixture *fixture, struct shared *shared)
{
	struct world *world = &fixture->world;
	struct sample previous = { 0 };
	struct writer *writer;

	open_ledger(fixture, &boot);
	if (fixture->message[0])
		_exit(1);
	start_writer(fixture, &writer);
	world->seed += (uint64_t)getpid();
	if (ledger_previous_sample(fixture->ledger, &world->machine, &previous) == 0)
		sample_copy(&world->sample, &previous);
	if (shared->wall_s)
		world->wall_ns = shared->wall_s * NSEC_PER_SEC;
	for (uint64_t i = 0;; i++) {
		struct ledger_update update;

		if (i % 8 == 0) {
			world_clear_domains(world);
			for (uint32_t n = 1; n < 40; n++) {
				if (world_random(world) % 4 == 0)
					world_add_domain(world, n, 1000 + (pid_t)n, 2);
			}
		}
		world_step(world);
		/* Most often on, now and then back by hours. */
		world->wall_ns += (world_random(world) % 1000) * NSEC_PER_SEC;
		if (world_random(world) % 50 == 0)
			world->wall_ns -= 7000 * (uint64_t)NSEC_PER_SEC;
		if (world->wall_ns / NSEC_PER_SEC > FIRST_HOUR_S + 100 * HOUR_S)
			world->wall_ns -= 90 * HOUR_S * (uint64_t)NSEC_PER_SEC;
		/* Of two hours that are still to be written one record is made. */
		if (world->wall_ns / NSEC_PER_SEC / HOUR_S != shared->wall_s / HOUR_S)
			wait_until(writer, false);
		update = world_update(world);
		model_add_tick(&shared->models[1], world);
		__atomic_store_n(&shared->coming_uj,
			shared->total_uj + world->tick.zones[0].total_uj,
			__ATOMIC_SEQ_CST);
		if (ledger_apply(fixture->ledger, &update) < 0)
			_exit(2);
		__atomic_store_n(&shared->total_uj, shared->coming_uj, __ATOMIC_SEQ_CST);
		shared->wall_s = world->wall_ns / NSEC_PER_SEC;
		memcpy(&shared->models[0], &shared->models[1], sizeof(struct model));
		push(fixture, writer);
		shared->n_ticks++;
		usleep(200);
	}
}

/*
 * The ledger has the last tick or not, and nothing between: hours are what they were
 * before it, or with it. Where old hours were folded, their sum is.
 */
static bool is_one_of(struct fixture *fixture, const struct model *model)
{
	struct ledger_history history = read_history(fixture);
	struct model *found = calloc(1, sizeof(*found));
	struct model_hour total = model_total(model), sum;
	bool same;

	assert_non_null(found);
	assert_true(model_add_history(found, &history, false));
	sum = model_total(found);
	same = memcmp(&sum, &total, sizeof(sum)) == 0;
	for (size_t i = 0; same && i < history.n; i++) {
		const struct ledger_interval *interval = &history.records[i].interval;
		struct model_hour *hour;

		if (interval->until_s - interval->since_s != HOUR_S)
			continue;
		/* Of the newest day all of it is there by the hour. */
		if (interval->since_s / DAY_S < (FIRST_HOUR_S + 100 * HOUR_S) / DAY_S - 1)
			continue;
		hour = model_hour(found, interval->since_s);
		for (size_t h = 0; h < model->n_hours; h++) {
			if (model->hours[h].since_s == interval->since_s)
				same &= memcmp(hour, &model->hours[h], sizeof(*hour)) ==
					0;
		}
	}
	ledger_history_deinit(&history);
	free(found);
	return same;
}

static uint64_t zone_total_uj(const struct model_hour *hour)
{
	uint64_t total_uj = hour->host_uj[0][0] + hour->host_uj[0][1] +
			    hour->unattributed_uj[0];

	for (size_t i = 0; i < MODEL_DOMAINS; i++)
		total_uj += hour->domains_uj[i][0][0] + hour->domains_uj[i][0][1];
	return total_uj;
}

/* While it is written: of a tick that was between the first look and the last. */
static void read_beside(struct fixture *fixture, struct shared *shared)
{
	uint64_t before_uj = __atomic_load_n(&shared->total_uj, __ATOMIC_SEQ_CST);
	struct ledger_history history;
	struct model *found = calloc(1, sizeof(*found));
	uint64_t found_uj;

	assert_non_null(found);
	/* Ticks come so fast here that some readings catch no moment between two. */
	if (ledger_history_read(fixture->dir, fixture->message, &history) == 0) {
		assert_true(model_add_history(found, &history, true));
		found_uj = zone_total_uj(&found->hours[0]);
		assert_true(found_uj >= before_uj);
		assert_true(found_uj <=
			    __atomic_load_n(&shared->coming_uj, __ATOMIC_SEQ_CST));
		ledger_history_deinit(&history);
		shared->n_read++;
	}
	free(found);
}

static void kill_once(struct fixture *fixture, struct shared *shared)
{
	uint64_t n_before = shared->n_ticks;
	struct model_hour total;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		tick_until_killed(fixture, shared);
	child_await(&shared->n_ticks, n_before, 100000);
	if (shared->n_ticks > 0)
		read_beside(fixture, shared);
	usleep((useconds_t)(random() % 30000));
	child_kill(pid);
	assert_true(is_one_of(fixture, &shared->models[1]) ||
		    is_one_of(fixture, &shared->models[0]));
	assert_string_equal(fixture->message, "");
	/* Which of the two it was. */
	if (is_one_of(fixture, &shared->models[0]))
		memcpy(&shared->models[1], &shared->models[0], sizeof(struct model));
	else
		memcpy(&shared->models[0], &shared->models[1], sizeof(struct model));
	total = model_total(&shared->models[0]);
	shared->total_uj = zone_total_uj(&total);
}

static void test_killed(void **state)
{
	struct fixture *fixture = *state;
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t n_ticks = 0, n_read = 0;

	assert_true(shared != MAP_FAILED);
	close_ledger(fixture);
	for (int i = 0; i < 60; i++) {
		if (i % 12 == 0) {
			n_ticks += shared->n_ticks;
			n_read += shared->n_read;
			memset(shared, 0, sizeof(*shared));
			child_shell(fixture->dir, "rm -f ledger* intervals*");
		}
		kill_once(fixture, shared);
	}
	n_ticks += shared->n_ticks;
	n_read += shared->n_read;
	print_message("%ju ticks, killed 60 times, read %ju times beside it\n",
		(uintmax_t)n_ticks, (uintmax_t)n_read);
	assert_true(n_read > 10);
	assert_true(n_ticks > 60);
	munmap(shared, sizeof(*shared));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_fold_beside_checkpoint, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fold_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
