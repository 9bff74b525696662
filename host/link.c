/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* One guest's stream, seen from the host: states, quotas, and what to say next. */
#include "host/link.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "host/fnv.h"
#include "shared/clock.h"

/* The lowest protocol this host speaks. */
#define PROTO_MIN 1u

#define ABSENT_AFTER_NS (30 * (uint64_t)NSEC_PER_SEC)
#define STALE_MIN_NS	(3 * (uint64_t)NSEC_PER_SEC)
#define STALE_PERIODS	3u

/* A connection that lasted this long was a good one: the next begins anew. */
#define BACKOFF_MAX_S	 60u
#define BACKOFF_RESET_NS (BACKOFF_MAX_S * (uint64_t)NSEC_PER_SEC)

static const char *const state_names[] = {
	[LINK_NO_CHANNEL] = "no-channel",
	[LINK_CONNECTING] = "connecting",
	[LINK_UNREACHABLE] = "unreachable",
	[LINK_WAITING] = "waiting",
	[LINK_ABSENT] = "absent",
	[LINK_UP] = "up",
	[LINK_STALE] = "stale",
	[LINK_TOO_OLD] = "too-old",
	[LINK_BACKOFF] = "backoff",
};

const char *link_state_name(enum link_state state)
{
	return state_names[state];
}

int link_init(struct link *link, uint64_t period_ns, uint64_t now_ns)
{
	struct frame frame;
	int r;

	assert(period_ns > 0);
	r = frame_init(&frame, MESSAGE_GUEST_LINE_MAX);
	if (r < 0)
		return r;
	memset(link, 0, sizeof(*link));
	link->frame = frame;
	link->period_ns = period_ns;
	link->credit_ns = LINK_MESSAGES_BURST * (period_ns / LINK_MESSAGES);
	link->credited_ns = now_ns;
	link->window_ns = now_ns;
	link_restart(link, true, now_ns);
	return 0;
}

void link_deinit(struct link *link)
{
	frame_deinit(&link->frame);
}

static void set_state(
	struct link *link, enum link_state state, int error, uint64_t now_ns)
{
	if (link->state == state && link->error == error)
		return;
	link->state = state;
	link->error = error;
	link->since_ns = now_ns;
}

/* Nothing more to this agent but the rest of a line, until it says hello. */
static void end_session(struct link *link)
{
	link->has_hello = false;
	link->welcomed = false;
	link->in_flight = false;
	link->has_waiting = false;
	link->n_malformed = 0;
	if (link->out_sent == 0)
		link->out_used = 0;
}

static void end_connection(struct link *link)
{
	end_session(link);
	link->connected = false;
	link->out_sent = link->out_used = 0;
	frame_reset(&link->frame);
}

static void plan_retry(struct link *link, uint64_t now_ns)
{
	if (link->connected && now_ns - link->connected_ns >= BACKOFF_RESET_NS)
		link->backoff_s = 0;
	link->backoff_s = link->backoff_s ? link->backoff_s * 2 : 1;
	if (link->backoff_s > BACKOFF_MAX_S)
		link->backoff_s = BACKOFF_MAX_S;
	link->retry_ns = now_ns + link->backoff_s * (uint64_t)NSEC_PER_SEC;
}

void link_connected(struct link *link, uint64_t now_ns)
{
	assert(!link->connected);
	link->connected = true;
	link->connected_ns = now_ns;
	set_state(link, LINK_WAITING, 0, now_ns);
}

void link_disconnected(struct link *link, int error, uint64_t now_ns)
{
	plan_retry(link, now_ns);
	end_connection(link);
	set_state(link, LINK_UNREACHABLE, error, now_ns);
}

void link_restart(struct link *link, bool has_channel, uint64_t now_ns)
{
	end_connection(link);
	link->backoff_s = 0;
	link->retry_ns = now_ns;
	memset(&link->hello, 0, sizeof(link->hello));
	memset(&link->acked, 0, sizeof(link->acked));
	set_state(link, has_channel ? LINK_CONNECTING : LINK_NO_CHANNEL, 0, now_ns);
}

static bool zones_equal(const struct message_welcome *a, const struct message_welcome *b)
{
	if (a->n_zones != b->n_zones)
		return false;
	for (size_t i = 0; i < a->n_zones; i++) {
		const struct message_zone *x = &a->zones[i], *y = &b->zones[i];

		if (strcmp(x->name, y->name) != 0 || x->parent != y->parent ||
			x->max_energy_range_uj != y->max_energy_range_uj)
			return false;
	}
	return true;
}

