/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What is known for an agent's mount, and what is undone. Needs root and /dev/fuse. */
#include "config.h"

#include "tests/unit/namespace.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "guest/place.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "tests/unit/child.h"

#define SKIPPED 77

/* cover/tree: a tree in a cover. */
struct fixture {
	char dir[64];
	char cover[80];
	char tree[96];
	struct places places;
	char *before;
};

static int setup(void **state)
{
	static struct fixture fixture;

	strcpy(fixture.dir, "/tmp/test_place.XXXXXX");
	if (!mkdtemp(fixture.dir))
		return -1;
	snprintf(fixture.cover, sizeof(fixture.cover), "%s/cover", fixture.dir);
	snprintf(fixture.tree, sizeof(fixture.tree), "%s/tree", fixture.cover);
	if (mkdir(fixture.cover, 0755) < 0 || mkdir(fixture.tree, 0755) < 0)
		return -1;
	fixture.places = (struct places){ .n = 2 };
	strcpy(fixture.places.list[0].path, fixture.tree);
	strcpy(fixture.places.list[1].path, fixture.cover);
	fixture.places.list[1].is_cover = true;
	fixture.before = namespace_mounts();
	*state = &fixture;
	return 0;
}

/* Whatever is still mounted, and the directories. */
static int teardown(void **state)
{
	struct fixture *fixture = *state;

	while (umount2(fixture->tree, MNT_DETACH) == 0)
		;
	while (umount2(fixture->cover, MNT_DETACH) == 0)
		;
	free(fixture->before);
	return rmdir(fixture->tree) < 0 || rmdir(fixture->cover) < 0 ||
			       rmdir(fixture->dir) < 0
		       ? -1
		       : 0;
}

static void check_nothing_is_left(const struct fixture *fixture)
{
	cleanup_free char *after = namespace_mounts();

	assert_string_equal(after, fixture->before);
}

static void mount_cover(const struct fixture *fixture)
{
	assert_int_equal(place_mount_cover(fixture->cover, 1, NULL), 0);
	assert_int_equal(mkdir(fixture->tree, 0755), 0);
}

/* Returns the fd that keeps it alive. */
static int mount_tree(const struct fixture *fixture)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(place_mount_tree(fixture->tree, 1, fd, NULL), 0);
	return fd;
}

static void test_nothing(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(places_clear(&fixture->places), 0);
	places_unmount(&fixture->places);
	check_nothing_is_left(fixture);
}

/* Several times over. */
static void test_left_by_a_dead_agent(void **state)
{
	struct fixture *fixture = *state;

	close(mount_tree(fixture));
	assert_int_equal(places_clear(&fixture->places), 0);
	check_nothing_is_left(fixture);
	mount_cover(fixture);
	close(mount_tree(fixture));
	close(mount_tree(fixture));
	assert_int_equal(places_clear(&fixture->places), 0);
	check_nothing_is_left(fixture);
	/* The tree was unmounted, and the agent ended before it came to the cover. */
	mount_cover(fixture);
	assert_int_equal(places_clear(&fixture->places), 0);
	check_nothing_is_left(fixture);
}

static void test_of_others(void **state)
{
	static const char *const sources[] = { "none", "vmpower", "vmpower:", "vmpower:0",
		"vmpower:-1", "vmpower:1x", "vmpower:99999999999", "xvmpower:1" };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		assert_int_equal(mount(sources[i], fixture->cover, "tmpfs", 0, NULL), 0);
		assert_int_equal(places_clear(&fixture->places), 0);
		places_unmount(&fixture->places);
		assert_int_equal(umount2(fixture->cover, 0), 0);
	}
	/* A cover is known in a cover's place only. */
	assert_int_equal(mount("vmpower:1", fixture->tree, "tmpfs", 0, NULL), 0);
	assert_int_equal(places_clear(&fixture->places), 0);
	assert_int_equal(umount2(fixture->tree, 0), 0);
}

/* Served by somebody who does not answer: not dead, and not waited for long. */
static void test_alive(void **state)
{
	struct fixture *fixture = *state;
	cleanup_close int fd = -1;
	cleanup_free char *mounted = NULL, *after = NULL;

	mount_cover(fixture);
	fd = mount_tree(fixture);
	mounted = namespace_mounts();
	assert_int_equal(places_clear(&fixture->places), -EBUSY);
	after = namespace_mounts();
	assert_string_equal(after, mounted);
	/* Its own agent may. */
	places_unmount(&fixture->places);
	check_nothing_is_left(fixture);
}

