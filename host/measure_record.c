/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Windows as JSON and CSV. */
#include "host/measure_record.h"

#include <stdio.h>
#include <string.h>

#include "host/csv.h"
#include "host/export_time.h"
#include "shared/clock.h"
#include "shared/number.h"

#define MARKS_SIZE 160

enum column {
	VERSION,
	NAME,
	REPEAT,
	REPEATS,
	SINCE,
	BEGIN_NS,
	END_NS,
	COMMAND,
	COMMAND_BEGIN_NS,
	COMMAND_END_NS,
	EXIT_STATUS,
	HOST,
	SOURCE,
	IDLE_POLICY,
	QUALITY,
	MARKS,
	ROW,
	UUID,
	DOMAIN_NAME,
	DOMAIN_MARKS,
	ZONE,
	DYNAMIC_UJ,
	IDLE_UJ,
	ENERGY_UJ,
	AVERAGE_W,
	PEAK_W,
	COLUMNS,
};

static const char *const column_names[COLUMNS] = {
	[VERSION] = "vmpower_measure_version",
	[NAME] = "name",
	[REPEAT] = "repeat",
	[REPEATS] = "repeats",
	[SINCE] = "since",
	[BEGIN_NS] = "begin_ns",
	[END_NS] = "end_ns",
	[COMMAND] = "command",
	[COMMAND_BEGIN_NS] = "command_begin_ns",
	[COMMAND_END_NS] = "command_end_ns",
	[EXIT_STATUS] = "exit_status",
	[HOST] = "host",
	[SOURCE] = "source",
	[IDLE_POLICY] = "idle_policy",
	[QUALITY] = "quality",
	[MARKS] = "marks",
	[ROW] = "row",
	[UUID] = "uuid",
	[DOMAIN_NAME] = "domain",
	[DOMAIN_MARKS] = "domain_marks",
	[ZONE] = "zone",
	[DYNAMIC_UJ] = "dynamic_uj",
	[IDLE_UJ] = "idle_uj",
	[ENERGY_UJ] = "energy_uj",
	[AVERAGE_W] = "average_w",
	[PEAK_W] = "peak_w",
};

/* Rounded to the nearest. */
static uint64_t average_uw(const struct measure_window *window, uint64_t uj)
{
	return (uint64_t)(measure_window_watts(window, uj) * 1e6 + 0.5);
}

static void put_key(struct json_text *text, const char *key)
{
	json_text_literal(text, ",");
	json_text_string(text, key);
	json_text_literal(text, ":");
}

static void put_string(struct json_text *text, const char *key, const char *value)
{
	put_key(text, key);
	json_text_string(text, value);
}

static void put_counter(struct json_text *text, const char *key, uint64_t value)
{
	put_key(text, key);
	json_text_counter(text, value);
}

static void put_watts(struct json_text *text, const char *key, uint64_t uw)
{
	put_key(text, key);
	json_text_watts(text, uw);
}

static void put_marks(struct json_text *text, uint32_t marks)
{
	bool some = false;

	json_text_literal(text, ",\"marks\":[");
	for (int i = 0; i < MEASURE_MARKS; i++) {
		if (!(marks >> i & 1))
			continue;
		if (some)
			json_text_literal(text, ",");
		json_text_string(text, measure_mark_name((enum measure_mark)i));
		some = true;
	}
	json_text_literal(text, "]");
}

/* What is of one zone, or of all; dynamic and idle are nothing the unattributed has. */
static void put_energy(struct json_text *text, const struct measure_window *window,
	enum measure_row_kind kind, const struct measure_energy *energy, uint64_t peak_uw)
{
	json_text_literal(text, "\"energy_uj\":");
	json_text_counter(text, energy->uj);
	if (kind != MEASURE_UNATTRIBUTED) {
		put_counter(text, "dynamic_uj", energy->dynamic_uj);
		put_counter(text, "idle_uj", energy->idle_uj);
	}
	put_watts(text, "average_w", average_uw(window, energy->uj));
	put_watts(text, "peak_w", peak_uw);
}

