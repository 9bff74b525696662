/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* From samples to ticks, case by case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "host/meter.h"
#include "tests/unit/scene.h"

#define MS UINT64_C(1000000)
/* A joule, in microjoules. */
#define J UINT64_C(1000000)

/* Linked in place of reallocarray(), see tests/local.mk. */
void *__wrap_reallocarray(void *pointer, size_t n, size_t size);
void *__real_reallocarray(void *pointer, size_t n, size_t size);

static unsigned int allocations;
static unsigned int fail_at; /* the how-manieth allocation fails; 0: none */

void *__wrap_reallocarray(void *pointer, size_t n, size_t size)
{
	if (++allocations == fail_at)
		return NULL;
	return __real_reallocarray(pointer, n, size);
}

struct fixture {
	struct scene scene;
	struct sample sample;
	struct tick tick;
	struct meter *meter;
};

static int setup(void **state)
{
	static struct fixture fixture;
	const struct meter_options options = { .idle_policy = IDLE_POLICY_RESERVED };

	memset(&fixture, 0, sizeof(fixture));
	scene_init(&fixture.scene, 2);
	*state = &fixture;
	return meter_new(&options, &fixture.meter);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	meter_free(f->meter);
	sample_deinit(&f->sample);
	tick_deinit(&f->tick);
	return 0;
}

/* A sample at so many seconds, package-0 at energy_uj. */
static void begin(struct fixture *f, uint64_t second, uint64_t energy_uj)
{
	scene_begin(&f->scene, &f->sample, second * SCENE_SECOND_NS);
	f->sample.zones[0].energy_uj = energy_uj;
}

/* A domain with one vCPU, and its CPU time. */
static struct sample_domain *add(
	struct fixture *f, uint32_t number, uint64_t cpu_ns, uint16_t cpu)
{
	struct sample_domain *domain = scene_add_domain(&f->sample, number, 1);

	scene_add_thread(&f->sample, SAMPLE_THREAD_VCPU, 0, cpu_ns, cpu);
	return domain;
}

/* One whose QEMU has not been there for ever. */
static void add_started(
	struct fixture *f, uint32_t number, uint64_t cpu_ns, uint64_t start_ticks)
{
	add(f, number, cpu_ns, 0)->start_ticks = start_ticks;
	f->sample.threads[f->sample.n_threads - 1].start_ticks = start_ticks;
}

static void check_sums(const struct fixture *f)
{
	for (size_t z = 0; z < f->tick.n_zones; z++) {
		const struct tick_zone *zone = &f->tick.zones[z];
		uint64_t sum = zone->unattributed_uj + zone->host.dynamic_uj +
			       zone->host.idle_uj;

		for (size_t i = 0; i < f->tick.n_domains; i++)
			sum += tick_share(&f->tick, i, z)->dynamic_uj +
			       tick_share(&f->tick, i, z)->idle_uj;
		assert_int_equal(sum, zone->total_uj);
	}
}

static void step(struct fixture *f)
{
	assert_int_equal(
		meter_step(f->meter, &f->scene.machine, &f->sample, &f->tick), 0);
	assert_int_equal(f->tick.boottime_ns, f->sample.boottime_ns);
	assert_int_equal(f->tick.n_domains, f->sample.n_domains);
	for (size_t i = 0; i < f->tick.n_domains; i++)
		assert_memory_equal(&f->tick.domains[i].uuid, &f->sample.domains[i].uuid,
			sizeof(struct uuid));
	check_sums(f);
	meter_accept(f->meter);
}

static const struct tick_share *share(const struct fixture *f, size_t domain)
{
	return tick_share(&f->tick, domain, 0);
}

static void test_first(void **state)
{
	struct fixture *f = *state;

	begin(f, 100, 5 * J);
	add(f, 1, 900 * MS, 0);
	step(f);
	assert_int_equal(f->tick.dt_ns, 0);
	assert_int_equal(f->tick.zones[0].state, TICK_ZONE_BASELINE);
	assert_int_equal(f->tick.zones[0].total_uj, 0);
	assert_int_equal(f->tick.quality, MESSAGE_DEGRADED);
}

