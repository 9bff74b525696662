/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The state directory: lock, map, grow, set aside. */
#include "config.h"

#include "host/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/durable.h"
#include "shared/cleanup.h"

static void cleanup_ledger_filep(struct ledger_file **file)
{
	ledger_file_close(*file);
}

static int open_dir(const char *dir, char *message, int *ret_fd)
{
	cleanup_close int fd = -1;
	int r;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
		r = -errno;
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"cannot create the state directory %s: %s; create it, or give another "
			"--state-dir",
			dir, strerror(-r));
		return r;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || faccessat(fd, ".", R_OK | W_OK | X_OK, AT_EACCESS) < 0) {
		r = -errno;
		/* That may change; until then each commit fails and is tried again. */
		if (fd >= 0 && r == -EROFS) {
			*ret_fd = steal_fd(&fd);
			return 0;
		}
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"cannot write to the state directory %s: %s; give it to the user who runs "
			"this program (chown), or give another --state-dir",
			dir, strerror(-r));
		return r;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int lock_dir(const char *dir, int fd, char *message)
{
	int r;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (r == -EBUSY)
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"the state directory %s is in use by another vmpower-hostd; stop that "
			"one, or give this one a --state-dir of its own",
			dir);
	else
		snprintf(message, LEDGER_MESSAGE_SIZE,
			"cannot lock the state directory %s: %s; give a --state-dir on a local "
			"file system",
			dir, strerror(-r));
	return r;
}

int ledger_file_open(
	const char *dir, char message[LEDGER_MESSAGE_SIZE], struct ledger_file **ret_file)
{
	cleanup(cleanup_ledger_filep) struct ledger_file *file = calloc(1, sizeof(*file));
	int r;

	if (!file)
		goto no_memory;
	file->dir_fd = -1;
	file->dir = strdup(dir);
	if (!file->dir)
		goto no_memory;
	r = open_dir(dir, message, &file->dir_fd);
	if (r == 0)
		r = lock_dir(dir, file->dir_fd, message);
	if (r < 0)
		return r;
	*ret_file = steal_pointer(&file);
	return 0;
no_memory:
	snprintf(message, LEDGER_MESSAGE_SIZE, "%s", strerror(ENOMEM));
	return -ENOMEM;
}

static void unmap(uint8_t **map, size_t size)
{
	if (*map)
		munmap(*map, size);
	*map = NULL;
}

void ledger_file_close(struct ledger_file *file)
{
	if (!file)
		return;
	unmap(&file->map, file->map_size);
	unmap(&file->new_map, file->new_size);
	cleanup_closep(&file->dir_fd);
	free(file->dir);
	free(file);
}

static int regular_size(int fd, size_t *ret_size, uint64_t *ret_inode)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > LEDGER_IMAGE_SIZE_MAX)
		return -EFBIG;
	*ret_size = (size_t)st.st_size;
	*ret_inode = st.st_ino;
	return 0;
}

int ledger_file_read(int dir_fd, const char *name, uint8_t **ret_data, size_t *ret_size)
{
	cleanup_close int fd = openat(
		dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	cleanup_free uint8_t *data = NULL;
	size_t size, used = 0;
	uint64_t inode;
	int r;

	if (fd < 0)
		return -errno;
	r = regular_size(fd, &size, &inode);
	if (r < 0)
		return r;
	data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	while (used < size) {
		ssize_t n = read(fd, data + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	*ret_data = steal_pointer(&data);
	*ret_size = used;
	return 0;
}

int ledger_file_set_aside(struct ledger_file *file, const char *name, char **ret_path)
{
	cleanup_free char *path = NULL;
	time_t now = time(NULL);
	char stamp[32];
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
	for (unsigned int n = 0;; n++) {
		char suffix[16] = "";
		const char *target;

		if (n > 0)
			snprintf(suffix, sizeof(suffix), "-%u", n);
		free(steal_pointer(&path));
		if (asprintf(&path, "%s/%s.set-aside-%s%s", file->dir, name, stamp,
			    suffix) < 0)
			return -ENOMEM;
		target = path + strlen(file->dir) + 1;
		if (faccessat(file->dir_fd, target, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (renameat(file->dir_fd, name, file->dir_fd, target) < 0)
			return -errno;
		*ret_path = steal_pointer(&path);
		return 0;
	}
}

/* Reserves every block, so that no store into the mapping can find the disk full. */
static int map_file(int fd, size_t size, uint8_t **ret_map)
{
	int r = posix_fallocate(fd, 0, (off_t)size);
	void *map;

	if (r != 0)
		return -r;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return errno == ENOMEM ? -EIO : -errno;
	*ret_map = map;
	return 0;
}

int ledger_file_adopt(struct ledger_file *file)
{
	cleanup_close int fd = openat(
		file->dir_fd, LEDGER_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char message[LEDGER_MESSAGE_SIZE];
	int r;

	if (fd < 0)
		return -errno;
	r = regular_size(fd, &file->map_size, &file->inode);
	if (r == 0)
		r = map_file(fd, file->map_size, &file->map);
	if (r < 0)
		return r;
	r = ledger_image_decode(file->map, file->map_size, &file->image, message);
	if (r == 0 && (file->image.n_slots != 2 || file->image.version != LEDGER_VERSION))
		r = -EINVAL;
	if (r < 0) {
		unmap(&file->map, file->map_size);
		return r;
	}
	ledger_image_scrub(&file->image);
	return 0;
}

/* A file system that copies on write would need new blocks for each store: not here. */
static void disable_copy_on_write(int fd)
{
	int flags;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
		flags |= FS_NOCOW_FL;
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
}

int ledger_file_create(struct ledger_file *file, const struct ledger_counts *sizes,
	struct ledger_image *ret_image)
{
	size_t size = ledger_image_size(2, sizes);
	cleanup_close int fd = -1;
	uint64_t inode;
	int r;

	if (size > LEDGER_IMAGE_SIZE_MAX)
		return -EFBIG;
	fd = durable_open_new(file->dir_fd, LEDGER_FILE, O_RDWR | O_EXCL);
	if (fd < 0)
		return fd;
	disable_copy_on_write(fd);
	r = map_file(fd, size, &file->new_map);
	if (r == 0)
		r = regular_size(fd, &size, &inode);
	if (r < 0) {
		unmap(&file->new_map, size);
		return durable_replace(file->dir_fd, LEDGER_FILE, r);
	}
	file->new_size = size;
	file->new_inode = inode;
	ledger_image_format(ret_image, file->new_map, 2, sizes);
	return 0;
}

int ledger_file_install(
	struct ledger_file *file, const struct ledger_image *image, int error)
{
	error = durable_replace(file->dir_fd, LEDGER_FILE, error);
	if (error < 0) {
		unmap(&file->new_map, file->new_size);
		return error;
	}
	unmap(&file->map, file->map_size);
	file->map = steal_pointer(&file->new_map);
	file->map_size = file->new_size;
	file->inode = file->new_inode;
	file->image = *image;
	return 0;
}

uint64_t ledger_file_inode(int dir_fd)
{
	struct stat st;

	return fstatat(dir_fd, LEDGER_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino
									   : 0;
}

void ledger_file_drop(struct ledger_file *file)
{
	unmap(&file->map, file->map_size);
}
