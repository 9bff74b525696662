/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Log lines on stderr: level, journal priority, and the limit on repeats. */
#include "shared/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *name;
	const char *journal; /* sd-daemon(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", "<3>" },
	[LOG_LEVEL_WARNING] = { "warning", "<4>" },
	[LOG_LEVEL_INFO] = { "info", "<6>" },
	[LOG_LEVEL_DEBUG] = { "debug", "<7>" },
};

static atomic_int max_level = LOG_LEVEL_INFO;

/* $JOURNAL_STREAM is inherited by programs whose stderr is a terminal: sd-daemon(3). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	char expected[64];

	if (!stream || fstat(STDERR_FILENO, &status) < 0)
		return false;
	snprintf(expected, sizeof(expected), "%ju:%ju", (uintmax_t)status.st_dev,
		(uintmax_t)status.st_ino);
	return strcmp(stream, expected) == 0;
}

void log_set_level(enum log_level level)
{
	atomic_store(&max_level, (int)level);
}

int log_level_parse(const char *name, enum log_level *ret_level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(name, levels[i].name) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[1024];
	size_t used;
	va_list args;

	if ((int)level > atomic_load(&max_level))
		return;
	used = (size_t)snprintf(line, sizeof(line), "%s",
		stderr_is_journal() ? levels[level].journal : "");
	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	used = strlen(line);
	for (size_t i = 0; i < used; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[used] = '\n';
	/* One write a line, so that lines of several threads never mix. */
	(void)!write(STDERR_FILENO, line, used + 1);
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t interval_ns,
	uint64_t *ret_suppressed)
{
	if (now_ns < limit->next_ns) {
		limit->suppressed++;
		return false;
	}
	*ret_suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->next_ns = now_ns + interval_ns;
	return true;
}
