/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* /dev/cpu/N/msr: which there are, and mounting over them. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/msr_devices.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/fd_message.h"
#include "guest/msr_server.h"
#include "guest/place.h"
#include "guest/privileges.h"
#include "shared/cleanup.h"
#include "shared/log.h"
#include "shared/number.h"

#define DEVICES_DIR "/dev/cpu"
#define NAME	    "msr"
/* What the kernel can have (CONFIG_NR_CPUS). */
#define CPUS_MAX 8192u
/* That of the device, so that what may read it may read the file. */
#define SELINUX_CONTEXT "system_u:object_r:cpu_device_t:s0"

/* The CPUs over whose device an agent has mounted something. */
struct mounted {
	bool is[CPUS_MAX];
};

static void format_path(unsigned int cpu, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, DEVICES_DIR "/%u/" NAME, cpu);
}

/* The number in "17" or in "17/msr", which rest then is. */
static bool parse_cpu(const char *text, const char *rest, unsigned int *ret_cpu)
{
	size_t len = strcspn(text, "/");
	char digits[8];
	uint64_t cpu;

	if (len >= sizeof(digits) || strcmp(text + len, rest) != 0)
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (number_parse_range(digits, 0, CPUS_MAX - 1, &cpu) < 0)
		return false;
	*ret_cpu = (unsigned int)cpu;
	return true;
}

static void note_mounted(void *context, const char *mount_point)
{
	static const char prefix[] = DEVICES_DIR "/";
	struct mounted *mounted = context;
	unsigned int cpu;

	if (strncmp(mount_point, prefix, sizeof(prefix) - 1) == 0 &&
		parse_cpu(mount_point + sizeof(prefix) - 1, "/" NAME, &cpu))
		mounted->is[cpu] = true;
}

static int find_mounted(struct mounted *mounted)
{
	int r;

	*mounted = (struct mounted){ 0 };
	r = place_visit_trees(note_mounted, mounted);
	if (r < 0)
		log_error("cannot read /proc/self/mountinfo: %s", strerror(-r));
	return r;
}

int msr_devices_clear(bool on)
{
	struct mounted mounted;
	int r;

	r = find_mounted(&mounted);
	for (unsigned int cpu = 0; r == 0 && cpu < CPUS_MAX; cpu++) {
		struct places places = { .n = 1 };
		int dead = 1;

		if (!mounted.is[cpu])
			continue;
		format_path(cpu, places.list[0].path);
		if (!on)
			dead = place_is_dead(places.list[0].path);
		/* Who does not answer for one CPU would not for the others. */
		if (dead < 0)
			break;
		if (dead > 0)
			r = places_clear(&places);
	}
	return r;
}

static int log_open_failure(const char *path, int error)
{
	if (error == -EPERM || error == -EACCES)
		log_error("cannot open %s: %s; --msr on takes the capability "
			  "CAP_SYS_RAWIO",
			path, strerror(-error));
	else
		log_error("cannot open %s: %s", path, strerror(-error));
	return error;
}

/* 1: it is open; 0: there is none of that CPU. */
static int open_device(unsigned int cpu, int *ret_fd)
{
	char path[PATH_MAX];
	int fd;

	format_path(cpu, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		*ret_fd = fd;
		return 1;
	}
	/* ENXIO: the CPU is going, or not yet there. */
	if (errno == ENOENT || errno == ENXIO)
		return 0;
	return log_open_failure(path, -errno);
}

/*
 * Calls add for each CPU that has a directory and nothing mounted; returns how many times
 * it returned 1.
 */
static int for_each_cpu(struct msr_devices *devices, const struct mounted *mounted,
	int (*add)(struct msr_devices *devices, unsigned int cpu))
{
	cleanup_closedir DIR *dir = opendir(DEVICES_DIR);
	const struct dirent *entry;
	int n = 0;

	while (dir && (entry = readdir(dir)) != NULL) {
		unsigned int cpu;
		int r;

		if (!parse_cpu(entry->d_name, "", &cpu) || mounted->is[cpu])
			continue;
		r = add(devices, cpu);
		if (r < 0)
			return r;
		n += r;
	}
	return n;
}

static int try_device(struct msr_devices *devices, unsigned int cpu)
{
	cleanup_close int fd = -1;

	(void)devices;
	return open_device(cpu, &fd);
}

int msr_devices_init(struct msr_devices *devices, bool on)
{
	static const struct mounted none;
	int r;

	*devices = (struct msr_devices){ .on = on, .server_fd = -1, .watch_fd = -1 };
	r = msr_devices_clear(on);
	if (r < 0 || !on)
		return on ? r : 0;
	r = for_each_cpu(devices, &none, try_device);
	if (r == 0) {
		log_error("there is no " DEVICES_DIR "/0/" NAME
			  ": load the module msr (modprobe msr), or do without --msr on");
		return -ENOENT;
	}
	if (r > 0)
		r = board_new(&devices->board);
	return r < 0 ? r : 0;
}

