/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What the project wants to know of a libvirt domain, from its XML, live or
 * persistent (https://libvirt.org/formatdomain.html). Reads only. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "shared/uuid.h"

/* The name of the channel's target, and of the port in the guest. */
#define DOMAIN_XML_CHANNEL "org.vmpower.0"

/* The largest document that is read at all. */
#define DOMAIN_XML_SIZE_MAX (4u << 20)

enum domain_channel_mode {
	DOMAIN_CHANNEL_OTHER, /* not a unix socket, or one that QEMU connects to */
	DOMAIN_CHANNEL_BIND,  /* QEMU listens, as it must */
};

enum domain_channel_state {
	DOMAIN_CHANNEL_UNKNOWN, /* persistent XML does not say */
	DOMAIN_CHANNEL_DISCONNECTED,
	DOMAIN_CHANNEL_CONNECTED, /* something in the guest has the port open */
};

/* The channel with the target type virtio and the name DOMAIN_XML_CHANNEL. */
struct domain_channel {
	enum domain_channel_mode mode;
	enum domain_channel_state state;
	char *path; /* absolute; NULL: persistent XML leaves it to libvirt */
	char *xml;  /* the whole element, as detaching it wants it */
};

struct domain_xml {
	struct uuid uuid;
	char *name;	  /* untrusted text */
	int id;		  /* -1: not running */
	uint32_t n_vcpus; /* online now; in persistent XML: at the start */
	/* As many as can be plugged; the topology is that of all of them. */
	uint32_t max_vcpus;
	/* dies x clusters x cores x threads of <topology>; 0: it has none. */
	uint32_t vcpus_per_socket;
	uint64_t memory_kib;
	char *labels;	  /* see host/domain_metadata.h */
	char *own_labels; /* those of vmpower label alone */
	/* Without this controller a channel cannot be attached to a running domain. */
	bool has_virtio_serial;
	bool has_channel; /* else the channel is empty */
	struct domain_channel channel;
};

/*
 * -EBADMSG: not the XML of a domain, with a document type, or without name, UUID,
 * vCPUs or memory; -EFBIG; -ENOMEM. Nothing is fetched, no entity expanded.
 */
int domain_xml_parse(const char *xml, struct domain_xml *ret_domain);

/* Frees what it holds, not the struct itself. A zeroed one is fine. */
void domain_xml_deinit(struct domain_xml *domain);
