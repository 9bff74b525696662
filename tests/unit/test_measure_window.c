/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Windows: differences, peaks, and what happens to whom, also with a host at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/measure_window.h"
#include "shared/clock.h"
#include "tests/unit/fake_snapshot.h"
#include "tests/unit/random.h"

#define N_DOMAINS 5
#define N_ZONES	  2

static const struct uuid web1 = { { 0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x43, 0x33, 0x84,
	0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55 } };

static bool has(uint32_t marks, enum measure_mark mark)
{
	return marks >> mark & 1;
}

/* A ledger as hostd has it, and what it shows of it. */
struct world {
	uint64_t number, now_ns, started_ns, degraded_ticks;
	bool runs[N_DOMAINS];
	struct tick_share sums[N_DOMAINS][N_ZONES], lasts[N_DOMAINS][N_ZONES];
	struct tick_share host[N_ZONES];
	uint64_t unattributed_uj[N_ZONES];
};

static struct uuid uuid_of(size_t domain)
{
	return (struct uuid){ { (uint8_t)(domain + 1) } };
}

static void add_share(struct tick_share *sum, struct tick_share last)
{
	sum->dynamic_uj += last.dynamic_uj;
	sum->idle_uj += last.idle_uj;
}

/* Those that run use this, each of a kind of its own. */
static void tick(struct world *world, uint64_t dt_ns, uint64_t uj)
{
	world->number++;
	world->now_ns += dt_ns;
	for (size_t z = 0; z < N_ZONES; z++) {
		struct tick_share host = { uj * (z + 1), 7 };

		for (size_t i = 0; i < N_DOMAINS; i++) {
			struct tick_share last = { uj * (i + 1), uj * z + i };

			world->lasts[i][z] = (struct tick_share){ 0 };
			if (!world->runs[i])
				continue;
			world->lasts[i][z] = last;
			add_share(&world->sums[i][z], last);
		}
		add_share(&world->host[z], host);
		world->unattributed_uj[z] += uj / 2;
	}
}

static struct snapshot_account account_of(const struct world *world, size_t zone)
{
	struct snapshot_account account = { .host = world->host[zone],
		.unattributed_uj = world->unattributed_uj[zone] };

	account.total_uj = account.host.dynamic_uj + account.host.idle_uj +
			   account.unattributed_uj;
	for (size_t i = 0; i < N_DOMAINS; i++) {
		const struct tick_share *sum = &world->sums[i][zone];

		account.total_uj += sum->dynamic_uj + sum->idle_uj;
		if (!world->runs[i])
			add_share(&account.ended, *sum);
	}
	return account;
}

static void fill_domains(const struct world *world, struct snapshot *snapshot)
{
	size_t n = 0;

	for (size_t i = 0; i < N_DOMAINS; i++) {
		struct snapshot_domain *domain = &snapshot->domains[n];
		char name[8];

		if (!world->runs[i])
			continue;
		snprintf(name, sizeof(name), "d%zu", i);
		domain->uuid = uuid_of(i);
		domain->name = snapshot_copy_text(snapshot, name);
		for (size_t z = 0; z < N_ZONES; z++) {
			domain->zones[z].sum = world->sums[i][z];
			domain->zones[z].last = world->lasts[i][z];
		}
		n++;
	}
}

static struct snapshot *look(const struct world *world)
{
	static const char *const names[] = { "package-0", "dram-0" };
	struct snapshot *snapshot;
	size_t n = 0;

	for (size_t i = 0; i < N_DOMAINS; i++)
		n += world->runs[i];
	snapshot = snapshot_new(N_ZONES, n);
	snapshot->number = world->number;
	snapshot->boottime_ns = world->now_ns;
	snapshot->time_ns = world->now_ns + 1000;
	snapshot->started_ns = world->started_ns;
	snapshot->degraded_ticks = world->degraded_ticks;
	snapshot->source = "powercap";
	snapshot->idle_policy = "reserved";
	snapshot->libvirt_connected = true;
	for (size_t z = 0; z < N_ZONES; z++) {
		strcpy(snapshot->zones[z].name, names[z]);
		snapshot->zones[z].kind = z ? MACHINE_ZONE_DRAM : MACHINE_ZONE_PACKAGE;
		snapshot->zones[z].sum = account_of(world, z);
	}
	fill_domains(world, snapshot);
	return snapshot;
}

