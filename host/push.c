/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The push thread: all targets on one libcurl multi handle. */
#include "host/push.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "host/push_target.h"
#include "host/push_transport.h"
#include "host/thread.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/log.h"

/* Ticks that the thread has not taken yet; it takes them at once unless it encodes. */
#define INTAKE_MAX 64

/* What is sent at the end has this time, and the thread this much to see it. */
#define FLUSH_NS (3 * (uint64_t)NSEC_PER_SEC)
#define STOP_MS	 8000

/* Carriers of their own find out about their timeouts so often. */
#define SENDING_WAIT_MS 1000
#define WAIT_MAX_MS	60000

#define RETRIED_LOG_NS (60 * (uint64_t)NSEC_PER_SEC)
#define REFUSED_LOG_NS (600 * (uint64_t)NSEC_PER_SEC)
#define FULL_LOG_NS    (600 * (uint64_t)NSEC_PER_SEC)

/* A target and how it is reached. */
struct route {
	struct push_target target;
	struct push_transport *transport;
	bool sending;
	bool failing; /* which the log knows of */
	struct log_limit retried, refused, full;
	bool gave_up; /* there was a failure at the end */
};

struct push {
	struct thread thread;
	char host[HOST_NAME_MAX + 1];
	CURLM *multi;
	size_t n_routes;
	struct route *routes; /* the thread's */
	struct curl_waitfd *waits;
	/* Under the thread's lock: */
	size_t n_intake, n_lost;
	const struct snapshot *intake[INTAKE_MAX];
	struct snapshot_push *stats;
};

static const struct push_transport_ops *const carriers[] = {
	[PUSH_CARRIER_HTTP] = &push_http_ops,
	[PUSH_CARRIER_RIEMANN] = &push_riemann_ops,
};

/* For jitter, where any number does. */
static uint32_t get_random(void)
{
	uint32_t number = 0;

	(void)getrandom(&number, sizeof(number), GRND_NONBLOCK);
	return number;
}

static void log_full(struct route *route, size_t n_dropped)
{
	uint64_t suppressed;

	if (n_dropped == 0 || !log_limit_pass(&route->full, clock_monotonic_ns(),
				      FULL_LOG_NS, &suppressed))
		return;
	log_warning("Push %s: as much waits as may; the oldest ticks are dropped. "
		    "See queue_mib in vmpower-hostd(8)",
		route->target.config->name);
}

static void log_verdict(struct route *route, enum push_verdict verdict, size_t n_ticks,
	const char *error, uint64_t now_ns)
{
	const char *name = route->target.config->name;
	uint64_t suppressed;

	if (verdict == PUSH_RETRY) {
		if (!route->failing && log_limit_pass(&route->retried, now_ns,
					       RETRIED_LOG_NS, &suppressed)) {
			log_warning("Push %s: %s; trying again, ticks wait", name, error);
			route->failing = true;
		}
		return;
	}
	if ((verdict == PUSH_REFUSED || verdict == PUSH_UNCLEAR) &&
		log_limit_pass(&route->refused, now_ns, REFUSED_LOG_NS, &suppressed))
		log_error("Push %s: the target refused %zu ticks, %s: %s; "
			  "more are counted in /metrics",
			name, n_ticks,
			verdict == PUSH_UNCLEAR
				? "which it may have had before, as an answer was lost"
				: "which are dropped",
			error);
	if (verdict == PUSH_DELIVERED && route->failing) {
		log_info("Push %s goes on", name);
		route->failing = false;
	}
}

/* Whether the batch is over. */
static bool finish(struct route *route, uint64_t now_ns)
{
	size_t n_ticks = route->target.n_ticks;
	struct push_answer answer;
	enum push_verdict verdict;

	if (!route->transport->ops->work(route->transport, &answer))
		return false;
	route->sending = false;
	if (answer.lost)
		push_target_lose_answer(&route->target);
	verdict = push_target_answer(&route->target, answer.status, answer.retry_after_s,
		now_ns, clock_read_ns(CLOCK_REALTIME), get_random());
	log_verdict(route, verdict, n_ticks, answer.error, now_ns);
	route->gave_up = verdict == PUSH_RETRY;
	return true;
}

/* Whether something began. */
static bool begin(struct route *route, uint64_t now_ns, bool stopping)
{
	struct push_target *target = &route->target;
	bool again = target->n_ticks > 0;
	int r;

	if (push_target_due_ns(target, stopping) > now_ns || (stopping && route->gave_up))
		return false;
	r = push_target_prepare(target);
	if (r < 0) {
		log_error("Push %s: cannot make a batch: %s; its ticks are dropped",
			target->config->name, strerror(-r));
		return true;
	}
	route->sending = true;
	route->transport->ops->send(
		route->transport, target->body.data, target->body.used, again);
	return true;
}

