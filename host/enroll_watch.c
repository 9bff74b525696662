/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower enroll --watch: libvirt's events, and a look at everything now and then. */
#include "config.h"

#include "host/enroll_watch.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "host/enroll.h"
#include "host/libvirt_loop.h"
#include "host/virt.h"
#include "shared/log.h"
#include "shared/notify.h"
#include "shared/uuid.h"

#define LOOK_MS	       30000
#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 10000
#define KEEPALIVE_S    5
#define KEEPALIVE_N    3

enum timer {
	TIMER_CONNECT, /* while there is no connection; due at once */
	TIMER_LOOK,    /* at all running domains */
	N_TIMERS,
};

/* A run of a domain: the next one has another id. */
struct incarnation {
	struct uuid uuid;
	unsigned int id;
	bool enrolled;
	bool complained; /* it could not be, and that was said */
};

struct watch {
	FILE *out;
	const char *uri;
	const struct selection *selection;
	struct libvirt_loop loop;
	int signal_watch;
	virConnectPtr connection; /* NULL: none */
	int callback;
	int backoff_ms;
	bool loss_logged;
	/* Those that ran at the last look. */
	size_t n_known;
	struct incarnation *known;
};

static const struct incarnation *find_known(
	const struct watch *watch, const struct incarnation *like)
{
	for (size_t i = 0; i < watch->n_known; i++) {
		if (uuid_compare(&watch->known[i].uuid, &like->uuid) == 0 &&
			watch->known[i].id == like->id)
			return &watch->known[i];
	}
	return NULL;
}

/* One that arrives by migration does not run yet; libvirt would wait for its end. */
static bool is_arriving(virDomainPtr domain)
{
	int state, reason;

	return virDomainGetState(domain, &state, &reason, 0) == 0 &&
	       state == VIR_DOMAIN_PAUSED &&
	       (reason == VIR_DOMAIN_PAUSED_MIGRATION ||
		       reason == VIR_DOMAIN_PAUSED_STARTING_UP);
}

/* Said once, tried again at each look. */
static void fail(struct incarnation *incarnation, const char *name, const char *why)
{
	if (!incarnation->complained)
		virt_complain(name, "cannot enroll it, will try again", why);
	incarnation->complained = true;
}