static void begin(const struct world *world, const struct uuid *uuids, size_t n, bool all,
	struct measure_window *window)
{
	struct snapshot *snapshot = look(world);

	assert_int_equal(measure_window_begin(window, snapshot, uuids, n, all), 0);
	snapshot_unref(snapshot);
}

static int go_on(struct measure_window *window, const struct world *world)
{
	struct snapshot *snapshot = look(world);
	int r = measure_window_add(window, snapshot);

	snapshot_unref(snapshot);
	return r;
}

static const struct measure_row *row_of(
	const struct measure_window *window, size_t domain, size_t *ret_index)
{
	struct uuid uuid = uuid_of(domain);

	for (size_t i = MEASURE_DOMAIN; i < window->n_rows; i++) {
		if (uuid_compare(&window->rows[i].uuid, &uuid) == 0) {
			*ret_index = i;
			return &window->rows[i];
		}
	}
	fail_msg("domain %zu has no row", domain);
	return NULL;
}

static void assert_adds_up(const struct measure_window *window)
{
	for (size_t z = 0; z < window->n_zones; z++) {
		struct measure_energy all = measure_window_energy(
			window, MEASURE_TOTAL, z);
		uint64_t sum_uj = 0, kinds_uj = all.dynamic_uj + all.idle_uj;

		for (size_t i = MEASURE_UNATTRIBUTED; i < window->n_rows; i++) {
			struct measure_energy energy = measure_window_energy(
				window, i, z);

			/* None of it went below nothing. */
			assert_true(energy.uj <= all.uj);
			assert_true(energy.dynamic_uj <= all.dynamic_uj);
			assert_true(energy.idle_uj <= all.idle_uj);
			sum_uj += energy.uj;
			kinds_uj -= energy.dynamic_uj + energy.idle_uj;
		}
		assert_int_equal(sum_uj, all.uj);
		assert_int_equal(kinds_uj, 0);
	}
}

static void test_difference(void **state)
{
	struct world world = { .runs = { true, true, true } };
	struct uuid uuid = uuid_of(1);
	struct measure_window window;
	struct measure_energy energy;
	size_t row;

	(void)state;
	tick(&world, NSEC_PER_SEC, 1000);
	begin(&world, &uuid, 1, false, &window);
	tick(&world, NSEC_PER_SEC / 2, 100);
	tick(&world, NSEC_PER_SEC / 2, 300);
	assert_int_equal(go_on(&window, &world), 0);
	assert_int_equal(go_on(&window, &world), 0);
	measure_window_end(&window);
	assert_int_equal(window.begin_ns, NSEC_PER_SEC);
	assert_int_equal(window.end_ns, 2 * (uint64_t)NSEC_PER_SEC);
	assert_int_equal(window.begin_time_ns, NSEC_PER_SEC + 1000);
	assert_int_equal(window.n_ticks, 2);
	assert_int_equal(window.n_rows, MEASURE_DOMAIN + 1);
	assert_string_equal(row_of(&window, 1, &row)->name, "d1");
	energy = measure_window_energy(&window, row, 1);
	assert_int_equal(energy.dynamic_uj, 800);
	assert_int_equal(energy.idle_uj, 402);
	assert_int_equal(energy.uj, 1202);
	energy = measure_window_energy(&window, MEASURE_OTHERS, 1);
	assert_int_equal(energy.dynamic_uj, 1600);
	assert_int_equal(energy.idle_uj, 804);
	energy = measure_window_energy(&window, MEASURE_HOST, 0);
	assert_int_equal(energy.dynamic_uj, 400);
	assert_int_equal(energy.idle_uj, 14);
	assert_int_equal(measure_window_energy(&window, MEASURE_UNATTRIBUTED, 0).uj, 200);
	assert_float_equal(measure_window_watts(&window, 1202), 0.001202, 1e-12);
	assert_int_equal(measure_window_quality(&window), MESSAGE_MEASURED);
	assert_int_equal(window.marks, 0);
	assert_adds_up(&window);
	/* In which order they are shown. */
	assert_int_equal(measure_window_nth(&window, 0), MEASURE_DOMAIN);
	assert_int_equal(measure_window_nth(&window, 1), MEASURE_OTHERS);
	assert_int_equal(measure_window_nth(&window, 4), MEASURE_TOTAL);
	measure_window_deinit(&window);
}

