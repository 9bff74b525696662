/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A simulated RAPL, for tests on machines that have none: a sysfs root whose energy is
 * a known function of the CPU time really used,
 *
 *     energy of a package = idle watts x time + busy watts x busy seconds of its CPUs
 *
 * (dram alike, with watts of its own), and a file that says what is true. It knows
 * nothing of how vmpower-hostd measures, and shares no code of its with it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/number.h"
#include "shared/rooted.h"
#include "tests/simrapl/cpus.h"
#include "tests/simrapl/domains.h"
#include "tests/simrapl/energy.h"
#include "tests/simrapl/tree.h"

#define SCAN_INTERVAL_NS (200 * (uint64_t)NSEC_PER_MSEC)
#define STAT_SIZE	 (256 * 1024)
#define MAX_WATTS	 100000.0

static const char *const kind_names[TREE_N_KINDS] = { "package", "dram" };

struct options {
	const char *dir;
	const char *truth;
	const char *packages;
	const char *sysfs;
	const char *procfs;
	uint64_t idle_uw[TREE_N_KINDS];
	uint64_t busy_uw[TREE_N_KINDS];
	struct tree_limits limits[TREE_N_KINDS];
	uint64_t initial_uj;
	uint64_t interval_ms;
	uint64_t truth_ms;
};

struct simulation {
	const struct options *options;
	struct cpus cpus;
	struct tree tree;
	struct domains domains;
	FILE *truth; /* or NULL */
	uint64_t start_ns, next_scan_ns, next_truth_ns;
	uint64_t start_busy_ns[CPUS_MAX_PACKAGES];
	/* Since the start. */
	uint64_t time_ns;
	uint64_t busy_ns[CPUS_MAX_PACKAGES];
	char stat[STAT_SIZE];
};

static const char usage[] =
	"Usage: simrapl --dir DIR [OPTION...]\n"
	"Keep a sysfs root in DIR, whose RAPL energy follows the CPU time of this "
	"machine.\n"
	"\n"
	"  --packages P,P,...      the package of each CPU (default: the machine's)\n"
	"  --idle-w, --busy-w W    idle watts a package, watts a busy second (10, 20)\n"
	"  --dram-idle-w, --dram-busy-w W                                    (2, 3)\n"
	"  --range-uj UJ           counters start again behind it (262143328850)\n"
	"  --dram-range-uj UJ      (65712999613)\n"
	"  --max-power-uw, --dram-max-power-uw UW                   (150, 122 W)\n"
	"  --initial-uj UJ         what counters start at (0)\n"
	"  --interval-ms MS        between updates, 1 to 20 (10)\n"
	"  --truth FILE            append a JSON line with what is true\n"
	"  --truth-ms MS           between those lines (100)\n"
	"  --sysfs DIR, --procfs DIR                       (/sys, /proc)\n"
	"\n"
	"It says \"ready\" when the tree is there, and ends with its parent, or on "
	"SIGTERM.\n";

/* What an option's argument is, and where it goes. */
static const struct setting {
	const char *name;
	enum { TEXT, WATTS, NUMBER } kind;
	size_t offset;
	uint64_t min, max;
} settings[] = {
#define AT(member) offsetof(struct options, member)
	{ "dir", TEXT, AT(dir), 0, 0 },
	{ "truth", TEXT, AT(truth), 0, 0 },
	{ "packages", TEXT, AT(packages), 0, 0 },
	{ "sysfs", TEXT, AT(sysfs), 0, 0 },
	{ "procfs", TEXT, AT(procfs), 0, 0 },
	{ "idle-w", WATTS, AT(idle_uw[TREE_PACKAGE]), 0, 0 },
	{ "busy-w", WATTS, AT(busy_uw[TREE_PACKAGE]), 0, 0 },
	{ "dram-idle-w", WATTS, AT(idle_uw[TREE_DRAM]), 0, 0 },
	{ "dram-busy-w", WATTS, AT(busy_uw[TREE_DRAM]), 0, 0 },
	{ "range-uj", NUMBER, AT(limits[TREE_PACKAGE].range_uj), 1, UINT64_MAX },
	{ "dram-range-uj", NUMBER, AT(limits[TREE_DRAM].range_uj), 1, UINT64_MAX },
	{ "max-power-uw", NUMBER, AT(limits[TREE_PACKAGE].max_power_uw), 0, UINT64_MAX },
	{ "dram-max-power-uw", NUMBER, AT(limits[TREE_DRAM].max_power_uw), 0,
		UINT64_MAX },
	{ "initial-uj", NUMBER, AT(initial_uj), 0, UINT64_MAX / 2 },
	{ "interval-ms", NUMBER, AT(interval_ms), 1, 20 },
	{ "truth-ms", NUMBER, AT(truth_ms), 1, 60000 },
#undef AT
};

#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int set(
	struct options *options, const struct setting *setting, const char *argument)
{
	void *place = (char *)options + setting->offset;
	double watts;
	int r;

