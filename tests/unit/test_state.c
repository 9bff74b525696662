/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* RUN/state and RUN/status.json: what survives, what is void, what is set aside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/state.h"
#include "guest/status.h"

#define SLOT_SIZE 4096

static const struct uuid boot = { { 1 } };
static const struct uuid other_boot = { { 2 } };

struct fixture {
	char path[32];
	int run_fd;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	strcpy(fixture->path, "/tmp/test_state.XXXXXX");
	assert_non_null(mkdtemp(fixture->path));
	fixture->run_fd = open(fixture->path, O_RDONLY | O_DIRECTORY);
	assert_true(fixture->run_fd >= 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { STATE_NAME, STATE_ASIDE_NAME, STATUS_NAME,
		STATUS_NAME ".new" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(fixture->run_fd, names[i], 0);
	close(fixture->run_fd);
	assert_int_equal(rmdir(fixture->path), 0);
	free(fixture);
	return 0;
}

static struct mirror_memory make_memory(uint64_t uj)
{
	return (struct mirror_memory){
		.epoch = { { 9 } },
		.n_zones = 1,
		.zones = { { .name = "package-0",
			.parent = POWERCAP_ZONE_NO_PARENT,
			.flags = MIRROR_MEASURED | MIRROR_CURRENT,
			.max_energy_range_uj = 1 << 20,
			.offset_uj = uj + 1,
			.measured_uj = uj } },
		.plan.zones = { { .measured_uj = uj } },
	};
}

static void store(int run_fd, uint64_t uj)
{
	const struct mirror_memory memory = make_memory(uj);
	struct mirror_memory ignored;
	struct state *state;
	enum state_found found;

	assert_int_equal(state_open(run_fd, &boot, &state, &found, &ignored), 0);
	assert_int_equal(state_store(state, &memory), 0);
	state_free(state);
}

static enum state_found find(int run_fd, const struct uuid *boot_id, uint64_t *ret_uj)
{
	struct mirror_memory memory = make_memory(0), expected;
	struct state *state;
	enum state_found found;

	assert_int_equal(state_open(run_fd, boot_id, &state, &found, &memory), 0);
	state_free(state);
	*ret_uj = memory.zones[0].measured_uj;
	expected = make_memory(*ret_uj);
	assert_memory_equal(&memory, &expected, sizeof(memory));
	return found;
}

static void patch(int run_fd, off_t at, const void *data, size_t len)
{
	int fd = openat(run_fd, STATE_NAME, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, at), len);
	close(fd);
}

static void test_keeps(void **context)
{
	const struct fixture *fixture = *context;
	uint64_t uj;

	assert_int_equal(find(fixture->run_fd, &boot, &uj), STATE_NONE);
	for (uint64_t i = 1; i < 6; i++) {
		store(fixture->run_fd, i);
		assert_int_equal(find(fixture->run_fd, &boot, &uj), STATE_KEPT);
		assert_true(uj == i);
	}
	assert_int_equal(find(fixture->run_fd, &other_boot, &uj), STATE_EXPIRED);
	assert_int_equal(faccessat(fixture->run_fd, STATE_ASIDE_NAME, F_OK, 0), -1);
}

static void test_torn_slot(void **context)
{
	const struct fixture *fixture = *context;
	uint64_t uj;

	store(fixture->run_fd, 11);
	store(fixture->run_fd, 12);
	/* The third write, into the slot of the first, got no further than this. */
	patch(fixture->run_fd, SLOT_SIZE + 16, "\3", 1);
	assert_int_equal(find(fixture->run_fd, &boot, &uj), STATE_KEPT);
	assert_true(uj == 12);
	store(fixture->run_fd, 13);
	assert_int_equal(find(fixture->run_fd, &boot, &uj), STATE_KEPT);
	assert_true(uj == 13);
	/* The next one, into the other slot, likewise. */
	patch(fixture->run_fd, 1500, "?", 1);
	assert_int_equal(find(fixture->run_fd, &boot, &uj), STATE_KEPT);
	assert_true(uj == 13);
	store(fixture->run_fd, 14);
	patch(fixture->run_fd, 1500, "?", 1);
	assert_int_equal(find(fixture->run_fd, &boot, &uj), STATE_KEPT);
	assert_true(uj == 13);
}

static void test_damaged(void **context)
{
	static const struct {
		off_t at;
		const char *data;
	} cases[] = {
		{ 0, "?" },    /* not our magic, or a newer version */
		{ 8, "?" },    /* the checksum */
		{ 16, "?" },   /* the generation */
		{ 24, "?" },   /* the boot id */
		{ 1500, "?" }, /* a zone */
	};
	const struct fixture *fixture = *context;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t uj;

		store(fixture->run_fd, 11);
		store(fixture->run_fd, 12);
		patch(fixture->run_fd, cases[i].at, cases[i].data, 1);
		patch(fixture->run_fd, cases[i].at + SLOT_SIZE, cases[i].data, 1);
		assert_int_equal(find(fixture->run_fd, &boot, &uj), STATE_BAD);
		assert_int_equal(
			faccessat(fixture->run_fd, STATE_ASIDE_NAME, F_OK, 0), 0);
		assert_int_equal(find(fixture->run_fd, &boot, &uj), STATE_NONE);
	}
}

