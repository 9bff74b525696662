/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The tree over FUSE's low-level interface: requests in, answers of tree.h out.
 * What the kernel can answer by itself (poll, locks, permission checks by mode, the
 * cached attributes of a tree whose shape is fixed) is left to it.
 */
#include "config.h" /* first: _GNU_SOURCE */

#define FUSE_USE_VERSION 34
#include "fuse-powercap/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuse-powercap/session.h"

/* Of one write, sysfs passes no more to a store either. */
#define STORE_MAX   4096
#define READDIR_MAX 4096
/* What files of sysfs can be truncated to. */
#define SIZE_LIMIT INT32_MAX
/*
 * Linux 6.16. Links never change, but kernels before 6.15 cut the ones they keep to
 * st_size, which sysfs gives as 0; so they ask each time.
 */
#define LINKS_CACHED_MINOR 44
/* Names never change, and modes only through the kernel that caches them. */
#define CACHE_S 86400.0

struct powercap_mount {
	struct powercap_tree *tree;
	struct powercap_session *session;
};

/* What one open file that moves reads; taken again at offset 0. */
struct snapshot {
	bool taken;
	size_t len;
	char text[POWERCAP_TREE_TEXT_SIZE];
};

static struct powercap_tree *tree_of(fuse_req_t req)
{
	struct powercap_mount *mount = fuse_req_userdata(req);

	return mount->tree;
}

static void mount_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/* Pages of one request: a buffer of a page need not begin at one. */
	conn->max_write = 2 * (unsigned int)sysconf(_SC_PAGESIZE);
	/* Not ATOMIC_O_TRUNC, with which the kernel may remember a size of 0. */
	conn->want = conn->capable & (FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_DIO |
					     FUSE_CAP_NO_OPENDIR_SUPPORT);
	if (conn->proto_minor >= LINKS_CACHED_MINOR)
		conn->want |= conn->capable & FUSE_CAP_CACHE_SYMLINKS;
}

static void mount_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {
		.attr_timeout = CACHE_S,
		.entry_timeout = CACHE_S,
	};
	int r;

	r = powercap_tree_lookup(tree_of(req), parent, name, &entry.ino);
	if (r == 0)
		r = powercap_tree_stat(tree_of(req), entry.ino, &entry.attr);
	/* An answer with inode number 0 lets the kernel remember its absence. */
	if (r < 0 && r != -ENOENT)
		fuse_reply_err(req, -r);
	else
		fuse_reply_entry(req, &entry);
}

static void mount_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct stat attr;
	int r;

	(void)info;
	r = powercap_tree_stat(tree_of(req), ino, &attr);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_attr(req, &attr, CACHE_S);
}

/* Sizes and times may be set as in sysfs: it succeeds and changes nothing. */
static void mount_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
	struct fuse_file_info *info)
{
	uid_t uid = to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
	gid_t gid = to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;
	int r;

	if ((to_set & FUSE_SET_ATTR_SIZE) && attr->st_size > SIZE_LIMIT) {
		fuse_reply_err(req, EFBIG);
		return;
	}
	r = powercap_tree_set_owner(tree_of(req), ino, uid, gid);
	if (r == 0 && (to_set & FUSE_SET_ATTR_MODE))
		r = powercap_tree_set_mode(tree_of(req), ino, attr->st_mode);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		mount_getattr(req, ino, info);
}

static void mount_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[POWERCAP_TREE_TEXT_SIZE];
	ssize_t r;

	r = powercap_tree_readlink(tree_of(req), ino, target);
	if (r < 0)
		fuse_reply_err(req, (int)-r);
	else
		fuse_reply_readlink(req, target);
}

/* The kernel keeps the listing where it can do without an opendir. */
static void mount_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	(void)info;
	fuse_reply_err(req, ENOSYS);
}

static void mount_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	struct fuse_file_info *info)
{
	uint64_t cursor = (uint64_t)offset;
	struct powercap_entry entry;
	char buffer[READDIR_MAX];
	size_t used = 0;
	int r;

	(void)info;
	if (size > sizeof(buffer))
		size = sizeof(buffer);
	while ((r = powercap_tree_next(tree_of(req), ino, &cursor, &entry)) > 0) {
		struct stat attr = { .st_ino = entry.ino, .st_mode = entry.type };
		size_t need = fuse_add_direntry(req, buffer + used, size - used,
			entry.name, &attr, (off_t)cursor);

		if (need > size - used)
			break;
		used += need;
	}
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_buf(req, buffer, used);
}

