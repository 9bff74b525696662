/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The account book: what it starts from, and how a tick gets into its file. */
#include "host/ledger.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/interval_file.h"
#include "host/interval_load.h"
#include "host/interval_queue.h"
#include "host/ledger_check.h"
#include "host/ledger_close.h"
#include "host/ledger_file.h"
#include "host/ledger_guard.h"
#include "host/ledger_load.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

/* Of a process's start_ticks, see host/sample.h. */
#define NSEC_PER_TICK (NSEC_PER_SEC / 100)

/* How long a file that could not be written is left alone. */
#define RETRY_NS (5 * (uint64_t)NSEC_PER_SEC)

struct ledger {
	struct ledger_file *file;
	struct ledger_book *book;
	struct sample previous; /* without its zones */
	bool has_previous;
	/*
	 * The first sample since it was opened; 0: there was none. What began before may
	 * have been told in an epoch that did not get into the file, or was in another.
	 */
	uint64_t watching_since_ns;
	/* -errno of the last commit: the file is behind the book; 0: it is not. */
	int error;
	uint64_t retry_boottime_ns;
	/* Records of closed intervals that nobody took yet. */
	struct interval_queue closed;
	uint64_t intervals_end;
	uint64_t durable_sequence;
};

/* What one of the files held. */
struct source {
	struct ledger_book *book; /* NULL: nothing usable */
	struct sample sample;
};

static void source_deinit(struct source *source)
{
	ledger_book_free(source->book);
	sample_deinit(&source->sample);
}

static void cleanup_ledgerp(struct ledger **ledger)
{
	ledger_close(*ledger);
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	ledger_file_close(ledger->file);
	ledger_book_free(ledger->book);
	sample_deinit(&ledger->previous);
	interval_queue_deinit(&ledger->closed);
	free(ledger);
}

/* Adds a sentence to the message. */
__attribute__((__format__(printf, 2, 3))) static void note(
	char *message, const char *format, ...)
{
	size_t used = strlen(message);
	va_list args;

	if (used > 0)
		used += (size_t)snprintf(
			message + used, LEDGER_MESSAGE_SIZE - used, "; ");
	if (used >= LEDGER_MESSAGE_SIZE)
		return;
	va_start(args, format);
	vsnprintf(message + used, LEDGER_MESSAGE_SIZE - used, format, args);
	va_end(args);
}

static int read_source(
	struct ledger *ledger, const char *name, struct source *source, char *reason)
{
	cleanup_free uint8_t *data = NULL;
	struct ledger_image image;
	size_t size;
	int r;

	r = ledger_file_read(ledger->file->dir_fd, name, &data, &size);
	if (r < 0) {
		snprintf(reason, LEDGER_MESSAGE_SIZE, "%s", strerror(-r));
		return r;
	}
	r = ledger_image_decode(data, size, &image, reason);
	if (r < 0)
		return r;
	r = ledger_load(&image, &source->book, &source->sample, reason);
	if (r == -ENOMEM)
		snprintf(reason, LEDGER_MESSAGE_SIZE, "%s", strerror(-r));
	return r;
}

/* 0, with or without a book; what cannot be used is set aside and noted. */
static int load_source(
	struct ledger *ledger, const char *name, struct source *source, char *message)
{
	cleanup_free char *aside = NULL;
	char reason[LEDGER_MESSAGE_SIZE] = "";
	const char *dir = ledger->file->dir;
	int r, moved;

	r = read_source(ledger, name, source, reason);
	if (r == 0 || r == -ENOENT)
		return 0;
	if (r == -ENOMEM || r == -EACCES || r == -EPERM) {
		note(message,
			"cannot read %s/%s: %s; give it to the user who runs this program "
			"(chown)",
			dir, name, reason);
		return r;
	}
	moved = ledger_file_set_aside(ledger->file, name, &aside);
	if (moved < 0) {
		note(message,
			"%s/%s cannot be used: %s, nor be set aside: %s; move it away",
			dir, name, reason, strerror(-moved));
		return moved;
	}
	note(message, "%s/%s cannot be used: %s; it is set aside as %s", dir, name,
		reason, aside);
	return 0;
}