static void test_short_file(void **context)
{
	const struct fixture *fixture = *context;
	uint64_t uj;
	int fd = openat(fixture->run_fd, STATE_NAME, O_WRONLY | O_CREAT, 0600);

	assert_int_equal(write(fd, "short", 5), 5);
	close(fd);
	assert_int_equal(find(fixture->run_fd, &boot, &uj), STATE_BAD);
	/* One slot was never written. */
	store(fixture->run_fd, 11);
	assert_int_equal(find(fixture->run_fd, &boot, &uj), STATE_KEPT);
	assert_true(uj == 11);
}

/* Well-formed, but not what a mirror can have kept. */
static void test_impossible(void **context)
{
	const struct fixture *fixture = *context;
	struct mirror_memory memory = make_memory(5), found_memory;
	struct state *state;
	enum state_found found;

	memory.zones[0].parent = 3;
	assert_int_equal(
		state_open(fixture->run_fd, &boot, &state, &found, &found_memory), 0);
	assert_int_equal(state_store(state, &memory), 0);
	state_free(state);
	assert_int_equal(
		state_open(fixture->run_fd, &boot, &state, &found, &found_memory), 0);
	assert_int_equal(found, STATE_BAD);
	state_free(state);
}

static void test_not_a_file(void **context)
{
	const struct fixture *fixture = *context;
	struct mirror_memory memory;
	struct state *state = NULL;
	enum state_found found;

	assert_int_equal(symlinkat("/dev/null", fixture->run_fd, STATE_NAME), 0);
	assert_int_equal(
		state_open(fixture->run_fd, &boot, &state, &found, &memory), -ELOOP);
	assert_null(state);
}

/* Stores 1, 2, 3, ... until it is killed, and tells each one that is stored. */
static void __attribute__((__noreturn__)) store_for_ever(int run_fd, int pipe_fd)
{
	struct mirror_memory memory;
	struct state *state;
	enum state_found found;

	if (state_open(run_fd, &boot, &state, &found, &memory) < 0)
		_exit(1);
	for (uint64_t uj = found == STATE_KEPT ? memory.zones[0].measured_uj : 1;; uj++) {
		memory = make_memory(uj);
		if (state_store(state, &memory) < 0 ||
			write(pipe_fd, &uj, sizeof(uj)) != (ssize_t)sizeof(uj))
			_exit(1);
	}
}

static void test_killed(void **context)
{
	const struct fixture *fixture = *context;

	for (unsigned int i = 0; i < 30; i++) {
		uint64_t told_uj = 0, uj;
		int fds[2];
		pid_t child;

		assert_int_equal(pipe(fds), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0)
			store_for_ever(fixture->run_fd, fds[1]);
		close(fds[1]);
		for (unsigned int n = 0; n < 1 + 37 * i; n++)
			assert_int_equal(
				read(fds[0], &told_uj, sizeof(told_uj)), sizeof(told_uj));
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		while (read(fds[0], &uj, sizeof(uj)) == (ssize_t)sizeof(uj))
			told_uj = uj;
		close(fds[0]);
		assert_int_equal(find(fixture->run_fd, &boot, &uj), STATE_KEPT);
		assert_true(uj == told_uj || uj == told_uj + 1);
	}
}

static void welcome_and_sample(struct mirror *mirror, uint64_t uj)
{
	const struct message_welcome welcome = {
		.proto = 1,
		.epoch = { { 0x0d } },
		.period_ms = 1000,
		.stale_after_ms = 10000,
		.n_zones = 2,
		.zones = { { "package-0", 1 << 20, -1 }, { "dram", 1 << 21, 0 } },
	};
	const struct message_sample sample = { .seq = 1, .n_zones = 2, .uj = { uj, 0 } };
	struct mirror_memory memory;

	assert_int_equal(mirror_welcome(mirror, &welcome), 0);
	assert_int_equal(mirror_prepare(mirror, &sample, 0, &memory), 0);
	mirror_commit(mirror, &memory);
}