static void put_row(
	struct json_text *text, const struct measure_window *window, size_t index)
{
	const struct measure_row *row = &window->rows[index];
	struct measure_energy energy = measure_window_sum(window, index);
	char uuid[UUID_TEXT_SIZE];

	json_text_literal(text, "{\"row\":");
	json_text_string(text, measure_row_kind_name(row->kind));
	if (row->kind == MEASURE_DOMAIN) {
		uuid_format(&row->uuid, uuid);
		put_string(text, "uuid", uuid);
		put_string(text, "domain", row->name ? row->name : "");
		put_marks(text, row->marks);
	}
	json_text_literal(text, ",");
	put_energy(text, window, row->kind, &energy, row->peak_uw);
	json_text_literal(text, ",\"zones\":{");
	for (size_t z = 0; z < window->n_zones; z++) {
		energy = measure_window_energy(window, index, z);
		if (z > 0)
			json_text_literal(text, ",");
		json_text_string(text, window->zone_names[z]);
		json_text_literal(text, ":{");
		put_energy(text, window, row->kind, &energy, row->zones[z].peak_uw);
		json_text_literal(text, "}");
	}
	json_text_literal(text, "}}");
}

static void put_head(struct json_text *text, const struct measure_about *about,
	const struct measure_run *run)
{
	const struct measure_window *window = &run->window;
	char since[EXPORT_TIME_SIZE];

	export_time_format(window->begin_time_ns / NSEC_PER_SEC, since);
	json_text_string(text, "name");
	json_text_literal(text, ":");
	json_text_string(text, about->name);
	put_key(text, "repeat");
	json_text_u64(text, run->repeat);
	put_key(text, "repeats");
	json_text_u64(text, about->n_repeats);
	put_string(text, "since", since);
	put_counter(text, "begin_ns", window->begin_ns);
	put_counter(text, "end_ns", window->end_ns);
	put_counter(text, "ticks", window->n_ticks);
	if (run->exit_status >= 0) {
		put_string(text, "command", about->program);
		put_counter(text, "command_begin_ns", run->command_begin_ns);
		put_counter(text, "command_end_ns", run->command_end_ns);
		put_key(text, "exit_status");
		json_text_u64(text, (uint64_t)run->exit_status);
	}
	put_string(text, "host", about->host);
	put_string(text, "source", window->source);
	put_string(text, "idle_policy", window->idle_policy);
	put_string(text, "quality", message_quality_name(measure_window_quality(window)));
	put_marks(text, window->marks);
}

void measure_record_object(const struct measure_about *about,
	const struct measure_run *run, struct json_text *text)
{
	json_text_literal(text, MEASURE_RECORD_BEGIN);
	put_head(text, about, run);
	json_text_literal(text, ",\"rows\":[");
	for (size_t n = 0; n < run->window.n_rows; n++) {
		if (n > 0)
			json_text_literal(text, ",");
		put_row(text, &run->window, measure_window_nth(&run->window, n));
	}
	json_text_literal(text, "]}");
}

void measure_record_json(const struct measure_about *about, const struct measure_run *run,
	struct json_text *text)
{
	measure_record_object(about, run, text);
	json_text_literal(text, "\n");
}

void measure_record_csv_head(struct json_text *text)
{
	csv_line(text, column_names, COLUMNS);
}

/* The texts of a line that are made up of numbers. */
struct values {
	char numbers[COLUMNS][NUMBER_U64_SIZE + 8];
	char since[EXPORT_TIME_SIZE], uuid[UUID_TEXT_SIZE];
	char marks[MARKS_SIZE], domain_marks[MARKS_SIZE];
	const char *texts[COLUMNS];
};

static void set_number(struct values *values, enum column column, uint64_t number)
{
	number_format_u64(values->numbers[column], number);
	values->texts[column] = values->numbers[column];
}

