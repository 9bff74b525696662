/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The thread that takes checkpoints of the ledger and writes its intervals. */
#include "host/writer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/durable.h"
#include "host/interval_block.h"
#include "host/interval_file.h"
#include "host/interval_fold.h"
#include "host/ledger_file.h"
#include "host/ledger_image.h"
#include "host/thread.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

/* The ledger changes while it is read; two ticks within one reading are rare. */
#define READ_TRIES 5
#define RETRY_MS   5000
#define DAY_S	   86400u
/* So often, even if the day is the same: see host/interval_fold.h. */
#define FOLD_RECORDS 500u

struct waiting {
	struct waiting *next;
	struct interval_record record;
};

struct writer {
	int dir_fd;
	struct writer_config config;
	uint64_t intervals_end;
	uint64_t closed_sequence; /* up to which intervals are closed in the checkpoint */
	/* The last record's day when old ones were looked for; how many came since. */
	uint64_t folded_day, n_unfolded;
	int fold_error;
	struct thread thread;
	/* Under the thread's lock; only the thread takes from the head. */
	struct waiting *head, **tail;
	/* Not written yet; 0: nothing. */
	size_t coefficients_size;
	uint8_t coefficients[COEFFICIENTS_BYTES_MAX];
	struct writer_status status;
};

static int read_ledger(int dir_fd, uint8_t **ret_data, struct ledger_image *ret_image)
{
	int r = -EBADMSG;

	for (int i = 0; i < READ_TRIES && r == -EBADMSG; i++) {
		cleanup_free uint8_t *data = NULL;
		char message[LEDGER_MESSAGE_SIZE];
		size_t size;

		r = ledger_file_read(dir_fd, LEDGER_FILE, &data, &size);
		if (r == 0)
			r = ledger_image_decode(data, size, ret_image, message);
		if (r == 0)
			*ret_data = steal_pointer(&data);
	}
	return r;
}

/* 0, with the header of the checkpoint that is there now; sequence 0: there is none. */
static int take_checkpoint(int dir_fd, struct ledger_header *header)
{
	cleanup_free uint8_t *data = NULL, *copy = NULL;
	struct ledger_image from, to;
	size_t size;
	int r;

	r = read_ledger(dir_fd, &data, &from);
	/* None yet: nothing was committed. */
	if (r == -ENOENT)
		return 0;
	if (r < 0 || from.header.sequence == header->sequence)
		return r;
	/* Another one was put in its place. */
	if (from.header.sequence < header->sequence)
		return -ESTALE;
	size = ledger_image_size(1, &from.header.counts);
	copy = calloc(1, size);
	if (!copy)
		return -ENOMEM;
	ledger_image_format(&to, copy, 1, &from.header.counts);
	ledger_image_copy(&to, &from);
	r = durable_write_file(dir_fd, LEDGER_CHECKPOINT_FILE, copy, size);
	if (r == 0)
		*header = from.header;
	return r;
}

static void checkpoint(struct writer *writer)
{
	uint64_t last = writer->status.sequence;
	struct ledger_header header = { .sequence = last };
	uint64_t inode;
	int r;

	pthread_mutex_unlock(&writer->thread.lock);
	inode = ledger_file_inode(writer->dir_fd);
	r = take_checkpoint(writer->dir_fd, &header);
	pthread_mutex_lock(&writer->thread.lock);
	writer->status.has_looked = true;
	writer->status.ledger_inode = inode;
	writer->status.error = r;
	if (r < 0) {
		writer->status.n_failures++;
	} else if (header.sequence != last) {
		writer->closed_sequence = header.closed.to_sequence;
		writer->status.n_checkpoints++;
		writer->status.sequence = header.sequence;
		writer->status.boottime_ns = clock_boottime_ns();
	}
}

static void write_coefficients(struct writer *writer)
{
	uint8_t bytes[COEFFICIENTS_BYTES_MAX];
	size_t size = writer->coefficients_size;
	int r;

	if (size == 0)
		return;
	memcpy(bytes, writer->coefficients, size);
	writer->coefficients_size = 0;
	pthread_mutex_unlock(&writer->thread.lock);
	r = durable_write_file(writer->dir_fd, WRITER_COEFFICIENTS_FILE, bytes, size);
	pthread_mutex_lock(&writer->thread.lock);
	writer->status.coefficients_error = r;
}

/* Should it fail, the next record tries again; all that is lost is room. 0 or -errno. */
static int fold(struct writer *writer, const struct interval_record *record)
{
	const struct interval_fold options = {
		.hourly_days = writer->config.hourly_days,
		.daily_days = writer->config.daily_days,
		.book = record->book,
		.max_sequence = writer->closed_sequence,
	};
	uint64_t day = record->interval.until_s / DAY_S;
	int r;

	if (writer->config.hourly_days == 0 ||
		(day == writer->folded_day && ++writer->n_unfolded < FOLD_RECORDS))
		return writer->fold_error;
	r = interval_fold_file(writer->dir_fd, &options, &writer->intervals_end);
	writer->fold_error = r < 0 ? r : 0;
	if (r >= 0) {
		writer->folded_day = day;
		writer->n_unfolded = 0;
	}
	return writer->fold_error;
}

