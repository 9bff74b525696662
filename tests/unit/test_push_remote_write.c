/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A tick as remote write, read back by a reader of protocol buffers of its own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <snappy-c.h>

#include "host/push_format.h"
#include "tests/unit/fake_snapshot.h"

#define NAME_MAX_LEN 4096
#define SERIES_MAX   256

struct series {
	char labels[NAME_MAX_LEN]; /* name="value",... in the order of the message */
	uint64_t bits;
	uint64_t time_ms;
};

struct request {
	size_t n;
	struct series series[SERIES_MAX];
};

struct reader {
	const unsigned char *at, *end;
};

static uint64_t read_varint(struct reader *reader)
{
	uint64_t value = 0;
	unsigned int shift = 0;
	unsigned char byte;

	do {
		assert_true(reader->at < reader->end && shift < 64);
		byte = *reader->at++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return value;
}

static struct reader read_message(struct reader *reader, uint64_t tag)
{
	struct reader message;
	uint64_t len;

	assert_int_equal(read_varint(reader), tag);
	len = read_varint(reader);
	assert_true(len <= (uint64_t)(reader->end - reader->at));
	message = (struct reader){ reader->at, reader->at + len };
	reader->at += len;
	return message;
}

static void read_label(struct reader label, struct series *series, char *previous)
{
	struct reader name = read_message(&label, 1 << 3 | 2);
	struct reader value = read_message(&label, 2 << 3 | 2);
	size_t used = strlen(series->labels);
	int name_len = (int)(name.end - name.at), value_len = (int)(value.end - value.at);
	char text[NAME_MAX_LEN];

	assert_ptr_equal(label.at, label.end);
	assert_true(value_len > 0);
	snprintf(text, sizeof(text), "%.*s", name_len, (const char *)name.at);
	assert_true(strcmp(previous, text) < 0);
	strcpy(previous, text);
	snprintf(series->labels + used, sizeof(series->labels) - used, "%s%s=\"%.*s\"",
		used > 0 ? "," : "", text, value_len, (const char *)value.at);
}

static void read_series(struct reader message, struct series *series)
{
	char previous[NAME_MAX_LEN] = "";
	struct reader sample;

	*series = (struct series){ 0 };
	while (*message.at == (1 << 3 | 2))
		read_label(read_message(&message, 1 << 3 | 2), series, previous);
	sample = read_message(&message, 2 << 3 | 2);
	assert_ptr_equal(message.at, message.end);
	assert_int_equal(read_varint(&sample), 1 << 3 | 1);
	for (unsigned int i = 0; i < 8; i++)
		series->bits |= (uint64_t)*sample.at++ << 8 * i;
	assert_int_equal(read_varint(&sample), 2 << 3);
	series->time_ms = read_varint(&sample);
	assert_ptr_equal(sample.at, sample.end);
}

/* Takes the body, compressed. */
static void read_request(struct json_text *body, struct request *request)
{
	size_t size;
	struct reader reader;
	char *plain;

	assert_int_equal(
		snappy_uncompressed_length(body->data, body->used, &size), SNAPPY_OK);
	plain = malloc(size);
	assert_non_null(plain);
	assert_int_equal(
		snappy_uncompress(body->data, body->used, plain, &size), SNAPPY_OK);
	reader = (struct reader){ (unsigned char *)plain, (unsigned char *)plain + size };
	for (request->n = 0; reader.at < reader.end; request->n++) {
		assert_true(request->n < SERIES_MAX);
		read_series(
			read_message(&reader, 1 << 3 | 2), &request->series[request->n]);
	}
	free(plain);
	json_text_deinit(body);
}

static const struct series *find(const struct request *request, const char *labels)
{
	for (size_t i = 0; i < request->n; i++) {
		if (strcmp(request->series[i].labels, labels) == 0)
			return &request->series[i];
	}
	fail_msg("no series %s", labels);
	return NULL;
}

static double value_of(const struct series *series)
{
	double value;

	memcpy(&value, &series->bits, sizeof(value));
	return value;
}

static const char web1[] = "__name__=\"vmpower_domain_energy_joules_total\","
			   "domain=\"web1\",instance=\"hv1\",kind=\"dynamic\","
			   "uuid=\"11111111-2222-4333-8444-555555555555\","
			   "zone=\"package-0\"";

static void test_series(void **state)
{
	static const struct {
		const char *labels;
		double value;
	} expected[] = {
		{ web1, 12 },
		{ "__name__=\"vmpower_host_energy_joules_total\",instance=\"hv1\","
		  "kind=\"unattributed\",zone=\"package-0\"",
			0.000001 },
		/* No package: no label. */
		{ "__name__=\"vmpower_zone_energy_joules_total\",instance=\"hv1\","
		  "zone=\"psys\"",
			60 },
		{ "__name__=\"vmpower_tick_number\",instance=\"hv1\"", 42 },
		/* What begins with a capital is before the name. */
		{ "Z=\"1\",__name__=\"vmpower_domain_info\",domain=\"web1\","
		  "instance=\"own\",uuid=\"11111111-2222-4333-8444-555555555555\"",
			1 },
	};
	const struct push_options options = { .host = "hv1", .labels = "instance=hv1\n" };
	struct snapshot *snapshot = fake_snapshot_new();
	static struct request request;
	struct json_text body = { 0 };

	(void)state;
	snapshot->domains[0].labels = "Z=1\ninstance=own\n";
	assert_int_equal(push_format_remote_write.add(&options, snapshot, &body), 0);
	assert_int_equal(push_format_remote_write.finish(&body), 0);
	read_request(&body, &request);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		const struct series *series = find(&request, expected[i].labels);

		assert_true(value_of(series) == expected[i].value);
		assert_int_equal(series->time_ms, 1790000000000);
	}
	snapshot_unref(snapshot);
}

