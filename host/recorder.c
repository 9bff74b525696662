/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The thread that writes a trace. */
#include "host/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/durable.h"
#include "host/thread.h"
#include "shared/array.h"
#include "shared/cleanup.h"

/* A copy of an item, whose memory is used again. */
struct copy {
	struct machine machine;
	size_t cpus_size;
	struct machine_cpu *cpus;
	struct sample sample;
	size_t names_size, texts_size;
	const char **names;
	char *texts; /* of the names */
	struct trace_idle idle[MACHINE_ZONES_MAX];
	bool estimated;
};

struct recorder {
	int fd;
	struct thread thread;
	/* The thread's alone: */
	struct trace_writer writer;
	struct json_text text;
	uint64_t size; /* of the whole lines in the file */
	/* Under the thread's lock: */
	size_t first, n_waiting; /* in the queue; those behind them are the caller's */
	struct output_status status;
	struct copy queue[RECORDER_QUEUE];
};

static int copy_machine(struct copy *copy, const struct machine *machine)
{
	if (array_reserve(&copy->cpus, &copy->cpus_size, machine->n_cpus) < 0)
		return -ENOMEM;
	copy->machine = *machine;
	copy->machine.cpus = copy->cpus;
	if (machine->n_cpus > 0)
		memcpy(copy->cpus, machine->cpus, machine->n_cpus * sizeof(*copy->cpus));
	return 0;
}

static int copy_names(struct copy *copy, const char *const *names, size_t n)
{
	size_t size = 0, used = 0;

	for (size_t i = 0; i < n; i++)
		size += names[i] ? strlen(names[i]) + 1 : 0;
	if (array_reserve(&copy->names, &copy->names_size, n) < 0 ||
		array_reserve(&copy->texts, &copy->texts_size, size) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		copy->names[i] = NULL;
		if (!names[i])
			continue;
		copy->names[i] = copy->texts + used;
		strcpy(copy->texts + used, names[i]);
		used += strlen(names[i]) + 1;
	}
	return 0;
}

static int copy_item(struct copy *copy, const struct trace_item *item)
{
	if (copy_machine(copy, item->machine) < 0 ||
		sample_copy(&copy->sample, item->sample) < 0 ||
		copy_names(copy, item->names, item->sample->n_domains) < 0)
		return -ENOMEM;
	memcpy(copy->idle, item->idle, item->machine->n_zones * sizeof(*item->idle));
	copy->estimated = item->estimated;
	return 0;
}

static void copy_deinit(struct copy *copy)
{
	free(copy->cpus);
	sample_deinit(&copy->sample);
	free(copy->names);
	free(copy->texts);
}

static int write_lines(struct recorder *recorder)
{
	const struct json_text *text = &recorder->text;
	int r = durable_write_at(recorder->fd, recorder->size, text->data, text->used);

	if (r == 0)
		recorder->size += text->used;
	return r;
}

static int write_tick(struct recorder *recorder, const struct copy *copy)
{
	const struct trace_item item = {
		.machine = &copy->machine,
		.sample = &copy->sample,
		.names = copy->names,
		.idle = copy->idle,
		.estimated = copy->estimated,
	};
	/* What a line said that is not in the file was not said. */
	const struct trace_writer before = recorder->writer;
	int r;

	json_text_clear(&recorder->text);
	r = trace_writer_add(&recorder->writer, &item, &recorder->text);
	if (r == 0)
		r = write_lines(recorder);
	if (r < 0)
		recorder->writer = before;
	return r;
}

static void *recorder_main(void *argument)
{
	struct recorder *recorder = argument;

	pthread_mutex_lock(&recorder->thread.lock);
	for (;;) {
		int r;

		while (!recorder->thread.stop && recorder->n_waiting == 0)
			pthread_cond_wait(&recorder->thread.cond, &recorder->thread.lock);
		if (recorder->n_waiting == 0)
			break;
		pthread_mutex_unlock(&recorder->thread.lock);
		r = write_tick(recorder, &recorder->queue[recorder->first]);
		pthread_mutex_lock(&recorder->thread.lock);
		recorder->first = (recorder->first + 1) % RECORDER_QUEUE;
		recorder->n_waiting--;
		recorder->status.n_ticks += r == 0;
		recorder->status.n_dropped += r < 0;
		recorder->status.n_failed += r < 0 && r != -ENOMEM;
		recorder->status.error = r;
	}
	pthread_mutex_unlock(&recorder->thread.lock);
	return NULL;
}

static int open_file(const char *path)
{
	cleanup_close int fd = open(path,
		O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return st.st_size > 0 ? -EEXIST : steal_fd(&fd);
}

static void recorder_free(struct recorder *recorder)
{
	thread_deinit(&recorder->thread);
	for (size_t i = 0; i < RECORDER_QUEUE; i++)
		copy_deinit(&recorder->queue[i]);
	json_text_deinit(&recorder->text);
	cleanup_closep(&recorder->fd);
	free(recorder);
}

int recorder_start(const char *path, struct recorder **ret_recorder)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	int r;

	if (!recorder)
		return -ENOMEM;
	thread_init(&recorder->thread);
	recorder->fd = open_file(path);
	r = recorder->fd < 0 ? recorder->fd
			     : thread_start(&recorder->thread, recorder_main, recorder);
	if (r < 0) {
		recorder_free(recorder);
		return r;
	}
	*ret_recorder = recorder;
	return 0;
}

void recorder_add(struct recorder *recorder, const struct trace_item *item)
{
	struct copy *copy = NULL;
	bool slow;

	pthread_mutex_lock(&recorder->thread.lock);
	if (recorder->n_waiting < RECORDER_QUEUE)
		copy = &recorder->queue[(recorder->first + recorder->n_waiting) %
					RECORDER_QUEUE];
	pthread_mutex_unlock(&recorder->thread.lock);
	slow = !copy;
	/* Nobody else looks at it before it is counted. */
	if (copy && copy_item(copy, item) < 0)
		copy = NULL;
	pthread_mutex_lock(&recorder->thread.lock);
	if (copy) {
		recorder->n_waiting++;
		pthread_cond_signal(&recorder->thread.cond);
	} else {
		recorder->status.n_dropped++;
		recorder->status.n_slow += slow;
	}
	pthread_mutex_unlock(&recorder->thread.lock);
}

void recorder_status(struct recorder *recorder, struct output_status *ret_status)
{
	pthread_mutex_lock(&recorder->thread.lock);
	*ret_status = recorder->status;
	pthread_mutex_unlock(&recorder->thread.lock);
}

bool recorder_stop(
	struct recorder *recorder, uint64_t ms, struct output_status *ret_status)
{
	bool ended = thread_stop(&recorder->thread, ms);

	recorder_status(recorder, ret_status);
	if (ended)
		recorder_free(recorder);
	return ended;
}
