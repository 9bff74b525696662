/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Exports: which intervals, of whom, and that what is written is read again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/export_parse.h"
#include "host/export_time.h"
#include "host/ledger_export.h"

#define HOUR_S 3600u
#define DAY_S  86400u
#define DAY    1700006400u /* 2023-11-15 */

#define HOSTILE "=1+1,\"a\"\r\n'\xc3\xa4\t\x01\\"
/* What becomes of it in CSV. */
#define HOSTILE_CSV "=1+1,\"a\"\r\n'\xc3\xa4\t\xef\xbf\xbd\\"

static void test_times(void **state)
{
	static const struct {
		const char *text;
		int expected;
		uint64_t s;
	} cases[] = {
		{ "1970-01-01", 0, 0 },
		{ "2023-11-15", 0, DAY },
		{ "2023-11-15T00:00", 0, DAY },
		{ "2023-11-15t01:02:03z", 0, DAY + 3723 },
		{ "2023-11-15 01:02:03.999", 0, DAY + 3723 },
		{ "2023-11-15T01:00+01:00", 0, DAY },
		{ "2023-11-14T19:30-0430", 0, DAY },
		{ "2023-11-15T05+05", -EINVAL, 0 },
		{ "2024-02-29", 0, 1709164800 },
		{ "2023-02-29", -EINVAL, 0 },
		{ "2100-02-29", -EINVAL, 0 },
		{ "2023-13-01", -EINVAL, 0 },
		{ "2023-11-31", -EINVAL, 0 },
		{ "2023-11-15T24:00", -EINVAL, 0 },
		{ "2023-11-15T10:00:00.", -EINVAL, 0 },
		{ "2023-11-15T10:00Zx", -EINVAL, 0 },
		{ "2023-11-15x", -EINVAL, 0 },
		{ "23-11-15", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "1970-01-01T00:00+01:00", -ERANGE, 0 },
		{ "9999-12-31T23:59:59Z", 0, 253402300799 },
		{ "9999-12-31T23:59:59-00:01", -ERANGE, 0 },
		{ "@1700006400", 0, DAY },
		{ "@253402300800", -ERANGE, 0 },
		{ "@", -EINVAL, 0 },
		{ "@-1", -EINVAL, 0 },
	};
	char text[EXPORT_TIME_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t s = 0;

		print_message("%s\n", cases[i].text);
		assert_int_equal(export_time_parse(cases[i].text, &s), cases[i].expected);
		assert_true(s == cases[i].s);
	}
	export_time_format(DAY + 3723, text);
	assert_string_equal(text, "2023-11-15T01:02:03Z");
}

static struct export_row make_row(void)
{
	return (struct export_row){ .since_s = DAY,
		.until_s = DAY + HOUR_S,
		.uuid = "00000001-0000-4000-8000-000000000000",
		.name = HOSTILE,
		.zone = "package-0",
		.kind = "idle",
		.energy_uj = UINT64_MAX,
		.quality_ns = { 3599999999999, 0, 1 },
		.host = "h,1",
		.machine_id = "m",
		.source = "powercap",
		.ledger = "00000009-0000-4000-8000-000000000000",
		.idle_origin = "configured+learned",
		.labels = "{\"project\":\"a,b\"}" };
}

struct taken {
	size_t n;
	const char *name; /* of each second one */
};

static int take_same(const struct export_row *row, void *data)
{
	struct export_row expected = make_row();
	struct taken *taken = data;

	expected.name = taken->name;
	if (taken->n % 2) {
		expected.since_s = 0;
		expected.uuid = EXPORT_UNATTRIBUTED;
		expected.kind = EXPORT_UNATTRIBUTED;
		expected.name = "";
	}
	assert_true(row->since_s == expected.since_s && row->until_s == expected.until_s);
	assert_string_equal(row->uuid, expected.uuid);
	assert_string_equal(row->name, expected.name);
	assert_string_equal(row->zone, expected.zone);
	assert_string_equal(row->kind, expected.kind);
	assert_true(row->energy_uj == expected.energy_uj);
	assert_memory_equal(
		row->quality_ns, expected.quality_ns, sizeof(row->quality_ns));
	assert_string_equal(row->host, expected.host);
	assert_string_equal(row->machine_id, expected.machine_id);
	assert_string_equal(row->source, expected.source);
	assert_string_equal(row->ledger, expected.ledger);
	assert_string_equal(row->idle_origin, expected.idle_origin);
	assert_string_equal(row->labels, expected.labels);
	taken->n++;
	return 0;
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int json = 0; json < 2; json++) {
		struct export_row row = make_row();
		struct taken taken = { 0, json ? HOSTILE : HOSTILE_CSV };
		char message[EXPORT_MESSAGE_SIZE];
		FILE *file = tmpfile();
		uint64_t line;

		assert_non_null(file);
		if (!json)
			assert_int_equal(export_row_write_csv_head(file), 0);
		for (int i = 0; i < 4; i++) {
			row = make_row();
			if (i % 2) {
				row.since_s = 0;
				row.uuid = row.kind = EXPORT_UNATTRIBUTED;
				row.name = "";
			}
			if (json)
				assert_int_equal(export_row_write_json(file, &row), 0);
			else
				assert_int_equal(export_row_write_csv(file, &row), 0);
		}
		rewind(file);
		assert_int_equal(
			export_parse(file, take_same, &taken, &line, message), 0);
		assert_int_equal(taken.n, 4);
		fclose(file);
	}
}

