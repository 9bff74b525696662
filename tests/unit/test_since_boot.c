/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Counters since the boot: domains come, go, linger and return; restarts; sums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "host/since_boot.h"
#include "tests/unit/random.h"

#define N_ZONES	  3
#define N_DOMAINS 12

static const struct since_boot_origin origin = { { { 1 } }, { { 2 } } };

/* A ledger: what a host with some domains has, since long before the boot. */
struct world {
	struct random_state random;
	uint64_t now_ns;
	size_t n_zones;
	struct snapshot_account zones[N_ZONES]; /* ended: all domains */
	struct snapshot_account last[N_ZONES];
	struct tick_share shares[N_DOMAINS][N_ZONES], last_shares[N_DOMAINS][N_ZONES];
	bool runs[N_DOMAINS];
};

static struct tick_share draw(struct world *world)
{
	return (struct tick_share){ random_below(&world->random, 1000000),
		random_below(&world->random, 1000) };
}

static void add(struct tick_share *to, struct tick_share share)
{
	to->dynamic_uj += share.dynamic_uj;
	to->idle_uj += share.idle_uj;
}

static uint64_t sum(struct tick_share share)
{
	return share.dynamic_uj + share.idle_uj;
}

/* A second goes by: who runs uses something. */
static void step(struct world *world)
{
	world->now_ns += 1000000000;
	memset(world->last, 0, sizeof(world->last));
	memset(world->last_shares, 0, sizeof(world->last_shares));
	for (size_t z = 0; z < world->n_zones; z++) {
		struct snapshot_account *zone = &world->zones[z], *last = &world->last[z];

		last->host = draw(world);
		last->unattributed_uj = random_below(&world->random, 10);
		last->total_uj = sum(last->host) + last->unattributed_uj;
		for (size_t i = 0; i < N_DOMAINS; i++) {
			if (!world->runs[i])
				continue;
			world->last_shares[i][z] = draw(world);
			add(&world->shares[i][z], world->last_shares[i][z]);
			add(&zone->ended, world->last_shares[i][z]);
			last->total_uj += sum(world->last_shares[i][z]);
		}
		add(&zone->host, last->host);
		zone->unattributed_uj += last->unattributed_uj;
		zone->total_uj += last->total_uj;
	}
}

static void init(struct world *world, uint64_t seed)
{
	*world = (struct world){
		.n_zones = N_ZONES, .now_ns = 77, .random = { .state = seed }
	};
	for (size_t i = 0; i < N_DOMAINS; i++)
		world->runs[i] = true;
	for (unsigned int i = 0; i < 5; i++)
		step(world);
	for (size_t i = 0; i < N_DOMAINS; i++)
		world->runs[i] = i % 2;
}

static struct snapshot *show(const struct world *world)
{
	struct snapshot *snapshot;
	size_t n = 0;

	for (size_t i = 0; i < N_DOMAINS; i++)
		n += world->runs[i];
	snapshot = snapshot_new(world->n_zones, n);
	assert_non_null(snapshot);
	snapshot->boottime_ns = world->now_ns;
	for (size_t z = 0; z < world->n_zones; z++) {
		snprintf(snapshot->zones[z].name, sizeof(snapshot->zones[z].name),
			"package-%zu", z);
		snapshot->zones[z].sum = world->zones[z];
		snapshot->zones[z].last = world->last[z];
	}
	n = 0;
	for (size_t i = 0; i < N_DOMAINS; i++) {
		struct snapshot_domain *domain = &snapshot->domains[n];
		char name[16];

		if (!world->runs[i])
			continue;
		n++;
		domain->uuid.bytes[15] = (uint8_t)i;
		snprintf(name, sizeof(name), "d%zu", i);
		domain->name = snapshot_copy_text(snapshot, name);
		for (size_t z = 0; z < world->n_zones; z++) {
			struct tick_share *ended = &snapshot->zones[z].sum.ended;

			domain->zones[z].sum = world->shares[i][z];
			domain->zones[z].last = world->last_shares[i][z];
			ended->dynamic_uj -= world->shares[i][z].dynamic_uj;
			ended->idle_uj -= world->shares[i][z].idle_uj;
		}
	}
	return snapshot;
}

