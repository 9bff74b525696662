/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What goes to a target and when, and what is dropped, in time that is made up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "host/push_target.h"
#include "shared/clock.h"

#define SEC ((uint64_t)NSEC_PER_SEC)

/* A format that writes the ticks' numbers. */
static int fake_add_error;
static size_t fake_padding;

static int fake_add(const struct push_options *options, const struct snapshot *snapshot,
	struct json_text *body)
{
	assert_string_equal(options->labels, "h=hv1\nrack=a1\n");
	if (options->before)
		assert_true(options->before->number < snapshot->number);
	json_text_u64(body, snapshot->number);
	json_text_literal(body, ",");
	for (size_t i = 0; i < fake_padding; i++)
		json_text_literal(body, " ");
	return fake_add_error;
}

static int fake_finish(struct json_text *body)
{
	json_text_literal(body, ".");
	return json_text_error(body);
}

static const struct push_format fake = {
	.name = "fake",
	.host_label = "h",
	.add = fake_add,
	.finish = fake_finish,
	.judge = push_format_judge,
};

static const struct push_options options = { .host = "hv1" };

static struct push_config make_config(void)
{
	struct push_config config;

	push_config_init(&config);
	strcpy(config.name, "t");
	config.format = &fake;
	config.interval_ms = 10000;
	config.batch_ticks = 3;
	strcpy(config.labels, "rack=a1\n");
	return config;
}

static size_t add(struct push_target *target, uint64_t number)
{
	struct snapshot *snapshot = snapshot_new(1, 1);
	size_t dropped;

	assert_non_null(snapshot);
	snapshot->number = number;
	snapshot->boottime_ns = number * SEC;
	snapshot->dt_ns = SEC;
	dropped = push_target_add(target, snapshot);
	snapshot_unref(snapshot);
	return dropped;
}

static void assert_body(struct push_target *target, const char *expected)
{
	assert_int_equal(push_target_prepare(target), 0);
	assert_int_equal(target->body.used, strlen(expected));
	assert_memory_equal(target->body.data, expected, target->body.used);
}

static enum push_verdict answer(
	struct push_target *target, unsigned int status, uint64_t now_ns)
{
	return push_target_answer(target, status, 0, now_ns, 77, 0);
}

static void test_batches(void **state)
{
	struct push_config config = make_config();
	struct push_target target;

	(void)state;
	push_target_init(&target, &config, &options, 100 * SEC, 0);
	assert_int_equal(push_target_due_ns(&target, false), UINT64_MAX);
	assert_int_equal(push_target_due_ns(&target, true), UINT64_MAX);
	add(&target, 1);
	assert_int_equal(push_target_due_ns(&target, false), 100 * SEC);
	assert_body(&target, "1,.");
	/* What comes meanwhile waits. */
	add(&target, 2);
	assert_body(&target, "1,.");
	assert_int_equal(push_target_waiting(&target), 2);
	assert_int_equal(answer(&target, 204, 101 * SEC), PUSH_DELIVERED);
	assert_int_equal(target.stats.delivered_ticks, 1);
	assert_int_equal(target.stats.delivered_ns, 77);
	assert_int_equal(push_target_due_ns(&target, false), 110 * SEC);
	/* In the end it need not wait; nor where a batch is full. */
	assert_int_equal(push_target_due_ns(&target, true), 0);
	add(&target, 3);
	assert_int_equal(push_target_due_ns(&target, false), 110 * SEC);
	add(&target, 4);
	add(&target, 5);
	assert_int_equal(push_target_due_ns(&target, false), 0);
	assert_body(&target, "2,3,4,.");
	assert_int_equal(answer(&target, 200, 105 * SEC), PUSH_DELIVERED);
	/* It was early: the time of the next one stays. */
	assert_int_equal(push_target_due_ns(&target, false), 110 * SEC);
	assert_body(&target, "5,.");
	/* One that was long overdue makes no haste. */
	assert_int_equal(answer(&target, 200, 175 * SEC), PUSH_DELIVERED);
	add(&target, 6);
	assert_int_equal(push_target_due_ns(&target, false), 185 * SEC);
	push_target_deinit(&target);
}

static void test_failures(void **state)
{
	struct push_config config = make_config();
	struct push_target target;

	(void)state;
	push_target_init(&target, &config, &options, 0, 0);
	add(&target, 1);
	add(&target, 2);
	assert_body(&target, "1,2,.");
	/* The same batch again and again, each time later. */
	for (uint64_t i = 0, wait_ns = SEC / 2; i < 3; i++, wait_ns *= 2) {
		add(&target, 3 + i);
		assert_int_equal(answer(&target, i ? 503 : 0, 50 * SEC), PUSH_RETRY);
		assert_int_equal(push_target_due_ns(&target, false), 50 * SEC + wait_ns);
		assert_int_equal(push_target_due_ns(&target, true), 0);
		assert_body(&target, "1,2,.");
	}
	assert_int_equal(
		push_target_answer(&target, 429, 20, 60 * SEC, 0, 0), PUSH_RETRY);
	assert_int_equal(push_target_due_ns(&target, false), 80 * SEC);
	assert_int_equal(target.stats.failures, 4);
	assert_int_equal(push_target_waiting(&target), 5);
	assert_int_equal(answer(&target, 200, 81 * SEC), PUSH_DELIVERED);
	/* All others at once, in their order; failures count anew. */
	assert_int_equal(push_target_due_ns(&target, false), 0);
	assert_body(&target, "3,4,5,.");
	assert_int_equal(answer(&target, 500, 82 * SEC), PUSH_RETRY);
	assert_int_equal(push_target_due_ns(&target, false), 82 * SEC + SEC / 2);
	/* What is refused is gone. */
	assert_int_equal(answer(&target, 400, 83 * SEC), PUSH_REFUSED);
	assert_int_equal(target.stats.refused_ticks, 3);
	assert_int_equal(target.stats.delivered_ticks, 2);
	assert_int_equal(target.stats.failures, 6);
	assert_int_equal(push_target_waiting(&target), 0);
	push_target_deinit(&target);
}

