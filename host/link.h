/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The host's end of one guest's stream (shared/PROTOCOL.md): which bytes a guest
 * may send when, what they mean, what to answer, and when to connect again. Bytes
 * and time come as arguments; the socket is somebody else's (host/links.h). Pure.
 *
 * The guest is hostile. A link takes constant memory, and constant time in each
 * period, whatever comes. Times are of any one monotonic clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/frame.h"
#include "shared/message.h"
#include "shared/uuid.h"

/* What a guest may send in one period, in bytes and in messages. */
#define LINK_READ_MAX	    65536
#define LINK_READ_COST_MIN  512 /* of one read, however short */
#define LINK_MESSAGES	    3
#define LINK_MESSAGES_BURST 20
/* Malformed lines since its hello that close the link. */
#define LINK_MALFORMED_MAX 3
/* Longest line to the guest: a welcome with all zones takes some 3.5 KiB. */
#define LINK_LINE_MAX 4096
/* Samples go out in the first one of so many parts of the period, at so many moments:
 * each is a wake-up. */
#define LINK_SPREAD_PARTS   10
#define LINK_SPREAD_MOMENTS 20

enum link_state {
	LINK_NO_CHANNEL,  /* the domain has no such channel that QEMU listens on */
	LINK_CONNECTING,  /* not tried yet */
	LINK_UNREACHABLE, /* the last try failed or the connection ended, see error */
	LINK_WAITING,	  /* connected, no hello answered yet */
	LINK_ABSENT,	  /* the same for 30 s: agent absent, or channel in use */
	LINK_UP,
	LINK_STALE,   /* a sample unacknowledged for max(3 periods, 3 s) */
	LINK_TOO_OLD, /* the agent speaks no protocol that this host does */
	LINK_BACKOFF, /* closed for malformed lines */
};

/* "no-channel", "connecting", ... */
const char *link_state_name(enum link_state state);

/* What was not taken, since the link was made. */
struct link_drops {
	uint64_t over_rate;  /* messages over the rate */
	uint64_t malformed;  /* lines after the hello that are no message, or too long */
	uint64_t unexpected; /* messages after the hello that have no place there */
	uint64_t held_up;    /* periods in which reading stopped: over LINK_READ_MAX */
};

struct link {
	/* As the last event left it; link_get_state() knows what time made of it. */
	enum link_state state;
	uint64_t since_ns;
	int error; /* positive errno of LINK_UNREACHABLE; 0: the other end closed */
	uint64_t period_ns; /* the welcome's; before there is one, link_init()'s */

	/* The connection's fate. */
	bool connected;
	uint64_t connected_ns;
	uint32_t backoff_s;
	uint64_t retry_ns;

	/* In. */
	struct frame frame;
	uint64_t window_ns; /* begin of the period in which window_used was read */
	size_t window_used;
	uint64_t credit_ns; /* message rate: period / LINK_MESSAGES buys one */
	uint64_t credited_ns;
	unsigned int n_malformed; /* since hello */
	struct link_drops drops;

	/* The session that the last hello began. */
	bool has_hello; /* of this connection, and of a protocol spoken here */
	bool welcomed;
	struct message_hello hello; /* the last one, also after the connection ended */
	uint64_t seq;		    /* of the last sample sent */
	bool in_flight;		    /* sent.seq has not been acknowledged */
	bool has_waiting;	    /* a sample to send next */
	uint64_t begun_ns;	    /* when the last line to the guest was begun */
	struct message_sample waiting, sent, acked;

	/* What every hello is answered with; has no zones before it is known. */
	struct message_welcome welcome;

	/* The line on its way out: out[out_sent .. out_used). */
	size_t out_sent, out_used;
	char out[1 + LINK_LINE_MAX];
};

/*
 * Begins in LINK_CONNECTING, to be connected at once. period_ns is the guest's
 * sample period, the unit of all quotas, until the welcome tells its own. -ENOMEM.
 */
int link_init(struct link *link, uint64_t period_ns, uint64_t now_ns);
void link_deinit(struct link *link);

/*
 * What to answer a hello with: epoch, period, stale_after and zones (nonce and
 * proto are the link's). The period is the link's from now on. A hello that came before
 * is answered now. When epoch or zones change, the running session ends: no more samples
 * until the agent, which misses them, says hello again. Returns whether these two are
 * others than before.
 */
bool link_set_welcome(
	struct link *link, const struct message_welcome *welcome, uint64_t now_ns);

/* The domain has a new incarnation, of which nothing is known yet. */
void link_forget_welcome(struct link *link);

/* The connection is there: waits for the first newline, then for a hello. */
void link_connected(struct link *link, uint64_t now_ns);

/*
 * It is not, or no longer: error is a positive errno, 0 for an end of file. The
 * next try is due at retry_ns, 1 s from now, and later each time up to 60 s.
 */
void link_disconnected(struct link *link, int error, uint64_t now_ns);

/* Another socket, or none: forgets the back-off and what came before. */
void link_restart(struct link *link, bool has_channel, uint64_t now_ns);

/* How much may be read now; 0: not before link_read_ns(). */
size_t link_may_read(struct link *link, uint64_t now_ns);
uint64_t link_read_ns(const struct link *link);

/*
 * What one read brought. -EBADMSG: too many malformed lines; close it now (the
 * link is then in LINK_BACKOFF until retry_ns).
 */
int link_receive(struct link *link, const char *data, size_t len, uint64_t now_ns);

/*
 * The newest values, to be sent as soon as the one before is acknowledged; an
 * older one still waiting is replaced. Its seq is ignored. Dropped where there is
 * no session, or the zones are not the welcome's.
 */
void link_offer(struct link *link, const struct message_sample *sample);

/*
 * What to write next: *ret_data and *ret_len, 0 for nothing. Valid until the next
 * call that is not link_sent(). Tell how much of it was written.
 */
void link_output(
	struct link *link, uint64_t now_ns, const char **ret_data, size_t *ret_len);
void link_sent(struct link *link, size_t len);

/* The state at this time, and since when. */
enum link_state link_get_state(
	const struct link *link, uint64_t now_ns, uint64_t *ret_since_ns);

/*
 * When in each period this domain's sample goes out: not when all others do, but soon
 * after the tick. What a guest has not got when it stops, to go on elsewhere, it never
 * gets.
 */
uint64_t link_spread_ns(const struct uuid *uuid, uint64_t period_ns);
