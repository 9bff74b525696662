/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What a trace is for: the ticks that its samples give are those that the samples gave
 * from which it was written. On random hosts, where domains, threads, zones, CPUs and
 * clocks do what they may.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "host/meter.h"
#include "host/trace_reader.h"
#include "host/trace_writer.h"
#include "tests/unit/random.h"
#include "tests/unit/scene.h"

#define WORLDS	100
#define TICKS	100
#define DOMAINS 6
#define THREADS 5
#define MS	UINT64_C(1000000)

struct life {
	bool alive;
	struct sample_domain domain;
	bool has[THREADS];
	struct sample_thread threads[THREADS];
};

struct world {
	struct random_state random;
	struct scene scene;
	struct sample sample;
	pid_t next_tid;
	struct life lives[DOMAINS];
	const char *names[DOMAINS];
	uint64_t energy_uj[MACHINE_ZONES_MAX];
	/* The one that measures and writes, and the one that reads. */
	struct meter *meter, *other_meter;
	struct tick tick, other_tick;
	struct trace_writer writer;
	struct json_text text;
	struct trace_reader *reader;
};

static struct meter *new_meter(bool given, bool learn)
{
	const struct meter_options options = {
		.idle_policy = IDLE_POLICY_RESERVED,
		.weight = { 0.15, 2.0 },
		.learn = learn,
	};
	struct meter *meter;

	assert_int_equal(meter_new(&options, &meter), 0);
	if (!given)
		return meter;
	assert_int_equal(
		meter_set_idle_power(meter, "package-0", IDLE_POWER_CALIBRATED, 20000001),
		0);
	assert_int_equal(
		meter_set_idle_power(meter, "dram-0", IDLE_POWER_CONFIGURED, 3000000), 0);
	return meter;
}

static void world_init(struct world *world, uint64_t seed)
{
	memset(world, 0, sizeof(*world));
	world->random.state = seed;
	scene_init(&world->scene, 1 + random_below(&world->random, 2));
	scene_add_zone(&world->scene, "dram-0", MACHINE_ZONE_DRAM, 0);
	scene_add_zone(&world->scene, "psys", MACHINE_ZONE_PSYS, 0);
	world->scene.machine.zones[0].max_power_uw = 300000000;
	for (size_t i = 0; i < world->scene.machine.n_cpus; i++)
		world->scene.cpus[i].core = (uint16_t)(i & ~(size_t)1);
	for (size_t i = SCENE_CPUS_PER_PACKAGE; i < SCENE_CPUS; i++)
		world->scene.cpus[i].node = 1;
	world->scene.machine.n_nodes = 2;
	world->scene.machine.node_memory_kib[0] = 1u << 24;
	world->scene.machine.node_memory_kib[1] = 1u << 23;
	scene_begin(&world->scene, &world->sample,
		1000 * SCENE_SECOND_NS + random_below(&world->random, SCENE_SECOND_NS));
	/* It has slept before. */
	world->sample.monotonic_ns -= 100 * SCENE_SECOND_NS;
	for (size_t i = 0; i < world->sample.n_cpus; i++)
		world->sample.cpus[i].busy_ns = random_below(&world->random, 1u << 30);
	for (size_t z = 0; z < MACHINE_ZONES_MAX; z++)
		world->energy_uj[z] = random_below(&world->random, SCENE_RANGE_UJ);
	world->next_tid = 100;
	world->meter = new_meter(true, seed % 2);
	world->other_meter = new_meter(false, seed % 2);
	assert_int_equal(trace_reader_new(&world->reader), 0);
}

static void world_deinit(struct world *world)
{
	sample_deinit(&world->sample);
	meter_free(world->meter);
	meter_free(world->other_meter);
	tick_deinit(&world->tick);
	tick_deinit(&world->other_tick);
	json_text_deinit(&world->text);
	trace_reader_free(world->reader);
}

static uint64_t now_ticks(const struct world *world)
{
	return world->sample.boottime_ns / SAMPLE_START_TICK_NS;
}

