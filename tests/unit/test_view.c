/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Both views in sysfs, made by a child while this process serves the tree. Needs root
 * and /dev/fuse, else it is skipped.
 */
#include "config.h"

#include "tests/unit/namespace.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fuse-powercap/mount.h"
#include "guest/place.h"
#include "guest/view.h"
#include "shared/cleanup.h"
#include "tests/unit/child.h"
#include "tests/unit/listing.h"

#define SKIPPED	    77
#define CLASS_DIR   VIEW_CLASS_PARENT "/" VIEW_NAME
#define DEVICES_DIR VIEW_DEVICES_PARENT "/" VIEW_NAME
#define CONTROL_DIR DEVICES_DIR "/intel-rapl"

static const struct places places = {
	.n = 4,
	.list = { { .path = CLASS_DIR }, { .path = DEVICES_DIR },
		{ .path = VIEW_CLASS_PARENT, .is_cover = true },
		{ .path = VIEW_DEVICES_PARENT, .is_cover = true } },
};

/* What there is in two directories of sysfs, whatever the machine. */
static int setup(void **state)
{
	(void)state;
	if (mount("none", VIEW_CLASS_PARENT, "tmpfs", 0, NULL) < 0 ||
		mount("none", VIEW_DEVICES_PARENT, "tmpfs", 0, NULL) < 0)
		return -1;
	child_shell(VIEW_CLASS_PARENT, "mkdir net && touch net/lo");
	child_shell(VIEW_DEVICES_PARENT, "mkdir net");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return umount2(VIEW_CLASS_PARENT, MNT_DETACH) < 0 ||
			       umount2(VIEW_DEVICES_PARENT, MNT_DETACH) < 0
		       ? -1
		       : 0;
}

/* Until the child has ended; what view_reap() says. */
static int serve(int fuse_fd, pid_t child, struct powercap_mount **ret_mount,
	struct powercap_tree **ret_tree)
{
	const struct powercap_model model = listing_model(2);
	const struct powercap_tree_options options = { .layout = POWERCAP_LAYOUT_BOTH,
		.energy_mode = POWERCAP_TREE_ENERGY_MODE,
		.read_energy = listing_read_energy };
	int r;

	assert_int_equal(powercap_tree_new(&model, &options, ret_tree), 0);
	assert_int_equal(powercap_mount_new(fuse_fd, *ret_tree, ret_mount), 0);
	while ((r = view_reap(child, WNOHANG)) == 0) {
		struct pollfd wait = { powercap_mount_fd(*ret_mount), POLLIN, 0 };

		poll(&wait, 1, 10);
		assert_int_equal(powercap_mount_process(*ret_mount), 0);
	}
	return r;
}

/* Served meanwhile, a shell command's exit code. */
static int run_served(struct powercap_mount *mount, const char *command)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(execl("/bin/sh", "sh", "-c", command, NULL));
	while (waitpid(child, &status, WNOHANG) == 0) {
		struct pollfd wait = { powercap_mount_fd(mount), POLLIN, 0 };

		poll(&wait, 1, 10);
		assert_int_equal(powercap_mount_process(mount), 0);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_shown(bool has_class, bool has_devices)
{
	cleanup_free char *before = namespace_mounts(), *after = NULL;
	cleanup_powercap_tree struct powercap_tree *tree = NULL;
	cleanup_powercap_mount struct powercap_mount *mount = NULL;
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	pid_t child;

	assert_true(fd >= 0);
	assert_int_equal(view_start(fd, NULL, &child), 0);
	assert_int_equal(serve(fd, child, &mount, &tree), 1);
	assert_int_equal(run_served(mount, "test \"$(cat " CLASS_DIR
					   "/intel-rapl:1:0/energy_uj)\" = 1000301"),
		0);
	assert_int_equal(run_served(mount, "test -L " CLASS_DIR "/intel-rapl"), 0);
	assert_int_equal(
		run_served(mount, "test \"$(realpath " CLASS_DIR
				  "/intel-rapl:0)\" = " CONTROL_DIR "/intel-rapl:0"),
		0);
	assert_int_equal(run_served(mount, "test \"$(realpath " CONTROL_DIR
					   "/subsystem)\" = " CLASS_DIR),
		0);
	assert_int_equal(run_served(mount, "test -e " VIEW_CLASS_PARENT "/net/lo"), 0);
	/* Only what was not there is made. */
	assert_int_equal(
		run_served(mount, "touch " VIEW_CLASS_PARENT "/x 2>&-") == 0, has_class);
	assert_int_equal(run_served(mount, "touch " VIEW_DEVICES_PARENT "/x 2>&-") == 0,
		has_devices);
	places_unmount(&places);
	after = namespace_mounts();
	assert_string_equal(after, before);
}

static void test_none_there(void **state)
{
	(void)state;
	check_shown(false, false);
}

static void test_class_there(void **state)
{
	(void)state;
	assert_int_equal(mkdir(CLASS_DIR, 0755), 0);
	check_shown(true, false);
}

static void test_both_there(void **state)
{
	(void)state;
	assert_int_equal(mkdir(CLASS_DIR, 0755), 0);
	assert_int_equal(mkdir(DEVICES_DIR, 0755), 0);
	check_shown(true, true);
}

/* Whether the alarm will end it. */
static void check_alarm(pid_t child)
{
	char path[64], line[256];
	cleanup_fclose FILE *file = NULL;
	unsigned int n = 0;
	uint64_t signals;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "SigBlk: %" SCNx64, &signals) != 1 &&
			sscanf(line, "SigIgn: %" SCNx64, &signals) != 1)
			continue;
		assert_false(signals >> (SIGALRM - 1) & 1);
		n++;
	}
	assert_int_equal(n, 2);
}

/* Nothing is seen before it is all there, and the child can be ended. */
static void test_not_served(void **state)
{
	cleanup_free char *before = namespace_mounts(), *after = NULL;
	cleanup_close int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	sigset_t signals;
	pid_t child;

	(void)state;
	assert_true(fd >= 0);
	/* As some parents leave it. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGALRM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGALRM, SIG_IGN);
	assert_int_equal(view_start(fd, NULL, &child), 0);
	signal(SIGALRM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	check_alarm(child);
	usleep(100000);
	assert_int_equal(view_reap(child, WNOHANG), 0);
	after = namespace_mounts();
	assert_string_equal(after, before);
	child_kill(child);
}

/* Its server dies: the child fails, and leaves nothing. */
static void test_server_dies(void **state)
{
	cleanup_free char *before = namespace_mounts(), *after = NULL;
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	pid_t child;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(view_start(fd, NULL, &child), 0);
	close(fd);
	assert_int_equal(view_reap(child, 0), -EIO);
	after = namespace_mounts();
	assert_string_equal(after, before);
}

static void test_not_fuse(void **state)
{
	cleanup_close int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t child = -1;

	(void)state;
	assert_int_equal(view_start(fd, NULL, &child), -EIO);
	assert_int_equal(child, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_none_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_class_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_both_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_served, setup, teardown),
		cmocka_unit_test_setup_teardown(test_server_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_fuse, setup, teardown),
	};

	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0)
		return SKIPPED;
	return cmocka_run_group_tests(tests, namespace_enter, NULL);
}