	switch (setting->kind) {
	case TEXT:
		*(const char **)place = argument;
		return 0;
	case NUMBER:
		return number_parse_range(argument, setting->min, setting->max, place);
	case WATTS:
		r = number_parse_double(argument, MAX_WATTS, &watts);
		if (r == 0)
			*(uint64_t *)place = (uint64_t)(watts * 1e6 + 0.5);
		return r;
	}
	return -EINVAL;
}

/* 0, or the status to exit with (+1, so that success is not 0). */
static int parse_options(int argc, char **argv, struct options *options)
{
	struct option list[N_SETTINGS + 2] = { 0 };
	int i;

	for (size_t s = 0; s < N_SETTINGS; s++)
		list[s] = (struct option){ settings[s].name, required_argument, NULL,
			(int)s };
	list[N_SETTINGS] = (struct option){ "help", no_argument, NULL, N_SETTINGS };
	while ((i = getopt_long(argc, argv, "", list, NULL)) >= 0) {
		if (i == N_SETTINGS) {
			fputs(usage, stdout);
			return 1;
		}
		if (i == '?')
			return 3;
		if (set(options, &settings[i], optarg) < 0) {
			log_error("--%s %s: not a number in its range", settings[i].name,
				optarg);
			return 3;
		}
	}
	if (!options->dir || optind != argc) {
		fputs(usage, stderr);
		return 3;
	}
	return 0;
}

static int read_busy(struct simulation *s, uint64_t ret_busy_ns[CPUS_MAX_PACKAGES])
{
	uint64_t ns_per_tick = NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	ssize_t n = rooted_read(s->options->procfs, s->stat, sizeof(s->stat), "stat");

	if (n < 0)
		return (int)n;
	return cpus_parse_busy(&s->cpus, s->stat, ns_per_tick, ret_busy_ns);
}

static uint64_t idle_uj(const struct simulation *s, enum tree_kind kind)
{
	return energy_of_uj(s->options->idle_uw[kind], s->time_ns);
}

static uint64_t dynamic_uj(
	const struct simulation *s, enum tree_kind kind, uint64_t busy_ns)
{
	return energy_of_uj(s->options->busy_uw[kind], busy_ns);
}

static int show_energy(const struct simulation *s)
{
	int r = 0;

	for (unsigned p = 0; p < s->cpus.n_packages; p++) {
		for (int k = 0; k < TREE_N_KINDS && r == 0; k++) {
			enum tree_kind kind = (enum tree_kind)k;
			uint64_t total_uj = s->options->initial_uj + idle_uj(s, kind) +
					    dynamic_uj(s, kind, s->busy_ns[p]);

			r = tree_set_energy(&s->tree, p, kind,
				energy_wrap_uj(total_uj, s->options->limits[k].range_uj));
		}
	}
	return r;
}

static void write_zones(const struct simulation *s)
{
	for (unsigned p = 0; p < s->cpus.n_packages; p++) {
		for (int k = 0; k < TREE_N_KINDS; k++) {
			uint64_t idle = idle_uj(s, (enum tree_kind)k);
			uint64_t dynamic = dynamic_uj(
				s, (enum tree_kind)k, s->busy_ns[p]);

			fprintf(s->truth,
				"%s\"%s-%u\":{\"total_uj\":%" PRIu64
				",\"idle_uj\":%" PRIu64 ",\"dynamic_uj\":%" PRIu64 "}",
				p || k ? "," : "", kind_names[k], s->cpus.package_id[p],
				idle + dynamic, idle, dynamic);
		}
	}
}

static void write_domain(const struct simulation *s, const struct domain *domain)
{
	char uuid[UUID_TEXT_SIZE];

	uuid_format(&domain->uuid, uuid);
	fprintf(s->truth, "\"%s\":{\"pid\":%d,\"cpu_ns\":[", uuid, domain->pid);
	for (unsigned p = 0; p < s->cpus.n_packages; p++)
		fprintf(s->truth, "%s%" PRIu64, p ? "," : "", domain->cpu_ns[p]);
	fputs("],\"dynamic_uj\":{", s->truth);
	for (unsigned p = 0; p < s->cpus.n_packages; p++) {
		for (int k = 0; k < TREE_N_KINDS; k++)
			fprintf(s->truth, "%s\"%s-%u\":%" PRIu64, p || k ? "," : "",
				kind_names[k], s->cpus.package_id[p],
				dynamic_uj(s, (enum tree_kind)k, domain->cpu_ns[p]));
	}
	fputs("}}", s->truth);
}

static int write_truth(const struct simulation *s)
{
	fprintf(s->truth, "{\"t_ns\":%" PRIu64 ",\"zones\":{", s->start_ns + s->time_ns);
	write_zones(s);
	fputs("},\"busy_ns\":[", s->truth);
	for (unsigned p = 0; p < s->cpus.n_packages; p++)
		fprintf(s->truth, "%s%" PRIu64, p ? "," : "", s->busy_ns[p]);
	fputs("],\"domains\":{", s->truth);
	for (size_t i = 0; i < s->domains.count; i++) {
		fputs(i ? "," : "", s->truth);
		write_domain(s, &s->domains.list[i]);
	}
	fputs("}}\n", s->truth);
	return fflush(s->truth) < 0 ? -errno : 0;
}

