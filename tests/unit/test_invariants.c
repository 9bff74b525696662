/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What holds of attribution whatever happens: more than 100,000 ticks of random
 * hosts, and one in five more that nobody booked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/meter.h"
#include "host/usage.h"
#include "tests/unit/random_host.h"

#define HOSTS	    1300
#define HOSTS_TWICE 100
#define TICKS	    100

typedef unsigned __int128 u128;

/* What the meter should know of a zone, and whose its energy was. */
struct account {
	bool known;
	bool excluded;	    /* in the tick before: what weighed then weighs now, too */
	uint64_t energy_uj; /* the last good reading, unwrapped */
	u128 dynamic_uj[RANDOM_HOST_DOMAINS];
	u128 idle_uj[RANDOM_HOST_DOMAINS];
};

/* A host, its meter, and what is kept to check the next tick by. */
struct run {
	struct random_host host;
	struct meter *meter;
	bool learn;
	enum idle_policy idle_policy;
	struct weight_model model;
	struct sample previous, sample;
	struct tick tick;
	struct usage usage;
	bool comparable; /* usage is of this tick */
	uint64_t generation, asleep_ns;
	size_t order[RANDOM_HOST_DOMAINS];
	struct account accounts[MACHINE_ZONES_MAX];
};

/* How often the hosts got there: what they never do is not tested. */
static struct {
	unsigned int nobody, one, no_time, excluded, ambiguous;
} seen;

static void run_begin(struct run *run, uint64_t seed, bool calm)
{
	struct meter_options options;

	memset(run, 0, sizeof(*run));
	random_host_init(&run->host, seed, calm);
	run->learn = !calm && random_one_in(&run->host.random, 4);
	run->model.smt_gain = (double)random_below(&run->host.random, 101) / 100;
	run->model.frequency_exponent = (double)random_below(&run->host.random, 9) / 2;
	run->idle_policy = (enum idle_policy)random_below(&run->host.random, 4);
	options = (struct meter_options){
		.idle_policy = run->idle_policy,
		.weight = run->model,
		.learn = run->learn,
	};
	assert_int_equal(meter_new(&options, &run->meter), 0);
	assert_int_equal(meter_set_idle_power(run->meter, "package-0",
				 IDLE_POWER_CONFIGURED, run->host.largest_uj / 8),
		0);
	assert_int_equal(meter_set_idle_power(run->meter, "dram-0", IDLE_POWER_CONFIGURED,
				 run->host.largest_uj / 8),
		0);
}

static void run_end(struct run *run)
{
	meter_free(run->meter);
	sample_deinit(&run->previous);
	sample_deinit(&run->sample);
	usage_deinit(&run->usage);
	tick_deinit(&run->tick);
}

/* false: it was not booked, and is in the next one, as if nobody had asked. */
static bool run_step(struct run *run)
{
	const struct machine *machine = &run->host.scene.machine;
	bool begun = run->previous.boottime_ns > 0;

	random_host_advance(&run->host);
	random_host_observe(&run->host, &run->sample, run->order);
	assert_int_equal(meter_step(run->meter, machine, &run->sample, &run->tick), 0);
	if (random_one_in(&run->host.random, 5))
		return false;
	meter_accept(run->meter);
	run->comparable = begun && run->host.asleep_ns == run->asleep_ns;
	if (run->comparable) {
		assert_int_equal(usage_reserve(&run->usage, machine, &run->sample), 0);
		usage_compute(&run->usage, machine, &run->model, &run->previous,
			&run->sample, run->generation != machine->generation);
	}
	run->generation = machine->generation;
	run->asleep_ns = run->host.asleep_ns;
	assert_int_equal(sample_copy(&run->previous, &run->sample), 0);
	return true;
}

/* All of the energy is somebody's, and no part of it more than all. */
static void check_sum(const struct run *run, size_t z)
{
	const struct tick_zone *zone = &run->tick.zones[z];
	bool shared = run->host.scene.machine.zones[z].kind <= MACHINE_ZONE_DRAM;
	u128 sum = (u128)zone->unattributed_uj + zone->host.dynamic_uj +
		   zone->host.idle_uj;

	for (size_t i = 0; i < run->tick.n_domains; i++) {
		const struct tick_share *share = tick_share(&run->tick, i, z);

		sum += (u128)share->dynamic_uj + share->idle_uj;
		assert_true(share->dynamic_uj <= zone->total_uj);
		assert_true(share->idle_uj <= zone->total_uj);
		if (!shared)
			assert_int_equal(share->dynamic_uj + share->idle_uj, 0);
	}
	assert_true(sum == zone->total_uj);
}