static void test_plain(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		meter_set_idle_power(f->meter, "package-0", IDLE_POWER_CONFIGURED, 8 * J),
		0);
	begin(f, 100, SCENE_RANGE_UJ - 10 * J);
	add(f, 1, 900 * MS, 0);
	add(f, 2, 0, 0);
	add(f, 3, 0, 8);
	step(f);
	/* Over the wrap: 40 J, of which 8 are idle. 300 + 100 + 400 of the host. */
	begin(f, 101, 30 * J);
	f->sample.cpus[5].busy_ns = 800 * MS;
	add(f, 1, 1200 * MS, 1);
	add(f, 2, 100 * MS, 0);
	add(f, 3, 500 * MS, 8);
	step(f);
	assert_int_equal(f->tick.dt_ns, SCENE_SECOND_NS);
	assert_int_equal(f->tick.quality, MESSAGE_MEASURED);
	assert_int_equal(f->tick.zones[0].state, TICK_ZONE_OK);
	assert_int_equal(f->tick.zones[0].dt_ns, SCENE_SECOND_NS);
	assert_int_equal(f->tick.zones[0].total_uj, 40 * J);
	assert_int_equal(share(f, 0)->dynamic_uj, 12 * J);
	assert_int_equal(share(f, 1)->dynamic_uj, 4 * J);
	assert_int_equal(share(f, 2)->dynamic_uj, 0);
	assert_int_equal(f->tick.zones[0].host.dynamic_uj, 16 * J);
	/* Of 8 hardware threads two are reserved here. */
	assert_int_equal(share(f, 0)->idle_uj, 1 * J);
	assert_int_equal(share(f, 1)->idle_uj, 1 * J);
	assert_int_equal(share(f, 2)->idle_uj, 0);
	assert_int_equal(f->tick.zones[0].host.idle_uj, 6 * J);
	assert_int_equal(f->tick.domains[0].guest_uj[0], 13 * J);
	assert_int_equal(f->tick.domains[0].cpu_ns, 300 * MS);
	assert_int_equal(f->tick.domains[2].cpu_ns, 500 * MS);
}

/* Its second socket has all the vCPUs that are online. */
static void test_guest_sockets(void **state)
{
	struct fixture *f = *state;

	for (uint64_t s = 0; s < 2; s++) {
		begin(f, 100 + s, s * 7 * J);
		add(f, 1, s * 100 * MS, 0)->max_vcpus = 2;
		f->sample.threads[0].index = 1;
		step(f);
	}
	assert_int_equal(f->tick.domains[0].guest_uj[0], 0);
	assert_int_equal(f->tick.domains[0].guest_uj[2], 7 * J);
}

/* Nobody ran: the host has it. */
static void test_nobody(void **state)
{
	struct fixture *f = *state;

	begin(f, 100, 0);
	add(f, 1, 900 * MS, 0);
	step(f);
	begin(f, 101, 7 * J);
	add(f, 1, 900 * MS, 0);
	step(f);
	assert_int_equal(f->tick.zones[0].host.dynamic_uj, 7 * J);
	/* No time passed, no domains. */
	begin(f, 101, 7 * J + 3);
	step(f);
	assert_int_equal(f->tick.dt_ns, 0);
	assert_int_equal(f->tick.zones[0].host.dynamic_uj, 3);
}

static void test_host_zones(void **state)
{
	struct fixture *f = *state;
	size_t dram = scene_add_zone(&f->scene, "dram-0", MACHINE_ZONE_DRAM, 0);
	size_t core = scene_add_zone(&f->scene, "core-0", MACHINE_ZONE_CORE, 0);
	size_t psys = scene_add_zone(&f->scene, "psys", MACHINE_ZONE_PSYS, 0);

	begin(f, 100, 0);
	add(f, 1, 0, 0);
	step(f);
	begin(f, 101, 7 * J);
	add(f, 1, 100 * MS, 0);
	f->sample.zones[dram].energy_uj = 2 * J;
	f->sample.zones[core].energy_uj = 5 * J;
	f->sample.zones[psys].valid = false;
	step(f);
	assert_int_equal(share(f, 0)->dynamic_uj, 7 * J);
	assert_int_equal(tick_share(&f->tick, 0, dram)->dynamic_uj, 2 * J);
	assert_int_equal(tick_share(&f->tick, 0, core)->dynamic_uj, 0);
	assert_int_equal(f->tick.zones[core].host.dynamic_uj, 5 * J);
	assert_int_equal(f->tick.zones[psys].state, TICK_ZONE_EXCLUDED);
	/* What is not shared out does not make the domains' energy worse. */
	assert_int_equal(f->tick.quality, MESSAGE_MEASURED);
	assert_int_equal(f->tick.domains[0].guest_uj[0], 7 * J);
	assert_int_equal(f->tick.domains[0].guest_uj[1], 2 * J);
}

/* What flowed while a zone could not be read goes to those who ran then. */
static void test_gap(void **state)
{
	struct fixture *f = *state;

	begin(f, 100, 0);
	add(f, 1, 0, 0);
	add(f, 2, 0, 0);
	step(f);
	begin(f, 101, 99 * J);
	f->sample.zones[0].valid = false;
	add(f, 1, 300 * MS, 0);
	add(f, 2, 0, 0);
	step(f);
	assert_int_equal(f->tick.zones[0].state, TICK_ZONE_EXCLUDED);
	assert_int_equal(f->tick.zones[0].total_uj, 0);
	assert_int_equal(f->tick.quality, MESSAGE_DEGRADED);
	begin(f, 102, 40 * J);
	add(f, 1, 300 * MS, 0);
	add(f, 2, 100 * MS, 0);
	step(f);
	assert_int_equal(f->tick.zones[0].state, TICK_ZONE_OK);
	assert_int_equal(f->tick.zones[0].dt_ns, 2 * SCENE_SECOND_NS);
	assert_int_equal(f->tick.dt_ns, SCENE_SECOND_NS);
	assert_int_equal(f->tick.quality, MESSAGE_DEGRADED);
	assert_int_equal(share(f, 0)->dynamic_uj, 30 * J);
	assert_int_equal(share(f, 1)->dynamic_uj, 10 * J);
	/* That was it. */
	begin(f, 103, 50 * J);
	add(f, 1, 300 * MS, 0);
	add(f, 2, 200 * MS, 0);
	step(f);
	assert_int_equal(f->tick.quality, MESSAGE_MEASURED);
	assert_int_equal(share(f, 0)->dynamic_uj, 0);
	assert_int_equal(share(f, 1)->dynamic_uj, 10 * J);
}