static void start_thread(struct world *world, struct life *life, size_t i)
{
	static const uint8_t kinds[THREADS] = { SAMPLE_THREAD_EMULATOR,
		SAMPLE_THREAD_VCPU, SAMPLE_THREAD_VCPU, SAMPLE_THREAD_VHOST,
		SAMPLE_THREAD_IOTHREAD };

	life->has[i] = true;
	life->threads[i] = (struct sample_thread){
		.tid = world->next_tid++,
		.kind = kinds[i],
		.index = i == 2,
		.last_cpu = (uint16_t)random_below(&world->random, SCENE_CPUS + 2),
		.start_ticks = now_ticks(world) - random_below(&world->random, 200),
		.cpu_ns = random_below(&world->random, 400 * MS),
	};
}

static void start_domain(struct world *world, size_t number)
{
	struct life *life = &world->lives[number];

	*life = (struct life){ .alive = true };
	start_thread(world, life, 0);
	start_thread(world, life, 1);
	life->domain = (struct sample_domain){
		.uuid = scene_uuid((uint32_t)number),
		.pid = life->threads[0].tid,
		.start_ticks = life->threads[0].start_ticks,
		.n_vcpus = 2,
		.max_vcpus = 2,
		.memory_kib = random_below(&world->random, 1u << 24),
	};
}

static void live_on(struct world *world, struct life *life)
{
	for (size_t i = 0; i < THREADS; i++) {
		struct sample_thread *thread = &life->threads[i];
		uint64_t ns = random_below(&world->random, 300 * MS);

		if (!life->has[i]) {
			if (random_one_in(&world->random, 8))
				start_thread(world, life, i);
			continue;
		}
		if (random_one_in(&world->random, 3))
			ns = 0;
		thread->cpu_ns += ns;
		if (thread->last_cpu < world->sample.n_cpus)
			world->sample.cpus[thread->last_cpu].busy_ns += ns;
		if (random_one_in(&world->random, 4))
			thread->last_cpu = (uint16_t)random_below(
				&world->random, SCENE_CPUS);
		/* It ends, after a while that nobody saw. */
		if (i > 0 && random_one_in(&world->random, 10)) {
			life->has[i] = false;
			life->domain.exited_ns += thread->cpu_ns +
						  random_below(&world->random, 9 * MS);
		}
	}
}

static void add_domain(struct world *world, const struct life *life)
{
	struct sample *sample = &world->sample;
	size_t first = sample->n_threads;
	struct sample_domain *domain;

	for (size_t i = 0; i < THREADS; i++) {
		struct sample_thread *thread;

		/* Now and then one cannot be read, be it the main one. */
		if (!life->has[i] || random_one_in(&world->random, 40))
			continue;
		thread = sample_add_thread(sample);
		assert_non_null(thread);
		*thread = life->threads[i];
		/* In the order of the tids: the later ones may be older. */
		for (; thread > &sample->threads[first] && thread[-1].tid > thread->tid;
			thread--) {
			struct sample_thread later = thread[-1];

			thread[-1] = *thread;
			*thread = later;
		}
	}
	domain = sample_add_domain(sample);
	assert_non_null(domain);
	*domain = life->domain;
	domain->first_thread = (uint32_t)first;
	domain->n_threads = (uint32_t)(sample->n_threads - first);
}

static void add_domains(struct world *world)
{
	static const char *const names[] = { "vm", "\"q\\", "\xff\n", NULL };
	struct sample *sample = &world->sample;

	for (size_t i = 0; i < DOMAINS; i++) {
		struct life *life = &world->lives[i];

		if (life->alive)
			live_on(world, life);
		if (random_one_in(&world->random, life->alive ? 30 : 6)) {
			if (life->alive && random_one_in(&world->random, 2))
				life->alive = false;
			else
				start_domain(world, i);
		}
		if (!life->alive)
			continue;
		world->names[sample->n_domains] = names[random_below(&world->random, 4)];
		add_domain(world, life);
	}
	if (sample->n_domains == 0)
		return;
	assert_int_equal(sample_reserve_nodes(sample, 2), 0);
	for (size_t i = 0; i < 2 * sample->n_domains; i++)
		sample->resident_kib[i] = random_below(&world->random, 1u << 22);
}

