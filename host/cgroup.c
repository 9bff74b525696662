/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Text files about control groups. */
#include "host/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "shared/clock.h"
#include "shared/number.h"

/* A piece of a line; text does not end with NUL. */
struct piece {
	const char *text;
	size_t len;
};

static bool piece_is(struct piece piece, const char *text)
{
	return piece.len == strlen(text) && memcmp(piece.text, text, piece.len) == 0;
}

/* Cuts the part before the next separator off *rest; false: nothing is left. */
static bool cut(struct piece *rest, char separator, struct piece *ret_piece)
{
	const char *stop;
	size_t n;

	if (rest->len == 0)
		return false;
	stop = memchr(rest->text, separator, rest->len);
	n = stop ? (size_t)(stop - rest->text) : rest->len;
	*ret_piece = (struct piece){ rest->text, n };
	n += stop != NULL;
	rest->text += n;
	rest->len -= n;
	return true;
}

static bool list_has(struct piece list, const char *item)
{
	struct piece piece;

	while (cut(&list, ',', &piece)) {
		if (piece_is(piece, item))
			return true;
	}
	return false;
}

static int copy_path(struct piece piece, char ret_path[CGROUP_PATH_SIZE])
{
	if (piece.len == 0 || piece.text[0] != '/' || memchr(piece.text, '\0', piece.len))
		return -ENOENT;
	if (piece.len >= CGROUP_PATH_SIZE)
		return -ENAMETOOLONG;
	while (piece.len > 1 && piece.text[piece.len - 1] == '/')
		piece.len--;
	memcpy(ret_path, piece.text, piece.len);
	ret_path[piece.len] = '\0';
	return 0;
}

int cgroup_parse_path(const char *text, size_t len, const char *controller,
	char ret_path[CGROUP_PATH_SIZE])
{
	struct piece rest = { text, len }, line, id, controllers;

	while (cut(&rest, '\n', &line)) {
		bool is_v2;

		if (!cut(&line, ':', &id) || !cut(&line, ':', &controllers))
			continue;
		is_v2 = controllers.len == 0 && piece_is(id, "0");
		if (controller ? list_has(controllers, controller) : is_v2)
			return copy_path(line, ret_path);
	}
	return -ENOENT;
}

/* The fields of a line that matter. */
struct mount {
	struct piece root, point, type, options;
};

/* "36 35 98:0 /root /point opts [optional fields] - type source super-options" */
static bool parse_mount(struct piece line, struct mount *ret_mount)
{
	struct piece piece;

	for (int field = 1; field <= 3; field++) {
		if (!cut(&line, ' ', &piece))
			return false;
	}
	if (!cut(&line, ' ', &ret_mount->root) || !cut(&line, ' ', &ret_mount->point))
		return false;
	do {
		if (!cut(&line, ' ', &piece))
			return false;
	} while (!piece_is(piece, "-"));
	return cut(&line, ' ', &ret_mount->type) && cut(&line, ' ', &piece) &&
	       cut(&line, ' ', &ret_mount->options);
}

static bool is_octal(const char *text)
{
	return text[0] >= '0' && text[0] <= '3' && text[1] >= '0' && text[1] <= '7' &&
	       text[2] >= '0' && text[2] <= '7';
}

/* Undoes the escapes of mountinfo: "\040" is a space. */
static int unescape(struct piece piece, char ret_path[CGROUP_PATH_SIZE])
{
	size_t used = 0;

	for (size_t i = 0; i < piece.len; i++) {
		const char *p = &piece.text[i];

		if (used == CGROUP_PATH_SIZE - 1)
			return -ENAMETOOLONG;
		ret_path[used] = *p;
		if (*p == '\\' && piece.len - i >= 4 && is_octal(p + 1)) {
			ret_path[used] = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 +
						(p[3] - '0'));
			i += 3;
		}
		used++;
	}
	ret_path[used] = '\0';
	return used > 0 && strlen(ret_path) == used ? 0 : -ENOENT;
}

