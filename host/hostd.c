/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The daemon: timer, inventory, links, signals and HTTP on one libevent loop. */
#include "host/hostd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "host/http_servers.h"
#include "host/inventory_libvirt.h"
#include "host/links.h"
#include "host/publisher.h"
#include "host/push.h"
#include "host/recording.h"
#include "host/sampler.h"
#include "host/snapshot.h"
#include "host/streams.h"
#include "host/tick_request.h"
#include "host/writer.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/notify.h"

#define LINK_PERIOD_MIN_MS 1000
/* How long the first tick waits for libvirt: only it knows who came since the last run.
 */
#define INVENTORY_WAIT_NS (3 * (uint64_t)NSEC_PER_SEC)
/* Snapshots older than this many intervals make /healthz say so. */
#define STALE_INTERVALS 3
#define STALE_MIN_NS	(10 * (uint64_t)NSEC_PER_SEC)

/* Of a disk that does not answer: far below what systemd waits before it kills. */
#define WRITER_STOP_MS 20000

/* What was learned goes to the writer so often. */
#define KEEP_NS (10 * (uint64_t)NSEC_PER_SEC)

struct hostd {
	const struct hostd_config *config;
	struct event_base *base;
	struct event *tick_event, *inventory_event, *watchdog_event;
	struct event *signal_events[3];
	int timer_fd;
	uint64_t begin_ns; /* of the timer; CLOCK_MONOTONIC */
	struct inventory_source *source;
	struct inventory *inventory; /* until libvirt tells, the ledger's */
	struct sampler *sampler;
	struct links *links;
	struct writer *writer;
	struct recording recording;
	struct streams streams;
	struct snapshot_box box;
	struct publisher publisher;
	struct tick_requests *requests;
	struct http_servers *http;
	struct push *push;
	bool ready;
	bool no_memory; /* for a record of an hour */
	int writer_error, intervals_error, fold_error, coefficients_error;
	uint64_t measured_ns; /* when the last tick was; CLOCK_MONOTONIC */
	uint64_t kept_ns;     /* when what was learned went to the writer */
};

static uint64_t interval_ns(const struct hostd *hostd)
{
	return hostd->config->interval_ms * (uint64_t)NSEC_PER_MSEC;
}

/* Older than this, what was measured last is no longer what is. */
static uint64_t stale_ns(const struct hostd *hostd)
{
	uint64_t ns = STALE_INTERVALS * interval_ns(hostd);

	return ns < STALE_MIN_NS ? STALE_MIN_NS : ns;
}

/* The disk's trouble is not the ticks', but who relies on the ledger must know. */
static void log_writer(struct hostd *hostd)
{
	struct writer_status status;

	writer_status(hostd->writer, &status);
	if (status.has_looked && sampler_lost_ledger(hostd->sampler, status.ledger_inode))
		log_error("%s/ledger was removed or replaced by somebody else; the next "
			  "tick writes all of it anew, what is there is overwritten",
			hostd->config->state_dir);
	if (status.error == hostd->writer_error)
		return;
	hostd->writer_error = status.error;
	if (status.error < 0)
		log_error(
			"Cannot write %s/ledger.checkpoint: %s; until it can be, a power "
			"failure loses what came since the last one. Make room there",
			hostd->config->state_dir, strerror(-status.error));
	else
		log_info("%s/ledger.checkpoint is written again",
			hostd->config->state_dir);
}

static void log_coefficients(struct hostd *hostd, int error)
{
	if (error == hostd->coefficients_error)
		return;
	hostd->coefficients_error = error;
	if (error < 0)
		log_warning("Cannot write %s/" WRITER_COEFFICIENTS_FILE
			    ": %s; what domains cost is learned anew after a restart. "
			    "Make room there",
			hostd->config->state_dir, strerror(-error));
	else
		log_info("%s/" WRITER_COEFFICIENTS_FILE " is written again",
			hostd->config->state_dir);
}

static void log_intervals(struct hostd *hostd, int error)
{
	if (error == hostd->intervals_error)
		return;
	hostd->intervals_error = error;
	if (error < 0)
		log_error(
			"Cannot write %s/intervals: %s; hours that are over wait in memory and "
			"the totals go on, but should this program end before, several hours "
			"become one record. Make room there or make it writable",
			hostd->config->state_dir,
			error == -ESTALE ? "somebody else cut or replaced it"
					 : strerror(-error));
	else
		log_info("%s/intervals is written again", hostd->config->state_dir);
}

