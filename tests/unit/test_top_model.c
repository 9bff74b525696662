/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Snapshots as rows: sums, orders, what is remembered of them. */
#include "host/top_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fake_snapshot.h"
#include "tests/unit/random.h"

#define N_ZONES 2

static int set_up(void **state)
{
	struct top_model *model = NULL;

	assert_int_equal(top_model_new(&model), 0);
	*state = model;
	return 0;
}

static int tear_down(void **state)
{
	top_model_free(*state);
	return 0;
}

static void update(struct top_model *model, struct snapshot *snapshot)
{
	assert_int_equal(top_model_update(model, snapshot), 0);
	snapshot_unref(snapshot);
}

static void test_rows(void **state)
{
	struct top_model *model = *state;
	const struct top_row *row;

	assert_null(top_model_snapshot(model));
	assert_int_equal(top_model_n_domains(model), 0);
	update(model, fake_snapshot_new());
	assert_int_equal(top_model_n_domains(model), 2);
	row = top_model_row(model, 0);
	assert_string_equal(row->name, "web1");
	assert_float_equal(row->cpu_percent, 130, 1e-6);
	assert_float_equal(row->dynamic_w, 13, 1e-6);
	assert_float_equal(row->idle_w, 3.25, 1e-6);
	assert_float_equal(row->share, 16.25 / 43, 1e-6);
	/* As in the last tick, see fake_snapshot_new(). */
	assert_int_equal(row->energy_uj, 16250000);
	assert_int_equal(row->history->n, 1);
	assert_int_equal(top_model_n_others(model), 4);
	assert_int_equal(top_model_other(model, 0)->energy_uj, 20);
	row = top_model_other(model, 1);
	assert_string_equal(row->name, "(host)");
	assert_float_equal(row->cpu_percent, 5, 1e-6);
	assert_float_equal(row->watts, 21.499999, 1e-6);
	row = top_model_other(model, 3);
	assert_float_equal(row->watts, 43, 1e-6);
	assert_float_equal(row->share, 1, 1e-9);
}

/* What a tick is called is its end: hostd counts anew when it starts. */
static void test_same_tick(void **state)
{
	struct top_model *model = *state;
	struct snapshot *snapshot = fake_snapshot_new();

	update(model, fake_snapshot_new());
	update(model, snapshot);
	assert_int_equal(top_model_row(model, 0)->history->n, 1);
	snapshot = fake_snapshot_new();
	snapshot->number = 1;
	snapshot->boottime_ns += 1000000000;
	update(model, snapshot);
	assert_int_equal(top_model_row(model, 0)->history->n, 2);
	assert_int_equal(top_model_other(model, 1)->history->n, 2);
}

static void test_history(void **state)
{
	struct top_model *model = *state;
	const struct top_history *history;

	for (unsigned int i = 0; i < TOP_HISTORY + 5; i++) {
		struct snapshot *snapshot = fake_snapshot_new();

		snapshot->boottime_ns += i;
		snapshot->domains[0].zones[0].last = (struct tick_share){ 1000000 * i,
			0 };
		snapshot->domains[0].zones[1].last = (struct tick_share){ 0, 0 };
		update(model, snapshot);
	}
	top_model_arrange(model, TOP_SORT_NAME, true, TOP_SINCE_BOOT);
	history = top_model_row(model, 0)->history;
	assert_int_equal(history->n, TOP_HISTORY);
	assert_float_equal(history->watts[4], TOP_HISTORY + 4, 1e-3);
	assert_float_equal(history->watts[5], 5, 1e-3);
}

static void test_orders(void **state)
{
	static const struct {
		const char *name;
		const char *first; /* of web1 and db */
	} orders[] = {
		{ "name", "db" },
		{ "vcpus", "db" }, /* equal: by name */
		{ "cpu", "web1" },
		{ "dynamic", "web1" },
		{ "idle", "db" },
		{ "watts", "web1" },
		{ "joules", "web1" },
		{ "link", "db" },
	};
	struct top_model *model = *state;
	enum top_sort sort;

	update(model, fake_snapshot_new());
	assert_int_equal(sizeof(orders) / sizeof(orders[0]), TOP_SORTS);
	for (size_t i = 0; i < TOP_SORTS; i++) {
		size_t len = strlen(orders[i].first);

		assert_true(top_sort_parse(orders[i].name, &sort));
		assert_string_equal(top_sort_name(sort), orders[i].name);
		top_model_arrange(model, sort, false, TOP_SINCE_BOOT);
		assert_memory_equal(top_model_row(model, 0)->name, orders[i].first, len);
		top_model_arrange(model, sort, true, TOP_SINCE_BOOT);
		assert_memory_equal(
			top_model_row(model, sort == TOP_SORT_VCPUS ? 0 : 1)->name,
			orders[i].first, len);
	}
	assert_false(top_sort_parse("power", &sort));
	assert_int_equal(
		top_model_find(model, &top_model_row(model, 1)->domain->uuid), 1);
	assert_int_equal(top_model_find(model, &(struct uuid){ .bytes = { 7 } }), 2);
}

