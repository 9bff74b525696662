/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * RUN/status.json: how the agent sees its host and its counters, for people, tests
 * and monitoring; readable by root only, as energy_uj is. Always a whole file: it is
 * written under another name and renamed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/mirror.h"
#include "shared/message.h"

#define STATUS_NAME	"status.json"
#define STATUS_NEW_NAME STATUS_NAME ".new"
/* Room for POWERCAP_ZONES_MAX zones. */
#define STATUS_TEXT_SIZE 8192

enum status_link {
	STATUS_NO_PORT,	  /* the channel's port is not there */
	STATUS_NO_HOST,	  /* nobody is connected to it */
	STATUS_GREETING,  /* hello is said; no welcome yet */
	STATUS_STREAMING, /* samples come */
};

struct status {
	enum status_link link;
	bool mounted;
	/* Of the last accepted sample; seq 0: none since this process began. */
	uint64_t seq;
	enum message_quality quality;
};

/* "no-port", "no-host", "greeting" or "streaming". */
const char *status_link_name(enum status_link link);

/*
 * Writes the JSON, a newline and a NUL for what the mirror shows at now_ns; returns
 * its length. A zone that reads EIO has null as shown_uj; one never measured, as
 * measured_uj and offset_uj too.
 */
int status_format(const struct status *status, struct mirror *mirror, uint64_t now_ns,
	char text[STATUS_TEXT_SIZE]);

/* Replaces the file in the directory run_fd. */
int status_write(int run_fd, const char *text, size_t len);

/* Removes it, for it is not how things are any more; nothing to do is fine. */
int status_remove(int run_fd);
