/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* hostd's HTTP answers: routes to documents, and libmicrohttpd around them. */
#include "host/http.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <microhttpd.h>

#include "host/snapshot_json.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

/* What clients may cost: connections, silence on one, memory of one. */
#define CONNECTIONS_MAX	   32u
#define CONNECTION_TIMEOUT 10u
#define CONNECTION_MEMORY  ((size_t)16 * 1024)

struct http {
	struct MHD_Daemon *daemon;
	struct snapshot_box *box;
	uint64_t stale_after_ns;
};

static int answer_text(struct MHD_Connection *connection, unsigned int status, char *text)
{
	struct MHD_Response *response;
	int r;

	if (!text)
		return MHD_NO;
	response = MHD_create_response_from_buffer(
		strlen(text), text, MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(
		response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET");
	r = (int)MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return r;
}

/* {"status":text}, or MHD_NO, which closes the connection, for want of memory. */
static int answer_status(
	struct MHD_Connection *connection, unsigned int status, const char *text)
{
	cJSON *document = cJSON_CreateObject();
	char *json = NULL;

	if (cJSON_AddStringToObject(document, "status", text))
		json = cJSON_PrintUnformatted(document);
	cJSON_Delete(document);
	return answer_text(connection, status, json);
}

static int answer_document(struct MHD_Connection *connection,
	const struct snapshot *snapshot,
	cJSON *(*encode)(const struct snapshot *snapshot))
{
	cJSON *document;
	char *json;

	if (!snapshot)
		return answer_status(
			connection, MHD_HTTP_SERVICE_UNAVAILABLE, "starting");
	document = encode(snapshot);
	json = document ? cJSON_PrintUnformatted(document) : NULL;
	cJSON_Delete(document);
	return answer_text(connection, MHD_HTTP_OK, json);
}

static int answer_health(const struct http *http, struct MHD_Connection *connection,
	const struct snapshot *snapshot)
{
	if (!snapshot)
		return answer_status(
			connection, MHD_HTTP_SERVICE_UNAVAILABLE, "starting");
	if (clock_boottime_ns() - snapshot->boottime_ns > http->stale_after_ns)
		return answer_status(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "stale");
	return answer_status(connection, MHD_HTTP_OK, "ok");
}

static int route(const struct http *http, struct MHD_Connection *connection,
	const char *url, const char *method)
{
	cleanup_snapshot_unref struct snapshot *snapshot = NULL;

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
		return answer_status(
			connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is allowed");
	snapshot = snapshot_box_take(http->box);
	if (strcmp(url, "/api/v1/host") == 0)
		return answer_document(connection, snapshot, snapshot_json_host);
	if (strcmp(url, "/api/v1/domains") == 0)
		return answer_document(connection, snapshot, snapshot_json_domains);
	if (strcmp(url, "/healthz") == 0)
		return answer_health(http, connection, snapshot);
	return answer_status(connection, MHD_HTTP_NOT_FOUND, "no such path");
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection,
	const char *url, const char *method, const char *version, const char *upload,
	size_t *upload_size, void **request)
{
	(void)version;
	(void)upload;
	/* Called first for the header, then for each piece of a body, then for its end.
	 */
	if (!*request) {
		*request = connection;
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	return (enum MHD_Result)route(user, connection, url, method);
}

int http_start(int listen_fd, struct snapshot_box *box, uint64_t stale_after_ns,
	struct http **ret_http)
{
	/* libmicrohttpd closes the descriptor it serves. */
	cleanup_close int fd = fcntl(listen_fd, F_DUPFD_CLOEXEC, 0);
	cleanup_free struct http *http = calloc(1, sizeof(*http));

	if (fd < 0)
		return -errno;
	if (!http)
		return -ENOMEM;
	http->box = box;
	http->stale_after_ns = stale_after_ns;
	http->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0,
		NULL, NULL, handle, http, MHD_OPTION_LISTEN_SOCKET, (MHD_socket)fd,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_END);
	if (!http->daemon)
		return -EIO;
	steal_fd(&fd);
	*ret_http = steal_pointer(&http);
	return 0;
}

void http_stop(struct http *http)
{
	if (!http)
		return;
	MHD_stop_daemon(http->daemon);
	free(http);
}

/* Removes a socket file that nobody listens on; -EADDRINUSE when somebody does. */
static int remove_stale_socket(const struct sockaddr_un *address)
{
	cleanup_close int fd = -1;
	struct stat st;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

/* The group gets the socket only where this process may give it away. */
static int give_to_group(const char *path, const char *name)
{
	const struct group *group = getgrnam(name);

	if (group && chown(path, (uid_t)-1, group->gr_gid) < 0 && errno != EPERM)
		return -errno;
	return chmod(path, 0660) < 0 ? -errno : 0;
}

int http_listen_unix(const char *path, const char *group, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = -1;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	r = remove_stale_socket(&address);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* The file is made with the mode of the socket: nobody else gets in before chmod.
	 */
	if (fchmod(fd, 0600) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = give_to_group(path, group);
	if (r == 0 && listen(fd, SOMAXCONN) < 0)
		r = -errno;
	if (r < 0) {
		unlink(path);
		return r;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}
