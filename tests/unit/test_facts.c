/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The doctor's eyes: rights of processes, trees of files. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "host/facts.h"
#include "shared/cleanup.h"

struct fixture {
	char dir[64];
	struct facts_paths paths;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	strcpy(fixture->dir, "/tmp/test_facts.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	assert_int_equal(chmod(fixture->dir, 0755), 0);
	fixture->paths.sysfs = fixture->paths.procfs = fixture->paths.modules =
		fixture->dir;
	fixture->paths.run_dir = fixture->dir;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", fixture->dir);
	assert_int_equal(system(command), 0);
	free(fixture);
	return 0;
}

/* Makes DIR/name with its directories. */
static void put_file(const struct fixture *fixture, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", fixture->dir, name);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static void test_process(void **state)
{
	struct fixture *fixture = *state;
	struct facts_process process;

	put_file(fixture, "7/status",
		"Name:\tvmpower-hostd\nUmask:\t0022\nUid:\t1\t990\t3\t4\nGid:\t5\t991\t7\t8\n"
		"Groups:\t12 34 \nCapInh:\t0000000000000000\nCapEff:\t0000000000080004\n");
	assert_int_equal(facts_read_process(fixture->dir, 7, &process), 0);
	assert_int_equal(process.pid, 7);
	assert_int_equal(process.uid, 990);
	assert_int_equal(process.gid, 991);
	assert_int_equal(process.n_groups, 2);
	assert_int_equal(process.groups[1], 34);
	assert_int_equal(process.capabilities, 0x80004);
	put_file(fixture, "8/status", "Uid:\t1\t2\nGid:\t5\t991\t7\t8\nCapEff:\t0\n");
	assert_int_equal(facts_read_process(fixture->dir, 8, &process), -EINVAL);
	assert_int_equal(facts_read_process(fixture->dir, 9, &process), -ENOENT);
	assert_int_equal(process.pid, 7);
}

#define OVERRIDE    2u
#define READ_SEARCH 4u

static void test_access(void **state)
{
	/* Of a process that is neither the owner nor in its group, unless own or group.
	 */
	static const struct {
		bool own, group;
		uint64_t capabilities;
		mode_t directory, file;
		int access;
		const char *blocker; /* below DIR; NULL: none */
	} cases[] = {
		{ false, false, 0, 0755, 0444, R_OK, NULL },
		{ false, false, 0, 0755, 0400, R_OK, "d/f" },
		{ false, false, 0, 0750, 0444, R_OK, "d" },
		{ false, true, 0, 0750, 0440, R_OK, NULL },
		{ false, true, 0, 0750, 0404, R_OK, "d/f" },
		{ true, false, 0, 0700, 0400, R_OK, NULL },
		{ true, false, 0, 0700, 0044, R_OK, "d/f" },
		{ false, false, READ_SEARCH, 0700, 0400, R_OK, NULL },
		{ false, false, READ_SEARCH, 0700, 0600, W_OK, "d/f" },
		{ false, false, OVERRIDE, 0700, 0600, W_OK, NULL },
		{ false, true, 0, 0750, 0775, W_OK, NULL },
		{ false, false, 0, 0755, 0775, W_OK, "d/f" },
	};
	struct fixture *fixture = *state;
	char directory[96], file[112], expected[128];

	put_file(fixture, "d/f", "1\n");
	snprintf(directory, sizeof(directory), "%s/d", fixture->dir);
	snprintf(file, sizeof(file), "%s/f", directory);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct facts_process process = {
			.pid = 1,
			.uid = cases[i].own ? getuid() : 54321,
			.gid = 54321,
			.n_groups = cases[i].group ? 1 : 0,
			.groups = { getgid() },
			.capabilities = cases[i].capabilities,
		};
		struct facts_access access;

		assert_int_equal(chmod(directory, cases[i].directory), 0);
		assert_int_equal(chmod(file, cases[i].file), 0);
		assert_int_equal(
			facts_check_access(&process, file, cases[i].access, &access), 0);
		snprintf(expected, sizeof(expected), "%s/%s", fixture->dir,
			cases[i].blocker ? cases[i].blocker : "");
		if (access.error != (cases[i].blocker ? EACCES : 0))
			fail_msg("case %zu: %d", i, access.error);
		if (cases[i].blocker) {
			assert_string_equal(access.blocker, expected);
			assert_int_equal(access.gid, getgid());
		}
		facts_access_deinit(&access);
		assert_int_equal(chmod(directory, 0700), 0);
	}
}

static void test_access_to_nothing(void **state)
{
	struct fixture *fixture = *state;
	const struct facts_process process = { .pid = 1 };
	struct facts_access access;
	char file[96];

	snprintf(file, sizeof(file), "%s/none", fixture->dir);
	assert_int_equal(facts_check_access(&process, file, R_OK, &access), 0);
	assert_int_equal(access.error, ENOENT);
	assert_string_equal(access.blocker, file);
	facts_access_deinit(&access);
}

static void test_zones(void **state)
{
	struct fixture *fixture = *state;
	const struct facts_process nobody = { 0 };
	struct facts facts = { 0 };
	char path[128];

	put_file(fixture, "class/powercap/intel-rapl/enabled", "1\n");
	put_file(fixture, "class/powercap/intel-rapl:0/name", "package-0\n");
	put_file(fixture, "class/powercap/intel-rapl:0/energy_uj", "12\n");
	put_file(fixture, "class/powercap/intel-rapl:0:0/name", "core\n");
	put_file(fixture, "class/powercap/intel-rapl:0:1/name", "dram\n");
	put_file(fixture, "class/powercap/intel-rapl:1/name", "package-1\n");
	put_file(fixture, "class/powercap/intel-rapl:1/energy_uj", "");
	put_file(fixture, "class/powercap/intel-rapl:1:0/name", "dram\n");
	snprintf(path, sizeof(path), "%s/class/powercap/intel-rapl:1:0/energy_uj",
		fixture->dir);
	/* Nothing is mapped at its beginning. */
	assert_int_equal(symlink("/proc/self/mem", path), 0);
	put_file(fixture, "class/powercap/intel-rapl-mmio:0/name", "package-0\n");
	assert_int_equal(
		facts_gather_powercap(&facts.powercap, &fixture->paths, &nobody), 0);
	assert_true(facts.powercap.has_class);
	assert_int_equal(facts.powercap.n_zones, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct facts_zone *zone = &facts.powercap.zones[i];

		if (strstr(zone->path, "intel-rapl:0:1/"))
			assert_int_equal(zone->error, ENOENT);
		else if (strstr(zone->path, "intel-rapl:1:0/"))
			assert_int_equal(zone->error, EIO);
		else if (strstr(zone->path, "intel-rapl:1/"))
			assert_int_equal(zone->error, EINVAL);
		else
			assert_int_equal(zone->error, 0);
	}
	facts_deinit(&facts);
}

static enum facts_module module_state(const struct fixture *fixture)
{
	const struct facts_process nobody = { 0 };
	struct facts facts = { 0 };
	enum facts_module module;

