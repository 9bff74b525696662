/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What an agent left over msr devices. Needs root and /dev/fuse, else it is skipped. */
#include "config.h"

#include "tests/unit/namespace.h"

#include <stdio.h>

#include "guest/msr_devices.h"
#include "guest/place.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "tests/unit/child.h"

#define SKIPPED 77
#define N_CPUS	5

struct fixture {
	char dir[64];
	char *before;
	int fds[N_CPUS]; /* of what is mounted on each CPU's device */
};

/* A /dev with devices that are none. */
static int set_up(void **state)
{
	static struct fixture fixture;

	strcpy(fixture.dir, "/tmp/test_msr_devices.XXXXXX");
	if (!mkdtemp(fixture.dir) || mount("none", fixture.dir, "tmpfs", 0, NULL) < 0)
		return -1;
	child_shell(fixture.dir,
		"touch null fuse && mount --bind /dev/null null &&"
		" mount --bind /dev/fuse fuse &&"
		" for cpu in 0 1 2 3 4; do mkdir -p cpu/$cpu && touch cpu/$cpu/msr; done");
	if (mount(fixture.dir, "/dev", NULL, MS_BIND | MS_REC, NULL) < 0)
		return -1;
	fixture.before = namespace_mounts();
	for (int cpu = 0; cpu < N_CPUS; cpu++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/cpu/%d/msr", cpu);
		fixture.fds[cpu] = place_open_fuse();
		if (place_mount_file(path, 1, fixture.fds[cpu], NULL) < 0)
			return -1;
	}
	*state = &fixture;
	return 0;
}

static void die(struct fixture *fixture)
{
	for (int cpu = 0; cpu < N_CPUS; cpu++)
		close(fixture->fds[cpu]);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	free(fixture->before);
	return umount2("/dev", MNT_DETACH) < 0 || umount2(fixture->dir, MNT_DETACH) < 0
		       ? -1
		       : rmdir(fixture->dir);
}

/* With --msr off, those of somebody who lives stay, and cost one time-out in all. */
static void test_of_one_who_hangs(void **state)
{
	cleanup_free char *mounted = namespace_mounts(), *after = NULL;
	uint64_t begin_ns = clock_monotonic_ns();
	struct fixture *fixture = *state;

	assert_int_equal(msr_devices_clear(false), 0);
	/* 2 s, and not 10. */
	assert_in_range(clock_monotonic_ns() - begin_ns, 0, 8 * (uint64_t)NSEC_PER_SEC);
	after = namespace_mounts();
	assert_string_equal(after, mounted);
	die(fixture);
}

static void test_of_one_who_is_dead(void **state)
{
	struct fixture *fixture = *state;
	cleanup_free char *after = NULL;

	die(fixture);
	assert_int_equal(msr_devices_clear(false), 0);
	after = namespace_mounts();
	assert_string_equal(after, fixture->before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_of_one_who_hangs),
		TEST(test_of_one_who_is_dead),
	};

	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0)
		return SKIPPED;
	return cmocka_run_group_tests(tests, namespace_enter, NULL);
}