static void test_peaks(void **state)
{
	/* Of d0 in package-0, and the power that comes of it. */
	static const struct {
		uint64_t dt_ms, uj;
	} ticks[] = { { 1000, 1000000 }, { 500, 1000000 }, { 5, 900000 }, { 95, 100000 },
		{ 1000, 500000 }, { 20, 900000 } };
	struct world world = { .runs = { true } };
	struct uuid uuid = uuid_of(0);
	struct measure_window window;

	(void)state;
	tick(&world, NSEC_PER_SEC, 0);
	begin(&world, &uuid, 1, false, &window);
	for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
		tick(&world, ticks[i].dt_ms * NSEC_PER_MSEC, ticks[i].uj);
		assert_int_equal(go_on(&window, &world), 0);
	}
	measure_window_end(&window);
	/* 5 ms and 95 ms are one stretch; 20 ms at the end are too short for one. */
	assert_int_equal(window.rows[MEASURE_DOMAIN].zones[0].peak_uw, 10000000);
	measure_window_deinit(&window);

	/* No peak is below the mean, even where no stretch is long enough. */
	begin(&world, &uuid, 1, false, &window);
	tick(&world, 10 * NSEC_PER_MSEC, 5000);
	assert_int_equal(go_on(&window, &world), 0);
	measure_window_end(&window);
	assert_int_equal(window.rows[MEASURE_DOMAIN].zones[0].peak_uw, 500000);
	measure_window_deinit(&window);

	/* A window of no length has no power, nor does it divide by it. */
	begin(&world, &uuid, 1, false, &window);
	measure_window_end(&window);
	assert_float_equal(measure_window_watts(&window, 5), 0, 0);
	assert_int_equal(window.rows[MEASURE_TOTAL].peak_uw, 0);
	measure_window_deinit(&window);
}

static void test_domains_come_and_go(void **state)
{
	struct world world = { .runs = { true, true, false, false, true } };
	const struct uuid uuids[] = { uuid_of(0), uuid_of(1), uuid_of(2), uuid_of(3) };
	struct measure_window window;
	size_t row;

	(void)state;
	tick(&world, NSEC_PER_SEC, 1000);
	/* d2 ran before: that is not the window's. */
	world.sums[2][0].dynamic_uj = 12345;
	begin(&world, uuids, 4, false, &window);
	world.runs[2] = true;
	tick(&world, NSEC_PER_SEC, 100);
	assert_int_equal(go_on(&window, &world), 0);
	world.runs[0] = world.runs[1] = false;
	tick(&world, NSEC_PER_SEC, 100);
	assert_int_equal(go_on(&window, &world), 0);
	assert_adds_up(&window);
	world.runs[1] = true;
	tick(&world, NSEC_PER_SEC, 100);
	assert_int_equal(go_on(&window, &world), 0);
	measure_window_end(&window);
	assert_adds_up(&window);
	assert_int_equal(row_of(&window, 0, &row)->marks, 1U << MEASURE_ENDED);
	assert_int_equal(measure_window_energy(&window, row, 0).dynamic_uj, 100);
	assert_int_equal(row_of(&window, 1, &row)->marks, 1U << MEASURE_AWAY);
	assert_int_equal(measure_window_energy(&window, row, 0).dynamic_uj, 400);
	assert_int_equal(row_of(&window, 2, &row)->marks, 1U << MEASURE_STARTED);
	assert_int_equal(measure_window_energy(&window, row, 0).dynamic_uj, 900);
	assert_int_equal(row_of(&window, 3, &row)->marks, 1U << MEASURE_MISSING);
	assert_int_equal(measure_window_sum(&window, row).uj, 0);
	assert_null(window.rows[row].name);
	assert_int_equal(window.marks, 0);
	measure_window_deinit(&window);
}

static void test_all(void **state)
{
	struct world world = { .runs = { true, false, true } };
	struct measure_window window;
	size_t row;

	(void)state;
	tick(&world, NSEC_PER_SEC, 1000);
	begin(&world, NULL, 0, true, &window);
	assert_int_equal(window.n_rows, MEASURE_DOMAIN + 2);
	world.runs[1] = true;
	tick(&world, NSEC_PER_SEC, 100);
	assert_int_equal(go_on(&window, &world), 0);
	world.runs[1] = false;
	tick(&world, NSEC_PER_SEC, 100);
	assert_int_equal(go_on(&window, &world), 0);
	measure_window_end(&window);
	assert_int_equal(window.n_rows, MEASURE_DOMAIN + 3);
	assert_int_equal(row_of(&window, 1, &row)->marks,
		1U << MEASURE_STARTED | 1U << MEASURE_ENDED);
	assert_int_equal(measure_window_energy(&window, row, 0).dynamic_uj, 200);
	assert_int_equal(measure_window_sum(&window, MEASURE_OTHERS).uj, 0);
	assert_adds_up(&window);
	measure_window_deinit(&window);
}

