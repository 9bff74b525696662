/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The thread that writes ticks. */
#include "host/stream.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/stream_target.h"
#include "host/thread.h"
#include "shared/clock.h"

/* When it is to end, a reader who has no room gets so much time to make some. */
#define GIVE_UP_MS 1000

struct stream {
	struct thread thread;
	/* The thread's alone: */
	const struct stream_format *format;
	struct stream_target target;
	char node_name[HOST_NAME_MAX + 1];
	struct json_text text;
	bool is_stale;	/* the path is to be opened again */
	int open_error; /* of the last try */
	/* Under the thread's lock: */
	bool reopen;
	uint64_t give_up_ns; /* once it is to end; CLOCK_MONOTONIC */
	size_t first, n_waiting;
	struct snapshot *queue[STREAM_QUEUE];
	struct output_status status;
};

/* See stream_target.wait. */
static int wait_for_reader(void *data, bool begun)
{
	struct stream *stream = data;
	int r = 0;

	pthread_mutex_lock(&stream->thread.lock);
	if (stream->thread.stop && clock_monotonic_ns() >= stream->give_up_ns)
		r = -ECANCELED;
	else if (stream->reopen && !begun)
		r = -ERESTART;
	pthread_mutex_unlock(&stream->thread.lock);
	return r;
}

/* Where the path is to be opened again and cannot be, what is open does until then. */
static void open_target(struct stream *stream)
{
	if (!stream->is_stale && stream->target.fd >= 0)
		return;
	stream->open_error = stream_target_open(&stream->target);
	if (stream->open_error == 0)
		stream->is_stale = false;
}

/* 0: it is written. */
static int write_tick(struct stream *stream, const struct snapshot *snapshot)
{
	struct stream_target *target = &stream->target;
	struct json_text *text = &stream->text;
	int r;

	if (target->fd < 0)
		return stream->open_error;
	json_text_clear(text);
	if (stream_target_is_empty(target))
		json_text_put(text, stream->format->head, strlen(stream->format->head));
	stream->format->add(snapshot, stream->node_name, text);
	r = json_text_error(text);
	if (r == 0)
		r = stream_target_write(target, text->data, text->used);
	/* A FIFO's next reader gets the next line, from its beginning. */
	if (r == -EPIPE && strcmp(target->path, STREAM_TARGET_STDOUT) != 0)
		stream_target_close(target);
	return r;
}

static void count(struct stream *stream, int error)
{
	struct output_status *status = &stream->status;

	status->n_ticks += error == 0;
	status->n_dropped += error < 0;
	status->n_slow += error == -ECANCELED;
	status->n_failed += error < 0 && error != -ECANCELED && error != -ENOMEM;
}

/* That a pipe's reader has gone and that there is none is the same to everybody else. */
static void set_error(struct stream *stream, int error)
{
	stream->status.error = error == -EPIPE ? -ENXIO : error;
}

/* The first in the queue, without the lock. -ERESTART: it stays there. */
static int write_first(struct stream *stream)
{
	struct snapshot *snapshot = stream->queue[stream->first];
	int r;

	pthread_mutex_unlock(&stream->thread.lock);
	r = write_tick(stream, snapshot);
	if (r != -ERESTART)
		snapshot_unref(snapshot);
	pthread_mutex_lock(&stream->thread.lock);
	if (r == -ERESTART)
		return r;
	stream->first = (stream->first + 1) % STREAM_QUEUE;
	stream->n_waiting--;
	count(stream, r);
	return r;
}

static void *stream_main(void *argument)
{
	struct stream *stream = argument;
	struct thread *thread = &stream->thread;

	pthread_mutex_lock(&thread->lock);
	for (;;) {
		int r = 0;

		while (!thread->stop && !stream->reopen && stream->n_waiting == 0)
			pthread_cond_wait(&thread->cond, &thread->lock);
		stream->is_stale |= stream->reopen;
		stream->reopen = false;
		pthread_mutex_unlock(&thread->lock);
		open_target(stream);
		pthread_mutex_lock(&thread->lock);
		if (stream->n_waiting > 0)
			r = write_first(stream);
		else if (thread->stop)
			break;
		if (r == -ECANCELED)
			break;
		if (r != -ERESTART)
			set_error(stream, r < 0 ? r : stream->open_error);
	}
	/* The reader has not made room. */
	stream->status.n_dropped += stream->n_waiting;
	stream->status.n_slow += stream->n_waiting;
	pthread_mutex_unlock(&thread->lock);
	return NULL;
}

static void stream_free(struct stream *stream)
{
	thread_deinit(&stream->thread);
	for (size_t i = 0; i < stream->n_waiting; i++)
		snapshot_unref(stream->queue[(stream->first + i) % STREAM_QUEUE]);
	stream_target_close(&stream->target);
	json_text_deinit(&stream->text);
	free(stream);
}

int stream_start(
	const char *path, const struct stream_format *format, struct stream **ret_stream)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	int r;

	if (!stream)
		return -ENOMEM;
	stream->format = format;
	stream->target = (struct stream_target){
		.path = path,
		.begin = format->begin,
		.end = format->end,
		.wait = wait_for_reader,
		.data = stream,
		.fd = -1,
	};
	if (gethostname(stream->node_name, sizeof(stream->node_name) - 1) < 0)
		stream->node_name[0] = '\0';
	thread_init(&stream->thread);
	stream->reopen = true;
	r = thread_start(&stream->thread, stream_main, stream);
	if (r < 0) {
		stream_free(stream);
		return r;
	}
	*ret_stream = stream;
	return 0;
}

void stream_add(struct stream *stream, const struct snapshot *snapshot)
{
	pthread_mutex_lock(&stream->thread.lock);
	if (stream->n_waiting < STREAM_QUEUE) {
		stream->queue[(stream->first + stream->n_waiting++) % STREAM_QUEUE] =
			snapshot_ref(snapshot);
		pthread_cond_signal(&stream->thread.cond);
	} else {
		stream->status.n_dropped++;
		stream->status.n_slow++;
	}
	pthread_mutex_unlock(&stream->thread.lock);
}

void stream_reopen(struct stream *stream)
{
	pthread_mutex_lock(&stream->thread.lock);
	stream->reopen = true;
	pthread_cond_signal(&stream->thread.cond);
	pthread_mutex_unlock(&stream->thread.lock);
}

void stream_status(struct stream *stream, struct output_status *ret_status)
{
	pthread_mutex_lock(&stream->thread.lock);
	*ret_status = stream->status;
	pthread_mutex_unlock(&stream->thread.lock);
}

bool stream_stop(struct stream *stream, uint64_t ms, struct output_status *ret_status)
{
	bool ended;

	pthread_mutex_lock(&stream->thread.lock);
	stream->give_up_ns = clock_monotonic_ns() + GIVE_UP_MS * NSEC_PER_MSEC;
	pthread_mutex_unlock(&stream->thread.lock);
	ended = thread_stop(&stream->thread, ms);
	stream_status(stream, ret_status);
	if (ended)
		stream_free(stream);
	return ended;
}