static void assert_adds_up(const struct snapshot *snapshot)
{
	for (size_t z = 0; z < snapshot->n_zones; z++) {
		const struct snapshot_account *boot = &snapshot->zones[z].boot;
		uint64_t found = boot->unattributed_uj + sum(boot->host) +
				 sum(boot->ended);

		for (size_t i = 0; i < snapshot->n_domains; i++)
			found += sum(snapshot->domains[i].zones[z].boot);
		for (size_t i = 0; i < snapshot->n_lingering; i++)
			found += sum(snapshot->lingering[i].zones[z]);
		assert_int_equal(found, boot->total_uj);
	}
}

/* The caller's. */
static struct snapshot *apply(struct since_boot *table, const struct world *world)
{
	struct snapshot *snapshot = show(world);

	assert_int_equal(since_boot_apply(table, snapshot), 0);
	assert_adds_up(snapshot);
	return snapshot;
}

/* A domain that is shown, running or not; NULL: it is not. */
static const struct tick_share *find(
	const struct snapshot *snapshot, size_t number, bool *ret_lingers)
{
	struct uuid uuid = { { 0 } };
	const struct snapshot_domain *domain;

	uuid.bytes[15] = (uint8_t)number;
	domain = snapshot_find_domain(snapshot, &uuid);
	*ret_lingers = !domain;
	if (domain)
		return &domain->zones[0].boot;
	for (size_t i = 0; i < snapshot->n_lingering; i++) {
		if (uuid_compare(&snapshot->lingering[i].uuid, &uuid) == 0)
			return &snapshot->lingering[i].zones[0];
	}
	return NULL;
}

static void assert_shown(
	const struct snapshot *snapshot, size_t number, bool lingers, uint64_t dynamic_uj)
{
	bool found_lingers;
	const struct tick_share *share = find(snapshot, number, &found_lingers);

	assert_non_null(share);
	assert_int_equal(found_lingers, lingers);
	assert_int_equal(share->dynamic_uj, dynamic_uj);
}

static void test_first_tick_counts(void **state)
{
	struct since_boot table = { .retention_ns = 0 };
	struct snapshot *snapshot;
	struct world world;

	(void)state;
	init(&world, 1);
	step(&world);
	snapshot = apply(&table, &world);
	assert_true(table.dirty);
	assert_int_equal(snapshot->zones[0].boot.total_uj, world.last[0].total_uj);
	assert_int_equal(
		snapshot->zones[0].boot.host.idle_uj, world.last[0].host.idle_uj);
	assert_int_equal(sum(snapshot->zones[0].boot.ended), 0);
	assert_shown(snapshot, 1, false, world.last_shares[1][0].dynamic_uj);
	snapshot_unref(snapshot);
	/* Nothing that the next run has to know happens in the second. */
	table.dirty = false;
	step(&world);
	snapshot_unref(apply(&table, &world));
	assert_false(table.dirty);
	since_boot_deinit(&table);
}

/* It ends, lingers, goes, and returns as new; what it had stays with the ended. */
static void test_a_domain_ends(void **state)
{
	struct since_boot table = { .retention_ns = UINT64_C(3000000000) };
	struct snapshot *snapshot;
	struct world world;
	uint64_t used_uj, ended_uj;
	bool lingers;

	(void)state;
	init(&world, 2);
	step(&world);
	snapshot_unref(apply(&table, &world));
	step(&world);
	snapshot = apply(&table, &world);
	used_uj = find(snapshot, 3, &lingers)->dynamic_uj;
	snapshot_unref(snapshot);
	world.runs[3] = false;
	for (unsigned int i = 0; i < 3; i++) {
		step(&world);
		snapshot = apply(&table, &world);
		assert_shown(snapshot, 3, true, used_uj);
		assert_string_equal(snapshot->lingering[0].name, "d3");
		assert_int_equal(sum(snapshot->zones[0].boot.ended), 0);
		snapshot_unref(snapshot);
	}
	table.dirty = false;
	step(&world);
	snapshot = apply(&table, &world);
	assert_null(find(snapshot, 3, &lingers));
	assert_true(table.dirty);
	ended_uj = snapshot->zones[0].boot.ended.dynamic_uj;
	assert_int_equal(ended_uj, used_uj);
	snapshot_unref(snapshot);
	world.runs[3] = true;
	step(&world);
	snapshot = apply(&table, &world);
	assert_shown(snapshot, 3, false, world.last_shares[3][0].dynamic_uj);
	assert_int_equal(snapshot->zones[0].boot.ended.dynamic_uj, ended_uj);
	snapshot_unref(snapshot);
	since_boot_deinit(&table);
}

