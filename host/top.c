/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Options of vmpower top, and its loops; what is shown is host/top_render.h's. */
#include "config.h"

#include "host/top.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "host/client.h"
#include "host/command_settings.h"
#include "host/snapshot_json.h"
#include "host/top_feed.h"
#include "host/top_frame.h"
#include "host/top_model.h"
#include "host/top_render.h"
#include "host/top_screen.h"
#include "host/top_view.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/number.h"

#define WIDTH_DEFAULT  80
#define WIDTH_MAX      1000
#define INTERVAL_MIN_S 0.1
#define INTERVAL_MAX_S 3600.0

/* How often the age of what is shown is looked at. */
#define REFRESH_MS 1000

struct settings {
	struct command_settings common; /* first, see host/command_settings.h */
	bool once;
	double interval_s; /* 0: each tick */
	enum top_sort sort;
};

struct top {
	const struct settings *settings;
	char *socket; /* owned */
	char host_name[256];
	char clock[16];
	char error[CLIENT_ERROR_SIZE];
	int signal_fd;
	int ended_by; /* the signal; 0: none */
	struct top_feed *feed;
	struct top_model *model;
	struct top_view view;
	struct top_frame frame;
};

static int set_once(void *settings, const char *value, const char **ret_expected)
{
	(void)value;
	(void)ret_expected;
	((struct settings *)settings)->once = true;
	return 0;
}

static int set_interval(void *settings, const char *value, const char **ret_expected)
{
	char *end;
	double seconds = strtod(value, &end);

	*ret_expected = "0.1..3600 seconds";
	if (end == value || *end ||
		!(seconds >= INTERVAL_MIN_S && seconds <= INTERVAL_MAX_S))
		return -EINVAL;
	((struct settings *)settings)->interval_s = seconds;
	return 0;
}

static int set_sort(void *settings, const char *value, const char **ret_expected)
{
	*ret_expected = "name, vcpus, cpu, dynamic, idle, watts, joules or link";
	return top_sort_parse(value, &((struct settings *)settings)->sort) ? 0 : -EINVAL;
}

static const struct option_spec specs[] = {
	{ "interval", "SECONDS", "no more often than so (each tick)", set_interval,
		true },
	{ "sort", "KEY",
		"by name, vcpus, cpu, dynamic, idle, watts, joules or link (watts)",
		set_sort, true },
	{ "once", NULL, "print the table once, without a terminal", set_once, true },
};

/* A sentence on stderr; returns the exit status of a failure. */
static int fail(const char *error)
{
	fprintf(stderr, "vmpower top: %s\n", error);
	return EXIT_FAILURE;
}

static void cleanup_topp(struct top *top)
{
	top_feed_stop(top->feed);
	top_model_free(top->model);
	top_frame_deinit(&top->frame);
	if (top->signal_fd >= 0)
		close(top->signal_fd);
	free(top->socket);
}

static int init(struct top *top, const struct settings *settings)
{
	*top = (struct top){
		.settings = settings,
		.signal_fd = -1,
		.view = { .sort = settings->sort,
			.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 },
	};
	top->view.host_name = top->host_name;
	top->view.clock = top->clock;
	if (gethostname(top->host_name, sizeof(top->host_name) - 1) < 0)
		strcpy(top->host_name, "?");
	if (asprintf(&top->socket, "%s/hostd.sock",
		    settings->common.paths[COMMAND_RUN_DIR]) < 0) {
		top->socket = NULL;
		return -ENOMEM;
	}
	return top_model_new(&top->model);
}

static void set_clock(struct top *top, const struct snapshot *snapshot)
{
	time_t seconds = (time_t)(snapshot->time_ns / NSEC_PER_SEC);
	struct tm local;

	if (!localtime_r(&seconds, &local) ||
		strftime(top->clock, sizeof(top->clock), "%H:%M:%S", &local) == 0)
		strcpy(top->clock, "--:--:--");
}

