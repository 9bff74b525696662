/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Whose a domain is, from what management layers leave in the <metadata> of its XML
 * (https://libvirt.org/formatdomain.html#general-metadata), as labels. Pure.
 *
 *	vmpower, DOMAIN_METADATA_URI: any labels, see domain_metadata_format()
 *	OpenStack, http://openstack.org/xmlns/libvirt/nova/1.x: <instance> has project,
 *		project_id, user, user_id, flavor, and instance, the name its owner gave
 *	oVirt, http://ovirt.org/vm/1.0: <vm><custom> has custom properties; those whose
 *		names are keys of labels, under these
 *
 * Of one key, the first of these counts.
 */
#pragma once

#include <libxml/tree.h>

#include "host/labels.h"

/* The namespace of our own element, and its prefix. */
#define DOMAIN_METADATA_URI    "urn:vmpower:domain:1"
#define DOMAIN_METADATA_PREFIX "vmpower"

/* metadata is the element, or NULL. What has no room is left out. */
void domain_metadata_read(const xmlNode *metadata, char ret_labels[LABELS_SIZE]);

/* Only our own. */
void domain_metadata_read_own(const xmlNode *metadata, char ret_labels[LABELS_SIZE]);

/*
 * Our own element, as virDomainSetMetadata() wants it: without its namespace, which it
 * gives to this element and not to those inside. The caller frees it. -ENOMEM.
 */
int domain_metadata_format(const char *labels, char **ret_xml);
