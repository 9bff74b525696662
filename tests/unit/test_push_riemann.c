/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A tick as Riemann takes it. The events expected were written by Google's protobuf for
 * Python, which has tests/integration/test_push_receivers.py read the others.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/push_format.h"
#include "tests/unit/fake_snapshot.h"

static const struct push_options options = { .host = "node1", .labels = "rack=a/b\n" };

static const struct {
	const char *bytes;
	size_t len;
} events[] = {
#define EVENT(literal)                                                                   \
	{                                                                                \
		"" literal, sizeof(literal) - 1                                          \
	}
	EVENT("2\xa7\x01\x08\x80\xf7\xc4\xd5\x06"
	      "\x1a"
	      "Bvmpower_host_energy_microjoules_total/unattributed/a%2Fb/package-0"
	      "\x22\x05node1:\x07vmpower"
	      "J\x14\x0a\x04kind\x12\x0cunattributed"
	      "J\x0b\x0a\x04rack\x12\x03"
	      "a/b"
	      "J\x11\x0a\x04zone\x12\x09package-0"
	      "J\x0a\x0a\x04tick\x12\x02"
	      "42"
	      "P\x80\xc0\x97\xd1\xed\xff\x96\x03h\x02"),
	EVENT("2\x98\x01\x08\x80\xf7\xc4\xd5\x06"
	      "\x1a/vmpower_zone_idle_watts/learned/a%2Fb/package-0"
	      "\x22\x05node1:\x07vmpower"
	      "J\x11\x0a\x06origin\x12\x07learned"
	      "J\x0b\x0a\x04rack\x12\x03"
	      "a/b"
	      "J\x11\x0a\x04zone\x12\x09package-0"
	      "J\x0a\x0a\x04tick\x12\x02"
	      "42"
	      "P\x80\xc0\x97\xd1\xed\xff\x96\x03q\x00\x00\x00\x00\x00\x80"
	      "4@"),
#undef EVENT
};

static void assert_length(const struct json_text *body)
{
	const unsigned char *bytes = (const unsigned char *)body->data;

	assert_int_equal((size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 |
				 (size_t)bytes[2] << 8 | bytes[3],
		body->used - 4);
}

static void test_events(void **state)
{
	struct snapshot *snapshot = fake_snapshot_new();
	struct json_text body = { 0 };

	(void)state;
	assert_int_equal(push_format_riemann.add(&options, snapshot, &body), 0);
	assert_int_equal(push_format_riemann.finish(&body), 0);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (!memmem(body.data, body.used, events[i].bytes, events[i].len))
			fail_msg("event %zu is not there", i);
	}
	assert_length(&body);
	json_text_deinit(&body);
	snapshot_unref(snapshot);
}

/* A message has the events of all ticks, and one length. */
static void test_batch(void **state)
{
	struct snapshot *snapshot = fake_snapshot_new();
	struct json_text body = { 0 };
	size_t one;

	(void)state;
	assert_int_equal(push_format_riemann.add(&options, snapshot, &body), 0);
	one = body.used - 4;
	assert_int_equal(push_format_riemann.add(&options, snapshot, &body), 0);
	assert_int_equal(push_format_riemann.finish(&body), 0);
	assert_int_equal(body.used, 4 + 2 * one);
	assert_memory_equal(body.data + 4, body.data + 4 + one, one);
	assert_length(&body);
	json_text_deinit(&body);
	snapshot_unref(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
