/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower top's model, as somebody looks at it, in lines of cells. Pure. */
#pragma once

#include <stddef.h>

#include "host/top_frame.h"
#include "host/top_model.h"
#include "host/top_view.h"

/* Lines that all of it takes, in so many columns. */
size_t top_render_height(
	const struct top_model *model, const struct top_view *view, size_t width);

/*
 * Fills the frame, which has its size: what has no room is left out, the domains' rows
 * last. The view's rows on the screen are settled. Returns how many lines are used.
 */
size_t top_render(
	const struct top_model *model, struct top_view *view, struct top_frame *frame);
