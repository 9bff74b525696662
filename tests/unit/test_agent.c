/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The guest's end of the stream: what it says when, and what it drops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "guest/agent.h"
#include "shared/clock.h"

#define SECOND ((uint64_t)NSEC_PER_SEC)
#define NONCE  "01000000-0000-0000-0000-000000000000"
#define EPOCH  "0d2fd0a4-7c02-4d20-9a0c-7b8a8c1f4f55"

#define SAMPLE_1                                                                         \
	"{\"type\":\"sample\",\"seq\":1,\"t_ns\":\"1\",\"quality\":\"measured\","        \
	"\"uj\":[\"1\"]}\n"

static const struct uuid boot_id = { { 0xb0 } };
static const struct uuid nonce = { { 1 } };

static struct agent make_agent(void)
{
	struct agent agent;

	assert_int_equal(agent_init(&agent, &boot_id), 0);
	return agent;
}

static enum agent_event feed(
	struct agent *agent, const char *text, uint64_t now_ns, struct message *message)
{
	size_t len = strlen(text);
	enum agent_event event = agent_feed(agent, &text, &len, now_ns, message);

	if (event != AGENT_MORE) {
		struct message other;

		assert_int_equal(
			agent_feed(agent, &text, &len, now_ns, &other), AGENT_MORE);
	}
	return event;
}

static enum agent_event feed_welcome(struct agent *agent, const char *answered,
	unsigned int period_ms, uint64_t now_ns)
{
	struct message message;
	char line[512];

	snprintf(line, sizeof(line),
		"\n{\"type\":\"welcome\",\"proto\":1,\"nonce\":\"%s\",\"epoch\":\"" EPOCH
		"\",\"period_ms\":%u,\"stale_after_ms\":%u,\"zones\":[{\"id\":0,"
		"\"name\":\"package-0\",\"max_energy_range_uj\":\"262143328850\","
		"\"parent\":null}]}\n",
		answered, period_ms, 10 * period_ms);
	return feed(agent, line, now_ns, &message);
}

static enum agent_event feed_sample(
	struct agent *agent, unsigned int seq, const char *uj, struct message *message)
{
	char line[256];

	snprintf(line, sizeof(line),
		"{\"type\":\"sample\",\"seq\":%u,\"t_ns\":\"1\",\"quality\":\"measured\","
		"\"uj\":[%s]}\n",
		seq, uj);
	return feed(agent, line, 0, message);
}

static void sent_all(struct agent *agent, const char *expected)
{
	size_t len;
	const char *output = agent_output(agent, &len);

	assert_int_equal(len, strlen(expected));
	assert_memory_equal(output, expected, len);
	agent_sent(agent, len);
	agent_output(agent, &len);
	assert_int_equal(len, 0);
}

static struct agent make_streaming(uint64_t now_ns)
{
	struct agent agent = make_agent();
	size_t len;

	agent_connect(&agent, now_ns);
	assert_int_equal(agent_hello(&agent, &nonce, now_ns), 0);
	agent_output(&agent, &len);
	agent_sent(&agent, len);
	assert_int_equal(feed_welcome(&agent, NONCE, 1000, now_ns), AGENT_WELCOME);
	return agent;
}

static void test_hello(void **state)
{
	struct agent agent = make_agent();
	struct message message;
	const char *output;
	size_t len;

	(void)state;
	assert_true(agent_deadline_ns(&agent) == UINT64_MAX);
	agent_connect(&agent, 5 * SECOND);
	assert_true(agent_deadline_ns(&agent) == 5 * SECOND);
	assert_int_equal(agent_hello(&agent, &nonce, 5 * SECOND), 0);
	output = agent_output(&agent, &len);
	assert_int_equal(output[0], '\n');
	assert_int_equal(output[len - 1], '\n');
	assert_int_equal(message_decode(output + 1, len - 2, &message), 0);
	assert_int_equal(message.type, MESSAGE_HELLO);
	assert_int_equal(message.hello.proto, MESSAGE_PROTO);
	assert_string_equal(message.hello.nonce, NONCE);
	assert_int_equal(uuid_compare(&message.hello.boot_id, &boot_id), 0);
	assert_non_null(strstr(message.hello.agent, "vmpower-guest/"));
	/* The first one may be lost; a host that does not answer is not to be hurried. */
	assert_true(agent_deadline_ns(&agent) == 6 * SECOND);
	assert_int_equal(agent_hello(&agent, &nonce, 6 * SECOND), 0);
	assert_true(agent_deadline_ns(&agent) == 9 * SECOND);
	agent_disconnect(&agent);
	assert_true(agent_deadline_ns(&agent) == UINT64_MAX);
	agent_output(&agent, &len);
	assert_int_equal(len, 0);
	agent_deinit(&agent);
}

