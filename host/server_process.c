/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Signals to a process that is what it should be. */
#include "config.h"

#include "host/server_process.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/client.h"
#include "shared/cleanup.h"
#include "shared/rooted.h"

static bool is_called(pid_t pid, const char *name)
{
	char text[32];
	ssize_t n = rooted_read("/proc", text, sizeof(text), "%d/comm", (int)pid);

	return n > 0 && (size_t)n == strlen(name) + 1 &&
	       memcmp(text, name, (size_t)n - 1) == 0 && text[n - 1] == '\n';
}

int server_process_open(const char *socket_path, const char *name, int *ret_pidfd)
{
	pid_t pid = client_server_pid(socket_path);
	cleanup_close int fd = -1;

	if (pid <= 0)
		return -ESRCH;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return -errno;
	/* Afterwards: should it have ended meanwhile, the fd is of nobody. */
	if (!is_called(pid, name))
		return -ENXIO;
	*ret_pidfd = steal_fd(&fd);
	return 0;
}

int server_process_signal(int pidfd, int number)
{
	return syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 ? -errno : 0;
}
