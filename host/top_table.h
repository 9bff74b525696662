/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The parts of vmpower top that are tables. Each draws whole lines of a frame. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/top_frame.h"
#include "host/top_model.h"
#include "host/top_view.h"

/* The columns' titles, then domains from the view's first on, then maybe other rows. */
void top_table_draw(const struct top_model *model, const struct top_view *view,
	struct top_frame *frame, size_t line, size_t n_domains, bool others);

/* The last tick of each shared zone: domains + host + unattributed = zone. */
size_t top_zones_height(const struct snapshot *snapshot);
void top_zones_draw(const struct snapshot *snapshot, struct top_frame *frame, size_t line,
	size_t n_lines);

/* The selected domain: zones, vCPUs and its guest. */
size_t top_detail_height(
	const struct top_model *model, const struct top_view *view, size_t width);
void top_detail_draw(const struct top_model *model, const struct top_view *view,
	struct top_frame *frame, size_t line, size_t n_lines);