static void log_fold(struct hostd *hostd, int error)
{
	if (error == hostd->fold_error)
		return;
	hostd->fold_error = error;
	if (error < 0)
		log_warning(
			"Cannot fold old records of %s/intervals together: %s; nothing is "
			"lost, but the file grows. Make room there for a copy of it",
			hostd->config->state_dir, strerror(-error));
	else
		log_info("Old records of %s/intervals are folded together again",
			hostd->config->state_dir);
}

/* What a closed interval used is the writer's to keep. */
static void hand_intervals_over(struct hostd *hostd)
{
	struct interval_record record;
	struct writer_status status;

	while (sampler_next_interval(hostd->sampler, &record)) {
		if (writer_push(hostd->writer, &record) == 0) {
			hostd->no_memory = false;
			continue;
		}
		/* None goes before it: what is on the disk is so up to a sequence. */
		sampler_return_interval(hostd->sampler, &record);
		if (!hostd->no_memory)
			log_error("Out of memory; the record of an hour waits for some");
		hostd->no_memory = true;
		break;
	}
	writer_status(hostd->writer, &status);
	sampler_set_durable(hostd->sampler, status.intervals_sequence);
	log_intervals(hostd, status.intervals_error);
	log_fold(hostd, status.fold_error);
	log_coefficients(hostd, status.coefficients_error);
}

/* Of what was learned so much is lost when this program is killed. */
static void keep_coefficients(struct hostd *hostd)
{
	uint8_t bytes[COEFFICIENTS_BYTES_MAX];
	size_t size = sampler_encode_coefficients(hostd->sampler, bytes);

	hostd->kept_ns = clock_monotonic_ns();
	if (size > 0)
		writer_keep_coefficients(hostd->writer, bytes, size);
}

static void log_ready(const struct hostd *hostd)
{
	log_info("Measuring every %u ms, source=%s", hostd->config->interval_ms,
		sampler_source_name(hostd->sampler));
	if (!hostd->inventory->connected)
		log_warning(
			"libvirt (%s) does not tell yet which domains run; until it does, "
			"those are measured that ran before, %zu. Is libvirtd running? "
			"See vmpower doctor",
			hostd->config->connect_uri, hostd->inventory->n_domains);
}

/* Absolute, and so by which clock does not matter, but for a suspend. */
static uint64_t next_tick_ns(const struct hostd *hostd)
{
	uint64_t now_ns = clock_monotonic_ns();

	return clock_boottime_ns() - now_ns % interval_ns(hostd) + interval_ns(hostd);
}

/* Guests get the values of the timer's ticks only, whoever asks for others. */
static int measure_once(struct hostd *hostd, uint64_t late_ns, bool timed)
{
	int r = sampler_measure(hostd->sampler, late_ns);

	if (r < 0)
		return r;
	hostd->measured_ns = clock_monotonic_ns();
	recording_add(&hostd->recording, hostd->sampler);
	hand_intervals_over(hostd);
	if (hostd->measured_ns - hostd->kept_ns >= KEEP_NS)
		keep_coefficients(hostd);
	log_writer(hostd);
	if (timed)
		publisher_tell_guests(&hostd->publisher, hostd->inventory);
	hostd->publisher.next_ns = next_tick_ns(hostd);
	r = publisher_publish(&hostd->publisher, hostd->inventory, timed);
	if (r < 0)
		log_error("Out of memory; this tick is in the ledger but not shown");
	else
		streams_add(&hostd->streams, &hostd->box);
	if (!hostd->ready) {
		hostd->ready = true;
		notify_send("READY=1");
		log_ready(hostd);
	}
	return r;
}

static void measure(struct hostd *hostd, uint64_t late_ns, bool timed)
{
	int r;

	tick_requests_begin(hostd->requests);
	r = measure_once(hostd, late_ns, timed);
	tick_requests_end(hostd->requests, r, hostd->publisher.number,
		sampler_cost_ns(hostd->sampler));
}

/* Before the first tick, which will be for those that wait, too. */
static void measure_asked(void *data)
{
	struct hostd *hostd = data;

	if (hostd->ready)
		measure(hostd, 0, false);
}

static void take_inventory(evutil_socket_t fd, short what, void *data)
{
	struct hostd *hostd = data;
	struct inventory *inventory = hostd->source->ops->take(hostd->source);

	(void)fd;
	(void)what;
	if (!inventory)
		return;
	inventory_free(hostd->inventory);
	hostd->inventory = inventory;
	if (sampler_set_inventory(hostd->sampler, inventory) < 0)
		log_error(
			"Out of memory; some domains are not measured until the next change");
	if (links_update(hostd->links, inventory) < 0)
		log_error(
			"Out of memory; some guests are not served until the next change");
	/* Not an interval later: guests may have waited for long. */
	if (!hostd->ready && inventory->connected)
		measure(hostd, 0, true);
}

