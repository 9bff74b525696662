/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A domain's findings: its channel, the socket behind it, and the agent at its end. */
#include "config.h"

#include "host/diagnose.h"

#include <errno.h>
#include <string.h>

#include "host/cure.h"
#include "host/text.h"
#include "shared/cleanup.h"

/* The guest's packages are sockets; more of them become one (shared/PROTOCOL.md). */
#define SOCKETS_MAX 16u

/* One domain under examination. */
struct exam {
	const struct facts *facts;
	const struct facts_domain *domain;
	struct findings *findings;
	/* How bad it is when the guest sees nothing. */
	enum finding_severity severity;
	/* As hostd sees it; NULL: it does not. */
	const struct snapshot_domain *shown;
};

static const char *exam_name(const struct exam *exam)
{
	return exam->domain->live.name;
}

static void give_command(struct exam *exam, struct finding *finding, char *command)
{
	cleanup_free char *owned = command;

	if (owned)
		finding_command(exam->findings, finding, "%s", owned);
	else
		exam->findings->out_of_memory = true;
}

/* Its name as a word of a command; the UUID where the name is not plain ASCII or a flag.
 */
static const char *exam_word(const struct exam *exam, char uuid[UUID_TEXT_SIZE])
{
	const char *name = exam_name(exam);

	for (const char *at = name; *at; at++) {
		if (!(*at > ' ' && *at < 0x7f) || name[0] == '-') {
			uuid_format(&exam->domain->live.uuid, uuid);
			return uuid;
		}
	}
	return name;
}

/* Returns whether there is a channel to talk about. */
static bool examine_channel(struct exam *exam)
{
	const struct facts_domain *domain = exam->domain;
	char uuid[UUID_TEXT_SIZE];
	const char *word = exam_word(exam, uuid);
	bool has_controller = domain->live.has_virtio_serial;
	struct finding *finding;

	if (domain->live.has_channel)
		return true;
	finding = findings_add(exam->findings, exam->severity,
		has_controller ? "no-channel" : "no-virtio-serial", exam_name(exam),
		has_controller ? "it has no channel " DOMAIN_XML_CHANNEL
			       : "it has no channel " DOMAIN_XML_CHANNEL
				 ", and no virtio-serial controller to plug one into");
	if (!has_controller && !domain->persistent) {
		finding_advice(exam->findings, finding,
			"it is transient: add the channel to the XML it is created from, then "
			"create it anew");
		return false;
	}
	if (!has_controller)
		finding_cause(exam->findings, finding,
			domain->config_has_channel
				? "it was enrolled; the channel comes with its next start (a "
				  "reboot inside the guest is not enough)"
				: "a controller cannot be plugged into a running domain");
	give_command(exam, finding, cure_enroll(exam->facts, word, !has_controller));
	return false;
}

static void examine_topology(struct exam *exam)
{
	const struct domain_xml *live = &exam->domain->live;
	uint32_t per_socket = live->vcpus_per_socket ? live->vcpus_per_socket : 1;
	uint32_t sockets = (live->max_vcpus + per_socket - 1) / per_socket;
	struct finding *finding;

	if (sockets <= SOCKETS_MAX)
		return;
	finding = findings_add(exam->findings, FINDING_WARNING, "many-sockets",
		exam_name(exam),
		"it has %u sockets; its guest sees one package-0 for all", sockets);
	if (!live->vcpus_per_socket)
		finding_cause(exam->findings, finding,
			"its XML has no <topology>, and then every vCPU is a socket");
	finding_advice(exam->findings, finding,
		"with virsh edit, give its <cpu> a <topology sockets='1' cores='%u' "
		"threads='1'/>; then stop and start it",
		live->max_vcpus);
}

static void examine_socket(struct exam *exam)
{
	const struct facts_access *access = &exam->domain->socket;
	const struct facts_hostd *hostd = &exam->facts->hostd;
	cleanup_free char *restart = NULL;
	struct finding *finding;

	finding = findings_add(exam->findings, exam->severity, "socket-inaccessible",
		exam_name(exam), "vmpower-hostd cannot use the channel's socket %s: %s",
		exam->domain->live.channel.path, strerror(access->error));
	if (access->error != EACCES) {
		finding_advice(exam->findings, finding,
			"is %s another machine's, or in another mount namespace than "
			"vmpower-hostd?",
			access->blocker);
		return;
	}
	finding_cause(exam->findings, finding,
		"%s (mode %04o, group %s) is closed to user %u, as which vmpower-hostd runs",
		access->blocker, (unsigned int)access->mode & 07777,
		access->group ? access->group : "without a name", hostd->server.uid);
	restart = cure_restart_hostd(exam->facts);
	if (!restart)
		exam->findings->out_of_memory = true;
	else if (access->group && hostd->user && exam->facts->has_systemd)
		finding_command(exam->findings, finding, "usermod -aG %s %s; %s",
			access->group, hostd->user, restart);
	else
		finding_advice(exam->findings, finding,
			"run vmpower-hostd with the supplementary group %u", access->gid);
}

static void examine_holder(struct exam *exam)
{
	const struct facts_domain *domain = exam->domain;
	struct finding *finding;

	finding = findings_add(exam->findings, exam->severity, "channel-in-use",
		exam_name(exam),
		"its channel is in use by process %d (%s), and QEMU serves one client only",
		(int)domain->holder, domain->holder_comm);
	finding_command(exam->findings, finding, "kill %d", (int)domain->holder);
}

