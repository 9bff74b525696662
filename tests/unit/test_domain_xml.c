/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Domain XML: what libvirt 9.0 printed of real domains, and what nobody should. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/domain_metadata.h"
#include "host/domain_xml.h"
#include "shared/cleanup.h"

#define UUID	"11111111-0000-4000-8000-000000000001"
#define CHANNEL "<target type='virtio' name='org.vmpower.0'/>"
#define DOMAIN_HEAD                                                                      \
	"<domain><name>a</name><uuid>" UUID "</uuid><memory>4</memory><vcpu>1</vcpu>"
#define RUN "/var/lib/libvirt/qemu/channel/target/"

static void read_fixture(const char *name, char *text, size_t size)
{
	const char *srcdir = getenv("srcdir");
	cleanup_fclose FILE *file = NULL;
	char path[4096];
	size_t n;

	snprintf(path, sizeof(path), "%s/tests/fixtures/xml/%s.xml",
		srcdir ? srcdir : ".", name);
	file = fopen(path, "re");
	assert_non_null(file);
	n = fread(text, 1, size - 1, file);
	assert_true(n > 0 && n < size - 1);
	text[n] = '\0';
}

static const struct {
	const char *fixture;
	int id;
	uint32_t n_vcpus, max_vcpus, vcpus_per_socket;
	bool has_virtio_serial, has_channel;
	enum domain_channel_mode mode;
	enum domain_channel_state state;
	const char *path;
} recorded[] = {
	{ "agentonly", 4, 1, 1, 0, true, false, 0, 0, NULL },
	{ "bare", 3, 1, 1, 0, false, false, 0, 0, NULL },
	{ "connectmode", 7, 1, 1, 0, true, true, DOMAIN_CHANNEL_OTHER,
		DOMAIN_CHANNEL_DISCONNECTED, "/run/listen.sock" },
	{ "flat", 1, 2, 2, 0, true, true, DOMAIN_CHANNEL_BIND,
		DOMAIN_CHANNEL_DISCONNECTED, RUN "domain-1-flat/org.vmpower.0" },
	{ "ownpath", 5, 1, 1, 0, true, true, DOMAIN_CHANNEL_BIND,
		DOMAIN_CHANNEL_DISCONNECTED, "/run/own.sock" },
	{ "persistent", -1, 2, 2, 0, true, true, DOMAIN_CHANNEL_BIND,
		DOMAIN_CHANNEL_UNKNOWN, NULL },
	{ "pty", 6, 1, 1, 0, true, true, DOMAIN_CHANNEL_OTHER,
		DOMAIN_CHANNEL_DISCONNECTED, "/dev/pts/0" },
	{ "sockets", 2, 3, 8, 4, true, true, DOMAIN_CHANNEL_BIND,
		DOMAIN_CHANNEL_DISCONNECTED, RUN "domain-2-sockets/org.vmpower.0" },
};

static void test_recorded(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(recorded) / sizeof(recorded[0]); i++) {
		struct domain_xml domain;
		char text[8192], uuid[UUID_TEXT_SIZE];

		print_message("%s\n", recorded[i].fixture);
		read_fixture(recorded[i].fixture, text, sizeof(text));
		assert_int_equal(domain_xml_parse(text, &domain), 0);
		assert_string_equal(domain.name, recorded[i].fixture);
		uuid_format(&domain.uuid, uuid);
		assert_memory_equal(uuid, UUID, UUID_TEXT_SIZE - 2);
		assert_int_equal(domain.id, recorded[i].id);
		assert_int_equal(domain.n_vcpus, recorded[i].n_vcpus);
		assert_int_equal(domain.max_vcpus, recorded[i].max_vcpus);
		assert_int_equal(domain.vcpus_per_socket, recorded[i].vcpus_per_socket);
		assert_int_equal(domain.memory_kib, 16384);
		assert_int_equal(domain.has_virtio_serial, recorded[i].has_virtio_serial);
		assert_int_equal(domain.has_channel, recorded[i].has_channel);
		assert_int_equal(domain.channel.mode, recorded[i].mode);
		assert_int_equal(domain.channel.state, recorded[i].state);
		if (recorded[i].path)
			assert_string_equal(domain.channel.path, recorded[i].path);
		else
			assert_null(domain.channel.path);
		domain_xml_deinit(&domain);
	}
}

/* What detaching gets is what libvirt printed but for the quotes, and no other channel.
 */