static void test_ambiguous(void **state)
{
	struct fixture *f = *state;

	begin(f, 100, 0);
	add(f, 1, 0, 0);
	step(f);
	begin(f, 100 + 3600, 7 * J);
	add(f, 1, 300 * MS, 0);
	step(f);
	assert_int_equal(f->tick.zones[0].state, TICK_ZONE_AMBIGUOUS);
	assert_int_equal(f->tick.zones[0].unattributed_uj, 7 * J);
	assert_int_equal(f->tick.quality, MESSAGE_DEGRADED);
	/* What ran then does not count later. */
	begin(f, 100 + 3601, 8 * J);
	add(f, 1, 300 * MS, 0);
	step(f);
	assert_int_equal(f->tick.zones[0].host.dynamic_uj, 1 * J);
}

static void test_suspend(void **state)
{
	struct fixture *f = *state;

	begin(f, 100, 0);
	add(f, 1, 0, 0);
	step(f);
	begin(f, 110, 7 * J);
	f->sample.monotonic_ns = 101 * SCENE_SECOND_NS;
	add(f, 1, 300 * MS, 0);
	step(f);
	assert_int_equal(f->tick.zones[0].unattributed_uj, 7 * J);
	assert_int_equal(f->tick.dt_ns, 10 * SCENE_SECOND_NS);
	assert_int_equal(f->tick.domains[0].cpu_ns, 0);
	assert_int_equal(f->tick.quality, MESSAGE_DEGRADED);
	begin(f, 111, 10 * J);
	f->sample.monotonic_ns = 102 * SCENE_SECOND_NS;
	add(f, 1, 310 * MS, 0);
	step(f);
	assert_int_equal(f->tick.zones[0].state, TICK_ZONE_OK);
	assert_int_equal(share(f, 0)->dynamic_uj, 3 * J);
	assert_int_equal(f->tick.domains[0].cpu_ns, 10 * MS);
	/* The clocks are read one after the other. */
	begin(f, 112, 11 * J);
	f->sample.monotonic_ns = 103 * SCENE_SECOND_NS - 50 * MS;
	add(f, 1, 320 * MS, 0);
	step(f);
	assert_int_equal(f->tick.zones[0].state, TICK_ZONE_OK);
}

/* Domains that come and go, and one that ran before it was seen. */
static void test_domains(void **state)
{
	struct fixture *f = *state;

	begin(f, 100, 0);
	add(f, 2, 0, 0);
	step(f);
	begin(f, 101, 40 * J);
	f->sample.cpus[0].busy_ns = 400 * MS;
	add(f, 1, 5000 * MS, 0);
	add(f, 2, 100 * MS, 0);
	add_started(f, 3, 300 * MS, 10030);
	step(f);
	assert_int_equal(share(f, 0)->dynamic_uj, 0);
	assert_int_equal(share(f, 1)->dynamic_uj, 10 * J);
	assert_int_equal(share(f, 2)->dynamic_uj, 30 * J);
	/* A domain that is gone leaves the rest of its time to the host. */
	begin(f, 102, 80 * J);
	f->sample.cpus[0].busy_ns = 800 * MS;
	add(f, 1, 5100 * MS, 0);
	step(f);
	assert_int_equal(share(f, 0)->dynamic_uj, 10 * J);
	assert_int_equal(f->tick.zones[0].host.dynamic_uj, 30 * J);
	assert_int_equal(f->tick.zones[0].unattributed_uj, 0);
}

/* The vCPU of a domain with two, and the other one while it is plugged. */
static void add_plugged(
	struct fixture *f, uint64_t cpu_ns, bool plugged, uint64_t plugged_ns)
{
	struct sample_domain *domain = add(f, 1, cpu_ns, 0);

	domain->max_vcpus = 2;
	domain->vcpus_per_socket = 1;
	if (!plugged)
		return;
	domain->n_vcpus = 2;
	scene_add_thread(&f->sample, SAMPLE_THREAD_VCPU, 1, plugged_ns, 1)->start_ticks =
		10010;
}

