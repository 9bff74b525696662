/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Facts: libvirt and its running domains, over a read-only connection such as
 * hostd's. A libvirtd that is stopped, or waits for a stopped QEMU, never answers:
 * so it is asked in a thread that is left behind when its time is over.
 */
#include "config.h"

#include "host/facts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/virt.h"

#define TIMEOUT_S 10

/* The thread's until it has ended. */
struct inquiry {
	char *connect;
	char *domain; /* NULL: all */
	struct facts_libvirt facts;
	int result;
};

static void inquiry_free(struct inquiry *inquiry)
{
	free(inquiry->connect);
	free(inquiry->domain);
	free(inquiry);
}

/* What went wrong by libvirt's last error. int1 is the errno of a system error. */
static enum facts_libvirt_state classify(const virError *error)
{
	switch (error ? error->code : 0) {
	case VIR_ERR_AUTH_FAILED:
	case VIR_ERR_AUTH_CANCELLED:
	case VIR_ERR_AUTH_UNAVAILABLE:
	case VIR_ERR_ACCESS_DENIED:
	case VIR_ERR_OPERATION_DENIED:
		return FACTS_LIBVIRT_REFUSED;
	case VIR_ERR_SYSTEM_ERROR:
		if (error->int1 == EACCES || error->int1 == EPERM)
			return FACTS_LIBVIRT_REFUSED;
		if (error->int1 == ENOENT || error->int1 == ECONNREFUSED ||
			error->int1 == ECONNRESET)
			return FACTS_LIBVIRT_DOWN;
		return FACTS_LIBVIRT_OTHER;
	default:
		return FACTS_LIBVIRT_OTHER;
	}
}

static int note_error(struct facts_libvirt *facts)
{
	facts->state = classify(virGetLastError());
	facts->error = strdup(virt_error());
	return facts->error ? 0 : -ENOMEM;
}

/* A domain that ends meanwhile is left out. */
static int add_domain(struct facts_libvirt *facts, virDomainPtr domain)
{
	cleanup_domain_xml struct domain_xml config = { 0 };
	struct facts_domain *fact = &facts->domains[facts->n_domains];
	int r;

	r = virt_read_domain(domain, 0, &fact->live);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	facts->n_domains++;
	fact->persistent = virDomainIsPersistent(domain) == 1;
	if (!fact->persistent)
		return 0;
	r = virt_read_domain(domain, VIR_DOMAIN_XML_INACTIVE, &config);
	if (r == 0)
		fact->config_has_channel = config.has_channel;
	return r == -ENOMEM ? r : 0;
}

static int ask_for_one(
	struct facts_libvirt *facts, virConnectPtr connection, const char *name)
{
	cleanup_virt_domain virDomainPtr domain = virt_find_domain(connection, name);

	if (!domain || virDomainIsActive(domain) != 1)
		return 0;
	facts->domains = calloc(1, sizeof(*facts->domains));
	return facts->domains ? add_domain(facts, domain) : -ENOMEM;
}

static int ask_for_all(struct facts_libvirt *facts, virConnectPtr connection)
{
	virDomainPtr *domains;
	int n = virConnectListAllDomains(
		connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	int r = 0;

	if (n < 0)
		return note_error(facts);
	facts->domains = calloc((size_t)n + 1, sizeof(*facts->domains));
	if (!facts->domains)
		r = -ENOMEM;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = add_domain(facts, domains[i]);
		virDomainFree(domains[i]);
	}
	free(domains);
	return r;
}

static void *ask(void *user)
{
	struct inquiry *inquiry = user;
	cleanup_virt_connect virConnectPtr connection = virConnectOpenReadOnly(
		inquiry->connect);

	if (!connection)
		inquiry->result = note_error(&inquiry->facts);
	else if (inquiry->domain)
		inquiry->result = ask_for_one(
			&inquiry->facts, connection, inquiry->domain);
	else
		inquiry->result = ask_for_all(&inquiry->facts, connection);
	return NULL;
}

/* Starts the thread and waits for its end, or TIMEOUT_S. -ETIMEDOUT: it has the inquiry.
 */
static int ask_in_time(struct inquiry *inquiry)
{
	struct timespec deadline;
	pthread_t thread;
	int r;

	r = pthread_create(&thread, NULL, ask, inquiry);
	if (r != 0)
		return -r;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += TIMEOUT_S;
	r = pthread_timedjoin_np(thread, NULL, &deadline);
	if (r == 0)
		return inquiry->result;
	pthread_detach(thread);
	return -ETIMEDOUT;
}

static int ask_libvirt(
	struct facts_libvirt *libvirt, const char *connect, const char *domain)
{
	struct inquiry *inquiry = calloc(1, sizeof(*inquiry));
	int r = -ENOMEM;

	if (!inquiry)
		return -ENOMEM;
	inquiry->connect = strdup(connect);
	inquiry->domain = domain ? strdup(domain) : NULL;
	if (inquiry->connect && (!domain || inquiry->domain))
		r = ask_in_time(inquiry);
	if (r == -ETIMEDOUT) {
		libvirt->state = FACTS_LIBVIRT_HANGS;
		return 0;
	}
	*libvirt = inquiry->facts;
	inquiry_free(inquiry);
	return r;
}

/* Where systems have the daemons apart, there is a virtqemud and no libvirtd. */
static bool is_modular(const char *run_dir)
{
	cleanup_free char *path = NULL;

	if (asprintf(&path, "%s/virtqemud-sock-ro", run_dir) < 0) {
		path = NULL;
		return false;
	}
	if (access(path, F_OK) == 0)
		return true;
	return access("/usr/sbin/libvirtd", X_OK) < 0 &&
	       access("/usr/sbin/virtqemud", X_OK) == 0;
}

static int gather_access(struct facts_libvirt *libvirt, const struct facts_paths *paths,
	const struct facts_process *hostd)
{
	int r = facts_check_access(hostd, libvirt->socket, W_OK, &libvirt->access);

	for (size_t i = 0; r == 0 && i < libvirt->n_domains; i++) {
		struct facts_domain *domain = &libvirt->domains[i];

		const char *path = domain->live.channel.path;

		if (path)
			r = facts_check_access(hostd, path, W_OK, &domain->socket);
	}
	if (r < 0)
		return r;
	return facts_find_holders(
		paths->procfs, hostd->pid, libvirt->domains, libvirt->n_domains);
}

int facts_gather_libvirt(struct facts_libvirt *libvirt, const struct facts_paths *paths,
	const struct facts_process *hostd, const char *domain)
{
	int r;

	virt_silence();
	r = ask_libvirt(libvirt, paths->connect, domain);
	if (r < 0)
		return r;
	libvirt->modular = is_modular(paths->libvirt_run_dir);
	if (asprintf(&libvirt->socket, "%s/%s-sock-ro", paths->libvirt_run_dir,
		    libvirt->modular ? "virtqemud" : "libvirt") < 0) {
		libvirt->socket = NULL;
		return -ENOMEM;
	}
	return hostd->pid ? gather_access(libvirt, paths, hostd) : 0;
}