static void test_quality(void **state)
{
	struct world world = { .runs = { true }, .started_ns = 5 };
	struct uuid uuid = uuid_of(0);
	struct measure_window window;
	struct snapshot *snapshot;

	(void)state;
	world.degraded_ticks = 3; /* before the window */
	tick(&world, NSEC_PER_SEC, 1000);
	begin(&world, &uuid, 1, false, &window);
	tick(&world, NSEC_PER_SEC, 1000);
	assert_int_equal(go_on(&window, &world), 0);
	assert_int_equal(window.marks, 0);
	/* One of those that were not seen. */
	world.degraded_ticks = 4;
	tick(&world, NSEC_PER_SEC, 1000);
	tick(&world, NSEC_PER_SEC, 1000);
	assert_int_equal(go_on(&window, &world), 0);
	assert_int_equal(window.marks, 1U << MEASURE_DEGRADED);
	assert_int_equal(measure_window_quality(&window), MESSAGE_DEGRADED);
	measure_window_deinit(&window);

	/* A restart goes on in the ledger; its number may be any. */
	begin(&world, &uuid, 1, false, &window);
	world.started_ns = 9;
	world.degraded_ticks = 0;
	tick(&world, NSEC_PER_SEC, 1000);
	assert_int_equal(go_on(&window, &world), 0);
	assert_true(has(window.marks, MEASURE_RESTARTED));
	assert_true(has(window.marks, MEASURE_DEGRADED));
	assert_int_equal(measure_window_sum(&window, MEASURE_DOMAIN).dynamic_uj, 2000);
	measure_window_deinit(&window);

	begin(&world, &uuid, 1, false, &window);
	tick(&world, NSEC_PER_SEC, 1000);
	snapshot = look(&world);
	snapshot->source = "estimate";
	snapshot->libvirt_connected = false;
	assert_int_equal(measure_window_add(&window, snapshot), 0);
	snapshot_unref(snapshot);
	assert_true(has(window.marks, MEASURE_ESTIMATED));
	assert_true(has(window.marks, MEASURE_LIBVIRT));
	assert_int_equal(measure_window_quality(&window), MESSAGE_ESTIMATED);
	measure_window_deinit(&window);
}

/* The ledger is another one, or the host is: what was measured until then stays. */
static void test_reset(void **state)
{
	static const char *const cases[] = { "time", "domain", "host", "unattributed",
		"ended" };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world = { .runs = { true, true } };
		struct uuid uuid = uuid_of(0);
		struct measure_window window;
		struct snapshot *snapshot;

		tick(&world, NSEC_PER_SEC, 1000);
		begin(&world, &uuid, 1, false, &window);
		tick(&world, NSEC_PER_SEC, 1000);
		assert_int_equal(go_on(&window, &world), 0);
		tick(&world, NSEC_PER_SEC, 10);
		snapshot = look(&world);
		if (i == 0)
			snapshot->boottime_ns = 17;
		else if (i == 1)
			snapshot->domains[0].zones[1].sum.idle_uj = 0;
		else if (i == 2)
			snapshot->zones[0].sum.host.dynamic_uj = 0;
		else if (i == 3)
			snapshot->zones[0].sum.unattributed_uj -= 6;
		else
			snapshot->domains[1].zones[0].sum.dynamic_uj = 0;
		assert_int_equal(measure_window_add(&window, snapshot), -ESTALE);
		snapshot_unref(snapshot);
		measure_window_end(&window);
		assert_true(has(window.marks, MEASURE_RESET));
		assert_int_equal(window.end_ns, 2 * (uint64_t)NSEC_PER_SEC);
		assert_int_equal(
			measure_window_sum(&window, MEASURE_DOMAIN).dynamic_uj, 2000);
		assert_adds_up(&window);
		measure_window_deinit(&window);
	}
}

