/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The file that records are appended to: whole, by several, and never what is not one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/measure_file.h"
#include "host/measure_record.h"
#include "tests/unit/scratch.h"

#define WRITERS 6
#define RECORDS 20
#define LONG	5000

struct fixture {
	struct scratch scratch;
	char path[128], error[MEASURE_FILE_ERROR_SIZE];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	scratch_init(&fixture->scratch);
	snprintf(fixture->path, sizeof(fixture->path), "%s/recap", fixture->scratch.path);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	scratch_deinit(&fixture->scratch);
	free(fixture);
	return 0;
}

static char *read_all(const char *path)
{
	char *text = NULL;
	FILE *file = fopen(path, "re");
	size_t size = 0;

	assert_non_null(file);
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(file);
	return text;
}

static int append(struct fixture *fixture, enum measure_format format, const char *text)
{
	const struct json_text record = { (char *)(uintptr_t)text, strlen(text),
		strlen(text), false };

	return measure_file_append(fixture->path, format, &record, fixture->error);
}

static void assert_text(const struct fixture *fixture, const char *expected)
{
	char *text = read_all(fixture->path);

	assert_string_equal(text, expected);
	free(text);
}

static char *csv_head(void)
{
	struct json_text head = { 0 };

	measure_record_csv_head(&head);
	json_text_put(&head, "", 1);
	assert_int_equal(json_text_error(&head), 0);
	return head.data;
}

#define JSON MEASURE_RECORD_BEGIN "\"a\":1}\n"

static void test_grows(void **state)
{
	struct fixture *fixture = *state;
	char *head = csv_head(), expected[2048];

	assert_int_equal(
		measure_file_check(fixture->path, MEASURE_JSON, fixture->error), 0);
	assert_text(fixture, "");
	assert_int_equal(append(fixture, MEASURE_JSON, JSON), 0);
	assert_int_equal(append(fixture, MEASURE_JSON, JSON), 0);
	assert_int_equal(
		measure_file_check(fixture->path, MEASURE_JSON, fixture->error), 0);
	assert_text(fixture, JSON JSON);

	unlink(fixture->path);
	assert_int_equal(append(fixture, MEASURE_CSV, "1,2\r\n"), 0);
	assert_int_equal(append(fixture, MEASURE_CSV, "3,4\r\n5,6\r\n"), 0);
	snprintf(expected, sizeof(expected), "%s1,2\r\n3,4\r\n5,6\r\n", head);
	assert_text(fixture, expected);
	free(head);
}

/* What is not ours, of another version, or torn, stays as it is. */
static void test_refused(void **state)
{
	static const struct {
		enum measure_format format;
		const char *text, *says;
	} cases[] = {
		{ MEASURE_JSON, "hello\n", "this version" },
		{ MEASURE_JSON, "{\"type\":\"vmpower-measure\",\"version\":2,\"a\":1}\n",
			"this version" },
		{ MEASURE_JSON, "{\"type\":\"vmpower-measure\",\"version\":10,}\n",
			"this version" },
		{ MEASURE_JSON, "{", "this version" },
		{ MEASURE_JSON, "\n", "this version" },
		{ MEASURE_JSON, JSON MEASURE_RECORD_BEGIN "\"na", "cut off" },
		{ MEASURE_CSV, JSON, "this version" },
		{ MEASURE_CSV, "a,b,c\r\n1,2,3\r\n", "this version" },
		{ MEASURE_CSV, "vmpower_measure_version,name\r\n", "this version" },
	};
	struct fixture *fixture = *state;
	char *head = csv_head(), torn[2048];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		scratch_write(&fixture->scratch, "recap", cases[i].text);
		assert_int_equal(measure_file_check(
					 fixture->path, cases[i].format, fixture->error),
			-EBADMSG);
		assert_non_null(strstr(fixture->error, fixture->path));
		assert_int_equal(append(fixture, cases[i].format, JSON), -EBADMSG);
		assert_non_null(strstr(fixture->error, cases[i].says));
		assert_text(fixture, cases[i].text);
	}
	snprintf(torn, sizeof(torn), "%s1,2,\"x", head);
	scratch_write(&fixture->scratch, "recap", torn);
	assert_int_equal(append(fixture, MEASURE_CSV, "1\r\n"), -EBADMSG);
	assert_non_null(strstr(fixture->error, "cut off"));
	assert_text(fixture, torn);
	/* A head alone is a file. */
	scratch_write(&fixture->scratch, "recap", head);
	assert_int_equal(append(fixture, MEASURE_CSV, "1\r\n"), 0);
	/* Not a bit of the head may be missing. */
	head[strlen(head) - 1] = '\0';
	scratch_write(&fixture->scratch, "recap", head);
	assert_int_equal(append(fixture, MEASURE_CSV, "1\r\n"), -EBADMSG);
	free(head);
}

