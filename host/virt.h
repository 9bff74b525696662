/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What the command line's users of libvirt share: errors, look-ups, owning locals. */
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "host/domain_xml.h"
#include "shared/cleanup.h"

/* Keeps libvirt from printing errors by itself. */
void virt_silence(void);

/* The message of this thread's last error, valid until the next call of libvirt. */
const char *virt_error(void);

/* Says on stderr what went wrong with a domain, as the operator wrote it. */
void virt_complain(const char *domain, const char *what, const char *why);

/* By name, else by UUID. NULL: see virt_error(). */
virDomainPtr virt_find_domain(virConnectPtr connection, const char *name_or_uuid);

/*
 * What the domain's XML says, live or (flags VIR_DOMAIN_XML_INACTIVE) persistent.
 * -ENOENT: libvirt does not give it (see virt_error()); those of domain_xml_parse().
 */
int virt_read_domain(virDomainPtr domain, unsigned int flags, struct domain_xml *ret_xml);

/* Why it did not, valid as virt_error() is. */
const char *virt_read_error(int r);

/* One of the two definitions of a domain: what there is to read and to change of it. */
struct virt_definition {
	const char *name; /* in messages */
	unsigned int read_flags, change_flags;
};

extern const struct virt_definition virt_persistent, virt_running;

/* As virt_read_domain(), and says on stderr what is wrong with the domain of this name.
 */
int virt_read_definition(virDomainPtr domain, const char *name,
	const struct virt_definition *definition, struct domain_xml *ret_xml);

static inline void cleanup_virt_connectp(virConnectPtr *connection)
{
	if (*connection)
		virConnectClose(*connection);
}

static inline void cleanup_virt_domainp(virDomainPtr *domain)
{
	if (*domain)
		virDomainFree(*domain);
}

#define cleanup_virt_connect cleanup(cleanup_virt_connectp)
#define cleanup_virt_domain  cleanup(cleanup_virt_domainp)
#define cleanup_domain_xml   cleanup(domain_xml_deinit)
