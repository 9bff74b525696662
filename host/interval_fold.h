/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What becomes of old records in DIR/intervals: hours become days, and days become a
 * single record without a beginning. Nothing is lost but when it was used.
 *
 * Where the clock goes back and forth, hours have many records: they become one, too.
 *
 * Age is counted in UTC days of which there are records: the newest N are kept. So it
 * does not matter how long the host was off, and a clock that was wrong for a while
 * costs no more than one of the days.
 */
#pragma once

#include <stdint.h>

#include "shared/uuid.h"

struct interval_fold {
	uint32_t hourly_days; /* of so many days hours are kept; at least 1 */
	uint32_t daily_days;  /* of so many days anything is; 0: of all */
	/*
	 * Of this book, only records up to this sequence are touched: the end of the last
	 * interval that the checkpoint knows to be closed. A power failure would make
	 * those behind it void, and what they are folded with as well.
	 */
	struct uuid book;
	uint64_t max_sequence;
};

/*
 * Rewrites the file, if that would change it. 1: it did; 0: it did not. -errno: it is as
 * it was, or, where only the directory could not be flushed, rewritten. *ret_end is its
 * size if it was rewritten.
 */
int interval_fold_file(int dir_fd, const struct interval_fold *fold, uint64_t *ret_end);
