/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower calibrate. */
#include "host/calibrate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/calibration.h"
#include "host/calibration_file.h"
#include "host/client.h"
#include "host/load.h"
#include "host/procstat.h"
#include "host/progress.h"
#include "host/server_process.h"
#include "host/snapshot.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

/* /proc/PID/comm of the daemon. */
#define HOSTD_NAME "vmpower-hostd"

#define POLL_MS	  500
#define CPUS_MAX  8192
#define NAMES_MAX 5
/* How long hostd may take to use the values: its next tick. */
#define TAKE_MIN_NS (5 * (uint64_t)NSEC_PER_SEC)
#define TAKE_TICKS  3

struct calibrate {
	const struct calibrate_config *config;
	FILE *out;
	struct snapshot *snapshot; /* of the beginning */
	int signal_fd;
	struct procstat procstat;
	struct sample cpus;
	struct load before;
	struct calibration calibration;
	struct progress progress;
};

static void cleanup_calibratep(struct calibrate *calibrate)
{
	snapshot_unref(calibrate->snapshot);
	if (calibrate->signal_fd >= 0)
		close(calibrate->signal_fd);
	procstat_close(&calibrate->procstat);
	sample_deinit(&calibrate->cpus);
	load_deinit(&calibrate->before);
}

/* A sentence on stderr; returns the exit status of a failure. */
__attribute__((__format__(printf, 1, 2))) static int fail(const char *format, ...)
{
	va_list args;

	fputs("vmpower calibrate: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return EXIT_FAILURE;
}

/*
 * Whether hostd reads the file that is to be written. Where that is, the operator says:
 * what runs as root does not write where a daemon with fewer rights wants it to.
 */
static int check_place(const struct calibrate *calibrate)
{
	const char *theirs = calibrate->snapshot->calibration_file;
	cleanup_free char *own = strdup(calibrate->config->file);
	cleanup_free char *other = strdup(theirs);
	struct stat own_st, other_st;

	if (!own || !other)
		return fail("%s", strerror(ENOMEM));
	if (stat(dirname(own), &own_st) < 0 || stat(dirname(other), &other_st) < 0 ||
		own_st.st_dev != other_st.st_dev || own_st.st_ino != other_st.st_ino)
		return fail(
			"vmpower-hostd reads %s, which is not %s; say its --state-dir, "
			"on its host",
			theirs, calibrate->config->file);
	return EXIT_SUCCESS;
}

/* The socket is in a directory of hostd's user, and this may run as root. */
static int signal_hostd(const struct calibrate *calibrate, int number)
{
	cleanup_close int fd = -1;
	int r = server_process_open(calibrate->config->socket, HOSTD_NAME, &fd);

	return r < 0 ? r : server_process_signal(fd, number);
}

/* Whether what is found could be left for hostd: asked before, not after the time. */
static int check_rights(const struct calibrate *calibrate)
{
	const char *path = calibrate->config->file;
	cleanup_free char *copy = strdup(path);
	int r;

	if (!copy)
		return fail("%s", strerror(ENOMEM));
	if (faccessat(AT_FDCWD, dirname(copy), W_OK | X_OK, AT_EACCESS) < 0)
		return fail("cannot write %s: %s; run it as root", path, strerror(errno));
	r = signal_hostd(calibrate, 0);
	if (r == -ENXIO)
		return fail("what serves %s is not " HOSTD_NAME "; stop it, or say "
			    "hostd's --run-dir",
			calibrate->config->socket);
	/* Should hostd end meanwhile, it reads the file when it starts. */
	if (r < 0 && r != -ESRCH)
		return fail("cannot tell vmpower-hostd, which should serve %s: %s; run "
			    "it as root",
			calibrate->config->socket, strerror(-r));
	return EXIT_SUCCESS;
}

/* From now on a signal ends a wait, and nothing else. */
static int take_signals(struct calibrate *calibrate)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	calibrate->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	return calibrate->signal_fd < 0 ? -errno : 0;
}

/* false: a signal came. */
static bool wait_a_while(const struct calibrate *calibrate)
{
	struct pollfd signals = { .fd = calibrate->signal_fd, .events = POLLIN };

	return poll(&signals, 1, POLL_MS) == 0;
}

/* How many CPUs there are; their busy time is in *ret_busy_ns. */
static int read_busy(struct calibrate *calibrate, uint64_t *ret_busy_ns)
{
	int n = procstat_read(&calibrate->procstat, &calibrate->cpus, CPUS_MAX);
	uint64_t sum_ns = 0;

	for (size_t i = 0; n >= 0 && i < CPUS_MAX; i++)
		sum_ns += calibrate->cpus.cpus[i].busy_ns;
	if (n >= 0)
		*ret_busy_ns = sum_ns;
	return n;
}

