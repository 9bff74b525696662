/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Hours: each has what its ticks used, and together they are the totals, come what may.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/interval_block.h"
#include "host/interval_file.h"
#include "host/interval_fold.h"
#include "host/ledger_history.h"
#include "host/writer.h"
#include "tests/unit/child.h"
#include "tests/unit/interval_model.h"

#define HOUR_S 3600u
#define DAY_S  86400u
/* 2023-11-14T22:00:00Z, a few seconds before which the world's clock is. */
#define FIRST_HOUR_S (1700000000u - 1700000000u % HOUR_S)

static const struct uuid boot = { { 0xb0 } };
static const struct uuid other_boot = { { 0xb1 } };

struct fixture {
	char dir[64];
	char message[LEDGER_MESSAGE_SIZE];
	struct world world;
	struct ledger *ledger;
	uint64_t end; /* of DIR/intervals */
	int dir_fd;
	struct model model;
	uint8_t listed;		   /* the number of a domain that runs, measured or not */
	const char *const *labels; /* NULL: nobody says */
};

static void open_ledger(struct fixture *fixture, const struct uuid *boot_id)
{
	assert_int_equal(
		ledger_open(fixture->dir, boot_id, fixture->message, &fixture->ledger),
		0);
	fixture->end = ledger_intervals_end(fixture->ledger);
}

static void close_ledger(struct fixture *fixture)
{
	ledger_close(fixture->ledger);
	fixture->ledger = NULL;
}

static void reopen(struct fixture *fixture)
{
	close_ledger(fixture);
	open_ledger(fixture, &boot);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/test_intervals.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	fixture->dir_fd = open(fixture->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fixture->dir_fd >= 0);
	world_init(&fixture->world, 2, 4);
	world_add_domain(&fixture->world, 1, 4001, 3);
	world_add_domain(&fixture->world, 2, 4002, 2);
	open_ledger(fixture, &boot);
	assert_string_equal(fixture->message, "");
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	close_ledger(fixture);
	close(fixture->dir_fd);
	world_deinit(&fixture->world);
	child_shell(fixture->dir, "rm -rf \"$PWD\"");
	free(fixture);
	return 0;
}

static bool is_listed(const void *listed, const struct uuid *uuid)
{
	return uuid->bytes[3] == *(const uint8_t *)listed;
}

/* A tick that ends then; 0: a second later. */
static int tick_at(struct fixture *fixture, uint64_t wall_s)
{
	static const char *const names[] = { "web", "db", "three", "four", "five" };
	struct ledger_update update;

	world_step(&fixture->world);
	if (wall_s)
		fixture->world.wall_ns = wall_s * NSEC_PER_SEC;
	fixture->world.tick.quality = (enum message_quality)(
		world_random(&fixture->world) % 3);
	/* Of the other zone it is not known. */
	fixture->world.tick.zones[0].idle_uw = 1;
	fixture->world.tick.zones[0].idle_origin = IDLE_POWER_CALIBRATED;
	update = world_update(&fixture->world);
	if (fixture->world.sample.n_domains <= 5) {
		update.names = names;
		update.labels = fixture->labels;
	}
	update.source = LEDGER_SOURCE_POWERCAP;
	update.is_listed = is_listed;
	update.listed = &fixture->listed;
	model_add_tick(&fixture->model, &fixture->world);
	return ledger_apply(fixture->ledger, &update);
}

/* What the writer does, here and now. */
static void write_intervals(struct fixture *fixture)
{
	struct interval_record record;

	while (ledger_next_interval(fixture->ledger, &record)) {
		uint8_t *data;
		size_t size;

		assert_int_equal(interval_block_encode(&record, &data, &size), 0);
		assert_int_equal(
			interval_file_append(fixture->dir_fd, fixture->end, data, size),
			0);
		fixture->end += size;
		ledger_set_durable(fixture->ledger, record.interval.to_sequence);
		free(data);
		interval_record_deinit(&record);
	}
}

/* A few ticks in each of n hours from this one on. */
static void run_hours(struct fixture *fixture, uint64_t since_s, int n)
{
	for (int hour = 0; hour < n; hour++) {
		for (uint64_t s = 0; s < 3; s++) {
			assert_int_equal(
				tick_at(fixture,
					since_s + (uint64_t)hour * HOUR_S + s * 1200),
				0);
			write_intervals(fixture);
		}
	}
}

static struct ledger_history read_history(struct fixture *fixture)
{
	struct ledger_history history;

	assert_int_equal(
		ledger_history_read(fixture->dir, fixture->message, &history), 0);
	return history;
}

static void assert_same_hour(const struct model_hour *a, const struct model_hour *b)
{
	assert_memory_equal(a->host_uj, b->host_uj, sizeof(a->host_uj));
	assert_memory_equal(
		a->unattributed_uj, b->unattributed_uj, sizeof(a->unattributed_uj));
	assert_memory_equal(a->quality_ns, b->quality_ns, sizeof(a->quality_ns));
	assert_memory_equal(a->domains_uj, b->domains_uj, sizeof(a->domains_uj));
	assert_memory_equal(a->domains_ns, b->domains_ns, sizeof(a->domains_ns));
}

