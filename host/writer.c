/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The thread that takes checkpoints of the ledger. */
#include "host/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/ledger_file.h"
#include "host/ledger_image.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

#define NEW_FILE LEDGER_CHECKPOINT_FILE ".new"
/* The ledger changes while it is read; two ticks within one reading are rare. */
#define READ_TRIES 5

struct writer {
	int dir_fd;
	uint32_t interval_ms;
	pthread_t thread;
	pthread_mutex_t lock;
	/* Under the lock: */
	pthread_cond_t stop_cond;
	bool stop;
	struct writer_status status;
};

static int write_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_checkpoint(int dir_fd, const uint8_t *data, size_t size)
{
	cleanup_close int fd = openat(dir_fd, NEW_FILE,
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, data, size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dir_fd, NEW_FILE, dir_fd, LEDGER_CHECKPOINT_FILE) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir_fd, NEW_FILE, 0);
		return r;
	}
	return fsync(dir_fd) < 0 ? -errno : 0;
}

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

/* 0, with the sequence that is in the checkpoint now. */
static int take_checkpoint(int dir_fd, uint64_t last_sequence, uint64_t *ret_sequence)
{
	cleanup_free uint8_t *data = NULL, *copy = NULL;
	struct ledger_image from, to;
	size_t size;
	int r;

	*ret_sequence = last_sequence;
	r = read_ledger(dir_fd, &data, &from);
	/* None yet: nothing was committed. */
	if (r == -ENOENT)
		return 0;
	if (r < 0 || from.header.sequence == last_sequence)
		return r;
	size = ledger_image_size(1, &from.header.counts);
	copy = calloc(1, size);
	if (!copy)
		return -ENOMEM;
	ledger_image_format(&to, copy, 1, &from.header.counts);
	ledger_image_copy(&to, &from);
	r = write_checkpoint(dir_fd, copy, size);
	if (r == 0)
		*ret_sequence = from.header.sequence;
	return r;
}

static void run_once(struct writer *writer)
{
	uint64_t last = writer->status.sequence, sequence;
	int r;

	pthread_mutex_unlock(&writer->lock);
	r = take_checkpoint(writer->dir_fd, last, &sequence);
	pthread_mutex_lock(&writer->lock);
	writer->status.error = r;
	if (r < 0) {
		writer->status.n_failures++;
	} else if (sequence != last) {
		writer->status.n_checkpoints++;
		writer->status.sequence = sequence;
		writer->status.boottime_ns = clock_boottime_ns();
	}
}

static void *writer_main(void *argument)
{
	struct writer *writer = argument;
	bool stop = false;

	pthread_mutex_lock(&writer->lock);
	while (!stop) {
		uint64_t due_ns = clock_monotonic_ns() +
				  (uint64_t)writer->interval_ms * NSEC_PER_MSEC;
		const struct timespec due = { (time_t)(due_ns / NSEC_PER_SEC),
			(long)(due_ns % NSEC_PER_SEC) };

		while (!writer->stop && pthread_cond_timedwait(&writer->stop_cond,
						&writer->lock, &due) != ETIMEDOUT)
			;
		stop = writer->stop;
		run_once(writer);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

static void writer_free(struct writer *writer)
{
	pthread_cond_destroy(&writer->stop_cond);
	pthread_mutex_destroy(&writer->lock);
	cleanup_closep(&writer->dir_fd);
	free(writer);
}

/* Signals are for the main thread. */
static int start_thread(struct writer *writer)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&writer->thread, NULL, writer_main, writer);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int writer_start(const char *dir, uint32_t interval_ms, struct writer **ret_writer)
{
	struct writer *writer = calloc(1, sizeof(*writer));
	pthread_condattr_t attributes;
	int r;

	if (!writer)
		return -ENOMEM;
	writer->interval_ms = interval_ms;
	pthread_mutex_init(&writer->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->stop_cond, &attributes);
	pthread_condattr_destroy(&attributes);
	writer->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = writer->dir_fd < 0 ? -errno : start_thread(writer);
	if (r < 0) {
		writer_free(writer);
		return r;
	}
	*ret_writer = writer;
	return 0;
}

void writer_status(struct writer *writer, struct writer_status *ret_status)
{
	pthread_mutex_lock(&writer->lock);
	*ret_status = writer->status;
	pthread_mutex_unlock(&writer->lock);
}

void writer_stop(struct writer *writer)
{
	if (!writer)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->stop = true;
	pthread_cond_signal(&writer->stop_cond);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, NULL);
	writer_free(writer);
}
