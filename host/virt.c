/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Small helpers around libvirt. */
#include "host/virt.h"

#include <errno.h>

#include "host/text.h"

static void ignore_error(void *user, virErrorPtr error)
{
	(void)user;
	(void)error;
}

void virt_silence(void)
{
	virSetErrorFunc(NULL, ignore_error);
}

const char *virt_error(void)
{
	const virError *error = virGetLastError();

	return error && error->message ? error->message : "libvirt does not say why";
}

void virt_complain(const char *domain, const char *what, const char *why)
{
	fputs("vmpower: ", stderr);
	text_print(stderr, domain);
	fprintf(stderr, ": %s: ", what);
	text_print(stderr, why);
	fputc('\n', stderr);
}

virDomainPtr virt_find_domain(virConnectPtr connection, const char *name_or_uuid)
{
	virDomainPtr domain = virDomainLookupByName(connection, name_or_uuid);
	struct uuid uuid;

	if (!domain && uuid_parse(name_or_uuid, &uuid) == 0)
		domain = virDomainLookupByUUID(connection, uuid.bytes);
	return domain;
}

int virt_read_domain(virDomainPtr domain, unsigned int flags, struct domain_xml *ret_xml)
{
	cleanup_free char *xml = virDomainGetXMLDesc(domain, flags);

	return xml ? domain_xml_parse(xml, ret_xml) : -ENOENT;
}
