/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The keeper: forks the worker, serves its requests, and cleans up after it. */
#include "config.h" /* first: _GNU_SOURCE */

#include "guest/keeper.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/keeper_call.h"
#include "guest/msr_devices.h"
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
	struct msr_devices msr;
	uid_t uid; /* of all but the keeper */
	gid_t gid;
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

static int open_run_dir(struct keeper *keeper)
{
	const char *path = keeper->settings->run_dir;
	int r;

	r = rundir_open(path, keeper->uid, keeper->gid, &keeper->run_fd);
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
be_worker(struct keeper *keeper, int call_fd, pid_t parent)
{
	const struct worker_settings settings = {
		.port = keeper->settings->port,
		.layout = keeper->present.layout,
		.energy_mode = keeper->settings->energy_mode,
		.energy_gid = keeper->settings->energy_gid,
		.board = keeper->msr.board,
		.run_fd = keeper->run_fd,
		.call_fd = call_fd,
	};
	int r;

	close(keeper->call_fd);
	close(keeper->signal_fd);
	/* The lock is the keeper's alone: it must go with it. */
	close(keeper->lock_fd);
	r = privileges_drop(keeper->uid, keeper->gid, 0, parent);
	if (r < 0)
		log_error("cannot drop privileges: %s", strerror(-r));
	else
		r = worker_run(&settings);
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int start_worker(struct keeper *keeper)
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
		be_worker(keeper, worker_fd, parent);
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

static void unmount(struct keeper *keeper)
{
	msr_devices_stop(&keeper->msr);
	present_unmount(&keeper->present);
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
	unmount(keeper);
}

static int start_msr_server(struct keeper *keeper, int tree_fd)
{
	/* What is not the server's: the tree, for one, must go with the worker. */
	const int fds[] = { tree_fd, keeper->call_fd, keeper->signal_fd, keeper->lock_fd,
		keeper->run_fd };

	return msr_devices_start(&keeper->msr, keeper->uid, keeper->gid, fds,
		sizeof(fds) / sizeof(fds[0]));
}

static int mount_all(struct keeper *keeper, int *ret_fuse_fd)
{
	cleanup_close int fuse_fd = -1;
	int r;

	r = present_mount(&keeper->present, &fuse_fd);
	if (r < 0)
		return r;
	r = start_msr_server(keeper, fuse_fd);
	if (r < 0) {
		present_unmount(&keeper->present);
		return r;
	}
	*ret_fuse_fd = steal_fd(&fuse_fd);
	return 0;
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
		r = mount_all(keeper, &fd);
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

static void log_end(const char *process, int status)
{
	if (WIFSIGNALED(status))
		log_error("the %s was killed by signal %d (%s)", process,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) != EXIT_SUCCESS)
		log_error("the %s failed; why is logged above", process);
	else
		log_error("the %s has ended", process);
}

static void take_worker_end(struct keeper *keeper, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
		return;
	log_end("worker", status);
	keeper->exit_code = EXIT_FAILURE;
}

/* Nobody reads the files any more; the worker must not go on as if. */
static void take_server_end(struct keeper *keeper, int status)
{
	log_end("server of the msr files", status);
	keeper->msr.server = 0;
	end_worker(keeper);
	keeper->exit_code = EXIT_FAILURE;
}

/* 0: no child has ended of which this is not yet known. It stays to be waited for. */
static pid_t find_ended(void)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ? 0 : info.si_pid;
}

/*
 * Whether the worker has ended. The first process of a container is given the orphans
 * of others, and nobody else reaps them.
 */
static bool reap_children(struct keeper *keeper)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = find_ended()) > 0) {
		if (pid == keeper->present.child) {
			follow_mount(keeper);
			continue;
		}
		if (waitpid(pid, &status, 0) != pid)
			continue;
		if (pid == keeper->worker) {
			take_worker_end(keeper, status);
			ended = true;
		} else if (pid == keeper->msr.server) {
			take_server_end(keeper, status);
		}
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
	while (!reap_children(keeper)) {
		/* poll(2) ignores an fd of -1. */
		struct pollfd fds[] = {
			{ .fd = keeper->signal_fd, .events = POLLIN },
			{ .fd = keeper->call_fd, .events = POLLIN },
			{ .fd = keeper->msr.watch_fd, .events = POLLIN },
		};

		if (poll(fds, 3, timeout_ms(keeper)) < 0)
			continue;
		if (fds[0].revents)
			take_signals(keeper);
		if (fds[1].revents && keeper->call_fd >= 0)
			answer_call(keeper);
		if (fds[2].revents && keeper->msr.watch_fd >= 0)
			msr_devices_process_watch(&keeper->msr);
		process_deadlines(keeper);
	}
}

/* What --msr off has no use for. */
static int give_up_msr_capabilities(void)
{
	return privileges_forget(
		UINT64_C(1) << CAP_SYS_RAWIO | UINT64_C(1) << CAP_SYS_PTRACE);
}

static int start_processes(struct keeper *keeper)
{
	int r = 0;

	if (!keeper->settings->msr)
		r = give_up_msr_capabilities();
	if (r == 0)
		r = catch_signals(keeper);
	if (r == 0)
		r = start_worker(keeper);
	if (r < 0)
		log_error("cannot start the worker: %s", strerror(-r));
	return r;
}

static int start(struct keeper *keeper)
{
	int r;

	if (geteuid() != 0) {
		log_error(
			"only root can mount: start vmpower-guest as root, it drops its "
			"privileges itself");
		return -EPERM;
	}
	privileges_find_user(&keeper->uid, &keeper->gid);
	r = open_run_dir(keeper);
	if (r == 0)
		r = present_init(&keeper->present, keeper->settings->mount);
	if (r == 0)
		r = msr_devices_init(&keeper->msr, keeper->settings->msr);
	return r < 0 ? r : start_processes(keeper);
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
		.msr = { .server_fd = -1, .watch_fd = -1 },
		.run_fd = -1,
		.lock_fd = -1,
		.signal_fd = -1,
		.call_fd = -1,
		.ready_at_ns = clock_monotonic_ns() + READY_AFTER_NS,
		.exit_code = EXIT_SUCCESS,
	};

	if (start(&keeper) == 0) {
		wait_for_worker(&keeper);
		unmount(&keeper);
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
