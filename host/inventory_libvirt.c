/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * libvirt's running domains, watched by a thread that owns the connection and
 * libvirt's event loop, and shares nothing but the newest inventory.
 */
#include "config.h"

#include "host/inventory_libvirt.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "host/libvirt_domains.h"
#include "host/libvirt_loop.h"
#include "host/thread.h"
#include "shared/array.h"
#include "shared/cleanup.h"
#include "shared/log.h"

#define REFRESH_MS     30000
#define SETTLE_MS      50 /* events come in bursts */
#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 10000
#define CLOSE_WAIT_MS  2000

/* A libvirtd that answers nothing for so long is gone: 5 s x (3 + 1). */
#define KEEPALIVE_S	5
#define KEEPALIVE_COUNT 3

enum timer {
	TIMER_CONNECT, /* while there is no connection; due at once */
	TIMER_REFRESH, /* a look at everything */
	TIMER_SETTLE,  /* a look at what events were about */
	N_TIMERS,
};

static const int event_ids[] = {
	VIR_DOMAIN_EVENT_ID_LIFECYCLE,
	VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
	VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
	VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
};

#define N_EVENTS (sizeof(event_ids) / sizeof(event_ids[0]))

struct watcher {
	struct inventory_source source;
	char *uri;
	pthread_t thread;

	/* Shared by the threads. */
	pthread_mutex_t lock;
	struct inventory *newest; /* under the lock; not taken yet */
	int newest_fd;		  /* readable: there is one */

	struct libvirt_loop loop; /* the thread's, but for its end */

	/* The thread's own. */
	virConnectPtr connection; /* NULL: none */
	int callbacks[N_EVENTS];
	bool loss_logged, published;
	int backoff_ms;
	struct inventory *current;
	size_t n_dirty; /* domains that events were about */
	struct uuid *dirty;
	struct log_limit log_limit;
};

static const char *last_error(void)
{
	const char *message = virGetLastErrorMessage();

	return message ? message : "unknown error";
}

static void set_timer(struct watcher *watcher, enum timer timer, int ms)
{
	libvirt_loop_set_timer(&watcher->loop, timer, ms);
}

/* Hands a copy of what is known over; the newest wins. */
static void publish(struct watcher *watcher)
{
	struct inventory *copy, *unread;

	if (inventory_copy(watcher->current, &copy) < 0) {
		log_error("libvirt: out of memory; the domains are as last known");
		return;
	}
	pthread_mutex_lock(&watcher->lock);
	unread = watcher->newest;
	watcher->newest = copy;
	pthread_mutex_unlock(&watcher->lock);
	inventory_free(unread);
	watcher->published = true;
	(void)eventfd_write(watcher->newest_fd, 1);
}

static void on_closed(virConnectPtr connection, int reason, void *data)
{
	struct watcher *watcher = data;

	(void)connection;
	(void)reason;
	/* Not from in here: the connection is in use by whoever calls this. */
	set_timer(watcher, TIMER_CONNECT, 0);
}

static void disconnect(struct watcher *watcher)
{
	if (!watcher->connection)
		return;
	for (size_t i = 0; i < N_EVENTS; i++) {
		if (watcher->callbacks[i] >= 0)
			virConnectDomainEventDeregisterAny(
				watcher->connection, watcher->callbacks[i]);
	}
	virConnectUnregisterCloseCallback(watcher->connection, on_closed);
	virConnectClose(watcher->connection);
	watcher->connection = NULL;
	watcher->n_dirty = 0;
	set_timer(watcher, TIMER_REFRESH, -1);
	set_timer(watcher, TIMER_SETTLE, -1);
}

/* Without libvirt the domains stay as they were, and are looked for again. */
static void lose(struct watcher *watcher, const char *reason)
{
	if (!watcher->loss_logged)
		log_warning(
			"libvirt: %s: %s; trying again, the domains are as last known. "
			"Does it run, and may this user connect read-only? See vmpower doctor",
			watcher->uri, reason);
	watcher->loss_logged = true;
	disconnect(watcher);
	if (watcher->current->connected || !watcher->published) {
		watcher->current->connected = false;
		publish(watcher);
	}
	set_timer(watcher, TIMER_CONNECT, watcher->backoff_ms);
	watcher->backoff_ms *= 2;
	if (watcher->backoff_ms > BACKOFF_MAX_MS)
		watcher->backoff_ms = BACKOFF_MAX_MS;
}