static void test_no_file(void **state)
{
	struct fixture *fixture = *state;
	struct stat st;

	assert_int_equal(
		measure_file_check("/nonexistent/recap", MEASURE_JSON, fixture->error),
		-ENOENT);
	assert_non_null(strstr(fixture->error, "/nonexistent/recap"));
	assert_int_equal(
		measure_file_check(fixture->scratch.path, MEASURE_JSON, fixture->error),
		-EISDIR);
	assert_int_equal(mkfifo(fixture->path, 0600), 0);
	/* It waits for nobody. */
	assert_int_equal(append(fixture, MEASURE_JSON, JSON), -EBADMSG);
	assert_non_null(strstr(fixture->error, "is not a file"));
	assert_int_equal(stat(fixture->path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	unlink(fixture->path);
}

/* A disk that is full in the middle of a record. */
static void test_full(void **state)
{
	const struct rlimit limit = { sizeof(JSON) - 1 + 20, RLIM_INFINITY };
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	struct fixture *fixture = *state;

	assert_int_equal(append(fixture, MEASURE_JSON, JSON), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(append(fixture, MEASURE_JSON, JSON), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_non_null(strstr(fixture->error, strerror(EFBIG)));
	assert_text(fixture, JSON);
	assert_int_equal(append(fixture, MEASURE_JSON, JSON), 0);
	assert_text(fixture, JSON JSON);
}

static int write_many(void *data)
{
	struct fixture *fixture = data;
	char line[LONG + 64];
	int n = snprintf(line, sizeof(line), MEASURE_RECORD_BEGIN "%d,", (int)getpid());

	memset(line + n, 'x', LONG);
	strcpy(line + n + LONG, "}\n");
	for (int i = 0, tries = 10 * RECORDS; i < RECORDS && tries > 0; tries--) {
		int r = append(fixture, MEASURE_JSON, line);

		/* On a slow disk the others may have it all the time. */
		if (r < 0 && r != -EAGAIN)
			return 1;
		i += r == 0;
	}
	return 0;
}

/* Several at once: each record is whole, none is lost. */
static void test_together(void **state)
{
	struct fixture *fixture = *state;
	pid_t pids[WRITERS];
	char *text, *line, *next;
	size_t n = 0;

	for (size_t i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(write_many(fixture));
	}
	for (size_t i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	text = read_all(fixture->path);
	for (line = text; *line; line = next + 1) {
		next = strchr(line, '\n');
		assert_non_null(next);
		assert_memory_equal(
			line, MEASURE_RECORD_BEGIN, sizeof(MEASURE_RECORD_BEGIN) - 1);
		assert_int_equal(strspn(strchr(line, 'x'), "x"), LONG);
		assert_memory_equal(next - 2, "x}", 2);
		n++;
	}
	assert_int_equal(n, WRITERS * RECORDS);
	free(text);
}

struct holder {
	int fd;
	const char *path;
	char other[160];
};

static void *replace_later(void *data)
{
	const struct holder *holder = data;

	usleep(300000);
	rename(holder->other, holder->path);
	close(holder->fd);
	return NULL;
}

/* Somebody else has it for a moment, and leaves another one in its place. */
static void test_locked(void **state)
{
	struct fixture *fixture = *state;
	struct holder holder;
	pthread_t thread;

	assert_int_equal(append(fixture, MEASURE_JSON, JSON), 0);
	scratch_write(&fixture->scratch, "other", JSON JSON);
	holder.path = fixture->path;
	snprintf(holder.other, sizeof(holder.other), "%s/other", fixture->scratch.path);
	holder.fd = open(fixture->path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(holder.fd, LOCK_EX), 0);
	assert_int_equal(pthread_create(&thread, NULL, replace_later, &holder), 0);
	assert_int_equal(append(fixture, MEASURE_JSON, JSON), 0);
	pthread_join(thread, NULL);
	assert_text(fixture, JSON JSON JSON);
}

static void test_guess(void **state)
{
	(void)state;
	assert_int_equal(measure_file_guess("a.csv"), MEASURE_CSV);
	assert_int_equal(measure_file_guess(".csv"), MEASURE_CSV);
	assert_int_equal(measure_file_guess("csv"), MEASURE_JSON);
	assert_int_equal(measure_file_guess("a.csv.json"), MEASURE_JSON);
	assert_int_equal(measure_file_guess(""), MEASURE_JSON);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_grows),
		TEST(test_refused),
		TEST(test_no_file),
		TEST(test_full),
		TEST(test_together),
		TEST(test_locked),
		cmocka_unit_test(test_guess),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
