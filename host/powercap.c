/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The powercap class: finding zones, reading counters. */
#include "config.h"

#include "host/powercap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "shared/cleanup.h"
#include "shared/number.h"
#include "shared/rooted.h"

#define CLASS	  "class/powercap"
#define DEPTH_MAX 8

struct powercap {
	const char *sysfs;
	const char *procfs;
	/*
	 * sysfs renders an attribute anew at each pread() from offset 0, so its fds are
	 * kept. In any other tree energy_uj is a regular file, which cannot be replaced
	 * atomically but by rename(), and an fd kept open would go on showing the file
	 * that was: there it is opened each time.
	 */
	bool keep_fds;
	/*
	 * ZONE_RULES_FOUND_MAX of them: the n_found of the last scan, then those of
	 * scans before, which have vanished. A zone that was there once is never
	 * forgotten: without it the machine would seem to use less.
	 */
	struct zone_found *found;
	size_t n_found, n_kept;
	size_t n_zones;
	uint16_t source[MACHINE_ZONES_MAX];
	uint64_t range_uj[MACHINE_ZONES_MAX];
	int fds[MACHINE_ZONES_MAX];
};

/* A search through the class directory. */
struct search {
	const char *sysfs;
	struct zone_found *found;
	size_t n_found;
	/* Identity of the directories of the zones found: each has several paths. */
	struct {
		dev_t dev;
		ino_t ino;
	} seen[ZONE_RULES_FOUND_MAX];
};

int powercap_parse_energy(const char *text, size_t len, uint64_t *ret_energy_uj)
{
	if (len == 0)
		return -ENODATA;
	return number_parse_u64(text, len, ret_energy_uj) < 0 ? -EBADMSG : 0;
}

int powercap_parse_name(
	const char *text, size_t len, char ret_name[MACHINE_ZONE_NAME_SIZE])
{
	const char *newline = memchr(text, '\n', len);
	size_t n = newline ? (size_t)(newline - text) : len;

	if (n == 0 || n >= MACHINE_ZONE_NAME_SIZE || memchr(text, '\0', n))
		return -EBADMSG;
	memcpy(ret_name, text, n);
	ret_name[n] = '\0';
	return 0;
}

static bool has_file(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool read_name(const struct search *search, struct zone_found *zone)
{
	char text[64];
	ssize_t n = rooted_read(
		search->sysfs, text, sizeof(text), CLASS "/%s/name", zone->path);

	return n >= 0 && powercap_parse_name(text, (size_t)n, zone->name) == 0 &&
	       zone_rules_know(zone->name);
}

static bool seen_before(struct search *search, int dir)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return true;
	for (size_t i = 0; i < search->n_found; i++) {
		if (search->seen[i].dev == st.st_dev && search->seen[i].ino == st.st_ino)
			return true;
	}
	search->seen[search->n_found].dev = st.st_dev;
	search->seen[search->n_found].ino = st.st_ino;
	return false;
}

/* Takes the directory as a zone if it is one. Returns the parent of what is inside. */
static int16_t look_at(struct search *search, int dir, const char *path, int16_t parent)
{
	struct zone_found *zone = &search->found[search->n_found];

	if (search->n_found == ZONE_RULES_FOUND_MAX)
		return parent;
	memset(zone, 0, sizeof(*zone));
	snprintf(zone->path, sizeof(zone->path), "%s", path);
	zone->parent = parent;
	if (!read_name(search, zone))
		return parent;
	if (!has_file(dir, "energy_uj") && !has_file(dir, "max_energy_range_uj"))
		return parent;
	if (seen_before(search, dir))
		return parent;
	rooted_read_u64(search->sysfs, &zone->max_energy_range_uj,
		CLASS "/%s/max_energy_range_uj", path);
	rooted_read_u64(search->sysfs, &zone->max_power_uw,
		CLASS "/%s/constraint_0_max_power_uw", path);
	return (int16_t)search->n_found++;
}

static int order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void free_entries(struct dirent **entries, int n)
{
	for (int i = 0; i < n; i++)
		free(entries[i]);
	free(entries);
}

