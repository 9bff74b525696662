/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The command line's side of hostd's HTTP interface: its documents, over RUN/hostd.sock.
 */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/snapshot.h"

/* A connection to hostd, kept open from one document to the next, and made anew. */
struct client;

/* A message that says what failed at which socket, and what to do next. */
#define CLIENT_ERROR_SIZE 512

/*
 * One document, which the caller deletes with cJSON_Delete(). -ENOENT,
 * -ECONNREFUSED: hostd does not run; -EACCES: not allowed to talk to it;
 * -EAGAIN: it has no first tick yet; -ETIMEDOUT, -EPROTO (any other answer),
 * -EMSGSIZE, -ENOMEM. On failure error says so in a sentence.
 */
int client_get(const char *socket_path, const char *url_path, cJSON **ret_document,
	char error[CLIENT_ERROR_SIZE]);

/* The host's document alone, and the snapshot without domains it makes. Errors as above.
 */
int client_get_host(const char *socket_path, struct snapshot **ret_snapshot,
	char error[CLIENT_ERROR_SIZE]);

/* The process that serves the socket; 0: none, or not to be seen from here. */
pid_t client_server_pid(const char *socket_path);

/*
 * Both documents of one tick, and the snapshot they make, with one reference.
 * ret_host and ret_domains may be NULL. Errors as above.
 */
int client_get_snapshot(const char *socket_path, struct snapshot **ret_snapshot,
	cJSON **ret_host, cJSON **ret_domains, char error[CLIENT_ERROR_SIZE]);

/*
 * Connects when it is first asked. is_over: asked ten times a second while there is no
 * answer, and once true the request fails with -ECANCELED; may be NULL. The path and the
 * data have to outlive the client. -ENOMEM.
 */
int client_new(const char *socket_path, bool (*is_over)(void *data), void *data,
	struct client **ret_client);
/* NULL is fine. */
void client_free(struct client *client);

/*
 * As client_get_snapshot(). -EALREADY: the newest tick is still the one that ended at
 * known_ns of CLOCK_BOOTTIME (0: none is known), and only the host's document was asked
 * for. Then error is left alone.
 */
int client_fetch_snapshot(struct client *client, uint64_t known_ns,
	struct snapshot **ret_snapshot, cJSON **ret_host, cJSON **ret_domains,
	char error[CLIENT_ERROR_SIZE]);

/*
 * Has hostd measure now; from then on documents are of that tick, *ret_number, or of a
 * later one, unless hostd is started anew. Errors as above; -EAGAIN: there was no tick.
 */
int client_request_tick(
	struct client *client, uint64_t *ret_number, char error[CLIENT_ERROR_SIZE]);
