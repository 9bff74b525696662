/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What each vCPU ran: which threads are theirs, in which order, and where they were. */
#include "host/vcpu_times.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/scene.h"

struct fixture {
	struct scene scene;
	struct sample sample;
	struct usage usage;
	struct snapshot *snapshot;
};

/* A domain beside the one that is looked at, which has its vCPUs in no order. */
static int set_up(void **state)
{
	static const struct {
		enum sample_thread_kind kind;
		uint16_t number, cpu;
	} threads[] = {
		{ SAMPLE_THREAD_EMULATOR, 0, 1 },
		{ SAMPLE_THREAD_VCPU, 2, 9 },
		{ SAMPLE_THREAD_VCPU, 0, 3 },
		{ SAMPLE_THREAD_IOTHREAD, 1, 4 },
		{ SAMPLE_THREAD_VCPU, 1, 15 },
		{ SAMPLE_THREAD_VCPU, 3, 99 },
	};
	struct fixture *f = calloc(1, sizeof(*f));

	scene_init(&f->scene, 2);
	f->scene.cpus[15].online = false;
	scene_begin(&f->scene, &f->sample, SCENE_SECOND_NS);
	scene_add_domain(&f->sample, 1, 1);
	scene_add_thread(&f->sample, SAMPLE_THREAD_VCPU, 0, 0, 0);
	scene_add_domain(&f->sample, 2, 4);
	f->usage.threads = calloc(7, sizeof(*f->usage.threads));
	for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
		scene_add_thread(&f->sample, threads[i].kind, threads[i].number, 0,
			threads[i].cpu);
		f->usage.threads[1 + i].cpu_ns = 100 + i;
	}
	f->snapshot = snapshot_new(0, 1);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	sample_deinit(&f->sample);
	usage_deinit(&f->usage);
	snapshot_unref(f->snapshot);
	free(f);
	return 0;
}

static void test_by_number(void **state)
{
	static const struct snapshot_vcpu expected[] = {
		{ 0, 3, 0, 102 },
		{ 1, 15, -1, 104 },
		{ 2, 9, 1, 101 },
		{ 3, 99, -1, 105 },
	};
	struct fixture *f = *state;
	struct snapshot_domain *domain = &f->snapshot->domains[0];

	assert_int_equal(vcpu_times_fill(f->snapshot, domain, &f->scene.machine,
				 &f->sample, &f->usage, 1),
		0);
	assert_int_equal(domain->n_vcpu_times, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct snapshot_vcpu *vcpu = &domain->vcpu_times[i];

		assert_int_equal(vcpu->number, expected[i].number);
		assert_int_equal(vcpu->cpu, expected[i].cpu);
		assert_int_equal(vcpu->package, expected[i].package);
		assert_int_equal(vcpu->cpu_ns, expected[i].cpu_ns);
	}
}

static void test_nothing_known(void **state)
{
	struct fixture *f = *state;
	struct snapshot_domain *domain = &f->snapshot->domains[0];

	assert_int_equal(vcpu_times_fill(f->snapshot, domain, &f->scene.machine,
				 &f->sample, NULL, 0),
		0);
	assert_int_equal(domain->n_vcpu_times, 1);
	assert_int_equal(domain->vcpu_times[0].cpu_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_by_number, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_known, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
