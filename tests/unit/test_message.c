/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Messages: round trips, and what a hostile peer may not say. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "shared/message.h"

#define HELLO                                                                            \
	"{\"type\":\"hello\",\"proto\":1,\"nonce\":\"n\",\"agent\":\"a\","               \
	"\"boot_id\":\"aaaaaaaa-0000-4000-8000-00000000000a\"}"
#define ZONE0                                                                            \
	"{\"id\":0,\"name\":\"package-0\",\"max_energy_range_uj\":\"262143328850\","     \
	"\"parent\":null}"
#define ZONE1                                                                            \
	"{\"id\":1,\"name\":\"dram\",\"max_energy_range_uj\":\"65712999613\",\"parent\":0}"
#define WELCOME(zones)                                                                   \
	"{\"type\":\"welcome\",\"proto\":1,\"nonce\":\"n\","                             \
	"\"epoch\":\"aaaaaaaa-0000-4000-8000-00000000000a\",\"period_ms\":1000,"         \
	"\"stale_after_ms\":10000,\"zones\":[" zones "]}"
#define FROM_START(value)                                                                \
	"{\"type\":\"welcome\",\"proto\":1,\"nonce\":\"n\","                             \
	"\"epoch\":\"aaaaaaaa-0000-4000-8000-00000000000a\",\"period_ms\":1000,"         \
	"\"stale_after_ms\":10000,\"zones\":[" ZONE0 "],\"from_start\":" value "}"
#define SAMPLE(seq, uj)                                                                  \
	"{\"type\":\"sample\",\"seq\":" seq                                              \
	",\"t_ns\":\"5\",\"quality\":\"measured\",\"uj\":[" uj "]}"

static int decode(const char *line, struct message *message)
{
	return message_decode(line, strlen(line), message);
}

static void test_hello(void **state)
{
	struct message_hello hello = {
		.proto = 3, .nonce = "0123abcd", .agent = "vmpower-guest/0.1.0 \"quoted\""
	};
	struct message message;
	char line[MESSAGE_GUEST_LINE_MAX];
	int n;

	(void)state;
	assert_int_equal(uuid_generate(&hello.boot_id), 0);
	n = message_encode_hello(&hello, line, sizeof(line));
	assert_true(n > 0 && line[n - 1] == '\n');
	assert_int_equal(message_decode(line, (size_t)n - 1, &message), 0);
	assert_int_equal(message.type, MESSAGE_HELLO);
	assert_memory_equal(&message.hello, &hello, sizeof(hello));
	assert_int_equal(message_encode_hello(&hello, line, (size_t)n - 1), -ENOBUFS);
}

static void test_welcome(void **state)
{
	struct message_welcome welcome = { .proto = 1,
		.nonce = "n",
		.from_start = true,
		.period_ms = 1000,
		.stale_after_ms = 10000,
		.n_zones = MESSAGE_ZONES_MAX };
	struct message message;
	char line[MESSAGE_HOST_LINE_MAX];
	int n;

	(void)state;
	assert_int_equal(uuid_generate(&welcome.epoch), 0);
	for (size_t i = 0; i < MESSAGE_ZONES_MAX; i += 2) {
		struct message_zone *zone = &welcome.zones[i];

		zone->parent = -1;
		zone->max_energy_range_uj = 262143328850;
		snprintf(zone->name, sizeof(zone->name), "package-%zu", i / 2);
		zone[1].parent = (int32_t)i;
		zone[1].max_energy_range_uj = INT64_MAX;
		strcpy(zone[1].name, "dram");
	}
	n = message_encode_welcome(&welcome, line, sizeof(line));
	assert_true(n > 0 && line[n - 1] == '\n');
	assert_int_equal(message_decode(line, (size_t)n - 1, &message), 0);
	assert_int_equal(message.type, MESSAGE_WELCOME);
	assert_memory_equal(&message.welcome, &welcome, sizeof(welcome));
	/* An older host does not say it. */
	assert_int_equal(decode(WELCOME(ZONE0), &message), 0);
	assert_false(message.welcome.from_start);
	assert_int_equal(decode(FROM_START("false"), &message), 0);
	assert_false(message.welcome.from_start);
}