static int skip_block(struct interval_file_block *block, void *data)
{
	(void)block;
	(void)data;
	return 0;
}

/* Of a file that is another one than it was: the next try goes on behind what it has. */
static void find_end(struct writer *writer)
{
	struct interval_scan scan = { 0 };

	if (interval_file_read(writer->dir_fd, skip_block, NULL, &scan) == 0)
		writer->intervals_end = scan.end;
}

static int write_record(struct writer *writer, const struct interval_record *record)
{
	cleanup_free uint8_t *data = NULL;
	size_t size;
	int r = interval_block_encode(record, &data, &size);

	if (r == 0)
		r = interval_file_append(
			writer->dir_fd, writer->intervals_end, data, size);
	if (r == 0)
		writer->intervals_end += size;
	if (r == -ESTALE)
		find_end(writer);
	return r;
}

static void free_waiting(struct waiting *waiting)
{
	interval_record_deinit(&waiting->record);
	free(waiting);
}

/* In their order, up to the first that cannot be written. */
static void write_intervals(struct writer *writer)
{
	int r = 0, fold_error;

	while (writer->head && r == 0) {
		struct waiting *waiting = writer->head;

		pthread_mutex_unlock(&writer->thread.lock);
		r = write_record(writer, &waiting->record);
		fold_error = r == 0 ? fold(writer, &waiting->record) : writer->fold_error;
		pthread_mutex_lock(&writer->thread.lock);
		writer->status.intervals_error = r;
		writer->status.fold_error = fold_error;
		if (r < 0)
			break;
		writer->status.n_intervals++;
		writer->status.n_waiting--;
		writer->status.intervals_sequence = waiting->record.interval.to_sequence;
		writer->head = waiting->next;
		if (!writer->head)
			writer->tail = &writer->head;
		free_waiting(waiting);
	}
}

/* Until the time, or earlier for what can be written; true: it is time. */
static bool wait_until(struct writer *writer, const struct timespec *due)
{
	int r = 0;

	while (!writer->thread.stop && r != ETIMEDOUT) {
		struct timespec retry = thread_in_ms(RETRY_MS);
		bool retries = writer->status.intervals_error &&
			       (retry.tv_sec < due->tv_sec ||
				       (retry.tv_sec == due->tv_sec &&
					       retry.tv_nsec < due->tv_nsec));

		if (writer->head && !writer->status.intervals_error)
			return false;
		r = pthread_cond_timedwait(&writer->thread.cond, &writer->thread.lock,
			retries ? &retry : due);
		if (r == ETIMEDOUT && retries)
			return false;
	}
	return true;
}

static void *writer_main(void *argument)
{
	struct writer *writer = argument;
	struct timespec due;
	bool stop = false;

	pthread_mutex_lock(&writer->thread.lock);
	due = thread_in_ms(writer->config.interval_ms);
	while (!stop) {
		bool is_time = wait_until(writer, &due);

		stop = writer->thread.stop;
		write_intervals(writer);
		if (is_time) {
			checkpoint(writer);
			write_coefficients(writer);
			due = thread_in_ms(writer->config.interval_ms);
		}
	}
	pthread_mutex_unlock(&writer->thread.lock);
	return NULL;
}

static void writer_free(struct writer *writer)
{
	while (writer->head) {
		struct waiting *next = writer->head->next;

		free_waiting(writer->head);
		writer->head = next;
	}
	thread_deinit(&writer->thread);
	cleanup_closep(&writer->dir_fd);
	free(writer);
}

int writer_start(const struct writer_config *config, struct writer **ret_writer)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (!writer)
		return -ENOMEM;
	writer->config = *config;
	writer->intervals_end = config->intervals_end;
	writer->tail = &writer->head;
	thread_init(&writer->thread);
	writer->dir_fd = open(config->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = writer->dir_fd < 0 ? -errno
			       : thread_start(&writer->thread, writer_main, writer);
	if (r < 0) {
		writer_free(writer);
		return r;
	}
	*ret_writer = writer;
	return 0;
}

void writer_keep_coefficients(struct writer *writer, const uint8_t *bytes, size_t size)
{
	assert(size <= COEFFICIENTS_BYTES_MAX);
	pthread_mutex_lock(&writer->thread.lock);
	memcpy(writer->coefficients, bytes, size);
	writer->coefficients_size = size;
	pthread_mutex_unlock(&writer->thread.lock);
}

int writer_push(struct writer *writer, struct interval_record *record)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	if (!waiting)
		return -ENOMEM;
	waiting->record = *record;
	*record = (struct interval_record){ 0 };
	pthread_mutex_lock(&writer->thread.lock);
	*writer->tail = waiting;
	writer->tail = &waiting->next;
	writer->status.n_waiting++;
	pthread_cond_signal(&writer->thread.cond);
	pthread_mutex_unlock(&writer->thread.lock);
	return 0;
}

void writer_status(struct writer *writer, struct writer_status *ret_status)
{
	pthread_mutex_lock(&writer->thread.lock);
	*ret_status = writer->status;
	pthread_mutex_unlock(&writer->thread.lock);
}

bool writer_stop(struct writer *writer, uint64_t ms)
{
	if (!writer)
		return true;
	if (!thread_stop(&writer->thread, ms))
		return false;
	writer_free(writer);
	return true;
}