/*
 * Looks at all directories in dir, which is at path, the class itself when empty.
 * Only the class's own links are followed: those of zones (device, subsystem) lead
 * back up.
 */
static int search_in(
	struct search *search, int dir, const char *path, int16_t parent, unsigned depth)
{
	int follow = depth == 0 ? 0 : O_NOFOLLOW;
	struct dirent **entries;
	int n = scandirat(dir, ".", &entries, not_hidden, order);

	if (n < 0)
		return -errno;
	for (int i = 0; i < n && depth < DEPTH_MAX; i++) {
		const char *name = entries[i]->d_name;
		char below[ZONE_RULES_PATH_SIZE];
		cleanup_close int fd = openat(
			dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | follow);
		int len = snprintf(
			below, sizeof(below), "%s%s%s", path, *path ? "/" : "", name);
		int16_t inside;

		if (fd < 0 || len < 0 || (size_t)len >= sizeof(below))
			continue;
		inside = look_at(search, fd, below, parent);
		search_in(search, fd, below, inside, depth + 1);
	}
	free_entries(entries, n);
	return 0;
}

int powercap_find(const char *sysfs, struct zone_found ret_found[ZONE_RULES_FOUND_MAX])
{
	cleanup_free struct search *search = calloc(1, sizeof(*search));
	cleanup_close int dir = rooted_open(sysfs, "%s", CLASS);
	int r;

	if (!search)
		return -ENOMEM;
	if (dir < 0)
		return dir;
	search->sysfs = sysfs;
	search->found = ret_found;
	r = search_in(search, dir, "", -1, 0);
	return r < 0 ? r : (int)search->n_found;
}

static bool is_sysfs(const char *sysfs)
{
	cleanup_close int dir = rooted_open(sysfs, "%s", CLASS);
	struct statfs fs;

	return dir >= 0 && fstatfs(dir, &fs) == 0 && fs.f_type == SYSFS_MAGIC;
}

static void close_fds(struct powercap *powercap)
{
	for (size_t i = 0; i < powercap->n_zones; i++) {
		if (powercap->fds[i] >= 0)
			close(powercap->fds[i]);
	}
	powercap->n_zones = 0;
}

static void powercap_close(void *source)
{
	struct powercap *powercap = source;

	if (!powercap)
		return;
	close_fds(powercap);
	free(powercap->found);
	free(powercap);
}

static int powercap_open(const struct energy_config *config, void **ret_source)
{
	struct powercap *powercap = calloc(1, sizeof(*powercap));
	int r;

	if (!powercap)
		return -ENOMEM;
	powercap->sysfs = config->sysfs;
	powercap->procfs = config->procfs;
	powercap->found = calloc(ZONE_RULES_FOUND_MAX, sizeof(*powercap->found));
	if (!powercap->found) {
		powercap_close(powercap);
		return -ENOMEM;
	}
	r = powercap_find(config->sysfs, powercap->found);
	if (r <= 0) {
		powercap_close(powercap);
		return r == -ENOMEM ? r : -ENODEV;
	}
	powercap->n_found = (size_t)r;
	*ret_source = powercap;
	return 0;
}

/* The first lines are enough, and cpuinfo can be long. */
static bool one_zone_per_socket(const char *procfs)
{
	cleanup_close int fd = rooted_open(procfs, "cpuinfo");
	char text[1024];
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text), 0);

	return n > 0 && zone_rules_one_zone_per_socket(text, (size_t)n);
}

static const char *parent_name(
	const struct zone_found *zones, const struct zone_found *zone)
{
	return zone->parent < 0 ? "" : zones[zone->parent].name;
}

/* The index among n zones of a known one, or -1. Its path may be another's by now. */
static int16_t find_known(const struct zone_found *zones, size_t n,
	const struct zone_found *known, const struct zone_found *zone)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(zones[i].path, zone->path) == 0 &&
			strcmp(zones[i].name, zone->name) == 0 &&
			strcmp(parent_name(zones, &zones[i]), parent_name(known, zone)) ==
				0)
			return (int16_t)i;
	}
	return -1;
}

