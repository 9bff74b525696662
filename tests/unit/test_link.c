/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The host's end of a guest's stream: its states, its order, and hostile guests. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/link.h"
#include "shared/clock.h"

#define S	  ((uint64_t)NSEC_PER_SEC)
#define PERIOD_NS S
#define START_NS  (1000 * S)
#define HELLO                                                                            \
	"{\"type\":\"hello\",\"proto\":1,\"nonce\":\"n1\",\"agent\":\"test/1\","         \
	"\"boot_id\":\"aaaaaaaa-0000-4000-8000-00000000000a\"}\n"
#define WELCOME                                                                          \
	"\n{\"type\":\"welcome\",\"proto\":1,\"nonce\":\"n1\","                          \
	"\"epoch\":\"07000000-0000-0000-0000-000000000000\",\"period_ms\":1000,"         \
	"\"stale_after_ms\":10000,\"zones\":[{\"id\":0,\"name\":\"package-0\","          \
	"\"max_energy_range_uj\":\"262143328850\",\"parent\":null}]}\n"
#define ACK(seq) "{\"type\":\"ack\",\"seq\":" seq "}\n"

static const struct message_welcome welcome = {
	.epoch.bytes[0] = 7,
	.period_ms = 1000,
	.stale_after_ms = 10000,
	.n_zones = 1,
	.zones = { { .name = "package-0",
		.max_energy_range_uj = 262143328850,
		.parent = -1 } },
};

static struct link *new_link(void)
{
	struct link *link = malloc(sizeof(*link));

	assert_int_equal(link_init(link, PERIOD_NS, START_NS), 0);
	return link;
}

static void free_link(struct link *link)
{
	link_deinit(link);
	free(link);
}

static int receive(struct link *link, const char *text, uint64_t now_ns)
{
	return link_receive(link, text, strlen(text), now_ns);
}

static void set_period_ms(struct link *link, uint32_t period_ms)
{
	struct message_welcome other = welcome;

	other.period_ms = period_ms;
	assert_false(link_set_welcome(link, &other, START_NS));
	assert_int_equal(link->period_ns, period_ms * (uint64_t)NSEC_PER_MSEC);
}

/* All it has to say now is this. */
static void assert_says(struct link *link, const char *expected, uint64_t now_ns)
{
	char said[4 * LINK_LINE_MAX];
	size_t used = 0, len;
	const char *data;

	for (;;) {
		link_output(link, now_ns, &data, &len);
		if (len == 0)
			break;
		assert_true(used + len < sizeof(said));
		memcpy(said + used, data, len);
		used += len;
		link_sent(link, len);
	}
	said[used] = '\0';
	assert_string_equal(said, expected);
}

static void assert_state(const struct link *link, enum link_state expected,
	uint64_t since_ns, uint64_t now_ns)
{
	uint64_t found_ns;

	assert_string_equal(link_state_name(link_get_state(link, now_ns, &found_ns)),
		link_state_name(expected));
	assert_int_equal(found_ns, since_ns);
}

static void offer(struct link *link, uint64_t uj)
{
	struct message_sample sample = { .t_ns = 5, .n_zones = 1, .uj = { uj } };

	link_offer(link, &sample);
}

/* "sample seq uj" as a line. */
static const char *sample_line(uint64_t seq, uint64_t uj)
{
	static char line[128];

	snprintf(line, sizeof(line),
		"{\"type\":\"sample\",\"seq\":%" PRIu64
		",\"t_ns\":\"5\",\"quality\":\"measured\",\"uj\":[\"%" PRIu64 "\"]}\n",
		seq, uj);
	return line;
}

/* Connected, welcomed, and nothing more to say. */
static struct link *new_session(void)
{
	struct link *link = new_link();

	link_set_welcome(link, &welcome, START_NS);
	link_connected(link, START_NS);
	assert_int_equal(receive(link, "\n" HELLO, START_NS), 0);
	assert_says(link, WELCOME, START_NS);
	return link;
}