/* Back in time, it goes on; and what nobody was shown of it stays where it was. */
static void test_a_domain_returns_in_time(void **state)
{
	struct since_boot table = { .retention_ns = UINT64_C(9000000000) };
	struct snapshot *snapshot;
	struct world world;
	uint64_t used_uj, ended_uj;
	bool lingers;

	(void)state;
	init(&world, 3);
	step(&world);
	snapshot = apply(&table, &world);
	used_uj = find(snapshot, 5, &lingers)->dynamic_uj;
	snapshot_unref(snapshot);
	/* It is measured once more, and not listed any longer. */
	step(&world);
	world.runs[5] = false;
	snapshot = apply(&table, &world);
	assert_shown(snapshot, 5, true, used_uj);
	ended_uj = snapshot->zones[0].boot.ended.dynamic_uj;
	assert_int_equal(ended_uj, world.last_shares[5][0].dynamic_uj);
	snapshot_unref(snapshot);
	world.runs[5] = true;
	step(&world);
	snapshot = apply(&table, &world);
	assert_shown(snapshot, 5, false, used_uj + world.last_shares[5][0].dynamic_uj);
	assert_int_equal(snapshot->zones[0].boot.ended.dynamic_uj, ended_uj);
	snapshot_unref(snapshot);
	since_boot_deinit(&table);
}

static void restart(struct since_boot *table)
{
	struct since_boot next = { .retention_ns = table->retention_ns };
	uint8_t *bytes;
	size_t size;

	assert_int_equal(since_boot_encode(table, &origin, &bytes, &size), 0);
	assert_int_equal(since_boot_decode(&next, &origin, bytes, size), 0);
	free(bytes);
	since_boot_deinit(table);
	*table = next;
}

/* As since_boot_load() has it of the ledger. */
static void recall_last(struct since_boot *table, const struct world *world)
{
	for (size_t i = 0; i < table->n_domains; i++) {
		for (size_t z = 0; z < table->n_zones; z++)
			table->domains[i].zones[z].last =
				world->shares[table->domains[i].uuid.bytes[15]][z];
	}
}

static void test_restart(void **state)
{
	struct since_boot table = { .retention_ns = UINT64_C(2000000000) };
	struct snapshot *before, *after;
	struct world world;
	bool lingers;

	(void)state;
	init(&world, 4);
	step(&world);
	snapshot_unref(apply(&table, &world));
	step(&world);
	before = apply(&table, &world);
	restart(&table);
	recall_last(&table, &world);
	world.runs[1] = false; /* while nobody looked */
	step(&world);
	after = apply(&table, &world);
	assert_int_equal(after->zones[1].boot.total_uj,
		before->zones[1].boot.total_uj + world.last[1].total_uj);
	assert_shown(after, 3, false,
		find(before, 3, &lingers)->dynamic_uj +
			world.last_shares[3][0].dynamic_uj);
	assert_shown(after, 1, true, find(before, 1, &lingers)->dynamic_uj);
	assert_int_equal(sum(after->zones[0].boot.ended), 0);
	snapshot_unref(before);
	snapshot_unref(after);
	since_boot_deinit(&table);
}

static void test_zones_change(void **state)
{
	struct since_boot table = { .retention_ns = UINT64_C(2000000000) };
	struct snapshot *snapshot;
	struct world world;
	uint64_t total_uj;

	(void)state;
	init(&world, 5);
	world.n_zones = 2;
	step(&world);
	snapshot = apply(&table, &world);
	total_uj = snapshot->zones[1].boot.total_uj;
	snapshot_unref(snapshot);
	table.dirty = false;
	world.n_zones = 3;
	world.runs[7] = false;
	step(&world);
	snapshot = apply(&table, &world);
	assert_true(table.dirty);
	assert_int_equal(
		snapshot->zones[1].boot.total_uj, total_uj + world.last[1].total_uj);
	assert_int_equal(snapshot->zones[2].boot.total_uj, world.last[2].total_uj);
	assert_int_equal(snapshot->domains[0].zones[2].boot.idle_uj,
		world.last_shares[1][2].idle_uj);
	snapshot_unref(snapshot);
	since_boot_deinit(&table);
}

