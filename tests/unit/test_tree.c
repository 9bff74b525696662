/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The whole tree against its golden text; links, errors, modes and owners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fuse-powercap/tree.h"
#include "tests/unit/listing.h"

#define BASE	"devices/virtual/powercap/intel-rapl"
#define PACKAGE BASE "/intel-rapl:0"
#define DRAM	PACKAGE "/intel-rapl:0:0"

static struct powercap_tree *make_tree(
	enum powercap_layout layout, unsigned int n_packages)
{
	const struct powercap_model model = listing_model(n_packages);
	const struct powercap_tree_options options = {
		.layout = layout,
		.energy_mode = POWERCAP_TREE_ENERGY_MODE,
		.time_s = 1700000000,
		.read_energy = listing_read_energy,
	};
	struct powercap_tree *tree = NULL;

	assert_int_equal(powercap_tree_new(&model, &options, &tree), 0);
	return tree;
}

/* Follows a path without links in it. */
static uint64_t find(const struct powercap_tree *tree, const char *path)
{
	uint64_t ino = POWERCAP_TREE_ROOT;
	char copy[256], *rest = copy, *name;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((name = strsep(&rest, "/"))) {
		if (powercap_tree_lookup(tree, ino, name, &ino) < 0)
			fail_msg("%s: no %s", path, name);
	}
	return ino;
}

static const char *describe(
	const struct powercap_tree *tree, uint64_t ino, mode_t mode, char *text)
{
	ssize_t r;

	if (S_ISDIR(mode))
		return NULL;
	if (S_ISLNK(mode))
		r = powercap_tree_readlink(tree, ino, text);
	else
		r = powercap_tree_render(tree, ino, text);
	if (r == -EIO)
		return "EIO";
	assert_int_equal(r, strlen(text));
	return text;
}

static void list(const struct powercap_tree *tree, uint64_t ino, uint64_t parent,
	const char *path, struct listing *listing)
{
	char text[POWERCAP_TREE_TEXT_SIZE], below[256];
	struct powercap_entry entry;
	uint64_t cursor = 0, found;
	struct stat attr;

	assert_int_equal(powercap_tree_stat(tree, ino, &attr), 0);
	assert_true(attr.st_ino == ino);
	assert_int_equal(attr.st_mtime, 1700000000);
	listing_add(listing, path, &attr, describe(tree, ino, attr.st_mode, text));
	if (!S_ISDIR(attr.st_mode)) {
		assert_int_equal(
			powercap_tree_next(tree, ino, &cursor, &entry), -ENOTDIR);
		return;
	}
	assert_int_equal(powercap_tree_next(tree, ino, &cursor, &entry), 1);
	assert_string_equal(entry.name, ".");
	assert_true(entry.ino == ino);
	assert_int_equal(powercap_tree_next(tree, ino, &cursor, &entry), 1);
	assert_string_equal(entry.name, "..");
	assert_true(entry.ino == parent);
	while (powercap_tree_next(tree, ino, &cursor, &entry) > 0) {
		assert_int_equal(powercap_tree_lookup(tree, ino, entry.name, &found), 0);
		assert_true(found == entry.ino);
		assert_int_equal(powercap_tree_stat(tree, found, &attr), 0);
		assert_int_equal(entry.type, attr.st_mode & S_IFMT);
		snprintf(below, sizeof(below), "%s/%s", path, entry.name);
		list(tree, found, ino, below, listing);
	}
}

