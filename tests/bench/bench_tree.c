/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What a read of energy_uj costs through our mount, beside a minimal low-level
 * libfuse program with one file, in the same run and in turns. Given a path, it is
 * that file of a running agent, which is to be on this CPU too. All of it on one CPU:
 * on two, it is the scheduler's choice of them that is measured. Needs root; mounts
 * in a namespace of its own.
 */
#include "config.h"

#define FUSE_USE_VERSION 34
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "fuse-powercap/mount.h"
#include "fuse-powercap/session.h"
#include "fuse-powercap/virtual.h"
#include "shared/clock.h"

/* Short rounds, of which most are spared by what else the machine does. */
#define ROUNDS 301
#define READS  200

/* The least a libfuse program can do: one directory, one file, one text. */
#define PLAIN_FILE_INO 2
static const char plain_text[] = "262143328850\n";

static void plain_attr(fuse_ino_t ino, struct stat *attr)
{
	*attr = (struct stat){
		.st_ino = ino,
		.st_mode = ino == PLAIN_FILE_INO ? S_IFREG | 0400 : S_IFDIR | 0755,
		.st_nlink = 1,
		.st_size = ino == PLAIN_FILE_INO ? 4096 : 0,
	};
}

static void plain_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {
		.ino = PLAIN_FILE_INO,
		.attr_timeout = 86400,
		.entry_timeout = 86400,
	};

	if (parent != FUSE_ROOT_ID || strcmp(name, "energy_uj") != 0) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	plain_attr(PLAIN_FILE_INO, &entry.attr);
	fuse_reply_entry(req, &entry);
}

static void plain_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct stat attr;

	(void)info;
	plain_attr(ino, &attr);
	fuse_reply_attr(req, &attr, 86400);
}

static void plain_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	(void)ino;
	info->direct_io = 1;
	fuse_reply_open(req, info);
}

static void plain_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
	struct fuse_file_info *info)
{
	size_t len = sizeof(plain_text) - 1;

	(void)ino;
	(void)info;
	if ((size_t)offset >= len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, plain_text + offset,
			size < len - (size_t)offset ? size : len - (size_t)offset);
}

static const struct fuse_lowlevel_ops plain_operations = {
	.lookup = plain_lookup,
	.getattr = plain_getattr,
	.open = plain_open,
	.read = plain_read,
};

static int serve_plain(int fuse_fd)
{
	char *argv[] = { (char[]){ "plain" }, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct fuse_session *session;
	char name[32];

	session = fuse_session_new(
		&args, &plain_operations, sizeof(plain_operations), NULL);
	fuse_opt_free_args(&args);
	snprintf(name, sizeof(name), "/dev/fd/%d", fuse_fd);
	if (!session || fuse_session_mount(session, name) < 0)
		return 1;
	fuse_session_loop(session);
	fuse_session_destroy(session);
	return 0;
}

static int read_energy(void *context, unsigned int zone, uint64_t *ret_uj)
{
	return virtual_counters_read(context, zone, clock_boottime_ns(), ret_uj);
}

/* As the agent does it: a loop of its own that asks the mount to go on. */
static int serve_ours(int fuse_fd)
{
	static const uint64_t first_uj = 1, next_uj = 20000000000;
	const struct virtual_sample first = { .measured_uj = &first_uj };
	const struct virtual_sample next = { .measured_uj = &next_uj };
	struct powercap_model model = { 0 };
	struct virtual_counters counters;
	const struct powercap_tree_options options = {
		.layout = POWERCAP_LAYOUT_AUTO,
		.energy_mode = POWERCAP_TREE_ENERGY_MODE,
		.read_energy = read_energy,
		.context = &counters,
	};
	cleanup_powercap_tree struct powercap_tree *tree = NULL;
	cleanup_powercap_mount struct powercap_mount *mount = NULL;

	if (powercap_model_add(
		    &model, "package-0", 262143328850, POWERCAP_ZONE_NO_PARENT) < 0 ||
		virtual_counters_init(&counters, &model, 60000, 600000) < 0 ||
		virtual_counters_sample(&counters, &first, clock_boottime_ns()) < 0 ||
		virtual_counters_sample(&counters, &next, clock_boottime_ns()) < 0 ||
		powercap_tree_new(&model, &options, &tree) < 0 ||
		powercap_mount_new(fuse_fd, tree, &mount) < 0)
		return 1;
	for (;;) {
		struct pollfd wait = { powercap_mount_fd(mount), POLLIN, 0 };

		if (poll(&wait, 1, -1) < 0)
			return 1;
		if (powercap_mount_process(mount) < 0)
			return 0;
	}
}

static int start(const char *dir, int (*serve)(int fuse_fd))
{
	cleanup_close int fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char data[256];
	pid_t server;

	if (fuse_fd < 0 ||
		powercap_session_format_data(fuse_fd, S_IFDIR, NULL, data, sizeof(data)) <
			0 ||
		mount("bench", dir, "fuse", MS_NOSUID | MS_NODEV | MS_NOEXEC, data) < 0)
		return -errno;
	server = fork();
	if (server < 0)
		return -errno;
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(serve(steal_fd(&fuse_fd)));
	}
	return 0;
}