/* A vCPU comes in one tick and goes in another: its time counts, as long as it ran. */
static void test_vcpu_plugged(void **state)
{
	static const struct {
		uint64_t energy_j, cpu_ms, plugged_ms, exited_ms;
		bool plugged;
		uint64_t dynamic_j, idle_j, guest_j[2];
	} steps[] = {
		{ 0, 0, 0, 0, false, 0, 0, { 0, 0 } },
		/* 8 J idle each time, a vCPU of eight threads; the socket has its part.
		 */
		{ 48, 100, 300, 0, true, 40, 2, { 11, 31 } },
		{ 96, 200, 400, 0, true, 40, 2, { 21, 21 } },
		/* It ran on for 100 ms; its socket is nobody's any more. */
		{ 144, 300, 0, 500, false, 40, 1, { 41, 0 } },
		{ 192, 400, 0, 500, false, 40, 1, { 41, 0 } },
	};
	struct fixture *f = *state;

	assert_int_equal(
		meter_set_idle_power(f->meter, "package-0", IDLE_POWER_CONFIGURED, 8 * J),
		0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		begin(f, 100 + i, steps[i].energy_j * J);
		add_plugged(f, steps[i].cpu_ms * MS, steps[i].plugged,
			steps[i].plugged_ms * MS);
		f->sample.domains[0].exited_ns = steps[i].exited_ms * MS;
		step(f);
		assert_int_equal(share(f, 0)->dynamic_uj, steps[i].dynamic_j * J);
		assert_int_equal(share(f, 0)->idle_uj, steps[i].idle_j * J);
		for (size_t s = 0; s < 2; s++)
			assert_int_equal(f->tick.domains[0].guest_uj[2 * s],
				steps[i].guest_j[s] * J);
	}
}

/* Another domain's QEMU has the pid, and the tids, of one that ended. */
static void test_pid_reused(void **state)
{
	struct fixture *f = *state;

	begin(f, 100, 0);
	add(f, 1, 5000 * MS, 0);
	step(f);
	begin(f, 101, 40 * J);
	f->sample.cpus[0].busy_ns = 400 * MS;
	add_started(f, 2, 100 * MS, 10030);
	f->sample.domains[0].pid = 1000;
	f->sample.threads[0].tid = 1000;
	step(f);
	assert_int_equal(f->tick.domains[0].cpu_ns, 100 * MS);
	assert_int_equal(share(f, 0)->dynamic_uj, 10 * J);
	/* What the other one did until it ended cannot be told from the host's. */
	assert_int_equal(f->tick.zones[0].host.dynamic_uj, 30 * J);
}

static void resume(struct fixture *f)
{
	assert_int_equal(
		meter_set_idle_power(f->meter, "package-0", IDLE_POWER_CONFIGURED, 0), 0);
	begin(f, 100, 10 * J);
	f->sample.cpus[0].busy_ns = 1000 * MS;
	add(f, 1, 500 * MS, 0);
	add(f, 2, 700 * MS, 0);
	assert_int_equal(meter_resume(f->meter, &f->scene.machine, &f->sample), 0);
	begin(f, 130, 50 * J);
	f->sample.cpus[0].busy_ns = 5000 * MS;
}

static void test_resume(void **state)
{
	struct fixture *f = *state;

	resume(f);
	add(f, 1, 1500 * MS, 0);
	add(f, 2, 1700 * MS, 0);
	/* Began meanwhile. */
	add_started(f, 3, 500 * MS, 11000);
	step(f);
	assert_int_equal(f->tick.dt_ns, 30 * SCENE_SECOND_NS);
	assert_int_equal(f->tick.quality, MESSAGE_DEGRADED);
	assert_int_equal(share(f, 0)->dynamic_uj, 10 * J);
	assert_int_equal(share(f, 1)->dynamic_uj, 10 * J);
	assert_int_equal(share(f, 2)->dynamic_uj, 5 * J);
	assert_int_equal(f->tick.zones[0].host.dynamic_uj, 15 * J);
	begin(f, 131, 51 * J);
	step(f);
	assert_int_equal(f->tick.quality, MESSAGE_MEASURED);
	assert_int_equal(f->tick.zones[0].host.dynamic_uj, 1 * J);
}

/* 72 kJ and one wrap later; the two domains had 2700 s and 900 s of CPU time. */
static void resume_after_an_hour(struct fixture *f, uint64_t max_power_uw)
{
	f->scene.machine.zones[0].max_power_uw = max_power_uw;
	begin(f, 100, SCENE_RANGE_UJ - 1000 * J);
	add(f, 1, 0, 0);
	add(f, 2, 0, 0);
	assert_int_equal(meter_resume(f->meter, &f->scene.machine, &f->sample), 0);
	begin(f, 100 + 3600, 71000 * J);
	add(f, 1, 2700000 * MS, 0);
	add(f, 2, 900000 * MS, 0);
	step(f);
	assert_int_equal(f->tick.quality, MESSAGE_DEGRADED);
}