static void test_too_many_packages(void **state)
{
	struct message_welcome welcome = { .proto = 1,
		.nonce = "n",
		.period_ms = 1000,
		.stale_after_ms = 10000,
		.n_zones = MESSAGE_PACKAGES_MAX + 1 };
	struct message message;
	char line[MESSAGE_HOST_LINE_MAX];
	int n;

	(void)state;
	assert_int_equal(uuid_generate(&welcome.epoch), 0);
	for (size_t i = 0; i < welcome.n_zones; i++) {
		welcome.zones[i].parent = -1;
		welcome.zones[i].max_energy_range_uj = 262143328850;
		snprintf(welcome.zones[i].name, MESSAGE_ZONE_NAME_SIZE, "package-%zu", i);
	}
	n = message_encode_welcome(&welcome, line, sizeof(line));
	assert_int_equal(message_decode(line, (size_t)n - 1, &message), -EBADMSG);
	welcome.n_zones--;
	n = message_encode_welcome(&welcome, line, sizeof(line));
	assert_int_equal(message_decode(line, (size_t)n - 1, &message), 0);
}

static void test_sample_and_ack(void **state)
{
	struct message_sample sample = { .seq = ((uint64_t)1 << 53) - 1,
		.t_ns = UINT64_MAX,
		.quality = MESSAGE_DEGRADED,
		.n_zones = MESSAGE_ZONES_MAX };
	struct message_ack ack = { .seq = 7 };
	struct message message;
	char line[MESSAGE_HOST_LINE_MAX];
	int n;

	(void)state;
	for (size_t i = 0; i < MESSAGE_ZONES_MAX; i++)
		sample.uj[i] = UINT64_MAX - i;
	n = message_encode_sample(&sample, line, sizeof(line));
	assert_true(n > 0 && line[n - 1] == '\n');
	assert_int_equal(message_decode(line, (size_t)n - 1, &message), 0);
	assert_int_equal(message.type, MESSAGE_SAMPLE);
	assert_memory_equal(&message.sample, &sample, sizeof(sample));
	for (size_t size = 0; size <= (size_t)n; size += 7)
		assert_int_equal(message_encode_sample(&sample, line, size), -ENOBUFS);

	n = message_encode_ack(&ack, line, sizeof(line));
	assert_int_equal(message_decode(line, (size_t)n - 1, &message), 0);
	assert_int_equal(message.type, MESSAGE_ACK);
	assert_true(message.ack.seq == 7);
}

static void test_accepted(void **state)
{
	static const char *const cases[] = {
		HELLO,
		"  " HELLO " \r",
		WELCOME(ZONE0),
		WELCOME(ZONE0 "," ZONE1),
		SAMPLE("1", "\"0\""),
		"{\"type\":\"ack\",\"seq\":1,\"later\":{\"field\":[1,{}]}}",
		"{\"type\":\"from-another-version\"}",
		"{\"type\":\"x\",\"s\":\"[[[[[[[[{{{{{{\\\"[[[[[[\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message message;

		assert_int_equal(decode(cases[i], &message), 0);
	}
}

