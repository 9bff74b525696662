/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * inventory_dump URI: what the inventory says of libvirt's domains, a JSON line each
 * time that it says something new, until SIGTERM. Drives nothing.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "host/inventory_libvirt.h"
#include "shared/cleanup.h"

static cJSON *domain_to_json(const struct inventory_domain *domain)
{
	cJSON *object = cJSON_CreateObject();
	char uuid[UUID_TEXT_SIZE];

	uuid_format(&domain->uuid, uuid);
	cJSON_AddStringToObject(object, "uuid", uuid);
	cJSON_AddStringToObject(object, "name", domain->name);
	cJSON_AddNumberToObject(object, "id", domain->id);
	cJSON_AddBoolToObject(object, "paused", domain->paused);
	cJSON_AddNumberToObject(object, "vcpus", domain->n_vcpus);
	cJSON_AddNumberToObject(object, "max_vcpus", domain->max_vcpus);
	cJSON_AddNumberToObject(object, "vcpus_per_socket", domain->vcpus_per_socket);
	cJSON_AddNumberToObject(object, "memory_kib", (double)domain->memory_kib);
	if (domain->channel_path)
		cJSON_AddStringToObject(object, "channel_path", domain->channel_path);
	else
		cJSON_AddNullToObject(object, "channel_path");
	return object;
}

static int print_inventory(const struct inventory *inventory)
{
	cJSON *object = cJSON_CreateObject(), *domains;
	cleanup_free char *text = NULL;

	cJSON_AddBoolToObject(object, "connected", inventory->connected);
	domains = cJSON_AddArrayToObject(object, "domains");
	for (size_t i = 0; i < inventory->n_domains; i++)
		cJSON_AddItemToArray(domains, domain_to_json(&inventory->domains[i]));
	text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	if (!text)
		return -ENOMEM;
	puts(text);
	return fflush(stdout) == 0 ? 0 : -EIO;
}

static int dump(struct inventory_source *source, int signals)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = source->ops->fd(source), .events = POLLIN },
	};
	int r = 0;

	while (r == 0) {
		struct inventory *inventory;

		if (poll(fds, 2, -1) < 0)
			return -errno;
		if (fds[0].revents)
			return 0;
		inventory = source->ops->take(source);
		if (inventory)
			r = print_inventory(inventory);
		inventory_free(inventory);
	}
	return r;
}

static int catch_sigterm(void)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int main(int argc, char **argv)
{
	static const struct inventory none;
	cleanup_close int signals = -1;
	struct inventory_source *source;
	int r;

	if (argc != 2) {
		fprintf(stderr, "Usage: inventory_dump URI\n");
		return 2;
	}
	signals = catch_sigterm();
	r = signals < 0 ? signals : inventory_libvirt_ops.open(argv[1], &none, &source);
	if (r == 0) {
		r = dump(source, signals);
		source->ops->close(source);
	}
	if (r < 0)
		fprintf(stderr, "inventory_dump: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}