static int open_host(struct calibrate *calibrate)
{
	const char *procfs = calibrate->config->procfs;
	uint64_t busy_ns;
	int r = take_signals(calibrate);

	if (r == 0)
		r = sample_reserve_cpus(&calibrate->cpus, CPUS_MAX);
	if (r == 0)
		r = procstat_open(&calibrate->procstat, procfs);
	if (r == 0)
		r = load_read(&calibrate->before, procfs);
	if (r == 0)
		r = read_busy(calibrate, &busy_ns);
	if (r < 0)
		return fail(
			"cannot see what this host does in %s: %s", procfs, strerror(-r));
	calibration_init(&calibrate->calibration,
		calibrate->config->duration_s * NSEC_PER_SEC, (size_t)r);
	return EXIT_SUCCESS;
}

static int refuse_busy(struct calibrate *calibrate)
{
	const struct calibration *calibration = &calibrate->calibration;
	double others = calibration_busy_percent(calibration);
	struct load_share shares[NAMES_MAX];
	struct load now = { 0 };
	size_t n = 0;

	fail("the host is not idle: its CPUs were busy for %.0f %% of one hardware "
	     "thread, and more than %.0f %% of %" PRIu64
	     " s is too much; nothing was changed",
		others, calibration_limit_percent(calibration),
		calibrate->config->duration_s);
	if (load_read(&now, calibrate->config->procfs) == 0)
		n = load_compare(&calibrate->before, &now, shares, NAMES_MAX);
	fputs("Busy were, in percent of one hardware thread:\n", stderr);
	load_print(stderr, calibrate->config->procfs, calibrate->snapshot, shares, n);
	for (size_t i = 0; i < n; i++)
		others -= shares[i].percent;
	if (others > 1)
		fprintf(stderr, "  %6.1f %%  others, and what has ended since\n", others);
	fputs("Stop them, or wait until they are done, and try again.\n", stderr);
	load_deinit(&now);
	return EXIT_FAILURE;
}

static void show(struct calibrate *calibrate)
{
	const struct calibration *calibration = &calibrate->calibration;
	uint64_t done_ns = calibration->seen_last_ns - calibration->seen_first_ns;
	char note[128];

	snprintf(note, sizeof(note), "%s %.2f W, busy %.1f %%",
		calibration->zones[0].name,
		(double)calibration_mean_uw(calibration, &calibration->zones[0]) / 1e6,
		calibration_busy_percent(calibration));
	progress_show(&calibrate->progress, done_ns / NSEC_PER_SEC,
		calibrate->config->duration_s, note);
}

/* One look at hostd and at the CPUs. */
static enum calibration_state look(
	struct calibrate *calibrate, char message[CLIENT_ERROR_SIZE])
{
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;
	uint64_t busy_ns;
	int r;

	if (client_get_host(calibrate->config->socket, &snapshot, message) < 0)
		return CALIBRATION_BROKEN;
	r = read_busy(calibrate, &busy_ns);
	if (r < 0) {
		snprintf(message, CLIENT_ERROR_SIZE, "cannot read %s/stat: %s",
			calibrate->config->procfs, strerror(-r));
		return CALIBRATION_BROKEN;
	}
	return calibration_add(
		&calibrate->calibration, snapshot, busy_ns, clock_boottime_ns(), message);
}

static int measure(struct calibrate *calibrate)
{
	enum calibration_state state = CALIBRATION_GOING;
	char message[CLIENT_ERROR_SIZE];
	bool interrupted = false;

	fprintf(calibrate->out,
		"Measuring the idle power of this host for %" PRIu64
		" s. Leave it idle; Ctrl-C changes nothing.\n",
		calibrate->config->duration_s);
	progress_init(&calibrate->progress, calibrate->out);
	while (state == CALIBRATION_GOING && !interrupted) {
		state = look(calibrate, message);
		if (state != CALIBRATION_GOING)
			break;
		show(calibrate);
		interrupted = !wait_a_while(calibrate);
	}
	progress_end(&calibrate->progress);
	if (interrupted)
		return fail("interrupted; nothing was changed");
	if (state == CALIBRATION_BUSY)
		return refuse_busy(calibrate);
	if (state == CALIBRATION_BROKEN)
		return fail("%s; nothing was changed", message);
	return EXIT_SUCCESS;
}

static const struct snapshot_zone *find_zone(
	const struct snapshot *snapshot, const char *name)
{
	for (size_t i = 0; i < snapshot->n_zones; i++) {
		if (strcmp(snapshot->zones[i].name, name) == 0)
			return &snapshot->zones[i];
	}
	return NULL;
}

static void print_zones(const struct calibrate *calibrate)
{
	const struct calibration *calibration = &calibrate->calibration;

	fprintf(calibrate->out, "%-14s %10s %10s %10s   %s\n", "ZONE", "IDLE W", "MEAN W",
		"HIGHEST W", "BEFORE");
	for (size_t i = 0; i < calibration->n_zones; i++) {
		const struct calibration_zone *zone = &calibration->zones[i];
		const struct snapshot_zone *before = find_zone(
			calibrate->snapshot, zone->name);

		fprintf(calibrate->out, "%-14s %10.3f %10.3f %10.3f", zone->name,
			(double)zone->lowest_uw / 1e6,
			(double)calibration_mean_uw(calibration, zone) / 1e6,
			(double)zone->highest_uw / 1e6);
		if (before)
			fprintf(calibrate->out, "   %.3f %s",
				(double)before->idle_uw / 1e6,
				idle_power_origin_name(before->idle_origin));
		fputc('\n', calibrate->out);
	}
	fprintf(calibrate->out,
		"IDLE W is the lowest mean of %u blocks of the time. The CPUs were busy "
		"for\n%.1f %% of one hardware thread (at most %.0f %%).\n",
		calibration->n_blocks, calibration_busy_percent(calibration),
		calibration_limit_percent(calibration));
}