static void test_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"x",
		"null",
		"[]",
		"\"hello\"",
		"{",
		"{}",
		"{\"type\":1}",
		HELLO "x",
		HELLO HELLO,
		"{\"type\":\"ack\\u0000x\",\"seq\":1}",
		"{\"type\":\"hello\"}",
		"{\"type\":\"x\",\"d\":[[[[1]]]]}",
		"{\"type\":\"ack\",\"seq\":0}",
		"{\"type\":\"ack\",\"seq\":1.5}",
		"{\"type\":\"ack\",\"seq\":-1}",
		"{\"type\":\"ack\",\"seq\":1e300}",
		"{\"type\":\"ack\",\"seq\":9007199254740992}",
		"{\"type\":\"ack\",\"seq\":\"1\"}",
		"{\"type\":\"ack\",\"seq\":true}",
		SAMPLE("1", ""),
		SAMPLE("1", "1"),
		SAMPLE("1", "\"-1\""),
		SAMPLE("1", "\"\""),
		SAMPLE("1", "\"18446744073709551616\""),
		SAMPLE("1", "null"),
		SAMPLE("1", "\"1\\n\""),
		"{\"type\":\"sample\",\"seq\":1,\"t_ns\":5,\"quality\":\"measured\",\"uj\":[\"1\"]}",
		"{\"type\":\"sample\",\"seq\":1,\"t_ns\":\"5\",\"quality\":\"good\",\"uj\":[\"1\"]}",
		"{\"type\":\"sample\",\"seq\":1,\"t_ns\":\"5\",\"quality\":\"measured\",\"uj\":\"1\"}",
		FROM_START("1"),
		FROM_START("null"),
		WELCOME(""),
		WELCOME(ZONE1),
		WELCOME(ZONE0 "," ZONE0),
		WELCOME(ZONE0
			"," ZONE1 ","
			"{\"id\":2,\"name\":\"dram\",\"max_energy_range_uj\":\"65712999613\",\"parent\":0}"),
		WELCOME(ZONE0
			"," ZONE1 ","
			"{\"id\":2,\"name\":\"dram\",\"max_energy_range_uj\":\"65712999613\",\"parent\":1}"),
		WELCOME("{\"id\":0,\"name\":\"package-1\",\"max_energy_range_uj\":\"262143328850\",\"parent\":null}"),
		WELCOME("{\"id\":0,\"name\":\"package-0\",\"max_energy_range_uj\":\"0\",\"parent\":null}"),
		WELCOME("{\"id\":0,\"name\":\"package-0\",\"max_energy_range_uj\":\"262143328850\",\"parent\":0}"),
		WELCOME("{\"id\":0,\"name\":\"../../../etc/x\",\"max_energy_range_uj\":\"262143328850\",\"parent\":null}"),
		"{\"type\":\"hello\",\"proto\":1,\"nonce\":\"\\u0001\",\"agent\":\"a\","
		"\"boot_id\":\"aaaaaaaa-0000-4000-8000-00000000000a\"}",
		"{\"type\":\"hello\",\"proto\":1,\"nonce\":\"\",\"agent\":\"a\","
		"\"boot_id\":\"aaaaaaaa-0000-4000-8000-00000000000a\"}",
		"{\"type\":\"hello\",\"proto\":1,\"nonce\":\"n\",\"agent\":\"\xc3\xa4\","
		"\"boot_id\":\"aaaaaaaa-0000-4000-8000-00000000000a\"}",
		"{\"type\":\"hello\",\"proto\":-1,\"nonce\":\"n\",\"agent\":\"a\","
		"\"boot_id\":\"aaaaaaaa-0000-4000-8000-00000000000a\"}",
		"{\"type\":\"hello\",\"proto\":1,\"nonce\":\"n\",\"agent\":"
		"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
		"\"boot_id\":\"aaaaaaaa-0000-4000-8000-00000000000a\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message message;

		if (decode(cases[i], &message) != -EBADMSG)
			fail_msg("taken, but should be refused: %s", cases[i]);
	}
}

static void test_nul_and_depth(void **state)
{
	static const char with_nul[] = "{\"type\":\"ack\",\"seq\":1}\0 junk";
	char deep[MESSAGE_HOST_LINE_MAX];
	struct message message;

	(void)state;
	assert_int_equal(
		message_decode(with_nul, sizeof(with_nul) - 1, &message), -EBADMSG);
	memset(deep, '[', sizeof(deep));
	assert_int_equal(message_decode(deep, sizeof(deep), &message), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_welcome),
		cmocka_unit_test(test_too_many_packages),
		cmocka_unit_test(test_sample_and_ack),
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul_and_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