/* A damaged ledger goes back to its checkpoint: all still adds up. */
static void test_the_ledger_goes_back(void **state)
{
	struct since_boot table = { .retention_ns = UINT64_C(2000000000) };
	struct world world, before;

	(void)state;
	init(&world, 6);
	before = world;
	step(&world);
	world.runs[2] = true;
	step(&world);
	snapshot_unref(apply(&table, &world));
	before.runs[2] = true;
	for (unsigned int i = 0; i < 4; i++) {
		step(&before);
		snapshot_unref(apply(&table, &before));
	}
	since_boot_deinit(&table);
}

static struct tick_share highest(
	struct tick_share a, const struct tick_share *b, bool *ret_fell)
{
	*ret_fell = b->dynamic_uj < a.dynamic_uj || b->idle_uj < a.idle_uj;
	return *b;
}

/* Whatever comes and goes: all adds up, and only domains that had gone begin anew. */
static void test_random_life(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct since_boot table = { .retention_ns = UINT64_C(5000000000) };
		struct tick_share shown[N_DOMAINS] = { { 0, 0 } }, ended = { 0, 0 };
		bool was_shown[N_DOMAINS] = { false };
		struct world world;

		init(&world, seed);
		for (unsigned int i = 0; i < 300; i++) {
			struct snapshot *snapshot;
			bool lingers, fell;

			step(&world);
			snapshot = apply(&table, &world);
			ended = highest(ended, &snapshot->zones[0].boot.ended, &fell);
			assert_false(fell);
			for (size_t d = 0; d < N_DOMAINS; d++) {
				const struct tick_share *share = find(
					snapshot, d, &lingers);

				fell = false;
				if (share)
					shown[d] = highest(shown[d], share, &fell);
				assert_true(!fell || !was_shown[d]);
				was_shown[d] = share;
			}
			snapshot_unref(snapshot);
			if (random_below(&world.random, 10) == 0) {
				restart(&table);
				recall_last(&table, &world);
			}
			if (random_below(&world.random, 3) == 0) {
				size_t d = random_below(&world.random, N_DOMAINS);

				world.runs[d] = !world.runs[d];
			}
		}
		since_boot_deinit(&table);
	}
}

static void test_bytes(void **state)
{
	static const struct since_boot_origin others[] = { { { { 9 } }, { { 2 } } },
		{ { { 1 } }, { { 9 } } } };
	struct since_boot table = { 0 }, got = { 0 };
	struct world world;
	uint8_t *bytes;
	size_t size;

	(void)state;
	init(&world, 7);
	step(&world);
	snapshot_unref(apply(&table, &world));
	assert_int_equal(since_boot_encode(&table, &origin, &bytes, &size), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
			since_boot_decode(&got, &others[i], bytes, size), -ESTALE);
	for (size_t n = 0; n < size; n++)
		assert_int_equal(since_boot_decode(&got, &origin, bytes, n), -EBADMSG);
	for (size_t i = 0; i < size; i++) {
		bytes[i] ^= 0x10;
		assert_int_equal(since_boot_decode(&got, &origin, bytes, size), -EBADMSG);
		bytes[i] ^= 0x10;
	}
	assert_int_equal(got.n_domains, 0);
	assert_null(got.domains);
	assert_int_equal(since_boot_decode(&got, &origin, bytes, size), 0);
	assert_int_equal(got.n_domains, table.n_domains);
	assert_string_equal(got.domains[2].name, table.domains[2].name);
	assert_memory_equal(&got.zones[1], &table.zones[1], sizeof(got.zones[1]));
	free(bytes);
	since_boot_deinit(&got);
	since_boot_deinit(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_tick_counts),
		cmocka_unit_test(test_a_domain_ends),
		cmocka_unit_test(test_a_domain_returns_in_time),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_zones_change),
		cmocka_unit_test(test_the_ledger_goes_back),
		cmocka_unit_test(test_random_life),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
