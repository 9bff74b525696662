/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What holds of attribution whatever happens: 20,000 ticks of random hosts, on
 * which domains, threads, zones and clocks do what they may.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/meter.h"
#include "tests/unit/random.h"
#include "tests/unit/scene.h"

#define WORLDS	    200
#define TICKS	    100
#define DOMAINS_MAX 10
#define THREADS	    4
#define MS	    UINT64_C(1000000)

/* Two domains that are and do the same in every tick. */
#define TWIN_A 2
#define TWIN_B 5

struct world_thread {
	uint64_t cpu_ns;
	uint64_t start_ticks;
	uint16_t cpu;
};

struct world_domain {
	bool alive;
	uint64_t start_ticks;
	uint64_t exited_ns;
	uint32_t number;  /* of the UUID */
	uint64_t used_ns; /* in all */
	/* What was to be seen of it in the sample before. */
	bool seen;
	uint64_t seen_start_ticks, seen_ns;
	struct world_thread threads[THREADS];
};

struct world {
	struct random_state random;
	struct scene scene;
	uint64_t now_ns;
	uint64_t asleep_ns;
	uint64_t n_started; /* domains that ran before they were seen */
	uint64_t energy_uj[MACHINE_ZONES_MAX]; /* never wraps */
	bool valid[MACHINE_ZONES_MAX];
	uint64_t busy_ns[SCENE_CPUS];
	uint64_t largest_uj; /* energy of a zone in a tick */
	struct world_domain domains[DOMAINS_MAX];
};

/* What the meter should know of a zone, and whose its energy was. */
struct account {
	bool known;
	uint64_t energy_uj; /* the last good reading, unwrapped */
	unsigned __int128 dynamic_uj[DOMAINS_MAX];
	unsigned __int128 idle_uj[DOMAINS_MAX];
};

/* Calm: nothing comes or goes, all is readable. */
static void world_init(struct world *world, uint64_t seed, bool calm)
{
	memset(world, 0, sizeof(*world));
	world->random.state = seed;
	scene_init(&world->scene, 1 + random_below(&world->random, 2));
	scene_add_zone(&world->scene, "dram-0", MACHINE_ZONE_DRAM, 0);
	scene_add_zone(&world->scene, "core-0", MACHINE_ZONE_CORE, 0);
	scene_add_zone(&world->scene, "psys", MACHINE_ZONE_PSYS, 0);
	world->now_ns = 1000 * SCENE_SECOND_NS;
	world->largest_uj = 200000000;
	if (!calm && random_one_in(&world->random, 4)) {
		/* Counters near 2^63. */
		world->largest_uj = UINT64_C(1) << 57;
		for (size_t z = 0; z < world->scene.machine.n_zones; z++) {
			world->scene.machine.zones[z].max_energy_range_uj = INT64_MAX;
			world->scene.machine.zones[z].max_power_uw = UINT64_C(1) << 58;
		}
	}
	for (size_t z = 0; z < world->scene.machine.n_zones; z++) {
		world->energy_uj[z] = random_u64(&world->random) %
				      world->scene.machine.zones[z].max_energy_range_uj;
		world->valid[z] = true;
	}
	for (uint32_t i = 0; i < DOMAINS_MAX; i++) {
		world->domains[i].number = i;
		world->domains[i].alive = calm;
	}
}

static uint16_t random_cpu(struct world *world)
{
	return (uint16_t)random_below(&world->random, world->scene.machine.n_cpus);
}

/* Of a process or thread that has the number of one from before. */
static uint64_t later_start(const struct world *world, uint64_t before_ticks)
{
	uint64_t now_ticks = world->now_ns / (10 * MS);

	return now_ticks > before_ticks ? now_ticks : before_ticks + 1;
}

static void start_domain(struct world *world, struct world_domain *domain)
{
	domain->alive = true;
	domain->exited_ns = 0;
	domain->used_ns = 0;
	/* Just now, or long ago but first seen now. */
	domain->start_ticks = random_one_in(&world->random, 2)
				      ? later_start(world, domain->start_ticks)
				      : ++world->n_started;
	for (size_t k = 0; k < THREADS; k++)
		domain->threads[k] = (struct world_thread){
			.start_ticks = domain->start_ticks,
			.cpu = random_cpu(world),
		};
}

