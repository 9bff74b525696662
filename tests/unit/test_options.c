/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Settings: precedence of flag, file and default; errors with file and line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "shared/number.h"
#include "shared/options.h"

struct settings {
	uint64_t interval_ms;
	char listen[64];
	char section[64];
	uint64_t idle_w;
	bool once;
};

static int set_interval(void *context, const char *value, const char **ret_expected)
{
	struct settings *settings = context;

	*ret_expected = "100..60000";
	return number_parse_range(value, 100, 60000, &settings->interval_ms);
}

static int set_listen(void *context, const char *value, const char **ret_expected)
{
	struct settings *settings = context;

	(void)ret_expected;
	snprintf(settings->listen, sizeof(settings->listen), "%s", value);
	return 0;
}

static int set_once(void *context, const char *value, const char **ret_expected)
{
	struct settings *settings = context;

	(void)value;
	(void)ret_expected;
	settings->once = true;
	return 0;
}

static int set_in_section(void *context, const char *kind, const char *name,
	const char *key, const char *value, const char **ret_expected)
{
	struct settings *settings = context;

	*ret_expected = "0..1000";
	if (strcmp(kind, "zone") != 0 || strcmp(key, "idle_w") != 0)
		return -ENOENT;
	snprintf(settings->section, sizeof(settings->section), "%s", name);
	return number_parse_range(value, 0, 1000, &settings->idle_w);
}

static const struct option_spec specs[] = {
	{ "interval-ms", "N", "sampling interval", set_interval, false },
	{ "listen", "ADDRESS", "where to listen", set_listen, false },
	{ "once", NULL, "one tick only", set_once, false },
};

/* Runs the parser in a child; its exit status, and what it printed. */
static int run(struct settings *settings, const char *file, const char *const *flags,
	char *output, size_t size)
{
	const struct options options = { .program = "test",
		.synopsis = "[OPTION]...",
		.summary = "A test.",
		.specs = specs,
		.n_specs = 3,
		.letters = "n o",
		.config_path = "/nonexistent",
		.set_in_section = set_in_section,
		.settings = settings };
	const char *argv[10] = { "test", "--config" };
	char path[] = "/tmp/test_options.XXXXXX";
	int fd = mkstemp(path), argc = 1, status;
	int pipes[2];
	ssize_t n = 0, total = 0;
	pid_t pid;

	assert_true(fd >= 0 && pipe(pipes) == 0);
	if (file) {
		assert_int_equal(write(fd, file, strlen(file)), strlen(file));
		argv[2] = path;
		argc = 3;
	}
	close(fd);
	while (*flags)
		argv[argc++] = *flags++;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], STDERR_FILENO);
		dup2(pipes[1], STDOUT_FILENO);
		options_parse(&options, argc, (char **)argv, OPTIONS_NO_OPERANDS);
		printf("%d %s %s=%d %d\n", (int)settings->interval_ms, settings->listen,
			settings->section, (int)settings->idle_w, settings->once);
		fflush(stdout);
		_exit(0);
	}
	close(pipes[1]);
	while (total < (ssize_t)size - 1 &&
		(n = read(pipes[0], output + total, size - 1 - (size_t)total)) > 0)
		total += n;
	output[total] = '\0';
	close(pipes[0]);
	waitpid(pid, &status, 0);
	unlink(path);
	return WEXITSTATUS(status);
}

#define LONG80                                                                           \
	"01234567890123456789012345678901234567890123456789012345678901234567890123456789"

static void test_cases(void **state)
{
	static const struct {
		const char *file;
		const char *flags[4];
		int status;
		const char *output; /* is in what was printed */
	} cases[] = {
		{ NULL, { NULL }, 0, "1000  =0 0\n" },
		{ "# comment\ninterval_ms = 500\nlisten=none\n", { NULL }, 0,
			"500 none =0 0\n" },
		{ "interval-ms = 500\n", { "--interval-ms", "700", "--once" }, 0,
			"700  =0 1\n" },
		{ "[zone \"package-0\"]\nidle_w = 20\n", { NULL }, 0,
			"1000  package-0=20 0\n" },
		{ "listen=none\nintervall_ms = 500\n", { NULL }, 2,
			":2: unknown key 'intervall_ms'" },
		{ "\n\ninterval_ms = 99\n", { NULL }, 2,
			":3: interval_ms = 99: expected 100..60000" },
		{ "interval_ms = 99\n", { "--interval-ms", "700" }, 2,
			":1: interval_ms = 99" },
		{ "log_level = debug\n", { "--config", "/nonexistent" }, 2,
			"No such file" },
		{ "listen none\n", { NULL }, 2, ":1: neither" },
		{ "listen = " LONG80 LONG80 LONG80 "\n", { NULL }, 2,
			":1: the line has more than 190 bytes" },
		{ "[zone \"" LONG80 "\"]\n", { NULL }, 2,
			":1: the section's name has more" },
		{ "[zone \"a]\nidle_w = 1\n", { NULL }, 2,
			":2: section [zone \"a] is not" },
		{ "[zone \"a\"]\nidle_w = x\n", { NULL }, 2,
			":2: idle_w = x: expected 0..1000" },
		{ "[zone \"a\"]\nfull_w = 1\n", { NULL }, 2,
			":2: unknown key 'full_w' in section [zone \"a\"]" },
		{ "[disk]\nidle_w = 1\n", { NULL }, 2,
			":2: unknown key 'idle_w' in section [disk]" },
		{ "once = 1\n", { NULL }, 2, ":1: unknown key 'once'" },
		{ "log_level = loud\n", { NULL }, 2, ":1: log_level = loud: expected" },
		{ NULL, { "--interval-ms", "x" }, 2,
			"--interval-ms x: expected 100..60000" },
		{ NULL, { "--nonsense" }, 2, "Try 'test --help'" },
		{ NULL, { "stray" }, 2, "unexpected argument 'stray'" },
		{ NULL, { "--config", "/nonexistent" }, 2, "/nonexistent: No such file" },
		{ NULL, { "-n", "700", "-o" }, 0, "700  =0 1\n" },
		{ NULL, { "-n700" }, 0, "700  =0 0\n" },
		{ NULL, { "-n", "x" }, 2, "--interval-ms x: expected 100..60000" },
		{ NULL, { "-x" }, 2, "Try 'test --help'" },
		{ NULL, { "--help" }, 0, "--interval-ms N" },
		{ NULL, { "--help" }, 0, "  -o, --once " },
		{ NULL, { "--version" }, 0, "test 0." },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings settings = { .interval_ms = 1000 };
		char output[2048];
		int status = run(
			&settings, cases[i].file, cases[i].flags, output, sizeof(output));

		if (status != cases[i].status || !strstr(output, cases[i].output))
			fail_msg("case %zu: exit %d, \"%s\"", i, status, output);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