static void test_handshake(void **state)
{
	struct link *link = new_link();

	(void)state;
	assert_state(link, LINK_CONNECTING, START_NS, START_NS);
	assert_int_equal(link->retry_ns, START_NS);
	link_connected(link, START_NS + 1);
	assert_state(link, LINK_WAITING, START_NS + 1, START_NS + 2);
	/* Before the hello: nothing said, everything ignored, the first line discarded.
	 */
	offer(link, 1);
	assert_int_equal(receive(link, HELLO, START_NS + 2), 0);
	assert_int_equal(receive(link, ACK("1") "garbage\n{\n{}\n", START_NS + 2), 0);
	assert_says(link, "", START_NS + 2);
	assert_state(link, LINK_WAITING, START_NS + 1, START_NS + 2);
	/* The hello waits for the zones. */
	assert_int_equal(receive(link, HELLO, START_NS + 3), 0);
	assert_says(link, "", START_NS + 3);
	assert_state(link, LINK_WAITING, START_NS + 1, START_NS + 40 * S);
	assert_true(link_set_welcome(link, &welcome, START_NS + 4));
	assert_says(link, WELCOME, START_NS + 4);
	assert_state(link, LINK_UP, START_NS + 4, START_NS + 5);
	assert_string_equal(link->hello.agent, "test/1");
	assert_int_equal(link->drops.malformed, 0);
	free_link(link);
}

static void test_samples(void **state)
{
	struct link *link = new_session();

	(void)state;
	offer(link, 10);
	assert_says(link, sample_line(1, 10), START_NS);
	/* Newer ones wait for the ack, and replace each other. */
	offer(link, 20);
	offer(link, 30);
	assert_says(link, "", START_NS);
	assert_int_equal(receive(link, ACK("2") ACK("7"), START_NS), 0);
	assert_says(link, "", START_NS);
	assert_int_equal(link->drops.unexpected, 2);
	assert_int_equal(link->acked.seq, 0);
	assert_int_equal(receive(link, ACK("1"), START_NS), 0);
	assert_int_equal(link->acked.seq, 1);
	assert_int_equal(link->acked.uj[0], 10);
	assert_says(link, sample_line(2, 30), START_NS);
	assert_int_equal(receive(link, ACK("1"), START_NS), 0);
	assert_int_equal(link->acked.seq, 1);
	/* Zones other than the welcome's are not sent. */
	assert_int_equal(receive(link, ACK("2"), START_NS), 0);
	link_offer(link, &(struct message_sample){ .n_zones = 2 });
	assert_says(link, "", START_NS);
	free_link(link);
}

/* A hello at any time starts over, but a line that was begun is finished first. */
static void test_hello_again(void **state)
{
	struct link *link = new_session();
	char expected[512];
	const char *data;
	size_t len;

	(void)state;
	offer(link, 10);
	link_output(link, START_NS, &data, &len);
	assert_true(len > 7);
	link_sent(link, 7);
	/* Not acknowledged before it was sent. */
	assert_int_equal(receive(link, ACK("1"), START_NS), 0);
	assert_int_equal(link->acked.seq, 0);
	offer(link, 20);
	assert_int_equal(receive(link, HELLO, START_NS), 0);
	snprintf(expected, sizeof(expected), "%s%s", sample_line(1, 10) + 7, WELCOME);
	assert_says(link, expected, START_NS);
	/* What waited is of the session before. */
	assert_int_equal(receive(link, ACK("1"), START_NS), 0);
	assert_int_equal(link->acked.seq, 0);
	offer(link, 30);
	assert_says(link, sample_line(1, 30), START_NS);
	assert_int_equal(receive(link, ACK("1"), START_NS), 0);
	assert_int_equal(link->acked.seq, 1);
	/* A line of which nothing is out yet is not begun. */
	offer(link, 40);
	link_output(link, START_NS, &data, &len);
	assert_int_equal(receive(link, HELLO, START_NS), 0);
	assert_int_equal(link->acked.seq, 0);
	assert_says(link, WELCOME, START_NS);
	free_link(link);
}

static void test_other_welcome(void **state)
{
	struct message_welcome other = welcome;
	struct link *link = new_session();

	(void)state;
	assert_false(link_set_welcome(link, &welcome, START_NS + 1));
	offer(link, 1);
	assert_says(link, sample_line(1, 1), START_NS + 1);
	other.epoch.bytes[1] = 1;
	assert_true(link_set_welcome(link, &other, START_NS + 2));
	offer(link, 2);
	assert_int_equal(receive(link, ACK("1"), START_NS + 2), 0);
	assert_says(link, "", START_NS + 2);
	assert_state(link, LINK_WAITING, START_NS + 2, START_NS + 3);
	/* The zones are the session's likewise, and the way back is one too. */
	assert_true(link_set_welcome(link, &welcome, START_NS + 2));
	assert_int_equal(receive(link, HELLO, START_NS + 3), 0);
	assert_says(link, WELCOME, START_NS + 3);
	other = welcome;
	other.zones[0].max_energy_range_uj++;
	assert_true(link_set_welcome(link, &other, START_NS + 4));
	assert_state(link, LINK_WAITING, START_NS + 4, START_NS + 4);
	/* Nothing is said to a new incarnation before its own is known. */
	link_forget_welcome(link);
	assert_int_equal(receive(link, HELLO, START_NS + 5), 0);
	assert_says(link, "", START_NS + 5);
	free_link(link);
}