/* At twice 30 W a counter of 262 kJ came round once at most: all of it is theirs. */
static void test_resume_after_an_hour(void **state)
{
	struct fixture *f = *state;

	resume_after_an_hour(f, 30000000);
	assert_int_equal(f->tick.zones[0].state, TICK_ZONE_OK);
	assert_int_equal(f->tick.zones[0].unattributed_uj, 0);
	assert_int_equal(f->tick.domains[0].guest_uj[0], 54000 * J);
	assert_int_equal(f->tick.domains[1].guest_uj[0], 18000 * J);
}

/* It may have come round more often: nobody's, and no guest's counter moves. */
static void test_resume_ambiguous(void **state)
{
	struct fixture *f = *state;

	resume_after_an_hour(f, 0);
	assert_int_equal(f->tick.zones[0].state, TICK_ZONE_AMBIGUOUS);
	assert_int_equal(f->tick.zones[0].unattributed_uj, 72000 * J);
	assert_int_equal(f->tick.domains[0].guest_uj[0], 0);
	assert_int_equal(f->tick.domains[1].guest_uj[0], 0);
}

/* Its worker in the kernel is in the first sample again, or is found a tick later. */
static void test_resume_vhost(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		meter_set_idle_power(f->meter, "package-0", IDLE_POWER_CONFIGURED, 0), 0);
	begin(f, 5000, 10 * J);
	add(f, 1, 500 * MS, 0);
	scene_add_thread(&f->sample, SAMPLE_THREAD_VHOST, 0, 3600000 * MS, 0);
	add(f, 2, 500 * MS, 0);
	assert_int_equal(meter_resume(f->meter, &f->scene.machine, &f->sample), 0);
	begin(f, 5030, 50 * J);
	f->sample.cpus[0].busy_ns = 4000 * MS;
	add(f, 1, 1500 * MS, 0);
	scene_add_thread(&f->sample, SAMPLE_THREAD_VHOST, 0, 3601000 * MS, 0);
	add(f, 2, 1500 * MS, 0);
	step(f);
	assert_int_equal(f->tick.domains[0].cpu_ns, 2000 * MS);
	assert_int_equal(share(f, 0)->dynamic_uj, 20 * J);
	assert_int_equal(share(f, 1)->dynamic_uj, 10 * J);
	begin(f, 5031, 54 * J);
	f->sample.cpus[0].busy_ns = 5000 * MS;
	add(f, 1, 1500 * MS, 0);
	scene_add_thread(&f->sample, SAMPLE_THREAD_VHOST, 0, 3601000 * MS, 0);
	add(f, 2, 1750 * MS, 0);
	scene_add_thread(&f->sample, SAMPLE_THREAD_VHOST, 0, 3600000 * MS, 0);
	step(f);
	assert_int_equal(share(f, 0)->dynamic_uj, 0);
	assert_int_equal(f->tick.domains[1].cpu_ns, 250 * MS);
	assert_int_equal(share(f, 1)->dynamic_uj, 1 * J);
	assert_int_equal(f->tick.zones[0].host.dynamic_uj, 3 * J);
}

/* One ended during the outage, another was started anew. */
static void test_resume_ended(void **state)
{
	struct fixture *f = *state;

	resume(f);
	add_started(f, 2, 1000 * MS, 11000);
	step(f);
	assert_int_equal(share(f, 0)->dynamic_uj, 10 * J);
	assert_int_equal(f->tick.zones[0].host.dynamic_uj, 0);
	assert_int_equal(f->tick.zones[0].unattributed_uj, 30 * J);
}

/* Zones and CPUs come and go; what stays keeps its baseline. */
static void test_machine_changes(void **state)
{
	struct fixture *f = *state;
	struct machine_zone swap;

	begin(f, 100, 10 * J);
	f->sample.zones[1].energy_uj = 500 * J;
	f->scene.cpus[3].online = false;
	add(f, 1, 0, 0);
	step(f);
	/* The two packages change places, a zone joins them, a CPU comes back. */
	swap = f->scene.machine.zones[0];
	f->scene.machine.zones[0] = f->scene.machine.zones[1];
	f->scene.machine.zones[1] = swap;
	scene_add_zone(&f->scene, "dram-0", MACHINE_ZONE_DRAM, 0);
	f->scene.cpus[3].online = true;
	f->scene.machine.generation++;
	begin(f, 101, 503 * J);
	f->sample.zones[1].energy_uj = 30 * J;
	f->sample.zones[2].energy_uj = 30 * J;
	f->sample.cpus[3].busy_ns = 3600 * SCENE_SECOND_NS;
	add(f, 1, 10 * MS, 0);
	step(f);
	assert_int_equal(f->tick.zones[0].total_uj, 3 * J);
	assert_int_equal(f->tick.zones[1].total_uj, 20 * J);
	assert_int_equal(tick_share(&f->tick, 0, 1)->dynamic_uj, 20 * J);
	assert_int_equal(f->tick.zones[2].state, TICK_ZONE_BASELINE);
	/* Away and back again: the longer time. */
	f->scene.machine.n_zones = 1;
	f->scene.machine.generation++;
	begin(f, 102, 504 * J);
	step(f);
	f->scene.machine.n_zones = 2;
	f->scene.machine.generation++;
	begin(f, 103, 505 * J);
	f->sample.zones[1].energy_uj = 60 * J;
	step(f);
	assert_int_equal(f->tick.zones[0].total_uj, 1 * J);
	assert_int_equal(f->tick.zones[1].total_uj, 30 * J);
	assert_int_equal(f->tick.zones[1].dt_ns, 2 * SCENE_SECOND_NS);
}

