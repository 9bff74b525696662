/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The worker's loop: what arrives is handed from part to part here. */
#include "guest/worker.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fuse-powercap/mount.h"
#include "guest/channel.h"
#include "guest/keeper_call.h"
#include "guest/mirror.h"
#include "guest/state.h"
#include "guest/status.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/rooted.h"

/* One line of a kind in this time; how many were held back is said with the next. */
#define LOG_INTERVAL_NS UINT64_C(10000000000)

enum tag { TAG_KEEPER, TAG_WATCH, TAG_PORT, TAG_TREE };

struct worker {
	const struct worker_settings *settings;
	int epoll_fd;
	struct channel channel;
	struct mirror mirror;
	struct state *state;
	struct status status;
	struct powercap_tree *tree;
	struct powercap_mount *mount;
	bool stale; /* and said so */
	struct log_limit link_limits[STATUS_STREAMING + 1];
	struct log_limit dropped_limit;
	struct log_limit rejected_limit;
	struct log_limit store_limit;
};

/* The worker's clock counts suspend, so that what is old then is stale. */
static uint64_t now_ns(void)
{
	return clock_boottime_ns();
}

static int read_energy(void *context, unsigned int zone, uint64_t *ret_uj)
{
	return mirror_read(&((struct worker *)context)->mirror, zone, now_ns(), ret_uj);
}

/* After whatever may have changed what the counters show. */
static void publish(struct worker *worker)
{
	if (worker->settings->board && mirror_is_ready(&worker->mirror))
		board_publish(worker->settings->board, &worker->mirror);
}

static void write_status(struct worker *worker)
{
	char text[STATUS_TEXT_SIZE];
	int r;

	r = status_format(&worker->status, &worker->mirror, now_ns(), text);
	if (r >= 0)
		r = status_write(worker->settings->run_fd, text, (size_t)r);
	if (r < 0)
		log_debug("cannot write " STATUS_NAME ": %s", strerror(-r));
}

static void log_link(struct worker *worker)
{
	static const char *const texts[] = {
		[STATUS_NO_PORT] = "the channel's port is gone; waiting for it",
		[STATUS_NO_HOST] = "no host is connected to the channel; waiting for one",
		[STATUS_GREETING] = "saying hello to the host",
	};
	enum status_link link = worker->status.link;
	uint64_t suppressed;

	if (!log_limit_pass(
		    &worker->link_limits[link], now_ns(), LOG_INTERVAL_NS, &suppressed))
		return;
	if (link == STATUS_GREETING) {
		log_debug("%s", texts[link]);
	} else if (link == STATUS_STREAMING) {
		char epoch[UUID_TEXT_SIZE];

		uuid_format(&worker->mirror.epoch, epoch);
		log_info("the host sends samples of %u zones every %" PRIu64
			 " ms; epoch %s",
			mirror_model(&worker->mirror)->n_zones,
			worker->mirror.period_ns / NSEC_PER_MSEC, epoch);
	} else {
		log_info("%s", texts[link]);
	}
}

/* After whatever may have changed the link. */
static void follow_link(struct worker *worker)
{
	if (worker->status.link == worker->channel.link)
		return;
	worker->status.link = worker->channel.link;
	log_link(worker);
	write_status(worker);
}

/* Asks the keeper to mount, and serves the tree from here on. */
static int mount_tree(struct worker *worker)
{
	const struct powercap_tree_options options = {
		.layout = worker->settings->layout,
		.energy_mode = worker->settings->energy_mode,
		.energy_gid = worker->settings->energy_gid,
		.time_s = (time_t)(clock_read_ns(CLOCK_REALTIME) / NSEC_PER_SEC),
		.read_energy = read_energy,
		.context = worker,
	};
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = TAG_TREE };
	int fuse_fd, r;

	r = powercap_tree_new(mirror_model(&worker->mirror), &options, &worker->tree);
	if (r < 0)
		return r;
	r = keeper_call(worker->settings->call_fd, KEEPER_MOUNT, &fuse_fd);
	if (r < 0)
		return r;
	r = powercap_mount_new(fuse_fd, worker->tree, &worker->mount);
	if (r < 0)
		return r;
	if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, powercap_mount_fd(worker->mount),
		    &event) < 0)
		return -errno;
	worker->status.mounted = true;
	return 0;
}

