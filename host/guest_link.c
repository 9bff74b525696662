/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* One guest's socket on libevent: when it is read, written, and connected anew. */
#include "host/guest_link.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "host/link_socket.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/log.h"

/* A guest can make these lines come, so it gets few of them. */
#define STATE_LOG_INTERVAL_NS (30 * (uint64_t)NSEC_PER_SEC)
#define DROPS_LOG_INTERVAL_NS (60 * (uint64_t)NSEC_PER_SEC)

#define READ_SIZE 16384

struct guest_link {
	const struct links_config *config;
	struct uuid uuid;
	int id;
	char *name;
	char *path; /* NULL: no channel */
	struct link link;
	int fd; /* -1: not connected */
	pid_t peer_pid;
	struct event readable, writable;
	struct event resume; /* to connect, or to read on */
	struct event moment; /* of this guest's sample in each period; in a session */
	uint64_t moment_ns;
	bool moment_passed; /* before the period's tick */
	/*
	 * Those of the period's first tick, for each hello in it: as hellos come at any
	 * time, the newest ones would show the guest steps finer than its period.
	 */
	bool has_values, told;
	uint64_t values_period;
	struct message_sample values;
	enum link_state logged_state;
	struct log_limit state_limit, drops_limit;
	struct link_drops logged_drops;
};

static void start_timer(struct event *timer, uint64_t at_ns, uint64_t now_ns)
{
	uint64_t wait_us = at_ns > now_ns ? (at_ns - now_ns + 999) / 1000 : 0;
	struct timeval wait = {
		.tv_sec = (time_t)(wait_us / 1000000),
		.tv_usec = (suseconds_t)(wait_us % 1000000),
	};

	evtimer_add(timer, &wait);
}

/* The guest's first moment after a time. */
static void start_moment(struct guest_link *guest, uint64_t after_ns, uint64_t now_ns)
{
	uint64_t period_ns = guest->link.period_ns;
	uint64_t spread_ns = link_spread_ns(&guest->uuid, period_ns);
	uint64_t past_ns = (after_ns % period_ns + period_ns - spread_ns) % period_ns;

	guest->moment_ns = after_ns - past_ns + period_ns;
	guest->moment_passed = false;
	start_timer(&guest->moment, guest->moment_ns, now_ns);
}

static void log_state(struct guest_link *guest, enum link_state state)
{
	const struct link *link = &guest->link;

	switch (state) {
	case LINK_UP:
		log_info("domain '%s': its agent %s is served", guest->name,
			link->hello.agent);
		break;
	case LINK_UNREACHABLE:
		log_warning("domain '%s': channel %s: %s; trying again", guest->name,
			guest->path,
			link->error ? strerror(link->error) : "closed by the other end");
		break;
	case LINK_TOO_OLD:
		log_warning(
			"domain '%s': its agent %s is too old; update vmpower-guest there",
			guest->name, link->hello.agent);
		break;
	case LINK_ABSENT:
		log_info(
			"domain '%s': no agent answers: vmpower-guest does not run there, or "
			"another program has channel %s",
			guest->name, guest->path);
		break;
	case LINK_STALE:
		log_info("domain '%s': its agent %s acknowledges no sample", guest->name,
			link->hello.agent);
		break;
	case LINK_BACKOFF:
		log_warning(
			"domain '%s': its agent %s sends no messages of the protocol; "
			"disconnected for a while",
			guest->name, link->hello.agent);
		break;
	default:
		log_info("domain '%s': guest link is %s", guest->name,
			link_state_name(state));
		break;
	}
}

static void report_state(struct guest_link *guest, uint64_t now_ns)
{
	uint64_t since_ns, suppressed;
	enum link_state state = link_get_state(&guest->link, now_ns, &since_ns);

	/* These two pass by themselves; what comes of them is worth a line. */
	if (state == guest->logged_state || state == LINK_CONNECTING ||
		state == LINK_WAITING)
		return;
	/* So does the first failure, where a domain ends or is just starting. */
	if (state == LINK_UNREACHABLE && guest->link.backoff_s < 2)
		return;
	if (!log_limit_pass(
		    &guest->state_limit, now_ns, STATE_LOG_INTERVAL_NS, &suppressed))
		return;
	guest->logged_state = state;
	log_state(guest, state);
}

static void report_drops(struct guest_link *guest, uint64_t now_ns)
{
	const struct link_drops *now = &guest->link.drops;
	struct link_drops *then = &guest->logged_drops;
	uint64_t suppressed;

	if (memcmp(now, then, sizeof(*now)) == 0 ||
		!log_limit_pass(
			&guest->drops_limit, now_ns, DROPS_LOG_INTERVAL_NS, &suppressed))
		return;
	log_warning("domain '%s': its agent misbehaves: %" PRIu64
		    " messages over the rate, %" PRIu64 " malformed, %" PRIu64
		    " out of place, reading held up in %" PRIu64
		    " periods; ignoring them",
		guest->name, now->over_rate - then->over_rate,
		now->malformed - then->malformed, now->unexpected - then->unexpected,
		now->held_up - then->held_up);
	*then = *now;
}