/* Tells the transports which of their handles are done. */
static void run_curl(CURLM *multi)
{
	const CURLMsg *message;
	int n;

	curl_multi_perform(multi, &n);
	while ((message = curl_multi_info_read(multi, &n))) {
		CURLcode code = message->data.result;
		struct push_transport *transport = NULL;

		curl_easy_getinfo(
			message->easy_handle, CURLINFO_PRIVATE, (char **)&transport);
		transport->done = true;
		transport->code = code;
	}
}

/* Until nobody can go on. Whether somebody is to be waited for. */
static bool work(struct push *push, bool stopping)
{
	bool moved = true, sending = false;

	while (moved) {
		uint64_t now_ns = clock_monotonic_ns();

		moved = sending = false;
		run_curl(push->multi);
		for (size_t i = 0; i < push->n_routes; i++) {
			struct route *route = &push->routes[i];

			if (route->sending ? finish(route, now_ns)
					   : begin(route, now_ns, stopping))
				moved = true;
			sending |= route->sending;
		}
	}
	return sending;
}

/* Ticks that found the intake full; UINT64_MAX: there will be no more. */
static void note_lost(struct route *route, size_t n_ticks, uint64_t now_ns)
{
	const char *name = route->target.config->name;
	size_t n_lost = 0;

	switch (push_target_lose(&route->target, n_ticks, now_ns, &n_lost)) {
	case PUSH_LOSS_BEGINS:
		log_warning("Push %s: ticks come faster than batches are made; those "
			    "that there is no room for are dropped",
			name);
		break;
	case PUSH_LOSS_ENDS:
		log_warning("Push %s: batches are made in time again; %zu ticks were "
			    "dropped",
			name, n_lost);
		break;
	case PUSH_LOSS_SAME:
		break;
	}
}

/* true: the thread is to end. */
static bool take_intake(struct push *push)
{
	const struct snapshot *intake[INTAKE_MAX];
	uint64_t now_ns = clock_monotonic_ns();
	size_t n, n_lost;
	bool stop;

	pthread_mutex_lock(&push->thread.lock);
	n = push->n_intake;
	n_lost = push->n_lost;
	memcpy(intake, push->intake, n * sizeof(intake[0]));
	push->n_intake = push->n_lost = 0;
	stop = push->thread.stop;
	pthread_mutex_unlock(&push->thread.lock);
	for (size_t i = 0; i < push->n_routes; i++) {
		struct route *route = &push->routes[i];

		for (size_t j = 0; j < n; j++)
			log_full(route, push_target_add(&route->target, intake[j]));
		/* They came after the others, but a count has no order. */
		note_lost(route, n_lost, now_ns);
	}
	for (size_t j = 0; j < n; j++)
		snapshot_unref((struct snapshot *)intake[j]);
	return stop;
}

static void publish_stats(struct push *push)
{
	pthread_mutex_lock(&push->thread.lock);
	for (size_t i = 0; i < push->n_routes; i++) {
		const struct push_target *target = &push->routes[i].target;

		push->stats[i] = target->stats;
		push->stats[i].waiting_ticks = push_target_waiting(target);
	}
	pthread_mutex_unlock(&push->thread.lock);
}

/* For what comes in, goes on or gets due. */
static void wait_for(struct push *push, bool sending, uint64_t until_ns, bool stopping)
{
	uint64_t now_ns = clock_monotonic_ns(),
		 ms = sending ? SENDING_WAIT_MS : WAIT_MAX_MS;
	unsigned int n_waits = 0;

	for (size_t i = 0; i < push->n_routes; i++) {
		const struct route *route = &push->routes[i];
		const struct push_transport_ops *ops = route->transport->ops;
		uint64_t due_ns = push_target_due_ns(&route->target, stopping);

		if (route->sending) {
			if (ops->wait &&
				ops->wait(route->transport, &push->waits[n_waits]))
				n_waits++;
		} else if (due_ns < until_ns && !stopping) {
			until_ns = due_ns;
		}
	}
	if (until_ns <= now_ns)
		return;
	if (ms > (until_ns - now_ns) / NSEC_PER_MSEC + 1)
		ms = (until_ns - now_ns) / NSEC_PER_MSEC + 1;
	curl_multi_poll(push->multi, push->waits, n_waits, (int)ms, NULL);
}

/* Each target is tried once more. Returns until when. */
static uint64_t begin_end(struct push *push)
{
	for (size_t i = 0; i < push->n_routes; i++)
		push->routes[i].gave_up = false;
	return clock_monotonic_ns() + FLUSH_NS;
}

