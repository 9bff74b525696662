/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower label, by libvirt's metadata. */
#include "config.h"

#include "host/label.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "host/domain_metadata.h"
#include "host/json_line.h"
#include "host/text.h"
#include "host/virt.h"
#include "shared/options.h"

static int complain_change(const char *change, const char *why)
{
	fputs("vmpower label: '", stderr);
	text_print(stderr, change);
	fprintf(stderr, "': %s\nTry 'vmpower label --help'.\n", why);
	return EXIT_USAGE;
}

/* Where it is set, as KEY and VALUE; EXIT_USAGE: it cannot be. */
static int apply(char labels[LABELS_SIZE], const char *change)
{
	const char *equals = strchr(change, '=');
	cleanup_free char *key = equals ? strndup(change, (size_t)(equals - change))
					: NULL;
	int r;

	if (!equals)
		return complain_change(change, "KEY=VALUE is a label, KEY= removes it");
	r = key ? labels_set(labels, key, equals + 1) : -ENOMEM;
	if (r == -EINVAL)
		return complain_change(change,
			"a key is letters, digits and _, with no digit and not __ in "
			"front, 63 at most");
	if (r == -E2BIG)
		return complain_change(
			change, "a domain's labels together have room for 1023 bytes");
	return r < 0 ? complain_change(change, strerror(-r)) : 0;
}

/* Before anything is written. */
static int check_changes(char *const *changes, size_t n_changes)
{
	char labels[LABELS_SIZE] = "";

	for (size_t i = 0; i < n_changes; i++) {
		int r = apply(labels, changes[i]);

		if (r)
			return r;
	}
	return 0;
}

static int change_definition(virDomainPtr domain, const char *name,
	const struct virt_definition *definition, char *const *changes, size_t n_changes)
{
	cleanup_domain_xml struct domain_xml before = { 0 };
	cleanup_free char *xml = NULL;
	char labels[LABELS_SIZE], what[96];
	int r = virt_read_definition(domain, name, definition, &before);

	if (r < 0)
		return 1;
	snprintf(labels, sizeof(labels), "%s", before.own_labels);
	for (size_t i = 0; i < n_changes; i++) {
		r = apply(labels, changes[i]);
		if (r)
			return r;
	}
	if (strcmp(labels, before.own_labels) == 0)
		return 0;
	if (labels[0] && domain_metadata_format(labels, &xml) < 0) {
		virt_complain(name, "cannot label it", strerror(ENOMEM));
		return 1;
	}
	if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, xml,
		    DOMAIN_METADATA_PREFIX, DOMAIN_METADATA_URI,
		    definition->change_flags) == 0)
		return 0;
	snprintf(what, sizeof(what), "cannot label the %s", definition->name);
	virt_complain(name, what, virt_error());
	return 1;
}

static int change(
	virDomainPtr domain, const char *name, char *const *changes, size_t n_changes)
{
	int r = 0;

	if (virDomainIsPersistent(domain) == 1)
		r = change_definition(domain, name, &virt_persistent, changes, n_changes);
	if (r == 0 && virDomainIsActive(domain) == 1)
		r = change_definition(domain, name, &virt_running, changes, n_changes);
	return r;
}

static int print_json(FILE *out, const char *labels)
{
	cJSON *object = cJSON_CreateObject();
	struct label label;

	while (object && labels_next(&labels, &label))
		cJSON_AddStringToObject(object, label.key, label.value);
	return json_line_write(out, object) < 0;
}

static int print(FILE *out, virDomainPtr domain, const char *name, bool json)
{
	cleanup_domain_xml struct domain_xml xml = { 0 };
	const char *cursor;
	struct label label;

	if (virt_read_definition(domain, name, &virt_running, &xml) < 0)
		return 1;
	if (json)
		return print_json(out, xml.labels);
	cursor = xml.labels;
	while (labels_next(&cursor, &label)) {
		fprintf(out, "%s=", label.key);
		text_print(out, label.value);
		fputc('\n', out);
	}
	return 0;
}

int label_run(FILE *out, const char *connect, const char *domain, char *const *changes,
	size_t n_changes, bool json)
{
	cleanup_virt_connect virConnectPtr connection = NULL;
	cleanup_virt_domain virDomainPtr found = NULL;
	int r = check_changes(changes, n_changes);

	if (r)
		return r;
	virt_silence();
	connection = n_changes > 0 ? virConnectOpen(connect)
				   : virConnectOpenReadOnly(connect);
	if (!connection) {
		virt_complain(domain,
			"cannot connect to libvirt (labels are written as root; see "
			"vmpower doctor)",
			virt_error());
		return 1;
	}
	found = virt_find_domain(connection, domain);
	if (!found) {
		virt_complain(domain, "libvirt knows no such domain", virt_error());
		return 1;
	}
	r = change(found, domain, changes, n_changes);
	return r ? r : print(out, found, domain, json);
}