static void change_machine(struct world *world)
{
	struct machine *machine = &world->scene.machine;
	struct machine_cpu *cpu =
		&world->scene.cpus[random_below(&world->random, machine->n_cpus)];

	machine->generation++;
	cpu->online = !cpu->online;
	if (!cpu->online)
		*cpu = (struct machine_cpu){ 0 };
	else
		cpu->package = (uint16_t)((size_t)(cpu - world->scene.cpus) /
					  SCENE_CPUS_PER_PACKAGE);
	/* The platform's zone is the last one. */
	if (machine->zones[machine->n_zones - 1].kind == MACHINE_ZONE_PSYS)
		machine->n_zones--;
	else
		scene_add_zone(&world->scene, "psys", MACHINE_ZONE_PSYS, 0);
	for (size_t p = 0; p < machine->n_packages; p++)
		machine->packages[p].n_cpus = 0;
	for (size_t i = 0; i < machine->n_cpus; i++) {
		if (machine->cpus[i].online)
			machine->packages[machine->cpus[i].package].n_cpus++;
	}
}

static void world_tick(struct world *world)
{
	struct sample *sample = &world->sample;
	uint64_t dt_ns = 900 * MS + random_below(&world->random, 200 * MS);

	if (random_one_in(&world->random, 25))
		change_machine(world);
	/* The meter does not start over for that. */
	if (random_one_in(&world->random, 25))
		world->scene.machine.node_memory_kib[random_below(&world->random, 2)] ^=
			1u << 22;
	sample->boottime_ns += dt_ns;
	sample->monotonic_ns += dt_ns + random_below(&world->random, 200);
	if (random_one_in(&world->random, 40))
		sample->boottime_ns += 5 * SCENE_SECOND_NS;
	sample->n_domains = sample->n_threads = sample->n_nodes = 0;
	sample->n_zones = world->scene.machine.n_zones;
	for (size_t i = 0; i < sample->n_cpus; i++) {
		sample->cpus[i].busy_ns += random_below(&world->random, 10 * MS);
		sample->cpus[i].khz = (uint32_t)random_below(&world->random, 4000000);
	}
	add_domains(world);
	for (size_t z = 0; z < sample->n_zones; z++) {
		world->energy_uj[z] = (world->energy_uj[z] +
					      random_below(&world->random, 120000000)) %
				      SCENE_RANGE_UJ;
		sample->zones[z] = (struct sample_zone){ 0 };
		if (random_one_in(&world->random, 20))
			continue;
		sample->zones[z].valid = true;
		sample->zones[z].energy_uj = random_one_in(&world->random, 50)
						     ? 5
						     : world->energy_uj[z];
	}
}

/* As hostd does it. */
static void write_tick(struct world *world)
{
	struct trace_idle idle[MACHINE_ZONES_MAX] = { 0 };
	const struct trace_item item = {
		.machine = &world->scene.machine,
		.sample = &world->sample,
		.names = world->names,
		.idle = idle,
	};

	for (size_t z = 0; z < world->tick.n_zones; z++) {
		const struct tick_zone *zone = &world->tick.zones[z];

		idle[z] = (struct trace_idle){ zone->idle_uw > 0, zone->idle_origin,
			zone->idle_uw };
	}
	json_text_clear(&world->text);
	assert_int_equal(trace_writer_add(&world->writer, &item, &world->text), 0);
}

static void read_tick(struct world *world)
{
	const char *at = world->text.data, *end = at + world->text.used;
	enum trace_line line = TRACE_LINE_OTHER;

	while (at != end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));

		assert_non_null(newline);
		if (trace_reader_take(world->reader, at, (size_t)(newline - at), &line) <
			0)
			fail_msg("%s", trace_reader_error(world->reader));
		at = newline + 1;
	}
	assert_int_equal(line, TRACE_LINE_TICK);
	for (size_t z = 0; z < world->scene.machine.n_zones; z++) {
		const struct trace_idle *idle = &trace_reader_idle(world->reader)[z];

		if (idle->given)
			assert_int_equal(meter_set_idle_power(world->other_meter,
						 world->scene.machine.zones[z].name,
						 IDLE_POWER_CONFIGURED, idle->idle_uw),
				0);
	}
}

