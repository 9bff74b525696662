/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The rows of vmpower top. */
#include "host/top_table.h"

#include <inttypes.h>
#include <stdio.h>

#include "host/text.h"
#include "host/top_columns.h"

#define NUMBER_SIZE 64
#define LEVELS	    8

struct table {
	const struct top_view *view;
	struct top_frame *frame;
	struct top_place places[TOP_COLUMNS];
};

static void put_right(
	struct table *table, size_t line, enum top_column column, const char *text)
{
	const struct top_place *place = &table->places[column];
	size_t width = text_width(text), end = place->start + place->width;

	if (place->width > 0)
		top_frame_put(table->frame, line,
			place->start + (width < place->width ? place->width - width : 0),
			end, text);
}

static void put_left(
	struct table *table, size_t line, enum top_column column, const char *text)
{
	const struct top_place *place = &table->places[column];

	top_frame_put(
		table->frame, line, place->start, place->start + place->width, text);
}

static void put_number(struct table *table, size_t line, enum top_column column,
	double number, unsigned int decimals)
{
	char text[NUMBER_SIZE];

	top_columns_number(
		text, sizeof(text), number, decimals, table->places[column].width);
	put_right(table, line, column, text);
}

/* As high as its share of the highest one shown; power of 0 is blank. */
static wchar_t bar(bool utf8, float watts, float highest)
{
	static const wchar_t bars[] = L" ▁▂▃▄▅▆▇█", plain[] = L" _.-=+*%#";
	unsigned int level;

	if (!(watts > 0) || !(highest > 0))
		return L' ';
	level = (unsigned int)(watts / highest * LEVELS + 0.5f);
	if (level == 0)
		level = 1;
	return (utf8 ? bars : plain)[level < LEVELS ? level : LEVELS];
}

static float watts_ago(const struct top_history *history, size_t ago)
{
	return history->watts[(history->next + TOP_HISTORY - 1 - ago) % TOP_HISTORY];
}

/* The newest is at the right. */
static void put_history(
	struct table *table, size_t line, const struct top_history *history)
{
	const struct top_place *place = &table->places[TOP_COLUMN_HISTORY];
	size_t n = history->n < place->width ? history->n : place->width;
	float highest = 0;

	for (size_t i = 0; i < n; i++) {
		if (watts_ago(history, i) > highest)
			highest = watts_ago(history, i);
	}
	for (size_t i = 0; i < n; i++)
		top_frame_put_character(table->frame, line,
			place->start + place->width - 1 - i,
			bar(table->view->utf8, watts_ago(history, i), highest));
}

static void draw_titles(struct table *table, size_t line)
{
	top_frame_set_look(table->frame, line, 0, table->frame->width, TOP_LOOK_BAR);
	for (enum top_column i = 0; i < TOP_COLUMNS; i++) {
		const struct top_place *place = &table->places[i];
		enum top_sort sort;

		if (top_column_is_left(i))
			put_left(table, line, i, top_column_title(i));
		else
			put_right(table, line, i, top_column_title(i));
		if (top_column_sort(i, &sort) && sort == table->view->sort)
			top_frame_set_look(table->frame, line, place->start,
				place->start + place->width, TOP_LOOK_BAR_STRONG);
	}
}

static void draw_domain(
	struct table *table, size_t line, const struct snapshot_domain *domain)
{
	char text[NUMBER_SIZE];

	snprintf(text, sizeof(text), "%" PRIu32, domain->n_vcpus);
	put_right(table, line, TOP_COLUMN_VCPUS, text);
	put_left(table, line, TOP_COLUMN_LINK,
		domain->paused ? "paused" : link_state_name(domain->link.state));
}

static void draw_row(struct table *table, size_t line, const struct top_row *row)
{
	put_left(table, line, TOP_COLUMN_NAME, row->name);
	if (row->domain)
		draw_domain(table, line, row->domain);
	if (row->cpu_percent >= 0)
		put_number(table, line, TOP_COLUMN_CPU, row->cpu_percent, 1);
	if (row->split) {
		put_number(table, line, TOP_COLUMN_DYNAMIC, row->dynamic_w, 2);
		put_number(table, line, TOP_COLUMN_IDLE, row->idle_w, 2);
	} else {
		/* Of no kind: there is one number of watts, whatever column is there. */
		put_number(table, line,
			table->places[TOP_COLUMN_WATTS].width ? TOP_COLUMN_WATTS
							      : TOP_COLUMN_DYNAMIC,
			row->watts, 2);
	}
	if (row->split)
		put_number(table, line, TOP_COLUMN_WATTS, row->watts, 2);
	put_number(table, line, TOP_COLUMN_JOULES, (double)row->energy_uj / 1e6, 1);
	put_number(table, line, TOP_COLUMN_SHARE, row->share * 100, 1);
	if (row->history)
		put_history(table, line, row->history);
}

static size_t longest_name(const struct top_model *model)
{
	size_t longest = 0;

	for (size_t i = 0; i < top_model_n_domains(model); i++) {
		size_t width = text_width(top_model_row(model, i)->name);

		if (width > longest)
			longest = width;
	}
	return longest;
}

void top_table_draw(const struct top_model *model, const struct top_view *view,
	struct top_frame *frame, size_t line, size_t n_domains, bool others)
{
	struct table table = { .view = view, .frame = frame };

	top_columns_fit(frame->width, longest_name(model), view->live, table.places);
	draw_titles(&table, line++);
	for (size_t i = view->first; i < view->first + n_domains; i++, line++) {
		draw_row(&table, line, top_model_row(model, i));
		if (view->live && i == view->cursor)
			top_frame_set_look(
				frame, line, 0, frame->width, TOP_LOOK_SELECTED);
	}
	for (size_t i = 0; others && i < top_model_n_others(model); i++, line++) {
		draw_row(&table, line, top_model_other(model, i));
		top_frame_set_look(frame, line, 0, frame->width, TOP_LOOK_STRONG);
	}
}
