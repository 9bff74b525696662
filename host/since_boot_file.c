/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Keeping the table of counters since the boot. */
#include "host/since_boot_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "shared/cleanup.h"
#include "shared/rooted.h"

#define NAME "since-boot"

/* Domains are many, their names long, and zones 64 at most. */
#define SIZE_MAX_BYTES ((off_t)256 * 1024 * 1024)

static struct since_boot_origin origin_of(const struct ledger *ledger)
{
	const struct ledger_header *header = ledger_header(ledger);

	return (struct since_boot_origin){ header->boot_id, header->book };
}

static int read_file(const char *run_dir, uint8_t **ret_bytes, size_t *ret_size)
{
	cleanup_close int fd = rooted_open(run_dir, NAME);
	cleanup_free uint8_t *bytes = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > SIZE_MAX_BYTES)
		return -EBADMSG;
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	n = pread(fd, bytes, (size_t)st.st_size, 0);
	if (n < 0)
		return -errno;
	*ret_size = (size_t)n;
	*ret_bytes = steal_pointer(&bytes);
	return 0;
}

/* What of the domains may be more than at the last tick of the run before is theirs. */
static void recall_last(struct since_boot *table, const struct ledger *ledger)
{
	for (size_t z = 0; z < table->n_zones; z++) {
		ssize_t row = ledger_find_zone(ledger, table->zones[z].name);

		for (size_t i = 0; row >= 0 && i < table->n_domains; i++)
			table->domains[i].zones[z].last = ledger_total(
				ledger, &table->domains[i].uuid, (size_t)row);
	}
}

int since_boot_load(
	struct since_boot *table, const char *run_dir, const struct ledger *ledger)
{
	const struct since_boot_origin origin = origin_of(ledger);
	cleanup_free uint8_t *bytes = NULL;
	size_t size = 0;
	int r = read_file(run_dir, &bytes, &size);

	if (r == 0)
		r = since_boot_decode(table, &origin, bytes, size);
	if (r == 0)
		recall_last(table, ledger);
	return r;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static int replace(const char *run_dir, const uint8_t *bytes, size_t size)
{
	cleanup_close int dir = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = -1;
	int r;

	if (dir < 0)
		return -errno;
	fd = openat(dir, NAME ".new",
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, bytes, size);
	if (r == 0 && renameat(dir, NAME ".new", dir, NAME) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, NAME ".new", 0);
	return r;
}

int since_boot_save(
	struct since_boot *table, const char *run_dir, const struct ledger *ledger)
{
	const struct since_boot_origin origin = origin_of(ledger);
	cleanup_free uint8_t *bytes = NULL;
	size_t size = 0;
	int r;

	if (!table->dirty)
		return 0;
	r = since_boot_encode(table, &origin, &bytes, &size);
	if (r == 0)
		r = replace(run_dir, bytes, size);
	if (r == 0)
		table->dirty = false;
	return r;
}