/* No CPU time in the package, no dynamic energy of it; all of it, all. */
static void check_players(const struct run *run, size_t z)
{
	const struct machine_zone *machine_zone = &run->host.scene.machine.zones[z];
	const struct tick_zone *zone = &run->tick.zones[z];
	const struct usage_cell *host = &run->usage.host[machine_zone->package];
	uint64_t dynamic_uj = zone->host.dynamic_uj, most_uj = zone->host.dynamic_uj;
	size_t n_players = host->weight > 0;

	if (machine_zone->kind > MACHINE_ZONE_DRAM || !run->comparable ||
		zone->state != TICK_ZONE_OK || run->accounts[z].excluded)
		return;
	for (size_t i = 0; i < run->tick.n_domains; i++) {
		uint64_t uj = tick_share(&run->tick, i, z)->dynamic_uj;

		dynamic_uj += uj;
		most_uj = uj > most_uj ? uj : most_uj;
		if (usage_cell(&run->usage, i, machine_zone->package)->weight > 0)
			n_players++;
		else
			assert_int_equal(uj, 0);
	}
	seen.nobody += n_players == 0 && dynamic_uj > 0;
	seen.one += n_players == 1 && dynamic_uj > 0;
	seen.no_time += run->tick.dt_ns == 0;
	if (n_players == 0)
		assert_int_equal(zone->host.dynamic_uj, dynamic_uj);
	else if (host->weight == 0)
		assert_int_equal(zone->host.dynamic_uj, 0);
	if (n_players == 1)
		assert_int_equal(most_uj, dynamic_uj);
}

/* Time and weight go together, whatever the CPUs say of themselves. */
static void check_cell(const struct usage_cell *cell)
{
	const u128 scaled = (u128)cell->cpu_ns << WEIGHT_FRACTION_BITS;

	assert_true((cell->weight > 0) == (cell->cpu_ns > 0));
	/* Of each thread's, less than 1 is cut. */
	assert_true((u128)cell->weight + 2 * RANDOM_HOST_THREADS >= scaled >> 8);
	assert_true(cell->weight <= scaled << 8);
}

static void check_usage(const struct run *run)
{
	const struct usage *usage = &run->usage;

	if (!run->comparable)
		return;
	for (size_t p = 0; p < usage->n_packages; p++) {
		uint64_t domains_ns = 0, busy_ns = usage->loads.busy_ns[p];

		for (size_t i = 0; i < run->tick.n_domains; i++) {
			check_cell(usage_cell(usage, i, p));
			domains_ns += usage_cell(usage, i, p)->cpu_ns;
		}
		check_cell(&usage->host[p]);
		assert_int_equal(usage->host[p].cpu_ns,
			busy_ns > domains_ns ? busy_ns - domains_ns : 0);
	}
}

static void check_guests(const struct run *run)
{
	for (size_t i = 0; i < run->tick.n_domains; i++) {
		uint64_t sums[2] = { 0 }, guest[2] = { 0 };

		for (size_t z = 0; z < run->tick.n_zones; z++) {
			const struct tick_share *share = tick_share(&run->tick, i, z);
			enum machine_zone_kind kind =
				run->host.scene.machine.zones[z].kind;

			if (kind <= MACHINE_ZONE_DRAM)
				sums[kind] += share->dynamic_uj + share->idle_uj;
		}
		for (size_t g = 0; g < MESSAGE_ZONES_MAX; g++)
			guest[g % 2] += run->tick.domains[i].guest_uj[g];
		assert_int_equal(guest[0], sums[0]);
		assert_int_equal(guest[1], sums[1]);
	}
}

/* Of a domain that was there before, every nanosecond counts once. */
static void check_cpu(struct run *run)
{
	for (size_t i = 0; i < run->tick.n_domains; i++) {
		const struct random_domain *domain = &run->host.domains[run->order[i]];

		if (domain->seen && domain->seen_start_ticks == domain->start_ticks &&
			run->comparable)
			assert_int_equal(run->tick.domains[i].cpu_ns,
				domain->used_ns - domain->seen_ns);
	}
	for (size_t i = 0; i < RANDOM_HOST_DOMAINS; i++) {
		struct random_domain *domain = &run->host.domains[i];

		domain->seen = domain->alive;
		domain->seen_start_ticks = domain->start_ticks;
		domain->seen_ns = domain->used_ns;
	}
}

/* A zone's total is what the counter did since it was read last: no more, no less. */
static void check_total(struct run *run, size_t z)
{
	struct account *account = &run->accounts[z];
	const struct tick_zone *zone = &run->tick.zones[z];

	account->excluded = zone->state == TICK_ZONE_EXCLUDED;
	seen.excluded += account->excluded;
	seen.ambiguous += zone->state == TICK_ZONE_AMBIGUOUS;
	switch (zone->state) {
	case TICK_ZONE_OK:
	case TICK_ZONE_AMBIGUOUS:
		assert_true(account->known);
		assert_int_equal(
			zone->total_uj, run->host.energy_uj[z] - account->energy_uj);
		break;
	case TICK_ZONE_EXCLUDED:
		assert_false(run->host.valid[z]);
		assert_int_equal(zone->total_uj, 0);
		return;
	case TICK_ZONE_BASELINE:
		assert_int_equal(zone->total_uj, 0);
		break;
	}
	account->known = true;
	account->energy_uj = run->host.energy_uj[z];
}