static void compare_ticks(const struct tick *a, const struct tick *b)
{
	assert_int_equal(a->dt_ns, b->dt_ns);
	assert_int_equal(a->quality, b->quality);
	assert_int_equal(a->n_zones, b->n_zones);
	assert_int_equal(a->n_domains, b->n_domains);
	for (size_t z = 0; z < a->n_zones; z++) {
		const struct tick_zone *x = &a->zones[z], *y = &b->zones[z];

		assert_int_equal(x->state, y->state);
		assert_int_equal(x->dt_ns, y->dt_ns);
		assert_int_equal(x->total_uj, y->total_uj);
		assert_int_equal(x->unattributed_uj, y->unattributed_uj);
		assert_int_equal(x->idle_uw, y->idle_uw);
		assert_memory_equal(&x->host, &y->host, sizeof(x->host));
	}
	for (size_t i = 0; i < a->n_domains; i++) {
		assert_int_equal(
			uuid_compare(&a->domains[i].uuid, &b->domains[i].uuid), 0);
		assert_int_equal(a->domains[i].cpu_ns, b->domains[i].cpu_ns);
		assert_memory_equal(tick_share(a, i, 0), tick_share(b, i, 0),
			a->n_zones * sizeof(struct tick_share));
	}
}

static void test_round_trip(void **state)
{
	static struct world world;

	(void)state;
	for (uint64_t seed = 1; seed <= WORLDS; seed++) {
		world_init(&world, seed);
		for (size_t t = 0; t < TICKS; t++) {
			world_tick(&world);
			assert_int_equal(meter_step(world.meter, &world.scene.machine,
						 &world.sample, &world.tick),
				0);
			meter_accept(world.meter);
			write_tick(&world);
			read_tick(&world);
			assert_int_equal(meter_step(world.other_meter,
						 trace_reader_machine(world.reader),
						 trace_reader_sample(world.reader),
						 &world.other_tick),
				0);
			meter_accept(world.other_meter);
			compare_ticks(&world.tick, &world.other_tick);
		}
		world_deinit(&world);
	}
}