static void examine_silence(struct exam *exam)
{
	const struct facts_domain *domain = exam->domain;
	struct finding *finding;

	finding = findings_add(exam->findings, exam->severity, "agent-absent",
		exam_name(exam), "no agent has answered on its channel for 30 s");
	if (domain->live.channel.state == DOMAIN_CHANNEL_CONNECTED)
		finding_cause(exam->findings, finding,
			"a program in the guest has the port open, and it is not a "
			"vmpower-guest that works; or another program on this host has the "
			"channel");
	else
		finding_cause(exam->findings, finding,
			"vmpower-guest is not running in the guest");
	finding_advice(exam->findings, finding,
		"in the guest, install vmpower-guest and run: systemctl enable --now vmpower-guest");
}

static void examine_agent(struct exam *exam)
{
	static const char ours[] = "vmpower-guest/";
	const char *agent = exam->shown->link.agent;
	struct finding *finding;

	if (!agent)
		agent = "an agent without a name";
	if (strncmp(agent, ours, strlen(ours)) == 0 &&
		strverscmp(agent + strlen(ours), PACKAGE_VERSION) < 0) {
		finding = findings_add(exam->findings, FINDING_WARNING, "agent-too-old",
			exam_name(exam), "its agent %s is older than this host's %s",
			agent, PACKAGE_VERSION);
		finding_advice(
			exam->findings, finding, "in the guest, upgrade vmpower-guest");
		return;
	}
	findings_add(exam->findings, FINDING_OK, "guest", exam_name(exam),
		"its agent %s reads its energy", agent);
}

static void examine_unreachable(struct exam *exam)
{
	const char *error = exam->shown->link.error;
	struct finding *finding;

	finding = findings_add(exam->findings, exam->severity, "channel-unreachable",
		exam_name(exam), "the channel's socket %s cannot be used: %s",
		exam->domain->live.channel.path, error ? error : "no reason known");
	finding_advice(exam->findings, finding,
		"vmpower-hostd tries again; see its log, and whether QEMU still runs");
}

static void examine_link(struct exam *exam)
{
	const struct snapshot_link *link = &exam->shown->link;
	struct finding *finding;

	if (exam->domain->holder &&
		(link->state == LINK_CONNECTING || link->state == LINK_WAITING ||
			link->state == LINK_ABSENT || link->state == LINK_UNREACHABLE)) {
		examine_holder(exam);
		return;
	}
	switch (link->state) {
	case LINK_UP:
		examine_agent(exam);
		return;
	case LINK_ABSENT:
		examine_silence(exam);
		return;
	case LINK_UNREACHABLE:
		examine_unreachable(exam);
		return;
	case LINK_TOO_OLD:
		finding = findings_add(exam->findings, exam->severity, "agent-too-old",
			exam_name(exam), "its agent %s speaks a protocol that is too old",
			link->agent ? link->agent : "without a name");
		finding_advice(
			exam->findings, finding, "in the guest, upgrade vmpower-guest");
		return;
	case LINK_STALE:
		finding = findings_add(exam->findings,
			exam->shown->paused ? FINDING_INFO : exam->severity,
			"agent-stalled", exam_name(exam),
			"its agent does not acknowledge what it is sent");
		finding_advice(exam->findings, finding,
			exam->shown->paused
				? "nothing, as long as it is paused"
				: "in the guest, see: systemctl status vmpower-guest");
		return;
	case LINK_BACKOFF:
		finding = findings_add(exam->findings, exam->severity, "agent-garbled",
			exam_name(exam), "its guest sent what is not of the protocol");
		finding_advice(exam->findings, finding,
			"in the guest, see what else opens the port " DOMAIN_XML_CHANNEL);
		return;
	case LINK_NO_CHANNEL:
	case LINK_CONNECTING:
	case LINK_WAITING:
		findings_add(exam->findings, FINDING_INFO, "guest-waiting",
			exam_name(exam), "vmpower-hostd waits for its agent (%s)",
			link_state_name(link->state));
		return;
	}
}

/* A channel that libvirt lets QEMU connect rather than listen is of no use. */
static bool examine_mode(struct exam *exam)
{
	char uuid[UUID_TEXT_SIZE];
	cleanup_free char *enroll = NULL;
	struct finding *finding;

	if (exam->domain->live.channel.mode == DOMAIN_CHANNEL_BIND)
		return true;
	finding = findings_add(exam->findings, exam->severity, "channel-not-bound",
		exam_name(exam),
		"QEMU does not listen on its channel " DOMAIN_XML_CHANNEL);
	finding_cause(
		exam->findings, finding, "it is not a unix socket with mode='bind'");
	enroll = cure_enroll(exam->facts, exam_word(exam, uuid), false);
	if (enroll)
		finding_command(
			exam->findings, finding, "%s --undo && %s", enroll, enroll);
	else
		exam->findings->out_of_memory = true;
	return false;
}

static const struct snapshot_domain *find_shown(
	const struct snapshot *snapshot, const struct uuid *uuid)
{
	for (size_t i = 0; snapshot && i < snapshot->n_domains; i++) {
		if (uuid_compare(&snapshot->domains[i].uuid, uuid) == 0)
			return &snapshot->domains[i];
	}
	return NULL;
}

void diagnose_domain(const struct facts *facts, const struct facts_domain *domain,
	struct findings *findings)
{
	struct exam exam = {
		.facts = facts,
		.domain = domain,
		.findings = findings,
		.severity = facts->domain ? FINDING_ERROR : FINDING_WARNING,
		.shown = find_shown(facts->hostd.snapshot, &domain->live.uuid),
	};

	if (examine_channel(&exam) && examine_mode(&exam)) {
		if (domain->socket.error)
			examine_socket(&exam);
		else if (exam.shown)
			examine_link(&exam);
	}
	examine_topology(&exam);
}