static void add_up(struct run *run, size_t z)
{
	for (size_t i = 0; i < run->tick.n_domains; i++) {
		const struct tick_share *share = tick_share(&run->tick, i, z);
		size_t domain = run->order[i];

		run->accounts[z].dynamic_uj[domain] += share->dynamic_uj;
		run->accounts[z].idle_uj[domain] += share->idle_uj;
	}
}

static bool differ(u128 a, u128 b)
{
	return a > b + 1 || b > a + 1;
}

/*
 * Equal inputs, equal shares, each and in all; of dynamic energy, and of idle energy
 * that goes by it, unless something else was learned of them.
 */
static void check_twins(struct run *run, size_t z)
{
	struct account *account = &run->accounts[z];
	u128 *dynamic_uj = account->dynamic_uj, *idle_uj = account->idle_uj;
	const struct tick_share *twin[2] = { NULL };

	for (size_t i = 0; i < run->tick.n_domains; i++)
		if (run->order[i] == RANDOM_HOST_TWIN_A ||
			run->order[i] == RANDOM_HOST_TWIN_B)
			twin[run->order[i] == RANDOM_HOST_TWIN_B] = tick_share(
				&run->tick, i, z);
	if (!twin[0]) {
		/* A carry goes with its domain: the next life is another account. */
		dynamic_uj[RANDOM_HOST_TWIN_A] = dynamic_uj[RANDOM_HOST_TWIN_B] = 0;
		idle_uj[RANDOM_HOST_TWIN_A] = idle_uj[RANDOM_HOST_TWIN_B] = 0;
		return;
	}
	if (!run->learn || run->idle_policy != IDLE_POLICY_PROPORTIONAL) {
		assert_false(differ(twin[0]->idle_uj, twin[1]->idle_uj));
		assert_false(
			differ(idle_uj[RANDOM_HOST_TWIN_A], idle_uj[RANDOM_HOST_TWIN_B]));
	}
	if (run->learn)
		return;
	assert_false(differ(twin[0]->dynamic_uj, twin[1]->dynamic_uj));
	assert_false(
		differ(dynamic_uj[RANDOM_HOST_TWIN_A], dynamic_uj[RANDOM_HOST_TWIN_B]));
}

static void run_host(uint64_t seed)
{
	static struct run run;

	run_begin(&run, seed, false);
	for (int t = 0; t < TICKS; t++) {
		if (!run_step(&run))
			continue;
		check_usage(&run);
		check_guests(&run);
		check_cpu(&run);
		for (size_t z = 0; z < run.tick.n_zones; z++) {
			check_sum(&run, z);
			check_players(&run, z);
			check_total(&run, z);
			add_up(&run, z);
			check_twins(&run, z);
		}
	}
	run_end(&run);
}

static void test_random_hosts(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= HOSTS; seed++)
		run_host(seed);
	assert_true(seen.nobody > 100 && seen.one > 100 && seen.no_time > 1000 &&
		    seen.excluded > 1000 && seen.ambiguous > 1000);
}

/* The same host, the domains' UUIDs and the threads' tids in another order. */
static void run_twice(uint64_t seed)
{
	static struct run runs[2];

	for (uint32_t r = 0; r < 2; r++) {
		run_begin(&runs[r], seed, true);
		runs[r].host.traits.reversed = r == 1;
		for (uint32_t i = 0; r == 1 && i < RANDOM_HOST_DOMAINS; i++)
			runs[r].host.domains[i].number = (i * 7 + 3) %
							 RANDOM_HOST_DOMAINS;
		for (int t = 0; t < TICKS; t++) {
			if (!run_step(&runs[r]))
				continue;
			for (size_t z = 0; z < runs[r].tick.n_zones; z++)
				add_up(&runs[r], z);
		}
	}
	for (size_t z = 0; z < runs[0].tick.n_zones; z++) {
		const struct account *a = &runs[0].accounts[z], *b = &runs[1].accounts[z];

		for (size_t i = 0; i < RANDOM_HOST_DOMAINS; i++) {
			assert_false(differ(a->dynamic_uj[i], b->dynamic_uj[i]));
			assert_false(differ(a->idle_uj[i], b->idle_uj[i]));
		}
	}
	run_end(&runs[0]);
	run_end(&runs[1]);
}

static void test_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= HOSTS_TWICE; seed++)
		run_twice(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_hosts),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
