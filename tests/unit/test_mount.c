/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The mounted tree as the kernel shows it, against the same golden text and the
 * errors of a real one. Needs root and /dev/fuse, else it is skipped; all of it is
 * in a mount namespace of its own, so nothing is left behind.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "fuse-powercap/mount.h"
#include "fuse-powercap/session.h"
#include "tests/unit/listing.h"

#define SKIPPED 77
#define BASE	"devices/virtual/powercap/intel-rapl"
#define ZONE	BASE "/intel-rapl:0"
#define ENERGY	ZONE "/energy_uj"

/* Shared with the serving process. */
struct source {
	uint64_t energy_uj; /* 0: what the fixtures have */
	int error;
	unsigned int n_allocations; /* of ours, not of libfuse's */
};

struct fixture {
	char dir[64];
	struct source *source;
	pid_t server;
};

/* Of the serving process. */
static unsigned int *n_allocations;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	if (n_allocations)
		++*n_allocations;
	return __real_malloc(size);
}

static int read_energy(void *context, unsigned int zone, uint64_t *ret_uj)
{
	struct source *source = context;

	if (source->error)
		return source->error;
	if (!source->energy_uj)
		return listing_read_energy(NULL, zone, ret_uj);
	*ret_uj = source->energy_uj;
	return 0;
}

/* Serves until the unmount, which is exit code 0. */
static int serve(int fuse_fd, struct source *source, enum powercap_layout layout,
	unsigned int n_packages)
{
	const struct powercap_model model = listing_model(n_packages);
	const struct powercap_tree_options options = {
		.layout = layout,
		.energy_mode = POWERCAP_TREE_ENERGY_MODE,
		.time_s = 1700000000,
		.read_energy = read_energy,
		.context = source,
	};
	cleanup_powercap_tree struct powercap_tree *tree = NULL;
	cleanup_powercap_mount struct powercap_mount *mount = NULL;
	int r;

	if (powercap_tree_new(&model, &options, &tree) < 0 ||
		powercap_mount_new(fuse_fd, tree, &mount) < 0)
		return 1;
	n_allocations = &source->n_allocations;
	for (;;) {
		struct pollfd wait = { powercap_mount_fd(mount), POLLIN, 0 };

		if (poll(&wait, 1, -1) < 0)
			return 1;
		r = powercap_mount_process(mount);
		if (r < 0)
			return r == -ENODEV ? 0 : 1;
	}
}

static void start(
	struct fixture *fixture, enum powercap_layout layout, unsigned int n_packages)
{
	char data[256];
	int fuse_fd;

	fixture->source->energy_uj = 0;
	fixture->source->error = 0;
	fixture->source->n_allocations = 0;
	fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	assert_true(fuse_fd >= 0);
	assert_true(powercap_session_format_data(
			    fuse_fd, S_IFDIR, NULL, data, sizeof(data)) > 0);
	assert_int_equal(
		mount(POWERCAP_SESSION_SOURCE, fixture->dir, POWERCAP_SESSION_TYPE,
			MS_NOSUID | MS_NODEV | MS_NOEXEC, data),
		0);
	fixture->server = fork();
	assert_true(fixture->server >= 0);
	if (fixture->server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(serve(fuse_fd, fixture->source, layout, n_packages));
	}
	close(fuse_fd);
	assert_int_equal(chdir(fixture->dir), 0);
}

/* Unmounts; returns how the server ended. */
static int stop(struct fixture *fixture)
{
	int status = -1;

	assert_int_equal(chdir("/"), 0);
	assert_int_equal(umount2(fixture->dir, MNT_DETACH), 0);
	/* A failed test may have left a file open, which keeps the server waiting. */
	for (unsigned int i = 0; waitpid(fixture->server, &status, WNOHANG) == 0; i++) {
		if (i == 6000)
			kill(fixture->server, SIGKILL);
		usleep(10000);
	}
	return status;
}

/* The tests change the directory, and the golden text is found by srcdir. */
static int make_srcdir_absolute(void)
{
	const char *srcdir = getenv("srcdir");
	cleanup_free char *path = realpath(srcdir ? srcdir : ".", NULL);

	return path ? setenv("srcdir", path, 1) : -1;
}