/* A batch is one request, and what is there no more is said to have ended, once. */
static void test_ended(void **state)
{
	struct push_options options = { .host = "hv1", .labels = "instance=hv1\n" };
	struct snapshot *snapshots[3];
	static struct request request;
	struct json_text body = { 0 };
	size_t n_stale = 0, n_before = 0;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		snapshots[i] = fake_snapshot_new();
		snapshots[i]->time_ns = (2 + i) * UINT64_C(1000000);
		if (i > 0)
			snapshots[i]->n_domains = 1;
		assert_int_equal(
			push_format_remote_write.add(&options, snapshots[i], &body), 0);
		options.before = snapshots[i];
	}
	assert_int_equal(push_format_remote_write.finish(&body), 0);
	read_request(&body, &request);
	for (size_t i = 0; i < request.n; i++) {
		const struct series *series = &request.series[i];
		bool is_db = strstr(series->labels, "66666666-2222") != NULL;

		if (series->bits == UINT64_C(0x7ff0000000000002)) {
			assert_true(is_db);
			assert_int_equal(series->time_ms, 3);
			n_stale++;
		} else if (is_db) {
			assert_int_equal(series->time_ms, 2);
			n_before++;
		}
	}
	/* Two zones of two kinds, its info and its link. */
	assert_int_equal(n_before, 6);
	assert_int_equal(n_stale, 6);
	for (size_t i = 0; i < 3; i++)
		snapshot_unref(snapshots[i]);
}

/* Two ticks of one millisecond are told of two. */
static void test_same_time(void **state)
{
	static const uint64_t times_ns[] = { 5000000, 5999999, 17000000 },
			      expected_ms[] = { 5, 6, 17 };
	struct push_options options = { .host = "hv1", .labels = "instance=hv1\n" };
	struct snapshot *before = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(times_ns) / sizeof(times_ns[0]); i++) {
		struct snapshot *snapshot = fake_snapshot_new();
		static struct request request;
		struct json_text body = { 0 };

		snapshot->time_ns = times_ns[i];
		options.before = before;
		assert_int_equal(
			push_format_remote_write.add(&options, snapshot, &body), 0);
		assert_int_equal(push_format_remote_write.finish(&body), 0);
		read_request(&body, &request);
		assert_int_equal(find(&request, web1)->time_ms, expected_ms[i]);
		snapshot_unref(before);
		before = snapshot;
	}
	snapshot_unref(before);
}

static void test_answers(void **state)
{
	static const struct {
		unsigned int status;
		enum push_verdict verdict;
	} cases[] = {
		{ 200, PUSH_DELIVERED },
		{ 204, PUSH_DELIVERED },
		{ 301, PUSH_RETRY },
		{ 400, PUSH_REFUSED },
		{ 401, PUSH_REFUSED },
		{ 404, PUSH_REFUSED },
		{ 413, PUSH_REFUSED },
		{ 429, PUSH_RETRY },
		{ 500, PUSH_RETRY },
		{ 503, PUSH_RETRY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(push_format_remote_write.judge(cases[i].status),
			cases[i].verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_series),
		cmocka_unit_test(test_ended),
		cmocka_unit_test(test_same_time),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
