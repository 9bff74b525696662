/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Small helpers around libvirt. */
#include "host/virt.h"

#include <errno.h>
#include <string.h>

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

const char *virt_read_error(int r)
{
	return r == -ENOENT ? virt_error() : strerror(-r);
}

const struct virt_definition virt_persistent = {
	.name = "persistent definition",
	.read_flags = VIR_DOMAIN_XML_INACTIVE,
	.change_flags = VIR_DOMAIN_AFFECT_CONFIG,
};

const struct virt_definition virt_running = {
	.name = "running domain",
	.change_flags = VIR_DOMAIN_AFFECT_LIVE,
};

int virt_read_definition(virDomainPtr domain, const char *name,
	const struct virt_definition *definition, struct domain_xml *ret_xml)
{
	int r = virt_read_domain(domain, definition->read_flags, ret_xml);

	if (r < 0)
		virt_complain(name, "cannot read its XML", virt_read_error(r));
	return r;
}
