/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Asks hostd, by libcurl over its unix socket. */
#include "config.h"

#include "host/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <curl/curl.h>

#include "host/snapshot_json.h"
#include "shared/cleanup.h"
#include "shared/number.h"

#define TIMEOUT_MS	5000L
#define IS_OVER_MS	100
#define DOCUMENT_MAX	((size_t)64 * 1024 * 1024)
#define SAME_TICK_TRIES 5

struct client {
	const char *socket_path;
	CURL *curl;
	CURLM *multi; /* which keeps the connection */
	bool (*is_over)(void *data);
	void *data;
};

struct body {
	char *text; /* owned, ends with NUL once there is any */
	size_t used;
	bool too_long;
};

static void cleanup_bodyp(struct body *body)
{
	free(body->text);
}

static void cleanup_jsonp(cJSON **json)
{
	cJSON_Delete(*json);
}

static size_t take_body(char *data, size_t size, size_t n, void *user)
{
	struct body *body = user;
	size_t bytes = size * n;
	char *text;

	body->too_long = bytes > DOCUMENT_MAX - body->used;
	if (body->too_long)
		return 0;
	text = realloc(body->text, body->used + bytes + 1);
	if (!text)
		return 0;
	memcpy(text + body->used, data, bytes);
	body->text = text;
	body->used += bytes;
	text[body->used] = '\0';
	return bytes;
}

/* curl tells no errno of a failed connect, and that is what the cure depends on. */
static int try_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = socket(
		AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
		errno != EAGAIN)
		return -errno;
	return 0;
}

static int explain_socket(const char *path, int r, char error[CLIENT_ERROR_SIZE])
{
	const char *cure = "";

	if (r == -ENOENT || r == -ECONNREFUSED)
		cure = "; vmpower-hostd is not running there: start it, or name its --run-dir";
	else if (r == -EACCES)
		cure = "; be root or a member of the group vmpower";
	snprintf(error, CLIENT_ERROR_SIZE, "cannot connect to %s: %s%s", path,
		strerror(-r), cure);
	return r;
}

static int explain_transfer(const char *path, CURLcode code, const struct body *body,
	char error[CLIENT_ERROR_SIZE])
{
	if (code == CURLE_ABORTED_BY_CALLBACK) {
		snprintf(error, CLIENT_ERROR_SIZE,
			"no answer from %s yet; see the log of vmpower-hostd", path);
		return -ECANCELED;
	}
	snprintf(error, CLIENT_ERROR_SIZE,
		"no answer from %s: %s; see the log of vmpower-hostd", path,
		curl_easy_strerror(code));
	if (code == CURLE_OPERATION_TIMEDOUT)
		return -ETIMEDOUT;
	if (code == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (code == CURLE_WRITE_ERROR)
		return body->too_long ? -EMSGSIZE : -ENOMEM;
	return -EPROTO;
}

static int open_client(struct client *client, const char *socket_path,
	bool (*is_over)(void *data), void *data)
{
	*client = (struct client){
		.socket_path = socket_path, .is_over = is_over, .data = data
	};
	/* This one first, as it sees to it that libcurl is ready. */
	client->curl = curl_easy_init();
	client->multi = curl_multi_init();
	if (!client->curl || !client->multi ||
		curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, socket_path) !=
			CURLE_OK ||
		curl_easy_setopt(client->curl, CURLOPT_PROXY, "") != CURLE_OK)
		return -ENOMEM;
	curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_body);
	return 0;
}

static void close_client(struct client *client)
{
	curl_easy_cleanup(client->curl);
	curl_multi_cleanup(client->multi);
}

/* curl_easy_perform() for who may not want to wait on. */
static CURLcode perform(const struct client *client)
{
	CURLMcode code = curl_multi_add_handle(client->multi, client->curl);
	CURLcode result = CURLE_ABORTED_BY_CALLBACK;
	const CURLMsg *message;
	int n = 1;

	while (code == CURLM_OK && n > 0 &&
		!(client->is_over && client->is_over(client->data))) {
		code = curl_multi_perform(client->multi, &n);
		if (code == CURLM_OK && n > 0)
			code = curl_multi_poll(client->multi, NULL, 0, IS_OVER_MS, NULL);
	}
	message = curl_multi_info_read(client->multi, &n);
	if (message)
		result = message->data.result;
	else if (code != CURLM_OK)
		result = CURLE_OUT_OF_MEMORY;
	curl_multi_remove_handle(client->multi, client->curl);
	return result;
}

