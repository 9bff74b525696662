/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The recording's file: whole lines, whatever the disk does. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/recorder.h"
#include "host/trace_reader.h"
#include "tests/unit/scene.h"
#include "tests/unit/slow_disk.h"

struct fixture {
	char path[32];
	struct scene scene;
	struct sample sample;
	struct recorder *recorder;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	disk_room = SIZE_MAX;
	disk_blocks = false;
	strcpy(fixture->path, "/tmp/test_recorder.XXXXXX");
	close(mkstemp(fixture->path));
	unlink(fixture->path);
	scene_init(&fixture->scene, 2);
	scene_begin(&fixture->scene, &fixture->sample, 5 * SCENE_SECOND_NS);
	scene_add_domain(&fixture->sample, 1, 1);
	scene_add_thread(&fixture->sample, SAMPLE_THREAD_VCPU, 0, 5, 0);
	*state = fixture;
	return 0;
}

static void stop(struct fixture *fixture)
{
	struct output_status status;

	assert_true(recorder_stop(fixture->recorder, 60000, &status));
	assert_int_equal(status.error, 0);
	fixture->recorder = NULL;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	disk_blocks = false;
	if (fixture->recorder)
		stop(fixture);
	unlink(fixture->path);
	sample_deinit(&fixture->sample);
	free(fixture);
	return 0;
}

static void add(struct fixture *fixture)
{
	static const struct trace_idle idle[MACHINE_ZONES_MAX];
	static const char *const names[] = { "vm" };
	const struct trace_item item = {
		.machine = &fixture->scene.machine,
		.sample = &fixture->sample,
		.names = names,
		.idle = idle,
	};

	recorder_add(fixture->recorder, &item);
	fixture->sample.boottime_ns += SCENE_SECOND_NS;
}

static void wait_for(struct fixture *fixture, uint64_t n_ticks, uint64_t n_dropped)
{
	struct output_status status;

	for (int i = 0; i < 60000; i++) {
		recorder_status(fixture->recorder, &status);
		if (status.n_ticks == n_ticks && status.n_dropped == n_dropped)
			return;
		usleep(1000);
	}
	assert_int_equal(status.n_ticks, n_ticks);
	assert_int_equal(status.n_dropped, n_dropped);
}

/* Reads the file as a trace: how many lines of either type are in it. */
static void count_lines(
	const struct fixture *fixture, size_t *ret_hosts, size_t *ret_ticks)
{
	FILE *file = fopen(fixture->path, "r");
	struct trace_reader *reader;
	char line[8192];

	*ret_hosts = *ret_ticks = 0;
	assert_non_null(file);
	assert_int_equal(trace_reader_new(&reader), 0);
	while (fgets(line, sizeof(line), file)) {
		enum trace_line type;

		assert_non_null(strchr(line, '\n'));
		if (trace_reader_take(reader, line, strlen(line), &type) < 0)
			fail_msg("%s", trace_reader_error(reader));
		*ret_hosts += type == TRACE_LINE_HOST;
		*ret_ticks += type == TRACE_LINE_TICK;
	}
	trace_reader_free(reader);
	fclose(file);
}

static void expect_lines(const struct fixture *fixture, size_t n_hosts, size_t n_ticks)
{
	size_t hosts, ticks;

	count_lines(fixture, &hosts, &ticks);
	assert_int_equal(hosts, n_hosts);
	assert_int_equal(ticks, n_ticks);
}

static void test_file(void **state)
{
	struct fixture *fixture = *state;
	struct recorder *other;
	struct stat st;

	assert_int_equal(recorder_start(fixture->path, &fixture->recorder), 0);
	for (int i = 0; i < 20; i++)
		add(fixture);
	fixture->scene.machine.generation++;
	add(fixture);
	/* What waits is written at the end. */
	stop(fixture);
	expect_lines(fixture, 2, 21);
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* It is nobody's to overwrite. */
	assert_int_equal(recorder_start(fixture->path, &other), -EEXIST);
	expect_lines(fixture, 2, 21);
	assert_int_equal(recorder_start("/dev/null", &other), -EINVAL);
	assert_int_equal(recorder_start("/nowhere/x", &other), -ENOENT);
}

static void test_full_disk(void **state)
{
	struct fixture *fixture = *state;
	struct output_status status;

	assert_int_equal(recorder_start(fixture->path, &fixture->recorder), 0);
	add(fixture);
	wait_for(fixture, 1, 0);
	disk_room = 50;
	add(fixture);
	wait_for(fixture, 1, 1);
	recorder_status(fixture->recorder, &status);
	assert_int_equal(status.error, -ENOSPC);
	assert_int_equal(status.n_slow, 0);
	assert_int_equal(status.n_failed, 1);
	/* The half line is gone, not only when the recording ends. */
	expect_lines(fixture, 1, 1);
	add(fixture);
	wait_for(fixture, 1, 2);
	disk_room = SIZE_MAX;
	add(fixture);
	wait_for(fixture, 2, 2);
	recorder_status(fixture->recorder, &status);
	assert_int_equal(status.error, 0);
	expect_lines(fixture, 1, 2);
}

/* A host line that did not get into the file is told with the next tick. */
static void test_lost_host(void **state)
{
	struct fixture *fixture = *state;

	disk_room = 100;
	assert_int_equal(recorder_start(fixture->path, &fixture->recorder), 0);
	add(fixture);
	wait_for(fixture, 0, 1);
	disk_room = SIZE_MAX;
	add(fixture);
	add(fixture);
	wait_for(fixture, 2, 1);
	expect_lines(fixture, 1, 2);
}

static void test_slow_disk(void **state)
{
	struct fixture *fixture = *state;
	struct output_status status;

	assert_int_equal(recorder_start(fixture->path, &fixture->recorder), 0);
	disk_blocks = true;
	for (int i = 0; i < RECORDER_QUEUE + 5; i++)
		add(fixture);
	recorder_status(fixture->recorder, &status);
	assert_int_equal(status.n_ticks, 0);
	assert_int_equal(status.n_dropped, 5);
	assert_int_equal(status.n_slow, 5);
	assert_int_equal(status.n_failed, 0);
	disk_blocks = false;
	wait_for(fixture, RECORDER_QUEUE, 5);
	add(fixture);
	stop(fixture);
	expect_lines(fixture, 1, RECORDER_QUEUE + 1);
}

/* One that does not end is left alone, and nobody waits for it. */
static void test_dead_disk(void **state)
{
	static struct recorder *given_up;
	struct fixture *fixture = *state;
	struct output_status status;

	assert_int_equal(recorder_start(fixture->path, &fixture->recorder), 0);
	disk_blocks = true;
	add(fixture);
	assert_false(recorder_stop(fixture->recorder, 50, &status));
	assert_int_equal(status.n_ticks, 0);
	/* The disk answers after all: what it uses is there. */
	disk_blocks = false;
	wait_for(fixture, 1, 0);
	given_up = fixture->recorder;
	assert_non_null(given_up);
	fixture->recorder = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_host, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_disk, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