static int take_snapshot(struct top *top, const struct snapshot *snapshot)
{
	int r = top_model_update(top->model, snapshot);

	if (r < 0)
		return r;
	set_clock(top, snapshot);
	top_view_arrange(&top->view, top->model);
	return 0;
}

/* A whole line, or none: signals wait until it is written. */
static int print_json(const struct snapshot *snapshot)
{
	cJSON *document = snapshot_json_join(
		snapshot_json_host(snapshot), snapshot_json_domains(snapshot));
	cleanup_free char *text = document ? cJSON_PrintUnformatted(document) : NULL;

	cJSON_Delete(document);
	if (!text)
		return -ENOMEM;
	if (puts(text) == EOF || fflush(stdout) == EOF)
		return -errno;
	return 0;
}

static size_t print_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t width;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	if (columns && number_parse_range(columns, 1, WIDTH_MAX, &width) == 0)
		return (size_t)width;
	return WIDTH_DEFAULT;
}

static int print_table(struct top *top)
{
	size_t width = print_width();
	int r = top_frame_reset(
		&top->frame, width, top_render_height(top->model, &top->view, width));

	if (r == 0)
		top_frame_print(stdout, &top->frame,
			top_render(top->model, &top->view, &top->frame));
	return r;
}

static int run_once(struct top *top)
{
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;
	int r;

	if (client_get_snapshot(top->socket, &snapshot, NULL, NULL, top->error) < 0)
		return fail(top->error);
	if (top->settings->common.json)
		r = print_json(snapshot);
	else
		r = take_snapshot(top, snapshot);
	if (r == 0 && !top->settings->common.json)
		r = print_table(top);
	return r < 0 ? fail(strerror(-r)) : EXIT_SUCCESS;
}

/* From now on signals come by signal_fd. */
static int take_signals(struct top *top)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH,
		SIGTSTP, SIGCONT };
	sigset_t signals;

	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&signals, numbers[i]);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return -errno;
	top->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return top->signal_fd < 0 ? -errno : 0;
}

/* The next signal that waits; 0: none. */
static int next_signal(const struct top *top)
{
	struct signalfd_siginfo info;

	return read(top->signal_fd, &info, sizeof(info)) == sizeof(info)
		       ? (int)info.ssi_signo
		       : 0;
}

static int start(struct top *top)
{
	int r = take_signals(top);

	return r < 0 ? r
		     : top_feed_start(top->socket,
			       (uint64_t)(top->settings->interval_s * NSEC_PER_SEC),
			       &top->feed);
}

/* Ends as whoever was sent the signal and did not take it. */
static int end(const struct top *top, int status)
{
	sigset_t signals;

	if (!top->ended_by)
		return status;
	fflush(stdout);
	signal(top->ended_by, SIG_DFL);
	raise(top->ended_by);
	sigemptyset(&signals);
	sigaddset(&signals, top->ended_by);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	return EXIT_FAILURE;
}

/* false: it is to end. Without a terminal a stop is like any other. */
static bool pass_signals(struct top *top)
{
	for (int number; (number = next_signal(top)) != 0;) {
		if (number == SIGTSTP)
			raise(SIGSTOP);
		else if (number != SIGWINCH && number != SIGCONT)
			top->ended_by = number;
	}
	return top->ended_by == 0;
}

/* What has changed of hostd goes to stderr, once. */
static int follow_json(struct top *top)
{
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;
	char error[CLIENT_ERROR_SIZE];

	top_feed_take(top->feed, &snapshot, error);
	if (error[0] && strcmp(error, top->error) != 0)
		fail(error);
	strcpy(top->error, error);
	return snapshot ? print_json(snapshot) : 0;
}

static int run_json(struct top *top)
{
	int r = start(top);

	while (r == 0) {
		struct pollfd fds[] = {
			{ .fd = top->signal_fd, .events = POLLIN },
			{ .fd = top_feed_fd(top->feed), .events = POLLIN },
		};

		poll(fds, 2, -1);
		if (!pass_signals(top))
			return EXIT_SUCCESS;
		r = follow_json(top);
	}
	return fail(strerror(-r));
}

