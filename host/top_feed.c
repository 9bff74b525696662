/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Asking hostd when a tick should be over. */
#include "config.h"

#include "host/top_feed.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/thread.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

#define STOP_MS 3000

/* Behind the end of a tick it is asked for the first time, then in longer steps. */
#define RETRY_MIN_MS 40u
#define RETRY_MAX_MS 1000u
/* While hostd is away. */
#define AWAY_MS 500u

struct top_feed {
	uint64_t interval_ns;
	struct client *client;
	atomic_bool stop;
	int fd;
	struct thread thread;
	/* Under the thread's lock. */
	struct snapshot *newest; /* not taken yet; a reference */
	char error[CLIENT_ERROR_SIZE];
};

/* What the thread knows. */
struct state {
	uint64_t known_ns; /* the newest tick's end, */
	uint64_t due_ns;   /* and when the next one's is */
	uint64_t retry_ms;
};

static void publish(struct top_feed *feed, struct snapshot *snapshot, const char *error)
{
	bool news;

	pthread_mutex_lock(&feed->thread.lock);
	news = snapshot || strcmp(feed->error, error) != 0;
	strcpy(feed->error, error);
	if (snapshot) {
		snapshot_unref(feed->newest);
		feed->newest = snapshot;
	}
	pthread_mutex_unlock(&feed->thread.lock);
	if (news)
		eventfd_write(feed->fd, 1);
}

/* In how many ms hostd is to be asked again. */
static uint64_t wait_for_tick(struct state *state)
{
	uint64_t now_ns = clock_boottime_ns(), ms = state->retry_ms;

	if (state->due_ns > now_ns)
		ms += (state->due_ns - now_ns) / NSEC_PER_MSEC;
	else if (state->retry_ms < RETRY_MAX_MS)
		state->retry_ms *= 2;
	return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

/* Likewise, after having asked. */
static uint64_t fetch(struct top_feed *feed, struct state *state)
{
	char error[CLIENT_ERROR_SIZE] = "";
	struct snapshot *snapshot = NULL;
	bool pause = false;
	int r = client_fetch_snapshot(
		feed->client, state->known_ns, &snapshot, NULL, NULL, error);

	if (r < 0 && r != -EALREADY) {
		publish(feed, NULL, error);
		return AWAY_MS;
	}
	if (r == 0) {
		state->known_ns = snapshot->boottime_ns;
		state->due_ns = snapshot->boottime_ns + snapshot->dt_ns;
		state->retry_ms = RETRY_MIN_MS;
		pause = feed->interval_ns > snapshot->dt_ns;
	}
	/* It is the other thread's then. */
	publish(feed, snapshot, "");
	return pause ? feed->interval_ns / NSEC_PER_MSEC : wait_for_tick(state);
}

static void *feed_main(void *argument)
{
	struct state state = { .retry_ms = RETRY_MIN_MS };
	struct top_feed *feed = argument;

	pthread_mutex_lock(&feed->thread.lock);
	while (!feed->thread.stop) {
		struct timespec until;

		pthread_mutex_unlock(&feed->thread.lock);
		until = thread_in_ms(fetch(feed, &state));
		pthread_mutex_lock(&feed->thread.lock);
		while (!feed->thread.stop && pthread_cond_timedwait(&feed->thread.cond,
						     &feed->thread.lock, &until) == 0)
			;
	}
	pthread_mutex_unlock(&feed->thread.lock);
	return NULL;
}

static bool is_over(void *data)
{
	return atomic_load(&((struct top_feed *)data)->stop);
}

static void destroy(struct top_feed *feed)
{
	client_free(feed->client);
	snapshot_unref(feed->newest);
	if (feed->fd >= 0)
		close(feed->fd);
	thread_deinit(&feed->thread);
	free(feed);
}

int top_feed_start(
	const char *socket_path, uint64_t interval_ns, struct top_feed **ret_feed)
{
	struct top_feed *feed = calloc(1, sizeof(*feed));
	int r;

	if (!feed)
		return -ENOMEM;
	feed->interval_ns = interval_ns;
	thread_init(&feed->thread);
	feed->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = feed->fd < 0 ? -errno : client_new(socket_path, is_over, feed, &feed->client);
	if (r == 0)
		r = thread_start(&feed->thread, feed_main, feed);
	if (r < 0) {
		destroy(feed);
		return r;
	}
	*ret_feed = feed;
	return 0;
}

void top_feed_stop(struct top_feed *feed)
{
	if (!feed)
		return;
	atomic_store(&feed->stop, true);
	if (thread_stop(&feed->thread, STOP_MS))
		destroy(feed);
}

int top_feed_fd(const struct top_feed *feed)
{
	return feed->fd;
}

void top_feed_take(struct top_feed *feed, struct snapshot **ret_snapshot,
	char error[CLIENT_ERROR_SIZE])
{
	eventfd_t ignored;

	eventfd_read(feed->fd, &ignored);
	pthread_mutex_lock(&feed->thread.lock);
	*ret_snapshot = steal_pointer(&feed->newest);
	strcpy(error, feed->error);
	pthread_mutex_unlock(&feed->thread.lock);
}
