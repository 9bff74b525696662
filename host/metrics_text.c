/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Families and samples as text. */
#include "host/metrics_text.h"

#include <string.h>

#include "host/utf8.h"

static struct metrics_text *text_of(struct metrics_sink *sink)
{
	return (struct metrics_text *)sink;
}

static void put(struct metrics_text *text, const char *string)
{
	json_text_put(&text->out, string, strlen(string));
}

/* A family of OpenMetrics is called without what its samples' names end with. */
static size_t family_len(
	const struct metrics_text *text, const struct metrics_family *family)
{
	static const char *const suffixes[] = {
		[METRICS_GAUGE] = "",
		[METRICS_COUNTER] = "_total",
		[METRICS_INFO] = "_info",
		[METRICS_COUNTER_NAMED] = "",
	};
	size_t len = strlen(family->name);

	return text->openmetrics ? len - strlen(suffixes[family->type]) : len;
}

static const char *type_name(const struct metrics_text *text, enum metrics_type type)
{
	static const char *const prometheus[] = {
		[METRICS_GAUGE] = "gauge",
		[METRICS_COUNTER] = "counter",
		[METRICS_INFO] = "gauge",
		[METRICS_COUNTER_NAMED] = "counter",
	};
	static const char *const openmetrics[] = {
		[METRICS_GAUGE] = "gauge",
		[METRICS_COUNTER] = "counter",
		[METRICS_INFO] = "info",
		/* A counter's samples have to be called _total. */
		[METRICS_COUNTER_NAMED] = "unknown",
	};

	return text->openmetrics ? openmetrics[type] : prometheus[type];
}

static void put_head(struct metrics_text *text, const char *what,
	const struct metrics_family *family, const char *is)
{
	put(text, what);
	json_text_put(&text->out, family->name, family_len(text, family));
	json_text_literal(&text->out, " ");
	put(text, is);
	json_text_literal(&text->out, "\n");
}

static void take_family(struct metrics_sink *sink, const struct metrics_family *family)
{
	struct metrics_text *text = text_of(sink);

	put_head(text, "# HELP ", family, family->help);
	put_head(text, "# TYPE ", family, type_name(text, family->type));
	if (text->openmetrics && family->unit)
		put_head(text, "# UNIT ", family, family->unit);
}

static void take_sample(struct metrics_sink *sink, const struct metrics_family *family)
{
	struct metrics_text *text = text_of(sink);

	put(text, family->name);
	text->in_labels = false;
}

/* Characters as they are, as many as go in one piece. */
static size_t plain_len(const char *value)
{
	size_t len = 0;

	while ((signed char)value[len] > 0 && value[len] != '\\' && value[len] != '"' &&
		value[len] != '\n')
		len++;
	return len;
}

static void put_escaped(struct metrics_text *text, const char *value)
{
	while (*value) {
		size_t len = plain_len(value);

		if (len > 0) {
			json_text_put(&text->out, value, len);
		} else if (*value == '\n') {
			json_text_literal(&text->out, "\\n");
			len = 1;
		} else if (*value == '\\' || *value == '"') {
			json_text_literal(&text->out, "\\");
			json_text_put(&text->out, value, 1);
			len = 1;
		} else {
			len = utf8_character_len(value);
			if (len > 0)
				json_text_put(&text->out, value, len);
			else
				json_text_literal(&text->out, "\xef\xbf\xbd");
			len = len > 0 ? len : 1;
		}
		value += len;
	}
}

static void take_label(struct metrics_sink *sink, const char *name, const char *value)
{
	struct metrics_text *text = text_of(sink);

	json_text_put(&text->out, text->in_labels ? "," : "{", 1);
	text->in_labels = true;
	put(text, name);
	json_text_literal(&text->out, "=\"");
	put_escaped(text, value);
	json_text_literal(&text->out, "\"");
}

static void take_value(
	struct metrics_sink *sink, uint64_t number, enum metrics_scale scale)
{
	struct metrics_text *text = text_of(sink);

	if (text->in_labels)
		json_text_literal(&text->out, "}");
	json_text_literal(&text->out, " ");
	/* Millionths and billionths, whatever of. */
	if (scale == METRICS_MILLIONTHS)
		json_text_watts(&text->out, number);
	else if (scale == METRICS_BILLIONTHS)
		json_text_seconds(&text->out, number);
	else
		json_text_u64(&text->out, number);
	json_text_literal(&text->out, "\n");
}

void metrics_text_init(struct metrics_text *text, bool openmetrics, struct json_text out)
{
	static const struct metrics_sink_ops ops = { take_family, take_sample, take_label,
		take_value };

	*text = (struct metrics_text){ { &ops }, out, openmetrics, false };
}

void metrics_text_end(struct metrics_text *text)
{
	if (text->openmetrics)
		json_text_literal(&text->out, "# EOF\n");
}
