/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The keeper: forks the worker, serves its requests, and cleans up after it. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/keeper_call.h"
#include "guest/port.h"
#include "guest/present.h"
#include "guest/privileges.h"
#include "guest/rundir.h"
#include "guest/status.h"
#include "guest/worker.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/notify.h"

/* Ready then, mounted or not: the boot must not wait for a host. */
#define READY_AFTER_NS UINT64_C(5000000000)
/* What the worker has to end when it is asked to. */
#define END_WITHIN_NS UINT64_C(2000000000)

struct keeper {
	const struct settings *settings;
	struct present present;
	int run_fd;
	int lock_fd;
	int signal_fd;
	int call_fd;
	pid_t worker;
	bool ready;
	uint64_t ready_at_ns;
	bool ending; /* asked to; the worker is, too */
	uint64_t kill_at_ns;
	int exit_code;
};

static void log_lock_holder(const struct keeper *keeper)
{
	pid_t holder = rundir_lock_holder(keeper->run_fd);

	if (holder > 0)
		log_error("another vmpower-guest is running: process %d holds "
			  "%s/" RUNDIR_LOCK_NAME,
			(int)holder, keeper->settings->run_dir);
	else
		log_error(
			"another vmpower-guest is running: it holds %s/" RUNDIR_LOCK_NAME,
			keeper->settings->run_dir);
}

static int open_run_dir(struct keeper *keeper, uid_t uid, gid_t gid)
{
	const char *path = keeper->settings->run_dir;
	int r;

	r = rundir_open(path, uid, gid, &keeper->run_fd);
	if (r == -EPERM) {
		log_error(
			"%s is not the agent's own directory: another user has or may write "
			"to it, or other files are in it; remove it, or name with --run-dir "
			"one that does not exist yet",
			path);
		return r;
	}
	if (r == 0)
		r = rundir_lock(keeper->run_fd, &keeper->lock_fd);
	if (r == -EWOULDBLOCK)
		log_lock_holder(keeper);
	else if (r < 0)
		log_error("cannot use the runtime directory %s: %s", path, strerror(-r));
	return r;
}

/* As nohup(1) leaves SIGHUP, for the agent to outlive its terminal. */
static bool is_ignored(int signal)
{
	struct sigaction action;

	return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int catch_signals(struct keeper *keeper)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGQUIT);
	if (!is_ignored(SIGHUP))
		sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	/* The worker inherits this: it ends when the keeper tells it. */
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 ||
		signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	keeper->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	return keeper->signal_fd < 0 ? -errno : 0;
}

static void __attribute__((__noreturn__))
be_worker(struct keeper *keeper, int call_fd, pid_t parent, uid_t uid, gid_t gid)
{
	const struct worker_settings settings = {
		.port = keeper->settings->port,
		.layout = keeper->present.layout,
		.energy_mode = keeper->settings->energy_mode,
		.energy_gid = keeper->settings->energy_gid,
		.run_fd = keeper->run_fd,
		.call_fd = call_fd,
	};
	int r;

	close(keeper->call_fd);
	close(keeper->signal_fd);
	/* The lock is the keeper's alone: it must go with it. */
	close(keeper->lock_fd);
	r = privileges_drop(uid, gid, parent);
	if (r < 0)
		log_error("cannot drop privileges: %s", strerror(-r));
	else
		r = worker_run(&settings);
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int start_worker(struct keeper *keeper, uid_t uid, gid_t gid)
{
	cleanup_close int worker_fd = -1;
	pid_t parent = getpid();
	int r;

	r = keeper_call_pair(&keeper->call_fd, &worker_fd);
	if (r < 0)
		return r;
	keeper->worker = fork();
	if (keeper->worker < 0)
		return -errno;
	if (keeper->worker == 0)
		be_worker(keeper, worker_fd, parent, uid, gid);
	return 0;
}

static void become_ready(struct keeper *keeper)
{
	int r;

	if (keeper->ready)
		return;
	keeper->ready = true;
	r = notify_send("READY=1");
	if (r < 0)
		log_warning("cannot tell the service manager to go on: %s", strerror(-r));
}

/* Closing its end of the calls is what tells the worker. */
static void end_worker(struct keeper *keeper)
{
	if (keeper->ending)
		return;
	keeper->ending = true;
	keeper->kill_at_ns = clock_monotonic_ns() + END_WITHIN_NS;
	close(keeper->call_fd);
	keeper->call_fd = -1;
	present_unmount(&keeper->present);
}

static void answer_call(struct keeper *keeper)
{
	cleanup_close int fd = -1;
	enum keeper_request request;
	int r;

	r = keeper_call_receive(keeper->call_fd, &request);
	if (r == -EAGAIN || r == -EINTR)
		return;
	if (r < 0) {
		/* It is about to end: SIGCHLD will say how. */
		end_worker(keeper);
		keeper->exit_code = EXIT_FAILURE;
		return;
	}
	switch (request) {
	case KEEPER_OPEN_PORT:
		r = port_open(keeper->settings->port, &fd);
		break;
	case KEEPER_MOUNT:
		r = present_mount(&keeper->present, &fd);
		break;
	}
	r = keeper_call_reply(keeper->call_fd, r, fd);
	if (r < 0)
		log_debug("cannot answer the worker: %s", strerror(-r));
	else if (present_is_shown(&keeper->present))
		become_ready(keeper);
}

/* What mounts for --mount full takes the worker to answer, so it is not waited for. */
static void follow_mount(struct keeper *keeper)
{
	if (present_reap(&keeper->present) < 0) {
		end_worker(keeper);
		keeper->exit_code = EXIT_FAILURE;
	} else if (present_is_shown(&keeper->present)) {
		become_ready(keeper);
	}
}

static void log_worker_end(int status)
{
	if (WIFSIGNALED(status))
		log_error("the worker was killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != EXIT_SUCCESS)
		log_error("the worker failed; why is logged above");
}

static void take_worker_end(struct keeper *keeper, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
		return;
	log_worker_end(status);
	keeper->exit_code = EXIT_FAILURE;
}

/*
 * Whether the worker has ended. The first process of a container is given the orphans
 * of others, and nobody else reaps them.
 */
static bool reap_worker(struct keeper *keeper)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != keeper->worker)
			continue;
		take_worker_end(keeper, status);
		ended = true;
	}
	return ended;
}

