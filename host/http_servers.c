/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Two servers from the configuration. */
#include "host/http_servers.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/http.h"
#include "host/http_listen.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/log.h"

#define GROUP "vmpower"

/* Certificates with their chains are some kilobytes. */
#define PEM_MAX ((off_t)1024 * 1024)

struct server {
	int fd;
	char path[HOSTD_CONFIG_TEXT_SIZE + 16]; /* of its socket file; "": it has none */
	struct http *http;
};

struct http_servers {
	const struct hostd_config *config;
	struct snapshot_box *box;
	struct tick_requests *ticks;
	uint64_t stale_ns;
	char node_name[HOST_NAME_MAX + 1];
	struct server local, remote; /* RUN/hostd.sock; --listen */
};

static int listen_unix(struct server *server)
{
	int r = http_listen_unix(server->path, GROUP, &server->fd);

	if (r == -EADDRINUSE)
		log_error("Another vmpower-hostd serves %s; stop it, or use --run-dir",
			server->path);
	else if (r < 0)
		log_error("Cannot listen on %s: %s; see --run-dir and --listen",
			server->path, strerror(-r));
	if (r < 0)
		server->path[0] = '\0';
	return r;
}

static struct http_config base_config(
	const struct http_servers *servers, const struct server *server)
{
	const struct hostd_config *config = servers->config;

	return (struct http_config){
		.listen_fd = server->fd,
		.box = servers->box,
		.health = { .stale_ns = servers->stale_ns,
			.late_ns = config->interval_ms * (uint64_t)NSEC_PER_MSEC },
		.metrics = { .scaphandre = config->scaphandre,
			.kepler = config->kepler,
			.node_name = servers->node_name },
	};
}

static int start_trusted(const struct http_servers *servers, struct server *server)
{
	struct http_config config = base_config(servers, server);
	int r;

	config.trusted = true;
	config.ticks = servers->ticks;
	r = http_start(&config, &server->http);
	if (r < 0)
		log_error("Cannot start the HTTP server: %s", strerror(-r));
	return r;
}

static int start_local(struct http_servers *servers)
{
	const struct hostd_config *config = servers->config;
	struct server *server = &servers->local;
	int r;

	if (mkdir(config->run_dir, 0755) < 0 && errno != EEXIST) {
		r = -errno;
		log_error("Cannot make the directory %s: %s", config->run_dir,
			strerror(-r));
		return r;
	}
	snprintf(server->path, sizeof(server->path), "%s/hostd.sock", config->run_dir);
	r = listen_unix(server);
	return r < 0 ? r : start_trusted(servers, server);
}

static int start_remote_unix(struct http_servers *servers)
{
	struct server *server = &servers->remote;
	int r;

	snprintf(server->path, sizeof(server->path), "%s", servers->config->listen.path);
	r = listen_unix(server);
	return r < 0 ? r : start_trusted(servers, server);
}

/* A whole file as text; "" for a name: none. */
static int read_pem(const char *path, char **ret_text)
{
	cleanup_close int fd = -1;
	cleanup_free char *text = NULL;
	struct stat st;
	ssize_t n;

	if (!path[0])
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > PEM_MAX)
		return -EINVAL;
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = read(fd, text, (size_t)st.st_size);
	if (n < 0)
		return -errno;
	*ret_text = steal_pointer(&text);
	return 0;
}

static int read_some_pem(const char *path, const char *key, char **ret_text)
{
	int r = read_pem(path, ret_text);

	if (r < 0)
		log_error("Cannot read %s: %s; see %s in vmpower-hostd(8)", path,
			strerror(-r), key);
	return r;
}

static int start_tcp(
	struct http_servers *servers, const char *certificate, const char *key)
{
	const struct hostd_config *from = servers->config;
	struct http_config config = base_config(servers, &servers->remote);
	int r;

	config.certificate = certificate;
	config.key = key;
	config.users = from->users;
	config.n_users = from->n_users;
	config.anonymous = from->anonymous;
	config.host_names = from->host_names;
	r = http_start(&config, &servers->remote.http);
	if (r == -EINVAL)
		log_error("Cannot serve HTTPS: %s and %s are not a certificate and its "
			  "key in PEM",
			from->tls_certificate, from->tls_key);
	else if (r == -EOPNOTSUPP)
		log_error("Cannot serve HTTPS: libmicrohttpd was built without TLS");
	else if (r < 0)
		log_error("Cannot start the HTTP server: %s", strerror(-r));
	return r;
}

static int start_remote_tcp(struct http_servers *servers)
{
	const struct hostd_config *config = servers->config;
	cleanup_free char *certificate = NULL, *key = NULL;
	int r;

	r = read_some_pem(config->tls_certificate, "tls_certificate", &certificate);
	if (r == 0)
		r = read_some_pem(config->tls_key, "tls_key", &key);
	if (r < 0)
		return r;
	r = http_listen_tcp(
		&config->listen.tcp.any, config->listen.tcp_len, &servers->remote.fd);
	if (r < 0) {
		log_error("Cannot listen where --listen says: %s; nothing is served "
			  "there, all else goes on. Free the address or name another, "
			  "and restart",
			strerror(-r));
		return 0;
	}
	r = start_tcp(servers, certificate, key);
	if (key)
		explicit_bzero(key, strlen(key));
	return r;
}

static int start_remote(struct http_servers *servers)
{
	switch (servers->config->listen.kind) {
	case LISTEN_TCP:
		return start_remote_tcp(servers);
	case LISTEN_UNIX:
		return start_remote_unix(servers);
	default:
		return 0;
	}
}

int http_servers_start(const struct hostd_config *config, struct snapshot_box *box,
	struct tick_requests *ticks, uint64_t stale_ns, struct http_servers **ret_servers)
{
	struct http_servers *servers = calloc(1, sizeof(*servers));
	int r;

	if (!servers)
		return -ENOMEM;
	servers->config = config;
	servers->box = box;
	servers->ticks = ticks;
	servers->stale_ns = stale_ns;
	servers->local.fd = servers->remote.fd = -1;
	if (gethostname(servers->node_name, sizeof(servers->node_name) - 1) < 0)
		servers->node_name[0] = '\0';
	r = start_local(servers);
	if (r == 0)
		r = start_remote(servers);
	if (r < 0) {
		http_servers_stop(servers);
		return r;
	}
	*ret_servers = servers;
	return 0;
}

static void stop(struct server *server)
{
	http_stop(server->http);
	if (server->path[0])
		unlink(server->path);
	if (server->fd >= 0)
		close(server->fd);
}

void http_servers_stop(struct http_servers *servers)
{
	if (!servers)
		return;
	stop(&servers->local);
	stop(&servers->remote);
	free(servers);
}