static void test_channel_element(void **state)
{
	struct domain_xml domain;
	char text[8192];

	(void)state;
	read_fixture("sockets", text, sizeof(text));
	assert_int_equal(domain_xml_parse(text, &domain), 0);
	for (char *c = strchr(domain.channel.xml, '"'); c; c = strchr(c, '"'))
		*c = '\'';
	assert_non_null(strstr(text, domain.channel.xml));
	assert_memory_equal(domain.channel.xml, "<channel type='unix'>", 9);
	assert_non_null(strstr(domain.channel.xml, "domain-2-sockets/org.vmpower.0"));
	assert_non_null(strstr(domain.channel.xml, "port='2'"));
	assert_non_null(strstr(domain.channel.xml, "</channel>"));
	assert_null(strstr(domain.channel.xml, "guest_agent"));
	domain_xml_deinit(&domain);
}

/* Whose it is, as management layers say it. */
static void test_labels(void **state)
{
	static const struct {
		const char *fixture, *labels, *own;
	} rows[] = {
		{ "flat", "", "" },
		{ "labels", "project=blue & \"white\"\nteam=<grid>\n",
			"project=blue & \"white\"\nteam=<grid>\n" },
		{ "nova",
			"flavor=m1.small\ninstance=web \xe2\x98\x95\nproject=shop\n"
			"project_id=76d1a22f6f5b4a5e8f3a5f3e4b7c9d01\nteam=grid\n"
			"user=ann\nuser_id=0c4b2a6d1e8f4c7b9a3d5e6f7a8b9c0d\n",
			"project=shop\nteam=grid\n" },
		{ "ovirt", "cost_center=4711\nproject=lab\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct domain_xml domain;
		char text[8192];

		print_message("%s\n", rows[i].fixture);
		read_fixture(rows[i].fixture, text, sizeof(text));
		assert_int_equal(domain_xml_parse(text, &domain), 0);
		assert_string_equal(domain.labels, rows[i].labels);
		assert_string_equal(domain.own_labels, rows[i].own);
		domain_xml_deinit(&domain);
	}
}

/* What is written is what is read; and what does not fit is left out. */
static void test_own_labels(void **state)
{
	static const char head[] = DOMAIN_HEAD "<metadata>";
	static const char tail[] = "</metadata></domain>";
	char labels[LABELS_SIZE] = "", text[16384], *xml;
	struct domain_xml domain;

	(void)state;
	assert_int_equal(labels_set(labels, "a", "<'&\"\xc3\xa4>"), 0);
	assert_int_equal(labels_set(labels, "b", "x"), 0);
	assert_int_equal(domain_metadata_format(labels, &xml), 0);
	assert_memory_equal(xml, "<labels>", 8);
	snprintf(text, sizeof(text), "%s<labels xmlns='" DOMAIN_METADATA_URI "'>%s%s",
		head, xml + 8, tail);
	free(xml);
	assert_int_equal(domain_xml_parse(text, &domain), 0);
	assert_string_equal(domain.own_labels, labels);
	domain_xml_deinit(&domain);

	/* Of another namespace, without a key, with a bad one, more than fits. */
	snprintf(text, sizeof(text),
		"%s<labels><label key='x' value='y'/></labels>"
		"<v:labels xmlns:v='" DOMAIN_METADATA_URI "'><v:label value='y'/>"
		"<v:label key='k-k' value='y'/><v:label key='k'/><v:other key='o' value='1'/>"
		"<v:label key='long' value='%0900d'/></v:labels>%s",
		head, 7, tail);
	assert_int_equal(domain_xml_parse(text, &domain), 0);
	assert_int_equal(strlen(domain.labels), strlen("long=\n") + LABEL_VALUE_MAX);
	domain_xml_deinit(&domain);
}

#define DOMAIN(body)                                                                     \
	"<domain type='kvm' id='3'><name>a</name><uuid>" UUID "</uuid>" body "</domain>"
#define MEMORY	      "<memory unit='KiB'>4</memory>"
#define VCPU	      "<vcpu>4</vcpu>"
#define DEVICES(body) DOMAIN(MEMORY VCPU "<devices>" body "</devices>")

static void test_details(void **state)
{
	static const struct {
		const char *xml;
		uint32_t n_vcpus, max_vcpus, vcpus_per_socket;
		bool has_channel;
		const char *path;
	} rows[] = {
		{ DOMAIN(MEMORY VCPU), 4, 4, 0, false, NULL },
		{ DOMAIN("<memory>4</memory>" VCPU), 4, 4, 0, false, NULL },
		{ DOMAIN(MEMORY "<vcpu current='2'>9</vcpu>"), 2, 9, 0, false, NULL },
		/* Factors that older or newer libvirts do not print. */
		{ DOMAIN(MEMORY VCPU
			  "<cpu><topology sockets='2' cores='2' threads='1'/></cpu>"),
			4, 4, 2, false, NULL },
		{ DOMAIN(MEMORY VCPU "<cpu><topology sockets='1' dies='2' clusters='3' "
				     "cores='4' threads='5'/></cpu>"),
			4, 4, 120, false, NULL },
		/* Names are by type: this one's is of another bus. */
		{ DEVICES("<channel type='unix'><target type='guestfwd' "
			  "name='org.vmpower.0'/></channel>"),
			4, 4, 0, false, NULL },
		{ DEVICES("<channel type='unix'><source mode='bind' path='relative'/>" CHANNEL
			  "</channel>"),
			4, 4, 0, true, NULL },
		/* The first of two. */
		{ DEVICES("<channel type='unix'><source mode='bind' path='/1'/>" CHANNEL
			  "</channel><channel type='unix'><source mode='bind' path='/2'/>" CHANNEL
			  "</channel>"),
			4, 4, 0, true, "/1" },
		/* libvirt's own namespaces beside them. */
		{ DOMAIN(MEMORY VCPU
			  "<metadata><x:vcpu xmlns:x='urn:x'>9</x:vcpu></metadata>"),
			4, 4, 0, false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct domain_xml domain;

		assert_int_equal(domain_xml_parse(rows[i].xml, &domain), 0);
		assert_int_equal(domain.id, 3);
		assert_int_equal(domain.memory_kib, 4);
		assert_int_equal(domain.n_vcpus, rows[i].n_vcpus);
		assert_int_equal(domain.max_vcpus, rows[i].max_vcpus);
		assert_int_equal(domain.vcpus_per_socket, rows[i].vcpus_per_socket);
		assert_int_equal(domain.has_channel, rows[i].has_channel);
		if (rows[i].path)
			assert_string_equal(domain.channel.path, rows[i].path);
		else
			assert_null(domain.channel.path);
		domain_xml_deinit(&domain);
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = {
		"",
		"<",
		"<domain>",
		"<network/>",
		"<domain/>",
		"<domain><name>a</name></domain>",
		"<domain><name/><uuid>" UUID "</uuid>" MEMORY VCPU "</domain>",
		"<domain><name>a</name><uuid>no</uuid>" MEMORY VCPU "</domain>",
		DOMAIN(MEMORY),
		DOMAIN(VCPU),
		DOMAIN(MEMORY "<vcpu>-1</vcpu>"),
		DOMAIN(MEMORY "<vcpu>65536</vcpu>"),
		DOMAIN(MEMORY "<vcpu>4 </vcpu>"),
		DOMAIN("<memory unit='MiB'>4</memory>" VCPU),
		DOMAIN("<memory>99999999999999999999</memory>" VCPU),
		DOMAIN(MEMORY VCPU "<cpu><topology cores='0'/></cpu>"),
		DOMAIN(MEMORY VCPU
			"<cpu><topology cores='65535' threads='65535'/></cpu>"),
		DOMAIN(MEMORY VCPU
			"<cpu><topology cores='65535' threads='65535' dies='65535' "
			"clusters='65535'/></cpu>"),
		"<!DOCTYPE domain [<!ENTITY a 'b'>]>" DOMAIN(MEMORY VCPU),
		"<!DOCTYPE domain [<!ENTITY a SYSTEM 'file:///etc/hostname'>]>"
		"<domain><name>&a;</name><uuid>" UUID "</uuid>" MEMORY VCPU "</domain>",
		"<!DOCTYPE domain SYSTEM 'http://127.0.0.1:1/d.dtd'>" DOMAIN(MEMORY VCPU),
		DOMAIN(MEMORY VCPU) "x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct domain_xml domain = { .id = 42 };

		print_message("%s\n", rows[i]);
		assert_int_equal(domain_xml_parse(rows[i], &domain), -EBADMSG);
		assert_int_equal(domain.id, 42);
	}
}

static void test_hostile_sizes(void **state)
{
	static const char begin[] = "<domain><name>", end[] = "</name></domain>";
	size_t size = DOMAIN_XML_SIZE_MAX + 64;
	cleanup_free char *text = malloc(size);
	struct domain_xml domain;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', size);
	memcpy(text, begin, sizeof(begin) - 1);
	memcpy(text + size - sizeof(end), end, sizeof(end));
	assert_int_equal(domain_xml_parse(text, &domain), -EFBIG);
	/* Elements, a million deep. */
	for (size_t i = 0; i + 3 < DOMAIN_XML_SIZE_MAX; i += 3)
		memcpy(text + i, "<a>", 3);
	text[DOMAIN_XML_SIZE_MAX - 4] = '\0';
	assert_int_equal(domain_xml_parse(text, &domain), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_channel_element),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_own_labels),
		cmocka_unit_test(test_details),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_hostile_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