/* Byte by byte, as other programs have to read it. */
static void test_text(void **state)
{
	static const char csv[] =
		"2023-11-15T00:00:00Z,2023-11-15T01:00:00Z,"
		"00000001-0000-4000-8000-000000000000,"
		"\"=1+1,\"\"a\"\"\r\n'\xc3\xa4\t\xef\xbf\xbd\\\",package-0,idle,"
		"18446744073709551615,3599.999999999,0.000000000,0.000000001,"
		"\"h,1\",m,powercap,00000009-0000-4000-8000-000000000000,"
		"configured+learned,\"{\"\"project\"\":\"\"a,b\"\"}\"\r\n";
	static const char json[] =
		"{\"since\":\"2023-11-15T00:00:00Z\",\"until\":\"2023-11-15T01:00:00Z\","
		"\"uuid\":\"00000001-0000-4000-8000-000000000000\","
		"\"name\":\"=1+1,\\\"a\\\"\\r\\n'\xc3\xa4\\t\\u0001\\\\\","
		"\"zone\":\"package-0\",\"kind\":\"idle\","
		"\"energy_uj\":\"18446744073709551615\",\"measured_s\":\"3599.999999999\","
		"\"estimated_s\":\"0.000000000\",\"degraded_s\":\"0.000000001\","
		"\"host\":\"h,1\",\"machine_id\":\"m\",\"source\":\"powercap\","
		"\"ledger\":\"00000009-0000-4000-8000-000000000000\","
		"\"idle_origin\":\"configured+learned\","
		"\"labels\":\"{\\\"project\\\":\\\"a,b\\\"}\"}\n";
	struct export_row row = make_row();
	char *text = NULL;
	size_t size;
	FILE *out;

	(void)state;
	out = open_memstream(&text, &size);
	assert_int_equal(export_row_write_csv(out, &row), 0);
	fclose(out);
	assert_string_equal(text, csv);
	free(text);
	out = open_memstream(&text, &size);
	assert_int_equal(export_row_write_json(out, &row), 0);
	fclose(out);
	assert_string_equal(text, json);
	free(text);
}

#define HEAD                                                                             \
	"since,until,uuid,name,zone,kind,energy_uj,measured_s,estimated_s,degraded_s,"   \
	"host,machine_id,source\n"
#define TIMES "2023-11-15T00:00:00Z,2023-11-15T01:00:00Z,"
#define JSON_TAIL                                                                        \
	"\"zone\":\"z\",\"kind\":\"idle\",\"energy_uj\":\"1\",\"measured_s\":\"1\","     \
	"\"estimated_s\":\"0\",\"degraded_s\":\"0\",\"host\":\"\",\"machine_id\":\"\","  \
	"\"source\":\"\"}\n"
/* Without the newline. */
#define JSON_ROW                                                                         \
	"{\"since\":null,\"until\":\"2023-11-15\",\"uuid\":\"host\",\"name\":\"\","      \
	"\"zone\":\"z\",\"kind\":\"idle\",\"energy_uj\":\"1\",\"measured_s\":\"1\","     \
	"\"estimated_s\":\"0\",\"degraded_s\":\"0\",\"host\":\"\",\"machine_id\":\"\","  \
	"\"source\":\"\"}"

static int count(const struct export_row *row, void *data)
{
	(void)row;
	++*(size_t *)data;
	return 0;
}