static int setup(void **state)
{
	static struct fixture fixture = { .dir = "/tmp/vmpower-test.XXXXXX" };

	if (make_srcdir_absolute() < 0 || unshare(CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	fixture.source = mmap(NULL, sizeof(struct source), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*state = &fixture;
	return fixture.source == MAP_FAILED || !mkdtemp(fixture.dir) ? -1 : 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	/* Only where a test has failed there is still something mounted. */
	if (chdir("/") < 0 || (umount2(fixture->dir, MNT_DETACH) < 0 && errno != EINVAL))
		return -1;
	munmap(fixture->source, sizeof(struct source));
	return rmdir(fixture->dir);
}

static int start_both(void **state)
{
	start(*state, POWERCAP_LAYOUT_BOTH, 2);
	return 0;
}

static int stop_clean(void **state)
{
	return stop(*state) == 0 ? 0 : -1;
}

static const char *read_text(const char *path, char *text, size_t size)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, size - 1);
	if (n < 0 && errno == EIO)
		return "EIO";
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static void list(const char *path, struct listing *listing)
{
	cleanup_closedir DIR *dir = NULL;
	char text[POWERCAP_TREE_TEXT_SIZE] = "", below[512];
	const char *detail = NULL;
	struct dirent *entry;
	struct stat attr;

	assert_int_equal(lstat(path, &attr), 0);
	assert_int_equal(attr.st_blocks, 0);
	assert_int_equal(attr.st_blksize, 4096);
	assert_int_equal(attr.st_uid + attr.st_gid, 0);
	if (S_ISLNK(attr.st_mode)) {
		assert_true(readlink(path, text, sizeof(text) - 1) > 0);
		detail = text;
	} else if (S_ISREG(attr.st_mode)) {
		detail = read_text(path, text, sizeof(text));
	}
	listing_add(listing, path, &attr, detail);
	if (!S_ISDIR(attr.st_mode))
		return;
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		assert_int_equal(lstat(below, &attr), 0);
		assert_int_equal(DTTOIF(entry->d_type), attr.st_mode & S_IFMT);
		assert_true(entry->d_ino == attr.st_ino || !strcmp(entry->d_name, ".."));
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			list(below, listing);
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
	struct listing listing = { 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(*state, cases[i].layout, cases[i].n_packages);
		list(".", &listing);
		listing_check(&listing, cases[i].name);
		assert_int_equal(stop(*state), 0);
	}
}

/* The links lead somewhere through the kernel, too. */
static void test_links(void **state)
{
	static const char *const paths[] = {
		"class/powercap/intel-rapl:1:0/energy_uj",
		"class/powercap/intel-rapl/intel-rapl:1/intel-rapl:1:0/energy_uj",
		"class/powercap/intel-rapl/subsystem/intel-rapl:1:0/energy_uj",
		"class/powercap/intel-rapl:1:0/subsystem/intel-rapl:1:0/energy_uj",
		"class/powercap/intel-rapl:1:0/device/intel-rapl:1:0/energy_uj",
		"class/powercap/intel-rapl:1/device/subsystem/intel-rapl:1:0/energy_uj",
	};
	char text[POWERCAP_TREE_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_string_equal(read_text(paths[i], text, sizeof(text)), "1000301\n");
}

static void assert_read(int fd, const char *expected)
{
	char text[64] = "";
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_int_equal(n, strlen(expected));
	assert_string_equal(text, expected);
}

/* Offset 0 reads anew, on the same fd, whatever the flags; behind it nothing moves. */
static void test_reread(void **state)
{
	static const int flags[] = { O_RDONLY, O_RDONLY | O_SYNC, O_RDONLY | O_NONBLOCK };
	struct fixture *fixture = *state;
	char text[64];

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		cleanup_close int fd = open(ENERGY, flags[i] | O_CLOEXEC);

		fixture->source->energy_uj = 111222;
		assert_int_equal(pread(fd, text, 3, 3), 3); /* before any at offset 0 */
		assert_memory_equal(text, "222", 3);
		fixture->source->energy_uj = 333444;
		assert_read(fd, "333444\n");
		assert_read(fd, "");
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(read(fd, text, 3), 3);
		fixture->source->energy_uj = 5;
		assert_read(fd, "444\n");
		assert_int_equal(pread(fd, text, sizeof(text), 0), 2);
		assert_memory_equal(text, "5\n", 2);
		assert_int_equal(pread(fd, text, sizeof(text), 4096), 0);
	}
}

static void test_stdio(void **state)
{
	struct fixture *fixture = *state;
	cleanup_fclose FILE *file = fopen(ENERGY, "re");
	unsigned long long uj;

	assert_non_null(file);
	for (unsigned int i = 1; i < 4; i++) {
		fixture->source->energy_uj = 1000 * i;
		assert_int_equal(fseek(file, 0, SEEK_SET), 0);
		assert_int_equal(fflush(file), 0);
		assert_int_equal(fscanf(file, "%llu", &uj), 1);
		assert_int_equal(uj, 1000 * i);
	}
}

/* Snapshots are of one open file, not of all. */
static void test_two_readers(void **state)
{
	struct fixture *fixture = *state;
	cleanup_close int a = open(ENERGY, O_RDONLY | O_CLOEXEC);
	cleanup_close int b = open(ENERGY, O_RDONLY | O_CLOEXEC);
	char text[4];

	fixture->source->energy_uj = 111111;
	assert_int_equal(read(a, text, 3), 3);
	fixture->source->energy_uj = 222222;
	assert_read(b, "222222\n");
	assert_read(a, "111\n");
}

static void test_stale(void **state)
{
	struct fixture *fixture = *state;
	cleanup_close int fd = open(ENERGY, O_RDONLY | O_CLOEXEC);
	char text[8];

	assert_read(fd, "1000001\n");
	fixture->source->error = -EIO;
	assert_int_equal(pread(fd, text, sizeof(text), 0), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(pread(fd, text, sizeof(text), 2), -1);
	fixture->source->error = 0;
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_read(fd, "1000001\n");
}

/* What any user may open costs the server nothing that stays. */
static void test_open_is_free(void **state)
{
	static const char *const paths[] = { ZONE "/name", ZONE "/max_energy_range_uj",
		ZONE "/enabled", ZONE "/uevent", ZONE "/power/control",
		ZONE "/constraint_0_power_limit_uw" };
	const struct fixture *fixture = *state;
	cleanup_close int energy = -1;
	char text[8] = "";

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		cleanup_close int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		char byte;

		assert_true(fd >= 0);
		while (read(fd, &byte, 1) == 1)
			;
	}
	assert_int_equal(fixture->source->n_allocations, 0);
	energy = open(ENERGY, O_RDONLY | O_CLOEXEC);
	assert_true(energy >= 0);
	assert_int_equal(fixture->source->n_allocations, 1);
	/* In parts, also without the first. */
	close(steal_fd(&energy));
	energy = open(ZONE "/name", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(energy, text, 4, 3), 4);
	assert_string_equal(text, "kage");
	assert_int_equal(pread(energy, text, 4, 8), 2);
	assert_int_equal(pread(energy, text, 4, 100), 0);
}

static void test_poll(void **state)
{
	cleanup_close int fd = open(ENERGY, O_RDONLY | O_CLOEXEC);
	struct pollfd wait = { fd, POLLIN, 0 };

	(void)state;
	assert_int_equal(poll(&wait, 1, 1000), 1);
	assert_int_equal(wait.revents, POLLIN);
}

static void test_open(void **state)
{
	static const struct {
		const char *path;
		int flags;
		int error;
	} cases[] = {
		{ ENERGY, O_RDONLY, 0 },
		{ ENERGY, O_WRONLY, EACCES },
		{ ENERGY, O_RDWR, EACCES },
		{ ENERGY, O_WRONLY | O_TRUNC, EACCES },
		{ ENERGY, O_RDONLY | O_CREAT, 0 },
		{ ENERGY, O_RDONLY | O_DIRECT, EINVAL },
		{ ENERGY, O_WRONLY | O_DIRECT, EACCES },
		/* Neither to read nor to write, as the kernel has it. */
		{ ENERGY, O_ACCMODE, 0 },
		{ ZONE "/name", O_RDWR, EACCES },
		{ ZONE "/constraint_0_max_power_uw", O_WRONLY, EACCES },
		{ ZONE "/constraint_0_power_limit_uw", O_RDWR, 0 },
		{ ZONE "/enabled", O_WRONLY | O_TRUNC, 0 },
		{ ZONE "/enabled", O_WRONLY | O_CREAT | O_TRUNC, 0 },
		{ ZONE "/enabled", O_RDONLY | O_CREAT | O_EXCL, EEXIST },
		{ ZONE "/new", O_RDWR | O_CREAT, EACCES },
		{ ZONE "/new", O_RDONLY, ENOENT },
		{ BASE "/intel-rapl:2/name", O_RDONLY, ENOENT },
		{ ZONE, O_RDWR, EISDIR },
		{ ZONE "/device", O_RDONLY | O_NOFOLLOW, ELOOP },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_close int fd = open(
			cases[i].path, cases[i].flags | O_CLOEXEC, 0600);
		int error = fd < 0 ? errno : 0;

		if (error != cases[i].error)
			fail_msg("case %zu (%s): %s", i, cases[i].path, strerror(error));
	}
}

static void test_write(void **state)
{
	static const struct {
		const char *path, *data;
		size_t len, taken;
		off_t offset;
		int error;
	} cases[] = {
		{ BASE "/enabled", "1\n", 2, 2, 0, ENOSYS },
		{ BASE "/enabled", "x\n", 2, 2, 0, EINVAL },
		{ ZONE "/constraint_0_power_limit_uw", "1000\n", 5, 5, 0, ENODATA },
		{ ZONE "/constraint_0_power_limit_uw", "1000", 24, 24, 0, ENODATA },
		{ ZONE "/constraint_0_time_window_us", "ten", 1024, 1024, 0, EINVAL },
		{ ZONE "/power/control", "auto\n", 5, 5, 0, 0 },
		{ ZONE "/power/control", "on", 24, 24, 0, 0 },
		{ ZONE "/power/control", "on\nrubbish", 1024, 1024, 0, EINVAL },
		{ ZONE "/power/control", "on\n", 1024, 1024, 0, 0 },
		{ ZONE "/power/control", "on", 2, 2, 100, 0 },
		{ ZONE "/power/control", "on", 4098, 4096, 0, 0 },
		{ ZONE "/uevent", "change", 6, 6, 0, 0 },
	};
	/* The data crosses a page. */
	char *pages = mmap(
		NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *data = pages + 4094, text[64];
	struct stat attr;

	(void)state;
	assert_true(pages != MAP_FAILED);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_close int fd = open(
			cases[i].path, O_WRONLY | O_TRUNC | O_CLOEXEC);
		ssize_t n;

		memset(pages, 0, 8192);
		memcpy(data, cases[i].data, strlen(cases[i].data));
		n = pwrite(fd, data, cases[i].len, cases[i].offset);
		if (n < 0 ? errno != cases[i].error
			  : cases[i].error != 0 || n != (ssize_t)cases[i].taken)
			fail_msg("case %zu (%s): %zd %s", i, cases[i].path, n,
				n < 0 ? strerror(errno) : "");
		assert_int_equal(stat(cases[i].path, &attr), 0);
		assert_int_equal(attr.st_size, 4096);
	}
	munmap(pages, 8192);
	assert_string_equal(read_text(ZONE "/power/control", text, sizeof(text)), "on\n");
}

static void assert_fails(int r, int error)
{
	assert_int_equal(r, -1);
	assert_int_equal(errno, error);
}

/* What opening path gives to a user who owns nothing. */
static int open_as_nobody(const char *path, int flags)
{
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(255);
		_exit(open(path, flags | O_CLOEXEC) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_truncate(void **state)
{
	struct stat attr;

	(void)state;
	assert_int_equal(truncate(ENERGY, 0), 0);
	assert_int_equal(truncate(ZONE "/enabled", 9999), 0);
	assert_fails(truncate(ENERGY, INT64_C(1) << 31), EFBIG);
	assert_int_equal(stat(ENERGY, &attr), 0);
	assert_int_equal(attr.st_size, 4096);
	assert_int_equal(stat(ZONE "/enabled", &attr), 0);
	assert_int_equal(attr.st_size, 4096);
	/* It takes the setuid bit, too, and the kernel asks for attributes on the way. */
	assert_int_equal(chmod(ZONE "/enabled", 04666), 0);
	assert_int_equal(open_as_nobody(ZONE "/enabled", O_WRONLY | O_TRUNC), 0);
	assert_int_equal(stat(ZONE "/enabled", &attr), 0);
	assert_int_equal(attr.st_size, 4096);
	assert_int_equal(attr.st_mode, S_IFREG | 0666);
}

static void test_namespace(void **state)
{
	cleanup_close int fd = open(ZONE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_fails(fsync(fd), EINVAL);
	assert_fails(mkdir(ZONE "/new", 0755), EPERM);
	assert_fails(mkdir(ZONE "/name", 0755), EEXIST);
	assert_fails(rmdir(ZONE "/power"), EPERM);
	assert_fails(unlink(ENERGY), EPERM);
	assert_fails(unlink(ZONE "/device"), EPERM);
	assert_fails(symlink("x", ZONE "/new"), EPERM);
	assert_fails(link(ENERGY, ZONE "/new"), EPERM);
	assert_fails(rename(ENERGY, ZONE "/new"), EPERM);
	assert_fails(rename(ENERGY, ZONE "/name"), EPERM);
	assert_fails(renameat2(AT_FDCWD, ENERGY, AT_FDCWD, ZONE "/name", RENAME_EXCHANGE),
		EINVAL);
	assert_fails(mknod(ZONE "/new", S_IFREG | 0600, 0), EACCES);
	assert_fails(mknod(ZONE "/new", S_IFCHR | 0600, makedev(1, 3)), EPERM);
}

static void test_permissions(void **state)
{
	struct stat attr;

	(void)state;
	assert_int_equal(open_as_nobody(ZONE "/name", O_RDONLY), 0);
	assert_int_equal(open_as_nobody(ENERGY, O_RDONLY), EACCES);
	assert_int_equal(chmod(ENERGY, 0444), 0);
	assert_int_equal(open_as_nobody(ENERGY, O_RDONLY), 0);
	assert_int_equal(chmod(ENERGY, 0440), 0);
	assert_int_equal(open_as_nobody(ENERGY, O_RDONLY), EACCES);
	assert_int_equal(chown(ENERGY, (uid_t)-1, 65534), 0);
	assert_int_equal(open_as_nobody(ENERGY, O_RDONLY), 0);
	assert_int_equal(stat(ENERGY, &attr), 0);
	assert_int_equal(attr.st_mode, S_IFREG | 0440);
	assert_int_equal(attr.st_uid, 0);
	assert_int_equal(attr.st_gid, 65534);
	assert_int_equal(chmod(ENERGY, 0), 0);
	assert_fails(open(ENERGY, O_RDONLY | O_CLOEXEC), EACCES);
}

static void test_server_killed(void **state)
{
	struct fixture *fixture = *state;
	cleanup_close int fd = -1;
	siginfo_t info;
	char text[8];

	start(fixture, POWERCAP_LAYOUT_AUTO, 1);
	fd = open("intel-rapl/intel-rapl:0/energy_uj", O_RDONLY | O_CLOEXEC);
	assert_read(fd, "1000001\n");
	assert_int_equal(kill(fixture->server, SIGKILL), 0);
	assert_int_equal(
		waitid(P_PID, (id_t)fixture->server, &info, WEXITED | WNOWAIT), 0);
	assert_fails((int)pread(fd, text, sizeof(text), 0), ENOTCONN);
	close(steal_fd(&fd));
	assert_true(WIFSIGNALED(stop(fixture)));
}

static void test_data(void **state)
{
	static const char plain[] =
		"fd=9,rootmode=40000,user_id=0,group_id=0,allow_other,"
		"default_permissions";
	static const char labelled[] =
		"fd=9,rootmode=40000,user_id=0,group_id=0,allow_other,"
		"default_permissions,context=\"system_u:object_r:sysfs_t:s0:c1,c2\"";
	const char *context = "system_u:object_r:sysfs_t:s0:c1,c2";
	char data[256];

	(void)state;
	assert_int_equal(
		powercap_session_format_data(9, S_IFDIR, NULL, data, sizeof(data)),
		sizeof(plain) - 1);
	assert_string_equal(data, plain);
	assert_int_equal(
		powercap_session_format_data(9, S_IFDIR, context, data, sizeof(data)),
		sizeof(labelled) - 1);
	assert_string_equal(data, labelled);
	assert_int_equal(
		powercap_session_format_data(9, S_IFDIR, "a\",dev", data, sizeof(data)),
		-EINVAL);
	assert_int_equal(
		powercap_session_format_data(9, S_IFDIR, NULL, data, sizeof(plain) - 1),
		-ENAMETOOLONG);
	assert_int_equal(
		powercap_session_format_data(9, S_IFDIR, NULL, data, sizeof(plain)),
		sizeof(plain) - 1);
}

static void test_bad_fd(void **state)
{
	struct powercap_mount *mount = NULL;

	(void)state;
	assert_true(powercap_mount_new(-1, NULL, &mount) < 0);
	assert_true(powercap_mount_new(1000000, NULL, &mount) < 0);
	assert_null(mount);
	assert_null(powercap_mount_free(NULL));
}

#define mounted_test(f) cmocka_unit_test_setup_teardown(f, start_both, stop_clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_bad_fd),
		cmocka_unit_test(test_golden),
		mounted_test(test_links),
		mounted_test(test_reread),
		mounted_test(test_stdio),
		mounted_test(test_two_readers),
		mounted_test(test_stale),
		mounted_test(test_open_is_free),
		mounted_test(test_poll),
		mounted_test(test_open),
		mounted_test(test_write),
		mounted_test(test_truncate),
		mounted_test(test_namespace),
		mounted_test(test_permissions),
		cmocka_unit_test(test_server_killed),
	};

	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0)
		return SKIPPED;
	return cmocka_run_group_tests(tests, setup, teardown);
}
