/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A server: libmicrohttpd around documents, and who may have them. */
#include "host/http.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "host/accept.h"
#include "host/host_header.h"
#include "host/http_answer.h"
#include "host/http_cache.h"
#include "host/http_clients.h"
#include "host/http_path.h"
#include "host/http_tick.h"
#include "host/metrics_text.h"
#include "host/snapshot_json.h"
#include "host/verifier.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

/* What clients may cost besides: silence on a connection, memory of one. */
#define CONNECTION_TIMEOUT 10u
#define CONNECTION_MEMORY  ((size_t)16 * 1024)

#define ACCEPT_MAX 1024

#define TYPE_TEXT	 "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct http {
	struct http_config config;
	char hostname[HOST_NAME_MAX + 1];
	struct MHD_Daemon *daemon;
	struct credentials *credentials; /* NULL: everybody may ask */
	struct verifier *verifier;	 /* likewise */
	/* The server thread's: */
	struct http_clients clients;
	struct http_cache cache;
};

/* A request, from its head to the end of the answer. */
struct request {
	struct MHD_Connection *connection;
	/* Of the credentials that the verifier has, or had. */
	enum { CHECK_NONE, CHECK_GOOD, CHECK_BAD, CHECK_BUSY } check;
	struct http_tick tick; /* if it asks for one */
};

enum right {
	RIGHT_ALL,     /* every tick */
	RIGHT_COARSE,  /* one a second */
	RIGHT_REFUSED, /* was answered */
	RIGHT_LATER,   /* is being found out */
};

static int queue(struct MHD_Connection *connection, unsigned int status,
	struct MHD_Response *response)
{
	return (int)MHD_queue_response(connection, status, response);
}

static struct MHD_Response *make_metrics(
	const struct http *http, const struct snapshot *snapshot, bool openmetrics)
{
	struct metrics_text text;
	struct MHD_Response *response;

	metrics_text_init(&text, openmetrics, (struct json_text){ 0 });
	metrics_write(snapshot, &http->config.metrics, &text.sink);
	metrics_text_end(&text);
	if (json_text_error(&text.out) < 0) {
		json_text_deinit(&text.out);
		return NULL;
	}
	response = http_answer_make(
		text.out.data, text.out.used, openmetrics ? TYPE_OPENMETRICS : TYPE_TEXT);
	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept");
	return response;
}

static struct MHD_Response *make_document(const struct http *http,
	enum http_document document, const struct snapshot *snapshot)
{
	switch (document) {
	case HTTP_DOCUMENT_METRICS:
	case HTTP_DOCUMENT_OPENMETRICS:
		return make_metrics(
			http, snapshot, document == HTTP_DOCUMENT_OPENMETRICS);
	case HTTP_DOCUMENT_HOST:
		return http_answer_make_json(snapshot_json_host(snapshot));
	default:
		return http_answer_make_json(snapshot_json_domains(snapshot));
	}
}

static int answer_document(struct http *http, struct MHD_Connection *connection,
	enum http_document document, const struct snapshot *snapshot, bool coarse)
{
	struct MHD_Response *response;

	if (!snapshot)
		return http_answer_status(
			connection, MHD_HTTP_SERVICE_UNAVAILABLE, "starting", NULL, NULL);
	response = http_cache_find(&http->cache, coarse, document, snapshot);
	if (!response) {
		response = make_document(http, document, snapshot);
		if (!response)
			return MHD_NO;
		http_cache_put(&http->cache, coarse, document, snapshot, response);
	}
	return queue(connection, MHD_HTTP_OK, response);
}

static int answer_domain(struct MHD_Connection *connection,
	const struct snapshot *snapshot, const struct uuid *uuid)
{
	const struct snapshot_domain *domain;

	if (!snapshot)
		return http_answer_status(
			connection, MHD_HTTP_SERVICE_UNAVAILABLE, "starting", NULL, NULL);
	domain = snapshot_find_domain(snapshot, uuid);
	if (!domain)
		return http_answer_status(connection, MHD_HTTP_NOT_FOUND,
			"no such domain runs", NULL, NULL);
	return http_answer_json(
		connection, MHD_HTTP_OK, snapshot_json_domain(snapshot, domain));
}

static int answer_health(const struct http *http, struct MHD_Connection *connection,
	const struct snapshot *snapshot)
{
	bool ok;
	cJSON *document = health_document(
		snapshot, clock_boottime_ns(), &http->config.health, &ok);

	return http_answer_json(
		connection, ok ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, document);
}

/* The lines of a header that may come more than once, as one. */
struct header_lines {
	const char *name;
	unsigned int n;
	bool too_long;
	char text[ACCEPT_MAX];
};