/* Takes the first question, and answers none; no longer than 10 s. */
static void __attribute__((__noreturn__)) be_server(int fd)
{
	static char request[FUSE_MIN_READ_BUFFER * 4];
	const struct fuse_in_header *in = (const void *)request;
	struct {
		struct fuse_out_header out;
		struct fuse_init_out init;
	} reply = { .init = { .major = FUSE_KERNEL_VERSION,
			    .minor = FUSE_KERNEL_MINOR_VERSION,
			    .max_write = 4096 } };

	alarm(10);
	if (read(fd, request, sizeof(request)) < 0 || in->opcode != FUSE_INIT)
		_exit(EXIT_FAILURE);
	reply.out = (struct fuse_out_header){ .len = sizeof(reply),
		.unique = in->unique };
	if (write(fd, &reply, sizeof(reply)) != (ssize_t)sizeof(reply))
		_exit(EXIT_FAILURE);
	while (read(fd, request, sizeof(request)) >= 0 || errno == EINTR ||
		errno == ENOENT)
		;
	_exit(EXIT_FAILURE);
}

/* The kernel makes him who asks wait for it, whatever signals he gets. */
static void test_hangs_over_a_question(void **state)
{
	struct fixture *fixture = *state;
	uint64_t begin_ns = clock_monotonic_ns();
	int fd = mount_tree(fixture);
	pid_t server = fork();

	if (server == 0)
		be_server(fd);
	close(fd);
	assert_int_equal(place_is_dead(fixture->tree), -ETIMEDOUT);
	/* 2 s, and not until he goes. */
	assert_in_range(clock_monotonic_ns() - begin_ns, 0, 8 * (uint64_t)NSEC_PER_SEC);
	child_kill(server);
	/* It is left to be reaped. */
	assert_true(wait(NULL) > 0);
	assert_int_equal(places_clear(&fixture->places), 0);
	check_nothing_is_left(fixture);
}

static void test_buried(void **state)
{
	struct fixture *fixture = *state;
	cleanup_free char *mounted = NULL, *after = NULL;

	mount_cover(fixture);
	close(mount_tree(fixture));
	assert_int_equal(mount("none", fixture->tree, "tmpfs", 0, NULL), 0);
	mounted = namespace_mounts();
	assert_int_equal(places_clear(&fixture->places), -EBUSY);
	places_unmount(&fixture->places);
	after = namespace_mounts();
	assert_string_equal(after, mounted);
	assert_int_equal(umount2(fixture->tree, 0), 0);
	assert_int_equal(places_clear(&fixture->places), 0);
	check_nothing_is_left(fixture);
}

struct seen {
	const char *path;
	unsigned int n;
};

static void count(void *context, const char *mount_point)
{
	struct seen *seen = context;

	seen->n += strcmp(mount_point, seen->path) == 0;
}

/* A mount whose root is a file, over a file; found, and known for dead. */
static void test_file(void **state)
{
	struct fixture *fixture = *state;
	char path[112];
	struct seen seen = { .path = path };
	cleanup_close int fd = -1;

	snprintf(path, sizeof(path), "%s/file", fixture->tree);
	close(open(path, O_CREAT | O_CLOEXEC, 0600));
	fixture->places = (struct places){ .n = 1 };
	strcpy(fixture->places.list[0].path, path);
	assert_int_equal(mount("vmpower:1", path, "fuse.other", 0, NULL), -1);
	assert_int_equal(mount("vmpower:1", fixture->cover, "tmpfs", 0, NULL), 0);
	assert_int_equal(place_visit_trees(count, &seen), 0);
	assert_int_equal(umount2(fixture->cover, 0), 0);
	assert_int_equal(seen.n, 0);
	fd = place_open_fuse();
	assert_true(fd >= 0);
	assert_int_equal(place_mount_file(path, 1, fd, NULL), 0);
	assert_int_equal(place_visit_trees(count, &seen), 0);
	assert_int_equal(seen.n, 1);
	close(steal_fd(&fd));
	assert_int_equal(place_is_dead(path), 1);
	assert_int_equal(places_clear(&fixture->places), 0);
	assert_int_equal(place_is_dead(path), 0);
	assert_int_equal(unlink(path), 0);
	check_nothing_is_left(fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_left_by_a_dead_agent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alive, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_hangs_over_a_question, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buried, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file, setup, teardown),
	};

	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0)
		return SKIPPED;
	return cmocka_run_group_tests(tests, namespace_enter, NULL);
}