/* A small host to the letter: what others write must be like it. */
static void test_text(void **state)
{
	static const char expected[] =
		"{\"type\":\"host\",\"version\":1,\"source\":\"powercap\","
		"\"boottime_ns\":\"3000000007\",\"cpus\":["
		"{\"cpu\":0,\"package\":0,\"core\":0,\"node\":1},"
		"{\"cpu\":1,\"package\":0,\"core\":1,\"node\":0,\"online\":false}],"
		"\"zones\":[{\"zone\":\"package-0\",\"package\":0,\"kind\":\"package\","
		"\"max_energy_range_uj\":\"262143328850\"}],"
		"\"node_memory_kib\":[99],\"idle_w\":{\"package-0\":20.5},"
		"\"idle_origin\":{\"package-0\":\"configured\"}}\n"
		"{\"type\":\"tick\",\"t_ns\":\"0\",\"monotonic_ns\":\"0\","
		"\"energy_uj\":{\"package-0\":\"77\"},\"cpu\":[[5,2400000],[0,0]],"
		"\"domains\":[{\"uuid\":\"00000001-0100-0000-0000-000000000000\","
		"\"name\":\"vm1\",\"vcpus\":1,\"memory_kib\":1024,\"pid\":1000,\"start_ns\":-2990000007,"
		"\"process_ns\":110,\"threads\":[[1000,-2990000007,\"emulator\",0,40,0],"
		"[1001,-2990000007,\"vcpu\",0,60,0],[1002,-2990000007,\"vhost\",0,9,0]],"
		"\"rss_kib\":[7,8]}]}\n";
	const struct trace_idle idle = { true, IDLE_POWER_CONFIGURED, 20500000 };
	const char *const names[] = { "vm1" };
	struct trace_writer writer = { 0 };
	struct json_text text = { 0 };
	struct sample sample = { 0 };
	struct scene scene;
	const struct trace_item item = { &scene.machine, &sample, names, &idle, false };

	(void)state;
	scene_init(&scene, 1);
	scene.machine.n_cpus = 2;
	scene.cpus[0].node = 1;
	scene.machine.n_nodes = 1;
	scene.machine.node_memory_kib[0] = 99;
	scene.cpus[1] = (struct machine_cpu){ 0 };
	scene_begin(&scene, &sample, 3000000007);
	sample.zones[0].energy_uj = 77;
	sample.cpus[0] = (struct sample_cpu){ 5, 2400000 };
	scene_add_domain(&sample, 1, 1)->exited_ns = 10;
	sample.domains[0].memory_kib = 1024;
	scene_add_thread(&sample, SAMPLE_THREAD_EMULATOR, 0, 40, 0);
	scene_add_thread(&sample, SAMPLE_THREAD_VCPU, 0, 60, 0);
	scene_add_thread(&sample, SAMPLE_THREAD_VHOST, 0, 9, 0);
	assert_int_equal(sample_reserve_nodes(&sample, 2), 0);
	sample.resident_kib[0] = 7;
	sample.resident_kib[1] = 8;
	assert_int_equal(trace_writer_add(&writer, &item, &text), 0);
	json_text_put(&text, "", 1);
	assert_string_equal(text.data, expected);
	/* The same machine is not told again, nor the same idle power. */
	json_text_clear(&text);
	sample.n_domains = 0;
	assert_int_equal(trace_writer_add(&writer, &item, &text), 0);
	json_text_put(&text, "", 1);
	assert_string_equal(text.data,
		"{\"type\":\"tick\",\"t_ns\":\"0\",\"monotonic_ns\":\"0\","
		"\"energy_uj\":{\"package-0\":\"77\"},\"cpu\":[[5,2400000],[0,0]],"
		"\"domains\":[]}\n");
	json_text_deinit(&text);
	sample_deinit(&sample);
}

/* The lines that the item adds, from its begin. */
static void expect_begin(struct trace_writer *writer, const struct trace_item *item,
	const char *begin, const char *nodes)
{
	struct json_text text = { 0 };

	assert_int_equal(trace_writer_add(writer, item, &text), 0);
	json_text_put(&text, "", 1);
	assert_memory_equal(text.data, begin, strlen(begin));
	if (nodes)
		assert_non_null(strstr(text.data, nodes));
	else
		assert_null(strstr(text.data, "node_memory_kib"));
	json_text_deinit(&text);
}

/* Memory that comes or goes makes a new host line, though the machine is the same. */
static void test_node_memory(void **state)
{
	static const char host[] = "{\"type\":\"host\"", tick[] = "{\"type\":\"tick\"";
	const struct trace_idle idle = { true, IDLE_POWER_CONFIGURED, 20500000 };
	struct trace_writer writer = { 0 };
	struct sample sample = { 0 };
	struct scene scene;
	const struct trace_item item = { &scene.machine, &sample, NULL, &idle, false };

	(void)state;
	scene_init(&scene, 1);
	scene_begin(&scene, &sample, SCENE_SECOND_NS);
	scene.machine.n_nodes = 1;
	scene.machine.node_memory_kib[0] = 7;
	expect_begin(&writer, &item, host, "\"node_memory_kib\":[7]");
	expect_begin(&writer, &item, tick, NULL);
	scene.machine.node_memory_kib[0] = 8;
	expect_begin(&writer, &item, host, "\"node_memory_kib\":[8]");
	expect_begin(&writer, &item, tick, NULL);
	scene.machine.n_nodes = 2;
	expect_begin(&writer, &item, host, "\"node_memory_kib\":[8,0]");
	expect_begin(&writer, &item, tick, NULL);
	sample_deinit(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_node_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