static void close_transports(struct push *push)
{
	for (size_t i = 0; i < push->n_routes; i++) {
		struct push_transport *transport = push->routes[i].transport;

		if (transport)
			transport->ops->close(transport);
		push->routes[i].transport = NULL;
	}
}

static void *push_main(void *argument)
{
	struct push *push = argument;
	uint64_t until_ns = UINT64_MAX;
	bool stopping = false, sending = true;

	while (!stopping || (sending && clock_monotonic_ns() < until_ns)) {
		bool stop = take_intake(push);

		if (stop && !stopping)
			until_ns = begin_end(push);
		stopping = stop;
		sending = work(push, stopping);
		publish_stats(push);
		if (!stopping || sending)
			wait_for(push, sending, until_ns, stopping);
	}
	/* A name that is being looked up may take its time, which is this thread's. */
	close_transports(push);
	return NULL;
}

static void push_free(struct push *push)
{
	close_transports(push);
	for (size_t i = 0; i < push->n_routes; i++)
		push_target_deinit(&push->routes[i].target);
	for (size_t i = 0; i < push->n_intake; i++)
		snapshot_unref((struct snapshot *)push->intake[i]);
	if (push->multi)
		curl_multi_cleanup(push->multi);
	thread_deinit(&push->thread);
	free(push->routes);
	free(push->waits);
	free(push->stats);
	free(push);
}

static int open_routes(struct push *push, const struct push_config *configs,
	size_t n_configs, const struct metrics_options *metrics)
{
	struct push_options options = { .metrics = *metrics, .host = push->host };

	options.metrics.node_name = push->host;
	for (size_t i = 0; i < n_configs; i++) {
		struct route *route = &push->routes[i];
		int r;

		push_target_init(&route->target, &configs[i], &options,
			clock_monotonic_ns(), get_random());
		push->stats[i] = route->target.stats;
		push->n_routes++;
		r = carriers[configs[i].format->carrier]->open(
			&configs[i], push->multi, &route->transport);
		if (r < 0)
			return r;
	}
	return 0;
}

int push_start(const struct push_config *configs, size_t n_configs,
	const struct metrics_options *options, struct push **ret_push)
{
	struct push *push;
	int r = -ENOMEM;

	if (n_configs == 0) {
		*ret_push = NULL;
		return 0;
	}
	push = calloc(1, sizeof(*push));
	if (!push)
		return -ENOMEM;
	thread_init(&push->thread);
	if (gethostname(push->host, sizeof(push->host) - 1) < 0)
		push->host[0] = '\0';
	push->routes = calloc(n_configs, sizeof(*push->routes));
	push->waits = calloc(n_configs, sizeof(*push->waits));
	push->stats = calloc(n_configs, sizeof(*push->stats));
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		push->multi = curl_multi_init();
	if (push->routes && push->waits && push->stats && push->multi)
		r = open_routes(push, configs, n_configs, options);
	if (r == 0)
		r = thread_start(&push->thread, push_main, push);
	if (r < 0) {
		push_free(push);
		return r;
	}
	*ret_push = push;
	return 0;
}

void push_offer(struct push *push, const struct snapshot *snapshot)
{
	if (!push)
		return;
	pthread_mutex_lock(&push->thread.lock);
	if (push->n_intake < INTAKE_MAX)
		push->intake[push->n_intake++] = snapshot_ref(snapshot);
	else
		push->n_lost++;
	pthread_mutex_unlock(&push->thread.lock);
	curl_multi_wakeup(push->multi);
}

int push_describe(struct push *push, struct snapshot *snapshot)
{
	if (!push)
		return 0;
	snapshot->pushes = snapshot_alloc(
		snapshot, push->n_routes, sizeof(*snapshot->pushes));
	if (!snapshot->pushes)
		return -ENOMEM;
	pthread_mutex_lock(&push->thread.lock);
	memcpy(snapshot->pushes, push->stats, push->n_routes * sizeof(*push->stats));
	pthread_mutex_unlock(&push->thread.lock);
	snapshot->n_pushes = push->n_routes;
	return 0;
}

static void log_left(struct push *push)
{
	for (size_t i = 0; i < push->n_routes; i++) {
		struct route *route = &push->routes[i];
		size_t n = push_target_waiting(&route->target);

		note_lost(route, 0, UINT64_MAX);
		if (n > 0)
			log_warning("Push %s: ended with %zu ticks not delivered",
				route->target.config->name, n);
	}
}

void push_stop(struct push *push)
{
	if (!push)
		return;
	thread_tell_stop(&push->thread);
	curl_multi_wakeup(push->multi);
	if (!thread_stop(&push->thread, STOP_MS)) {
		log_error("The push thread hangs; leaving without it");
		return;
	}
	log_left(push);
	push_free(push);
}
