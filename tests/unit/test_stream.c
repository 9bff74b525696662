/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Streams of ticks: whole lines, whatever disks and readers do. */
#include "host/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

#include "tests/unit/scratch.h"
#include "tests/unit/slow_disk.h"

/* A line of the test's: T, the tick, and x up to so many bytes, with the newline. */
static size_t line_size;

static void add_line(
	const struct snapshot *snapshot, const char *node_name, struct json_text *text)
{
	size_t before = text->used;

	assert_non_null(node_name);
	json_text_literal(text, "T");
	json_text_u64(text, snapshot->number);
	while (text->used - before < line_size - 1)
		json_text_literal(text, "x");
	json_text_literal(text, "\n");
}

static const struct stream_format plain = { "", "T", "\n", add_line };
static const struct stream_format headed = { "Head\n", "Head\n", "\n", add_line };

struct fixture {
	struct scratch scratch;
	char path[96];
	struct stream *stream;
	struct snapshot *snapshot;
	char *bytes; /* what the FIFO's reader got */
	size_t n_bytes;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	signal(SIGPIPE, SIG_IGN);
	disk_room = SIZE_MAX;
	disk_blocks = false;
	line_size = 64;
	scratch_init(&fixture->scratch);
	snprintf(fixture->path, sizeof(fixture->path), "%s/out", fixture->scratch.path);
	fixture->snapshot = snapshot_new(0, 0);
	*state = fixture;
	return 0;
}

static void stop(struct fixture *fixture, struct output_status *ret_status)
{
	assert_true(stream_stop(fixture->stream, 60000, ret_status));
	fixture->stream = NULL;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;
	struct output_status status;

	disk_blocks = false;
	if (fixture->stream)
		stop(fixture, &status);
	snapshot_unref(fixture->snapshot);
	scratch_deinit(&fixture->scratch);
	free(fixture->bytes);
	free(fixture);
	return 0;
}

static void start(struct fixture *fixture, const struct stream_format *format)
{
	assert_int_equal(stream_start(fixture->path, format, &fixture->stream), 0);
}

/* Ticks first..last, each a snapshot of its own. */
static void add(struct fixture *fixture, uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last; i++) {
		snapshot_unref(fixture->snapshot);
		fixture->snapshot = snapshot_new(0, 0);
		fixture->snapshot->number = i;
		stream_add(fixture->stream, fixture->snapshot);
	}
}

static struct output_status status_of(const struct fixture *fixture)
{
	struct output_status status;

	stream_status(fixture->stream, &status);
	return status;
}

/* Until so many have been written and left out in all. */
static void wait_for(struct fixture *fixture, uint64_t n_ticks, uint64_t n_dropped)
{
	for (int i = 0; i < 30000; i++) {
		struct output_status status = status_of(fixture);

		if (status.n_ticks == n_ticks && status.n_dropped == n_dropped)
			return;
		usleep(1000);
	}
	assert_int_equal(status_of(fixture).n_ticks, n_ticks);
	assert_int_equal(status_of(fixture).n_dropped, n_dropped);
}

static void wait_for_error(struct fixture *fixture, int error)
{
	for (int i = 0; i < 30000 && status_of(fixture).error != error; i++)
		usleep(1000);
	assert_int_equal(status_of(fixture).error, error);
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0 || feof(file));
	fclose(file);
	return text;
}

/* The lines are whole, and of these ticks. */
static void expect_lines(const char *text, uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last; i++) {
		uint64_t number;
		int n;

		assert_int_equal(sscanf(text, "T%" SCNu64 "%n", &number, &n), 1);
		assert_int_equal(number, i);
		assert_int_equal(strcspn(text, "\n"), line_size - 1);
		assert_int_equal(strspn(text + n, "x"), line_size - 1 - (size_t)n);
		text += line_size;
	}
	assert_string_equal(text, "");
}

static void expect_file(const char *path, uint64_t first, uint64_t last)
{
	char *text = read_file(path);

	expect_lines(text, first, last);
	free(text);
}