static void test_status(void **context)
{
	const struct fixture *fixture = *context;
	const struct status nothing = { .link = STATUS_NO_PORT };
	const struct status streaming = { .link = STATUS_STREAMING,
		.mounted = true,
		.seq = 7,
		.quality = MESSAGE_ESTIMATED };
	char text[STATUS_TEXT_SIZE], read_back[STATUS_TEXT_SIZE];
	struct mirror mirror;
	ssize_t n;
	int len, fd;

	mirror_init(&mirror);
	len = status_format(&nothing, &mirror, 0, text);
	assert_string_equal(text,
		"{\"link\":\"no-port\",\"mounted\":false,\"stale\":false,\"epoch\":null,"
		"\"seq\":0,\"quality\":null,\"zones\":[]}\n");
	assert_int_equal(len, strlen(text));
	welcome_and_sample(&mirror, UINT64_C(9223372036854775000));
	len = status_format(&streaming, &mirror, 0, text);
	assert_string_equal(text,
		"{\"link\":\"streaming\",\"mounted\":true,\"stale\":false,"
		"\"epoch\":\"0d000000-0000-0000-0000-000000000000\",\"seq\":7,"
		"\"quality\":\"estimated\",\"zones\":["
		"{\"name\":\"package-0\",\"measured_uj\":\"9223372036854775000\","
		"\"offset_uj\":\"0\",\"shown_uj\":\"9223372036854775000\","
		"\"max_energy_range_uj\":\"1048576\"},"
		"{\"name\":\"package-0/dram\",\"measured_uj\":\"1\",\"offset_uj\":\"1\","
		"\"shown_uj\":\"1\",\"max_energy_range_uj\":\"2097152\"}]}\n");
	assert_int_equal(len, strlen(text));
	assert_int_equal(status_write(fixture->run_fd, text, (size_t)len), 0);
	fd = openat(fixture->run_fd, STATUS_NAME, O_RDONLY);
	n = read(fd, read_back, sizeof(read_back));
	close(fd);
	assert_int_equal(n, len);
	assert_memory_equal(read_back, text, (size_t)len);
	assert_true(status_format(&streaming, &mirror, UINT64_C(10000000000), text) > 0);
	assert_non_null(strstr(text, "\"stale\":true"));
	assert_non_null(strstr(text, "\"shown_uj\":null"));
}

/* The largest status there can be fits. */
/* A killed agent's, or of its user of then; never written through to elsewhere. */
static void test_status_in_the_way(void **context)
{
	const struct fixture *fixture = *context;
	struct stat st;
	int fd;

	assert_int_equal(status_remove(fixture->run_fd), 0);
	fd = openat(fixture->run_fd, STATUS_NEW_NAME, O_WRONLY | O_CREAT, 0400);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "longer", 6), 6);
	assert_int_equal(
		linkat(fixture->run_fd, STATUS_NEW_NAME, fixture->run_fd, STATE_NAME, 0),
		0);
	assert_int_equal(status_write(fixture->run_fd, "new", 3), 0);
	assert_int_equal(fstatat(fixture->run_fd, STATUS_NAME, &st, 0), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_mode & ALLPERMS, 0600);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 6);
	close(fd);
	assert_int_equal(status_remove(fixture->run_fd), 0);
	assert_int_equal(fstatat(fixture->run_fd, STATUS_NAME, &st, 0), -1);
}

static void test_largest_status(void **context)
{
	const struct status status = { .link = STATUS_STREAMING,
		.seq = (UINT64_C(1) << 53) - 1,
		.quality = MESSAGE_ESTIMATED };
	struct message_welcome welcome = {
		.proto = 1,
		.epoch = { { 1 } },
		.period_ms = 1000,
		.stale_after_ms = 10000,
		.n_zones = MESSAGE_ZONES_MAX,
	};
	struct message_sample sample = { .seq = 1, .n_zones = MESSAGE_ZONES_MAX };
	struct mirror_memory memory;
	char text[STATUS_TEXT_SIZE];
	struct mirror mirror;

	(void)context;
	for (int i = 0; i < MESSAGE_ZONES_MAX; i++) {
		struct message_zone *zone = &welcome.zones[i];

		snprintf(zone->name, sizeof(zone->name), i % 2 ? "dram" : "package-%d",
			i / 2);
		zone->parent = i % 2 ? i - 1 : -1;
		zone->max_energy_range_uj = INT64_MAX;
		sample.uj[i] = INT64_MAX;
	}
	mirror_init(&mirror);
	assert_int_equal(mirror_welcome(&mirror, &welcome), 0);
	assert_int_equal(mirror_prepare(&mirror, &sample, 0, &memory), 0);
	/* As after some epochs. */
	for (int i = 0; i < MESSAGE_ZONES_MAX; i++)
		memory.zones[i].measured_uj = UINT64_MAX;
	mirror_commit(&mirror, &memory);
	assert_true(status_format(&status, &mirror, 0, text) > 0);
	assert_non_null(strstr(text, "\"package-15/dram\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keeps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn_slot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_impossible, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_a_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_status, setup, teardown),
		cmocka_unit_test_setup_teardown(test_status_in_the_way, setup, teardown),
		cmocka_unit_test(test_largest_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