static void run_domain(struct world *world, struct world_domain *domain, uint64_t dt_ns)
{
	if (random_one_in(&world->random, 4))
		return;
	for (size_t k = 0; k < THREADS; k++) {
		struct world_thread *thread = &domain->threads[k];
		uint64_t ns = dt_ns > 0 ? random_below(&world->random, dt_ns) : 0;

		if (random_one_in(&world->random, 3))
			continue;
		if (random_one_in(&world->random, 5))
			thread->cpu = random_cpu(world);
		thread->cpu_ns += ns;
		domain->used_ns += ns;
		world->busy_ns[thread->cpu] += ns;
		if (random_one_in(&world->random, 30)) {
			/* Ends, and another one has its tid. */
			domain->exited_ns += thread->cpu_ns;
			thread->cpu_ns = 0;
			thread->start_ticks = later_start(world, thread->start_ticks);
		}
	}
}

static void copy_twin(struct world *world)
{
	uint32_t number = world->domains[TWIN_B].number;

	world->domains[TWIN_B] = world->domains[TWIN_A];
	world->domains[TWIN_B].number = number;
}

static void disturb(struct world *world)
{
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		if (random_one_in(&world->random, 12)) {
			if (world->domains[i].alive && random_one_in(&world->random, 2))
				world->domains[i].alive = false;
			else
				start_domain(world, &world->domains[i]);
		}
	for (size_t z = 0; z < world->scene.machine.n_zones; z++)
		world->valid[z] = !random_one_in(&world->random, 15);
	if (random_one_in(&world->random, 40)) {
		world->now_ns += 5 * SCENE_SECOND_NS;
		world->asleep_ns += 5 * SCENE_SECOND_NS;
	}
	if (random_one_in(&world->random, 40))
		world->scene.machine.generation++;
}

static void advance(struct world *world, bool calm)
{
	uint64_t dt_ns = random_one_in(&world->random, 20)
				 ? 0
				 : MS + random_below(&world->random, 2 * SCENE_SECOND_NS);

	world->now_ns += dt_ns;
	if (!calm)
		disturb(world);
	for (size_t i = 0; i < DOMAINS_MAX; i++)
		if (world->domains[i].alive)
			run_domain(world, &world->domains[i], dt_ns);
	copy_twin(world);
	for (size_t c = 0; c < world->scene.machine.n_cpus; c++)
		world->busy_ns[c] += random_below(&world->random, dt_ns / 4 + 1);
	for (size_t z = 0; z < world->scene.machine.n_zones; z++) {
		/* As much as counter_advance() takes for possible in this time. */
		uint64_t most = (uint64_t)((unsigned __int128)world->largest_uj * dt_ns /
					   (2 * SCENE_SECOND_NS));

		if (!random_one_in(&world->random, 10))
			world->energy_uj[z] += random_below(&world->random, most + 1);
	}
}

static int compare_number(const struct world *world, size_t a, size_t b)
{
	return world->domains[a].number < world->domains[b].number ? -1 : 1;
}