static void test_silence(void **state)
{
	static const struct {
		unsigned int period_ms;
		uint64_t patience_ns;
	} cases[] = {
		{ 100, 3 * SECOND },
		{ 1000, 3 * SECOND },
		{ 1001, 3003 * (uint64_t)NSEC_PER_MSEC },
		{ 60000, 180 * SECOND },
		{ 3600000, 10800 * SECOND },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct agent agent = make_agent();
		struct message message;

		agent_connect(&agent, 0);
		assert_int_equal(agent_hello(&agent, &nonce, 0), 0);
		assert_int_equal(feed_welcome(&agent, NONCE, cases[i].period_ms, SECOND),
			AGENT_WELCOME);
		assert_true(agent_deadline_ns(&agent) == SECOND + cases[i].patience_ns);
		assert_int_equal(feed_sample(&agent, 1, "\"7\"", &message), AGENT_SAMPLE);
		/* What was not accepted was not valid. */
		assert_true(agent_deadline_ns(&agent) == SECOND + cases[i].patience_ns);
		agent_accept(&agent, &message.sample, 2 * SECOND);
		assert_true(
			agent_deadline_ns(&agent) == 2 * SECOND + cases[i].patience_ns);
		agent_deinit(&agent);
	}
}

/* What comes when the hello is due already is of a host that may be gone. */
/* It hears of another epoch than it thinks: nothing more counts before it has asked. */
static void test_doubt(void **state)
{
	struct agent agent = make_streaming(SECOND);
	struct message message;
	size_t len;

	(void)state;
	agent_doubt(&agent, 2 * SECOND);
	assert_true(agent_deadline_ns(&agent) == 2 * SECOND);
	assert_int_equal(feed(&agent, SAMPLE_1, 2 * SECOND, &message), AGENT_MORE);
	assert_int_equal(agent_hello(&agent, &nonce, 2 * SECOND), 0);
	agent_output(&agent, &len);
	agent_sent(&agent, len);
	assert_int_equal(feed(&agent, SAMPLE_1, 2 * SECOND, &message), AGENT_MORE);
	assert_int_equal(feed_welcome(&agent, NONCE, 1000, 2 * SECOND), AGENT_WELCOME);
	assert_int_equal(feed(&agent, SAMPLE_1, 2 * SECOND, &message), AGENT_SAMPLE);
	agent_deinit(&agent);
}

static void test_late_sample(void **state)
{
	static const struct {
		uint64_t now_ns;
		enum agent_event event;
	} cases[] = {
		{ 3 * SECOND - 1, AGENT_SAMPLE },
		{ 3 * SECOND, AGENT_MORE },
		{ 60 * SECOND, AGENT_MORE },
	};
	static const char line[] = "{\"type\":\"sample\",\"seq\":1,\"t_ns\":\"1\","
				   "\"quality\":\"measured\",\"uj\":[\"7\"]}\n";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct agent agent = make_streaming(0);
		struct message message;

		assert_int_equal(
			feed(&agent, line, cases[i].now_ns, &message), cases[i].event);
		assert_true(agent_deadline_ns(&agent) == 3 * SECOND);
		agent_deinit(&agent);
	}
}

static void test_before_welcome(void **state)
{
	struct agent agent = make_agent();
	struct message message;

	(void)state;
	agent_connect(&agent, 0);
	/* The rest of an old line ends at the first newline. */
	assert_int_equal(feed(&agent, "\"seq\":{[", 0, &message), AGENT_MORE);
	assert_int_equal(feed(&agent, "]\n", 0, &message), AGENT_MORE);
	assert_int_equal(feed_welcome(&agent, NONCE, 1000, 0), AGENT_MORE);
	assert_int_equal(agent_hello(&agent, &nonce, 0), 0);
	assert_int_equal(feed(&agent, "\n", 0, &message), AGENT_MORE);
	assert_int_equal(feed_sample(&agent, 1, "\"7\"", &message), AGENT_MORE);
	assert_int_equal(feed_welcome(&agent, "other", 1000, 0), AGENT_MORE);
	assert_int_equal(agent.state, AGENT_GREETING);
	assert_int_equal(feed_welcome(&agent, NONCE, 1000, 0), AGENT_WELCOME);
	/* One answer for one hello. */
	assert_int_equal(feed_welcome(&agent, NONCE, 1000, 0), AGENT_MORE);
	/* Until the next welcome, samples of the last one are old. */
	assert_int_equal(agent_hello(&agent, &(struct uuid){ { 2 } }, 0), 0);
	assert_int_equal(feed_welcome(&agent, NONCE, 1000, 0), AGENT_MORE);
	assert_int_equal(feed_sample(&agent, 1, "\"7\"", &message), AGENT_MORE);
	agent_deinit(&agent);
}

static void test_other_proto(void **state)
{
	struct agent agent = make_agent();
	struct message message;

	(void)state;
	agent_connect(&agent, 0);
	assert_int_equal(agent_hello(&agent, &nonce, 0), 0);
	assert_int_equal(
		feed(&agent,
			"\n{\"type\":\"welcome\",\"proto\":2,\"nonce\":\"" NONCE
			"\",\"epoch\":\"" EPOCH
			"\",\"period_ms\":1000,\"stale_after_ms\":10000,\"zones\":[{\"id\":0,"
			"\"name\":\"package-0\",\"max_energy_range_uj\":\"262143328850\","
			"\"parent\":null}]}\n",
			0, &message),
		AGENT_DROPPED);
	assert_int_equal(agent.state, AGENT_GREETING);
	agent_deinit(&agent);
}