static void log_dropped(struct worker *worker)
{
	uint64_t suppressed;

	if (log_limit_pass(
		    &worker->dropped_limit, now_ns(), LOG_INTERVAL_NS, &suppressed))
		log_warning("ignoring a malformed line of the host, and %" PRIu64
			    " since the last message like this",
			suppressed);
}

static void take_welcome(struct worker *worker, const struct message_welcome *welcome)
{
	int r;

	r = mirror_welcome(&worker->mirror, welcome);
	if (r < 0) {
		log_dropped(worker);
		channel_reject(&worker->channel, now_ns());
		return;
	}
	channel_settle(&worker->channel);
	publish(worker);
	follow_link(worker);
}

/* Stores what the sample makes of the counters, and only then shows it. */
static int take_sample(struct worker *worker, const struct message_sample *sample)
{
	struct mirror_memory memory;
	uint64_t now = now_ns(), suppressed;
	int r;

	if (mirror_doubts(&worker->mirror, sample, now)) {
		agent_doubt(&worker->channel.agent, now);
		return 0;
	}
	r = mirror_prepare(&worker->mirror, sample, now, &memory);
	if (r < 0) {
		if (log_limit_pass(
			    &worker->rejected_limit, now, LOG_INTERVAL_NS, &suppressed))
			log_warning(
				"ignoring a sample of the host: a counter decreased or "
				"is out of range");
		return 0;
	}
	r = state_store(worker->state, &memory);
	if (r < 0) {
		if (log_limit_pass(
			    &worker->store_limit, now, LOG_INTERVAL_NS, &suppressed))
			log_error("cannot store " STATE_NAME
				  ", so samples are ignored: %s",
				strerror(-r));
		return 0;
	}
	mirror_commit(&worker->mirror, &memory);
	publish(worker);
	agent_accept(&worker->channel.agent, sample, now);
	worker->status.seq = sample->seq;
	worker->status.quality = sample->quality;
	if (worker->stale)
		log_info("the host's samples are back");
	worker->stale = false;
	if (!worker->mount) {
		r = mount_tree(worker);
		if (r < 0) {
			log_error("cannot present the tree: %s", strerror(-r));
			return r;
		}
	}
	write_status(worker);
	return 0;
}

static int take_bytes(void *context, const char *data, size_t len)
{
	struct worker *worker = context;
	struct message message;
	int r = 0;

	while (r == 0) {
		switch (agent_feed(
			&worker->channel.agent, &data, &len, now_ns(), &message)) {
		case AGENT_MORE:
			return 0;
		case AGENT_WELCOME:
			take_welcome(worker, &message.welcome);
			break;
		case AGENT_SAMPLE:
			r = take_sample(worker, &message.sample);
			break;
		case AGENT_DROPPED:
			log_dropped(worker);
			break;
		}
	}
	return r;
}

/* What is due at this moment. */
static int process_deadlines(struct worker *worker)
{
	uint64_t now = now_ns();
	int r;

	r = channel_process_deadlines(&worker->channel, now);
	if (r < 0)
		return r;
	follow_link(worker);
	if (!worker->stale && now >= mirror_stale_at_ns(&worker->mirror)) {
		worker->stale = true;
		log_warning(
			"no sample for too long: energy_uj reads EIO until the host is back");
		write_status(worker);
	}
	r = channel_write(&worker->channel, now);
	follow_link(worker);
	return r;
}

