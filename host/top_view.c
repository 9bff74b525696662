/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Keys, and the row that is selected. */
#include "host/top_view.h"

/* One letter for each order, and < and > from one to the next. */
static const struct {
	char key;
	enum top_sort sort;
} sort_keys[] = {
	{ 'n', TOP_SORT_NAME },
	{ 'v', TOP_SORT_VCPUS },
	{ 'c', TOP_SORT_CPU },
	{ 'd', TOP_SORT_DYNAMIC },
	{ 'i', TOP_SORT_IDLE },
	{ 'w', TOP_SORT_WATTS },
	{ 'j', TOP_SORT_JOULES },
	{ 'g', TOP_SORT_LINK },
};

/* Selects the row, or the last one. */
static void select_row(struct top_view *view, const struct top_model *model, size_t row)
{
	size_t n = top_model_n_domains(model);

	if (n == 0)
		return;
	view->cursor = row < n ? row : n - 1;
	view->selected = top_model_row(model, view->cursor)->domain->uuid;
}

void top_view_arrange(struct top_view *view, struct top_model *model)
{
	size_t row;

	top_model_arrange(model, view->sort, view->reverse, view->since);
	row = top_model_find(model, &view->selected);
	select_row(view, model, row < top_model_n_domains(model) ? row : view->cursor);
}

void top_view_settle(struct top_view *view, size_t n_domains, size_t n_shown)
{
	size_t last = n_domains > n_shown ? n_domains - n_shown : 0;

	view->n_shown = n_shown;
	if (view->live && view->cursor < view->first)
		view->first = view->cursor;
	if (view->live && n_shown > 0 && view->cursor >= view->first + n_shown)
		view->first = view->cursor - n_shown + 1;
	if (view->first > last)
		view->first = last;
}

static enum top_action set_sort(
	struct top_view *view, struct top_model *model, enum top_sort sort)
{
	/* The same once more turns it round. */
	view->reverse = sort == view->sort && !view->reverse;
	view->sort = sort;
	top_view_arrange(view, model);
	return TOP_ACTION_REDRAW;
}

static enum top_action move(struct top_view *view, const struct top_model *model, int key)
{
	size_t page = view->n_shown > 1 ? view->n_shown - 1 : 1, row = view->cursor;

	switch (key) {
	case TOP_KEY_UP:
		row -= row > 0;
		break;
	case TOP_KEY_DOWN:
		row++;
		break;
	case TOP_KEY_PAGE_UP:
		row -= row < page ? row : page;
		break;
	case TOP_KEY_PAGE_DOWN:
		row += page;
		break;
	case TOP_KEY_HOME:
		row = 0;
		break;
	case TOP_KEY_END:
		row = top_model_n_domains(model);
		break;
	default:
		return TOP_ACTION_NONE;
	}
	select_row(view, model, row);
	return TOP_ACTION_REDRAW;
}

enum top_action top_view_key(struct top_view *view, struct top_model *model, int key)
{
	for (size_t i = 0; i < sizeof(sort_keys) / sizeof(sort_keys[0]); i++) {
		if (key == sort_keys[i].key)
			return set_sort(view, model, sort_keys[i].sort);
	}
	switch (key) {
	case 'q':
	case 'Q':
		return TOP_ACTION_QUIT;
	case '<':
		view->reverse = false;
		view->sort = (view->sort + TOP_SORTS - 1) % TOP_SORTS;
		break;
	case '>':
		view->reverse = false;
		view->sort = (view->sort + 1) % TOP_SORTS;
		break;
	case 'r':
		view->reverse = !view->reverse;
		break;
	case 'e':
		view->since = view->since == TOP_SINCE_BOOT ? TOP_SINCE_TOP
							    : TOP_SINCE_BOOT;
		break;
	case TOP_KEY_ENTER:
	case ' ':
		view->detail = !view->detail;
		break;
	case TOP_KEY_ESCAPE:
		view->detail = view->help = false;
		break;
	case '?':
	case 'h':
		view->help = !view->help;
		break;
	case 'L' - '@':
		return TOP_ACTION_REPAINT;
	default:
		return move(view, model, key);
	}
	top_view_arrange(view, model);
	return TOP_ACTION_REDRAW;
}