static void set_watts(struct values *values, enum column column, uint64_t uw)
{
	snprintf(values->numbers[column], sizeof(values->numbers[column]), "%ju.%06u",
		(uintmax_t)(uw / 1000000), (unsigned int)(uw % 1000000));
	values->texts[column] = values->numbers[column];
}

/* "degraded hostd-restarted" */
static void format_marks(uint32_t marks, char text[MARKS_SIZE])
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < MEASURE_MARKS; i++) {
		if (marks >> i & 1)
			used += (size_t)snprintf(text + used, MARKS_SIZE - used, "%s%s",
				used ? " " : "", measure_mark_name((enum measure_mark)i));
	}
}

static void set_run(struct values *values, const struct measure_about *about,
	const struct measure_run *run)
{
	const struct measure_window *window = &run->window;

	for (size_t i = 0; i < COLUMNS; i++)
		values->texts[i] = "";
	set_number(values, VERSION, 1);
	values->texts[NAME] = about->name;
	set_number(values, REPEAT, run->repeat);
	set_number(values, REPEATS, about->n_repeats);
	export_time_format(window->begin_time_ns / NSEC_PER_SEC, values->since);
	values->texts[SINCE] = values->since;
	set_number(values, BEGIN_NS, window->begin_ns);
	set_number(values, END_NS, window->end_ns);
	if (run->exit_status >= 0) {
		values->texts[COMMAND] = about->program;
		set_number(values, COMMAND_BEGIN_NS, run->command_begin_ns);
		set_number(values, COMMAND_END_NS, run->command_end_ns);
		set_number(values, EXIT_STATUS, (uint64_t)run->exit_status);
	}
	values->texts[HOST] = about->host;
	values->texts[SOURCE] = window->source;
	values->texts[IDLE_POLICY] = window->idle_policy;
	values->texts[QUALITY] = message_quality_name(measure_window_quality(window));
	format_marks(window->marks, values->marks);
	values->texts[MARKS] = values->marks;
}

static void set_row(struct values *values, const struct measure_row *row)
{
	values->texts[ROW] = measure_row_kind_name(row->kind);
	values->texts[UUID] = values->texts[DOMAIN_NAME] = values->texts[DOMAIN_MARKS] =
		"";
	if (row->kind != MEASURE_DOMAIN)
		return;
	uuid_format(&row->uuid, values->uuid);
	format_marks(row->marks, values->domain_marks);
	values->texts[UUID] = values->uuid;
	values->texts[DOMAIN_NAME] = row->name ? row->name : "";
	values->texts[DOMAIN_MARKS] = values->domain_marks;
}

static void set_zone(struct values *values, const struct measure_window *window,
	size_t index, size_t zone)
{
	const struct measure_row *row = &window->rows[index];
	struct measure_energy energy = measure_window_energy(window, index, zone);

	values->texts[ZONE] = window->zone_names[zone];
	values->texts[DYNAMIC_UJ] = values->texts[IDLE_UJ] = "";
	if (row->kind != MEASURE_UNATTRIBUTED) {
		set_number(values, DYNAMIC_UJ, energy.dynamic_uj);
		set_number(values, IDLE_UJ, energy.idle_uj);
	}
	set_number(values, ENERGY_UJ, energy.uj);
	set_watts(values, AVERAGE_W, average_uw(window, energy.uj));
	set_watts(values, PEAK_W, row->zones[zone].peak_uw);
}

void measure_record_csv(const struct measure_about *about, const struct measure_run *run,
	struct json_text *text)
{
	const struct measure_window *window = &run->window;
	struct values values;

	set_run(&values, about, run);
	for (size_t n = 0; n < window->n_rows; n++) {
		size_t index = measure_window_nth(window, n);

		set_row(&values, &window->rows[index]);
		for (size_t z = 0; z < window->n_zones; z++) {
			set_zone(&values, window, index, z);
			csv_line(text, values.texts, COLUMNS);
		}
	}
}