/* A host over time, in which domains come, go and come back. */
struct history {
	struct random_state random;
	bool runs[4];
	struct tick_share sum[4][N_ZONES], used[4][N_ZONES];
	struct snapshot_account zones[N_ZONES];
};

static void book(struct history *history, size_t domain, size_t zone)
{
	struct tick_share share = { random_below(&history->random, 1000000),
		random_below(&history->random, 1000000) };

	history->sum[domain][zone].dynamic_uj += share.dynamic_uj;
	history->sum[domain][zone].idle_uj += share.idle_uj;
	history->used[domain][zone] = share;
	history->zones[zone].total_uj += share.dynamic_uj + share.idle_uj;
}

static void book_tick(struct history *history)
{
	memset(history->used, 0, sizeof(history->used));
	for (size_t z = 0; z < N_ZONES; z++) {
		uint64_t host_uj = random_below(&history->random, 1000000);

		history->zones[z].host.dynamic_uj += host_uj;
		history->zones[z].unattributed_uj += host_uj / 3;
		history->zones[z].total_uj += host_uj + host_uj / 3;
		for (size_t i = 0; i < 4; i++) {
			if (history->runs[i])
				book(history, i, z);
		}
	}
}

static struct snapshot *look(const struct history *history, uint64_t boottime_ns)
{
	struct snapshot *snapshot;
	size_t n = 0;

	for (size_t i = 0; i < 4; i++)
		n += history->runs[i];
	snapshot = snapshot_new(N_ZONES, n);
	snapshot->boottime_ns = boottime_ns;
	snapshot->dt_ns = 1000000000;
	for (size_t z = 0; z < N_ZONES; z++) {
		snapshot->zones[z].kind = MACHINE_ZONE_PACKAGE;
		snapshot->zones[z].sum = history->zones[z];
		n = 0;
		for (size_t i = 0; i < 4; i++) {
			struct tick_share *ended = &snapshot->zones[z].sum.ended;

			if (history->runs[i]) {
				snapshot->domains[n].name = "x";
				snapshot->domains[n].uuid.bytes[0] = (uint8_t)(1 + i);
				snapshot->domains[n].zones[z].sum = history->sum[i][z];
				snapshot->domains[n++].zones[z].last =
					history->used[i][z];
			} else {
				ended->dynamic_uj += history->sum[i][z].dynamic_uj;
				ended->idle_uj += history->sum[i][z].idle_uj;
			}
		}
	}
	return snapshot;
}

static void check_adds_up(const struct top_model *model, uint64_t total_uj, size_t zone)
{
	struct snapshot_account energy = top_model_zone_energy(model, zone);
	uint64_t sum_uj = energy.host.dynamic_uj + energy.host.idle_uj +
			  energy.ended.dynamic_uj + energy.ended.idle_uj +
			  energy.unattributed_uj;

	for (size_t i = 0; i < top_model_n_domains(model); i++) {
		struct tick_share share = top_model_domain_energy(
			model, top_model_row(model, i)->domain, zone);

		sum_uj += share.dynamic_uj + share.idle_uj;
	}
	assert_int_equal(energy.total_uj, total_uj);
	assert_int_equal(sum_uj, total_uj);
	/* Nobody has less than nothing. */
	assert_true(
		energy.ended.dynamic_uj <= total_uj && energy.ended.idle_uj <= total_uj);
}

static void test_since_top_adds_up(void **state)
{
	struct top_model *model = *state;
	struct history history = { .runs = { true, true } };
	uint64_t begin_uj[N_ZONES] = { 0 };

	history.random.state = 7;
	for (unsigned int i = 0; i < 5; i++)
		book_tick(&history);
	for (size_t z = 0; z < N_ZONES; z++)
		begin_uj[z] = history.zones[z].total_uj;
	update(model, look(&history, 1));
	top_model_arrange(model, TOP_SORT_WATTS, false, TOP_SINCE_TOP);
	for (uint64_t tick = 2; tick < 300; tick++) {
		size_t i = random_below(&history.random, 4);

		if (random_one_in(&history.random, 3))
			history.runs[i] = !history.runs[i];
		book_tick(&history);
		/* Not every tick is seen. */
		if (random_one_in(&history.random, 4))
			continue;
		update(model, look(&history, tick));
		for (size_t z = 0; z < N_ZONES; z++)
			check_adds_up(model, history.zones[z].total_uj - begin_uj[z], z);
	}
}

/* The ledger is another one: what was used since the beginning is not known any more. */
static void test_ledger_goes_back(void **state)
{
	struct top_model *model = *state;
	struct history history = { .runs = { true } };

	history.random.state = 8;
	book_tick(&history);
	book_tick(&history);
	update(model, look(&history, 1));
	top_model_arrange(model, TOP_SORT_WATTS, false, TOP_SINCE_TOP);
	memset(history.sum, 0, sizeof(history.sum));
	memset(history.zones, 0, sizeof(history.zones));
	update(model, look(&history, 2));
	assert_int_equal(top_model_row(model, 0)->energy_uj, 0);
	book_tick(&history);
	update(model, look(&history, 3));
	for (size_t z = 0; z < N_ZONES; z++)
		check_adds_up(model, history.zones[z].total_uj, z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_same_tick, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_history, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_orders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_since_top_adds_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ledger_goes_back, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
