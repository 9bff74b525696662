/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A process and a signalfd. */
#include "config.h"

#include "host/measure_child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/clock.h"

static const int handed_on[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

int measure_child_init(struct measure_child *child)
{
	sigset_t signals;

	*child = (struct measure_child){ .signal_fd = -1 };
	/* Ignored, as some parents leave it, COMMAND's end would never be known. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	for (size_t i = 0; i < sizeof(handed_on) / sizeof(handed_on[0]); i++)
		sigaddset(&signals, handed_on[i]);
	if (sigprocmask(SIG_BLOCK, &signals, &child->before) < 0)
		return -errno;
	child->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return child->signal_fd < 0 ? -errno : 0;
}

void measure_child_deinit(struct measure_child *child)
{
	if (child->signal_fd < 0)
		return;
	close(child->signal_fd);
	sigprocmask(SIG_SETMASK, &child->before, NULL);
}

int measure_child_start(struct measure_child *child, char *const *argv)
{
	posix_spawnattr_t attributes;
	int r = posix_spawnattr_init(&attributes);

	if (r != 0)
		return -r;
	r = posix_spawnattr_setsigmask(&attributes, &child->before);
	if (r == 0)
		r = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	if (r == 0)
		r = posix_spawnp(&child->pid, argv[0], NULL, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	if (r != 0)
		child->pid = 0;
	return -r;
}

/* false: it was only stopped, say. */
static bool reap(struct measure_child *child)
{
	int status;

	if (child->pid == 0 || waitpid(child->pid, &status, WNOHANG) != child->pid)
		return false;
	child->end_ns = clock_boottime_ns();
	child->pid = 0;
	child->exit_status = WIFSIGNALED(status) ? MEASURE_EXIT_SIGNAL + WTERMSIG(status)
						 : WEXITSTATUS(status);
	return true;
}

static void take_signal(
	struct measure_child *child, const struct signalfd_siginfo *signal)
{
	if (child->signal == 0) {
		child->signal = (int)signal->ssi_signo;
		child->signal_ns = clock_monotonic_ns();
	}
	/* What the kernel sends, a terminal's, goes to all of a group. */
	if (child->pid > 0 && signal->ssi_code <= 0)
		kill(child->pid, (int)signal->ssi_signo);
}

enum measure_event measure_child_wait(struct measure_child *child, uint64_t wait_ns)
{
	struct pollfd signals = { .fd = child->signal_fd, .events = POLLIN };
	const struct timespec wait = { (time_t)(wait_ns / NSEC_PER_SEC),
		(long)(wait_ns % NSEC_PER_SEC) };
	enum measure_event event = MEASURE_NOTHING;
	struct signalfd_siginfo signal;

	(void)ppoll(&signals, 1, &wait, NULL);
	while (read(child->signal_fd, &signal, sizeof(signal)) == sizeof(signal)) {
		if (signal.ssi_signo != SIGCHLD) {
			take_signal(child, &signal);
			event = MEASURE_SIGNAL;
		}
	}
	/* The end comes before all: the window ends there. */
	return reap(child) ? MEASURE_ENDED_CHILD : event;
}
