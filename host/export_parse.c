/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* CSV by characters, NDJSON by lines. */
#include "config.h"

#include "host/export_parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "shared/cleanup.h"

#define RECORD_MAX (64u << 10)
#define FIELDS_MAX 64u

struct parser {
	FILE *in;
	export_take *take;
	void *data;
	uint64_t line;	/* of what is read now */
	uint64_t begin; /* where the record began */
	char *message;
	/* A line; of CSV the fields of a record, one after the other, each with its NUL.
	 */
	char *text;
	size_t used;
	size_t n_fields;
	size_t fields[FIELDS_MAX];
	size_t columns[EXPORT_COLUMNS]; /* the field of each; SIZE_MAX: there is none */
};

__attribute__((__format__(printf, 2, 3))) static int fail(
	struct parser *parser, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parser->message, EXPORT_MESSAGE_SIZE, format, args);
	va_end(args);
	return -EBADMSG;
}

static int take_row(struct parser *parser, const char *const texts[EXPORT_COLUMNS])
{
	enum export_column column;
	struct export_row row;

	if (export_row_parse(texts, &row, &column) < 0)
		return fail(parser, "'%.60s' is no %s", texts[column],
			export_column_names[column]);
	return parser->take(&row, parser->data);
}

static int put(struct parser *parser, int c)
{
	if (c == '\0')
		return fail(parser, "there is a NUL byte");
	if (parser->used == RECORD_MAX)
		return fail(parser, "a record has more than %u bytes", RECORD_MAX);
	parser->text[parser->used++] = (char)c;
	return 0;
}

static int begin_field(struct parser *parser)
{
	if (parser->n_fields == FIELDS_MAX)
		return fail(parser, "there are more than %u fields", FIELDS_MAX);
	parser->fields[parser->n_fields++] = parser->used;
	return 0;
}

/* Behind the opening quote; leaves what follows the closing one in *next. */
static int read_quoted(struct parser *parser, int *next)
{
	for (;;) {
		int c = getc(parser->in), r;

		if (c == EOF)
			return fail(parser, "a quote is not closed");
		if (c == '\n')
			parser->line++;
		if (c == '"') {
			*next = getc(parser->in);
			if (*next != '"')
				return 0;
		}
		r = put(parser, c);
		if (r < 0)
			return r;
	}
}

static bool ends_field(int c)
{
	return c == ',' || c == '\n' || c == EOF;
}

/* Up to the comma, newline or end of file behind it, which is *next. */
static int read_field(struct parser *parser, int c, int *next)
{
	int r = begin_field(parser);

	if (r == 0 && c == '"') {
		r = read_quoted(parser, &c);
		if (r == 0 && c == '\r')
			c = getc(parser->in);
		if (r == 0 && !ends_field(c))
			return fail(parser, "something follows a closing quote");
	}
	while (r == 0 && !ends_field(c)) {
		int following = getc(parser->in);

		if (c == '"')
			return fail(parser, "there is a quote inside of a field");
		if (c != '\r' || following != '\n')
			r = put(parser, c);
		c = following;
	}
	if (r < 0)
		return r;
	if (parser->used == RECORD_MAX)
		return fail(parser, "a record has more than %u bytes", RECORD_MAX);
	parser->text[parser->used++] = '\0';
	*next = c;
	return 0;
}

/* 1: there is one; 0: the file ends. */
static int read_record(struct parser *parser)
{
	int c = getc(parser->in), r;

	if (c == EOF)
		return 0;
	parser->begin = parser->line;
	parser->used = 0;
	parser->n_fields = 0;
	for (;;) {
		r = read_field(parser, c, &c);
		if (r < 0)
			return r;
		if (c != ',')
			break;
		c = getc(parser->in);
	}
	parser->line++;
	return 1;
}

static const char *field(const struct parser *parser, size_t index)
{
	return parser->text + parser->fields[index];
}

static int read_head(struct parser *parser)
{
	int r = read_record(parser);

	if (r < 0)
		return r;
	for (size_t column = 0; column < EXPORT_COLUMNS; column++) {
		size_t i = 0;

		while (r > 0 && i < parser->n_fields &&
			strcmp(field(parser, i), export_column_names[column]) != 0)
			i++;
		if (r > 0 && i == parser->n_fields && column >= EXPORT_LEDGER)
			i = SIZE_MAX;
		else if (r == 0 || i == parser->n_fields)
			return fail(parser,
				"there is no column %s; this is no export of vmpower's",
				export_column_names[column]);
		parser->columns[column] = i;
	}
	return 0;
}