static void test_file(void **state)
{
	struct fixture *fixture = *state;
	struct output_status status;
	struct stat st;

	n_writes = 0;
	start(fixture, &plain);
	add(fixture, 1, 20);
	/* What waits is written at the end. */
	stop(fixture, &status);
	assert_int_equal(status.n_ticks, 20);
	assert_int_equal(n_writes, 20);
	expect_file(fixture->path, 1, 20);
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_int_equal(st.st_mode & 07777 & ~0640u, 0);
	/* It goes on behind what is there. */
	start(fixture, &plain);
	add(fixture, 21, 25);
	stop(fixture, &status);
	expect_file(fixture->path, 1, 25);
}

/* Each file has one head, also when somebody empties it. */
static void test_head(void **state)
{
	struct fixture *fixture = *state;
	char *text;

	start(fixture, &headed);
	add(fixture, 1, 2);
	wait_for(fixture, 2, 0);
	stream_reopen(fixture->stream);
	add(fixture, 3, 3);
	wait_for(fixture, 3, 0);
	text = read_file(fixture->path);
	assert_memory_equal(text, "Head\n", 5);
	expect_lines(text + 5, 1, 3);
	free(text);
	assert_int_equal(truncate(fixture->path, 0), 0);
	add(fixture, 4, 4);
	wait_for(fixture, 4, 0);
	text = read_file(fixture->path);
	assert_memory_equal(text, "Head\n", 5);
	expect_lines(text + 5, 4, 4);
	free(text);
}

static void test_what_is_there(void **state)
{
	static const struct {
		const char *there, *then; /* before the line of tick 1 */
		int error;
	} cases[] = {
		{ "", "Head\n", 0 },
		{ "Head\n", "Head\n", 0 },
		{ "Head\na line\n", "Head\na line\n", 0 },
		/* Lines that are not whole are taken off. */
		{ "Head\na line\nand a pa", "Head\na line\n", 0 },
		{ "Hea", "Head\n", 0 },
		{ "Heed\n", "Heed\n", -EEXIST },
		{ "root:x:0:0\n", "root:x:0:0\n", -EEXIST },
		{ "\n", "\n", -EEXIST },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].then);
		struct output_status status;
		char *text;

		scratch_write(&fixture->scratch, "out", cases[i].there);
		start(fixture, &headed);
		wait_for_error(fixture, cases[i].error);
		add(fixture, 1, 1);
		stop(fixture, &status);
		assert_int_equal(status.n_failed, cases[i].error < 0);
		text = read_file(fixture->path);
		assert_memory_equal(text, cases[i].then, len);
		expect_lines(text + len, 1, cases[i].error < 0 ? 0 : 1);
		free(text);
	}
}

/* However long it is; and where its newline is on the border of what is read at once. */
static void test_long_torn_line(void **state)
{
	struct fixture *fixture = *state;

	for (size_t torn = 4090; torn < 4100; torn++) {
		FILE *file = fopen(fixture->path, "w");
		struct output_status status;
		char *text;

		assert_non_null(file);
		fputs("Head\nT\n", file);
		for (size_t i = 0; i < torn; i++)
			fputc('y', file);
		fclose(file);
		start(fixture, &headed);
		add(fixture, 1, 1);
		stop(fixture, &status);
		text = read_file(fixture->path);
		assert_memory_equal(text, "Head\nT\n", 7);
		expect_lines(text + 7, 1, 1);
		free(text);
	}
}

/* Whoever moves the file away and says so loses no tick, and gets none twice. */
static void test_reopen(void **state)
{
	struct fixture *fixture = *state;
	char moved[128], *text = calloc(1, 1 << 20);
	struct output_status status;
	size_t n_files = 0;

	assert_non_null(text);
	start(fixture, &plain);
	for (uint64_t i = 0; i < 200; i++) {
		add(fixture, i + 1, i + 1);
		/* The queue is short. */
		if (i % 16 == 0)
			wait_for(fixture, i + 1, 0);
		if (i % 16 != 8)
			continue;
		snprintf(moved, sizeof(moved), "%s.%zu", fixture->path, n_files++);
		assert_int_equal(rename(fixture->path, moved), 0);
		stream_reopen(fixture->stream);
		/* Until then it writes to the file that was moved. */
		for (int n = 0; n < 30000 && access(fixture->path, F_OK) < 0; n++)
			usleep(1000);
	}
	stop(fixture, &status);
	assert_int_equal(status.n_ticks, 200);
	for (size_t i = 0; i <= n_files; i++) {
		char *part;

		snprintf(moved, sizeof(moved), "%s.%zu", fixture->path, i);
		part = read_file(i < n_files ? moved : fixture->path);
		assert_true(strlen(part) > 0 && strlen(part) % line_size == 0);
		strcat(text, part);
		free(part);
	}
	expect_lines(text, 1, 200);
	free(text);
}

