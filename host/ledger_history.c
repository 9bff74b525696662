/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Ledger and intervals, read together. */
#include "config.h"

#include "host/ledger_history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/interval_file.h"
#include "host/interval_load.h"
#include "host/ledger_close.h"
#include "host/ledger_file.h"
#include "host/ledger_load.h"
#include "shared/array.h"
#include "shared/cleanup.h"

/* It may change while it is read; two ticks within one reading are rare. */
#define READ_TRIES 5

static void cleanup_bookp(struct ledger_book **book)
{
	ledger_book_free(*book);
}

void ledger_history_deinit(struct ledger_history *history)
{
	for (size_t i = 0; i < history->n; i++)
		interval_record_deinit(&history->records[i]);
	free(history->records);
	*history = (struct ledger_history){ 0 };
}

/* Takes the record over. */
static int add(struct ledger_history *history, struct interval_record *record)
{
	if (array_reserve(&history->records, &history->size, history->n + 1) < 0)
		return -ENOMEM;
	history->records[history->n++] = *record;
	*record = (struct interval_record){ 0 };
	return 0;
}

static int keep(struct interval_file_block *block, void *data)
{
	return add(data, &block->record);
}

static int read_once(int dir_fd, const char *name, struct ledger_book **ret_book,
	char message[LEDGER_MESSAGE_SIZE])
{
	cleanup_free uint8_t *data = NULL;
	cleanup(sample_deinit) struct sample sample = { 0 };
	struct ledger_image image;
	size_t size;
	int r = ledger_file_read(dir_fd, name, &data, &size);

	if (r < 0) {
		snprintf(message, LEDGER_MESSAGE_SIZE, "%s", strerror(-r));
		return r;
	}
	r = ledger_image_decode(data, size, &image, message);
	return r < 0 ? r : ledger_load(&image, ret_book, &sample, message);
}

static int read_book(int dir_fd, const char *name, struct ledger_book **ret_book,
	char message[LEDGER_MESSAGE_SIZE])
{
	int r = -EBADMSG;

	for (int i = 0; i < READ_TRIES && r == -EBADMSG; i++)
		r = read_once(dir_fd, name, ret_book, message);
	return r;
}

/* The checkpoint first: if it is the newer one then, a power failure came between. */
static int choose_book(int dir_fd, const char *dir, struct ledger_book **ret_book,
	char message[LEDGER_MESSAGE_SIZE])
{
	cleanup(cleanup_bookp) struct ledger_book *checkpoint = NULL;
	cleanup(cleanup_bookp) struct ledger_book *file = NULL;
	char reason[LEDGER_MESSAGE_SIZE] = "", checkpoint_reason[LEDGER_MESSAGE_SIZE];
	int r;

	(void)read_book(dir_fd, LEDGER_CHECKPOINT_FILE, &checkpoint, checkpoint_reason);
	r = read_book(dir_fd, LEDGER_FILE, &file, reason);
	if (r < 0 && !checkpoint) {
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"cannot read %.300s/" LEDGER_FILE ": %.500s%s", dir, reason,
			r == -ENOENT ? "; vmpower-hostd has not measured there, is it "
				       "its --state-dir?"
			: r == -EACCES
				? "; run this as root or as the user of vmpower-hostd"
				: "");
		return r;
	}
	if (!file ||
		(checkpoint &&
			uuid_compare(&checkpoint->header.book, &file->header.book) == 0 &&
			checkpoint->header.sequence > file->header.sequence)) {
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"%.300s/" LEDGER_FILE " is missing, unusable or older: this is "
			"what " LEDGER_CHECKPOINT_FILE " has",
			dir);
		*ret_book = steal_pointer(&checkpoint);
		return 0;
	}
	*ret_book = steal_pointer(&file);
	return 0;
}

static int read_records(int dir_fd, const char *dir, struct ledger_book *book,
	char message[LEDGER_MESSAGE_SIZE], struct ledger_history *history)
{
	const struct interval_load_use use = { .keep = keep, .data = history };
	struct interval_load load;
	struct interval_record open;
	int r = interval_load(dir_fd, book, &use, &load);

	if (r == -ERANGE || r == -EPROTONOSUPPORT) {
		ledger_history_deinit(history);
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"%.300s/" INTERVAL_FILE " is not used: %s; only totals are known",
			dir,
			r == -ERANGE ? "it does not go with the ledger"
				     : "it is of a later version of vmpower");
		r = interval_load_nothing(book, &load);
	}
	if (r < 0) {
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"cannot read %.300s/" INTERVAL_FILE ": %s", dir, strerror(-r));
		return r;
	}
	if (load.n_damaged)
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"%.300s/" INTERVAL_FILE
			" is damaged; what was lost of it is in a "
			"record without a beginning",
			dir);
	if (load.has_missing)
		r = add(history, &load.missing);
	/* Of a version that knew no intervals: there is none. */
	if (r < 0 || book->header.open.until_s == 0)
		return r;
	r = ledger_close_get_open(book, &open);
	return r < 0 ? r : add(history, &open);
}

int ledger_history_read(const char *dir, char message[LEDGER_MESSAGE_SIZE],
	struct ledger_history *ret_history)
{
	cleanup(ledger_history_deinit) struct ledger_history history = { 0 };
	cleanup(cleanup_bookp) struct ledger_book *book = NULL;
	cleanup_close int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	message[0] = '\0';
	if (dir_fd < 0) {
		r = -errno;
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"cannot open %.300s: %s; see --state-dir", dir, strerror(-r));
		return r;
	}
	r = choose_book(dir_fd, dir, &book, message);
	if (r == 0)
		r = read_records(dir_fd, dir, book, message, &history);
	if (r < 0)
		return r;
	*ret_history = history;
	history = (struct ledger_history){ 0 };
	return 0;
}