static void test_zones_change(void **state)
{
	struct world world = { .runs = { true } };
	struct uuid uuid = uuid_of(0);
	struct measure_window window;
	struct snapshot *snapshot;

	(void)state;
	tick(&world, NSEC_PER_SEC, 1000);
	begin(&world, &uuid, 1, false, &window);
	tick(&world, NSEC_PER_SEC, 1000);
	snapshot = look(&world);
	strcpy(snapshot->zones[1].name, "dram-7");
	assert_int_equal(measure_window_add(&window, snapshot), 0);
	snapshot_unref(snapshot);
	assert_int_equal(window.marks, 1U << MEASURE_ZONES);
	assert_int_equal(measure_window_energy(&window, MEASURE_DOMAIN, 1).uj, 0);
	assert_int_equal(measure_window_energy(&window, MEASURE_DOMAIN, 0).uj, 1000);
	assert_adds_up(&window);
	/* It is back: nothing is lost. */
	tick(&world, NSEC_PER_SEC, 1000);
	assert_int_equal(go_on(&window, &world), 0);
	assert_int_equal(
		measure_window_energy(&window, MEASURE_DOMAIN, 1).dynamic_uj, 2000);
	assert_adds_up(&window);
	measure_window_deinit(&window);

	snapshot = look(&world);
	snapshot->zones[0].kind = snapshot->zones[1].kind = MACHINE_ZONE_PSYS;
	assert_int_equal(
		measure_window_begin(&window, snapshot, &uuid, 1, false), -EBADMSG);
	snapshot_unref(snapshot);
}

/* Domains start and end, ticks are missed, hostd is restarted: all adds up. */
static void test_random(void **state)
{
	struct random_state random = { 42 };

	(void)state;
	for (int n = 0; n < 300; n++) {
		struct world world = { .started_ns = 1 };
		struct uuid uuids[N_DOMAINS];
		struct measure_window window;
		size_t n_uuids = random_below(&random, N_DOMAINS + 1);

		for (size_t i = 0; i < n_uuids; i++)
			uuids[i] = uuid_of(i);
		for (size_t i = 0; i < N_DOMAINS; i++)
			world.runs[i] = random_one_in(&random, 2);
		tick(&world, NSEC_PER_SEC, random_below(&random, 1000000));
		begin(&world, uuids, n_uuids, random_one_in(&random, 2), &window);
		for (int t = 0; t < 40; t++) {
			size_t i = random_below(&random, N_DOMAINS);

			if (random_one_in(&random, 4))
				world.runs[i] = !world.runs[i];
			if (random_one_in(&random, 30))
				world.started_ns++, world.number = 0;
			tick(&world, 1 + random_below(&random, NSEC_PER_SEC),
				random_below(&random, 1000000));
			if (random_one_in(&random, 3))
				continue;
			assert_int_equal(go_on(&window, &world), 0);
			assert_adds_up(&window);
		}
		measure_window_end(&window);
		assert_adds_up(&window);
		for (size_t i = 0; i < window.n_rows; i++)
			assert_true((double)window.rows[i].peak_uw + 1 >=
				    1e6 * measure_window_watts(&window,
						  measure_window_sum(&window, i).uj));
		measure_window_deinit(&window);
	}
}

static void test_find(void **state)
{
	const char *const names[] = { "web1", "11111111-2222-4333-8444-555555555555",
		"db\x1b[31m" };
	const char *const unknown[] = { "web1", "11111111-2222-4333-8444-555555555556" };
	struct snapshot *snapshot = fake_snapshot_new();
	const char *which = NULL;
	struct uuid *uuids = NULL;
	struct measure_window window;
	size_t n = 0;

	(void)state;
	assert_int_equal(measure_window_find(snapshot, names, 3, &uuids, &n, &which), 0);
	assert_int_equal(n, 2);
	assert_memory_equal(&uuids[0], &web1, sizeof(web1));
	/* Counters near the end of their range; psys is not shared out. */
	assert_int_equal(measure_window_begin(&window, snapshot, uuids, n, false), 0);
	assert_int_equal(window.n_zones, 2);
	measure_window_deinit(&window);
	free(uuids);
	uuids = NULL;
	assert_int_equal(
		measure_window_find(snapshot, unknown, 2, &uuids, &n, &which), -ENOENT);
	assert_string_equal(which, unknown[1]);
	assert_null(uuids);
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_difference),
		cmocka_unit_test(test_peaks),
		cmocka_unit_test(test_domains_come_and_go),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_quality),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_zones_change),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
