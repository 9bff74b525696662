/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Facts: who else is connected to the domains' sockets. The kernel tells which sockets
 * are peers of those bound there (sock_diag(7)), and /proc/PID/fd whose they are.
 */
#include "config.h"

#include "host/facts.h"

#include <dirent.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/array.h"
#include "shared/cleanup.h"
#include "shared/number.h"
#include "shared/rooted.h"

/* A client of a domain's socket, by the inode of its own end. */
struct peer {
	uint32_t inode;
	size_t domain;
};

struct peers {
	struct facts_domain *domains;
	size_t n_domains;
	size_t n;
	struct peer *items;
};

static int add_peer(struct peers *peers, uint32_t inode, size_t domain)
{
	if (array_resize(&peers->items, peers->n + 1) < 0)
		return -ENOMEM;
	peers->items[peers->n++] = (struct peer){ inode, domain };
	return 0;
}

/* The domain whose socket has this name; n_domains: none. */
static size_t find_domain(const struct peers *peers, const char *name, size_t size)
{
	size_t i, len = strnlen(name, size);

	for (i = 0; i < peers->n_domains; i++) {
		const char *path = peers->domains[i].live.channel.path;

		if (path && strlen(path) == len && memcmp(path, name, len) == 0)
			break;
	}
	return i;
}

static int request_sockets(int fd)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req request;
	} message = {
		.header = {
			.nlmsg_len = sizeof(message),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.request = {
			.sdiag_family = AF_UNIX,
			.udiag_states = UINT32_MAX,
			.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER,
		},
	};

	return send(fd, &message, sizeof(message), 0) < 0 ? -errno : 0;
}

/* Notes the peer of a socket that is bound to a domain's path and has one. */
static int take_socket(struct peers *peers, const struct nlmsghdr *header)
{
	const struct unix_diag_msg *message = NLMSG_DATA(header);
	const struct nlattr *attribute = (const struct nlattr *)(message + 1);
	size_t left = header->nlmsg_len - (size_t)NLMSG_LENGTH(sizeof(*message));
	const size_t head = sizeof(*attribute), align = NLA_ALIGNTO;
	size_t domain = peers->n_domains;
	uint32_t peer = 0;

	while (left >= head && attribute->nla_len >= head && attribute->nla_len <= left) {
		const char *data = (const char *)attribute + head;
		size_t size = attribute->nla_len - head;
		size_t step = (attribute->nla_len + align - 1) / align * align;

		if (attribute->nla_type == UNIX_DIAG_NAME)
			domain = find_domain(peers, data, size);
		else if (attribute->nla_type == UNIX_DIAG_PEER && size == sizeof(peer))
			memcpy(&peer, data, sizeof(peer));
		left -= step < left ? step : left;
		attribute = (const struct nlattr *)((const char *)attribute + step);
	}
	return domain < peers->n_domains && peer ? add_peer(peers, peer, domain) : 0;
}

/* Returns 1 if more is to come, 0 at the end. */
static int take_answer(struct peers *peers, const char *data, size_t size)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)data;

	for (; NLMSG_OK(header, size); header = NLMSG_NEXT(header, size)) {
		int r;

		if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
			return 0;
		r = take_socket(peers, header);
		if (r < 0)
			return r;
	}
	return 1;
}

/* Where the kernel has no sock_diag of unix sockets, nobody is found. */
static int find_peers(struct peers *peers)
{
	cleanup_close int fd = socket(
		AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	_Alignas(struct nlmsghdr) char answer[32768];
	int r = 1;

	if (fd < 0 || request_sockets(fd) < 0)
		return 0;
	while (r == 1) {
		ssize_t n = recv(fd, answer, sizeof(answer), 0);

		r = n <= 0 ? 0 : take_answer(peers, answer, (size_t)n);
	}
	return r;
}

static void note_holder(
	struct peers *peers, const char *procfs, pid_t pid, uint32_t inode)
{
	for (size_t i = 0; i < peers->n; i++) {
		struct facts_domain *domain = &peers->domains[peers->items[i].domain];
		char *comm = domain->holder_comm;

		if (peers->items[i].inode != inode || domain->holder)
			continue;
		domain->holder = pid;
		if (rooted_read(procfs, comm, sizeof(domain->holder_comm), "%d/comm",
			    (int)pid) < 0)
			comm[0] = '\0';
		comm[strcspn(comm, "\n")] = '\0';
	}
}

/* Goes through the sockets that the process has open. */
static void search_process(struct peers *peers, const char *procfs, pid_t pid)
{
	cleanup_closedir DIR *fds = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d/fd", procfs, (int)pid);
	fds = opendir(path);
	for (struct dirent *entry = fds ? readdir(fds) : NULL; entry;
		entry = readdir(fds)) {
		char link[64];
		ssize_t n = readlinkat(dirfd(fds), entry->d_name, link, sizeof(link) - 1);
		unsigned int inode;

		if (n < 0)
			continue;
		link[n] = '\0';
		if (sscanf(link, "socket:[%u]", &inode) == 1)
			note_holder(peers, procfs, pid, inode);
	}
}

int facts_find_holders(
	const char *procfs, pid_t hostd, struct facts_domain *domains, size_t n_domains)
{
	struct peers peers = { .domains = domains, .n_domains = n_domains };
	cleanup_closedir DIR *dir = NULL;
	int r = find_peers(&peers);

	if (r == 0 && peers.n > 0)
		dir = opendir(procfs);
	for (struct dirent *entry = dir ? readdir(dir) : NULL; entry;
		entry = readdir(dir)) {
		uint64_t pid;

		if (number_parse_range(entry->d_name, 1, INT_MAX, &pid) == 0 &&
			(pid_t)pid != hostd && (pid_t)pid != getpid())
			search_process(&peers, procfs, (pid_t)pid);
	}
	free(peers.items);
	return r;
}