static enum MHD_Result collect_line(
	void *user, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct header_lines *lines = user;
	size_t used = strlen(lines->text), len = value ? strlen(value) : 0;

	(void)kind;
	if (strcasecmp(name, lines->name) != 0)
		return MHD_YES;
	lines->n++;
	if (len + 2 > sizeof(lines->text) - used) {
		lines->too_long = true;
		return MHD_NO;
	}
	if (used > 0)
		lines->text[used++] = ',';
	if (len > 0)
		memcpy(lines->text + used, value, len);
	lines->text[used + len] = '\0';
	return MHD_YES;
}

static bool wants_openmetrics(struct MHD_Connection *connection)
{
	struct header_lines lines = { .name = MHD_HTTP_HEADER_ACCEPT };

	MHD_get_connection_values(connection, MHD_HEADER_KIND, collect_line, &lines);
	return !lines.too_long && accept_prefers_openmetrics(lines.text);
}

/* No browser leaves it out. */
static bool host_is_ours(const struct http *http, struct MHD_Connection *connection)
{
	struct header_lines lines = { .name = MHD_HTTP_HEADER_HOST };

	if (http->config.trusted)
		return true;
	MHD_get_connection_values(connection, MHD_HEADER_KIND, collect_line, &lines);
	return lines.n == 0 || (lines.n == 1 && !lines.too_long &&
				       host_header_is_ours(lines.text, http->hostname,
					       http->config.host_names));
}

static int answer_path(struct http *http, struct MHD_Connection *connection,
	const char *url, enum right right)
{
	bool coarse = right != RIGHT_ALL;
	cleanup_snapshot_unref struct snapshot *snapshot =
		coarse ? snapshot_box_take_coarse(http->config.box)
		       : snapshot_box_take(http->config.box);
	enum http_document document = HTTP_DOCUMENT_HOST;
	struct uuid uuid;

	switch (http_path_parse(url, &uuid)) {
	case HTTP_PATH_METRICS:
		document = wants_openmetrics(connection) ? HTTP_DOCUMENT_OPENMETRICS
							 : HTTP_DOCUMENT_METRICS;
		break;
	case HTTP_PATH_HOST:
		break;
	case HTTP_PATH_DOMAINS:
		document = HTTP_DOCUMENT_DOMAINS;
		break;
	case HTTP_PATH_DOMAIN:
		return answer_domain(connection, snapshot, &uuid);
	case HTTP_PATH_HEALTH:
		return answer_health(http, connection, snapshot);
	default:
		return http_answer_status(
			connection, MHD_HTTP_NOT_FOUND, "no such path", NULL, NULL);
	}
	return answer_document(http, connection, document, snapshot, coarse);
}

/* In the verifier's thread. */
static void checked(void *data, bool good)
{
	struct request *request = data;

	request->check = good ? CHECK_GOOD : CHECK_BAD;
	MHD_resume_connection(request->connection);
}

/* The connection rests until the verifier knows. */
static enum right check(struct http *http, struct request *request, const char *header)
{
	MHD_suspend_connection(request->connection);
	if (verifier_submit(http->verifier, header, checked, request) < 0) {
		request->check = CHECK_BUSY;
		MHD_resume_connection(request->connection);
	}
	return RIGHT_LATER;
}

static enum right refuse(struct MHD_Connection *connection, int *ret_r)
{
	*ret_r = http_answer_status(connection, MHD_HTTP_UNAUTHORIZED,
		"name and password are needed", MHD_HTTP_HEADER_WWW_AUTHENTICATE,
		"Basic realm=\"vmpower\", charset=\"UTF-8\"");
	return RIGHT_REFUSED;
}

/* *ret_r is set where the request was answered. */
static enum right find_right(struct http *http, struct request *request, int *ret_r)
{
	struct MHD_Connection *connection = request->connection;
	const char *header = MHD_lookup_connection_value(
		connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);

	if (http->config.trusted || request->check == CHECK_GOOD)
		return RIGHT_ALL;
	if (!http->credentials)
		return RIGHT_COARSE;
	if (request->check == CHECK_BUSY) {
		*ret_r = http_answer_status(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
			"too many passwords to check; try again",
			MHD_HTTP_HEADER_RETRY_AFTER, "5");
		return RIGHT_REFUSED;
	}
	if (!header && http->config.anonymous)
		return RIGHT_COARSE;
	if (!header || request->check == CHECK_BAD)
		return refuse(connection, ret_r);
	switch (credentials_look_up(http->credentials, header)) {
	case CREDENTIALS_GOOD:
		return RIGHT_ALL;
	case CREDENTIALS_UNKNOWN:
		return check(http, request, header);
	default:
		return refuse(connection, ret_r);
	}
}

