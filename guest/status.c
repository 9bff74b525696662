/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* RUN/status.json: its text, and its replacement in one step. */
#include "guest/status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "shared/cleanup.h"

/* What is written so far; what does not fit sets used to size. */
struct text {
	char *to;
	size_t used;
	size_t size;
};

static void __attribute__((__format__(printf, 2, 3)))
text_add(struct text *text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->to + text->used, text->size - text->used, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= text->size - text->used)
		text->used = text->size;
	else
		text->used += (size_t)n;
}

const char *status_link_name(enum status_link link)
{
	static const char *const names[] = {
		[STATUS_NO_PORT] = "no-port",
		[STATUS_NO_HOST] = "no-host",
		[STATUS_GREETING] = "greeting",
		[STATUS_STREAMING] = "streaming",
	};

	return names[link];
}

/* Names come from powercap_model_add(), which takes no character to be escaped. */
static void add_zone(
	struct text *text, struct mirror *mirror, unsigned int place, uint64_t now_ns)
{
	const struct mirror_memory *memory = &mirror->memory;
	const struct mirror_zone *zone = &memory->zones[place];
	uint64_t shown_uj;

	text_add(text, "%s{\"name\":\"%s%s%s\"", place ? "," : "",
		zone->parent < 0 ? "" : memory->zones[zone->parent].name,
		zone->parent < 0 ? "" : "/", zone->name);
	if (zone->flags & MIRROR_MEASURED)
		text_add(text,
			",\"measured_uj\":\"%" PRIu64 "\",\"offset_uj\":\"%" PRId64 "\"",
			zone->measured_uj, (int64_t)zone->offset_uj);
	else
		text_add(text, ",\"measured_uj\":null,\"offset_uj\":null");
	if (mirror_shown(mirror, place, now_ns, &shown_uj) == 0)
		text_add(text, ",\"shown_uj\":\"%" PRIu64 "\"", shown_uj);
	else
		text_add(text, ",\"shown_uj\":null");
	text_add(text, ",\"max_energy_range_uj\":\"%" PRIu64 "\"}",
		zone->max_energy_range_uj);
}

int status_format(const struct status *status, struct mirror *mirror, uint64_t now_ns,
	char text[STATUS_TEXT_SIZE])
{
	struct text out = { .to = text, .size = STATUS_TEXT_SIZE };
	char epoch[UUID_TEXT_SIZE];

	uuid_format(&mirror->memory.epoch, epoch);
	text_add(&out, "{\"link\":\"%s\",\"mounted\":%s,\"stale\":%s",
		status_link_name(status->link), status->mounted ? "true" : "false",
		now_ns >= mirror_stale_at_ns(mirror) ? "true" : "false");
	if (uuid_is_nil(&mirror->memory.epoch))
		text_add(&out, ",\"epoch\":null");
	else
		text_add(&out, ",\"epoch\":\"%s\"", epoch);
	text_add(&out, ",\"seq\":%" PRIu64, status->seq);
	if (status->seq)
		text_add(&out, ",\"quality\":\"%s\"",
			message_quality_name(status->quality));
	else
		text_add(&out, ",\"quality\":null");
	text_add(&out, ",\"zones\":[");
	for (unsigned int i = 0; i < mirror->memory.n_zones; i++)
		add_zone(&out, mirror, i, now_ns);
	text_add(&out, "]}\n");
	return out.used < out.size ? (int)out.used : -ENOBUFS;
}

/* One that is left of another user, or of an agent that was killed, is in the way. */
static int open_new(int run_fd)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(run_fd, STATUS_NEW_NAME, flags, 0600);

	if (fd < 0 && errno == EEXIST && unlinkat(run_fd, STATUS_NEW_NAME, 0) == 0)
		fd = openat(run_fd, STATUS_NEW_NAME, flags, 0600);
	return fd < 0 ? -errno : fd;
}

int status_write(int run_fd, const char *text, size_t len)
{
	cleanup_close int fd = open_new(run_fd);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = write(fd, text, len);
	if (n != (ssize_t)len)
		return n < 0 ? -errno : -EIO;
	if (renameat(run_fd, STATUS_NEW_NAME, run_fd, STATUS_NAME) < 0)
		return -errno;
	return 0;
}

int status_remove(int run_fd)
{
	return unlinkat(run_fd, STATUS_NAME, 0) < 0 && errno != ENOENT ? -errno : 0;
}