static int follow_feed(struct top *top)
{
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;

	top_feed_take(top->feed, &snapshot, top->error);
	top->view.trouble = top->error[0] ? top->error : NULL;
	return snapshot ? take_snapshot(top, snapshot) : 0;
}

static int draw(struct top *top)
{
	const struct snapshot *snapshot = top_model_snapshot(top->model);
	size_t width, height;
	int r;

	top_screen_size(&width, &height);
	r = top_frame_reset(&top->frame, width, height);
	if (r < 0)
		return r;
	if (snapshot) {
		uint64_t now_ns = clock_boottime_ns();

		top->view.age_ns = now_ns > snapshot->boottime_ns
					   ? now_ns - snapshot->boottime_ns
					   : 0;
	}
	top_render(top->model, &top->view, &top->frame);
	top_screen_draw(&top->frame);
	return 0;
}

/* false: it is to end. */
static bool take_screen_signals(struct top *top)
{
	for (int number; (number = next_signal(top)) != 0;) {
		if (number == SIGTSTP) {
			top_screen_leave();
			raise(SIGSTOP);
		}
		if (number == SIGTSTP || number == SIGCONT)
			top_screen_return();
		else if (number != SIGWINCH)
			top->ended_by = number;
	}
	return top->ended_by == 0;
}

/* Likewise. */
static bool take_keys(struct top *top, const struct pollfd *input)
{
	for (int key; (key = top_screen_key()) >= 0;) {
		switch (top_view_key(&top->view, top->model, key)) {
		case TOP_ACTION_QUIT:
			return false;
		case TOP_ACTION_REPAINT:
			top_screen_repaint();
			break;
		default:
			break;
		}
	}
	/* The terminal is gone. */
	return !(input->revents & (POLLHUP | POLLERR | POLLNVAL));
}

static int show(struct top *top)
{
	int r = draw(top);

	while (r == 0) {
		struct pollfd fds[] = {
			{ .fd = top->signal_fd, .events = POLLIN },
			{ .fd = top_feed_fd(top->feed), .events = POLLIN },
			{ .fd = STDIN_FILENO, .events = POLLIN },
		};

		poll(fds, 3, REFRESH_MS);
		if (!take_screen_signals(top) || !take_keys(top, &fds[2]))
			return 0;
		r = follow_feed(top);
		if (r == 0)
			r = draw(top);
	}
	return r;
}

static int run_live(struct top *top)
{
	char error[TOP_SCREEN_ERROR_SIZE];
	int r;

	top->view.live = true;
	/* Before there is a screen, so that no signal ends the program with it. */
	r = start(top);
	if (r < 0)
		return fail(strerror(-r));
	if (top_screen_open(error) < 0)
		return fail(error);
	r = show(top);
	top_screen_close();
	return r < 0 ? fail(strerror(-r)) : EXIT_SUCCESS;
}

int top_run(int argc, char **argv)
{
	static const struct command_usage usage = {
		.program = "vmpower top",
		.synopsis = "[OPTION]...",
		.summary =
			"Watch the power of each domain, and whose the rest is; ? tells the keys.",
		.has_json = true,
		.specs = specs,
		.n_specs = sizeof(specs) / sizeof(specs[0]),
		.letters = "ns",
	};
	struct settings settings = { .sort = TOP_SORT_WATTS };
	__attribute__((__cleanup__(cleanup_topp))) struct top top;
	int status = EXIT_FAILURE;

	command_settings_parse(&usage, argc, argv, &settings.common);
	if (init(&top, &settings) < 0)
		fail(strerror(ENOMEM));
	else if (settings.once)
		status = run_once(&top);
	else if (settings.common.json)
		status = run_json(&top);
	else
		status = run_live(&top);
	command_settings_deinit(&settings.common);
	return end(&top, status);
}