/* Whether hostd goes by what the file says now: by those zones, or with undo by none. */
static bool is_taken(const struct calibrate *calibrate, const struct snapshot *snapshot)
{
	const struct calibration *calibration = &calibrate->calibration;

	for (size_t i = 0; calibrate->config->undo && i < snapshot->n_zones; i++) {
		if (snapshot->zones[i].idle_origin == IDLE_POWER_CALIBRATED)
			return false;
	}
	for (size_t i = 0; i < calibration->n_zones; i++) {
		const struct calibration_zone *zone = &calibration->zones[i];
		const struct snapshot_zone *now = find_zone(snapshot, zone->name);

		if (now && now->idle_origin != IDLE_POWER_CONFIGURED &&
			(now->idle_origin != IDLE_POWER_CALIBRATED ||
				now->idle_uw != zone->lowest_uw))
			return false;
	}
	return true;
}

static void print_configured(
	const struct calibrate *calibrate, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < calibrate->calibration.n_zones; i++) {
		const char *name = calibrate->calibration.zones[i].name;
		const struct snapshot_zone *zone = find_zone(snapshot, name);

		if (zone && zone->idle_origin == IDLE_POWER_CONFIGURED)
			fprintf(calibrate->out,
				"But of %s its configuration says %.3f W, and that wins: "
				"remove idle_w there to use what was measured.\n",
				name, (double)zone->idle_uw / 1e6);
	}
}

/* Tells hostd that the file changed, and waits until that shows. */
static int tell_hostd(const struct calibrate *calibrate)
{
	const char *socket = calibrate->config->socket;
	const char *path = calibrate->config->file;
	uint64_t wait_ns = TAKE_TICKS * calibrate->snapshot->dt_ns, begin_ns;
	char error[CLIENT_ERROR_SIZE];

	if (wait_ns < TAKE_MIN_NS)
		wait_ns = TAKE_MIN_NS;
	if (signal_hostd(calibrate, SIGHUP) < 0)
		return fail("%s is changed, but vmpower-hostd could not be told; restart "
			    "it",
			path);
	begin_ns = clock_monotonic_ns();
	do {
		cleanup_snapshot_unref struct snapshot *snapshot = NULL;

		if (client_get_host(socket, &snapshot, error) == 0 &&
			is_taken(calibrate, snapshot)) {
			fprintf(calibrate->out,
				calibrate->config->undo
					? "Removed %s; vmpower-hostd does without it now.\n"
					: "Written to %s; vmpower-hostd goes by it now.\n",
				path);
			print_configured(calibrate, snapshot);
			return EXIT_SUCCESS;
		}
		if (!wait_a_while(calibrate))
			break;
	} while (clock_monotonic_ns() - begin_ns < wait_ns);
	return fail(
		"%s is changed, but vmpower-hostd does not go by it; see its log, and "
		"restart it",
		path);
}

static int undo(struct calibrate *calibrate)
{
	const char *path = calibrate->config->file;
	int r = take_signals(calibrate);

	if (r < 0)
		return fail("%s", strerror(-r));
	if (unlink(path) == 0)
		return tell_hostd(calibrate);
	if (errno != ENOENT)
		return fail("cannot remove %s: %s", path, strerror(errno));
	fprintf(calibrate->out, "There is no %s; nothing to undo.\n", path);
	return EXIT_SUCCESS;
}

int calibrate_run(FILE *out, const struct calibrate_config *config)
{
	cleanup(cleanup_calibratep) struct calibrate calibrate = {
		.config = config, .out = out, .signal_fd = -1, .procstat.fd = -1
	};
	char error[CLIENT_ERROR_SIZE];
	int status, r;

	if (client_get_snapshot(config->socket, &calibrate.snapshot, NULL, NULL, error) <
		0)
		return fail("%s", error);
	status = check_place(&calibrate);
	if (status == EXIT_SUCCESS)
		status = check_rights(&calibrate);
	if (status == EXIT_SUCCESS && config->undo)
		return undo(&calibrate);
	if (status == EXIT_SUCCESS)
		status = open_host(&calibrate);
	if (status == EXIT_SUCCESS)
		status = measure(&calibrate);
	if (status != EXIT_SUCCESS)
		return status;
	print_zones(&calibrate);
	r = calibration_file_write(config->file, &calibrate.calibration, time(NULL));
	if (r < 0)
		return fail("cannot write %s: %s; nothing was changed", config->file,
			strerror(-r));
	return tell_hostd(&calibrate);
}