static void take_signals(struct keeper *keeper)
{
	struct signalfd_siginfo info;

	while (read(keeper->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		log_info("ending on signal %u", info.ssi_signo);
		end_worker(keeper);
	}
}

static int timeout_ms(const struct keeper *keeper)
{
	uint64_t now = clock_monotonic_ns(), due_ns;

	if (!keeper->ending && keeper->ready)
		return -1;
	due_ns = keeper->ending ? keeper->kill_at_ns : keeper->ready_at_ns;
	return due_ns <= now ? 0 : (int)((due_ns - now) / NSEC_PER_MSEC) + 1;
}

static void process_deadlines(struct keeper *keeper)
{
	uint64_t now = clock_monotonic_ns();

	if (!keeper->ready && now >= keeper->ready_at_ns)
		become_ready(keeper);
	if (keeper->ending && now >= keeper->kill_at_ns) {
		log_warning("the worker does not end; killing it");
		kill(keeper->worker, SIGKILL);
		keeper->kill_at_ns = now + END_WITHIN_NS;
	}
}

static void wait_for_worker(struct keeper *keeper)
{
	while (!reap_worker(keeper)) {
		/* poll(2) ignores an fd of -1. */
		struct pollfd fds[] = {
			{ .fd = keeper->signal_fd, .events = POLLIN },
			{ .fd = keeper->call_fd, .events = POLLIN },
		};

		if (poll(fds, 2, timeout_ms(keeper)) < 0)
			continue;
		if (fds[0].revents)
			take_signals(keeper);
		if (fds[1].revents && keeper->call_fd >= 0)
			answer_call(keeper);
		follow_mount(keeper);
		process_deadlines(keeper);
	}
}

static int start(struct keeper *keeper)
{
	uid_t uid;
	gid_t gid;
	int r;

	if (geteuid() != 0) {
		log_error(
			"only root can mount: start vmpower-guest as root, it drops its "
			"privileges itself");
		return -EPERM;
	}
	privileges_find_user(&uid, &gid);
	r = open_run_dir(keeper, uid, gid);
	if (r < 0)
		return r;
	r = present_init(&keeper->present, keeper->settings->mount);
	if (r < 0)
		return r;
	r = catch_signals(keeper);
	if (r == 0)
		r = start_worker(keeper, uid, gid);
	if (r < 0)
		log_error("cannot start the worker: %s", strerror(-r));
	return r;
}

/* It would go on saying that samples come. */
static void remove_status(const struct keeper *keeper)
{
	int r = status_remove(keeper->run_fd);

	if (r < 0)
		log_warning("cannot remove " STATUS_NAME ": %s", strerror(-r));
}

int keeper_run(const struct settings *settings)
{
	struct keeper keeper = {
		.settings = settings,
		.run_fd = -1,
		.lock_fd = -1,
		.signal_fd = -1,
		.call_fd = -1,
		.ready_at_ns = clock_monotonic_ns() + READY_AFTER_NS,
		.exit_code = EXIT_SUCCESS,
	};

	if (start(&keeper) == 0) {
		wait_for_worker(&keeper);
		present_unmount(&keeper.present);
		remove_status(&keeper);
	} else {
		keeper.exit_code = EXIT_FAILURE;
	}
	cleanup_closep(&keeper.call_fd);
	cleanup_closep(&keeper.signal_fd);
	cleanup_closep(&keeper.lock_fd);
	cleanup_closep(&keeper.run_fd);
	return keeper.exit_code;
}