static void test_estimated(void **state)
{
	struct fixture *f = *state;
	const struct meter_options options = { .estimated = true };

	meter_free(f->meter);
	assert_int_equal(meter_new(&options, &f->meter), 0);
	for (uint64_t s = 0; s <= 20; s++) {
		begin(f, 100 + s, s * 10 * J);
		step(f);
		assert_int_equal(f->tick.quality, MESSAGE_ESTIMATED);
	}
	/* What a measurement taught stays as it was. */
	assert_int_equal(
		meter_get_idle_power(f->meter, "package-0")->learned.window_ns, 0);
}

static void test_idle_policies(void **state)
{
	static const struct {
		enum idle_policy policy;
		uint64_t host, domain[2];
	} cases[] = {
		{ IDLE_POLICY_RESERVED, 4 * J, { 1 * J, 3 * J } },
		{ IDLE_POLICY_PROPORTIONAL, 2 * J, { 6 * J, 0 } },
		{ IDLE_POLICY_EQUAL, 0, { 4 * J, 4 * J } },
		{ IDLE_POLICY_HOST, 8 * J, { 0, 0 } },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct meter_options options = { .idle_policy = cases[i].policy };

		meter_free(f->meter);
		assert_int_equal(meter_new(&options, &f->meter), 0);
		assert_int_equal(meter_set_idle_power(f->meter, "package-0",
					 IDLE_POWER_CONFIGURED, 8 * J),
			0);
		for (uint64_t s = 0; s < 2; s++) {
			begin(f, 100 + s, s * 8 * J);
			f->sample.cpus[1].busy_ns = s * 100 * MS;
			add(f, 1, s * 75 * MS, 0);
			/* Paused. */
			add(f, 2, 900 * MS, 0)->n_vcpus = 3;
			step(f);
		}
		assert_int_equal(f->tick.zones[0].host.idle_uj, cases[i].host);
		assert_int_equal(share(f, 0)->idle_uj, cases[i].domain[0]);
		assert_int_equal(share(f, 1)->idle_uj, cases[i].domain[1]);
	}
}

/* Of dram: by memory; the other policies ask for none. */
static void test_idle_memory(void **state)
{
	static const struct {
		enum idle_policy policy;
		uint64_t host, domain[2];
	} cases[] = {
		{ IDLE_POLICY_RESERVED, 4 * J, { 3 * J, 1 * J } },
		{ IDLE_POLICY_PROPORTIONAL, 2 * J, { 6 * J, 0 } },
		{ IDLE_POLICY_EQUAL, 0, { 4 * J, 4 * J } },
		{ IDLE_POLICY_HOST, 8 * J, { 0, 0 } },
	};
	struct fixture *f = *state;
	size_t dram = scene_add_zone(&f->scene, "dram-0", MACHINE_ZONE_DRAM, 0);

	f->scene.machine.n_nodes = 1;
	f->scene.machine.node_memory_kib[0] = 8000;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct meter_options options = { .idle_policy = cases[i].policy };

		meter_free(f->meter);
		assert_int_equal(meter_new(&options, &f->meter), 0);
		assert_int_equal(meter_set_idle_power(f->meter, "dram-0",
					 IDLE_POWER_CONFIGURED, 8 * J),
			0);
		for (uint64_t s = 0; s < 2; s++) {
			begin(f, 100 + s, 0);
			f->sample.zones[dram].energy_uj = s * 16 * J;
			f->sample.cpus[1].busy_ns = s * 100 * MS;
			add(f, 1, s * 75 * MS, 0);
			add(f, 2, 900 * MS, 0)->memory_kib = 1000;
			assert_int_equal(sample_reserve_nodes(&f->sample, 1), 0);
			*sample_resident_kib(&f->sample, 0, 0) = 3000;
			step(f);
		}
		assert_int_equal(f->tick.zones[dram].host.idle_uj, cases[i].host);
		for (size_t d = 0; d < 2; d++)
			assert_int_equal(tick_share(&f->tick, d, dram)->idle_uj,
				cases[i].domain[d]);
		/* By CPU time in any case. */
		assert_int_equal(tick_share(&f->tick, 0, dram)->dynamic_uj, 6 * J);
		assert_int_equal(tick_share(&f->tick, 1, dram)->dynamic_uj, 0);
	}
}

