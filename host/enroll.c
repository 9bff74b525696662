/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower enroll, by libvirt: persistent definition first, then the running domain. */
#include "host/enroll.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "host/text.h"
#include "host/virt.h"

static const char channel_xml[] =
	"<channel type='unix'><target type='virtio' name='" DOMAIN_XML_CHANNEL
	"'/></channel>";

/* The guest takes its time to let go of a device; libvirt waits 5 s of it. */
#define DETACH_TRIES	25
#define DETACH_PAUSE_NS 200000000L

struct enrolment {
	FILE *out;
	virDomainPtr domain;
	const char *name; /* as the operator wrote it */
};

void enroll_say(FILE *out, const char *name, const char *text)
{
	text_print(out, name);
	fprintf(out, ": %s\n", text);
}

static void say(const struct enrolment *enrolment, const char *text)
{
	enroll_say(enrolment->out, enrolment->name, text);
}

static int read_definition(const struct enrolment *enrolment,
	const struct virt_definition *definition, struct domain_xml *ret_xml)
{
	return virt_read_definition(
		enrolment->domain, enrolment->name, definition, ret_xml);
}

static int attach(
	const struct enrolment *enrolment, const struct virt_definition *definition)
{
	char what[96];

	if (virDomainAttachDeviceFlags(
		    enrolment->domain, channel_xml, definition->change_flags) < 0) {
		snprintf(what, sizeof(what), "cannot add the channel to the %s",
			definition->name);
		virt_complain(enrolment->name, what, virt_error());
		return -EIO;
	}
	return 0;
}

static int enroll_persistent(const struct enrolment *enrolment)
{
	cleanup_domain_xml struct domain_xml before = { 0 };
	int r = read_definition(enrolment, &virt_persistent, &before);

	if (r < 0)
		return r;
	if (before.has_channel) {
		say(enrolment, "the persistent definition has the channel already");
		return 0;
	}
	r = attach(enrolment, &virt_persistent);
	if (r < 0)
		return r;
	say(enrolment,
		"added the channel " DOMAIN_XML_CHANNEL " to the persistent definition");
	if (!before.has_virtio_serial)
		say(enrolment,
			"libvirt added the virtio-serial controller that it needs");
	return 0;
}

/* Without a controller there is nothing to plug the channel into. */
static int refuse_plug(const struct enrolment *enrolment, bool is_persistent)
{
	if (!is_persistent) {
		virt_complain(enrolment->name, "cannot enroll it",
			"it is transient and runs without a virtio-serial controller; add the "
			"channel to the XML it is created from");
		return -EOPNOTSUPP;
	}
	say(enrolment,
		"it runs without a virtio-serial controller, so nothing can be plugged in "
		"now");
	say(enrolment,
		"RESTART NEEDED: the channel comes when it is shut down and started "
		"again (a reboot inside the guest is not enough)");
	return 0;
}

static int enroll_running(const struct enrolment *enrolment, bool is_persistent)
{
	cleanup_domain_xml struct domain_xml before = { 0 };
	int r = read_definition(enrolment, &virt_running, &before);

	if (r < 0)
		return r;
	if (before.has_channel) {
		say(enrolment, "the running domain has the channel already");
		return 0;
	}
	if (!before.has_virtio_serial)
		return refuse_plug(enrolment, is_persistent);
	r = attach(enrolment, &virt_running);
	if (r == 0)
		say(enrolment, "plugged the channel " DOMAIN_XML_CHANNEL
			       " into the running domain; no restart is needed");
	return r;
}

/* Whether the running domain has let go of the channel, after some time at most. */
static bool is_gone(const struct enrolment *enrolment)
{
	const struct timespec pause = { .tv_nsec = DETACH_PAUSE_NS };

	for (int i = 0; i < DETACH_TRIES; i++) {
		cleanup_domain_xml struct domain_xml now = { 0 };

		if (virt_read_domain(enrolment->domain, virt_running.read_flags, &now) <
				0 ||
			!now.has_channel)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static int undo(
	const struct enrolment *enrolment, const struct virt_definition *definition)
{
	cleanup_domain_xml struct domain_xml before = { 0 };
	char text[96];
	int r = read_definition(enrolment, definition, &before);

	if (r < 0)
		return r;
	if (!before.has_channel) {
		snprintf(text, sizeof(text), "the %s has no channel", definition->name);
		say(enrolment, text);
		return 0;
	}
	/* The whole element: libvirt finds a channel by its source, too. */
	if (virDomainDetachDeviceFlags(enrolment->domain, before.channel.xml,
		    definition->change_flags) < 0) {
		snprintf(text, sizeof(text), "cannot remove the channel from the %s",
			definition->name);
		virt_complain(enrolment->name, text, virt_error());
		return -EIO;
	}
	if (definition == &virt_running && !is_gone(enrolment)) {
		virt_complain(enrolment->name, "the guest does not let go of the channel",
			"it will when its operating system runs; look again later");
		return -EBUSY;
	}
	snprintf(text, sizeof(text), "removed the channel from the %s", definition->name);
	say(enrolment, text);
	return 0;
}

int enroll_plug(virDomainPtr domain)
{
	return virDomainAttachDeviceFlags(
		       domain, channel_xml, virt_running.change_flags) < 0
		       ? -EIO
		       : 0;
}

int enroll_domain(FILE *out, virDomainPtr domain, const char *name, bool undo_it)
{
	const struct enrolment enrolment = { .out = out, .domain = domain, .name = name };
	bool is_persistent = virDomainIsPersistent(domain) == 1;
	bool is_running = virDomainIsActive(domain) == 1;
	int r = 0;

	if (is_persistent)
		r = undo_it ? undo(&enrolment, &virt_persistent)
			    : enroll_persistent(&enrolment);
	if (r == 0 && is_running)
		r = undo_it ? undo(&enrolment, &virt_running)
			    : enroll_running(&enrolment, is_persistent);
	return r;
}

virConnectPtr enroll_connect(const char *uri)
{
	virConnectPtr connection;

	virt_silence();
	connection = virConnectOpen(uri);
	if (!connection)
		virt_complain(uri,
			"cannot open a read-write connection to libvirt (run it as "
			"root, and see vmpower doctor)",
			virt_error());
	return connection;
}

int enroll_run(FILE *out, const char *connect, const char *domain, bool undo_it)
{
	cleanup_virt_connect virConnectPtr connection = enroll_connect(connect);
	cleanup_virt_domain virDomainPtr found = NULL;

	if (!connection)
		return 1;
	found = virt_find_domain(connection, domain);
	if (!found) {
		virt_complain(domain, "libvirt knows no such domain", virt_error());
		return 1;
	}
	return enroll_domain(out, found, domain, undo_it) < 0;
}