/* Each hour is what the model says, and there is no other. */
static void assert_hours(struct fixture *fixture)
{
	struct ledger_history history = read_history(fixture);
	struct model *found = calloc(1, sizeof(*found));

	assert_non_null(found);
	assert_string_equal(fixture->message, "");
	assert_true(model_add_history(found, &history, false));
	assert_int_equal(found->n_hours, fixture->model.n_hours);
	for (size_t i = 0; i < found->n_hours; i++)
		assert_same_hour(&found->hours[i],
			model_hour(&fixture->model, found->hours[i].since_s));
	assert_int_equal(found->n_hours, fixture->model.n_hours);
	ledger_history_deinit(&history);
	free(found);
}

/* All hours together are the ledger's totals, of each domain too. */
static void assert_totals_of(
	struct fixture *fixture, const struct ledger_history *history)
{
	struct model *found = calloc(1, sizeof(*found));
	const struct ledger *ledger = fixture->ledger;

	assert_non_null(found);
	assert_true(model_add_history(found, history, true));
	for (size_t z = 0; z < ledger_header(ledger)->counts.zones; z++) {
		const struct ledger_zone *zone = ledger_zone(ledger, z);
		uint64_t sum_uj = 0;

		for (size_t d = 0; d < MODEL_DOMAINS; d++)
			sum_uj += found->hours[0].domains_uj[d][z][0] +
				  found->hours[0].domains_uj[d][z][1];
		assert_true(found->hours[0].host_uj[z][0] == zone->host.dynamic_uj);
		assert_true(found->hours[0].host_uj[z][1] == zone->host.idle_uj);
		assert_true(sum_uj + zone->host.dynamic_uj + zone->host.idle_uj +
				    zone->unattributed_uj ==
			    zone->total_uj);
		for (size_t d = 0; d < ledger_header(ledger)->counts.domains; d++) {
			const struct tick_share *share = ledger_share(ledger, d, z);
			uint8_t number = ledger_domain(ledger, d)->uuid.bytes[3];

			assert_true(found->hours[0].domains_uj[number][z][0] ==
				    share->dynamic_uj);
			assert_true(found->hours[0].domains_uj[number][z][1] ==
				    share->idle_uj);
		}
	}
	free(found);
}

static void assert_totals(struct fixture *fixture)
{
	struct ledger_history history = read_history(fixture);

	assert_totals_of(fixture, &history);
	ledger_history_deinit(&history);
}

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

/* Back over hours that closed, on again, and to where clocks begin. */
/* They go with the name, into hours that are over. */
static void test_labels(void **state)
{
	static const char *const labels[] = { "project=web\n", "", "a=1\nb=2\n", "",
		NULL };
	struct fixture *fixture = *state;
	struct ledger_history history;
	size_t n_labelled = 0;

	fixture->labels = labels;
	run_hours(fixture, FIRST_HOUR_S, 3);
	close_ledger(fixture);
	history = read_history(fixture);
	for (size_t i = 0; i < history.n; i++) {
		const struct interval_record *record = &history.records[i];

		for (uint32_t d = 0; d < record->n_domains; d++) {
			const struct interval_domain *domain = &record->domains[d];

			if (record->interval.since_s >= FIRST_HOUR_S + 2 * HOUR_S)
				continue;
			if (strcmp(domain->name, "web") == 0) {
				assert_string_equal(domain->labels, "project=web\n");
				n_labelled++;
			} else if (strcmp(domain->name, "db") == 0) {
				assert_string_equal(domain->labels, "");
			}
		}
	}
	assert_int_equal(n_labelled, 2);
	ledger_history_deinit(&history);
	open_ledger(fixture, &boot);
}

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

static uint64_t file_size(const struct fixture *fixture, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(fixture->dir_fd, name, &st, 0), 0);
	return (uint64_t)st.st_size;
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

	for (int i = 0; i < 20000; i++) {
		writer_status(writer, &status);
		if (failed ? status.intervals_error < 0
			   : status.n_waiting == 0 && status.intervals_error == 0)
			return status;
		usleep(1000);
	}
	fail_msg("the writer does not get there");
	return status;
}

/*
 * What closed right behind the checkpoint is not folded, though it ends with the
 * sequence that the checkpoint has: a power failure may still undo it.
 */
static void test_fold_beside_checkpoint(void **state)
{
	struct fixture *fixture = *state;
	struct interval_record record;
	struct writer_status status = { 0 };
	struct writer *writer;
	uint64_t sequence;

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
	sequence = ledger_header(fixture->ledger)->sequence;
	for (int i = 0; i < 20000 && status.sequence != sequence; i++) {
		usleep(1000);
		writer_status(writer, &status);
	}
	assert_true(status.sequence == sequence);
	child_shell(fixture->dir, "cp ledger.checkpoint old");
	assert_int_equal(tick_at(fixture, FIRST_HOUR_S + 5 * DAY_S), 0);
	push(fixture, writer);
	wait_until(writer, false);
	assert_true(writer_stop(writer, 60000));
	assert_totals(fixture);

	close_ledger(fixture);
	child_shell(fixture->dir, "rm ledger; cp old ledger.checkpoint");
	open_ledger(fixture, &other_boot);
	assert_false(ledger_next_interval(fixture->ledger, &record));
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
	child_await(&shared->n_ticks, n_before, 10000);
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
		cmocka_unit_test_setup_teardown(test_departed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retention_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fold_not_flushed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_records, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_fold_beside_checkpoint, setup, teardown),
		cmocka_unit_test_setup_teardown(test_returned, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fold_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