static void test_largest_welcome(void **state)
{
	struct message_welcome large = welcome;
	struct link *link = new_link();
	const char *data;
	char line[512], nonce[65];
	size_t len;

	(void)state;
	large.n_zones = MESSAGE_ZONES_MAX;
	for (size_t i = 0; i < MESSAGE_ZONES_MAX; i++) {
		large.zones[i] = (struct message_zone){ .max_energy_range_uj = INT64_MAX,
			.parent = i & 1 ? (int32_t)i - 1 : -1 };
		snprintf(large.zones[i].name, sizeof(large.zones[i].name),
			i & 1 ? "dram" : "package-%zu", i / 2);
	}
	large.period_ms = 3600000;
	large.stale_after_ms = 86400000;
	memset(nonce, '\\', sizeof(nonce));
	snprintf(line, sizeof(line),
		"\n{\"type\":\"hello\",\"proto\":99,\"nonce\":\"%.64s%.64s\",\"agent\":\"a\","
		"\"boot_id\":\"aaaaaaaa-0000-4000-8000-00000000000a\"}\n",
		nonce, nonce);
	link_set_welcome(link, &large, START_NS);
	link_connected(link, START_NS);
	assert_int_equal(receive(link, line, START_NS), 0);
	link_output(link, START_NS, &data, &len);
	assert_true(len > 2500 && len < LINK_LINE_MAX);
	assert_non_null(memmem(data, len, "\"proto\":1,", 10));
	assert_int_equal(data[len - 1], '\n');
	free_link(link);
}

static void test_time(void **state)
{
	struct link *link = new_session();

	(void)state;
	/* Nothing asked: silence is fine. */
	assert_state(link, LINK_UP, START_NS, START_NS + 1000 * S);
	offer(link, 1);
	assert_says(link, sample_line(1, 1), START_NS + 5 * S);
	assert_state(link, LINK_UP, START_NS, START_NS + 8 * S - 1);
	assert_state(link, LINK_STALE, START_NS + 8 * S, START_NS + 8 * S);
	assert_int_equal(receive(link, ACK("1"), START_NS + 9 * S), 0);
	assert_state(link, LINK_UP, START_NS, START_NS + 9 * S);
	link_disconnected(link, 0, START_NS + 10 * S);
	assert_state(link, LINK_UNREACHABLE, START_NS + 10 * S, START_NS + 10 * S);
	link_connected(link, START_NS + 11 * S);
	assert_state(link, LINK_WAITING, START_NS + 11 * S, START_NS + 41 * S - 1);
	assert_state(link, LINK_ABSENT, START_NS + 41 * S, START_NS + 41 * S);
	free_link(link);
	/* With a longer period, three of them. */
	link = new_session();
	set_period_ms(link, 10000);
	offer(link, 1);
	assert_says(link, sample_line(1, 1), START_NS);
	assert_state(link, LINK_UP, START_NS, START_NS + 30 * S - 1);
	assert_state(link, LINK_STALE, START_NS + 30 * S, START_NS + 30 * S);
	free_link(link);
}

/* The quotas are those of the welcome's period, and go on where they were. */
static void test_period(void **state)
{
	static const char unknown[] = "{\"type\":\"new\"}\n";
	struct link *link = new_session();
	uint64_t now_ns = START_NS;

	(void)state;
	/* One of the burst was the hello. */
	for (unsigned int i = 0; i < 9; i++)
		assert_int_equal(receive(link, unknown, now_ns), 0);
	set_period_ms(link, 60000);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(receive(link, unknown, now_ns), 0);
	assert_int_equal(link->drops.over_rate, 0);
	now_ns += 20 * S - 1;
	assert_int_equal(receive(link, unknown, now_ns), 0);
	assert_int_equal(link->drops.over_rate, 1);
	assert_int_equal(receive(link, unknown, now_ns + 1), 0);
	assert_int_equal(link->drops.over_rate, 1);
	link->window_used = LINK_READ_MAX;
	assert_int_equal(link_may_read(link, START_NS + 60 * S - 1), 0);
	assert_int_equal(link_read_ns(link), START_NS + 60 * S);
	/* Shorter, with all the credit there can be. */
	now_ns += 1000 * S;
	assert_int_equal(receive(link, unknown, now_ns), 0);
	set_period_ms(link, 1000);
	for (unsigned int i = 0; i < 30; i++)
		assert_int_equal(receive(link, unknown, now_ns), 0);
	assert_int_equal(link->drops.over_rate, 1 + 11);
	free_link(link);
}