static void test_learned_idle(void **state)
{
	struct fixture *f = *state;
	const struct idle_power *power;
	struct idle_power_state learned;

	assert_null(meter_get_idle_power(f->meter, "package-0"));
	for (uint64_t s = 0; s <= 10; s++) {
		begin(f, 100 + s, s * 20 * J);
		step(f);
		assert_int_equal(f->tick.zones[0].host.idle_uj, 0);
	}
	power = meter_get_idle_power(f->meter, "package-0");
	assert_non_null(power);
	assert_int_equal(idle_power_uw(power), 20 * J);
	begin(f, 111, 250 * J);
	step(f);
	assert_int_equal(f->tick.zones[0].host.idle_uj, 20 * J);
	assert_int_equal(f->tick.zones[0].host.dynamic_uj, 30 * J);
	learned = power->learned;
	/* The next run knows it. */
	teardown(state);
	assert_int_equal(setup(state), 0);
	assert_int_equal(meter_restore_idle_power(f->meter, "package-0", &learned), 0);
	for (uint64_t s = 0; s < 2; s++) {
		begin(f, 200 + s, s * 50 * J);
		step(f);
	}
	assert_int_equal(f->tick.zones[0].host.idle_uj, 20 * J);
	assert_int_equal(
		meter_set_idle_power(f->meter, "", IDLE_POWER_CONFIGURED, 1), -EINVAL);
	assert_int_equal(meter_restore_idle_power(f->meter, "", &learned), -EINVAL);
}

#define REFUSED_DOMAINS 4

/* All that ever was given, and to whom. */
struct sums {
	uint64_t total_uj[2], unattributed_uj[2];
	struct tick_share host[2], domains[REFUSED_DOMAINS][2];
};

/*
 * A tenth of a second: the domains use what they always do, in amounts that divide
 * badly, on both packages, and the host is almost idle.
 */
static void begin_refused(struct fixture *f, uint64_t tick)
{
	scene_begin(&f->scene, &f->sample, (1000 + tick) * 100 * MS);
	f->sample.zones[0].energy_uj = tick * 1000003;
	f->sample.zones[1].energy_uj = SCENE_RANGE_UJ - 5 * J + tick * 700001;
	if (f->sample.zones[1].energy_uj > SCENE_RANGE_UJ)
		f->sample.zones[1].energy_uj -= SCENE_RANGE_UJ;
	f->sample.cpus[1].busy_ns = tick * 30 * MS;
	f->sample.cpus[9].busy_ns = tick * 30 * MS;
	for (uint32_t i = 0; i < REFUSED_DOMAINS; i++)
		add(f, i + 1, tick * (i + 1) * MS, i % 2 ? 9 : 1);
}

static void add_share(struct tick_share *sum, const struct tick_share *share)
{
	sum->dynamic_uj += share->dynamic_uj;
	sum->idle_uj += share->idle_uj;
}

static void add_up(const struct fixture *f, struct sums *sums)
{
	for (size_t z = 0; z < 2; z++) {
		sums->total_uj[z] += f->tick.zones[z].total_uj;
		sums->unattributed_uj[z] += f->tick.zones[z].unattributed_uj;
		add_share(&sums->host[z], &f->tick.zones[z].host);
		for (size_t i = 0; i < REFUSED_DOMAINS; i++)
			add_share(&sums->domains[i][z], tick_share(&f->tick, i, z));
	}
}

/* Runs so many ticks, but refuses those whose bit is set; then one that is not. */
static struct idle_power_state run_refused(
	struct fixture *f, uint64_t n_ticks, uint64_t refused, struct sums *sums)
{
	*sums = (struct sums){ 0 };
	for (size_t z = 0; z < 2; z++)
		assert_int_equal(
			meter_set_idle_power(f->meter, f->scene.machine.zones[z].name,
				IDLE_POWER_CONFIGURED, (z + 1) * J),
			0);
	for (uint64_t tick = 0; tick <= n_ticks; tick++) {
		begin_refused(f, tick);
		if (tick < n_ticks && (refused >> (tick % 64) & 1)) {
			/* Of another host, almost: nothing of it may stay. */
			f->sample.domains[0].uuid = scene_uuid(0);
			f->sample.domains[3].uuid = scene_uuid(9);
			f->sample.zones[tick % 2].valid = tick % 3;
			assert_int_equal(meter_step(f->meter, &f->scene.machine,
						 &f->sample, &f->tick),
				0);
			check_sums(f);
			continue;
		}
		step(f);
		add_up(f, sums);
	}
	return meter_get_idle_power(f->meter, "package-0")->learned;
}

static void check_equal(const struct tick_share *a, const struct tick_share *b)
{
	assert_in_range(a->dynamic_uj + 1, b->dynamic_uj, b->dynamic_uj + 2);
	assert_in_range(a->idle_uj + 1, b->idle_uj, b->idle_uj + 2);
}