static void test_samples(void **state)
{
	static const struct {
		unsigned int seq;
		const char *uj;
		enum agent_event event;
	} cases[] = {
		{ 1, "\"5\"", AGENT_SAMPLE },
		{ 1, "\"6\"", AGENT_DROPPED },
		{ 2, "\"6\",\"7\"", AGENT_DROPPED },
		{ 2, "6", AGENT_DROPPED },
		{ 2, "\"18446744073709551616\"", AGENT_DROPPED },
		{ 2, "\"6\"", AGENT_SAMPLE },
		{ 9, "\"6\"", AGENT_SAMPLE },
		{ 8, "\"6\"", AGENT_DROPPED },
	};
	struct agent agent = make_streaming(0);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message message;
		char ack[64];

		assert_int_equal(feed_sample(&agent, cases[i].seq, cases[i].uj, &message),
			cases[i].event);
		if (cases[i].event != AGENT_SAMPLE)
			continue;
		assert_int_equal(message.sample.seq, cases[i].seq);
		agent_accept(&agent, &message.sample, 0);
		snprintf(ack, sizeof(ack), "{\"type\":\"ack\",\"seq\":%u}\n",
			cases[i].seq);
		sent_all(&agent, ack);
	}
	agent_deinit(&agent);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *line;
		enum agent_event event;
	} cases[] = {
		{ "{}\n", AGENT_DROPPED },
		{ "[1,2]\n", AGENT_DROPPED },
		{ "[[[[[1]]]]]\n", AGENT_DROPPED },
		{ "{\"type\":\"sample\"}\n", AGENT_DROPPED },
		{ "\xff\xfe\n", AGENT_DROPPED },
		{ "{\"type\":\"later\",\"x\":1}\n", AGENT_MORE },
		{ "{\"type\":\"ack\",\"seq\":1}\n", AGENT_MORE },
		{ "\n\n\r\n", AGENT_MORE },
		{ "\n", AGENT_MORE },
	};
	struct agent agent = make_streaming(0);
	struct message message;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			feed(&agent, cases[i].line, 0, &message), cases[i].event);
	assert_int_equal(feed_sample(&agent, 1, "\"5\"", &message), AGENT_SAMPLE);
	agent_deinit(&agent);
}

static void test_long_line(void **state)
{
	struct agent agent = make_streaming(0);
	char *line = test_malloc(MESSAGE_HOST_LINE_MAX + 3);
	struct message message;

	(void)state;
	memset(line, 'x', MESSAGE_HOST_LINE_MAX + 1);
	strcpy(line + MESSAGE_HOST_LINE_MAX + 1, "\n");
	assert_int_equal(feed(&agent, line, 0, &message), AGENT_DROPPED);
	assert_int_equal(feed_sample(&agent, 1, "\"5\"", &message), AGENT_SAMPLE);
	test_free(line);
	agent_deinit(&agent);
}

/* A hello behind a line of which the host has a part finishes that line first. */
static void test_partial_output(void **state)
{
	static const size_t sent[] = { 0, 1, 10, 21 };

	(void)state;
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		static const char ack[] = "{\"type\":\"ack\",\"seq\":1}\n";
		struct agent agent = make_streaming(0);
		struct message message;
		const char *output;
		size_t len;

		assert_int_equal(feed_sample(&agent, 1, "\"5\"", &message), AGENT_SAMPLE);
		agent_accept(&agent, &message.sample, 0);
		agent_sent(&agent, sent[i]);
		assert_int_equal(agent_hello(&agent, &nonce, 0), 0);
		output = agent_output(&agent, &len);
		if (sent[i] > 0) {
			assert_memory_equal(output, ack + sent[i], strlen(ack + sent[i]));
			output += strlen(ack + sent[i]);
		}
		assert_memory_equal(output, "\n{\"type\":\"hello\"", 16);
		agent_deinit(&agent);
	}
}

/* A host that takes nothing, but sends on, costs no more than the buffer. */
static void test_output_is_bounded(void **state)
{
	struct agent agent = make_streaming(0);
	struct message message;
	size_t len;

	(void)state;
	for (unsigned int seq = 1; seq < 1000; seq++) {
		assert_int_equal(
			feed_sample(&agent, seq, "\"5\"", &message), AGENT_SAMPLE);
		agent_accept(&agent, &message.sample, 0);
	}
	agent_sent(&agent, 3);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(agent_hello(&agent, &nonce, 0), 0);
	agent_output(&agent, &len);
	assert_true(len <= AGENT_OUTPUT_SIZE);
	agent_deinit(&agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_doubt),
		cmocka_unit_test(test_late_sample),
		cmocka_unit_test(test_before_welcome),
		cmocka_unit_test(test_other_proto),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_partial_output),
		cmocka_unit_test(test_output_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