static void tick(evutil_socket_t fd, short what, void *data)
{
	struct hostd *hostd = data;
	uint64_t expired, now_ns;

	(void)what;
	if (read(fd, &expired, sizeof(expired)) != sizeof(expired))
		return;
	now_ns = clock_monotonic_ns();
	if (!hostd->ready && !hostd->inventory->connected &&
		now_ns - hostd->begin_ns < INVENTORY_WAIT_NS)
		return;
	measure(hostd, now_ns % interval_ns(hostd), true);
}

static void stop(evutil_socket_t number, short what, void *data)
{
	struct hostd *hostd = data;

	(void)number;
	(void)what;
	notify_send("STOPPING=1");
	event_base_loopbreak(hostd->base);
}

static void reload(evutil_socket_t number, short what, void *data)
{
	struct hostd *hostd = data;

	(void)number;
	(void)what;
	sampler_load_calibration(hostd->sampler);
	streams_reopen(&hostd->streams);
}

/* Not while ticks fail: a restart is what helps then. */
static void feed_watchdog(evutil_socket_t fd, short what, void *data)
{
	const struct hostd *hostd = data;

	(void)fd;
	(void)what;
	if (!hostd->ready || clock_monotonic_ns() - hostd->measured_ns < stale_ns(hostd))
		notify_send("WATCHDOG=1");
}

static int add_event(struct hostd *hostd, struct event **event, evutil_socket_t fd,
	short what, event_callback_fn callback, const struct timeval *timeout)
{
	*event = event_new(hostd->base, fd, what | EV_PERSIST, callback, hostd);
	return *event && event_add(*event, timeout) == 0 ? 0 : -ENOMEM;
}

/*
 * At multiples of the interval, so that late ticks do not add up, and that periods of
 * guests begin with a tick.
 */
static int start_timer(struct hostd *hostd)
{
	uint64_t every_ns = interval_ns(hostd), first_ns;
	struct itimerspec times;

	hostd->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (hostd->timer_fd < 0)
		return -errno;
	hostd->begin_ns = clock_monotonic_ns();
	first_ns = hostd->begin_ns - hostd->begin_ns % every_ns + every_ns;
	times = (struct itimerspec){
		.it_value = { (time_t)(first_ns / NSEC_PER_SEC),
			(long)(first_ns % NSEC_PER_SEC) },
		.it_interval = { (time_t)(every_ns / NSEC_PER_SEC),
			(long)(every_ns % NSEC_PER_SEC) },
	};
	if (timerfd_settime(hostd->timer_fd, TFD_TIMER_ABSTIME, &times, NULL) < 0)
		return -errno;
	return add_event(hostd, &hostd->tick_event, hostd->timer_fd, EV_READ, tick, NULL);
}

static int start_watchdog(struct hostd *hostd)
{
	uint64_t ms = notify_watchdog_ms();
	struct timeval period = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	return ms ? add_event(
			    hostd, &hostd->watchdog_event, -1, 0, feed_watchdog, &period)
		  : 0;
}

static bool verify_peer(void *data, const struct uuid *uuid, pid_t pid)
{
	struct hostd *hostd = data;

	return sampler_verify_peer(hostd->sampler, uuid, pid);
}

static int start_links(struct hostd *hostd)
{
	uint32_t period_ms = hostd->config->interval_ms < LINK_PERIOD_MIN_MS
				     ? LINK_PERIOD_MIN_MS
				     : hostd->config->interval_ms;
	const struct links_config config = {
		.base = hostd->base,
		.period_ns = period_ms * (uint64_t)NSEC_PER_MSEC,
		.verify_peer = verify_peer,
		.verify_data = hostd,
	};

	return links_new(&config, &hostd->links);
}

static int start_http(struct hostd *hostd)
{
	int r = tick_requests_new(hostd->base, measure_asked, hostd, &hostd->requests);

	return r < 0 ? r
		     : http_servers_start(hostd->config, &hostd->box, hostd->requests,
			       stale_ns(hostd), &hostd->http);
}

static int start_signals(struct hostd *hostd)
{
	static const struct {
		int number;
		event_callback_fn callback;
	} signals[] = { { SIGTERM, stop }, { SIGINT, stop }, { SIGHUP, reload } };

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int r = add_event(hostd, &hostd->signal_events[i], signals[i].number,
			EV_SIGNAL, signals[i].callback, NULL);

		if (r < 0)
			return r;
	}
	return 0;
}