/* A guest that does not read: the line stays, whatever is offered, and counts as stale.
 */
static void test_never_reads(void **state)
{
	struct link *link = new_link();
	const char *data;
	size_t len;

	(void)state;
	link_set_welcome(link, &welcome, START_NS);
	link_connected(link, START_NS);
	assert_int_equal(receive(link, "\n" HELLO, START_NS), 0);
	for (uint64_t i = 0; i < 100; i++) {
		link_output(link, START_NS + i * S, &data, &len);
		assert_int_equal(len, sizeof(WELCOME) - 1);
		offer(link, i);
	}
	assert_state(link, LINK_STALE, START_NS + 3 * S, START_NS + 100 * S);
	link_sent(link, len);
	assert_says(link, sample_line(1, 99), START_NS + 100 * S);
	free_link(link);
}

static void test_retry(void **state)
{
	static const unsigned int waits_s[] = { 1, 2, 4, 8, 16, 32, 60, 60 };
	struct link *link = new_link();
	uint64_t now_ns = START_NS;

	(void)state;
	for (size_t i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
		link_disconnected(link, ECONNREFUSED, now_ns);
		assert_int_equal(link->retry_ns, now_ns + waits_s[i] * S);
		assert_int_equal(link->error, ECONNREFUSED);
		assert_state(link, LINK_UNREACHABLE, START_NS, now_ns);
		now_ns = link->retry_ns;
	}
	/* A short connection changes nothing, one of a minute does. */
	link_connected(link, now_ns);
	now_ns += 59 * S;
	link_disconnected(link, ECONNRESET, now_ns);
	assert_int_equal(link->retry_ns, now_ns + 60 * S);
	link_connected(link, now_ns);
	now_ns += 60 * S;
	link_disconnected(link, 0, now_ns);
	assert_int_equal(link->retry_ns, now_ns + 1 * S);
	link_disconnected(link, ENOENT, now_ns);
	link_restart(link, true, now_ns);
	assert_int_equal(link->retry_ns, now_ns);
	assert_state(link, LINK_CONNECTING, now_ns, now_ns);
	link_disconnected(link, ENOENT, now_ns);
	assert_int_equal(link->retry_ns, now_ns + 1 * S);
	link_restart(link, false, now_ns);
	assert_state(link, LINK_NO_CHANNEL, now_ns, now_ns);
	free_link(link);
}

static void test_too_old(void **state)
{
	static const char hello[] =
		"\n{\"type\":\"hello\",\"proto\":0,\"nonce\":\"n\",\"agent\":\"old/0\","
		"\"boot_id\":\"aaaaaaaa-0000-4000-8000-00000000000a\"}\n";
	struct link *link = new_session();

	(void)state;
	assert_int_equal(receive(link, hello, START_NS + 1), 0);
	offer(link, 1);
	assert_says(link, "", START_NS + 1);
	assert_state(link, LINK_TOO_OLD, START_NS + 1, START_NS + 100 * S);
	assert_string_equal(link->hello.agent, "old/0");
	assert_int_equal(receive(link, "x\nx\nx\nx\n", START_NS + 1), 0);
	assert_int_equal(receive(link, HELLO, START_NS + 2), 0);
	assert_says(link, WELCOME, START_NS + 2);
	free_link(link);
}

#define LONG_64	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define LONG_256 LONG_64 LONG_64 LONG_64 LONG_64

static void test_malformed(void **state)
{
	static const char *const lines[] = {
		"garbage\n",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
		"{\"type\":\"ack\",\"seq\":1,\"x\":[[[[1]]]]}\n",
		"{\"type\":\"ack\"}\n",
		"{\"type\":\"hello\",\"proto\":1}\n",
		"null\n",
		"\xff\xfe\n",
		LONG_256 LONG_256 LONG_256 LONG_256 LONG_64 "\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct link *link = new_session();

		assert_int_equal(receive(link, lines[i], START_NS + S), 0);
		assert_int_equal(receive(link, lines[i], START_NS + S), 0);
		/* What is well formed, known or not, does not count. */
		assert_int_equal(
			receive(link, "{\"type\":\"new\"}\n" ACK("9"), START_NS + S), 0);
		assert_int_equal(receive(link, lines[i], START_NS + S), -EBADMSG);
		assert_int_equal(link->drops.malformed, 3);
		assert_state(link, LINK_BACKOFF, START_NS + S, START_NS + S);
		assert_int_equal(link->retry_ns, START_NS + 2 * S);
		/* From the beginning: silent, and deaf up to a newline. */
		link_connected(link, START_NS + 2 * S);
		assert_says(link, "", START_NS + 2 * S);
		assert_int_equal(receive(link, HELLO, START_NS + 2 * S), 0);
		assert_says(link, "", START_NS + 2 * S);
		free_link(link);
	}
}