	assert_int_equal(
		facts_gather_powercap(&facts.powercap, &fixture->paths, &nobody), 0);
	assert_false(facts.powercap.has_class);
	module = facts.powercap.module;
	facts_deinit(&facts);
	return module;
}

static void test_module(void **state)
{
	struct fixture *fixture = *state;

	put_file(fixture, "sys/kernel/osrelease", "6.1.0-9-amd64\n");
	put_file(fixture, "modules", "fuse 1 2 - Live 0x0\n");
	assert_int_equal(module_state(fixture), FACTS_MODULE_UNKNOWN);
	put_file(fixture, "6.1.0-9-amd64/modules.dep",
		"kernel/x.ko: kernel/drivers/powercap/intel_rapl_msr.ko\n");
	put_file(fixture, "6.1.0-9-amd64/modules.builtin", "kernel/fs/ext4.ko\n");
	assert_int_equal(module_state(fixture), FACTS_MODULE_ABSENT);
	put_file(fixture, "6.1.0-9-amd64/modules.dep",
		"kernel/drivers/powercap/intel_rapl_msr.ko.xz: kernel/intel_rapl_common.ko.xz\n");
	assert_int_equal(module_state(fixture), FACTS_MODULE_UNLOADED);
	put_file(fixture, "modules", "fuse 1 2\nintel_rapl_msr 20480 0 - Live 0x0\n");
	assert_int_equal(module_state(fixture), FACTS_MODULE_LOADED);
	put_file(fixture, "modules", "intel_rapl_msr_not 1 2\n");
	put_file(fixture, "6.1.0-9-amd64/modules.builtin",
		"kernel/drivers/powercap/intel_rapl_msr.ko\n");
	assert_int_equal(module_state(fixture), FACTS_MODULE_LOADED);
}

static void test_virtual_machine(void **state)
{
	struct fixture *fixture = *state;
	const struct facts_process nobody = { 0 };
	struct facts facts = { 0 };

	put_file(fixture, "cpuinfo",
		"processor\t: 0\nflags\t\t: fpu hypervisor lahf_lm\n");
	assert_int_equal(
		facts_gather_powercap(&facts.powercap, &fixture->paths, &nobody), 0);
	assert_true(facts.powercap.in_vm);
	facts_deinit(&facts);
	put_file(fixture, "cpuinfo", "processor\t: 0\nflags\t\t: fpu lahf_lm\n");
	assert_int_equal(
		facts_gather_powercap(&facts.powercap, &fixture->paths, &nobody), 0);
	assert_false(facts.powercap.in_vm);
	facts_deinit(&facts);
}

static void test_daemons(void **state)
{
	struct fixture *fixture = *state;
	struct facts facts = { 0 };

	put_file(fixture, "12/comm", "vmpower-hostd\n");
	put_file(fixture, "12/status",
		"Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t\nCapEff:\tffffffff\n");
	put_file(fixture, "12/cmdline", "vmpower-hostd");
	put_file(fixture, "13/comm", "vmpower-hostdx\n");
	put_file(fixture, "self/comm", "vmpower-hostd\n");
	assert_int_equal(facts_gather_hostd(&facts.hostd, &fixture->paths), 0);
	assert_int_equal(facts.hostd.n_daemons, 1);
	assert_int_equal(facts.hostd.error, -ENOENT);
	assert_int_equal(facts.hostd.server.pid, 12);
	assert_int_equal(facts.hostd.server.n_groups, 0);
	assert_string_equal(facts.hostd.server_command, "vmpower-hostd");
	assert_string_equal(facts.hostd.user, "root");
	facts_deinit(&facts);
}

/* A listener of ours with a client in another process; returns that, ready. */
static pid_t start_client(const char *path, int *ret_listener)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int ready[2];
	char byte;
	pid_t pid;