static void mount_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	/* O_ACCMODE itself opens for neither. */
	int access = info->flags & O_ACCMODE;
	cleanup_free struct snapshot *snapshot = NULL;
	int r;

	r = powercap_tree_check_open(tree_of(req), ino,
		access == O_RDONLY || access == O_RDWR,
		access == O_WRONLY || access == O_RDWR);
	if (r == 0 && (info->flags & O_DIRECT))
		r = -EINVAL;
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	/* None for what everybody may open: it would be memory that anybody can take. */
	if (powercap_tree_moves(tree_of(req), ino)) {
		snapshot = malloc(sizeof(*snapshot));
		if (!snapshot) {
			fuse_reply_err(req, ENOMEM);
			return;
		}
		snapshot->taken = false;
	}
	info->fh = (uintptr_t)snapshot;
	info->direct_io = 1;
	/* Failed: the open was interrupted, there will be no release. */
	if (fuse_reply_open(req, info) == 0)
		steal_pointer(&snapshot);
}

static void mount_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	free((struct snapshot *)(uintptr_t)info->fh);
	fuse_reply_err(req, 0);
}

static void mount_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	struct fuse_file_info *info)
{
	struct snapshot *kept = (struct snapshot *)(uintptr_t)info->fh, passing;
	struct snapshot *snapshot = kept ? kept : &passing;
	size_t start;

	if (offset == 0 || !kept || !kept->taken) {
		ssize_t r = powercap_tree_render(tree_of(req), ino, snapshot->text);

		snapshot->taken = r >= 0;
		if (r < 0) {
			fuse_reply_err(req, (int)-r);
			return;
		}
		snapshot->len = (size_t)r;
	}
	start = (uint64_t)offset < snapshot->len ? (size_t)offset : snapshot->len;
	if (size > snapshot->len - start)
		size = snapshot->len - start;
	fuse_reply_buf(req, snapshot->text + start, size);
}

static void mount_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size,
	off_t offset, struct fuse_file_info *info)
{
	int r;

	(void)offset;
	(void)info;
	if (size > STORE_MAX)
		size = STORE_MAX;
	r = powercap_tree_store(tree_of(req), ino, data, size);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_write(req, size);
}

/* sysfs has none of these operations; what the kernel says then is EPERM. */
static void mount_mknod(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	(void)parent;
	(void)name;
	(void)device;
	fuse_reply_err(req, S_ISREG(mode) ? EACCES : EPERM);
}

static void mount_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	mount_mknod(req, parent, name, mode, 0);
}

static void mount_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	mount_mknod(req, parent, name, 0, 0);
}

static void mount_symlink(
	fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	(void)target;
	mount_mknod(req, parent, name, 0, 0);
}

static void mount_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	fuse_ino_t new_parent, const char *new_name, unsigned int flags)
{
	(void)parent;
	(void)name;
	(void)new_parent;
	(void)new_name;
	fuse_reply_err(req, flags ? EINVAL : EPERM);
}

static void mount_link(
	fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	(void)ino;
	mount_mknod(req, new_parent, new_name, 0, 0);
}

/* Without this, FUSE says that it succeeds. */
static void mount_fsyncdir(
	fuse_req_t req, fuse_ino_t ino, int data_only, struct fuse_file_info *info)
{
	(void)ino;
	(void)data_only;
	(void)info;
	fuse_reply_err(req, EINVAL);
}

static void mount_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	struct fuse_file_info *info)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)info;
	fuse_reply_err(req, EACCES);
}

static const struct fuse_lowlevel_ops operations = {
	.init = mount_init,
	.lookup = mount_lookup,
	.getattr = mount_getattr,
	.setattr = mount_setattr,
	.readlink = mount_readlink,
	.opendir = mount_opendir,
	.readdir = mount_readdir,
	.fsyncdir = mount_fsyncdir,
	.open = mount_open,
	.release = mount_release,
	.read = mount_read,
	.write = mount_write,
	.create = mount_create,
	.mknod = mount_mknod,
	.mkdir = mount_mkdir,
	.rmdir = mount_remove,
	.unlink = mount_remove,
	.symlink = mount_symlink,
	.rename = mount_rename,
	.link = mount_link,
};

int powercap_mount_new(
	int fuse_fd, struct powercap_tree *tree, struct powercap_mount **ret_mount)
{
	cleanup_powercap_mount struct powercap_mount *mount = NULL;
	cleanup_close int fd = fuse_fd;
	int r;

	mount = calloc(1, sizeof(*mount));
	if (!mount)
		return -ENOMEM;
	mount->tree = tree;
	r = powercap_session_new(
		steal_fd(&fd), &operations, sizeof(operations), mount, &mount->session);
	if (r < 0)
		return r;
	*ret_mount = steal_pointer(&mount);
	return 0;
}

struct powercap_mount *powercap_mount_free(struct powercap_mount *mount)
{
	if (!mount)
		return NULL;
	powercap_session_free(mount->session);
	free(mount);
	return NULL;
}

int powercap_mount_fd(const struct powercap_mount *mount)
{
	return powercap_session_fd(mount->session);
}

int powercap_mount_process(struct powercap_mount *mount)
{
	return powercap_session_process(mount->session);
}