/* -EIO: the connection is of no use. */
static int refresh(struct watcher *watcher)
{
	struct inventory *next;
	int r = libvirt_domains_list(
		watcher->connection, watcher->current, &watcher->log_limit, &next);

	if (r == -ENOMEM)
		log_error("libvirt: out of memory; the domains are as last known");
	if (r < 0 || virConnectIsAlive(watcher->connection) != 1)
		return r < 0 ? r : -EIO;
	watcher->n_dirty = 0;
	if (inventory_equal(watcher->current, next)) {
		inventory_free(next);
		return 0;
	}
	inventory_free(watcher->current);
	watcher->current = next;
	publish(watcher);
	return 0;
}

static void on_refresh(int timer, void *data)
{
	struct watcher *watcher = data;

	(void)timer;
	set_timer(watcher, TIMER_REFRESH, REFRESH_MS);
	if (refresh(watcher) == -EIO)
		lose(watcher, last_error());
}

static void on_settle(int timer, void *data)
{
	struct watcher *watcher = data;

	(void)timer;
	set_timer(watcher, TIMER_SETTLE, -1);
	for (size_t i = 0; i < watcher->n_dirty; i++) {
		if (libvirt_domains_update(watcher->connection, &watcher->dirty[i],
			    &watcher->log_limit, watcher->current) < 0)
			/* Another look at everything: it was the domain, or libvirt. */
			set_timer(watcher, TIMER_REFRESH, BACKOFF_MIN_MS);
	}
	watcher->n_dirty = 0;
	publish(watcher);
}

static void mark_dirty(struct watcher *watcher, virDomainPtr domain)
{
	struct uuid uuid;

	if (virDomainGetUUID(domain, uuid.bytes) < 0)
		return;
	for (size_t i = 0; i < watcher->n_dirty; i++) {
		if (uuid_compare(&watcher->dirty[i], &uuid) == 0)
			return;
	}
	if (array_resize(&watcher->dirty, watcher->n_dirty + 1) < 0) {
		set_timer(watcher, TIMER_REFRESH, BACKOFF_MIN_MS);
		return;
	}
	/* From the first event on: a stream of them must not put it off. */
	if (watcher->n_dirty == 0)
		set_timer(watcher, TIMER_SETTLE, SETTLE_MS);
	watcher->dirty[watcher->n_dirty++] = uuid;
}

static int on_lifecycle(
	virConnectPtr connection, virDomainPtr domain, int event, int detail, void *data)
{
	(void)connection;
	(void)event;
	(void)detail;
	mark_dirty(data, domain);
	return 0;
}

static void on_device(
	virConnectPtr connection, virDomainPtr domain, const char *alias, void *data)
{
	(void)connection;
	(void)alias;
	mark_dirty(data, domain);
}

static void on_metadata(virConnectPtr connection, virDomainPtr domain, int type,
	const char *uri, void *data)
{
	(void)connection;
	(void)type;
	(void)uri;
	mark_dirty(data, domain);
}

static int register_events(struct watcher *watcher)
{
	const virConnectDomainEventGenericCallback functions[N_EVENTS] = {
		VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle),
		VIR_DOMAIN_EVENT_CALLBACK(on_device),
		VIR_DOMAIN_EVENT_CALLBACK(on_device),
		VIR_DOMAIN_EVENT_CALLBACK(on_metadata),
	};

	for (size_t i = 0; i < N_EVENTS; i++)
		watcher->callbacks[i] = -1;
	for (size_t i = 0; i < N_EVENTS; i++) {
		watcher->callbacks[i] = virConnectDomainEventRegisterAny(
			watcher->connection, NULL, event_ids[i], functions[i], watcher,
			NULL);
		if (watcher->callbacks[i] < 0)
			return -EIO;
	}
	return 0;
}

static int connect_libvirt(struct watcher *watcher)
{
	watcher->connection = virConnectOpenReadOnly(watcher->uri);
	if (!watcher->connection)
		return -EIO;
	/* Local transports may lack keepalive: they notice the other end's death. */
	(void)virConnectSetKeepAlive(watcher->connection, KEEPALIVE_S, KEEPALIVE_COUNT);
	if (register_events(watcher) < 0 ||
		virConnectRegisterCloseCallback(
			watcher->connection, on_closed, watcher, NULL) < 0)
		return -EIO;
	/* After the events: what changes from here on is told. */
	return refresh(watcher);
}

