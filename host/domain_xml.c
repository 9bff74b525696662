/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A libvirt domain's XML, read with libxml2. Fetches nothing, expands nothing. */
#include "host/domain_xml.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "host/domain_metadata.h"
#include "shared/cleanup.h"
#include "shared/number.h"

static void xml_docp(xmlDoc **doc)
{
	xmlFreeDoc(*doc);
}

static void xml_textp(xmlChar **text)
{
	xmlFree(*text);
}

static void xml_bufferp(xmlBuffer **buffer)
{
	xmlBufferFree(*buffer);
}

#define cleanup_doc    cleanup(xml_docp)
#define cleanup_text   cleanup(xml_textp)
#define cleanup_buffer cleanup(xml_bufferp)

static const xmlChar *x(const char *text)
{
	return (const xmlChar *)text;
}

/* The next element of this name among node and its siblings, or NULL. */
static xmlNode *find_element(xmlNode *node, const char *name)
{
	for (; node; node = node->next) {
		if (node->type == XML_ELEMENT_NODE && xmlStrEqual(node->name, x(name)))
			return node;
	}
	return NULL;
}

static xmlNode *find_child(xmlNode *parent, const char *name)
{
	return parent ? find_element(parent->children, name) : NULL;
}

static bool attribute_is(xmlNode *node, const char *name, const char *expected)
{
	cleanup_text xmlChar *value = node ? xmlGetNoNsProp(node, x(name)) : NULL;

	return value && xmlStrEqual(value, x(expected));
}

static int parse_u64(const xmlChar *text, uint64_t max, uint64_t *ret_value)
{
	return text && number_parse_range((const char *)text, 0, max, ret_value) == 0
		       ? 0
		       : -EBADMSG;
}

/* -EBADMSG: no such attribute, or not a number of at most max. */
static int attribute_u64(
	xmlNode *node, const char *name, uint64_t max, uint64_t *ret_value)
{
	cleanup_text xmlChar *value = node ? xmlGetNoNsProp(node, x(name)) : NULL;

	return parse_u64(value, max, ret_value);
}

static int content_u64(xmlNode *node, uint64_t max, uint64_t *ret_value)
{
	cleanup_text xmlChar *content = node ? xmlNodeGetContent(node) : NULL;

	return parse_u64(content, max, ret_value);
}

static int copy_text(const xmlChar *text, char **ret_text)
{
	char *copy = strdup((const char *)text);

	if (!copy)
		return -ENOMEM;
	*ret_text = copy;
	return 0;
}

static int read_identity(xmlNode *root, struct domain_xml *domain)
{
	xmlNode *name = find_child(root, "name"), *uuid = find_child(root, "uuid");
	cleanup_text xmlChar *name_text = name ? xmlNodeGetContent(name) : NULL;
	cleanup_text xmlChar *uuid_text = uuid ? xmlNodeGetContent(uuid) : NULL;
	uint64_t id;

	if (!name_text || !name_text[0] || !uuid_text ||
		uuid_parse((const char *)uuid_text, &domain->uuid) < 0)
		return -EBADMSG;
	domain->id = attribute_u64(root, "id", INT_MAX, &id) == 0 ? (int)id : -1;
	return copy_text(name_text, &domain->name);
}

/* One factor of the topology; absent ones are 1. */
static uint64_t read_factor(xmlNode *topology, const char *name)
{
	uint64_t factor;

	return attribute_u64(topology, name, UINT16_MAX, &factor) == 0 ? factor : 1;
}

static int read_cpus(xmlNode *root, struct domain_xml *domain)
{
	xmlNode *topology = find_child(find_child(root, "cpu"), "topology");
	xmlNode *vcpu = find_child(root, "vcpu");
	uint64_t n, max, per_socket;

	if (content_u64(vcpu, UINT16_MAX, &max) < 0)
		return -EBADMSG;
	/* current='' is there only while it is below the maximum, the content. */
	if (attribute_u64(vcpu, "current", max, &n) < 0)
		n = max;
	domain->n_vcpus = (uint32_t)n;
	domain->max_vcpus = (uint32_t)max;
	if (!topology)
		return 0;
	per_socket = read_factor(topology, "cores") * read_factor(topology, "threads") *
		     read_factor(topology, "dies");
	if (per_socket <= UINT16_MAX)
		per_socket *= read_factor(topology, "clusters");
	/* libvirt refuses a topology that is not filled with vCPUs: this is no libvirt's.
	 */
	if (per_socket == 0 || per_socket > UINT16_MAX)
		return -EBADMSG;
	domain->vcpus_per_socket = (uint32_t)per_socket;
	return 0;
}

