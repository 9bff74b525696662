/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * How long to wait after failures: a second, doubled by each, up to a bound, and of that
 * a random part between half and all, so that hosts that failed together do not come
 * back together. Pure.
 */
#pragma once

#include <stdint.h>

/* Of what a target may ask for: what is longer is taken for nonsense. */
#define PUSH_RETRY_AFTER_MAX_S 3600

/*
 * failures: so many in a row, one at least. retry_after_s: what the last answer asked
 * for (0: nothing), of which no second is taken off. random: any number.
 */
uint64_t push_backoff_ns(
	unsigned int failures, uint32_t max_s, uint32_t retry_after_s, uint32_t random);
