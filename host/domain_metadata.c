/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Labels from the metadata of nova, oVirt and our own. */
#include "host/domain_metadata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/cleanup.h"

/* Followed by the minor version of the format. */
#define NOVA_URI  "http://openstack.org/xmlns/libvirt/nova/1."
#define OVIRT_URI "http://ovirt.org/vm/1.0"

static void xml_textp(xmlChar **text)
{
	xmlFree(*text);
}

static void xml_bufferp(xmlBuffer **buffer)
{
	xmlBufferFree(*buffer);
}

static const xmlChar *x(const char *text)
{
	return (const xmlChar *)text;
}

static bool is_element(const xmlNode *node, const char *name)
{
	return node->type == XML_ELEMENT_NODE && xmlStrEqual(node->name, x(name));
}

static const xmlNode *find_child(const xmlNode *parent, const char *name)
{
	const xmlNode *node = parent ? parent->children : NULL;

	while (node && !is_element(node, name))
		node = node->next;
	return node;
}

/* The element of this name in a namespace whose URI begins so. */
static const xmlNode *find_foreign(
	const xmlNode *metadata, const char *name, const char *uri)
{
	const xmlNode *node = metadata ? metadata->children : NULL;

	for (; node; node = node->next) {
		if (is_element(node, name) && node->ns && node->ns->href &&
			strncmp((const char *)node->ns->href, uri, strlen(uri)) == 0)
			return node;
	}
	return NULL;
}

static void set_text(char *labels, const char *key, const xmlNode *node)
{
	cleanup(xml_textp) xmlChar *text = node ? xmlNodeGetContent(node) : NULL;

	if (text && text[0])
		(void)labels_set(labels, key, (const char *)text);
}

static void set_attribute(
	char *labels, const char *key, const xmlNode *node, const char *name)
{
	cleanup(xml_textp) xmlChar *text = node ? xmlGetNoNsProp(node, x(name)) : NULL;

	if (text && text[0])
		(void)labels_set(labels, key, (const char *)text);
}

static void read_nova(const xmlNode *metadata, char *labels)
{
	const xmlNode *instance = find_foreign(metadata, "instance", NOVA_URI);
	const xmlNode *owner = find_child(instance, "owner");
	const xmlNode *project = find_child(owner, "project");
	const xmlNode *user = find_child(owner, "user");

	set_text(labels, "instance", find_child(instance, "name"));
	set_attribute(labels, "flavor", find_child(instance, "flavor"), "name");
	set_text(labels, "project", project);
	set_attribute(labels, "project_id", project, "uuid");
	set_text(labels, "user", user);
	set_attribute(labels, "user_id", user, "uuid");
}

static void read_ovirt(const xmlNode *metadata, char *labels)
{
	const xmlNode *vm = find_foreign(metadata, "vm", OVIRT_URI);
	const xmlNode *custom = find_child(vm, "custom");
	const xmlNode *node = custom ? custom->children : NULL;

	for (; node; node = node->next) {
		if (node->type == XML_ELEMENT_NODE)
			set_text(labels, (const char *)node->name, node);
	}
}

static void add_own(const xmlNode *metadata, char *labels)
{
	const xmlNode *own = find_foreign(metadata, "labels", DOMAIN_METADATA_URI);
	const xmlNode *node = own ? own->children : NULL;

	for (; node; node = node->next) {
		cleanup(xml_textp) xmlChar *key = is_element(node, "label")
							  ? xmlGetNoNsProp(node, x("key"))
							  : NULL;

		if (key)
			set_attribute(labels, (const char *)key, node, "value");
	}
}

void domain_metadata_read_own(const xmlNode *metadata, char ret_labels[LABELS_SIZE])
{
	ret_labels[0] = '\0';
	add_own(metadata, ret_labels);
}

/* The last to write a key wins. */
void domain_metadata_read(const xmlNode *metadata, char ret_labels[LABELS_SIZE])
{
	ret_labels[0] = '\0';
	read_ovirt(metadata, ret_labels);
	read_nova(metadata, ret_labels);
	add_own(metadata, ret_labels);
}

static bool add_label(xmlNode *labels, const struct label *label)
{
	xmlNode *node = xmlNewChild(labels, NULL, x("label"), NULL);

	return node && xmlNewProp(node, x("key"), x(label->key)) &&
	       xmlNewProp(node, x("value"), x(label->value));
}

int domain_metadata_format(const char *labels, char **ret_xml)
{
	cleanup(xml_bufferp) xmlBuffer *buffer = xmlBufferCreate();
	xmlNode *root = xmlNewNode(NULL, x("labels"));
	const char *cursor = labels;
	struct label label;
	bool complete = root && buffer;
	char *xml = NULL;

	while (complete && labels_next(&cursor, &label))
		complete = add_label(root, &label);
	if (complete && xmlNodeDump(buffer, NULL, root, 0, 0) >= 0)
		xml = strdup((const char *)xmlBufferContent(buffer));
	xmlFreeNode(root);
	if (!xml)
		return -ENOMEM;
	*ret_xml = xml;
	return 0;
}
