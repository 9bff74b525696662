/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The links on real unix sockets, with guests in this process: a listening socket
 * is a channel as QEMU has it, what it accepts is the guest's port.
 */
#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/links.h"
#include "shared/clock.h"

#define PERIOD_NS (100 * (uint64_t)NSEC_PER_MSEC)
#define HELLO                                                                            \
	"\n{\"type\":\"hello\",\"proto\":1,\"nonce\":\"n1\",\"agent\":\"test/1\","       \
	"\"boot_id\":\"aaaaaaaa-0000-4000-8000-00000000000a\"}\n"

#define WELCOME "\n{\"type\":\"welcome\",\"proto\":1,\"nonce\":\"n1\""
#define SAMPLE	"{\"type\":\"sample\",\"seq\":"

static const struct message_welcome welcome = {
	.epoch.bytes[0] = 7,
	.period_ms = 100,
	.stale_after_ms = 10000,
	.n_zones = 1,
	.zones = { { .name = "package-0",
		.max_energy_range_uj = 262143328850,
		.parent = -1 } },
};

struct fixture {
	struct event_base *base;
	struct links *links;
	char directory[64];
	bool peer_is_wrong;
	struct message_welcome welcome;
	struct uuid verified;
	pid_t verified_pid;
	/* One domain. */
	char path[4096];
	struct inventory_domain domain;
	struct inventory inventory;
};

