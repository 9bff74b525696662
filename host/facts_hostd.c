/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Facts: which vmpower-hostd run, which of them answers, and what it says. */
#include "config.h"

#include "host/facts.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/text.h"
#include "shared/cleanup.h"
#include "shared/number.h"
#include "shared/rooted.h"

/* As the kernel keeps it: at most 15 characters, and a newline. */
#define DAEMON_COMM "vmpower-hostd\n"

static void find_daemons(struct facts_hostd *hostd, const char *procfs)
{
	cleanup_closedir DIR *dir = opendir(procfs);
	struct dirent *entry;

	while (dir && hostd->n_daemons < FACTS_DAEMONS_MAX && (entry = readdir(dir))) {
		char comm[32];
		uint64_t pid;

		if (number_parse_range(entry->d_name, 1, INT_MAX, &pid) < 0 ||
			rooted_read(
				procfs, comm, sizeof(comm), "%s/comm", entry->d_name) < 0)
			continue;
		if (strcmp(comm, DAEMON_COMM) == 0)
			hostd->daemons[hostd->n_daemons++] = (pid_t)pid;
	}
}

/* PROCFS/PID/cmdline as a command; NULL where it cannot be had. */
static char *read_command(const char *procfs, pid_t pid)
{
	cleanup_free char *command = NULL;
	size_t command_size = 0;
	FILE *out = open_memstream(&command, &command_size);
	char words[4096];
	ssize_t n = rooted_read(procfs, words, sizeof(words), "%d/cmdline", (int)pid);

	for (ssize_t at = 0; out && at < n; at += (ssize_t)strlen(words + at) + 1) {
		cleanup_free char *word = text_quote(words + at);

		if (!word)
			n = -ENOMEM;
		else
			fprintf(out, "%s%s", at ? " " : "", word);
	}
	if (!out || fclose(out) != 0 || n <= 0)
		return NULL;
	return steal_pointer(&command);
}

int facts_gather_hostd(struct facts_hostd *hostd, const struct facts_paths *paths)
{
	const struct passwd *user;
	pid_t pid;

	if (asprintf(&hostd->socket, "%s/hostd.sock", paths->run_dir) < 0) {
		hostd->socket = NULL;
		return -ENOMEM;
	}
	find_daemons(hostd, paths->procfs);
	hostd->error = client_get_snapshot(
		hostd->socket, &hostd->snapshot, NULL, NULL, hostd->message);
	pid = client_server_pid(hostd->socket);
	/* Where the socket tells nothing, a lone daemon is the one. */
	if (pid == 0 && hostd->n_daemons == 1)
		pid = hostd->daemons[0];
	if (pid == 0 || facts_read_process(paths->procfs, pid, &hostd->server) < 0)
		return 0;
	hostd->server_command = read_command(paths->procfs, pid);
	user = getpwuid(hostd->server.uid);
	hostd->user = user ? strdup(user->pw_name) : NULL;
	return 0;
}