static void on_connect(int timer, void *data)
{
	struct watcher *watcher = data;

	(void)timer;
	set_timer(watcher, TIMER_CONNECT, -1);
	if (watcher->connection) {
		lose(watcher, "the connection ended");
		return;
	}
	if (connect_libvirt(watcher) < 0) {
		lose(watcher, last_error());
		return;
	}
	log_info("libvirt: %s%s, %zu domains run", watcher->uri,
		watcher->loss_logged ? " is back" : "", watcher->current->n_domains);
	watcher->loss_logged = false;
	watcher->backoff_ms = BACKOFF_MIN_MS;
	set_timer(watcher, TIMER_REFRESH, REFRESH_MS);
}

static void *watch(void *data)
{
	struct watcher *watcher = data;

	pthread_setname_np(pthread_self(), "libvirt");
	if (libvirt_loop_run(&watcher->loop) < 0)
		log_error("libvirt: %s; no longer watching domains", last_error());
	disconnect(watcher);
	libvirt_loop_end(&watcher->loop);
	return NULL;
}

/* Not while the thread runs. */
static void watcher_free(struct watcher *watcher)
{
	if (!watcher)
		return;
	libvirt_loop_close(&watcher->loop);
	cleanup_closep(&watcher->newest_fd);
	pthread_mutex_destroy(&watcher->lock);
	inventory_free(watcher->newest);
	inventory_free(watcher->current);
	free(watcher->dirty);
	free(watcher->uri);
	free(watcher);
}

static void watcher_freep(struct watcher **watcher)
{
	watcher_free(*watcher);
}

static int watcher_new(
	const char *uri, const struct inventory *known, struct watcher **ret_watcher)
{
	static const virEventTimeoutCallback functions[N_TIMERS] = {
		[TIMER_CONNECT] = on_connect,
		[TIMER_REFRESH] = on_refresh,
		[TIMER_SETTLE] = on_settle,
	};
	cleanup(watcher_freep) struct watcher *watcher = calloc(1, sizeof(*watcher));
	int r;

	if (!watcher)
		return -ENOMEM;
	pthread_mutex_init(&watcher->lock, NULL);
	libvirt_loop_init(&watcher->loop);
	watcher->backoff_ms = BACKOFF_MIN_MS;
	watcher->source.ops = &inventory_libvirt_ops;
	watcher->newest_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watcher->newest_fd < 0)
		return -EMFILE;
	watcher->uri = strdup(uri);
	if (!watcher->uri || inventory_copy(known, &watcher->current) < 0)
		return -ENOMEM;
	watcher->current->connected = false;
	r = libvirt_loop_open(&watcher->loop, functions, N_TIMERS, watcher);
	if (r < 0)
		return r;
	*ret_watcher = steal_pointer(&watcher);
	return 0;
}

static int libvirt_open(const char *uri, const struct inventory *known,
	struct inventory_source **ret_source)
{
	cleanup(watcher_freep) struct watcher *watcher = NULL;
	int r = watcher_new(uri, known, &watcher);

	if (r == 0)
		r = thread_create(watch, watcher, &watcher->thread);
	if (r < 0)
		return r;
	*ret_source = &steal_pointer(&watcher)->source;
	return 0;
}

static struct watcher *watcher_of(const struct inventory_source *source)
{
	return (struct watcher *)((uintptr_t)source - offsetof(struct watcher, source));
}

static int libvirt_fd(const struct inventory_source *source)
{
	return watcher_of(source)->newest_fd;
}

static struct inventory *libvirt_take(struct inventory_source *source)
{
	struct watcher *watcher = watcher_of(source);
	struct inventory *newest;
	uint64_t count;

	/* Before the pointer: a newer one raises it again. */
	(void)!read(watcher->newest_fd, &count, sizeof(count));
	pthread_mutex_lock(&watcher->lock);
	newest = steal_pointer(&watcher->newest);
	pthread_mutex_unlock(&watcher->lock);
	return newest;
}

static void libvirt_close(struct inventory_source *source)
{
	struct watcher *watcher = source ? watcher_of(source) : NULL;

	if (!watcher)
		return;
	if (!libvirt_loop_stop(&watcher->loop, CLOSE_WAIT_MS)) {
		log_warning(
			"libvirt: %s does not answer; leaving without it", watcher->uri);
		pthread_detach(watcher->thread);
		return;
	}
	pthread_join(watcher->thread, NULL);
	watcher_free(watcher);
}

const struct inventory_ops inventory_libvirt_ops = {
	.open = libvirt_open,
	.fd = libvirt_fd,
	.take = libvirt_take,
	.close = libvirt_close,
};