/* Adds the zones known so far that are not among the n found. Returns how many. */
static size_t keep_vanished(
	const struct powercap *powercap, struct zone_found *found, size_t n)
{
	const struct zone_found *known = powercap->found;
	size_t first = n;

	for (size_t i = 0; i < powercap->n_found + powercap->n_kept; i++) {
		const struct zone_found *zone = &known[i];

		if (n == ZONE_RULES_FOUND_MAX)
			break;
		if (find_known(found, n, known, zone) >= 0)
			continue;
		found[n] = *zone;
		if (zone->parent >= 0)
			found[n].parent = find_known(
				found, n, known, &known[zone->parent]);
		n++;
	}
	return n - first;
}

static int powercap_scan(
	void *source, const struct topology *topology, struct machine *machine)
{
	cleanup_free struct zone_found *found = calloc(
		ZONE_RULES_FOUND_MAX, sizeof(*found));
	struct powercap *powercap = source;
	uint16_t from[MACHINE_ZONES_MAX];
	size_t n_kept;
	int n, r;

	if (!found)
		return -ENOMEM;
	n = powercap_find(powercap->sysfs, found);
	if (n < 0)
		return n;
	n_kept = keep_vanished(powercap, found, (size_t)n);
	r = zone_rules_apply(found, (size_t)n + n_kept, topology,
		one_zone_per_socket(powercap->procfs), machine, from);
	if (r < 0)
		return r;
	close_fds(powercap);
	free(powercap->found);
	powercap->found = steal_pointer(&found);
	powercap->n_found = (size_t)n;
	powercap->n_kept = n_kept;
	powercap->keep_fds = is_sysfs(powercap->sysfs);
	powercap->n_zones = machine->n_zones;
	for (size_t i = 0; i < machine->n_zones; i++) {
		powercap->source[i] = from[i];
		powercap->range_uj[i] = machine->zones[i].max_energy_range_uj;
		powercap->fds[i] = -1;
	}
	return 0;
}

static ssize_t read_energy(
	struct powercap *powercap, size_t zone, char *text, size_t size)
{
	const char *path = powercap->found[powercap->source[zone]].path;

	if (!powercap->keep_fds)
		return rooted_read(
			powercap->sysfs, text, size, CLASS "/%s/energy_uj", path);
	if (powercap->fds[zone] < 0) {
		int fd = rooted_open(powercap->sysfs, CLASS "/%s/energy_uj", path);

		if (fd < 0)
			return fd;
		powercap->fds[zone] = fd;
	}
	return rooted_reread(powercap->fds[zone], text, size);
}

static int read_zone(struct powercap *powercap, size_t zone, uint64_t *ret_energy_uj)
{
	char text[64];
	uint64_t energy_uj;
	ssize_t n;
	int r;

	if (powercap->source[zone] >= powercap->n_found)
		return -ENODEV;
	n = read_energy(powercap, zone, text, sizeof(text));
	if (n < 0)
		return n == -EFBIG ? -EBADMSG : (int)n;
	r = powercap_parse_energy(text, (size_t)n, &energy_uj);
	if (r < 0)
		return r;
	if (powercap->range_uj[zone] == 0)
		return -ERANGE;
	*ret_energy_uj = energy_uj;
	return 0;
}

static void powercap_read(
	void *source, struct sample *sample, int error[MACHINE_ZONES_MAX])
{
	struct powercap *powercap = source;

	sample->n_zones = powercap->n_zones;
	for (size_t i = 0; i < powercap->n_zones; i++) {
		struct sample_zone *zone = &sample->zones[i];

		*zone = (struct sample_zone){ 0 };
		error[i] = read_zone(powercap, i, &zone->energy_uj);
		zone->valid = error[i] == 0;
	}
}

static void powercap_describe(void *source, size_t zone, char *text, size_t size)
{
	const struct powercap *powercap = source;

	snprintf(text, size, "%s/" CLASS "/%s", powercap->sysfs,
		powercap->found[powercap->source[zone]].path);
}

const struct energy_ops powercap_ops = {
	.name = "powercap",
	.open = powercap_open,
	.scan = powercap_scan,
	.read = powercap_read,
	.describe = powercap_describe,
	.close = powercap_close,
};