static CURLcode transfer(const struct client *client, const char *url_path, bool post,
	struct body *body, long *ret_status)
{
	char url[128];
	CURLcode code;

	snprintf(url, sizeof(url), "http://hostd%s", url_path);
	if (curl_easy_setopt(client->curl, CURLOPT_URL, url) != CURLE_OK)
		return CURLE_OUT_OF_MEMORY;
	if (post && curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, "") != CURLE_OK)
		return CURLE_OUT_OF_MEMORY;
	curl_easy_setopt(client->curl, post ? CURLOPT_POST : CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, body);
	code = perform(client);
	if (code == CURLE_OK)
		curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, ret_status);
	return code;
}

static int ask(const struct client *client, const char *url_path, bool post,
	cJSON **ret_document, char error[CLIENT_ERROR_SIZE])
{
	__attribute__((__cleanup__(cleanup_bodyp))) struct body body = { 0 };
	const char *socket_path = client->socket_path;
	long status = 0;
	CURLcode code = transfer(client, url_path, post, &body, &status);
	cJSON *document;
	int r;

	if (code != CURLE_OK) {
		r = code == CURLE_ABORTED_BY_CALLBACK ? 0 : try_socket(socket_path);
		return r < 0 ? explain_socket(socket_path, r, error)
			     : explain_transfer(socket_path, code, &body, error);
	}
	if (status == 503) {
		snprintf(error, CLIENT_ERROR_SIZE,
			post ? "vmpower-hostd at %s could not measure; see its log"
			     : "vmpower-hostd at %s has measured nothing yet; try again "
			       "in a second",
			socket_path);
		return -EAGAIN;
	}
	document = status == 200 && body.text ? cJSON_Parse(body.text) : NULL;
	if (!document) {
		snprintf(error, CLIENT_ERROR_SIZE,
			"%s answers %s with status %ld and no valid JSON; is it vmpower-hostd "
			"of this version?",
			socket_path, url_path, status);
		return -EPROTO;
	}
	*ret_document = document;
	return 0;
}

static int get(const struct client *client, const char *url_path, cJSON **ret_document,
	char error[CLIENT_ERROR_SIZE])
{
	return ask(client, url_path, false, ret_document, error);
}

static int out_of_memory(const char *socket_path, char error[CLIENT_ERROR_SIZE])
{
	snprintf(error, CLIENT_ERROR_SIZE, "cannot talk to %s: %s", socket_path,
		strerror(ENOMEM));
	return -ENOMEM;
}

int client_get(const char *socket_path, const char *url_path, cJSON **ret_document,
	char error[CLIENT_ERROR_SIZE])
{
	__attribute__((__cleanup__(close_client))) struct client client;

	if (open_client(&client, socket_path, NULL, NULL) < 0)
		return out_of_memory(socket_path, error);
	return get(&client, url_path, ret_document, error);
}

int client_request_tick(
	struct client *client, uint64_t *ret_number, char error[CLIENT_ERROR_SIZE])
{
	__attribute__((__cleanup__(cleanup_jsonp))) cJSON *document = NULL;
	const cJSON *tick;
	int r;

	r = ask(client, "/api/v1/tick", true, &document, error);
	if (r < 0)
		return r;
	tick = cJSON_GetObjectItemCaseSensitive(document, "tick");
	if (cJSON_IsString(tick) &&
		number_parse_range(tick->valuestring, 1, UINT64_MAX, ret_number) == 0)
		return 0;
	snprintf(error, CLIENT_ERROR_SIZE,
		"cannot understand vmpower-hostd at %s: it is of another version; "
		"restart it after an upgrade",
		client->socket_path);
	return -EPROTO;
}