/* Who can ask for a tick, there is such a path for. */
static bool is_tick(const struct http *http, const char *url)
{
	struct uuid uuid;

	return http->config.ticks && http_path_parse(url, &uuid) == HTTP_PATH_TICK;
}

static int answer_tick(struct http *http, struct request *request, const char *method)
{
	struct MHD_Connection *connection = request->connection;

	if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return http_answer_status(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
			"only POST is allowed", MHD_HTTP_HEADER_ALLOW, "POST");
	return http_tick_answer(http->config.ticks, &request->tick, connection);
}

static int answer(
	struct http *http, struct request *request, const char *url, const char *method)
{
	struct MHD_Connection *connection = request->connection;
	enum right right;
	int r = MHD_NO;

	if (is_tick(http, url))
		return answer_tick(http, request, method);
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
		strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return http_answer_status(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
			"only GET is allowed", MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (!host_is_ours(http, connection))
		return http_answer_status(connection, MHD_HTTP_MISDIRECTED_REQUEST,
			"this host has no such name; see host_names in vmpower-hostd(8)",
			NULL, NULL);
	right = find_right(http, request, &r);
	if (right == RIGHT_REFUSED)
		return r;
	if (right == RIGHT_LATER)
		return MHD_YES;
	return answer_path(http, connection, url, right);
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection,
	const char *url, const char *method, const char *version, const char *upload,
	size_t *upload_size, void **state)
{
	struct http *http = user;
	struct request *request = *state;

	(void)version;
	(void)upload;
	/* Called first for the header, then for each piece of a body, then for its end,
	 * and once more after a rest. */
	if (!request) {
		request = calloc(1, sizeof(*request));
		if (!request)
			return MHD_NO;
		request->connection = connection;
		*state = request;
		http_clients_sweep(&http->clients, clock_monotonic_ns());
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	return (enum MHD_Result)answer(http, request, url, method);
}

static void forget_request(void *user, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode code)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct http_client *client = info ? info->socket_context : NULL;

	(void)user;
	(void)code;
	free(*state);
	*state = NULL;
	/* The next one has its time from here. */
	if (client)
		client->since_ns = clock_monotonic_ns();
}

static void follow_connection(void *user, struct MHD_Connection *connection,
	void **context, enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct http *http = user;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context)
			http_clients_remove(&http->clients, *context);
		*context = NULL;
		return;
	}
	if (info)
		*context = http_clients_add(
			&http->clients, (int)info->connect_fd, clock_monotonic_ns());
	http_clients_sweep(&http->clients, clock_monotonic_ns());
}

static int start_daemon(struct http *http, int fd)
{
	const struct http_config *config = &http->config;
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)config->certificate },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)config->key },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};
	const struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD;

	if (config->certificate)
		flags |= MHD_USE_TLS;
	if (http->verifier || config->ticks)
		flags |= MHD_ALLOW_SUSPEND_RESUME;
	http->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, http,
		MHD_OPTION_LISTEN_SOCKET, (MHD_socket)fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)HTTP_CLIENTS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		CONNECTION_TIMEOUT, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
		MHD_OPTION_NOTIFY_COMPLETED, forget_request, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, follow_connection, http, MHD_OPTION_ARRAY,
		config->certificate ? tls : none, MHD_OPTION_END);
	if (http->daemon)
		return 0;
	return config->certificate ? -EINVAL : -EIO;
}

static int start_credentials(struct http *http)
{
	int r = credentials_new(
		http->config.users, http->config.n_users, &http->credentials);

	return r < 0 ? r : verifier_start(http->credentials, &http->verifier);
}

int http_start(const struct http_config *config, struct http **ret_http)
{
	/* libmicrohttpd closes the descriptor it serves. */
	cleanup_close int fd = fcntl(config->listen_fd, F_DUPFD_CLOEXEC, 0);
	struct http *http;
	int r = 0;

	if (fd < 0)
		return -errno;
	if (config->certificate && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
		return -EOPNOTSUPP;
	http = calloc(1, sizeof(*http));
	if (!http)
		return -ENOMEM;
	http->config = *config;
	http_clients_init(&http->clients);
	if (gethostname(http->hostname, sizeof(http->hostname) - 1) < 0)
		http->hostname[0] = '\0';
	if (config->n_users > 0)
		r = start_credentials(http);
	if (r == 0)
		r = start_daemon(http, fd);
	if (r < 0) {
		http_stop(http);
		return r;
	}
	steal_fd(&fd);
	*ret_http = http;
	return 0;
}

void http_stop(struct http *http)
{
	if (!http)
		return;
	/* No connection may rest when the server ends. */
	verifier_stop(http->verifier);
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	verifier_free(http->verifier);
	credentials_free(http->credentials);
	http_cache_deinit(&http->cache);
	free(http);
}
