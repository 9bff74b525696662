/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Lists libvirt's running domains, and reads what each of them is. */
#include "host/libvirt_domains.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>

#include "host/domain_xml.h"
#include "shared/cleanup.h"
#include "shared/clock.h"

#define XML_LOG_INTERVAL_NS (600 * (uint64_t)NSEC_PER_SEC)

static void domain_freep(virDomainPtr *domain)
{
	if (*domain)
		virDomainFree(*domain);
}

static void inventory_freep(struct inventory **inventory)
{
	inventory_free(*inventory);
}

/* What the inventory keeps of the XML. Takes the texts. */
static void take_xml(struct domain_xml *xml, struct inventory_domain *domain)
{
	domain->uuid = xml->uuid;
	domain->name = steal_pointer(&xml->name);
	domain->labels = steal_pointer(&xml->labels);
	domain->id = xml->id;
	domain->n_vcpus = xml->n_vcpus;
	domain->max_vcpus = xml->max_vcpus;
	domain->vcpus_per_socket = xml->vcpus_per_socket;
	domain->memory_kib = xml->memory_kib;
	if (xml->has_channel && xml->channel.mode == DOMAIN_CHANNEL_BIND)
		domain->channel_path = steal_pointer(&xml->channel.path);
}

static void log_bad_xml(virDomainPtr handle, int error, struct log_limit *limit)
{
	uint64_t suppressed;

	if (log_limit_pass(limit, clock_monotonic_ns(), XML_LOG_INTERVAL_NS, &suppressed))
		log_warning(
			"libvirt: cannot read the XML of domain '%s': %s; ignoring the domain",
			virDomainGetName(handle), strerror(-error));
}

/* -ENOENT: it runs no more, or cannot be read. -EIO: libvirt did not tell. */
static int fetch_domain(
	virDomainPtr handle, struct log_limit *limit, struct inventory_domain *ret_domain)
{
	cleanup(domain_xml_deinit) struct domain_xml xml = { .id = -1 };
	cleanup_free char *text = virDomainGetXMLDesc(handle, 0);
	struct inventory_domain domain = { 0 };
	int state, reason, r;

	if (!text || virDomainGetState(handle, &state, &reason, 0) < 0)
		return virGetLastErrorCode() == VIR_ERR_NO_DOMAIN ? -ENOENT : -EIO;
	r = domain_xml_parse(text, &xml);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		log_bad_xml(handle, r, limit);
	if (r < 0 || xml.id < 0)
		return -ENOENT;
	take_xml(&xml, &domain);
	domain.paused = state == VIR_DOMAIN_PAUSED;
	*ret_domain = domain;
	return 0;
}

static int keep_domain(
	virDomainPtr handle, const struct inventory *known, struct inventory *next)
{
	cleanup(inventory_domain_deinit) struct inventory_domain copy = { 0 };
	const struct inventory_domain *domain;
	struct uuid uuid;
	int r;

	if (virDomainGetUUID(handle, uuid.bytes) < 0)
		return 0;
	domain = inventory_find(known, &uuid);
	if (!domain)
		return 0;
	r = inventory_domain_copy(domain, &copy);
	return r < 0 ? r : inventory_put(next, &copy);
}

static int add_domain(virDomainPtr handle, const struct inventory *known,
	struct log_limit *limit, struct inventory *next)
{
	cleanup(inventory_domain_deinit) struct inventory_domain domain = { 0 };
	int r = fetch_domain(handle, limit, &domain);

	if (r == 0)
		return inventory_put(next, &domain);
	if (r == -EIO)
		return keep_domain(handle, known, next);
	return r == -ENOENT ? 0 : r;
}

int libvirt_domains_list(virConnectPtr connection, const struct inventory *known,
	struct log_limit *limit, struct inventory **ret_inventory)
{
	cleanup(inventory_freep) struct inventory *next = calloc(1, sizeof(*next));
	virDomainPtr *handles = NULL;
	int r = 0, n;

	if (!next)
		return -ENOMEM;
	n = virConnectListAllDomains(
		connection, &handles, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
	if (n < 0)
		return -EIO;
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = add_domain(handles[i], known, limit, next);
		virDomainFree(handles[i]);
	}
	free(handles);
	if (r < 0)
		return r;
	next->connected = true;
	*ret_inventory = steal_pointer(&next);
	return 0;
}

int libvirt_domains_update(virConnectPtr connection, const struct uuid *uuid,
	struct log_limit *limit, struct inventory *inventory)
{
	cleanup(inventory_domain_deinit) struct inventory_domain domain = { 0 };
	cleanup(domain_freep)
		virDomainPtr handle = virDomainLookupByUUID(connection, uuid->bytes);
	int r;

	if (!handle)
		r = virGetLastErrorCode() == VIR_ERR_NO_DOMAIN ? -ENOENT : -EIO;
	else
		r = fetch_domain(handle, limit, &domain);
	if (r == 0)
		return inventory_put(inventory, &domain);
	if (r != -ENOENT)
		return r;
	inventory_remove(inventory, uuid);
	return 0;
}