	strcpy(address.sun_path, path);
	*ret_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(*ret_listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(*ret_listener, 1), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* A failed test is not to leave it behind. */
		int ended = prctl(PR_SET_PDEATHSIG, SIGKILL);
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (ended == 0 &&
			connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			(void)!write(ready[1], "", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void test_holder(void **state)
{
	struct fixture *fixture = *state;
	struct facts_domain domains[3] = { 0 };
	char path[96], other[96];
	int listener, accepted;
	pid_t client;

	snprintf(path, sizeof(path), "%s/org.vmpower.0", fixture->dir);
	snprintf(other, sizeof(other), "%s/org.vmpower", fixture->dir);
	domains[0].live.channel.path = other;
	domains[2].live.channel.path = path;
	client = start_client(path, &listener);
	/* Who waits to be accepted, behind QEMU's only client, holds nothing. */
	assert_int_equal(facts_find_holders("/proc", 0, domains, 3), 0);
	assert_int_equal(domains[2].holder, 0);
	accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(accepted >= 0);
	assert_int_equal(facts_find_holders("/proc", 0, domains, 3), 0);
	assert_int_equal(domains[0].holder, 0);
	assert_int_equal(domains[1].holder, 0);
	assert_int_equal(domains[2].holder, client);
	assert_string_equal(domains[2].holder_comm, "test_facts");
	/* If that is hostd, there is nobody else. */
	domains[2].holder = 0;
	assert_int_equal(facts_find_holders("/proc", client, domains, 3), 0);
	assert_int_equal(domains[2].holder, 0);
	assert_int_equal(kill(client, SIGKILL), 0);
	assert_int_equal(waitpid(client, NULL, 0), client);
	close(accepted);
	close(listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_process),
		TEST(test_access),
		TEST(test_access_to_nothing),
		TEST(test_zones),
		TEST(test_module),
		TEST(test_virtual_machine),
		TEST(test_daemons),
		TEST(test_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