static void __attribute__((__noreturn__)) be_server(const struct msr_devices *devices,
	int socket_fd, pid_t parent, uid_t uid, gid_t gid)
{
	int r;

	r = privileges_drop(uid, gid, UINT64_C(1) << CAP_SYS_PTRACE, parent);
	if (r < 0)
		log_error("cannot drop all privileges but CAP_SYS_PTRACE: %s",
			strerror(-r));
	else
		r = msr_server_run(socket_fd, devices->board);
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int start_server(
	struct msr_devices *devices, uid_t uid, gid_t gid, const int *fds, size_t n)
{
	cleanup_close int socket_fd = -1;
	pid_t parent = getpid();
	int r;

	r = fd_message_pair(&devices->server_fd, &socket_fd);
	if (r < 0)
		return r;
	devices->server = fork();
	if (devices->server < 0) {
		devices->server = 0;
		return -errno;
	}
	if (devices->server > 0)
		return 0;
	close(devices->server_fd);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	be_server(devices, socket_fd, parent, uid, gid);
}

/* 1: it is served from here on; 0: the CPU has no device. */
static int mount_device(struct msr_devices *devices, unsigned int cpu)
{
	const struct msr_server_cpu message = { .cpu = cpu };
	cleanup_close int device_fd = -1, fuse_fd = -1;
	char path[PATH_MAX];
	int r;

	r = open_device(cpu, &device_fd);
	if (r <= 0)
		return r;
	fuse_fd = place_open_fuse();
	if (fuse_fd < 0)
		return fuse_fd;
	format_path(cpu, path);
	r = place_mount_file(path, getpid(), fuse_fd, place_context(SELINUX_CONTEXT));
	if (r < 0) {
		log_error("cannot mount on %s: %s", path, strerror(-r));
		return r;
	}
	r = fd_message_send(devices->server_fd, &message, sizeof(message),
		(const int[]){
			[MSR_SERVER_DEVICE] = device_fd, [MSR_SERVER_FUSE] = fuse_fd },
		MSR_SERVER_N_FDS, 0);
	if (r < 0) {
		log_error("cannot hand %s over: %s", path, strerror(-r));
		umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
		return r;
	}
	return 1;
}

static int add_device(struct msr_devices *devices, unsigned int cpu)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEVICES_DIR "/%u", cpu);
	/* Before looking: what comes later is told of. Gone again: nothing to watch. */
	if (inotify_add_watch(devices->watch_fd, path, IN_CREATE | IN_ONLYDIR) < 0 &&
		errno != ENOENT)
		return -errno;
	return mount_device(devices, cpu);
}

static int watch(struct msr_devices *devices)
{
	devices->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (devices->watch_fd < 0 || inotify_add_watch(devices->watch_fd, DEVICES_DIR,
					     IN_CREATE | IN_ONLYDIR) < 0)
		return -errno;
	return 0;
}

int msr_devices_start(
	struct msr_devices *devices, uid_t uid, gid_t gid, const int *fds, size_t n)
{
	static const struct mounted none;
	int r;

	if (!devices->on)
		return 0;
	/* Another agent may have begun at the same time. */
	r = msr_devices_clear(true);
	if (r < 0)
		return r;
	r = start_server(devices, uid, gid, fds, n);
	if (r == 0)
		r = watch(devices);
	if (r < 0)
		log_error("cannot start serving the msr files: %s", strerror(-r));
	else
		r = for_each_cpu(devices, &none, add_device);
	if (r < 0) {
		msr_devices_stop(devices);
		return r;
	}
	log_info("the msr files of %d CPUs show RAPL registers", r);
	return 0;
}

void msr_devices_process_watch(struct msr_devices *devices)
{
	struct mounted mounted;
	char events[4096];
	int r;

	while (read(devices->watch_fd, events, sizeof(events)) > 0)
		;
	/* That of a CPU that went has gone with its device. */
	if (find_mounted(&mounted) < 0)
		return;
	r = for_each_cpu(devices, &mounted, add_device);
	if (r > 0)
		log_info("the msr files of %d more CPUs show RAPL registers", r);
}

static void unmount(void)
{
	struct mounted mounted;

	if (find_mounted(&mounted) < 0)
		return;
	for (unsigned int cpu = 0; cpu < CPUS_MAX; cpu++) {
		struct places places = { .n = 1 };

		if (!mounted.is[cpu])
			continue;
		format_path(cpu, places.list[0].path);
		places_unmount(&places);
	}
}

void msr_devices_stop(struct msr_devices *devices)
{
	if (devices->server_fd < 0)
		return;
	unmount();
	close(steal_fd(&devices->server_fd));
	cleanup_closep(&devices->watch_fd);
	devices->watch_fd = -1;
	if (devices->server > 0) {
		kill(devices->server, SIGKILL);
		waitpid(devices->server, NULL, 0);
		devices->server = 0;
	}
}
