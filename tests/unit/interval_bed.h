/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A state directory with a ledger and its intervals, a made-up host (world.h) that fills
 * it hour by hour, and what it should say then (interval_model.h).
 */
#pragma once

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/interval_block.h"
#include "host/interval_file.h"
#include "host/ledger_history.h"
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

static inline void open_ledger(struct fixture *fixture, const struct uuid *boot_id)
{
	assert_int_equal(
		ledger_open(fixture->dir, boot_id, fixture->message, &fixture->ledger),
		0);
	fixture->end = ledger_intervals_end(fixture->ledger);
}

static inline void close_ledger(struct fixture *fixture)
{
	ledger_close(fixture->ledger);
	fixture->ledger = NULL;
}

static inline void reopen(struct fixture *fixture)
{
	close_ledger(fixture);
	open_ledger(fixture, &boot);
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	struct fixture *fixture = *state;

	close_ledger(fixture);
	close(fixture->dir_fd);
	world_deinit(&fixture->world);
	child_shell(fixture->dir, "rm -rf \"$PWD\"");
	free(fixture);
	return 0;
}

static inline bool is_listed(const void *listed, const struct uuid *uuid)
{
	return uuid->bytes[3] == *(const uint8_t *)listed;
}

/* A tick that ends then; 0: a second later. */
static inline int tick_at(struct fixture *fixture, uint64_t wall_s)
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
static inline void write_intervals(struct fixture *fixture)
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
static inline void run_hours(struct fixture *fixture, uint64_t since_s, int n)
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

static inline struct ledger_history read_history(struct fixture *fixture)
{
	struct ledger_history history;

	assert_int_equal(
		ledger_history_read(fixture->dir, fixture->message, &history), 0);
	return history;
}

static inline void assert_same_hour(
	const struct model_hour *a, const struct model_hour *b)
{
	assert_memory_equal(a->host_uj, b->host_uj, sizeof(a->host_uj));
	assert_memory_equal(
		a->unattributed_uj, b->unattributed_uj, sizeof(a->unattributed_uj));
	assert_memory_equal(a->quality_ns, b->quality_ns, sizeof(a->quality_ns));
	assert_memory_equal(a->domains_uj, b->domains_uj, sizeof(a->domains_uj));
	assert_memory_equal(a->domains_ns, b->domains_ns, sizeof(a->domains_ns));
}

/* Each hour is what the model says, and there is no other. */
static inline void assert_hours(struct fixture *fixture)
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
static inline void assert_totals_of(
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

static inline void assert_totals(struct fixture *fixture)
{
	struct ledger_history history = read_history(fixture);

	assert_totals_of(fixture, &history);
	ledger_history_deinit(&history);
}
static inline uint64_t file_size(const struct fixture *fixture, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(fixture->dir_fd, name, &st, 0), 0);
	return (uint64_t)st.st_size;
}