/* Where the new file cannot be, the old one does until it can. */
static void test_reopen_fails(void **state)
{
	struct fixture *fixture = *state;
	char moved[128];

	start(fixture, &plain);
	add(fixture, 1, 1);
	wait_for(fixture, 1, 0);
	snprintf(moved, sizeof(moved), "%s.1", fixture->path);
	assert_int_equal(rename(fixture->path, moved), 0);
	assert_int_equal(mkdir(fixture->path, 0700), 0);
	stream_reopen(fixture->stream);
	wait_for_error(fixture, -EISDIR);
	add(fixture, 2, 2);
	wait_for(fixture, 2, 0);
	assert_int_equal(status_of(fixture).error, -EISDIR);
	assert_int_equal(rmdir(fixture->path), 0);
	add(fixture, 3, 3);
	wait_for(fixture, 3, 0);
	assert_int_equal(status_of(fixture).error, 0);
	expect_file(moved, 1, 2);
	expect_file(fixture->path, 3, 3);
}

static void test_full_disk(void **state)
{
	struct fixture *fixture = *state;

	start(fixture, &plain);
	add(fixture, 1, 1);
	wait_for(fixture, 1, 0);
	disk_room = 50;
	add(fixture, 2, 2);
	wait_for(fixture, 1, 1);
	assert_int_equal(status_of(fixture).error, -ENOSPC);
	assert_int_equal(status_of(fixture).n_failed, 1);
	/* The half line is gone at once. */
	expect_file(fixture->path, 1, 1);
	disk_room = SIZE_MAX;
	add(fixture, 2, 2);
	wait_for(fixture, 2, 1);
	assert_int_equal(status_of(fixture).error, 0);
	expect_file(fixture->path, 1, 2);
}

static void test_device_full(void **state)
{
	struct fixture *fixture = *state;
	struct output_status status;

	strcpy(fixture->path, "/dev/full");
	start(fixture, &plain);
	add(fixture, 1, 3);
	stop(fixture, &status);
	assert_int_equal(status.error, -ENOSPC);
	assert_int_equal(status.n_failed, 3);
	assert_int_equal(status.n_ticks, 0);
}

static void test_slow_disk(void **state)
{
	struct fixture *fixture = *state;
	struct output_status status;

	start(fixture, &plain);
	disk_blocks = true;
	add(fixture, 1, STREAM_QUEUE + 5);
	assert_int_equal(status_of(fixture).n_ticks, 0);
	assert_int_equal(status_of(fixture).n_dropped, 5);
	assert_int_equal(status_of(fixture).n_slow, 5);
	disk_blocks = false;
	wait_for(fixture, STREAM_QUEUE, 5);
	stop(fixture, &status);
	expect_file(fixture->path, 1, STREAM_QUEUE);
}

/* One that does not end is left alone, and nobody waits for it. */
static void test_dead_disk(void **state)
{
	static struct stream *given_up;
	struct fixture *fixture = *state;
	struct output_status status;

	start(fixture, &plain);
	disk_blocks = true;
	add(fixture, 1, 1);
	assert_false(stream_stop(fixture->stream, 50, &status));
	assert_int_equal(status.n_ticks, 0);
	/* The disk answers after all: what it uses is there. */
	disk_blocks = false;
	wait_for(fixture, 1, 0);
	given_up = fixture->stream;
	assert_non_null(given_up);
	fixture->stream = NULL;
}

