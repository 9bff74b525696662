/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower replay: what it prints of a trace, and what it says when it cannot. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/replay.h"
#include "tests/unit/random.h"

#define UUID "0fffffff-0000-4000-8000-00000000000a"

#define HOST                                                                             \
	"{\"type\":\"host\",\"version\":1,\"cpus\":[{\"cpu\":0,\"package\":0,"           \
	"\"core\":0},{\"cpu\":1,\"package\":0,\"core\":1}],\"zones\":["                  \
	"{\"zone\":\"package-0\",\"package\":0,\"kind\":\"package\","                    \
	"\"max_energy_range_uj\":\"262143328850\"}]"
#define TICK(t, energy, busy, cpu)                                                       \
	"{\"type\":\"tick\",\"t_ns\":\"" t "\",\"energy_uj\":{\"package-0\":\"" energy   \
	"\"},\"cpu\":[[" busy ",0],[0,0]],\"domains\":[{\"uuid\":\"" UUID                \
	"\",\"vcpus\":1,\"threads\":[[5,0,\"vcpu\",0," cpu ",0]]}]}\n"

/* 60 J in a second, 20 of them idle: half of the threads and 3/4 of the time are a VM's.
 */
#define TICKS                                                                            \
	TICK("0", "1000000", "0", "0")                                                   \
	TICK("1000000000", "61000000", "400000000", "300000000")

#define SHARES(host, domain)                                                             \
	"\"host\":{\"dynamic_uj\":\"10000000\",\"idle_uj\":\"" host "\"},"               \
	"\"domains\":{\"" UUID "\":{\"dynamic_uj\":\"30000000\",\"idle_uj\":\"" domain   \
	"\"}}}}}\n"

struct fixture {
	char dir[32];
	bool learn;
	char output[65536], errors[1024];
};