/* The messages that a guest may send at once stay as many. */
static void set_period(struct link *link, uint64_t period_ns)
{
	uint64_t cost_ns = link->period_ns / LINK_MESSAGES;
	uint64_t n_messages = link->credit_ns / cost_ns;

	if (period_ns == link->period_ns)
		return;
	link->period_ns = period_ns;
	link->credit_ns = n_messages * (period_ns / LINK_MESSAGES);
}

bool link_set_welcome(
	struct link *link, const struct message_welcome *welcome, uint64_t now_ns)
{
	bool same = uuid_compare(&welcome->epoch, &link->welcome.epoch) == 0 &&
		    zones_equal(welcome, &link->welcome);

	assert(welcome->period_ms > 0);
	link->welcome = *welcome;
	set_period(link, welcome->period_ms * (uint64_t)NSEC_PER_MSEC);
	if (!same && link->welcomed) {
		end_session(link);
		set_state(link, LINK_WAITING, 0, now_ns);
	}
	return !same;
}

void link_forget_welcome(struct link *link)
{
	end_session(link);
	memset(&link->welcome, 0, sizeof(link->welcome));
}

static void open_window(struct link *link, uint64_t now_ns)
{
	if (now_ns - link->window_ns < link->period_ns)
		return;
	link->window_ns = now_ns;
	link->window_used = 0;
}

size_t link_may_read(struct link *link, uint64_t now_ns)
{
	open_window(link, now_ns);
	return link->window_used < LINK_READ_MAX ? LINK_READ_MAX - link->window_used : 0;
}

uint64_t link_read_ns(const struct link *link)
{
	return link->window_ns + link->period_ns;
}

static void charge_read(struct link *link, size_t len, uint64_t now_ns)
{
	bool was_open;

	open_window(link, now_ns);
	was_open = link->window_used < LINK_READ_MAX;
	/* Each read costs a wake-up, so that single bytes are not the cheaper flood. */
	link->window_used += len > LINK_READ_COST_MIN ? len : LINK_READ_COST_MIN;
	if (was_open && link->window_used >= LINK_READ_MAX)
		link->drops.held_up++;
}

/* Whether one more message is within the rate. */
static bool charge_message(struct link *link, uint64_t now_ns)
{
	uint64_t cost_ns = link->period_ns / LINK_MESSAGES;
	uint64_t most_ns = LINK_MESSAGES_BURST * cost_ns;
	uint64_t elapsed_ns = now_ns - link->credited_ns;

	link->credited_ns = now_ns;
	link->credit_ns = elapsed_ns < most_ns - link->credit_ns
				  ? link->credit_ns + elapsed_ns
				  : most_ns;
	if (link->credit_ns < cost_ns) {
		link->drops.over_rate++;
		return false;
	}
	link->credit_ns -= cost_ns;
	return true;
}

static void take_hello(
	struct link *link, const struct message_hello *hello, uint64_t now_ns)
{
	end_session(link);
	link->hello = *hello;
	memset(&link->acked, 0, sizeof(link->acked));
	if (hello->proto < PROTO_MIN) {
		set_state(link, LINK_TOO_OLD, 0, now_ns);
		return;
	}
	link->has_hello = true;
	set_state(link, LINK_WAITING, 0, now_ns);
}

static void take_ack(struct link *link, const struct message_ack *ack)
{
	/* An unsent rest of the sample: the guest cannot have it yet. */
	if (!link->in_flight || ack->seq != link->sent.seq ||
		link->out_sent < link->out_used) {
		link->drops.unexpected++;
		return;
	}
	link->in_flight = false;
	link->acked = link->sent;
}

static void take_message(
	struct link *link, const struct message *message, uint64_t now_ns)
{
	if (message->type == MESSAGE_HELLO) {
		take_hello(link, &message->hello, now_ns);
		return;
	}
	if (!link->has_hello)
		return;
	if (message->type == MESSAGE_ACK)
		take_ack(link, &message->ack);
	else if (message->type != MESSAGE_UNKNOWN)
		link->drops.unexpected++;
}

/* Before the hello, garbage is what another session left; after it, it is the agent's. */
static int take_malformed(struct link *link, uint64_t now_ns)
{
	if (!link->has_hello)
		return 0;
	link->drops.malformed++;
	if (++link->n_malformed < LINK_MALFORMED_MAX)
		return 0;
	plan_retry(link, now_ns);
	end_connection(link);
	set_state(link, LINK_BACKOFF, 0, now_ns);
	return -EBADMSG;
}