static void test_golden(void **state)
{
	static const struct {
		enum powercap_layout layout;
		unsigned int n_packages;
		const char *name;
	} cases[] = {
		{ POWERCAP_LAYOUT_AUTO, 1, "auto-1" },
		{ POWERCAP_LAYOUT_AUTO, 2, "auto-2" },
		{ POWERCAP_LAYOUT_BOTH, 1, "both-1" },
		{ POWERCAP_LAYOUT_BOTH, 2, "both-2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_powercap_tree struct powercap_tree *tree = make_tree(
			cases[i].layout, cases[i].n_packages);
		struct listing listing = { 0 };
		size_t n_nodes = 0, n_lines;
		struct stat attr;

		list(tree, POWERCAP_TREE_ROOT, POWERCAP_TREE_ROOT, ".", &listing);
		n_lines = listing.n_lines;
		listing_check(&listing, cases[i].name);
		/* No other inode number is of anything. */
		for (uint64_t ino = 0; ino < 10000; ino++) {
			int r = powercap_tree_stat(tree, ino, &attr);

			assert_true(r == 0 || r == -ENOENT);
			n_nodes += r == 0;
		}
		assert_int_equal(powercap_tree_stat(tree, UINT64_MAX, &attr), -ENOENT);
		assert_int_equal(n_nodes, n_lines);
	}
}

/* Walks a link's target from the directory it is in, following links on the way. */
static uint64_t resolve(
	const struct powercap_tree *tree, uint64_t dir, const char *target)
{
	char copy[POWERCAP_TREE_TEXT_SIZE], link[POWERCAP_TREE_TEXT_SIZE];
	char *rest = copy, *name;
	uint64_t ino = dir;

	snprintf(copy, sizeof(copy), "%s", target);
	while ((name = strsep(&rest, "/"))) {
		dir = ino;
		assert_false(dir == POWERCAP_TREE_ROOT && strcmp(name, "..") == 0);
		if (powercap_tree_lookup(tree, dir, name, &ino) < 0)
			fail_msg("%s: no %s", target, name);
		if (powercap_tree_readlink(tree, ino, link) >= 0)
			ino = resolve(tree, dir, link);
	}
	return ino;
}

static void check_link(const struct powercap_tree *tree, const char *dir,
	const char *link, uint64_t expected)
{
	uint64_t ino = dir[0] ? find(tree, dir) : POWERCAP_TREE_ROOT, found;
	char target[POWERCAP_TREE_TEXT_SIZE];

	assert_int_equal(powercap_tree_lookup(tree, ino, link, &found), 0);
	assert_true(powercap_tree_readlink(tree, found, target) > 0);
	if (resolve(tree, ino, target) != expected)
		fail_msg("%s/%s -> %s leads elsewhere", dir, link, target);
}

static void test_links(void **state)
{
	(void)state;
	for (unsigned int layout = 0; layout < 2; layout++) {
		bool both = layout == POWERCAP_LAYOUT_BOTH;
		cleanup_powercap_tree struct powercap_tree *tree = make_tree(layout, 16);
		const char *base = both ? BASE : "intel-rapl";
		const char *class = both ? "class/powercap" : "";
		uint64_t class_ino = both ? find(tree, class) : POWERCAP_TREE_ROOT;

		if (both)
			check_link(tree, class, "intel-rapl", find(tree, base));
		check_link(tree, base, "subsystem", class_ino);
		for (unsigned int i = 0; i < 16; i++) {
			char package[128], dram[160], id[32];

			snprintf(package, sizeof(package), "%s/intel-rapl:%x", base, i);
			snprintf(dram, sizeof(dram), "%s/intel-rapl:%x:0", package, i);
			snprintf(id, sizeof(id), "intel-rapl:%x", i);
			check_link(tree, class, id, find(tree, package));
			check_link(tree, package, "device", find(tree, base));
			check_link(tree, package, "subsystem", class_ino);
			snprintf(id, sizeof(id), "intel-rapl:%x:0", i);
			check_link(tree, class, id, find(tree, dram));
			check_link(tree, dram, "device", find(tree, package));
			check_link(tree, dram, "subsystem", class_ino);
		}
	}
}