static void test_bounds(void **state)
{
	struct push_config config = make_config();
	struct push_target target;
	struct snapshot *one = snapshot_new(1, 1);
	size_t bytes = snapshot_size(one), room = ((size_t)1 << 20) / bytes;
	char expected[64];

	(void)state;
	assert_true(bytes >= sizeof(struct snapshot) && room > 10);
	snapshot_unref(one);
	config.queue_mib = 1;
	push_target_init(&target, &config, &options, 0, 0);
	for (size_t i = 1; i <= room; i++)
		assert_int_equal(add(&target, i), 0);
	assert_true(target.queue.bytes == room * bytes);
	/* The oldest make room, but not what is on its way. */
	assert_body(&target, "1,2,3,.");
	for (size_t i = 1; i <= 6; i++)
		assert_int_equal(add(&target, room + i), 1);
	assert_int_equal(target.stats.full_ticks, 6);
	assert_int_equal(target.queue.n, room - 3);
	assert_int_equal(target.queue.bytes + target.queue.bytes_taken, room * bytes);
	assert_int_equal(answer(&target, 200, 1), PUSH_DELIVERED);
	assert_body(&target, "10,11,12,.");
	assert_int_equal(answer(&target, 200, 1), PUSH_DELIVERED);
	for (size_t i = 13; i <= room + 6; i += 3)
		assert_int_equal(
			push_target_prepare(&target) + (int)answer(&target, 200, 1), 0);
	assert_int_equal(push_target_waiting(&target), 0);
	assert_int_equal(target.queue.bytes + target.queue.bytes_taken, 0);
	assert_int_equal(
		target.stats.delivered_ticks + target.stats.full_ticks, room + 6);
	/* However large one tick is, it may wait. */
	target.queue.bytes_max = 1;
	add(&target, 5000);
	assert_int_equal(add(&target, 5001), 1);
	snprintf(expected, sizeof(expected), "%u,.", 5001);
	assert_body(&target, expected);
	push_target_deinit(&target);
}

/* A batch that the target never takes and never refuses is dropped, too, as the oldest of
 * what waits; what comes after it has its turn, but no sooner for that. */
static void test_no_end(void **state)
{
	struct push_config config = make_config();
	struct push_target target;
	struct snapshot *one = snapshot_new(1, 1);
	size_t room = ((size_t)1 << 20) / snapshot_size(one);

	(void)state;
	snapshot_unref(one);
	config.queue_mib = 1;
	push_target_init(&target, &config, &options, 0, 0);
	for (size_t i = 1; i <= room; i++)
		assert_int_equal(add(&target, i), 0);
	assert_body(&target, "1,2,3,.");
	assert_int_equal(answer(&target, 500, 100 * SEC), PUSH_RETRY);
	assert_int_equal(add(&target, room + 1), 3);
	/* That was room for three. */
	assert_int_equal(add(&target, room + 2), 0);
	assert_int_equal(add(&target, room + 3), 0);
	assert_int_equal(target.stats.full_ticks, 3);
	assert_int_equal(push_target_waiting(&target), room);
	assert_int_equal(push_target_due_ns(&target, false), 100 * SEC + SEC / 2);
	assert_body(&target, "4,5,6,.");
	/* On its way it stays, and the next ones go. */
	assert_int_equal(add(&target, room + 4), 1);
	assert_int_equal(answer(&target, 200, 101 * SEC), PUSH_DELIVERED);
	assert_body(&target, "8,9,10,.");
	assert_int_equal(target.stats.full_ticks, 4);
	assert_int_equal(target.stats.delivered_ticks, 3);
	push_target_deinit(&target);
}

