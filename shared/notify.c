/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* One datagram to the service manager. */
#include "shared/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/cleanup.h"
#include "shared/number.h"

int notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;
	size_t len = path ? strlen(path) : 0;

	if (len == 0)
		return 0;
	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(address.sun_path))
		return -EAFNOSUPPORT;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
		    (struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		return -errno;
	return 0;
}

uint64_t notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t value;

	if (!usec || number_parse_range(usec, 2000, UINT64_MAX, &value) < 0)
		return 0;
	if (pid) {
		uint64_t number;

		if (number_parse_range(pid, 0, UINT64_MAX, &number) < 0 ||
			number != (uint64_t)getpid())
			return 0;
	}
	return value / 2000;
}