static bool verify(void *data, const struct uuid *uuid, pid_t pid)
{
	struct fixture *fixture = data;

	fixture->verified = *uuid;
	fixture->verified_pid = pid;
	return !fixture->peer_is_wrong;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct links_config config = { .period_ns = PERIOD_NS, .verify_peer = verify };

	snprintf(
		fixture->directory, sizeof(fixture->directory), "/tmp/test_links.XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	fixture->base = event_base_new();
	fixture->welcome = welcome;
	config.base = fixture->base;
	config.verify_data = fixture;
	assert_int_equal(links_new(&config, &fixture->links), 0);
	snprintf(fixture->path, sizeof(fixture->path), "%s/port", fixture->directory);
	fixture->domain = (struct inventory_domain){ .uuid.bytes = { 1, 2, 5 },
		.name = (char *)"vm\n1",
		.id = 1,
		.channel_path = fixture->path };
	fixture->inventory = (struct inventory){
		.connected = true, .n_domains = 1, .domains = &fixture->domain
	};
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	links_free(fixture->links);
	event_base_free(fixture->base);
	snprintf(command, sizeof(command), "rm -r %s", fixture->directory);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

static void run_ms(struct fixture *fixture, unsigned int ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	event_base_loopexit(fixture->base, &tv);
	event_base_dispatch(fixture->base);
}

/*
 * What is due now, once: what comes of it is seen before there is more. Until a time
 * that is no excuse for a machine, however busy.
 */
static bool turn_until(const struct fixture *fixture, uint64_t end_ns)
{
	event_base_loop(fixture->base, EVLOOP_NONBLOCK);
	usleep(1000);
	return clock_monotonic_ns() < end_ns;
}

static uint64_t patience_ns(void)
{
	return clock_monotonic_ns() + 60 * (uint64_t)NSEC_PER_SEC;
}

static int listen_at(const char *directory, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char before[4096];

	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(directory), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(chdir(before), 0);
	return fd;
}

static int accept_guest(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

static void guest_says(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What the guest can read now, as text. */
static const char *guest_hears(int fd)
{
	static char text[65536];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		assert_int_equal(errno, EAGAIN);
	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static struct link_info info_of(const struct fixture *fixture)
{
	struct link_info info;

	assert_true(links_get_info(fixture->links, &fixture->domain.uuid, &info));
	return info;
}

static void assert_state(const struct fixture *fixture, enum link_state expected)
{
	assert_string_equal(
		link_state_name(info_of(fixture).state), link_state_name(expected));
}

static void wait_state(struct fixture *fixture, enum link_state expected)
{
	uint64_t end_ns = patience_ns();

	while (info_of(fixture).state != expected && turn_until(fixture, end_ns))
		;
	assert_state(fixture, expected);
}

/* Until the guest hears this. Returns it, and what came after it. */
static const char *wait_hears(struct fixture *fixture, int guest, const char *expected)
{
	uint64_t end_ns = patience_ns();

	while (turn_until(fixture, end_ns)) {
		const char *found = strstr(guest_hears(guest), expected);

		if (found)
			return found;
	}
	fail_msg("the guest never hears %s", expected);
	return NULL;
}

static void wait_acked(struct fixture *fixture, uint64_t seq)
{
	uint64_t end_ns = patience_ns();

	while (info_of(fixture).acked.seq != seq && turn_until(fixture, end_ns))
		;
	assert_int_equal(info_of(fixture).acked.seq, seq);
}

static uint64_t period_now(uint64_t period_ns)
{
	return clock_monotonic_ns() / period_ns;
}

/* What was published is of a period before. */
static void wait_later(struct fixture *fixture, uint64_t period_ns)
{
	uint64_t end_ns = patience_ns(), period = period_now(period_ns);

	while (period_now(period_ns) == period)
		assert_true(turn_until(fixture, end_ns));
}

static void publish(struct fixture *fixture, uint64_t uj)
{
	struct message_sample sample = { .t_ns = 5, .n_zones = 1, .uj = { uj } };

	assert_int_equal(
		links_publish(fixture->links, &fixture->domain.uuid, &sample), 0);
}

static void set_period_ms(struct fixture *fixture, uint32_t period_ms)
{
	fixture->welcome.period_ms = period_ms;
	assert_int_equal(links_set_welcome(fixture->links, &fixture->domain.uuid,
				 &fixture->welcome),
		0);
}

/* Listening, connected, welcomed: the guest's fd. */
static int new_session(struct fixture *fixture, int *ret_listener)
{
	int listener = listen_at(fixture->directory, "port"), guest;

	assert_int_equal(links_update(fixture->links, &fixture->inventory), 0);
	set_period_ms(fixture, fixture->welcome.period_ms);
	wait_state(fixture, LINK_WAITING);
	guest = accept_guest(listener);
	guest_says(guest, HELLO);
	wait_hears(fixture, guest, WELCOME);
	assert_state(fixture, LINK_UP);
	*ret_listener = listener;
	return guest;
}

static void test_session(void **state)
{
	struct fixture *fixture = *state;
	int listener = listen_at(fixture->directory, "port"), guest;
	struct link_info info;
	const char *heard;

	assert_int_equal(links_update(fixture->links, &fixture->inventory), 0);
	assert_state(fixture, LINK_CONNECTING);
	wait_state(fixture, LINK_WAITING);
	guest = accept_guest(listener);
	assert_memory_equal(
		&fixture->verified, &fixture->domain.uuid, sizeof(struct uuid));
	assert_int_equal(fixture->verified_pid, getpid());
	assert_int_equal(links_peer_pid(fixture->links, &fixture->domain.uuid), getpid());
	publish(fixture, 10);
	run_ms(fixture, 250);
	assert_string_equal(guest_hears(guest), "");
	guest_says(guest, HELLO);
	run_ms(fixture, 20);
	assert_string_equal(guest_hears(guest), "");
	/* The welcome and the first sample follow as soon as they can. */
	assert_int_equal(
		links_set_welcome(fixture->links, &fixture->domain.uuid, &welcome), 0);
	publish(fixture, 11);
	heard = guest_hears(guest);
	assert_memory_equal(heard, WELCOME, strlen(WELCOME));
	assert_non_null(strstr(heard, SAMPLE "1,"));
	assert_non_null(strstr(heard, "[\"11\"]"));
	wait_later(fixture, PERIOD_NS);
	publish(fixture, 12);
	run_ms(fixture, 250);
	assert_string_equal(guest_hears(guest), "");
	guest_says(guest, "{\"type\":\"ack\",\"seq\":1}\n");
	heard = wait_hears(fixture, guest, SAMPLE "2,");
	assert_non_null(strstr(heard, "[\"12\"]"));
	info = info_of(fixture);
	assert_int_equal(info.state, LINK_UP);
	assert_string_equal(info.agent, "test/1");
	assert_int_equal(info.peer_pid, getpid());
	assert_int_equal(info.acked.seq, 1);
	assert_int_equal(info.acked.uj[0], 11);
	/* A hello between two ticks gets the values there are. */
	guest_says(guest, HELLO);
	heard = wait_hears(fixture, guest, SAMPLE "1,");
	assert_non_null(strstr(heard, "[\"12\"]"));
	close(guest);
	close(listener);
}

/*
 * Hello after hello: a value a period, however often new ones are published. The period
 * is long, so that there are several hellos in it where this process is slow, too.
 */
static void test_hello_flood(void **state)
{
	const uint64_t period_ns = 5 * PERIOD_NS;
	struct fixture *fixture = *state;
	uint64_t begin, last = 0, value = 0;
	unsigned int samples = 0, values = 0;
	int listener, guest;

	fixture->welcome.period_ms = (uint32_t)(period_ns / NSEC_PER_MSEC);
	guest = new_session(fixture, &listener);
	begin = period_now(period_ns);
	for (uint64_t tick = 1; tick <= 120; tick++) {
		const char *heard;
		uint64_t uj;

		publish(fixture, tick);
		guest_says(guest, HELLO);
		run_ms(fixture, 10);
		heard = strstr(guest_hears(guest), "\"uj\":[\"");
		if (!heard)
			continue;
		samples++;
		uj = strtoull(heard + 7, NULL, 10);
		assert_in_range(uj, value, tick);
		if (uj == value)
			continue;
		value = uj;
		values++;
		last = period_now(period_ns);
	}
	assert_in_range(values, 2, last - begin + 1);
	assert_true(samples > values + 10);
	close(guest);
	close(listener);
}

static void answer(struct fixture *fixture, int guest, uint64_t seq)
{
	char ack[64];

	snprintf(ack, sizeof(ack), "{\"type\":\"ack\",\"seq\":%" PRIu64 "}\n", seq);
	guest_says(guest, ack);
	wait_acked(fixture, seq);
}

/* One sample a period that has a tick, soon after the first, and that tick's values. */
static void test_moments(void **state)
{
	struct fixture *fixture = *state;
	int listener, guest = new_session(fixture, &listener);
	uint64_t begin = period_now(PERIOD_NS), last = 0, first = 0;
	unsigned int samples = 0, prompt = 0, ticked = 0;

	for (uint64_t tick = 1; tick <= 100; tick++) {
		if (period_now(PERIOD_NS) != last) {
			last = period_now(PERIOD_NS);
			first = tick;
			ticked++;
		}
		publish(fixture, tick);
		run_ms(fixture, 10);
		if (!strstr(guest_hears(guest), SAMPLE))
			continue;
		answer(fixture, guest, ++samples);
		assert_in_range(info_of(fixture).acked.uj[0], first - 1, tick);
		/* The moment is 10 ms later at most, and libevent's clock is coarse. */
		prompt += tick <= first + 3;
	}
	assert_in_range(samples, ticked / 2, period_now(PERIOD_NS) - begin + 2);
	assert_in_range(prompt, samples / 2, samples);
	close(guest);
	close(listener);
}

/* Publishes it; the guest hears it, and says so. */
static void tell(struct fixture *fixture, int guest, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "\"uj\":[\"%" PRIu64 "\"]", number);
	publish(fixture, number);
	wait_hears(fixture, guest, text);
	answer(fixture, guest, number);
}

/* To that second; whether it is at its very begin, before any moment in it. */
static bool wait_second(struct fixture *fixture, uint64_t second)
{
	uint64_t end_ns = patience_ns();

	while (period_now(NSEC_PER_SEC) < second)
		assert_true(turn_until(fixture, end_ns));
	return clock_monotonic_ns() - second * NSEC_PER_SEC < 40 * NSEC_PER_MSEC;
}

/*
 * The tick is before it most of the time, but may be late. Seconds count that follow one
 * with a tick, or it would be told at once, and of which the begin is seen.
 */
static void test_moment_and_tick(void **state)
{
	struct fixture *fixture = *state;
	uint64_t spread_ns = link_spread_ns(&fixture->domain.uuid, NSEC_PER_SEC);
	uint64_t number = 1, second;
	int listener, guest;

	assert_in_range(spread_ns, 60 * NSEC_PER_MSEC, 99 * NSEC_PER_MSEC);
	fixture->welcome.period_ms = 1000;
	guest = new_session(fixture, &listener);
	/* Two moments pass unseen before the first tick, none between it and the next. */
	second = period_now(NSEC_PER_SEC) + 2;
	while (clock_monotonic_ns() < second * NSEC_PER_SEC + 150 * NSEC_PER_MSEC)
		usleep(1000);
	do {
		if (number > 1)
			wait_later(fixture, NSEC_PER_SEC);
		second = period_now(NSEC_PER_SEC);
		tell(fixture, guest, number++);
	} while (period_now(NSEC_PER_SEC) != second || !wait_second(fixture, ++second));
	publish(fixture, number);
	assert_string_equal(guest_hears(guest), "");
	wait_hears(fixture, guest, SAMPLE);
	assert_true(clock_monotonic_ns() >=
		    second * NSEC_PER_SEC + spread_ns - 5 * NSEC_PER_MSEC);
	answer(fixture, guest, number++);

	wait_later(fixture, NSEC_PER_SEC);
	run_ms(fixture, 150);
	assert_string_equal(guest_hears(guest), "");
	publish(fixture, number);
	assert_non_null(strstr(guest_hears(guest), SAMPLE));
	close(guest);
	close(listener);
}

/* Publishes, once. Whether the guest heard a sample, which it acknowledges. */
static bool publish_and_hear(struct fixture *fixture, int guest, uint64_t seq)
{
	publish(fixture, 1);
	run_ms(fixture, 5);
	if (!strstr(guest_hears(guest), SAMPLE))
		return false;
	answer(fixture, guest, seq);
	return true;
}

/*
 * Publishes until there were ticks in so many periods; how many samples there were after
 * seq. Where this process is slow, or does not run, periods have no tick.
 */
static unsigned int count_samples(struct fixture *fixture, int guest, uint64_t seq,
	uint64_t period_ms, unsigned int n)
{
	uint64_t period_ns = period_ms * NSEC_PER_MSEC, last = 0;
	uint64_t begin = period_now(period_ns);
	unsigned int samples = 0, ticked = 0;

	while (ticked < n) {
		ticked += period_now(period_ns) != last;
		last = period_now(period_ns);
		samples += publish_and_hear(fixture, guest, seq + samples + 1);
	}
	assert_in_range(samples, n / 2, period_now(period_ns) - begin + 2);
	return samples;
}

/* Each guest has the period of its own welcome, also when that changes. */
static void test_own_period(void **state)
{
	struct fixture *fixture = *state;
	unsigned int samples, last = 0;
	int listener, guest;

	fixture->welcome.period_ms = 500;
	guest = new_session(fixture, &listener);
	samples = count_samples(fixture, guest, 0, 500, 3);
	set_period_ms(fixture, 20);
	samples += count_samples(fixture, guest, samples, 20, 40);
	set_period_ms(fixture, 3600000);
	for (int i = 0; i < 60; i++)
		last += publish_and_hear(fixture, guest, samples + last + 1);
	assert_in_range(last, 0, 1);
	close(guest);
	close(listener);
}

static void test_prompt_after_refusal(void **state)
{
	struct fixture *fixture = *state;
	uint64_t end_ns;
	int listener;

	assert_int_equal(links_update(fixture->links, &fixture->inventory), 0);
	wait_state(fixture, LINK_UNREACHABLE);
	assert_int_equal(info_of(fixture).error, ENOENT);
	listener = listen_at(fixture->directory, "port");
	wait_state(fixture, LINK_WAITING);
	/* Whoever listened left a socket that refuses. */
	close(accept_guest(listener));
	close(listener);
	wait_state(fixture, LINK_UNREACHABLE);
	assert_int_equal(info_of(fixture).error, 0);
	end_ns = patience_ns();
	while (info_of(fixture).error != ECONNREFUSED && turn_until(fixture, end_ns))
		;
	assert_int_equal(info_of(fixture).error, ECONNREFUSED);
	assert_int_equal(links_peer_pid(fixture->links, &fixture->domain.uuid), 0);
}

static void test_changes(void **state)
{
	struct fixture *fixture = *state;
	int listener, guest = new_session(fixture, &listener), other;
	char path[128];

	/* The same again, and libvirt's absence, disturb nothing. */
	assert_int_equal(links_update(fixture->links, &fixture->inventory), 0);
	fixture->inventory = (struct inventory){ .connected = false };
	assert_int_equal(links_update(fixture->links, &fixture->inventory), 0);
	run_ms(fixture, 20);
	assert_state(fixture, LINK_UP);
	/* Another path: there at once. */
	other = listen_at(fixture->directory, "other");
	snprintf(path, sizeof(path), "%s/other", fixture->directory);
	fixture->domain.channel_path = path;
	fixture->inventory = (struct inventory){
		.connected = true, .n_domains = 1, .domains = &fixture->domain
	};
	assert_int_equal(links_update(fixture->links, &fixture->inventory), 0);
	wait_state(fixture, LINK_WAITING);
	assert_int_equal(recv(guest, path, 1, 0), 0);
	close(guest);
	guest = accept_guest(other);
	/* The incarnation is the same: the welcome still holds. */
	guest_says(guest, HELLO);
	wait_hears(fixture, guest, WELCOME);
	/* It is not: a new one is waited for. */
	fixture->domain.id = 2;
	assert_int_equal(links_update(fixture->links, &fixture->inventory), 0);
	wait_state(fixture, LINK_WAITING);
	close(guest);
	guest = accept_guest(other);
	guest_says(guest, HELLO);
	run_ms(fixture, 20);
	assert_string_equal(guest_hears(guest), "");
	assert_state(fixture, LINK_WAITING);
	fixture->domain.channel_path = NULL;
	assert_int_equal(links_update(fixture->links, &fixture->inventory), 0);
	assert_state(fixture, LINK_NO_CHANNEL);
	run_ms(fixture, 20);
	assert_int_equal(recv(guest, path, 1, 0), 0);
	fixture->inventory = (struct inventory){ .connected = true };
	assert_int_equal(links_update(fixture->links, &fixture->inventory), 0);
	assert_false(links_get_info(
		fixture->links, &fixture->domain.uuid, &(struct link_info){ 0 }));
	assert_int_equal(
		links_set_welcome(fixture->links, &fixture->domain.uuid, &welcome),
		-ENOENT);
	close(guest);
	close(listener);
	close(other);
}

static void test_many_domains(void **state)
{
	struct fixture *fixture = *state;
	struct inventory_domain domains[50];
	struct inventory inventory = { .connected = true, .domains = domains };
	struct link_info info;
	struct uuid uuid = { { 0 } };

	for (unsigned int step = 1; step <= 5; step++) {
		inventory.n_domains = 0;
		for (uint8_t i = 0; i < 50; i++) {
			if (i % step == 0)
				domains[inventory.n_domains++] =
					(struct inventory_domain){ .uuid.bytes[0] = i,
						.name = (char *)"vm",
						.id = i + 1 };
		}
		assert_int_equal(links_update(fixture->links, &inventory), 0);
		for (uint8_t i = 0; i < 50; i++) {
			uuid.bytes[0] = i;
			assert_int_equal(links_get_info(fixture->links, &uuid, &info),
				i % step == 0);
		}
	}
}

static void test_wrong_peer(void **state)
{
	struct fixture *fixture = *state;
	int listener = listen_at(fixture->directory, "port");

	fixture->peer_is_wrong = true;
	assert_int_equal(links_update(fixture->links, &fixture->inventory), 0);
	wait_state(fixture, LINK_UNREACHABLE);
	assert_int_equal(info_of(fixture).error, EPERM);
	assert_int_equal(links_peer_pid(fixture->links, &fixture->domain.uuid), 0);
	close(listener);
}

static void test_long_path(void **state)
{
	struct fixture *fixture = *state;
	size_t used = strlen(fixture->directory);
	int listener, i;

	snprintf(fixture->path, sizeof(fixture->path), "%s", fixture->directory);
	for (i = 0; i < 10; i++) {
		used += (size_t)snprintf(fixture->path + used,
			sizeof(fixture->path) - used, "/domain-%d-with-a-long-name", i);
		assert_int_equal(mkdir(fixture->path, 0700), 0);
	}
	listener = listen_at(fixture->path, "org.vmpower.0");
	snprintf(fixture->path + used, sizeof(fixture->path) - used, "/org.vmpower.0");
	assert_true(strlen(fixture->path) > 250);
	assert_int_equal(links_update(fixture->links, &fixture->inventory), 0);
	wait_state(fixture, LINK_WAITING);
	close(accept_guest(listener));
	close(listener);
}

/* Reads all there is; checks that these are the next samples, in whole lines. */
static uint64_t hear_samples(struct fixture *fixture, int guest, uint64_t seq)
{
	char line[256], expected[64];
	size_t used = 0;

	for (;;) {
		ssize_t n = recv(guest, line + used, 1, 0);

		if (n < 0 && used == 0)
			return seq;
		if (n < 0) {
			/* The rest of a line comes when there is room. */
			run_ms(fixture, 1);
			continue;
		}
		if (line[used++] != '\n')
			continue;
		line[used] = '\0';
		used = 0;
		snprintf(expected, sizeof(expected),
			"{\"type\":\"sample\",\"seq\":%" PRIu64 ",", ++seq);
		assert_memory_equal(line, expected, strlen(expected));
		assert_string_equal(line + strlen(line) - 4, "\"]}\n");
	}
}

/* Whether the host takes it: it does once it has sent all of that sample. */
static bool acknowledge(struct fixture *fixture, int guest, uint64_t seq)
{
	char ack[64];

	snprintf(ack, sizeof(ack), "{\"type\":\"ack\",\"seq\":%" PRIu64 "}\n", seq);
	for (int i = 0; i < 100 && info_of(fixture).acked.seq != seq; i++) {
		run_ms(fixture, 2);
		guest_says(guest, ack);
		run_ms(fixture, 2);
	}
	return info_of(fixture).acked.seq == seq;
}

/* A guest that acknowledges and never reads: the socket fills, and drains where it reads.
 */
static void test_guest_never_reads(void **state)
{
	struct fixture *fixture = *state;
	struct links_config config = { .base = fixture->base,
		.period_ns = NSEC_PER_MSEC };
	uint64_t acked = 0, seq = 0;
	int listener, guest;

	links_free(fixture->links);
	assert_int_equal(links_new(&config, &fixture->links), 0);
	fixture->welcome.period_ms = 1;
	guest = new_session(fixture, &listener);
	do {
		publish(fixture, acked);
		acked++;
	} while (acked < 5000 && acknowledge(fixture, guest, acked));
	assert_in_range(acked, 50, 4999);
	/* Still connected; on a slow machine the last one was tried for seconds. */
	assert_true(info_of(fixture).state == LINK_UP ||
		    info_of(fixture).state == LINK_STALE);
	/* It reads: the rest comes, in order and whole. */
	while (seq < acked) {
		seq = hear_samples(fixture, guest, seq);
		run_ms(fixture, 1);
	}
	assert_int_equal(seq, acked);
	assert_true(acknowledge(fixture, guest, acked));
	assert_state(fixture, LINK_UP);
	publish(fixture, acked);
	while (seq == acked) {
		run_ms(fixture, 1);
		seq = hear_samples(fixture, guest, seq);
	}
	assert_int_equal(seq, acked + 1);
	close(guest);
	close(listener);
}

/* A flood is read at its own pace, and three lines of it end the connection. */
static void test_flood(void **state)
{
	struct fixture *fixture = *state;
	int listener, guest = new_session(fixture, &listener);
	static char garbage[8192];
	uint64_t begin_ns = clock_monotonic_ns(), periods = 0;
	size_t sent = 0;
	ssize_t n;

	memset(garbage, 'x', sizeof(garbage));
	while (periods < 10 || info_of(fixture).drops.held_up < 3) {
		while ((n = send(guest, garbage, sizeof(garbage), MSG_NOSIGNAL)) > 0)
			sent += (size_t)n;
		assert_int_equal(errno, EAGAIN);
		run_ms(fixture, 5);
		periods = (clock_monotonic_ns() - begin_ns) / PERIOD_NS;
	}
	/* What it read, and what the socket holds. */
	assert_in_range(sent, 2 * LINK_READ_MAX, (periods + 2) * LINK_READ_MAX + 300000);
	assert_in_range(info_of(fixture).drops.held_up, 2, periods + 2);
	/* It goes on: up to three malformed lines. */
	assert_state(fixture, LINK_UP);
	while (send(guest, "\nx\nx\n", 5, MSG_NOSIGNAL) < 0)
		run_ms(fixture, 5);
	wait_state(fixture, LINK_BACKOFF);
	assert_int_equal(info_of(fixture).drops.malformed, 3);
	close(guest);
	wait_state(fixture, LINK_WAITING);
	close(accept_guest(listener));
	close(listener);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_session),
		TEST(test_hello_flood),
		TEST(test_moments),
		TEST(test_moment_and_tick),
		TEST(test_own_period),
		TEST(test_prompt_after_refusal),
		TEST(test_changes),
		TEST(test_many_domains),
		TEST(test_wrong_peer),
		TEST(test_long_path),
		TEST(test_guest_never_reads),
		TEST(test_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