static int read_csv(struct parser *parser)
{
	size_t n_fields;
	int r = read_head(parser);

	if (r < 0)
		return r;
	n_fields = parser->n_fields;
	while ((r = read_record(parser)) > 0) {
		const char *texts[EXPORT_COLUMNS];

		if (parser->n_fields == 1 && field(parser, 0)[0] == '\0')
			continue;
		if (parser->n_fields != n_fields)
			return fail(parser, "there %s %zu field%s instead of %zu",
				parser->n_fields == 1 ? "is" : "are", parser->n_fields,
				parser->n_fields == 1 ? "" : "s", n_fields);
		for (size_t i = 0; i < EXPORT_COLUMNS; i++)
			texts[i] = parser->columns[i] == SIZE_MAX
					   ? ""
					   : field(parser, parser->columns[i]);
		r = take_row(parser, texts);
		if (r)
			return r;
	}
	return r;
}

static int take_object(struct parser *parser, const cJSON *object)
{
	const char *texts[EXPORT_COLUMNS];

	if (!cJSON_IsObject(object))
		return fail(parser, "this is no JSON object");
	for (size_t i = 0; i < EXPORT_COLUMNS; i++) {
		const char *name = export_column_names[i];
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

		if ((i == EXPORT_SINCE && cJSON_IsNull(item)) ||
			(i >= EXPORT_LEDGER && !item))
			texts[i] = "";
		else if (cJSON_IsString(item))
			texts[i] = item->valuestring;
		else
			return fail(parser, "there is no string \"%s\"", name);
	}
	return take_row(parser, texts);
}

/* All of the line is one object: what follows it would be lost without a word. */
static int take_line(struct parser *parser, const char *text, size_t n)
{
	const char *end = NULL;
	cJSON *object = cJSON_ParseWithLengthOpts(text, n, &end, false);
	int r;

	while (object && end < text + n && strchr(" \t\r\n", *end) && *end)
		end++;
	if (object && end < text + n)
		r = fail(parser, "something follows the JSON object");
	else
		r = take_object(parser, object);
	cJSON_Delete(object);
	return r;
}

/* 1: there is one; 0: the file ends. */
static int read_line(struct parser *parser)
{
	int c = getc(parser->in);

	if (c == EOF)
		return 0;
	parser->begin = parser->line++;
	parser->used = 0;
	for (; c != EOF && c != '\n'; c = getc(parser->in)) {
		int r = put(parser, c);

		if (r < 0)
			return r;
	}
	return 1;
}

static int read_json(struct parser *parser)
{
	int r;

	while ((r = read_line(parser)) > 0) {
		if (parser->used == 0 || (parser->used == 1 && parser->text[0] == '\r'))
			continue;
		r = take_line(parser, parser->text, parser->used);
		if (r)
			return r;
	}
	return r;
}

/* The first byte behind the mark that some programs put before UTF-8; it is not taken. */
static int skip_mark(FILE *in)
{
	int c = getc(in);

	if (c == 0xef && getc(in) == 0xbb && getc(in) == 0xbf)
		c = getc(in);
	ungetc(c, in);
	return c;
}

int export_parse(FILE *in, export_take *take, void *data, uint64_t *ret_line,
	char message[EXPORT_MESSAGE_SIZE])
{
	struct parser parser = { .in = in,
		.take = take,
		.data = data,
		.line = 1,
		.begin = 1,
		.message = message };
	cleanup_free char *text = malloc(RECORD_MAX);
	int c, r;

	if (!text)
		return -ENOMEM;
	parser.text = text;
	message[0] = '\0';
	c = skip_mark(in);
	/* An empty file is NDJSON without a row; CSV has its head. */
	if (c == '{' || c == EOF)
		r = read_json(&parser);
	else
		r = read_csv(&parser);
	if (ferror(in))
		r = -EIO;
	*ret_line = parser.begin;
	return r;
}