/* Fills the sample; *ret_order: which domain of the world is at which index. */
static void observe(
	const struct world *world, struct sample *sample, size_t order[DOMAINS_MAX])
{
	size_t n = 0;

	scene_begin(&world->scene, sample, world->now_ns);
	sample->monotonic_ns -= world->asleep_ns;
	for (size_t z = 0; z < sample->n_zones; z++)
		sample->zones[z] = (struct sample_zone){
			.valid = world->valid[z],
			.energy_uj = world->energy_uj[z] %
				     world->scene.machine.zones[z].max_energy_range_uj,
		};
	for (size_t c = 0; c < sample->n_cpus; c++)
		sample->cpus[c].busy_ns = world->busy_ns[c];
	for (size_t i = 0; i < DOMAINS_MAX; i++) {
		size_t k = n;

		if (!world->domains[i].alive)
			continue;
		for (n++; k > 0 && compare_number(world, i, order[k - 1]) < 0; k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
	for (size_t k = 0; k < n; k++) {
		const struct world_domain *from = &world->domains[order[k]];
		struct sample_domain *domain = scene_add_domain(sample, from->number, 3);

		domain->start_ticks = from->start_ticks;
		domain->exited_ns = from->exited_ns;
		domain->vcpus_per_socket = 2;
		for (uint16_t t = 0; t < THREADS; t++)
			scene_add_thread(sample,
				t < 3 ? SAMPLE_THREAD_VCPU : SAMPLE_THREAD_EMULATOR, t,
				from->threads[t].cpu_ns, from->threads[t].cpu)
				->start_ticks = from->threads[t].start_ticks;
	}
}

static void check_zone(const struct world *world, const struct tick *tick, size_t z)
{
	const struct tick_zone *zone = &tick->zones[z];
	bool shared = world->scene.machine.zones[z].kind <= MACHINE_ZONE_DRAM;
	uint64_t sum = zone->unattributed_uj + zone->host.dynamic_uj + zone->host.idle_uj;

	for (size_t i = 0; i < tick->n_domains; i++) {
		const struct tick_share *share = tick_share(tick, i, z);

		sum += share->dynamic_uj + share->idle_uj;
		if (!shared)
			assert_int_equal(share->dynamic_uj + share->idle_uj, 0);
		/* No CPU time, no dynamic energy. */
		if (tick->domains[i].cpu_ns == 0 && zone->dt_ns <= tick->dt_ns)
			assert_int_equal(share->dynamic_uj, 0);
	}
	assert_int_equal(sum, zone->total_uj);
}

static void check_guests(const struct world *world, const struct tick *tick)
{
	for (size_t i = 0; i < tick->n_domains; i++) {
		uint64_t sums[2] = { 0 }, guest[2] = { 0 };

		for (size_t z = 0; z < tick->n_zones; z++) {
			const struct tick_share *share = tick_share(tick, i, z);
			enum machine_zone_kind kind = world->scene.machine.zones[z].kind;

			if (kind <= MACHINE_ZONE_DRAM)
				sums[kind] += share->dynamic_uj + share->idle_uj;
		}
		for (size_t g = 0; g < MESSAGE_ZONES_MAX; g++)
			guest[g % 2] += tick->domains[i].guest_uj[g];
		assert_int_equal(guest[0], sums[0]);
		assert_int_equal(guest[1], sums[1]);
	}
}

/* Of a domain that was there before, every nanosecond counts once. */
static void check_cpu(struct world *world, const struct tick *tick,
	const size_t order[DOMAINS_MAX], bool suspended)
{
	for (size_t i = 0; i < tick->n_domains; i++) {
		const struct world_domain *domain = &world->domains[order[i]];

		if (domain->seen && domain->seen_start_ticks == domain->start_ticks &&
			!suspended)
			assert_int_equal(tick->domains[i].cpu_ns,
				domain->used_ns - domain->seen_ns);
	}
	for (size_t i = 0; i < DOMAINS_MAX; i++) {
		struct world_domain *domain = &world->domains[i];

		domain->seen = domain->alive;
		domain->seen_start_ticks = domain->start_ticks;
		domain->seen_ns = domain->used_ns;
	}
}

/* A zone's total is what the counter did since it was read last: no more, no less. */
static void check_total(const struct world *world, const struct tick *tick, size_t z,
	struct account *account)
{
	const struct tick_zone *zone = &tick->zones[z];

	switch (zone->state) {
	case TICK_ZONE_OK:
	case TICK_ZONE_AMBIGUOUS:
		assert_true(account->known);
		assert_int_equal(
			zone->total_uj, world->energy_uj[z] - account->energy_uj);
		break;
	case TICK_ZONE_EXCLUDED:
		assert_false(world->valid[z]);
		assert_int_equal(zone->total_uj, 0);
		return;
	case TICK_ZONE_BASELINE:
		assert_int_equal(zone->total_uj, 0);
		break;
	}
	account->known = true;
	account->energy_uj = world->energy_uj[z];
}

static void add_up(const struct tick *tick, size_t z, const size_t order[DOMAINS_MAX],
	struct account *account)
{
	for (size_t i = 0; i < tick->n_domains; i++) {
		account->dynamic_uj[order[i]] += tick_share(tick, i, z)->dynamic_uj;
		account->idle_uj[order[i]] += tick_share(tick, i, z)->idle_uj;
	}
}

static bool differ(unsigned __int128 a, unsigned __int128 b)
{
	return a > b + 1 || b > a + 1;
}

static void check_twins(const struct tick *tick, size_t z,
	const size_t order[DOMAINS_MAX], struct account *account)
{
	const struct tick_share *twin[2] = { NULL };

	for (size_t i = 0; i < tick->n_domains; i++)
		if (order[i] == TWIN_A || order[i] == TWIN_B)
			twin[order[i] == TWIN_B] = tick_share(tick, i, z);
	if (!twin[0]) {
		/* A carry goes with its domain: the next life is another account. */
		account->dynamic_uj[TWIN_A] = account->dynamic_uj[TWIN_B] = 0;
		account->idle_uj[TWIN_A] = account->idle_uj[TWIN_B] = 0;
		return;
	}
	assert_false(differ(twin[0]->dynamic_uj, twin[1]->dynamic_uj));
	assert_false(differ(twin[0]->idle_uj, twin[1]->idle_uj));
	assert_false(differ(account->dynamic_uj[TWIN_A], account->dynamic_uj[TWIN_B]));
	assert_false(differ(account->idle_uj[TWIN_A], account->idle_uj[TWIN_B]));
}

static struct meter *new_meter(struct world *world)
{
	const struct meter_options options = {
		.idle_policy = (enum idle_policy)random_below(&world->random, 4),
	};
	struct meter *meter;

	assert_int_equal(meter_new(&options, &meter), 0);
	assert_int_equal(meter_set_idle_power(meter, "package-0", IDLE_POWER_CONFIGURED,
				 world->largest_uj / 8),
		0);
	return meter;
}

static void run_world(uint64_t seed)
{
	struct account accounts[MACHINE_ZONES_MAX] = { 0 };
	struct sample sample = { 0 };
	struct tick tick = { 0 };
	uint64_t asleep_ns = 0;
	struct world world;
	struct meter *meter;

	world_init(&world, seed, false);
	meter = new_meter(&world);
	for (int t = 0; t < TICKS; t++) {
		size_t order[DOMAINS_MAX];

		advance(&world, false);
		observe(&world, &sample, order);
		assert_int_equal(
			meter_step(meter, &world.scene.machine, &sample, &tick), 0);
		/* What was not booked is in the next tick, as if nobody had asked. */
		if (random_one_in(&world.random, 5))
			continue;
		meter_accept(meter);
		check_guests(&world, &tick);
		check_cpu(&world, &tick, order, world.asleep_ns > asleep_ns);
		asleep_ns = world.asleep_ns;
		for (size_t z = 0; z < tick.n_zones; z++) {
			check_zone(&world, &tick, z);
			check_total(&world, &tick, z, &accounts[z]);
			add_up(&tick, z, order, &accounts[z]);
			check_twins(&tick, z, order, &accounts[z]);
		}
	}
	meter_free(meter);
	sample_deinit(&sample);
	tick_deinit(&tick);
}

static void test_random_hosts(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= WORLDS; seed++)
		run_world(seed);
}

/* The same host, the domains' UUIDs in another order. */
static void run_twice(uint64_t seed)
{
	struct account accounts[2][MACHINE_ZONES_MAX] = { 0 };
	struct sample sample = { 0 };
	struct tick tick = { 0 };

	for (uint32_t run = 0; run < 2; run++) {
		struct world world;
		struct meter *meter;

		world_init(&world, seed, true);
		meter = new_meter(&world);
		for (uint32_t i = 0; run == 1 && i < DOMAINS_MAX; i++)
			world.domains[i].number = (i * 7 + 3) % DOMAINS_MAX;
		for (int t = 0; t < TICKS; t++) {
			size_t order[DOMAINS_MAX];

			advance(&world, true);
			observe(&world, &sample, order);
			assert_int_equal(
				meter_step(meter, &world.scene.machine, &sample, &tick),
				0);
			if (random_one_in(&world.random, 5))
				continue;
			meter_accept(meter);
			for (size_t z = 0; z < tick.n_zones; z++)
				add_up(&tick, z, order, &accounts[run][z]);
		}
		meter_free(meter);
	}
	for (size_t z = 0; z < tick.n_zones; z++)
		for (size_t i = 0; i < DOMAINS_MAX; i++) {
			assert_false(differ(accounts[0][z].dynamic_uj[i],
				accounts[1][z].dynamic_uj[i]));
			assert_false(differ(
				accounts[0][z].idle_uj[i], accounts[1][z].idle_uj[i]));
		}
	sample_deinit(&sample);
	tick_deinit(&tick);
}

static void test_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= WORLDS / 4; seed++)
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