/* Whether the checkpoint goes on where the file does not: after a power failure. */
static bool checkpoint_is_better(
	const struct source *file, const struct source *checkpoint)
{
	const struct ledger_header *a, *b;

	if (!file->book || !checkpoint->book)
		return checkpoint->book;
	a = &file->book->header;
	b = &checkpoint->book->header;
	return uuid_compare(&a->book, &b->book) == 0 && b->sequence > a->sequence;
}

static void take_source(
	struct ledger *ledger, struct source *source, const struct uuid *boot_id)
{
	struct ledger_book *book = steal_pointer(&source->book);

	ledger->book = book;
	if (uuid_compare(&book->header.boot_id, boot_id) != 0) {
		ledger_book_enter_boot(book, boot_id);
		return;
	}
	ledger->previous = source->sample;
	source->sample = (struct sample){ 0 };
	ledger->has_previous = true;
}

static int start_book(struct ledger *ledger, const struct uuid *boot_id, char *message)
{
	cleanup(source_deinit) struct source file = { 0 };
	cleanup(source_deinit) struct source checkpoint = { 0 };
	struct uuid id;
	int r;

	r = load_source(ledger, LEDGER_FILE, &file, message);
	if (r == 0)
		r = load_source(ledger, LEDGER_CHECKPOINT_FILE, &checkpoint, message);
	if (r < 0)
		return r;
	if (checkpoint_is_better(&file, &checkpoint)) {
		note(message, "%s/%s is missing, unusable or older: going on from %s",
			ledger->file->dir, LEDGER_FILE, LEDGER_CHECKPOINT_FILE);
		take_source(ledger, &checkpoint, boot_id);
		/* Guests may have seen more than this. */
		ledger_book_end_epochs(ledger->book);
		return 0;
	}
	if (file.book) {
		take_source(ledger, &file, boot_id);
		/* If that fails, the first commit makes a new file. */
		(void)ledger_file_adopt(ledger->file);
		return 0;
	}
	if (message[0])
		note(message, "a new ledger begins");
	r = uuid_generate(&id);
	if (r == 0)
		r = ledger_book_new(&id, boot_id, &ledger->book);
	if (r < 0)
		note(message, "cannot begin a ledger: %s", strerror(-r));
	return r;
}

/* Records that are not this book's are set aside; it has the same energy in one. */
static int set_intervals_aside(
	struct ledger *ledger, int reason, struct interval_load *load, char *message)
{
	cleanup_free char *aside = NULL;
	const char *dir = ledger->file->dir;
	int r = ledger_file_set_aside(ledger->file, INTERVAL_FILE, &aside);

	if (r < 0) {
		note(message, "%s/%s cannot be used, nor be set aside: %s; move it away",
			dir, INTERVAL_FILE, strerror(-r));
		return r;
	}
	note(message, "%s/%s cannot be used: %s; it is set aside as %s", dir,
		INTERVAL_FILE,
		reason == -ERANGE ? "it does not go with the ledger" : strerror(-reason),
		aside);
	return interval_load_nothing(ledger->book, load);
}

static int start_intervals(struct ledger *ledger, char *message)
{
	static const struct interval_load_use use = { .remember = true };
	const char *dir = ledger->file->dir;
	struct interval_load load;
	int r = interval_queue_reserve(&ledger->closed);

	if (r == 0)
		r = interval_load(ledger->file->dir_fd, ledger->book, &use, &load);
	if (r == -ENOMEM || r == -EACCES || r == -EPERM) {
		note(message,
			"cannot read %s/%s: %s; give it to the user who runs this program "
			"(chown)",
			dir, INTERVAL_FILE, strerror(-r));
		return r;
	}
	if (r < 0)
		r = set_intervals_aside(ledger, r, &load, message);
	if (r < 0)
		return r;
	if (load.n_damaged)
		note(message,
			"%s/%s is damaged: %" PRIu64
			" bytes of it are lost; the energy in them is now in a record without "
			"a beginning",
			dir, INTERVAL_FILE, load.n_damaged);
	if (load.abandoned_to)
		ledger_book_abandon(ledger->book, load.abandoned_to);
	ledger->intervals_end = load.end;
	if (load.has_missing)
		interval_queue_put(&ledger->closed, &load.missing);
	return 0;
}