static int read_memory(xmlNode *root, struct domain_xml *domain)
{
	xmlNode *memory = find_child(root, "memory");

	/* Whatever unit it was defined in, libvirt prints KiB. */
	if (!memory ||
		(xmlHasProp(memory, x("unit")) && !attribute_is(memory, "unit", "KiB")))
		return -EBADMSG;
	return content_u64(memory, UINT64_MAX >> 10, &domain->memory_kib);
}

static enum domain_channel_state read_channel_state(xmlNode *target)
{
	if (attribute_is(target, "state", "connected"))
		return DOMAIN_CHANNEL_CONNECTED;
	if (attribute_is(target, "state", "disconnected"))
		return DOMAIN_CHANNEL_DISCONNECTED;
	return DOMAIN_CHANNEL_UNKNOWN;
}

static int print_element(xmlNode *node, char **ret_text)
{
	cleanup_buffer xmlBuffer *buffer = xmlBufferCreate();

	if (!buffer || xmlNodeDump(buffer, node->doc, node, 0, 0) < 0)
		return -ENOMEM;
	return copy_text(xmlBufferContent(buffer), ret_text);
}

static int read_channel(xmlNode *node, struct domain_channel *channel)
{
	xmlNode *source = find_child(node, "source");
	cleanup_text xmlChar *path = source ? xmlGetNoNsProp(source, x("path")) : NULL;
	/* Persistent XML of a channel that was never started may have no source. */
	bool bind = !source || attribute_is(source, "mode", "bind");
	int r = 0;

	channel->state = read_channel_state(find_child(node, "target"));
	channel->mode = bind && attribute_is(node, "type", "unix") ? DOMAIN_CHANNEL_BIND
								   : DOMAIN_CHANNEL_OTHER;
	if (path && path[0] == '/')
		r = copy_text(path, &channel->path);
	return r < 0 ? r : print_element(node, &channel->xml);
}

static int read_devices(xmlNode *devices, struct domain_xml *domain)
{
	xmlNode *node = devices ? devices->children : NULL;

	for (; node; node = node->next) {
		xmlNode *target = find_child(node, "target");

		if (node->type != XML_ELEMENT_NODE)
			continue;
		if (xmlStrEqual(node->name, x("controller")) &&
			attribute_is(node, "type", "virtio-serial"))
			domain->has_virtio_serial = true;
		if (domain->has_channel || !xmlStrEqual(node->name, x("channel")) ||
			!attribute_is(target, "type", "virtio") ||
			!attribute_is(target, "name", DOMAIN_XML_CHANNEL))
			continue;
		domain->has_channel = true;
		if (read_channel(node, &domain->channel) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int read_labels(const xmlNode *metadata, struct domain_xml *domain)
{
	char labels[LABELS_SIZE];

	domain_metadata_read(metadata, labels);
	domain->labels = strdup(labels);
	domain_metadata_read_own(metadata, labels);
	domain->own_labels = strdup(labels);
	return domain->labels && domain->own_labels ? 0 : -ENOMEM;
}

static int read_domain(xmlNode *root, struct domain_xml *domain)
{
	int r = read_identity(root, domain);

	if (r == 0)
		r = read_cpus(root, domain);
	if (r == 0)
		r = read_memory(root, domain);
	if (r == 0)
		r = read_labels(find_child(root, "metadata"), domain);
	if (r == 0)
		r = read_devices(find_child(root, "devices"), domain);
	return r;
}

int domain_xml_parse(const char *xml, struct domain_xml *ret_domain)
{
	struct domain_xml domain = { .id = -1 };
	cleanup_doc xmlDoc *doc = NULL;
	xmlNode *root;
	size_t len = strlen(xml);
	int r;

	if (len > DOMAIN_XML_SIZE_MAX)
		return -EFBIG;
	doc = xmlReadMemory(xml, (int)len, "domain.xml", NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	root = doc ? xmlDocGetRootElement(doc) : NULL;
	/* No libvirt writes a document type; entities would come from one. */
	if (!root || doc->intSubset || !xmlStrEqual(root->name, x("domain")))
		return -EBADMSG;
	r = read_domain(root, &domain);
	if (r < 0) {
		domain_xml_deinit(&domain);
		return r;
	}
	*ret_domain = domain;
	return 0;
}

void domain_xml_deinit(struct domain_xml *domain)
{
	free(domain->name);
	free(domain->labels);
	free(domain->own_labels);
	free(domain->channel.path);
	free(domain->channel.xml);
	*domain = (struct domain_xml){ .id = -1 };
}