static int open_fifo(struct fixture *fixture)
{
	int fd;

	if (access(fixture->path, F_OK) < 0)
		assert_int_equal(mkfifo(fixture->path, 0600), 0);
	fd = open(fixture->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Takes what is in the pipe now. */
static void take(struct fixture *fixture, int fd)
{
	size_t room = 64 * 1024;
	ssize_t n;

	do {
		fixture->bytes = realloc(fixture->bytes, fixture->n_bytes + room + 1);
		assert_non_null(fixture->bytes);
		n = read(fd, fixture->bytes + fixture->n_bytes, room);
		if (n > 0)
			fixture->n_bytes += (size_t)n;
	} while (n > 0);
	fixture->bytes[fixture->n_bytes] = '\0';
}

static void take_lines(struct fixture *fixture, int fd, uint64_t first, uint64_t last)
{
	for (int i = 0; i < 30000; i++) {
		take(fixture, fd);
		if (fixture->n_bytes >= (last - first + 1) * line_size)
			break;
		usleep(1000);
	}
	expect_lines(fixture->bytes, first, last);
	fixture->n_bytes = 0;
}

/* Lines of more than a page, and of more than a pipe has room for. */
static void test_fifo(void **state)
{
	static const size_t sizes[] = { 64, 4096, 4097, 60000, 200000, 3000000 };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct output_status status;
		int fd = open_fifo(fixture);

		line_size = sizes[i];
		start(fixture, &plain);
		add(fixture, 1, 5);
		take_lines(fixture, fd, 1, 5);
		stop(fixture, &status);
		assert_int_equal(status.n_ticks, 5);
		assert_int_equal(status.n_dropped, 0);
		close(fd);
	}
}

static void test_fifo_without_reader(void **state)
{
	struct fixture *fixture = *state;
	int fd = open_fifo(fixture);

	close(fd);
	start(fixture, &headed);
	wait_for_error(fixture, -ENXIO);
	add(fixture, 1, 3);
	wait_for(fixture, 0, 3);
	assert_int_equal(status_of(fixture).n_failed, 3);
	/* Whoever comes gets the next tick, from its head; */
	fd = open_fifo(fixture);
	add(fixture, 4, 4);
	wait_for(fixture, 1, 3);
	take(fixture, fd);
	assert_memory_equal(fixture->bytes, "Head\n", 5);
	expect_lines(fixture->bytes + 5, 4, 4);
	fixture->n_bytes = 0;
	/* when he goes it is as before. */
	close(fd);
	add(fixture, 5, 5);
	wait_for(fixture, 1, 4);
	assert_int_equal(status_of(fixture).error, -ENXIO);
	fd = open_fifo(fixture);
	add(fixture, 6, 6);
	wait_for(fixture, 2, 4);
	assert_int_equal(status_of(fixture).error, 0);
	take(fixture, fd);
	expect_lines(fixture->bytes + 5, 6, 6);
	close(fd);
}

/* A reader who does not read costs ticks of the stream, and gets whole lines only. */
static void test_fifo_that_is_full(void **state)
{
	static const size_t sizes[] = { 4000, 20000 };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct output_status status;
		int fd = open_fifo(fixture);
		uint64_t n_written;

		line_size = sizes[i];
		start(fixture, &plain);
		for (uint64_t n = 1; n <= 200; n++)
			add(fixture, n, n);
		stop(fixture, &status);
		n_written = status.n_ticks;
		assert_true(n_written > 0);
		assert_int_equal(n_written + status.n_dropped, 200);
		assert_int_equal(status.n_slow, status.n_dropped);
		take(fixture, fd);
		assert_int_equal(fixture->n_bytes, n_written * line_size);
		expect_lines(fixture->bytes, 1, n_written);
		fixture->n_bytes = 0;
		close(fd);
	}
}

/* Of a pipe that nobody empties, another file can take the place. */
static void test_reopen_while_full(void **state)
{
	struct fixture *fixture = *state;
	struct output_status status;
	int fd = open_fifo(fixture);

	line_size = 4000;
	start(fixture, &plain);
	add(fixture, 1, STREAM_QUEUE);
	for (int i = 0; i < 30000 && status_of(fixture).n_ticks < 10; i++)
		usleep(1000);
	assert_int_equal(unlink(fixture->path), 0);
	stream_reopen(fixture->stream);
	wait_for(fixture, STREAM_QUEUE, 0);
	stop(fixture, &status);
	take(fixture, fd);
	assert_int_equal(fixture->n_bytes % line_size, 0);
	expect_lines(fixture->bytes, 1, fixture->n_bytes / line_size);
	expect_file(fixture->path, fixture->n_bytes / line_size + 1, STREAM_QUEUE);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_head, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_torn_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reopen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reopen_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_device_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dead_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_fifo_without_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo_that_is_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reopen_while_full, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
