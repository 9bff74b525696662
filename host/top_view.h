/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * How somebody looks at vmpower top's model: the order, what is selected and what is
 * open, and what keys do to that. It knows no terminal. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/top_model.h"
#include "shared/uuid.h"

/* Keys that are no characters. */
enum top_key {
	TOP_KEY_UP = 0x110000, /* beyond Unicode */
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE,
};

struct top_view {
	enum top_sort sort;
	bool reverse;
	enum top_since since;
	bool live; /* a row is selected, keys are told of, there is a history */
	bool detail, help;
	bool utf8;
	/* The domain selected, and where: where it is gone, the one there now is. */
	struct uuid selected;
	size_t cursor;
	/* The first row on the screen, and how many: the last rendering's. */
	size_t first, n_shown;
	const char *host_name; /* untrusted text */
	const char *clock;     /* of the tick shown: "14:03:22" */
	const char *trouble;   /* why there is nothing new; NULL: there is */
	uint64_t age_ns;       /* how old the tick is */
};

/* What a key asks for that is not in the view. */
enum top_action {
	TOP_ACTION_NONE, /* the key means nothing */
	TOP_ACTION_REDRAW,
	TOP_ACTION_REPAINT, /* the whole screen */
	TOP_ACTION_QUIT,
};

/* Arranges the model, which may be new or changed, as the view has it. */
void top_view_arrange(struct top_view *view, struct top_model *model);

enum top_action top_view_key(struct top_view *view, struct top_model *model, int key);

/* The selected row is on the screen, where there is room for n_shown. */
void top_view_settle(struct top_view *view, size_t n_domains, size_t n_shown);
