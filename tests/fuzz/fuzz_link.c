/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A guest that sends arbitrary bytes at arbitrary times. The input is a sequence of
 * steps: a byte that says what happens, one for how long it takes, and for bytes that
 * arrive one for how many. What the host says stays in bounds, and in whole lines.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "host/link.h"
#include "shared/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct link link;
	uint64_t now_ns;
	/* What the guest may send, by what it did and by the time that went by. */
	uint64_t read;
	uint64_t said; /* lines */
	bool in_line;
};

static const struct message_welcome welcome = {
	.epoch.bytes[0] = 7,
	.period_ms = 1000,
	.stale_after_ms = 10000,
	.n_zones = 2,
	.zones = { { .name = "package-0",
			   .max_energy_range_uj = 262143328850,
			   .parent = -1 },
		{ .name = "dram", .max_energy_range_uj = 65712999613, .parent = 0 } },
};

static void receive(struct run *run, const uint8_t *data, size_t len)
{
	size_t may = run->link.connected ? link_may_read(&run->link, run->now_ns) : 0;

	if (len > may)
		len = may;
	if (len == 0)
		return;
	run->read += len;
	if (link_receive(&run->link, (const char *)data, len, run->now_ns) < 0) {
		assert(!run->link.connected && run->link.retry_ns > run->now_ns);
		run->in_line = false;
	}
}

/* Writes at most so much. */
static void write_some(struct run *run, size_t most)
{
	const char *data;
	size_t len;

	if (!run->link.connected)
		return;
	link_output(&run->link, run->now_ns, &data, &len);
	assert(len <= 1 + LINK_LINE_MAX);
	assert(len == 0 || run->link.welcomed || run->in_line);
	if (len > most)
		len = most;
	if (len == 0)
		return;
	link_sent(&run->link, len);
	/* A line begins where one ended; the first byte of a welcome is a newline too. */
	run->in_line = data[len - 1] != '\n' || len == 1;
	if (!run->in_line)
		run->said++;
}

static void toggle_connection(struct run *run)
{
	if (run->link.connected)
		link_disconnected(&run->link, ECONNRESET, run->now_ns);
	else
		link_connected(&run->link, run->now_ns);
	run->in_line = false;
}

static void offer(struct run *run, uint8_t step)
{
	struct message_sample sample = { .n_zones = step & 0x80 ? 1 : 2,
		.uj = { step, step } };

	link_offer(&run->link, &sample);
}

static void check(const struct run *run)
{
	uint64_t since_ns;

	link_get_state(&run->link, run->now_ns, &since_ns);
	assert(since_ns <= run->now_ns);
	assert(run->link.acked.seq <= run->link.seq);
	assert(run->link.n_malformed < LINK_MALFORMED_MAX || !run->link.connected);
	/* One budget a period, and the one it began with; reads are charged by then. */
	assert(run->read <= (run->now_ns / NSEC_PER_SEC + 1) * LINK_READ_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run run;

	memset(&run, 0, sizeof(run));
	if (link_init(&run.link, NSEC_PER_SEC, 0) < 0)
		return 0;
	link_connected(&run.link, 0);
	while (size >= 3) {
		uint8_t step = data[0];
		size_t n = data[2];

		run.now_ns += data[1] * (uint64_t)(10 * NSEC_PER_MSEC);
		data += 3;
		size -= 3;
		switch (step & 7) {
		case 0:
			toggle_connection(&run);
			break;
		case 1:
			offer(&run, step);
			break;
		case 2:
			link_set_welcome(&run.link, &welcome, run.now_ns);
			break;
		case 3:
			write_some(&run, n);
			break;
		case 4:
			write_some(&run, SIZE_MAX);
			break;
		default:
			if (n > size)
				n = size;
			receive(&run, data, n);
			data += n;
			size -= n;
			break;
		}
		check(&run);
	}
	link_deinit(&run.link);
	return 0;
}