static void test_malformed(void **state)
{
	static const struct {
		const char *text;
		int expected;
		uint64_t line;
		const char *message;
	} cases[] = {
		{ HEAD TIMES "host,,z,idle,1,1,0.5,0,h,m,\n", 0, 2, "" },
		{ HEAD TIMES "host,\"a\nb\",z,idle,1,1,0.5,0,h,m,\r\n" TIMES
			     "host,,z,idle,1,1,0,0,h,m,",
			0, 4, "" },
		{ "", 0, 1, "" },
		{ "\n", -EBADMSG, 1, "no column since" },
		{ "a,b\n", -EBADMSG, 1, "no column since" },
		{ HEAD TIMES "host,,z,idle,1,1,0.5,0,h,m\n", -EBADMSG, 2, "12 fields" },
		{ HEAD "x\n", -EBADMSG, 2, "there is 1 field instead of 13" },
		{ HEAD "\n\r\n" TIMES "host,,z,idle,1,1,0.5,0,h,m,\n\n" TIMES "x\n",
			-EBADMSG, 6, "there are 3 fields" },
		{ "\xef\xbb\xbf" HEAD TIMES "host,,z,idle,1,1,0.5,0,h,m,\n", 0, 2, "" },
		{ "\xef\xbb\xbf" JSON_ROW "\n\n\r\n" JSON_ROW "\n{}", -EBADMSG, 5,
			"no string" },
		{ JSON_ROW "\n\xef\xbb\xbf{}", -EBADMSG, 2, "no string" },
		{ HEAD TIMES "host,\"a\nb\n", -EBADMSG, 2, "quote is not closed" },
		{ HEAD TIMES "host,\"a\"b,z,idle,1,1,0.5,0,h,m,\n", -EBADMSG, 2,
			"follows a closing quote" },
		{ HEAD TIMES "host,a\"b,z,idle,1,1,0.5,0,h,m,\n", -EBADMSG, 2,
			"quote inside" },
		{ HEAD TIMES "hosts,,z,idle,1,1,0.5,0,h,m,\n", -EBADMSG, 2,
			"'hosts' is no uuid" },
		{ HEAD TIMES "host,,,idle,1,1,0.5,0,h,m,\n", -EBADMSG, 2, "no zone" },
		{ HEAD TIMES "host,,z,busy,1,1,0.5,0,h,m,\n", -EBADMSG, 2,
			"'busy' is no kind" },
		{ HEAD TIMES "unattributed,,z,idle,1,1,0.5,0,h,m,\n", -EBADMSG, 2,
			"'idle' is no kind" },
		{ HEAD TIMES "host,,z,idle,-1,1,0.5,0,h,m,\n", -EBADMSG, 2,
			"'-1' is no energy_uj" },
		{ HEAD TIMES "host,,z,idle,18446744073709551616,1,0.5,0,h,m,\n", -EBADMSG,
			2, "no energy_uj" },
		{ HEAD TIMES "host,,z,idle,1,1.,0.5,0,h,m,\n", -EBADMSG, 2,
			"'1.' is no measured_s" },
		{ HEAD TIMES "host,,z,idle,1,1,0.0000000001,0,h,m,\n", -EBADMSG, 2,
			"no estimated_s" },
		{ HEAD TIMES "host,,z,idle,1,1,0,18446744074,h,m,\n", -EBADMSG, 2,
			"no degraded_s" },
		{ HEAD "2023-11-15T01:00:00Z,2023-11-15T01:00:00Z,host,,z,idle,1,1,0,0,,,"
		       "\n",
			-EBADMSG, 2, "no until" },
		{ HEAD TIMES "host,,z,idle,1,1,0.5,0,h,m,\n" TIMES "x\n", -EBADMSG, 3,
			"3 fields" },
		{ "{\"since\":null,\"until\":\"2023-11-15\",\"uuid\":\"host\","
		  "\"name\":\"\"," JSON_TAIL,
			0, 1, "" },
		{ "{\"since\":null,\"until\":null,\"uuid\":\"host\",\"name\":\"\"," JSON_TAIL,
			-EBADMSG, 1, "no string \"until\"" },
		{ "{\"since\":null,\"until\":\"2023-11-15\",\"uuid\":\"host\","
		  "\"name\":\"\"," JSON_TAIL "{\n",
			-EBADMSG, 2, "no JSON object" },
		{ "{\"ledger\":\"m\",\"since\":null,\"until\":\"2023-11-15\","
		  "\"uuid\":\"host\",\"name\":\"\"," JSON_TAIL,
			-EBADMSG, 1, "'m' is no ledger" },
		{ "{\"idle_origin\":1,\"since\":null,\"until\":\"2023-11-15\","
		  "\"uuid\":\"host\",\"name\":\"\"," JSON_TAIL,
			-EBADMSG, 1, "no string \"idle_origin\"" },
		{ "{}\n", -EBADMSG, 1, "no string \"since\"" },
		{ JSON_ROW " \t\r\n" JSON_ROW, 0, 2, "" },
		{ JSON_ROW "\n" JSON_ROW JSON_ROW "\n", -EBADMSG, 2,
			"something follows the JSON object" },
		{ JSON_ROW ",\n", -EBADMSG, 1, "something follows" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length = strlen(cases[i].text), n = 0;
		char message[EXPORT_MESSAGE_SIZE];
		/* fmemopen(3) takes no empty one. */
		FILE *in = length ? fmemopen(
					    (void *)(uintptr_t)cases[i].text, length, "r")
				  : tmpfile();
		uint64_t line;

		print_message("%zu: %s\n", i, cases[i].message);
		assert_non_null(in);
		assert_int_equal(
			export_parse(in, count, &n, &line, message), cases[i].expected);
		assert_non_null(strstr(message, cases[i].message));
		assert_int_equal(line, cases[i].line);
		fclose(in);
	}
}

/* What has no newline is not read up to the end of memory. */
static void test_long_line(void **state)
{
	char message[EXPORT_MESSAGE_SIZE];
	size_t n = 0;
	uint64_t line;
	FILE *in = tmpfile();

	(void)state;
	assert_non_null(in);
	fputs(JSON_ROW "\n{\"name\":\"", in);
	for (int i = 0; i < 1 << 20; i++)
		fputc('x', in);
	rewind(in);
	assert_int_equal(export_parse(in, count, &n, &line, message), -EBADMSG);
	assert_int_equal(line, 2);
	assert_int_equal(n, 1);
	assert_non_null(strstr(message, "more than 65536 bytes"));
	assert_true(ftello(in) < 1 << 18);
	rewind(in);
	fputc('{', in);
	fputc('\0', in);
	rewind(in);
	assert_int_equal(export_parse(in, count, &n, &line, message), -EBADMSG);
	assert_non_null(strstr(message, "NUL"));
	fclose(in);
}

struct books {
	size_t n_rows;
	uint64_t uj[3]; /* by the first byte of the ledger's UUID */
};

static int sum_by_book(const struct export_row *row, void *data)
{
	struct books *books = data;
	struct uuid uuid;

	assert_int_equal(uuid_parse(row->ledger, &uuid), 0);
	assert_true(uuid.bytes[0] == 1 || uuid.bytes[0] == 2);
	assert_string_equal(row->idle_origin,
		uuid.bytes[0] == 1 ? "calibrated" : "configured+calibrated+learned");
	assert_string_equal(row->source, "powercap");
	books->uj[uuid.bytes[0]] += row->energy_uj;
	books->n_rows++;
	return 0;
}

/* A record of domains 1 and 2, in package-0; psys is the host's alone. */
static void add_record(struct ledger_history *history, uint64_t since_s, uint64_t until_s,
	uint64_t unit_uj, const char *name)
{
	struct interval_record *record = &history->records[history->n++];
	uint32_t zone, psys, domain;

	*record = (struct interval_record){
		.interval = { .to_sequence = history->n,
			.since_s = since_s,
			.until_s = until_s,
			.sources = LEDGER_SOURCE_POWERCAP | LEDGER_IDLE_CALIBRATED },
		.quality_ns = { 1000000000 },
	};
	assert_int_equal(interval_record_take_zone(record, "package-0", &zone), 0);
	assert_int_equal(interval_record_take_zone(record, "psys", &psys), 0);
	record->zones[zone].host = (struct tick_share){ unit_uj, 2 * unit_uj };
	record->zones[zone].unattributed_uj = 3 * unit_uj;
	record->zones[psys].host.dynamic_uj = 1000;
	for (uint8_t i = 1; i <= 2; i++) {
		const struct uuid uuid = { { 0, 0, 0, i } };

		assert_int_equal(
			interval_record_take_domain(record, &uuid,
				i == 1 ? name : "other",
				i == 1 ? "project=\"a\"\nuser=b\n" : "", &domain),
			0);
		*interval_share(record, domain,
			zone) = (struct tick_share){ 10 * i * unit_uj, 20 * i * unit_uj };
	}
}

static struct ledger_history make_history(void)
{
	struct ledger_history history = { .size = 16 };

	history.records = calloc(16, sizeof(*history.records));
	assert_non_null(history.records);
	/* In no order, and one hour twice. */
	add_record(&history, DAY + HOUR_S, DAY + 2 * HOUR_S, 1, "web");
	add_record(&history, 0, DAY - DAY_S, 1000000, "old");
	add_record(&history, DAY, DAY + HOUR_S, 10, "web");
	add_record(&history, DAY + HOUR_S, DAY + 2 * HOUR_S, 100, "www");
	add_record(&history, DAY + DAY_S, DAY + DAY_S + HOUR_S, 1000, "www");
	add_record(&history, DAY - 2 * HOUR_S, DAY + 5 * HOUR_S, 10000, "web");
	add_record(&history, DAY - DAY_S, DAY, 100000, "old");
	return history;
}

/* What each row says, in a line. */
static int describe(const struct export_row *row, void *data)
{
	char since[EXPORT_TIME_SIZE] = "", until[EXPORT_TIME_SIZE];

	if (row->since_s)
		export_time_format(row->since_s, since);
	export_time_format(row->until_s, until);
	fprintf(data, "%.13s %.13s %.8s %s %s %s %ju %ju %s\n", since, until, row->uuid,
		row->name, row->zone, row->kind, (uintmax_t)row->energy_uj,
		(uintmax_t)(row->quality_ns[0] / 1000000000), row->source);
	return 0;
}

/* The sum of all its rows in package-0, in units of 96: that is what a record has. */
static int sum_up(const struct export_row *row, void *data)
{
	if (strcmp(row->zone, "package-0") == 0)
		*(uint64_t *)data += row->energy_uj;
	return 0;
}

static void run(const struct ledger_export *query, export_take *take, void *data)
{
	struct ledger_history history = make_history();
	char message[EXPORT_MESSAGE_SIZE];
	const char *unknown;
	FILE *file = tmpfile();
	uint64_t line;

	assert_non_null(file);
	assert_int_equal(ledger_export_write(query, &history, file, &unknown), 0);
	rewind(file);
	assert_int_equal(export_parse(file, take, data, &line, message), 0);
	fclose(file);
	ledger_history_deinit(&history);
}

/* Ledgers are told apart in each row, whatever the interval. */
static void test_ledgers(void **state)
{
	(void)state;
	for (int interval = LEDGER_EXPORT_HOUR; interval <= LEDGER_EXPORT_TOTAL;
		interval++) {
		struct ledger_history history = { .records = calloc(
							  4, sizeof(*history.records)) };
		const struct ledger_export query = {
			.interval = (enum ledger_export_interval)interval,
			.json = interval % 2,
			.host = "h",
			.machine_id = "m",
		};
		struct books books = { 0 };
		char message[EXPORT_MESSAGE_SIZE];
		const char *unknown;
		FILE *file = tmpfile();
		uint64_t line;

		assert_non_null(history.records);
		assert_non_null(file);
		for (uint8_t i = 0; i < 4; i++) {
			add_record(&history, DAY + i / 2 * HOUR_S,
				DAY + (i / 2 + 1u) * HOUR_S, i % 2 ? 10 : 1, "web");
			history.records[i].book.bytes[0] = i % 2 ? 2 : 1;
			if (i == 1 || (i == 3 && interval == LEDGER_EXPORT_HOUR))
				history.records[i].interval.sources |=
					LEDGER_IDLE_CONFIGURED | LEDGER_IDLE_LEARNED;
			history.records[i].zones[1].host.dynamic_uj = 0;
		}
		assert_int_equal(
			ledger_export_write(&query, &history, file, &unknown), 0);
		rewind(file);
		assert_int_equal(
			export_parse(file, sum_by_book, &books, &line, message), 0);
		assert_true(books.uj[1] > 0 && books.uj[2] == 10 * books.uj[1]);
		assert_int_equal(books.n_rows, interval == LEDGER_EXPORT_HOUR ? 40 : 20);
		fclose(file);
		ledger_history_deinit(&history);
	}
}

static void test_ranges(void **state)
{
	static const struct {
		uint64_t since_s, until_s;
		uint64_t units;
	} cases[] = {
		{ 0, 0, 1111111 },
		{ 1, 0, 111111 },
		{ DAY, 0, 1111 },
		{ DAY, DAY + DAY_S, 111 },
		{ DAY, DAY + 1, 10 },
		{ DAY + 1, DAY + DAY_S, 101 },
		{ DAY - DAY_S, DAY, 110000 },
		{ 0, DAY - DAY_S, 1000000 },
		{ 0, DAY - DAY_S - 1, 0 },
		{ DAY + 2 * DAY_S, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int interval = LEDGER_EXPORT_HOUR; interval <= LEDGER_EXPORT_TOTAL;
			interval++) {
			const struct ledger_export query = {
				.since_s = cases[i].since_s,
				.until_s = cases[i].until_s,
				.interval = (enum ledger_export_interval)interval,
				.json = i % 2,
				.host = "h",
				.machine_id = "m",
			};
			uint64_t sum_uj = 0;

			run(&query, sum_up, &sum_uj);
			assert_true(sum_uj == 96 * cases[i].units);
		}
	}
}

static void test_rows(void **state)
{
	static const char *const domains[] = { "web",
		"00000000-0000-0000-0000-000000000000" };
	static const char day[] =
		" 2023-11-14T00 00000001 old package-0 dynamic 10000000 0 powercap\n"
		" 2023-11-14T00 00000001 old package-0 idle 20000000 0 powercap\n"
		"2023-11-14T00 2023-11-15T00 00000001 old package-0 dynamic 1000000 0 "
		"powercap\n"
		"2023-11-14T00 2023-11-15T00 00000001 old package-0 idle 2000000 0 "
		"powercap\n"
		"2023-11-14T22 2023-11-15T05 00000001 web package-0 dynamic 100000 0 "
		"powercap\n"
		"2023-11-14T22 2023-11-15T05 00000001 web package-0 idle 200000 0 powercap\n"
		"2023-11-15T00 2023-11-16T00 00000001 www package-0 dynamic 1110 0 powercap\n"
		"2023-11-15T00 2023-11-16T00 00000001 www package-0 idle 2220 0 powercap\n"
		"2023-11-16T00 2023-11-17T00 00000001 www package-0 dynamic 10000 0 "
		"powercap\n"
		"2023-11-16T00 2023-11-17T00 00000001 www package-0 idle 20000 0 powercap\n";
	static const char hour[] =
		"2023-11-15T00 2023-11-15T01 00000001 web package-0 dynamic 100 0 powercap\n"
		"2023-11-15T00 2023-11-15T01 00000001 web package-0 idle 200 0 powercap\n"
		"2023-11-15T00 2023-11-15T01 00000002 other package-0 dynamic 200 0 "
		"powercap\n"
		"2023-11-15T00 2023-11-15T01 00000002 other package-0 idle 400 0 powercap\n"
		"2023-11-15T00 2023-11-15T01 host  package-0 dynamic 10 1 powercap\n"
		"2023-11-15T00 2023-11-15T01 host  package-0 idle 20 1 powercap\n"
		"2023-11-15T00 2023-11-15T01 unattrib  package-0 unattributed 30 1 powercap\n"
		"2023-11-15T00 2023-11-15T01 host  psys dynamic 1000 1 powercap\n"
		"2023-11-15T00 2023-11-15T01 host  psys idle 0 1 powercap\n"
		"2023-11-15T00 2023-11-15T01 unattrib  psys unattributed 0 1 powercap\n";
	struct ledger_export query = {
		.interval = LEDGER_EXPORT_DAY,
		.n_domains = 1,
		.domains = domains,
		.host = "h",
		.machine_id = "m",
	};
	struct ledger_history history = make_history();
	const char *unknown = NULL;
	char *text = NULL;
	size_t size;
	FILE *out;

	(void)state;
	out = open_memstream(&text, &size);
	run(&query, describe, out);
	fclose(out);
	assert_string_equal(text, day);
	free(text);
	out = open_memstream(&text, &size);
	query = (struct ledger_export){
		.since_s = DAY, .until_s = DAY + 1, .host = "h", .machine_id = "m"
	};
	run(&query, describe, out);
	fclose(out);
	assert_string_equal(text, hour);
	free(text);
	query.n_domains = 2;
	query.domains = domains;
	assert_int_equal(
		ledger_export_write(&query, &history, stdout, &unknown), -ENOENT);
	assert_ptr_equal(unknown, domains[1]);
	ledger_history_deinit(&history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_ledgers),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