int link_receive(struct link *link, const char *data, size_t len, uint64_t now_ns)
{
	assert(link->connected);
	charge_read(link, len, now_ns);
	while (len > 0) {
		enum frame_result result;
		struct message message;
		const char *line;
		size_t line_len;
		int r;

		result = frame_next(&link->frame, &data, &len, &line, &line_len);
		if (result == FRAME_MORE)
			break;
		if (!charge_message(link, now_ns))
			continue;
		r = result == FRAME_LINE ? message_decode(line, line_len, &message)
					 : -EBADMSG;
		if (r == 0)
			take_message(link, &message, now_ns);
		else if (r == -EBADMSG && take_malformed(link, now_ns) < 0)
			return -EBADMSG;
	}
	return 0;
}

void link_offer(struct link *link, const struct message_sample *sample)
{
	if (!link->welcomed || sample->n_zones != link->welcome.n_zones)
		return;
	link->waiting = *sample;
	link->has_waiting = true;
}

static void begin_welcome(struct link *link, uint64_t now_ns)
{
	struct message_welcome *welcome = &link->welcome;
	int len;

	welcome->proto = link->hello.proto < MESSAGE_PROTO ? link->hello.proto
							   : MESSAGE_PROTO;
	memcpy(welcome->nonce, link->hello.nonce, sizeof(welcome->nonce));
	len = message_encode_welcome(welcome, link->out + 1, LINK_LINE_MAX);
	if (len < 0) {
		/* No memory: the agent asks again. */
		end_session(link);
		return;
	}
	/* Ends what another session may have left unfinished in the guest's buffer. */
	link->out[0] = '\n';
	link->out_sent = 0;
	link->out_used = 1 + (size_t)len;
	link->begun_ns = now_ns;
	link->welcomed = true;
	link->seq = 0;
	set_state(link, LINK_UP, 0, now_ns);
}

static void begin_sample(struct link *link, uint64_t now_ns)
{
	int len;

	link->has_waiting = false;
	link->waiting.seq = link->seq + 1;
	len = message_encode_sample(&link->waiting, link->out, LINK_LINE_MAX);
	if (len < 0)
		return;
	link->sent = link->waiting;
	link->seq = link->sent.seq;
	link->in_flight = true;
	link->out_sent = 0;
	link->out_used = (size_t)len;
	link->begun_ns = now_ns;
}

void link_output(
	struct link *link, uint64_t now_ns, const char **ret_data, size_t *ret_len)
{
	if (link->out_sent == link->out_used) {
		if (link->has_hello && !link->welcomed && link->welcome.n_zones > 0)
			begin_welcome(link, now_ns);
		else if (link->welcomed && link->has_waiting && !link->in_flight)
			begin_sample(link, now_ns);
	}
	*ret_data = link->out + link->out_sent;
	*ret_len = link->out_used - link->out_sent;
}

void link_sent(struct link *link, size_t len)
{
	assert(len <= link->out_used - link->out_sent);
	link->out_sent += len;
}

/* From when on an unanswered guest counts as stale; UINT64_MAX: nothing is asked. */
static uint64_t stale_ns(const struct link *link)
{
	uint64_t after_ns = STALE_PERIODS * link->period_ns;

	if (!link->in_flight && link->out_sent == link->out_used)
		return UINT64_MAX;
	return link->begun_ns + (after_ns > STALE_MIN_NS ? after_ns : STALE_MIN_NS);
}

enum link_state link_get_state(
	const struct link *link, uint64_t now_ns, uint64_t *ret_since_ns)
{
	enum link_state state = link->state;
	uint64_t since_ns = link->since_ns;

	if (state == LINK_WAITING && !link->has_hello &&
		now_ns - since_ns >= ABSENT_AFTER_NS) {
		state = LINK_ABSENT;
		since_ns += ABSENT_AFTER_NS;
	} else if (state == LINK_UP && now_ns >= stale_ns(link)) {
		state = LINK_STALE;
		since_ns = stale_ns(link);
	}
	*ret_since_ns = since_ns;
	return state;
}

uint64_t link_spread_ns(const struct uuid *uuid, uint64_t period_ns)
{
	uint64_t hash = fnv1a(uuid->bytes, sizeof(uuid->bytes));

	/* Its low bits are the good ones, and many UUIDs differ only in the last byte. */
	hash ^= hash >> 32;
	hash *= UINT64_C(0x9e3779b97f4a7c15);
	hash = (uint64_t)((unsigned __int128)hash * LINK_SPREAD_MOMENTS >> 64);
	return hash * (period_ns / (LINK_SPREAD_PARTS * LINK_SPREAD_MOMENTS));
}