int ledger_open(const char *dir, const struct uuid *boot_id,
	char message[LEDGER_MESSAGE_SIZE], struct ledger **ret_ledger)
{
	cleanup(cleanup_ledgerp) struct ledger *ledger = calloc(1, sizeof(*ledger));
	int r;

	message[0] = '\0';
	if (!ledger) {
		note(message, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	r = ledger_file_open(dir, message, &ledger->file);
	if (r == 0)
		r = start_book(ledger, boot_id, message);
	if (r == 0)
		r = start_intervals(ledger, message);
	if (r < 0)
		return r;
	*ret_ledger = steal_pointer(&ledger);
	return 0;
}

static int take_epoch(
	struct ledger *ledger, uint32_t row, pid_t pid, uint64_t start_ticks)
{
	bool from_start = ledger->watching_since_ns > 0 &&
			  start_ticks >= ledger->watching_since_ns / NSEC_PER_TICK + 1;
	struct uuid epoch;
	int r;

	if (ledger_book_has_epoch(ledger->book, row, pid, start_ticks))
		return 0;
	r = uuid_generate(&epoch);
	if (r < 0)
		return r;
	ledger_book_begin_epoch(ledger->book, row, pid, start_ticks, &epoch, from_start);
	return 0;
}

/* The next power of two, and some room to begin with. */
static uint32_t room_for(uint32_t n, uint32_t first)
{
	while (first < n)
		first *= 2;
	return first;
}

static bool counts_fit(
	const struct ledger_counts *counts, const struct ledger_counts *sizes)
{
	return counts->zones <= sizes->zones && counts->domains <= sizes->domains &&
	       counts->threads <= sizes->threads && counts->cpus <= sizes->cpus;
}

/* One store, into memory that may be taken away. */
struct store {
	struct ledger_book *book;
	const struct ledger_update *update;
	struct ledger_image *image;
	bool all;
};

static void run_store(void *data)
{
	struct store *store = data;

	ledger_store(store->book, store->update, store->image, store->all);
}

static int store_guarded(struct store *store, const uint8_t *map, size_t size)
{
	int r = ledger_guard_run(map, size, run_store, store);

	if (r < 0)
		ledger_store_abandon(store->book);
	return r;
}

static int replace_file(struct ledger *ledger, const struct ledger_update *update)
{
	const struct ledger_counts *counts = &ledger->book->header.counts;
	const struct ledger_counts sizes = { room_for(counts->zones, 8),
		room_for(counts->domains, 64), room_for(counts->threads, 1024),
		room_for(counts->cpus, 64) };
	struct ledger_file *file = ledger->file;
	struct ledger_image image;
	struct store store = { ledger->book, update, &image, true };
	int r;

	r = ledger_file_create(file, &sizes, &image);
	if (r < 0)
		return r;
	r = store_guarded(&store, file->new_map, file->new_size);
	return ledger_file_install(file, &image, r);
}

static int commit(struct ledger *ledger, const struct ledger_update *update)
{
	struct ledger_file *file = ledger->file;
	uint64_t now_ns = update->sample->boottime_ns;

	if (ledger->error && now_ns < ledger->retry_boottime_ns)
		return ledger->error;
	if (file->map && counts_fit(&ledger->book->header.counts, &file->image.sizes)) {
		struct store store = { ledger->book, update, &file->image,
			ledger->error != 0 };

		ledger->error = store_guarded(&store, file->map, file->map_size);
		/* Whatever happened to the file, the next try makes a new one. */
		if (ledger->error)
			ledger_file_drop(file);
	} else {
		ledger->error = replace_file(ledger, update);
	}
	ledger->retry_boottime_ns = now_ns + RETRY_NS;
	return ledger->error;
}

/* What is then in the book and not in the file: see host/interval_load.h. */
static int close_interval(struct ledger *ledger, const struct ledger_update *update)
{
	struct interval_record record;
	int r;

	if (!ledger_close_is_due(ledger->book, update->wall_ns))
		return 0;
	r = interval_queue_reserve(&ledger->closed);
	if (r == 0)
		r = ledger_close_interval(
			ledger->book, update, ledger->durable_sequence, &record);
	if (r == 0)
		interval_queue_put(&ledger->closed, &record);
	return r;
}

int ledger_apply(struct ledger *ledger, const struct ledger_update *update)
{
	const struct sample *sample = update->sample;
	struct ledger_book *book = ledger->book;
	int r;

	if (!ledger_check_update(update))
		return -EINVAL;
	if (ledger->watching_since_ns == 0)
		ledger->watching_since_ns = sample->boottime_ns;
	r = close_interval(ledger, update);
	if (r == 0)
		r = ledger_book_prepare(book, update);
	for (size_t i = 0; r == 0 && i < sample->n_domains; i++)
		r = take_epoch(ledger, book->sample_rows[i], sample->domains[i].pid,
			sample->domains[i].start_ticks);
	if (r < 0)
		return r;
	ledger_close_open(book, update->wall_ns);
	ledger_book_add(book, update);
	ledger->has_previous = false;
	sample_deinit(&ledger->previous);
	return commit(ledger, update);
}

int ledger_previous_sample(const struct ledger *ledger, const struct machine *machine,
	struct sample *ret_sample)
{
	int r;

	if (!ledger->has_previous)
		return -ENOENT;
	r = sample_copy(ret_sample, &ledger->previous);
	if (r < 0)
		return r;
	ret_sample->n_zones = machine->n_zones;
	for (size_t i = 0; i < machine->n_zones; i++) {
		ssize_t row = ledger_book_find_zone(ledger->book, machine->zones[i].name);
		const struct ledger_zone *zone;

		ret_sample->zones[i] = (struct sample_zone){ 0 };
		if (row < 0)
			continue;
		zone = &ledger->book->zones[row];
		if (zone->max_energy_range_uj == machine->zones[i].max_energy_range_uj)
			ret_sample->zones[i] = zone->raw;
	}
	return 0;
}

int ledger_domain_epoch(struct ledger *ledger, const struct uuid *uuid, pid_t pid,
	uint64_t start_ticks, struct uuid *ret_epoch)
{
	uint32_t row;
	int r;

	r = ledger_book_take_domain(ledger->book, uuid, &row);
	if (r == 0)
		r = take_epoch(ledger, row, pid, start_ticks);
	if (r == 0)
		*ret_epoch = ledger->book->domains[row].epoch;
	return r;
}

bool ledger_next_interval(struct ledger *ledger, struct interval_record *ret_record)
{
	return interval_queue_take(&ledger->closed, ret_record);
}

bool ledger_lost_file(struct ledger *ledger, uint64_t inode)
{
	struct ledger_file *file = ledger->file;

	/* One that was made since is another, too. */
	if (!file->map || inode == file->inode ||
		ledger_file_inode(file->dir_fd) == file->inode)
		return false;
	ledger_file_drop(file);
	return true;
}

void ledger_return_interval(struct ledger *ledger, struct interval_record *record)
{
	interval_queue_put_back(&ledger->closed, record);
}

uint64_t ledger_intervals_end(const struct ledger *ledger)
{
	return ledger->intervals_end;
}

void ledger_set_durable(struct ledger *ledger, uint64_t sequence)
{
	ledger->durable_sequence = sequence;
}

const struct ledger_header *ledger_header(const struct ledger *ledger)
{
	return &ledger->book->header;
}

const struct ledger_zone *ledger_zone(const struct ledger *ledger, size_t zone)
{
	assert(zone < ledger->book->header.counts.zones);
	return &ledger->book->zones[zone];
}

const struct ledger_domain *ledger_domain(const struct ledger *ledger, size_t domain)
{
	assert(domain < ledger->book->header.counts.domains);
	return &ledger->book->domains[domain];
}

const struct tick_share *ledger_share(
	const struct ledger *ledger, size_t domain, size_t zone)
{
	const struct ledger_book *book = ledger->book;

	assert(domain < book->header.counts.domains && zone < book->header.counts.zones);
	return &book->shares[domain * book->shares_stride + zone];
}

struct tick_share ledger_total(
	const struct ledger *ledger, const struct uuid *uuid, size_t zone)
{
	ssize_t row = ledger_find_domain(ledger, uuid);
	const struct ledger_departed_domain *departed;

	if (row >= 0)
		return *ledger_share(ledger, (size_t)row, zone);
	departed = ledger_departed_find(&ledger->book->departed, uuid);
	return departed && zone < departed->n_shares ? departed->shares[zone]
						     : (struct tick_share){ 0 };
}

ssize_t ledger_find_zone(const struct ledger *ledger, const char *name)
{
	return ledger_book_find_zone(ledger->book, name);
}

ssize_t ledger_find_domain(const struct ledger *ledger, const struct uuid *uuid)
{
	return ledger_book_find_domain(ledger->book, uuid);
}