static void test_malformed_since_hello(void **state)
{
	struct link *link = new_session();

	(void)state;
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(receive(link, "x\nx\n" HELLO, START_NS + i * 10 * S), 0);
	assert_int_equal(link->drops.malformed, 20);
	free_link(link);
}

static void test_rate(void **state)
{
	struct link *link = new_session();

	(void)state;
	/* One of the burst went to the hello. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(receive(link, "{\"type\":\"new\"}\n", START_NS), 0);
	assert_int_equal(link->drops.over_rate, 100 - (LINK_MESSAGES_BURST - 1));
	/* Then three a period, also when they come evenly, for as long as it takes. */
	link->drops.over_rate = 0;
	for (uint64_t i = 1; i <= 1000; i++)
		assert_int_equal(
			receive(link, "{\"type\":\"new\"}\n", START_NS + i * (S / 10)),
			0);
	assert_in_range(link->drops.over_rate, 700, 701);
	/* An agent that comes after the flood is heard. */
	assert_int_equal(receive(link, HELLO, START_NS + 102 * S), 0);
	assert_says(link, WELCOME, START_NS + 102 * S);
	/* Messages over the rate are not even malformed. */
	for (int i = 0; i < 100; i++)
		assert_int_equal(
			receive(link, "{\"type\":\"new\"}\n", START_NS + 103 * S), 0);
	assert_int_equal(receive(link, "x\nx\nx\nx\n", START_NS + 103 * S), 0);
	free_link(link);
}

/* What may be read in a period, in pieces of this size, of a guest that never stops. */
static size_t read_in_period(
	struct link *link, size_t piece, uint64_t now_ns, size_t *ret_reads)
{
	static char garbage[LINK_READ_MAX];
	size_t total = 0, may;

	memset(garbage, 'x', sizeof(garbage));
	*ret_reads = 0;
	while ((may = link_may_read(link, now_ns)) > 0) {
		size_t len = may < piece ? may : piece;

		assert_int_equal(link_receive(link, garbage, len, now_ns), 0);
		total += len;
		++*ret_reads;
	}
	return total;
}

static void test_flood(void **state)
{
	struct link *link = new_link();
	size_t reads;

	(void)state;
	link_connected(link, START_NS);
	assert_int_equal(read_in_period(link, 4096, START_NS, &reads), LINK_READ_MAX);
	assert_int_equal(link->drops.held_up, 1);
	assert_int_equal(link_read_ns(link), START_NS + S);
	assert_int_equal(link_may_read(link, START_NS + S - 1), 0);
	/* Single bytes are wake-ups: these are bounded too. */
	read_in_period(link, 1, START_NS + S, &reads);
	assert_int_equal(reads, LINK_READ_MAX / LINK_READ_COST_MIN);
	assert_int_equal(link->drops.held_up, 2);
	assert_int_equal(link_may_read(link, START_NS + 7 * S), LINK_READ_MAX);
	free_link(link);
}

static void test_spread(void **state)
{
	unsigned int tenths[10] = { 0 };
	struct uuid uuid = { { 0 } };

	(void)state;
	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t spread_ns;

		/* As machines are numbered by hand. */
		uuid.bytes[15] = (uint8_t)i;
		uuid.bytes[14] = (uint8_t)(i >> 8);
		spread_ns = link_spread_ns(&uuid, PERIOD_NS);
		assert_true(spread_ns < PERIOD_NS / LINK_SPREAD_PARTS);
		assert_int_equal(spread_ns, link_spread_ns(&uuid, PERIOD_NS));
		tenths[spread_ns * 10 * LINK_SPREAD_PARTS / PERIOD_NS]++;
	}
	for (size_t i = 0; i < 10; i++)
		assert_in_range(tenths[i], 60, 140);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_hello_again),
		cmocka_unit_test(test_other_welcome),
		cmocka_unit_test(test_largest_welcome),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_period),
		cmocka_unit_test(test_never_reads),
		cmocka_unit_test(test_retry),
		cmocka_unit_test(test_too_old),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_malformed_since_hello),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