static void report(struct guest_link *guest, uint64_t now_ns)
{
	report_state(guest, now_ns);
	report_drops(guest, now_ns);
}

static void close_socket(struct guest_link *guest)
{
	event_del(&guest->resume);
	if (guest->fd < 0)
		return;
	event_del(&guest->readable);
	event_del(&guest->writable);
	event_del(&guest->moment);
	close(steal_fd(&guest->fd));
	guest->peer_pid = 0;
}

/* The link knows already that it is not connected, and when to try again. */
static void wait_to_retry(struct guest_link *guest, uint64_t now_ns)
{
	close_socket(guest);
	start_timer(&guest->resume, guest->link.retry_ns, now_ns);
	report(guest, now_ns);
}

static void lose_connection(struct guest_link *guest, int error, uint64_t now_ns)
{
	link_disconnected(&guest->link, error, now_ns);
	wait_to_retry(guest, now_ns);
}

/* Writes what the link has to say. -errno: the connection is gone. */
static int write_output(struct guest_link *guest, uint64_t now_ns)
{
	for (;;) {
		const char *data;
		size_t len;
		ssize_t n;

		link_output(&guest->link, now_ns, &data, &len);
		if (len == 0)
			return 0;
		n = send(guest->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			link_sent(&guest->link, (size_t)n);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return event_add(&guest->writable, NULL) < 0 ? -ENOMEM : 0;
		else if (errno != EINTR)
			return -errno;
	}
}

static void forget_values(struct guest_link *guest)
{
	guest->has_values = false;
}

static void offer_values(struct guest_link *guest)
{
	link_offer(&guest->link, &guest->values);
	guest->told = true;
}

static void speak(struct guest_link *guest, uint64_t now_ns)
{
	int r = write_output(guest, now_ns);

	/* The first sample follows the welcome at once, the others at their moment. */
	if (r == 0 && guest->link.welcomed && guest->link.seq == 0 && guest->has_values) {
		offer_values(guest);
		r = write_output(guest, now_ns);
	}
	if (r < 0) {
		lose_connection(guest, -r, now_ns);
		return;
	}
	if (guest->link.welcomed && !evtimer_pending(&guest->moment, NULL))
		start_moment(guest, now_ns, now_ns);
	report(guest, now_ns);
}

static void on_writable(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	speak(data, clock_monotonic_ns());
}

static void on_moment(evutil_socket_t fd, short what, void *data)
{
	struct guest_link *guest = data;
	uint64_t now_ns = clock_monotonic_ns(), at_ns = guest->moment_ns, period;

	(void)fd;
	(void)what;
	if (!guest->link.welcomed)
		return;
	/* The event loop's clock is coarse: it may be a little early. */
	start_moment(guest, now_ns > at_ns ? now_ns : at_ns, now_ns);
	/* And a host that stood still lets several pass: the last one counts. */
	period = guest->moment_ns / guest->link.period_ns - 1;
	guest->moment_passed = !guest->has_values || guest->values_period < period;
	if (guest->has_values && !guest->told)
		offer_values(guest);
	speak(guest, now_ns);
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
	struct guest_link *guest = data;
	uint64_t now_ns = clock_monotonic_ns();
	size_t may = link_may_read(&guest->link, now_ns);
	char bytes[READ_SIZE];
	ssize_t n;

	(void)what;
	if (may == 0) {
		event_del(&guest->readable);
		start_timer(&guest->resume, link_read_ns(&guest->link), now_ns);
		report(guest, now_ns);
		return;
	}
	n = recv(fd, bytes, may < sizeof(bytes) ? may : sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return;
	if (n <= 0)
		lose_connection(guest, n < 0 ? errno : 0, now_ns);
	else if (link_receive(&guest->link, bytes, (size_t)n, now_ns) < 0)
		wait_to_retry(guest, now_ns);
	else
		speak(guest, now_ns);
}

/* Who listens there, if it is the domain's QEMU; else -errno. */
static int verify_peer(const struct guest_link *guest, int fd, pid_t *ret_pid)
{
	const struct links_config *config = guest->config;
	pid_t pid;
	int r = link_socket_get_peer(fd, &pid);

	if (r < 0)
		return r;
	if (config->verify_peer &&
		!config->verify_peer(config->verify_data, &guest->uuid, pid))
		return -EPERM;
	*ret_pid = pid;
	return 0;
}

static void connect_guest(struct guest_link *guest, uint64_t now_ns)
{
	struct event_base *base = guest->config->base;
	cleanup_close int fd = link_socket_connect(guest->path);
	int r = fd < 0 ? fd : verify_peer(guest, fd, &guest->peer_pid);

	if (r < 0) {
		lose_connection(guest, -r, now_ns);
		return;
	}
	guest->fd = steal_fd(&fd);
	event_assign(&guest->readable, base, guest->fd, EV_READ | EV_PERSIST, on_readable,
		guest);
	event_assign(&guest->writable, base, guest->fd, EV_WRITE, on_writable, guest);
	link_connected(&guest->link, now_ns);
	if (event_add(&guest->readable, NULL) < 0)
		lose_connection(guest, ENOMEM, now_ns);
}

static void on_resume(evutil_socket_t fd, short what, void *data)
{
	struct guest_link *guest = data;
	uint64_t now_ns = clock_monotonic_ns();

	(void)fd;
	(void)what;
	if (guest->fd < 0)
		connect_guest(guest, now_ns);
	else if (event_add(&guest->readable, NULL) < 0)
		lose_connection(guest, ENOMEM, now_ns);
}

void guest_link_free(struct guest_link *guest)
{
	if (!guest)
		return;
	close_socket(guest);
	link_deinit(&guest->link);
	free(guest->name);
	free(guest->path);
	free(guest);
}

static int copy_text(const char *text, char **ret_copy)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		return -ENOMEM;
	*ret_copy = copy;
	return 0;
}

int guest_link_update(struct guest_link *guest, const struct inventory_domain *domain)
{
	uint64_t now_ns = clock_monotonic_ns();
	cleanup_free char *name = NULL, *path = NULL;
	bool same_path = guest->path && domain->channel_path
				 ? strcmp(guest->path, domain->channel_path) == 0
				 : guest->path == domain->channel_path;
	bool same_name = guest->name && strcmp(guest->name, domain->name) == 0;

	if (same_path && same_name && guest->id == domain->id)
		return 0;
	if (copy_text(domain->name, &name) < 0 ||
		copy_text(domain->channel_path, &path) < 0)
		return -ENOMEM;
	free(guest->name);
	guest->name = steal_pointer(&name);
	if (same_path && guest->id == domain->id)
		return 0;
	close_socket(guest);
	free(guest->path);
	guest->path = steal_pointer(&path);
	if (guest->id != domain->id) {
		link_forget_welcome(&guest->link);
		forget_values(guest);
	}
	guest->id = domain->id;
	link_restart(&guest->link, guest->path != NULL, now_ns);
	if (guest->path)
		start_timer(&guest->resume, now_ns, now_ns);
	report(guest, now_ns);
	return 0;
}

int guest_link_new(const struct links_config *config,
	const struct inventory_domain *domain, struct guest_link **ret_guest)
{
	struct guest_link *guest = calloc(1, sizeof(*guest));

	if (!guest)
		return -ENOMEM;
	if (link_init(&guest->link, config->period_ns, clock_monotonic_ns()) < 0) {
		free(guest);
		return -ENOMEM;
	}
	guest->config = config;
	guest->uuid = domain->uuid;
	guest->id = -1; /* no running domain's: the update finds it new */
	guest->fd = -1;
	guest->logged_state = LINK_NO_CHANNEL; /* nothing to tell of these */
	evtimer_assign(&guest->resume, config->base, on_resume, guest);
	evtimer_assign(&guest->moment, config->base, on_moment, guest);
	if (guest_link_update(guest, domain) < 0) {
		guest_link_free(guest);
		return -ENOMEM;
	}
	*ret_guest = guest;
	return 0;
}

void guest_link_set_welcome(
	struct guest_link *guest, const struct message_welcome *welcome)
{
	uint64_t now_ns = clock_monotonic_ns(), period_ns = guest->link.period_ns;

	if (link_set_welcome(&guest->link, welcome, now_ns))
		forget_values(guest);
	if (guest->fd < 0)
		return;
	if (guest->link.period_ns != period_ns)
		evtimer_del(&guest->moment);
	speak(guest, now_ns);
}

void guest_link_publish(struct guest_link *guest, const struct message_sample *sample)
{
	uint64_t now_ns = clock_monotonic_ns();
	uint64_t period = now_ns / guest->link.period_ns;

	/* What nothing but time changes is noticed here, too. */
	report(guest, now_ns);
	if (guest->has_values && guest->values_period == period)
		return;
	guest->values = *sample;
	guest->values_period = period;
	guest->has_values = true;
	guest->told = false;
	/* A welcome may be waiting for its first sample, too. */
	if (!guest->link.welcomed || (!guest->moment_passed && guest->link.seq > 0))
		return;
	guest->moment_passed = false;
	offer_values(guest);
	speak(guest, now_ns);
}

const struct uuid *guest_link_uuid(const struct guest_link *guest)
{
	return &guest->uuid;
}

pid_t guest_link_peer_pid(const struct guest_link *guest)
{
	return guest->peer_pid;
}

void guest_link_get_info(const struct guest_link *guest, struct link_info *ret_info)
{
	const struct link *link = &guest->link;

	*ret_info = (struct link_info){
		.error = link->error,
		.peer_pid = guest->peer_pid,
		.acked = link->acked,
		.drops = link->drops,
	};
	ret_info->state = link_get_state(link, clock_monotonic_ns(), &ret_info->since_ns);
	memcpy(ret_info->agent, link->hello.agent, sizeof(ret_info->agent));
}