static void test_lookup(void **state)
{
	cleanup_powercap_tree struct powercap_tree *tree = make_tree(
		POWERCAP_LAYOUT_BOTH, 16);
	uint64_t ino = 77, base = find(tree, BASE);

	(void)state;
	assert_int_equal(
		powercap_tree_lookup(tree, base, "intel-rapl:10", &ino), -ENOENT);
	assert_int_equal(
		powercap_tree_lookup(tree, base, "intel-rapl:0:0", &ino), -ENOENT);
	assert_int_equal(powercap_tree_lookup(tree, base, "name", &ino), -ENOENT);
	assert_int_equal(powercap_tree_lookup(tree, base, "device", &ino), -ENOENT);
	assert_int_equal(powercap_tree_lookup(tree, base, "", &ino), -ENOENT);
	assert_int_equal(powercap_tree_lookup(tree, 1u << 30, "name", &ino), -ENOENT);
	assert_int_equal(
		powercap_tree_lookup(tree, find(tree, BASE "/enabled"), "x", &ino),
		-ENOTDIR);
	assert_int_equal(ino, 77);
}

#define UUID_EVENT "add 6e1ae3c4-0000-4000-8000-000000000000"

static void test_store(void **state)
{
	static const struct {
		const char *path, *data;
		size_t len;
		int r;
	} cases[] = {
		{ BASE "/enabled", "1\n", 2, -ENOSYS },
		{ BASE "/enabled", "maybe\n", 6, -EINVAL },
		{ BASE "/enabled", "", 0, -EINVAL },
		{ PACKAGE "/enabled", "0", 1, -ENOSYS },
		{ PACKAGE "/enabled", "on", 2, -ENOSYS },
		{ PACKAGE "/enabled", "Off\n", 4, -ENOSYS },
		{ PACKAGE "/enabled", "o", 1, -EINVAL },
		{ PACKAGE "/enabled", "2", 1, -EINVAL },
		{ PACKAGE "/enabled", "\n", 1, -EINVAL },
		{ PACKAGE "/constraint_0_power_limit_uw", "1000\n", 5, -ENODATA },
		{ PACKAGE "/constraint_0_power_limit_uw", "+1000", 5, -ENODATA },
		{ PACKAGE "/constraint_0_power_limit_uw", "18446744073709551615", 20,
			-ENODATA },
		{ PACKAGE "/constraint_0_power_limit_uw", "18446744073709551616", 20,
			-EINVAL },
		{ PACKAGE "/constraint_0_power_limit_uw",
			"5\0junk\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, -ENODATA },
		{ PACKAGE "/constraint_0_power_limit_uw", "5\njunk", 6, -EINVAL },
		{ PACKAGE "/constraint_0_power_limit_uw", "5\n\n", 3, -EINVAL },
		{ PACKAGE "/constraint_0_power_limit_uw", "-5", 2, -EINVAL },
		{ PACKAGE "/constraint_0_power_limit_uw", "0x5", 3, -EINVAL },
		{ PACKAGE "/constraint_0_power_limit_uw", " 5", 2, -EINVAL },
		{ PACKAGE "/constraint_0_power_limit_uw", "+", 1, -EINVAL },
		{ PACKAGE "/constraint_0_power_limit_uw", "", 0, -EINVAL },
		{ DRAM "/constraint_0_time_window_us", "976\n", 4, -ENODATA },
		{ PACKAGE "/constraint_1_max_power_uw", "1", 1, -EIO },
		{ PACKAGE "/energy_uj", "0", 1, -EINVAL },
		{ PACKAGE "/energy_uj", "junk", 4, -EINVAL },
		{ PACKAGE "/energy_uj", "1\n", 2, 0 },
		{ PACKAGE "/name", "0", 1, -EIO },
		{ PACKAGE "/uevent", "change\n", 7, 0 },
		{ PACKAGE "/uevent", "add 6e1ae3c4-0000-4000-8000-000000000000", 40, 0 },
		{ PACKAGE "/uevent", "add 6e1ae3c4-0000-4000-8000-000000000000\n", 41,
			0 },
		{ PACKAGE "/uevent", "add 6e1ae3c4-0000-4000-8000-00000000000", 39,
			-EINVAL },
		{ PACKAGE "/uevent", UUID_EVENT " A=1 b=x2", sizeof(UUID_EVENT) + 8, 0 },
		{ PACKAGE "/uevent", UUID_EVENT " A=1 ", sizeof(UUID_EVENT) + 4,
			-EINVAL },
		{ PACKAGE "/uevent", UUID_EVENT " A=", sizeof(UUID_EVENT) + 2, -EINVAL },
		{ PACKAGE "/uevent", UUID_EVENT " A", sizeof(UUID_EVENT) + 1, -EINVAL },
		{ PACKAGE "/uevent", UUID_EVENT " =1", sizeof(UUID_EVENT) + 2, -EINVAL },
		{ PACKAGE "/uevent", UUID_EVENT ",A=1", sizeof(UUID_EVENT) + 3, -EINVAL },
		{ PACKAGE "/uevent", "add ", 4, -EINVAL },
		{ PACKAGE "/uevent", "add\0", 4, 0 },
		{ PACKAGE "/uevent", "add\n\n", 5, -EINVAL },
		{ PACKAGE "/uevent", "\n", 1, -EINVAL },
		{ PACKAGE "/uevent", "", 0, -EINVAL },
		{ PACKAGE "/uevent", "explode", 7, -EINVAL },
		{ PACKAGE "/uevent", "chang", 5, -EINVAL },
		{ PACKAGE "/power/control", "on\n", 3, 0 },
		{ PACKAGE "/power/control", "on\n\n", 4, -EINVAL },
		{ PACKAGE "/power/control", "off\n", 4, -EINVAL },
		{ PACKAGE "/power/autosuspend_delay_ms", "1", 1, -EIO },
		{ PACKAGE "/power/runtime_status", "1", 1, -EIO },
		{ PACKAGE, "1", 1, -EIO },
		{ PACKAGE "/device", "1", 1, -EIO },
	};
	cleanup_powercap_tree struct powercap_tree *tree = make_tree(
		POWERCAP_LAYOUT_BOTH, 1);
	char text[POWERCAP_TREE_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = powercap_tree_store(
			tree, find(tree, cases[i].path), cases[i].data, cases[i].len);

		if (r != cases[i].r)
			fail_msg("%s: \"%s\": %d", cases[i].path, cases[i].data, r);
	}
	assert_int_equal(powercap_tree_store(tree, 1u << 30, "1", 1), -ENOENT);
	/* "on" was kept, for this device only. */
	powercap_tree_render(tree, find(tree, PACKAGE "/power/control"), text);
	assert_string_equal(text, "on\n");
	powercap_tree_render(tree, find(tree, DRAM "/power/control"), text);
	assert_string_equal(text, "auto\n");
	powercap_tree_store(tree, find(tree, PACKAGE "/power/control"), "auto", 4);
	powercap_tree_render(tree, find(tree, PACKAGE "/power/control"), text);
	assert_string_equal(text, "auto\n");
}

static void test_open(void **state)
{
	enum {
		READS = 1,
		WRITES = 2,
	};
	static const struct {
		const char *path;
		int mode; /* chmod to it first, unless -1 */
		unsigned int how;
		int r;
	} cases[] = {
		{ PACKAGE "/energy_uj", -1, READS, 0 },
		{ PACKAGE "/energy_uj", -1, WRITES, -EACCES },
		{ PACKAGE "/energy_uj", 0666, WRITES, 0 },
		{ PACKAGE "/energy_uj", 0, READS, -EACCES },
		{ PACKAGE "/energy_uj", 0004, READS, 0 },
		{ PACKAGE "/name", -1, READS | WRITES, -EACCES },
		{ PACKAGE "/enabled", -1, READS | WRITES, 0 },
		{ PACKAGE "/enabled", 0444, WRITES, -EACCES },
		{ PACKAGE "/enabled", 0200, READS, -EACCES },
		{ PACKAGE "/enabled", 0200, WRITES, 0 },
		{ PACKAGE "/constraint_0_power_limit_uw", -1, WRITES, 0 },
		{ PACKAGE "/constraint_0_max_power_uw", -1, WRITES, -EACCES },
		{ PACKAGE, -1, READS, -EISDIR },
		{ PACKAGE "/device", -1, READS, -ELOOP },
	};
	cleanup_powercap_tree struct powercap_tree *tree = make_tree(
		POWERCAP_LAYOUT_BOTH, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t ino = find(tree, cases[i].path);
		int r;

		if (cases[i].mode >= 0)
			assert_int_equal(
				powercap_tree_set_mode(tree, ino, (mode_t)cases[i].mode),
				0);
		r = powercap_tree_check_open(
			tree, ino, cases[i].how & READS, cases[i].how & WRITES);
		if (r != cases[i].r)
			fail_msg("case %zu (%s): %d", i, cases[i].path, r);
	}
	assert_int_equal(powercap_tree_check_open(tree, 0, true, false), -ENOENT);
}

static void test_owner(void **state)
{
	const struct powercap_model model = listing_model(2);
	struct powercap_tree_options options = {
		.energy_mode = 0440,
		.energy_gid = 77,
		.read_energy = listing_read_energy,
	};
	cleanup_powercap_tree struct powercap_tree *tree = NULL;
	uint64_t energy, other, name;
	struct stat attr;

	(void)state;
	options.energy_mode = 04440;
	assert_int_equal(powercap_tree_new(&model, &options, &tree), -EINVAL);
	options.energy_mode = 0440;
	assert_int_equal(powercap_tree_new(&model, &options, &tree), 0);
	energy = find(tree, "intel-rapl/intel-rapl:1/energy_uj");
	other = find(tree, "intel-rapl/intel-rapl:0/intel-rapl:0:0/energy_uj");
	name = find(tree, "intel-rapl/intel-rapl:1/name");
	powercap_tree_stat(tree, name, &attr);
	assert_int_equal(attr.st_gid, 0);
	assert_int_equal(powercap_tree_set_mode(tree, energy, S_IFDIR | 02604), 0);
	assert_int_equal(powercap_tree_set_owner(tree, energy, 5, (gid_t)-1), 0);
	powercap_tree_stat(tree, energy, &attr);
	assert_int_equal(attr.st_mode, S_IFREG | 02604);
	assert_int_equal(attr.st_uid, 5);
	assert_int_equal(attr.st_gid, 77);
	assert_int_equal(powercap_tree_set_owner(tree, energy, (uid_t)-1, 6), 0);
	powercap_tree_stat(tree, energy, &attr);
	assert_int_equal(attr.st_uid, 5);
	assert_int_equal(attr.st_gid, 6);
	powercap_tree_stat(tree, other, &attr);
	assert_int_equal(attr.st_mode, S_IFREG | 0440);
	assert_int_equal(attr.st_gid, 77);
	assert_int_equal(powercap_tree_set_mode(tree, 0, 0), -ENOENT);
	assert_int_equal(powercap_tree_set_owner(tree, 0, 0, 0), -ENOENT);
}

static int read_stale(void *context, unsigned int zone, uint64_t *ret_uj)
{
	(void)context;
	(void)zone;
	(void)ret_uj;
	return -EIO;
}

static void test_render(void **state)
{
	const struct powercap_model model = listing_model(1);
	const struct powercap_tree_options options = { .read_energy = read_stale };
	cleanup_powercap_tree struct powercap_tree *tree = NULL;
	char text[POWERCAP_TREE_TEXT_SIZE];

	(void)state;
	assert_int_equal(powercap_tree_new(&model, &options, &tree), 0);
	assert_int_equal(powercap_tree_render(tree,
				 find(tree, "intel-rapl/intel-rapl:0/energy_uj"), text),
		-EIO);
	assert_int_equal(powercap_tree_render(tree, POWERCAP_TREE_ROOT, text), -EINVAL);
	assert_int_equal(powercap_tree_render(tree, 0, text), -ENOENT);
	assert_int_equal(powercap_tree_readlink(tree, POWERCAP_TREE_ROOT, text), -EINVAL);
	assert_int_equal(powercap_tree_readlink(tree, 0, text), -ENOENT);
	assert_null(powercap_tree_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_render),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