/* A tick that was not booked is covered by the next one, and leaves nothing behind. */
static void test_refused(void **state)
{
	static const uint64_t patterns[] = { 0x2, 0xaaaa, 0x7ffffffffffffffe,
		0x123456789abcde, UINT64_MAX - 1 };
	struct fixture *f = *state;
	struct idle_power_state learned, expected;
	struct sums sums, all;

	expected = run_refused(f, 250, 0, &all);
	assert_int_equal(all.total_uj[0], 250 * 1000003);
	assert_int_equal(all.total_uj[1], 250 * 700001);
	assert_int_equal(expected.window_ns, 20 * SCENE_SECOND_NS);
	for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
		teardown(state);
		assert_int_equal(setup(state), 0);
		learned = run_refused(f, 250, patterns[p], &sums);
		/* Blocks end with a tick: where, depends on which there are. */
		assert_int_equal(learned.window_ns + learned.block_ns,
			expected.window_ns + expected.block_ns);
		for (size_t z = 0; z < 2; z++) {
			assert_int_equal(sums.total_uj[z], all.total_uj[z]);
			assert_int_equal(sums.unattributed_uj[z], 0);
			check_equal(&sums.host[z], &all.host[z]);
			for (size_t i = 0; i < REFUSED_DOMAINS; i++)
				check_equal(&sums.domains[i][z], &all.domains[i][z]);
		}
	}
}

/* The tick that covers an outage stays one until it is booked. */
static void test_refused_resume(void **state)
{
	struct fixture *f = *state;

	resume(f);
	add_started(f, 2, 1000 * MS, 11000);
	assert_int_equal(
		meter_step(f->meter, &f->scene.machine, &f->sample, &f->tick), 0);
	begin(f, 131, 51 * J);
	f->scene.machine.generation++;
	f->sample.cpus[0].busy_ns = 5000 * MS;
	add_started(f, 2, 1000 * MS, 11000);
	step(f);
	assert_int_equal(f->tick.quality, MESSAGE_DEGRADED);
	assert_int_equal(f->tick.dt_ns, 31 * SCENE_SECOND_NS);
	assert_int_equal(f->tick.zones[0].total_uj, 41 * J);
	assert_int_equal(
		f->tick.zones[0].unattributed_uj + share(f, 0)->dynamic_uj, 41 * J);
	assert_int_not_equal(f->tick.zones[0].unattributed_uj, 0);
	begin(f, 132, 52 * J);
	step(f);
	assert_int_equal(f->tick.quality, MESSAGE_MEASURED);
	assert_int_equal(f->tick.zones[0].total_uj, 1 * J);
}

/* Many domains, each some more, from the second sample on. */
static void begin_many(struct fixture *f, uint64_t second, uint32_t n)
{
	begin(f, second, second * 30 * J);
	for (uint32_t i = 1; i <= n; i++)
		add(f, i, second * i * MS, (uint16_t)(i % SCENE_CPUS));
}

static void test_steady_state(void **state)
{
	struct fixture *f = *state;

	for (uint64_t s = 0; s < 50; s++) {
		begin_many(f, 100 + s, 60);
		allocations = 0;
		step(f);
		if (s >= 2)
			assert_int_equal(allocations, 0);
	}
}

/* Without memory nothing changes, and the next step makes up for it. */
static void test_no_memory(void **state)
{
	struct fixture *f = *state;
	unsigned int failures = 0;

	for (bool failed = true; failed;) {
		teardown(state);
		assert_int_equal(setup(state), 0);
		begin_many(f, 100, 1);
		step(f);
		begin_many(f, 101, 40);
		allocations = 0;
		fail_at = ++failures;
		failed = meter_step(f->meter, &f->scene.machine, &f->sample, &f->tick) <
			 0;
		fail_at = 0;
		if (!failed)
			break;
		begin_many(f, 102, 40);
		step(f);
		assert_int_equal(f->tick.dt_ns, 2 * SCENE_SECOND_NS);
		assert_int_equal(f->tick.zones[0].total_uj, 60 * J);
		begin_many(f, 103, 3);
		step(f);
	}
	assert_true(failures > 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first),
		TEST(test_plain),
		TEST(test_guest_sockets),
		TEST(test_nobody),
		TEST(test_host_zones),
		TEST(test_gap),
		TEST(test_ambiguous),
		TEST(test_suspend),
		TEST(test_domains),
		TEST(test_vcpu_plugged),
		TEST(test_pid_reused),
		TEST(test_resume),
		TEST(test_resume_after_an_hour),
		TEST(test_resume_ambiguous),
		TEST(test_resume_vhost),
		TEST(test_resume_ended),
		TEST(test_machine_changes),
		TEST(test_estimated),
		TEST(test_idle_policies),
		TEST(test_idle_memory),
		TEST(test_learned_idle),
		TEST(test_refused),
		TEST(test_refused_resume),
		TEST(test_steady_state),
		TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
