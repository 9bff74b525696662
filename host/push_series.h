/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What a point is called and counts in, in formats that have integers and a name that
 * tells the unit: joules are whole microjoules there. Pure.
 */
#pragma once

#include <stdbool.h>

#include "host/json_text.h"
#include "host/metrics_points.h"

/* The metric's name, where it has joules with microjoules in their place. */
void push_series_put_name(struct json_text *out, const struct metrics_point *point);

/* Whether its number, as it is, is what the series counts: else it is a fraction. */
bool push_series_is_whole(const struct metrics_point *point);