static int start_writer(struct hostd *hostd)
{
	const struct writer_config config = {
		.dir = hostd->config->state_dir,
		.interval_ms = WRITER_INTERVAL_MS,
		.intervals_end = ledger_intervals_end(sampler_ledger(hostd->sampler)),
		.hourly_days = hostd->config->hourly_retention_days,
		.daily_days = hostd->config->daily_retention_days,
	};

	return writer_start(&config, &hostd->writer);
}

static int start_sources(struct hostd *hostd)
{
	int r = sampler_new(hostd->config, &hostd->sampler);

	if (r == 0)
		r = sampler_recall_inventory(hostd->sampler, &hostd->inventory);
	if (r < 0)
		return r;
	recording_start(&hostd->recording, hostd->config->record);
	streams_start(&hostd->streams, hostd->config->json, hostd->config->csv);
	r = start_links(hostd);
	if (r < 0)
		return r;
	r = start_writer(hostd);
	if (r < 0)
		return r;
	r = inventory_libvirt_ops.open(
		hostd->config->connect_uri, hostd->inventory, &hostd->source);
	if (r < 0)
		return r;
	return add_event(hostd, &hostd->inventory_event,
		hostd->source->ops->fd(hostd->source), EV_READ, take_inventory, NULL);
}

static int start_push(struct hostd *hostd)
{
	const struct hostd_config *config = hostd->config;
	const struct metrics_options options = { .scaphandre = config->scaphandre,
		.kepler = config->kepler };

	return push_start(config->pushes, config->n_pushes, &options, &hostd->push);
}

/* After the run directory is there. */
static int start_publisher(struct hostd *hostd)
{
	hostd->publisher = (struct publisher){ .config = hostd->config,
		.sampler = hostd->sampler,
		.links = hostd->links,
		.box = &hostd->box,
		.push = hostd->push,
		.started_ns = clock_boottime_ns() };
	publisher_recall(&hostd->publisher);
	return 0;
}

static int start(struct hostd *hostd)
{
	static int (*const steps[])(struct hostd *) = { start_signals, start_sources,
		start_http, start_push, start_publisher, start_watchdog, start_timer };

	hostd->base = event_base_new();
	if (!hostd->base)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int r = steps[i](hostd);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Its last checkpoint, while the sampler holds the lock on the directory. */
static void stop_writer(struct hostd *hostd)
{
	if (hostd->writer && hostd->sampler)
		keep_coefficients(hostd);
	if (writer_stop(hostd->writer, WRITER_STOP_MS)) {
		sampler_free(hostd->sampler);
		return;
	}
	/* Who comes next must not write beside it. */
	log_error(
		"The disk of %s does not answer; leaving without a last checkpoint. "
		"The ledger has every tick; hours that wait are recorded by the next run",
		hostd->config->state_dir);
}

static void free_event(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

/* Whoever says so again while it ends does not make it end in the middle of that. */
static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

static void deinit(struct hostd *hostd)
{
	block_signals();
	tick_requests_stop(hostd->requests);
	http_servers_stop(hostd->http);
	tick_requests_free(hostd->requests);
	push_stop(hostd->push);
	publisher_deinit(&hostd->publisher);
	free_event(&hostd->tick_event);
	free_event(&hostd->inventory_event);
	free_event(&hostd->watchdog_event);
	for (size_t i = 0; i < 3; i++)
		free_event(&hostd->signal_events[i]);
	if (hostd->timer_fd >= 0)
		close(hostd->timer_fd);
	if (hostd->source)
		hostd->source->ops->close(hostd->source);
	links_free(hostd->links);
	stop_writer(hostd);
	/* Last: it needs nothing of the others, and its disk may be any. */
	recording_stop(&hostd->recording);
	streams_stop(&hostd->streams);
	inventory_free(hostd->inventory);
	snapshot_box_deinit(&hostd->box);
	if (hostd->base)
		event_base_free(hostd->base);
}

int hostd_run(const struct hostd_config *config)
{
	struct hostd hostd = { .config = config, .timer_fd = -1 };
	int r;

	snapshot_box_init(&hostd.box);
	r = start(&hostd);
	if (r < 0)
		log_error("Cannot start: %s", strerror(-r));
	else if (event_base_dispatch(hostd.base) < 0)
		r = -EIO;
	deinit(&hostd);
	return r;
}