static void enroll(
	const struct watch *watch, virDomainPtr domain, struct incarnation *incarnation)
{
	cleanup_domain_xml struct domain_xml xml = { 0 };
	const char *name = virDomainGetName(domain);
	int r = virt_read_domain(domain, 0, &xml);

	/* It ended meanwhile. */
	if (r == -ENOENT && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
		return;
	if (r < 0) {
		fail(incarnation, name, virt_read_error(r));
		return;
	}
	incarnation->enrolled = xml.has_channel ||
				!selection_has(watch->selection, name, xml.labels);
	if (incarnation->enrolled)
		return;
	if (!xml.has_virtio_serial) {
		fail(incarnation, name,
			"it runs without a virtio-serial controller; vmpower enroll adds "
			"one to its persistent definition");
		return;
	}
	r = enroll_plug(domain);
	if (r < 0) {
		fail(incarnation, name, virt_error());
		return;
	}
	incarnation->enrolled = true;
	enroll_say(watch->out, name, "plugged the channel into the running domain");
}

/* Each that runs; who was enrolled in this run is not asked again, nor when undone. */
static int look(struct watch *watch)
{
	virDomainPtr *domains = NULL;
	int n = virConnectListAllDomains(
		watch->connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	struct incarnation *now = n < 0 ? NULL : calloc((size_t)n + 1, sizeof(*now));

	for (int i = 0; i < n; i++) {
		struct incarnation *incarnation = now ? &now[i] : NULL;
		const struct incarnation *known;

		if (incarnation &&
			virDomainGetUUID(domains[i], incarnation->uuid.bytes) == 0) {
			incarnation->id = virDomainGetID(domains[i]);
			known = find_known(watch, incarnation);
			if (known)
				*incarnation = *known;
			if (!incarnation->enrolled && !is_arriving(domains[i]))
				enroll(watch, domains[i], incarnation);
		}
		virDomainFree(domains[i]);
	}
	free(domains);
	if (!now)
		return n < 0 ? -EIO : -ENOMEM;
	free(watch->known);
	watch->known = now;
	watch->n_known = (size_t)n;
	return 0;
}

static void on_closed(virConnectPtr connection, int reason, void *data)
{
	struct watch *watch = data;

	(void)connection;
	(void)reason;
	libvirt_loop_set_timer(&watch->loop, TIMER_CONNECT, 0);
}

static void disconnect(struct watch *watch)
{
	if (!watch->connection)
		return;
	if (watch->callback >= 0)
		virConnectDomainEventDeregisterAny(watch->connection, watch->callback);
	virConnectUnregisterCloseCallback(watch->connection, on_closed);
	virConnectClose(watch->connection);
	watch->connection = NULL;
	libvirt_loop_set_timer(&watch->loop, TIMER_LOOK, -1);
}

static void lose(struct watch *watch, const char *why)
{
	if (!watch->loss_logged)
		log_warning("libvirt: %s: %s; trying again. Does it run, and is this "
			    "root? See vmpower doctor",
			watch->uri, why);
	watch->loss_logged = true;
	disconnect(watch);
	libvirt_loop_set_timer(&watch->loop, TIMER_CONNECT, watch->backoff_ms);
	watch->backoff_ms *= 2;
	if (watch->backoff_ms > BACKOFF_MAX_MS)
		watch->backoff_ms = BACKOFF_MAX_MS;
}

static void on_look(int timer, void *data)
{
	struct watch *watch = data;

	(void)timer;
	libvirt_loop_set_timer(&watch->loop, TIMER_LOOK, LOOK_MS);
	if (look(watch) == -EIO)
		lose(watch, virt_error());
}

/* Not from in here: libvirt is in the middle of its events. */
static int on_lifecycle(
	virConnectPtr connection, virDomainPtr domain, int event, int detail, void *data)
{
	struct watch *watch = data;

	(void)connection;
	(void)domain;
	(void)detail;
	if (event == VIR_DOMAIN_EVENT_STARTED || event == VIR_DOMAIN_EVENT_RESUMED)
		libvirt_loop_set_timer(&watch->loop, TIMER_LOOK, 0);
	return 0;
}

static int open_connection(struct watch *watch)
{
	watch->connection = virConnectOpen(watch->uri);
	watch->callback = -1;
	if (!watch->connection)
		return -EIO;
	/* Local transports may lack keepalive: they notice the other end's death. */
	(void)virConnectSetKeepAlive(watch->connection, KEEPALIVE_S, KEEPALIVE_N);
	watch->callback = virConnectDomainEventRegisterAny(watch->connection, NULL,
		VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle),
		watch, NULL);
	if (watch->callback < 0 || virConnectRegisterCloseCallback(
					   watch->connection, on_closed, watch, NULL) < 0)
		return -EIO;
	return look(watch) == -EIO ? -EIO : 0;
}

static void on_connect(int timer, void *data)
{
	struct watch *watch = data;

	(void)timer;
	libvirt_loop_set_timer(&watch->loop, TIMER_CONNECT, -1);
	if (watch->connection) {
		lose(watch, "the connection ended");
		return;
	}
	if (open_connection(watch) < 0) {
		lose(watch, virt_error());
		return;
	}
	if (watch->loss_logged)
		log_info("libvirt: %s is back", watch->uri);
	watch->loss_logged = false;
	watch->backoff_ms = BACKOFF_MIN_MS;
	libvirt_loop_set_timer(&watch->loop, TIMER_LOOK, LOOK_MS);
	notify_send("READY=1");
}

static void on_signal(int watch_number, int fd, int events, void *data)
{
	(void)watch_number;
	(void)fd;
	(void)events;
	libvirt_loop_leave(data);
}

/* SIGTERM and SIGINT as events of the loop; its fd, or -errno. */
static int take_signals(struct watch *watch)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	watch->signal_watch = virEventAddHandle(
		fd, VIR_EVENT_HANDLE_READABLE, on_signal, &watch->loop, NULL);
	return fd;
}

int enroll_watch_run(FILE *out, const char *connect, const struct selection *selection)
{
	static const virEventTimeoutCallback functions[N_TIMERS] = {
		[TIMER_CONNECT] = on_connect,
		[TIMER_LOOK] = on_look,
	};
	struct watch watch = { .out = out,
		.uri = connect,
		.selection = selection,
		.signal_watch = -1,
		.backoff_ms = BACKOFF_MIN_MS };
	cleanup_close int signal_fd = -1;
	int r;

	setvbuf(out, NULL, _IOLBF, 0);
	libvirt_loop_init(&watch.loop);
	r = libvirt_loop_open(&watch.loop, functions, N_TIMERS, &watch);
	if (r == 0)
		r = signal_fd = take_signals(&watch);
	if (r >= 0)
		r = libvirt_loop_run(&watch.loop);
	if (r < 0)
		log_error("Cannot watch libvirt's events: %s",
			r == -EIO ? virt_error() : strerror(-r));
	disconnect(&watch);
	if (watch.signal_watch >= 0)
		virEventRemoveHandle(watch.signal_watch);
	libvirt_loop_close(&watch.loop);
	free(watch.known);
	return r < 0;
}
