/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Reading, appending to and replacing DIR/intervals. */
#include "config.h"

#include "host/interval_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/durable.h"
#include "host/interval_block.h"
#include "shared/cleanup.h"

#define BUFFER_SIZE (1u << 18)
#define STEP	    8u /* blocks are made of words */

struct reader {
	FILE *stream;
	uint64_t file_size;
	uint8_t *data;
	size_t size;
};

static int reserve(struct reader *reader, size_t n)
{
	uint8_t *data;

	if (n <= reader->size)
		return 0;
	data = realloc(reader->data, n);
	if (!data)
		return -ENOMEM;
	reader->data = data;
	reader->size = n;
	return 0;
}

/* n bytes behind those that are there. -ENODATA: the file ends before. */
static int fill(struct reader *reader, size_t have, size_t n)
{
	if (fread(reader->data + have, 1, n - have, reader->stream) == n - have)
		return 0;
	return ferror(reader->stream) ? -EIO : -ENODATA;
}

/* The block at the offset. -EBADMSG: there is none; -ENODATA: the file ends in it. */
static int read_block(
	struct reader *reader, uint64_t offset, struct interval_file_block *block)
{
	size_t size;
	int r;

	if ((uint64_t)ftello(reader->stream) != offset &&
		fseeko(reader->stream, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	r = reserve(reader, INTERVAL_BLOCK_HEAD);
	if (r == 0)
		r = fill(reader, 0, INTERVAL_BLOCK_HEAD);
	if (r == 0)
		r = interval_block_size(reader->data, &size);
	if (r == 0 && size > reader->file_size - offset)
		r = -ENODATA;
	if (r == 0)
		r = reserve(reader, size);
	if (r == 0)
		r = fill(reader, INTERVAL_BLOCK_HEAD, size);
	if (r < 0)
		return r;
	*block = (struct interval_file_block){
		.offset = offset, .data = reader->data, .size = size
	};
	return interval_block_decode(block->data, size, &block->record);
}

static int read_blocks(struct reader *reader, interval_file_take *take, void *data,
	struct interval_scan *scan)
{
	uint64_t offset = 0;

	while (offset + INTERVAL_BLOCK_HEAD <= reader->file_size) {
		struct interval_file_block block;
		int r = read_block(reader, offset, &block);

		if (r == -EBADMSG || r == -ENODATA) {
			offset += STEP;
			continue;
		}
		if (r < 0)
			return r;
		scan->n_damaged += offset - scan->end;
		offset += block.size;
		scan->end = offset;
		r = take(&block, data);
		interval_record_deinit(&block.record);
		if (r)
			return r;
	}
	return 0;
}

int interval_file_read(
	int dir_fd, interval_file_take *take, void *data, struct interval_scan *ret_scan)
{
	cleanup_close int fd = openat(
		dir_fd, INTERVAL_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	cleanup_fclose FILE *stream = NULL;
	struct interval_scan scan = { 0 };
	struct reader reader = { 0 };
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	stream = fdopen(fd, "r");
	if (!stream)
		return -errno;
	steal_fd(&fd);
	setvbuf(stream, NULL, _IOFBF, BUFFER_SIZE);
	reader.stream = stream;
	reader.file_size = (uint64_t)st.st_size;
	r = read_blocks(&reader, take, data, &scan);
	free(reader.data);
	*ret_scan = scan;
	return r;
}

int interval_file_append(int dir_fd, uint64_t at, const uint8_t *data, size_t size)
{
	cleanup_close int fd = openat(dir_fd, INTERVAL_FILE,
		O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* A hole would be left. */
	if ((uint64_t)st.st_size < at)
		return -ESTALE;
	if (ftruncate(fd, (off_t)at) < 0)
		return -errno;
	r = durable_write_at(fd, at, data, size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && at == 0 && fsync(dir_fd) < 0)
		r = -errno;
	if (r < 0 && ftruncate(fd, (off_t)at) < 0)
		r = -errno;
	return r;
}

int interval_file_begin(int dir_fd, FILE **ret_stream)
{
	cleanup_close int fd = durable_open_new(
		dir_fd, INTERVAL_FILE, O_WRONLY | O_TRUNC);
	FILE *stream;

	if (fd < 0)
		return fd;
	stream = fdopen(fd, "w");
	if (!stream)
		return -errno;
	steal_fd(&fd);
	setvbuf(stream, NULL, _IOFBF, BUFFER_SIZE);
	*ret_stream = stream;
	return 0;
}

int interval_file_end(int dir_fd, FILE *stream, int error, bool *ret_replaced)
{
	int r = durable_replace(dir_fd, INTERVAL_FILE, durable_close(stream, error));

	*ret_replaced = r == 0;
	if (r < 0)
		return r;
	return fsync(dir_fd) < 0 ? -errno : 0;
}