static int decode(const char *socket_path, const cJSON *host, const cJSON *domains,
	struct snapshot **ret_snapshot, char error[CLIENT_ERROR_SIZE])
{
	int r = snapshot_json_decode(host, domains, ret_snapshot);

	if (r == -EBADMSG) {
		snprintf(error, CLIENT_ERROR_SIZE,
			"cannot understand vmpower-hostd at %s: it is of another version; "
			"restart it after an upgrade",
			socket_path);
		return -EPROTO;
	}
	if (r < 0)
		snprintf(error, CLIENT_ERROR_SIZE, "cannot read the documents of %s: %s",
			socket_path, strerror(-r));
	return r;
}

int client_get_host(const char *socket_path, struct snapshot **ret_snapshot,
	char error[CLIENT_ERROR_SIZE])
{
	__attribute__((__cleanup__(cleanup_jsonp))) cJSON *host = NULL;
	int r = client_get(socket_path, "/api/v1/host", &host, error);

	return r < 0 ? r : decode(socket_path, host, NULL, ret_snapshot, error);
}

pid_t client_server_pid(const char *socket_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int fd = socket(
		AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred credentials;
	socklen_t len = sizeof(credentials);

	if (fd < 0 || strlen(socket_path) >= sizeof(address.sun_path))
		return 0;
	strcpy(address.sun_path, socket_path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &len) < 0)
		return 0;
	return credentials.pid;
}

/* Whether it is of the tick that is known. */
static bool is_known(const cJSON *host, uint64_t known_ns)
{
	const cJSON *end = cJSON_GetObjectItemCaseSensitive(host, "boottime_ns");
	uint64_t end_ns;

	return known_ns != 0 && cJSON_IsString(end) &&
	       number_parse_range(end->valuestring, 0, UINT64_MAX, &end_ns) == 0 &&
	       end_ns == known_ns;
}

static int get_once(const struct client *client, uint64_t known_ns,
	struct snapshot **ret_snapshot, cJSON **ret_host, cJSON **ret_domains,
	char error[CLIENT_ERROR_SIZE])
{
	__attribute__((__cleanup__(cleanup_jsonp))) cJSON *host = NULL, *domains = NULL;
	int r;

	r = get(client, "/api/v1/host", &host, error);
	if (r < 0)
		return r;
	if (is_known(host, known_ns))
		return -EALREADY;
	r = get(client, "/api/v1/domains", &domains, error);
	if (r < 0)
		return r;
	r = decode(client->socket_path, host, domains, ret_snapshot, error);
	if (r < 0)
		return r;
	if (ret_host)
		*ret_host = steal_pointer(&host);
	if (ret_domains)
		*ret_domains = steal_pointer(&domains);
	return 0;
}

int client_fetch_snapshot(struct client *client, uint64_t known_ns,
	struct snapshot **ret_snapshot, cJSON **ret_host, cJSON **ret_domains,
	char error[CLIENT_ERROR_SIZE])
{
	int r = -EAGAIN;

	/* A tick may end between the two requests. */
	for (int i = 0; r == -EAGAIN && i < SAME_TICK_TRIES; i++)
		r = get_once(
			client, known_ns, ret_snapshot, ret_host, ret_domains, error);
	return r;
}

int client_get_snapshot(const char *socket_path, struct snapshot **ret_snapshot,
	cJSON **ret_host, cJSON **ret_domains, char error[CLIENT_ERROR_SIZE])
{
	__attribute__((__cleanup__(close_client))) struct client client;

	if (open_client(&client, socket_path, NULL, NULL) < 0)
		return out_of_memory(socket_path, error);
	return client_fetch_snapshot(
		&client, 0, ret_snapshot, ret_host, ret_domains, error);
}

int client_new(const char *socket_path, bool (*is_over)(void *data), void *data,
	struct client **ret_client)
{
	struct client *client = malloc(sizeof(*client));

	if (!client)
		return -ENOMEM;
	if (open_client(client, socket_path, is_over, data) < 0) {
		client_free(client);
		return -ENOMEM;
	}
	*ret_client = client;
	return 0;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	close_client(client);
	free(client);
}
