/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* One CPU's registers over FUSE's low-level interface. */
#include "config.h" /* first: _GNU_SOURCE */

#define FUSE_USE_VERSION 34
#include "fuse-powercap/msr_file.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuse-powercap/session.h"

#define REGISTER_SIZE sizeof(uint64_t)
#define MODE_BITS     07777u

struct msr_file {
	struct msr_file_options options;
	struct powercap_session *session;
};

static struct msr_file *file_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void file_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* Not ATOMIC_O_TRUNC, with which the kernel may remember a size of 0. */
	conn->want = conn->capable & FUSE_CAP_ASYNC_DIO;
	conn->max_write = (unsigned int)sysconf(_SC_PAGESIZE);
}

/* Not to be kept: a write lets the kernel think that the file has grown. */
static void file_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)info;
	if (ino != FUSE_ROOT_ID)
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_attr(req, &file_of(req)->options.attributes, 0);
}

/* A device's size and times can be set, too, to no effect. */
static void file_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
	struct fuse_file_info *info)
{
	struct stat *own = &file_of(req)->options.attributes;

	if (to_set & FUSE_SET_ATTR_MODE)
		own->st_mode = S_IFREG | (attr->st_mode & MODE_BITS);
	if (to_set & FUSE_SET_ATTR_UID)
		own->st_uid = attr->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		own->st_gid = attr->st_gid;
	file_getattr(req, ino, info);
}

static void file_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	const struct msr_file_options *options = &file_of(req)->options;

	(void)ino;
	if (!options->may_open(options->context, fuse_req_ctx(req)->pid)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	info->direct_io = 1;
	fuse_reply_open(req, info);
}

/* As the driver does: the number is of 32 bits, and values are whole. */
static bool is_register(size_t size, off_t offset, uint32_t *ret_number)
{
	*ret_number = (uint32_t)offset;
	return size > 0 && size % REGISTER_SIZE == 0;
}

static int read_register(
	const struct msr_file_options *options, uint32_t number, uint64_t *ret_value)
{
	uint64_t value;
	ssize_t n;

	if (msr_is_rapl(number))
		return msr_read(&options->cpu, number, ret_value);
	n = pread(options->device_fd, &value, sizeof(value), number);
	if (n != (ssize_t)sizeof(value))
		return n < 0 ? -errno : -EIO;
	*ret_value = value;
	return 0;
}

static void file_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	struct fuse_file_info *info)
{
	uint32_t number;
	uint64_t value;
	int r = -EINVAL;

	(void)ino;
	(void)info;
	if (is_register(size, offset, &number))
		r = read_register(&file_of(req)->options, number, &value);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_buf(req, (const char *)&value, sizeof(value));
}

static int write_register(
	const struct msr_file_options *options, uint32_t number, const char *data)
{
	ssize_t n;

	/* What a CPU does of which these are locked, or for reading only. */
	if (msr_is_rapl(number))
		return -EIO;
	n = pwrite(options->device_fd, data, REGISTER_SIZE, number);
	if (n != (ssize_t)REGISTER_SIZE)
		return n < 0 ? -errno : -EIO;
	return 0;
}

static void file_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size,
	off_t offset, struct fuse_file_info *info)
{
	uint32_t number;
	int r = -EINVAL;

	(void)ino;
	(void)info;
	if (is_register(size, offset, &number))
		r = write_register(&file_of(req)->options, number, data);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_write(req, REGISTER_SIZE);
}

static const struct fuse_lowlevel_ops operations = {
	.init = file_init,
	.getattr = file_getattr,
	.setattr = file_setattr,
	.open = file_open,
	.read = file_read,
	.write = file_write,
};

int msr_file_new(
	int fuse_fd, const struct msr_file_options *options, struct msr_file **ret_file)
{
	const struct stat *from = &options->attributes;
	cleanup_msr_file struct msr_file *file = NULL;
	cleanup_close int fd = fuse_fd;
	int r;

	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	file->options = *options;
	file->options.attributes = (struct stat){
		.st_ino = FUSE_ROOT_ID,
		.st_mode = S_IFREG | (from->st_mode & MODE_BITS),
		.st_nlink = 1,
		.st_uid = from->st_uid,
		.st_gid = from->st_gid,
		.st_blksize = from->st_blksize,
		.st_atim = from->st_atim,
		.st_mtim = from->st_mtim,
		.st_ctim = from->st_ctim,
	};
	r = powercap_session_new(
		steal_fd(&fd), &operations, sizeof(operations), file, &file->session);
	if (r < 0)
		return r;
	*ret_file = steal_pointer(&file);
	return 0;
}

struct msr_file *msr_file_free(struct msr_file *file)
{
	if (!file)
		return NULL;
	powercap_session_free(file->session);
	free(file);
	return NULL;
}

int msr_file_fd(const struct msr_file *file)
{
	return powercap_session_fd(file->session);
}

int msr_file_process(struct msr_file *file)
{
	return powercap_session_process(file->session);
}
