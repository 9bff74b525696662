/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * All that a state directory knows, by interval: read without writing to it and without
 * the lock, whether vmpower-hostd runs or not. The records add up to the ledger's
 * totals at one of its ticks (and those of ledgers before this one, whose records are
 * there still), as host/interval_load.h says.
 */
#pragma once

#include <stddef.h>

#include "host/interval_record.h"
#include "host/ledger_image.h"

struct ledger_history {
	size_t n, size;
	/* In no order; more than one may be of the same time. */
	struct interval_record *records;
};

/*
 * Reads it. message is "" or, on success, what is wrong with it; after a failure the
 * reason and what to do. -ENOENT: there is no ledger; -EBADMSG: it is corrupt; -ENOMEM,
 * -errno.
 */
int ledger_history_read(const char *dir, char message[LEDGER_MESSAGE_SIZE],
	struct ledger_history *ret_history);

void ledger_history_deinit(struct ledger_history *history);