/* What comes behind root in path, which is there or below; else NULL. */
static const char *below(const char *root, const char *path)
{
	size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);

	if (strncmp(root, path, len) != 0 || (path[len] != '\0' && path[len] != '/'))
		return NULL;
	return strcmp(path + len, "/") == 0 ? "" : path + len;
}

static int resolve(
	const struct mount *mount, const char *path, char ret_directory[CGROUP_PATH_SIZE])
{
	char root[CGROUP_PATH_SIZE], point[CGROUP_PATH_SIZE];
	size_t point_len, rest_len;
	const char *rest;

	if (unescape(mount->root, root) < 0 || unescape(mount->point, point) < 0)
		return -ENOENT;
	rest = below(root, path);
	if (!rest)
		return -ENOENT;
	point_len = strlen(point);
	rest_len = strlen(rest);
	if (point_len + rest_len >= CGROUP_PATH_SIZE)
		return -ENAMETOOLONG;
	memcpy(ret_directory, point, point_len);
	memcpy(ret_directory + point_len, rest, rest_len + 1);
	return 0;
}

int cgroup_parse_mountinfo(const char *text, size_t len, const char *controller,
	const char *path, char ret_directory[CGROUP_PATH_SIZE])
{
	struct piece rest = { text, len }, line;
	int result = -ENOENT;

	while (cut(&rest, '\n', &line)) {
		char directory[CGROUP_PATH_SIZE];
		struct mount mount;
		int r;

		if (!parse_mount(line, &mount))
			continue;
		if (controller ? !piece_is(mount.type, "cgroup") ||
					 !list_has(mount.options, controller)
			       : !piece_is(mount.type, "cgroup2"))
			continue;
		r = resolve(&mount, path, directory);
		if (r == 0)
			strcpy(ret_directory, directory);
		if (r != -ENOENT)
			result = r;
	}
	return result;
}

void cgroup_common(const char *a, const char *b, char ret_path[CGROUP_PATH_SIZE])
{
	size_t same = 0, len = 0;

	for (; a[same] != '\0' && a[same] == b[same]; same++) {
		if (a[same] == '/')
			len = same;
	}
	/* One of them ends, or goes on with a component of its own. */
	if ((a[same] == '\0' || a[same] == '/') && (b[same] == '\0' || b[same] == '/'))
		len = same;
	if (len == 0) {
		memcpy(ret_path, "/", 2);
		return;
	}
	memcpy(ret_path, a, len);
	ret_path[len] = '\0';
}

bool cgroup_ascend(char path[CGROUP_PATH_SIZE])
{
	char *slash = strrchr(path, '/');

	if (!slash || strcmp(path, "/") == 0)
		return false;
	slash[slash == path] = '\0';
	return true;
}

bool cgroup_is_own(const char *path)
{
	return path[0] == '/' && path[1] != '\0' && strcmp(path, "/..") != 0 &&
	       strncmp(path, "/../", 4) != 0;
}

bool cgroup_next_pid(const char **cursor, const char *end, pid_t *ret_pid)
{
	uint64_t pid;

	if (number_scan_u64(cursor, end, &pid) < 0 || pid > INT_MAX)
		return false;
	if (*cursor != end)
		++*cursor;
	*ret_pid = (pid_t)pid;
	return true;
}

int cgroup_parse_cpu_stat(const char *text, size_t len, uint64_t *ret_cpu_ns)
{
	struct piece rest = { text, len }, line, key;
	uint64_t usec, ns;

	while (cut(&rest, '\n', &line)) {
		if (!cut(&line, ' ', &key) || !piece_is(key, "usage_usec"))
			continue;
		if (number_parse_u64(line.text, line.len, &usec) < 0 ||
			__builtin_mul_overflow(usec, NSEC_PER_SEC / 1000000u, &ns))
			return -EBADMSG;
		*ret_cpu_ns = ns;
		return 0;
	}
	return -EBADMSG;
}