static void in_dir(const struct fixture *fixture, char path[64], const char *name)
{
	snprintf(path, 64, "%s/%s", fixture->dir, name);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	strcpy(fixture->dir, "/tmp/test_replay.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "trace", "output", "errors" };
	struct fixture *fixture = *state;
	char path[64];

	for (size_t i = 0; i < 3; i++) {
		in_dir(fixture, path, names[i]);
		unlink(path);
	}
	rmdir(fixture->dir);
	free(fixture);
	return 0;
}

static void read_back(
	const struct fixture *fixture, const char *name, char *text, size_t size)
{
	char path[64];
	FILE *file;
	size_t n;

	in_dir(fixture, path, name);
	file = fopen(path, "r");
	assert_non_null(file);
	n = fread(text, 1, size - 1, file);
	text[n] = '\0';
	fclose(file);
}

/* Puts path in the place of fd, whose old self is returned. */
static int redirect(int fd, const char *path, int flags)
{
	int old = dup(fd), new = open(path, flags, 0600);

	assert_true(old >= 0 && new >= 0);
	assert_int_equal(dup2(new, fd), fd);
	close(new);
	return old;
}

static void restore(int fd, int old)
{
	assert_int_equal(dup2(old, fd), fd);
	close(old);
}

/* Replays path with standard input from it too; output NULL: into the fixture. */
static int run(struct fixture *fixture, const char *path, const char *output,
	enum idle_policy policy)
{
	const struct meter_options options = {
		.idle_policy = policy,
		.learn = fixture->learn,
	};
	char output_path[64], errors_path[64];
	int in, out, err, status;

	in_dir(fixture, output_path, "output");
	in_dir(fixture, errors_path, "errors");
	fflush(NULL);
	in = redirect(STDIN_FILENO, strcmp(path, "-") ? "/dev/null" : "trace", O_RDONLY);
	out = redirect(STDOUT_FILENO, output ? output : output_path,
		O_WRONLY | O_CREAT | O_TRUNC);
	err = redirect(STDERR_FILENO, errors_path, O_WRONLY | O_CREAT | O_TRUNC);
	status = replay_run(path, &options);
	fflush(NULL);
	restore(STDIN_FILENO, in);
	restore(STDOUT_FILENO, out);
	restore(STDERR_FILENO, err);
	if (!output)
		read_back(fixture, "output", fixture->output, sizeof(fixture->output));
	read_back(fixture, "errors", fixture->errors, sizeof(fixture->errors));
	return status;
}

static int replay(struct fixture *fixture, const char *trace, enum idle_policy policy)
{
	char path[64];
	FILE *file;

	assert_int_equal(chdir(fixture->dir), 0);
	in_dir(fixture, path, "trace");
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(trace, file);
	fclose(file);
	return run(fixture, "trace", NULL, policy);
}

static void test_output(void **state)
{
	static const char trace[] = HOST ",\"idle_w\":{\"package-0\":20}}\n" TICKS;
	static const char expected[] =
		"{\"t_ns\":\"1000000000\",\"quality\":\"measured\",\"zones\":{"
		"\"package-0\":{\"total_uj\":\"60000000\",\"unattributed_uj\":\"0\","
		"\"idle_uw\":\"20000000\",\"idle_origin\":\"configured\"," SHARES(
			"10000000", "10000000");
	struct fixture *fixture = *state;

	assert_int_equal(replay(fixture, trace, IDLE_POLICY_RESERVED), 0);
	assert_string_equal(fixture->output, expected);
	assert_string_equal(fixture->errors, "");
	assert_int_equal(run(fixture, "-", NULL, IDLE_POLICY_RESERVED), 0);
	assert_string_equal(fixture->output, expected);
}

static void test_policy(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(replay(fixture, HOST ",\"idle_w\":{\"package-0\":20}}\n" TICKS,
				 IDLE_POLICY_HOST),
		0);
	assert_non_null(strstr(fixture->output, SHARES("20000000", "0")));
}

/* Whence the idle power is known is what the trace says of it, or else learned. */
static void test_origin(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(replay(fixture,
				 HOST ",\"idle_origin\":{\"package-0\":\"learned\"},"
				      "\"idle_w\":{\"package-0\":20},"
				      "\"source\":\"estimate\"}\n" TICKS,
				 IDLE_POLICY_RESERVED),
		0);
	assert_non_null(strstr(fixture->output, "\"quality\":\"estimated\""));
	assert_non_null(strstr(
		fixture->output, "\"idle_uw\":\"20000000\",\"idle_origin\":\"learned\""));
	assert_int_equal(replay(fixture, HOST "}\n" TICKS, IDLE_POLICY_RESERVED), 0);
	assert_non_null(
		strstr(fixture->output, "\"idle_uw\":\"0\",\"idle_origin\":\"learned\""));
}

/* Every tick goes on from the one before. */
static void test_steps(void **state)
{
	struct fixture *fixture = *state;
	const char *line;
	int n = 0;

	assert_int_equal(replay(fixture,
				 HOST "}\n" TICK("0", "1000000", "0", "0")
					 TICK("500000000", "11000000", "1", "0") TICK(
						 "1000000000", "31000000", "1", "0")
						 TICK("1500000000", "61000000", "1", "0"),
				 IDLE_POLICY_RESERVED),
		0);
	for (line = fixture->output; *line; line = strchr(line, '\n') + 1) {
		char expected[64];

		snprintf(expected, sizeof(expected), "{\"t_ns\":\"%d\"", 500000000 * ++n);
		assert_memory_equal(line, expected, strlen(expected));
		snprintf(expected, sizeof(expected), "\"total_uj\":\"%d\"", 10000000 * n);
		assert_ptr_equal(strstr(line, "\"total_uj\":"), strstr(line, expected));
	}
	assert_int_equal(n, 3);
}

/* Two domains, the second of which costs twice as much. */
static void write_uneven_ticks(FILE *trace)
{
	static const char uuids[2][37] = { "0fffffff-0000-4000-8000-00000000000a",
		"0fffffff-0000-4000-8000-00000000000b" };
	struct random_state random = { 1 };
	uint64_t cpu_ns[2] = { 0 }, energy_uj = 0;

	fputs(HOST ",\"idle_w\":{\"package-0\":20}}\n", trace);
	for (int t = 0; t < 60; t++) {
		fprintf(trace,
			"{\"type\":\"tick\",\"t_ns\":\"%d000000000\",\"energy_uj\":{"
			"\"package-0\":\"%" PRIu64 "\"},\"cpu\":[[%" PRIu64
			",0],[%" PRIu64 ",0]],\"domains\":[",
			t, energy_uj, cpu_ns[0], cpu_ns[1]);
		for (int i = 0; i < 2; i++)
			fprintf(trace,
				"%s{\"uuid\":\"%s\",\"vcpus\":1,\"threads\":[[%d,0,"
				"\"vcpu\",0,%" PRIu64 ",%d]]}",
				i ? "," : "", uuids[i], 5 + i, cpu_ns[i], i);
		fputs("]}\n", trace);
		energy_uj += 20000000;
		for (uint64_t i = 0; i < 2; i++) {
			uint64_t ns = random_below(&random, 1000000000);

			cpu_ns[i] += ns;
			energy_uj += (i + 1) * ns / 100;
		}
	}
}

/* The same trace, the same bytes; and what is learned of it makes others. */
static void test_same(void **state)
{
	static char first[sizeof(((struct fixture *)NULL)->output)];
	struct fixture *fixture = *state;
	char path[64], *text = NULL;
	size_t size = 0;
	FILE *trace = open_memstream(&text, &size);

	assert_non_null(trace);
	write_uneven_ticks(trace);
	fclose(trace);
	fixture->learn = true;
	assert_int_equal(replay(fixture, text, IDLE_POLICY_RESERVED), 0);
	free(text);
	memcpy(first, fixture->output, sizeof(first));
	assert_true(strlen(first) > 10000);
	in_dir(fixture, path, "trace");
	assert_int_equal(run(fixture, path, NULL, IDLE_POLICY_RESERVED), 0);
	assert_string_equal(fixture->output, first);
	fixture->learn = false;
	assert_int_equal(run(fixture, path, NULL, IDLE_POLICY_RESERVED), 0);
	assert_string_not_equal(fixture->output, first);
}

/* A machine of 40 zones, all with idle power, and a tick of it. */
static void add_machine(FILE *trace, int number)
{
	fputs("{\"type\":\"host\",\"version\":1,\"cpus\":[{\"cpu\":0,\"package\":0,"
	      "\"core\":0}],\"zones\":[",
		trace);
	for (int z = 0; z < 40; z++)
		fprintf(trace,
			"%s{\"zone\":\"zone-%d-%d\",\"package\":0,"
			"\"kind\":\"package\"}",
			z > 0 ? "," : "", number, z);
	fputs("],\"idle_w\":{", trace);
	for (int z = 0; z < 40; z++)
		fprintf(trace, "%s\"zone-%d-%d\":%d.5", z > 0 ? "," : "", number, z,
			number + 1);
	fprintf(trace,
		"}}\n{\"type\":\"tick\",\"t_ns\":\"%d\",\"energy_uj\":{},"
		"\"cpu\":[[0,0]],\"domains\":[]}\n",
		number);
}

/* Idle power is told of more zones than a meter remembers, never of so many at once. */
static void test_machines(void **state)
{
	struct fixture *fixture = *state;
	char *text = NULL;
	size_t size;
	FILE *trace = open_memstream(&text, &size);

	assert_non_null(trace);
	for (int i = 0; i < 6; i++)
		add_machine(trace, i);
	fclose(trace);
	assert_int_equal(replay(fixture, text, IDLE_POLICY_RESERVED), 0);
	assert_string_equal(fixture->errors, "");
	for (int i = 1; i < 6; i++) {
		char expected[128];

		snprintf(expected, sizeof(expected),
			"\"zone-%d-39\":{\"total_uj\":\"0\",\"unattributed_uj\":\"0\","
			"\"idle_uw\":\"%d500000\",",
			i, i + 1);
		assert_non_null(strstr(fixture->output, expected));
	}
	free(text);
}

/* A recording that ends in the middle of a line, wherever that is. */
static void test_cut(void **state)
{
	static const char trace[] = HOST "}\n" TICKS;
	struct fixture *fixture = *state;
	size_t two_lines = strlen(HOST "}\n" TICK("0", "1000000", "0", "0"));
	char text[sizeof(trace)];

	memcpy(text, trace, sizeof(trace));
	for (size_t len = strlen(trace); len-- > two_lines;) {
		bool whole = len == strlen(trace) - 1, cut = len > two_lines && !whole;

		text[len] = '\0';
		if (len % 16 != 0 && cut)
			continue;
		assert_int_equal(replay(fixture, text, IDLE_POLICY_RESERVED), 0);
		assert_string_equal(fixture->errors,
			cut ? "vmpower replay: trace:3: warning: the last line is cut "
			      "off, and passed over\n"
			    : "");
		assert_int_equal(fixture->output[0], whole ? '{' : '\0');
	}
	/* Of the first line there must be all. */
	text[20] = '\0';
	assert_int_equal(replay(fixture, text, IDLE_POLICY_RESERVED), 1);
	/* One with an end was written so. */
	strcpy(text + 20, "\n");
	assert_int_equal(replay(fixture, text, IDLE_POLICY_RESERVED), 1);
	assert_null(strstr(fixture->errors, "cut off"));
}

static void test_errors(void **state)
{
	struct fixture *fixture = *state;

	/* What was good before the error is printed. */
	assert_int_equal(replay(fixture, HOST "}\n" TICKS "{\"type\":\"tick\",\n",
				 IDLE_POLICY_RESERVED),
		1);
	assert_string_equal(fixture->errors,
		"vmpower replay: trace:4: the line ends where a member's name should be\n");
	assert_non_null(strstr(fixture->output, "\"total_uj\":\"60000000\""));
	assert_int_equal(run(fixture, "-", NULL, IDLE_POLICY_RESERVED), 1);
	assert_non_null(strstr(fixture->errors, "replay: standard input:4: "));
	/* Nothing in a trace reaches a terminal but what prints. */
	assert_int_equal(
		replay(fixture,
			HOST "}\n" TICKS
			     "{\"type\":\"tick\",\"domains\":[{\"uuid\":\"\x1b[2J\"}]}\n",
			IDLE_POLICY_RESERVED),
		1);
	assert_null(strchr(fixture->errors, '\x1b'));
	assert_int_equal(replay(fixture, "", IDLE_POLICY_RESERVED), 1);
	assert_int_equal(run(fixture, "/nowhere/x", NULL, IDLE_POLICY_RESERVED), 1);
	assert_string_equal(fixture->errors,
		"vmpower replay: /nowhere/x: No such file or directory\n");
}

/* A full disk is a failure; a reader that has seen enough is none. */
static void test_closed_output(void **state)
{
	struct fixture *fixture = *state;
	int pipe_fds[2];
	char path[64];

	assert_int_equal(replay(fixture, HOST "}\n" TICKS, IDLE_POLICY_RESERVED), 0);
	assert_int_equal(run(fixture, "trace", "/dev/full", IDLE_POLICY_RESERVED), 1);
	assert_string_equal(fixture->errors,
		"vmpower replay: cannot write the output: No space left on device\n");
	assert_int_equal(pipe(pipe_fds), 0);
	snprintf(path, sizeof(path), "/dev/fd/%d", pipe_fds[1]);
	close(pipe_fds[0]);
	assert_int_equal(run(fixture, "trace", path, IDLE_POLICY_RESERVED), 0);
	assert_string_equal(fixture->errors, "");
	close(pipe_fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_output, setup, teardown),
		cmocka_unit_test_setup_teardown(test_policy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_origin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_machines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed_output, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