/* A batch may have been taken already when it is refused, if an answer to it was lost. */
static void test_unclear(void **state)
{
	static const struct {
		unsigned int status; /* of the first attempt */
		bool lost;
		enum push_verdict verdict; /* of a 400 to the next */
	} cases[] = {
		{ 0, true, PUSH_UNCLEAR },
		{ 0, false, PUSH_REFUSED }, /* there was no connection */
		{ 500, false, PUSH_REFUSED },
		{ 503, false, PUSH_REFUSED },
		{ 429, false, PUSH_REFUSED },
		/* It was sent again before there was an answer. */
		{ 503, true, PUSH_UNCLEAR },
		/* A proxy has no answer either. */
		{ 502, false, PUSH_UNCLEAR },
		{ 504, false, PUSH_UNCLEAR },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool unclear = cases[i].verdict == PUSH_UNCLEAR;
		struct push_config config = make_config();
		struct push_target target;

		push_target_init(&target, &config, &options, 0, 0);
		add(&target, 1);
		add(&target, 2);
		assert_body(&target, "1,2,.");
		if (cases[i].lost)
			push_target_lose_answer(&target);
		assert_int_equal(answer(&target, cases[i].status, 1), PUSH_RETRY);
		assert_int_equal(answer(&target, 400, 2), cases[i].verdict);
		assert_int_equal(target.stats.unclear_ticks, unclear ? 2 : 0);
		assert_int_equal(target.stats.refused_ticks, unclear ? 0 : 2);
		/* It says nothing of the next batch. */
		add(&target, 3);
		assert_body(&target, "3,.");
		assert_int_equal(answer(&target, 400, 3), PUSH_REFUSED);
		push_target_deinit(&target);
	}
}

/* Ticks that never came are counted, and told of once when it begins and ends. */
static void test_losses(void **state)
{
	struct push_config config = make_config();
	struct push_target target;
	size_t n = 77;

	(void)state;
	push_target_init(&target, &config, &options, 0, 0);
	assert_int_equal(push_target_lose(&target, 0, SEC, &n), PUSH_LOSS_SAME);
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t now_ns = (100 + 100 * i) * SEC;

		assert_int_equal(
			push_target_lose(&target, 5, now_ns, &n), PUSH_LOSS_BEGINS);
		assert_int_equal(
			push_target_lose(&target, 2, now_ns + SEC, &n), PUSH_LOSS_SAME);
		assert_int_equal(push_target_lose(&target, 0, now_ns + 11 * SEC - 1, &n),
			PUSH_LOSS_SAME);
		assert_int_equal(n, 77);
		assert_int_equal(push_target_lose(&target, 0, now_ns + 11 * SEC, &n),
			PUSH_LOSS_ENDS);
		assert_int_equal(n, 7);
		assert_int_equal(push_target_lose(&target, 0, now_ns + 50 * SEC, &n),
			PUSH_LOSS_SAME);
		n = 77;
	}
	assert_int_equal(target.stats.full_ticks, 14);
	/* The end of all ends it, too. */
	push_target_lose(&target, 1, 300 * SEC, &n);
	assert_int_equal(push_target_lose(&target, 0, UINT64_MAX, &n), PUSH_LOSS_ENDS);
	assert_int_equal(n, 1);
	push_target_deinit(&target);
}

/* Batches are cut where they get large, and what cannot be made is counted. */
static void test_bodies(void **state)
{
	struct push_config config = make_config();
	struct push_target target;

	(void)state;
	push_target_init(&target, &config, &options, 0, 0);
	fake_padding = 3 << 20;
	for (uint64_t i = 1; i <= 4; i++)
		add(&target, i);
	assert_int_equal(push_target_prepare(&target), 0);
	assert_int_equal(target.n_ticks, 1);
	assert_int_equal(answer(&target, 200, 1), PUSH_DELIVERED);
	fake_padding = (3 << 20) / 2;
	assert_int_equal(push_target_prepare(&target), 0);
	assert_int_equal(target.n_ticks, 2);
	assert_int_equal(answer(&target, 200, 1), PUSH_DELIVERED);
	fake_padding = 0;
	fake_add_error = -ENOMEM;
	assert_int_equal(push_target_prepare(&target), -ENOMEM);
	fake_add_error = 0;
	assert_int_equal(target.stats.memory_ticks, 1);
	assert_int_equal(push_target_waiting(&target), 0);
	push_target_deinit(&target);
}

static void test_fewer_ticks(void **state)
{
	struct push_config config = make_config();
	struct push_target target;

	(void)state;
	config.sample_ms = 3000;
	config.batch_ticks = 100;
	push_target_init(&target, &config, &options, 0, 0);
	for (uint64_t i = 1; i <= 10; i++)
		assert_int_equal(add(&target, i), 0);
	assert_body(&target, "1,4,7,10,.");
	push_target_deinit(&target);
}

/* The first batch is due some time in the interval; a label of the host that is there
 * stays. */
static void test_init(void **state)
{
	struct push_config config = make_config();
	struct push_target target;

	(void)state;
	push_target_init(&target, &config, &options, SEC, UINT32_MAX);
	add(&target, 1);
	assert_in_range(push_target_due_ns(&target, false), 10 * SEC, 11 * SEC);
	push_target_deinit(&target);
	strcpy(config.labels, "h=other\n");
	push_target_init(&target, &config, &options, SEC, 0);
	assert_string_equal(target.options.labels, "h=other\n");
	push_target_deinit(&target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_no_end),
		cmocka_unit_test(test_unclear),
		cmocka_unit_test(test_losses),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_fewer_ticks),
		cmocka_unit_test(test_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