static int timeout_ms(const struct worker *worker)
{
	uint64_t due_ns = channel_deadline_ns(&worker->channel), now = now_ns(), ms;

	if (worker->channel.more)
		return 0;
	if (!worker->stale && mirror_stale_at_ns(&worker->mirror) < due_ns)
		due_ns = mirror_stale_at_ns(&worker->mirror);
	if (due_ns == UINT64_MAX)
		return -1;
	if (due_ns <= now)
		return 0;
	ms = (due_ns - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static int process_tree(struct worker *worker)
{
	int r = powercap_mount_process(worker->mount);

	if (r == -ENODEV && keeper_call_is_over(worker->settings->call_fd))
		return 1;
	if (r == -ENODEV)
		log_error("the tree was unmounted by somebody else; ending");
	else if (r < 0)
		log_error("cannot serve the tree: %s", strerror(-r));
	return r;
}

static int process_port(struct worker *worker, uint32_t events)
{
	int r = channel_process(&worker->channel, events, now_ns(), take_bytes, worker);

	follow_link(worker);
	return r;
}

static int read_more(struct worker *worker)
{
	int r;

	if (!worker->channel.more || worker->channel.port.fd < 0)
		return 0;
	r = channel_read(&worker->channel, now_ns(), take_bytes, worker);
	follow_link(worker);
	return r;
}

/* 1: the keeper wants the worker to end. */
static int process_event(struct worker *worker, const struct epoll_event *event)
{
	switch ((enum tag)event->data.u64) {
	case TAG_KEEPER:
		return 1;
	case TAG_WATCH:
		port_process_watch(&worker->channel.port, now_ns());
		return 0;
	case TAG_PORT:
		return process_port(worker, event->events);
	case TAG_TREE:
		return process_tree(worker);
	}
	return 0;
}

static int run_loop(struct worker *worker)
{
	for (;;) {
		struct epoll_event events[4];
		int n, r;

		r = process_deadlines(worker);
		if (r < 0)
			return r;
		n = epoll_wait(worker->epoll_fd, events,
			sizeof(events) / sizeof(events[0]), timeout_ms(worker));
		if (n < 0 && errno != EINTR)
			return -errno;
		r = read_more(worker);
		if (r < 0)
			return r;
		for (int i = 0; i < n; i++) {
			r = process_event(worker, &events[i]);
			if (r != 0)
				return r < 0 ? r : 0;
		}
	}
}

static int read_boot_id(struct uuid *ret_boot_id)
{
	char text[64];
	ssize_t n = rooted_read("/proc", text, sizeof(text), "sys/kernel/random/boot_id");

	if (n < 0)
		return (int)n;
	text[strcspn(text, "\n")] = '\0';
	return uuid_parse(text, ret_boot_id);
}

static int open_state(struct worker *worker, const struct uuid *boot_id)
{
	struct mirror_memory memory;
	enum state_found found;
	int r;

	r = state_open(
		worker->settings->run_fd, boot_id, &worker->state, &found, &memory);
	if (r < 0) {
		log_error("cannot open " STATE_NAME " in the runtime directory: %s",
			strerror(-r));
		return r;
	}
	switch (found) {
	case STATE_BAD:
		log_error(STATE_NAME
			" in the runtime directory is damaged: kept as " STATE_ASIDE_NAME
			", counting starts anew");
		break;
	case STATE_KEPT:
		return mirror_restore(&worker->mirror, &memory, now_ns());
	case STATE_EXPIRED:
	case STATE_NONE:
		break;
	}
	return 0;
}

static int init(struct worker *worker)
{
	struct epoll_event event = { .events = EPOLLRDHUP, .data.u64 = TAG_KEEPER };
	struct uuid boot_id;
	int r;

	mirror_init(&worker->mirror);
	r = read_boot_id(&boot_id);
	if (r < 0) {
		log_error(
			"cannot read /proc/sys/kernel/random/boot_id: %s", strerror(-r));
		return r;
	}
	r = open_state(worker, &boot_id);
	if (r < 0)
		return r;
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (worker->epoll_fd < 0 || epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD,
					    worker->settings->call_fd, &event) < 0)
		r = -errno;
	if (r == 0)
		r = channel_init(&worker->channel, worker->settings->port,
			worker->epoll_fd, worker->settings->call_fd, TAG_PORT, TAG_WATCH,
			&boot_id);
	if (r < 0)
		log_error("cannot start: %s", strerror(-r));
	return r;
}

static void deinit(struct worker *worker)
{
	powercap_mount_free(worker->mount);
	powercap_tree_free(worker->tree);
	channel_deinit(&worker->channel);
	state_free(worker->state);
	if (worker->epoll_fd >= 0)
		close(worker->epoll_fd);
}

int worker_run(const struct worker_settings *settings)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int r;

	if (!worker)
		return -ENOMEM;
	worker->settings = settings;
	worker->epoll_fd = -1;
	worker->channel.port.fd = -1;
	worker->channel.port.watch_fd = -1;
	r = init(worker);
	if (r == 0) {
		write_status(worker);
		r = run_loop(worker);
	}
	deinit(worker);
	free(worker);
	return r;
}
