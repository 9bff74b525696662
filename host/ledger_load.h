/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Between the book in memory and its image: load and store. Pure. */
#pragma once

#include <stdbool.h>

#include "host/ledger_book.h"
#include "host/ledger_image.h"
#include "host/sample.h"

/*
 * The book of a decoded image, and the sample it ends with, without its zones (they
 * are in the book). -EBADMSG: the rows make no sense or do not add up, see message.
 * -ENOMEM.
 */
int ledger_load(const struct ledger_image *image, struct ledger_book **ret_book,
	struct sample *ret_sample, char message[LEDGER_MESSAGE_SIZE]);

/*
 * Commits the book, to which the update was added last, to an image with enough
 * room: what changed since the last store, or all of it.
 */
void ledger_store(struct ledger_book *book, const struct ledger_update *update,
	struct ledger_image *image, bool all);

/* After a store that was left in the middle: the next one is of all rows. */
void ledger_store_abandon(struct ledger_book *book);
