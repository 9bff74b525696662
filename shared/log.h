/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Log lines on stderr. The service manager keeps, dates and rotates them; where
 * stderr is the journal, each line carries its priority.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Lines above this level are dropped. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/* -EINVAL unless name is error, warning, info or debug. */
int log_level_parse(const char *name, enum log_level *ret_level);

/*
 * One whole line, without the newline. It is cut at 1 KiB; control characters,
 * which may come from a guest or a domain's name, are shown as '?'. Thread safe.
 */
void log_line(enum log_level level, const char *format, ...)
	__attribute__((__format__(printf, 2, 3)));

#define log_error(...)	 log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Lets one message per interval pass and counts the others. Zeroed: none yet. */
struct log_limit {
	uint64_t next_ns;
	uint64_t suppressed;
};

/*
 * Whether a message may pass at now_ns (any monotonic clock). When it may,
 * *ret_suppressed is how many were held back since the last one that did.
 */
bool log_limit_pass(struct log_limit *limit, uint64_t now_ns, uint64_t interval_ns,
	uint64_t *ret_suppressed);
