/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What became of the ticks that are pushed, as metrics: none where nothing is. Pure. */
#pragma once

#include "host/metrics_sink.h"
#include "host/snapshot.h"

void metrics_push(struct metrics_sink *sink, const struct snapshot *snapshot);