/* Nanoseconds a time, of READS; 0 when one fails. */
static uint64_t time_open_read_close(const char *path)
{
	uint64_t begin_ns = clock_monotonic_ns();
	char text[64];

	for (unsigned int i = 0; i < READS; i++) {
		cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || read(fd, text, sizeof(text)) <= 0)
			return 0;
	}
	return (clock_monotonic_ns() - begin_ns) / READS;
}

static uint64_t time_pread(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t begin_ns = clock_monotonic_ns();
	char text[64];

	for (unsigned int i = 0; i < READS; i++) {
		if (pread(fd, text, sizeof(text), 0) <= 0)
			return 0;
	}
	return (clock_monotonic_ns() - begin_ns) / READS;
}

static int compare_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/*
 * Rounds are taken in turns, so that the machine's moods hit both; the best quarter's
 * last one tells what it costs where nothing else runs.
 */
static int compare(const char *what, uint64_t (*measure)(const char *path),
	const char *ours, const char *plain)
{
	uint64_t ours_ns[ROUNDS], plain_ns[ROUNDS];

	for (unsigned int i = 0; i < ROUNDS; i++) {
		ours_ns[i] = measure(ours);
		plain_ns[i] = measure(plain);
		if (ours_ns[i] == 0 || plain_ns[i] == 0)
			return -EIO;
	}
	qsort(ours_ns, ROUNDS, sizeof(uint64_t), compare_ns);
	qsort(plain_ns, ROUNDS, sizeof(uint64_t), compare_ns);
	printf("%-18s ours %6.2f us   minimal libfuse %6.2f us   ratio %.2f\n", what,
		(double)ours_ns[ROUNDS / 4] / 1000, (double)plain_ns[ROUNDS / 4] / 1000,
		(double)ours_ns[ROUNDS / 4] / (double)plain_ns[ROUNDS / 4]);
	return 0;
}

static int stay_on_this_cpu(void)
{
	int cpu = sched_getcpu();
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET((size_t)cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) < 0 ? -errno : 0;
}

static int run(const char *ours_dir, const char *plain_dir, const char *given)
{
	char ours[128], plain[128];
	int r;

	r = stay_on_this_cpu();
	if (r == 0 && !given)
		r = start(ours_dir, serve_ours);
	if (r == 0)
		r = start(plain_dir, serve_plain);
	if (r < 0)
		return r;
	snprintf(ours, sizeof(ours), "%s/intel-rapl/intel-rapl:0/energy_uj", ours_dir);
	snprintf(plain, sizeof(plain), "%s/energy_uj", plain_dir);
	if (!given)
		given = ours;
	r = compare("open+read+close", time_open_read_close, given, plain);
	if (r == 0)
		r = compare("pread", time_pread, given, plain);
	umount2(ours_dir, MNT_DETACH);
	umount2(plain_dir, MNT_DETACH);
	while (wait(NULL) > 0)
		;
	return r;
}

int main(int argc, char *argv[])
{
	char ours[] = "/tmp/vmpower-bench.XXXXXX", plain[] = "/tmp/vmpower-bench.XXXXXX";
	int r;

	if (unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		fprintf(stderr, "bench_tree: no mount namespace (%s); run it as root\n",
			strerror(errno));
		return 1;
	}
	if (!mkdtemp(ours) || !mkdtemp(plain))
		return 1;
	r = run(ours, plain, argc > 1 ? argv[1] : NULL);
	rmdir(ours);
	rmdir(plain);
	if (r < 0)
		fprintf(stderr, "bench_tree: %s\n", strerror(-r));
	return r < 0;
}