static int simulation_step(struct simulation *s)
{
	uint64_t busy_ns[CPUS_MAX_PACKAGES], now_ns = clock_boottime_ns();
	bool truth_due = s->truth && now_ns >= s->next_truth_ns;
	int r;

	r = read_busy(s, busy_ns);
	if (r < 0)
		return r;
	s->time_ns = now_ns - s->start_ns;
	for (unsigned p = 0; p < s->cpus.n_packages; p++) {
		/* The kernel lets it go back a tick now and then; energy never does. */
		if (busy_ns[p] - s->start_busy_ns[p] > s->busy_ns[p])
			s->busy_ns[p] = busy_ns[p] - s->start_busy_ns[p];
	}
	r = show_energy(s);
	if (r == 0 && s->truth && now_ns >= s->next_scan_ns) {
		s->next_scan_ns = now_ns + SCAN_INTERVAL_NS;
		r = domains_scan(&s->domains);
	}
	if (truth_due || (s->truth && s->cpus.n_packages > 1))
		domains_update(&s->domains);
	if (r == 0 && truth_due) {
		s->next_truth_ns = now_ns + s->options->truth_ms * NSEC_PER_MSEC;
		r = write_truth(s);
	}
	return r;
}

static int simulation_init(struct simulation *s, const struct options *options)
{
	int r;

	s->options = options;
	s->tree.fd = -1;
	if (options->packages)
		r = cpus_parse(options->packages, &s->cpus);
	else
		r = cpus_read(options->sysfs, &s->cpus);
	if (r < 0) {
		log_error("the packages of the CPUs: %s", strerror(-r));
		return r;
	}
	r = read_busy(s, s->start_busy_ns);
	if (r < 0) {
		log_error("%s/stat: %s; does --packages name each CPU?", options->procfs,
			strerror(-r));
		return r;
	}
	s->start_ns = clock_boottime_ns();
	r = tree_init(&s->tree, options->dir, &s->cpus, options->limits);
	if (r < 0) {
		log_error("making %s: %s", options->dir, strerror(-r));
		return r;
	}
	if (!options->truth)
		return 0;
	s->truth = fopen(options->truth, "we");
	r = s->truth ? domains_init(&s->domains, options->procfs, &s->cpus) : -errno;
	if (r < 0)
		log_error("%s, or cgroup v2 in %s/mounts: %s", options->truth,
			options->procfs, strerror(-r));
	return r;
}

static void simulation_deinit(struct simulation *s)
{
	domains_deinit(&s->domains);
	cleanup_fclosep(&s->truth);
	tree_deinit(&s->tree);
}

static int open_timer(uint64_t interval_ms)
{
	struct timespec interval = { .tv_nsec = (long)(interval_ms * NSEC_PER_MSEC) };
	struct itimerspec spec = { .it_interval = interval, .it_value = interval };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (fd >= 0)
		timerfd_settime(fd, 0, &spec, NULL);
	return fd;
}

static int open_signals(void)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGINT);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	return signalfd(-1, &ending, SFD_CLOEXEC);
}

/* Until a signal; 0, or -errno. */
static int simulation_run(struct simulation *s)
{
	cleanup_close int signals = open_signals();
	cleanup_close int timer = open_timer(s->options->interval_ms);
	struct pollfd fds[] = { { timer, POLLIN, 0 }, { signals, POLLIN, 0 } };
	uint64_t expired;

	if (signals < 0 || timer < 0)
		return -errno;
	while (poll(fds, 2, -1) >= 0 && !fds[1].revents) {
		int r = simulation_step(s);

		if (r < 0)
			return r;
		if (read(timer, &expired, sizeof(expired)) < 0)
			return -errno;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = {
		.sysfs = "/sys",
		.procfs = "/proc",
		.idle_uw = { 10000000, 2000000 },
		.busy_uw = { 20000000, 3000000 },
		.limits = { { 262143328850, 150000000 }, { 65712999613, 122000000 } },
		.interval_ms = 10,
		.truth_ms = 100,
	};
	static struct simulation simulation;
	int r;

	r = parse_options(argc, argv, &options);
	if (r > 0)
		return r - 1;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* A real counter does not wait for a CPU. Only root may; others do without. */
	(void)setpriority(PRIO_PROCESS, 0, -20);
	umask(022);
	r = simulation_init(&simulation, &options);
	if (r == 0)
		r = simulation_step(&simulation);
	if (r == 0) {
		puts("ready");
		fflush(stdout);
		r = simulation_run(&simulation);
	}
	simulation_deinit(&simulation);
	if (r < 0)
		log_error("simrapl ends: %s", strerror(-r));
	return r < 0;
}
