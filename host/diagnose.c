/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * The host's findings, in the order of cause and effect: powercap, libvirt, hostd
 * and what it reports; then the domains'.
 */
#include "host/diagnose.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "host/cure.h"
#include "host/text.h"
#include "shared/cleanup.h"

static bool estimates(const struct facts *facts)
{
	return facts->hostd.snapshot && snapshot_is_estimate(facts->hostd.snapshot);
}

/* Takes command over, which may be NULL for want of memory. */
static void give_command(
	struct findings *findings, struct finding *finding, char *command)
{
	cleanup_free char *owned = command;

	if (owned)
		finding_command(findings, finding, "%s", owned);
	else
		findings->out_of_memory = true;
}

static void name_missing_powercap(
	const struct facts *facts, struct findings *findings, struct finding *finding)
{
	const struct facts_powercap *powercap = &facts->powercap;

	if (powercap->in_vm)
		finding_cause(findings, finding,
			"this host is a virtual machine, and its hypervisor shows it no RAPL");
	else if (powercap->module == FACTS_MODULE_ABSENT)
		finding_cause(findings, finding,
			"the kernel %s has no module intel_rapl_msr (CONFIG_INTEL_RAPL); "
			"another kernel of the distribution may have it",
			powercap->release);
	else
		finding_cause(findings, finding,
			"the processor has no RAPL that the kernel %s knows",
			powercap->release);
	if (estimates(facts))
		finding_advice(findings, finding,
			"nothing, where an estimate will do; vmpower-hostd makes one");
	else
		give_command(findings, finding, cure_set_source(facts, "estimate"));
}

static void diagnose_no_zones(const struct facts *facts, struct findings *findings)
{
	enum finding_severity severity = estimates(facts) ? FINDING_WARNING
							  : FINDING_ERROR;
	bool unloaded = facts->powercap.module == FACTS_MODULE_UNLOADED;
	struct finding *finding;

	finding = findings_add(findings, severity,
		unloaded ? "module-not-loaded" : "powercap-missing", NULL,
		facts->powercap.has_class ? "there are no RAPL zones in %s/class/powercap"
					  : "there is no %s/class/powercap",
		facts->paths->sysfs);
	if (!unloaded) {
		name_missing_powercap(facts, findings, finding);
		return;
	}
	finding_cause(
		findings, finding, "the kernel module intel_rapl_msr is not loaded");
	finding_command(findings, finding, "modprobe intel_rapl_msr");
}

/* A file that hostd's user may not read: to the owner's group with it, and no further. */
static void diagnose_closed_zone(const struct facts *facts, const struct facts_zone *zone,
	struct findings *findings)
{
	const struct facts_process *server = &facts->hostd.server;
	cleanup_free char *path = text_quote(zone->hostd.blocker);
	struct finding *finding;

	finding = findings_add(findings, FINDING_ERROR, "energy-unreadable", NULL,
		"vmpower-hostd may not read %s: %s", zone->path,
		strerror(zone->hostd.error));
	finding_cause(findings, finding,
		"it runs as user %u without CAP_DAC_READ_SEARCH, which its service unit gives "
		"it, and the mode of %s is %04o",
		server->uid, zone->hostd.blocker, (unsigned int)zone->hostd.mode & 07777);
	if (!path)
		findings->out_of_memory = true;
	else if (facts->has_systemd)
		give_command(findings, finding, cure_restart_hostd(facts));
	else
		finding_command(findings, finding, "chgrp %u %s && chmod g+rX %s",
			server->gid, path, path);
}

static void diagnose_bad_zone(const struct facts *facts, const struct facts_zone *zone,
	struct findings *findings)
{
	struct finding *finding;

	/* Only root is sure to read it; what this user may not says nothing of hostd. */
	if (zone->error == EACCES || zone->error == EPERM) {
		if (facts->hostd.server.pid != 0)
			return;
		finding = findings_add(findings, FINDING_INFO, "energy-unchecked", NULL,
			"this user may not read %s; vmpower-hostd may be allowed to",
			zone->path);
		finding_advice(findings, finding, "run vmpower doctor as root");
		return;
	}
	finding = findings_add(findings, FINDING_ERROR, "energy-unreadable", NULL,
		"%s cannot be read: %s", zone->path,
		zone->error == EINVAL ? "it holds no number" : strerror(zone->error));
	finding_cause(findings, finding,
		"the driver has no value of this zone; the kernel's log (dmesg) may say why");
	finding_command(
		findings, finding, "modprobe -r intel_rapl_msr; modprobe intel_rapl_msr");
}

/* Zones that only hostd has given up: an impossible delta, for one. */
static void diagnose_excluded(const struct facts *facts, struct findings *findings)
{
	const struct snapshot *snapshot = facts->hostd.snapshot;

	for (size_t i = 0; snapshot && i < snapshot->n_zones; i++) {
		const struct snapshot_zone *zone = &snapshot->zones[i];

		if (zone->state == TICK_ZONE_EXCLUDED)
			findings_add(findings,
				snapshot_zone_is_shared(zone) ? FINDING_ERROR
							      : FINDING_WARNING,
				"zone-excluded", NULL,
				"vmpower-hostd leaves out zone %s: %s", zone->name,
				zone->problem ? zone->problem : "it cannot be read");
	}
}

static void diagnose_powercap(const struct facts *facts, struct findings *findings)
{
	const struct facts_powercap *powercap = &facts->powercap;
	size_t n_before = findings->n;

	if (powercap->n_zones == 0) {
		diagnose_no_zones(facts, findings);
		return;
	}
	for (size_t i = 0; i < powercap->n_zones; i++) {
		const struct facts_zone *zone = &powercap->zones[i];

		if (zone->hostd.error)
			diagnose_closed_zone(facts, zone, findings);
		else if (zone->error)
			diagnose_bad_zone(facts, zone, findings);
	}
	if (findings->n == n_before)
		diagnose_excluded(facts, findings);
	if (findings->n == n_before)
		findings_add(findings, FINDING_OK, "powercap", NULL,
			"%zu package and dram zones can be read in %s/class/powercap",
			powercap->n_zones, facts->paths->sysfs);
}

static void diagnose_refused(const struct facts *facts, struct findings *findings)
{
	const struct facts_libvirt *libvirt = &facts->libvirt;
	const char *message = libvirt->error;
	cleanup_free char *path = NULL;
	struct finding *finding;

	if (!message && facts->hostd.snapshot)
		message = facts->hostd.snapshot->libvirt_error;
	finding = findings_add(findings, FINDING_ERROR, "libvirt-refused", NULL,
		"libvirt refuses a read-only connection to %s: %s", facts->paths->connect,
		message ? message : "no reason known");
	if (libvirt->access.error != EACCES) {
		finding_cause(findings, finding,
			"auth_unix_ro, or polkit, asks for more than vmpower-hostd has");
		give_command(findings, finding, cure_open_libvirt(facts));
		return;
	}
	finding_cause(findings, finding,
		"the mode of %s is %04o, and vmpower-hostd runs as user "
		"%u (unix_sock_ro_perms in libvirt's configuration makes a cure last)",
		libvirt->access.blocker, (unsigned int)libvirt->access.mode & 07777,
		facts->hostd.server.uid);
	path = text_quote(libvirt->access.blocker);
	if (!path)
		findings->out_of_memory = true;
	else
		finding_command(findings, finding, "chmod %s %s",
			S_ISDIR(libvirt->access.mode) ? "a+x" : "a+rw", path);
}

/* libvirt answers this process, but not hostd, whose user may be another. */
static void diagnose_not_connected(const struct facts *facts, struct findings *findings)
{
	const char *error = facts->hostd.snapshot->libvirt_error;
	uid_t uid = facts->hostd.server.uid;
	struct finding *finding;

	finding = findings_add(findings, FINDING_ERROR, "libvirt-not-connected", NULL,
		"libvirt answers at %s, but vmpower-hostd is not connected: %s",
		facts->paths->connect, error ? error : "no reason known");
	if (uid == 0) {
		finding_advice(findings, finding,
			"wait, for it tries again; then see its log and its --connect");
		return;
	}
	finding_cause(findings, finding,
		"it runs as user %u, of whom auth_unix_ro or polkit may ask more than it has",
		uid);
	give_command(findings, finding, cure_open_libvirt(facts));
}

static void diagnose_libvirt(const struct facts *facts, struct findings *findings)
{
	const struct facts_libvirt *libvirt = &facts->libvirt;
	const struct snapshot *snapshot = facts->hostd.snapshot;
	const char *uri = facts->paths->connect;
	struct finding *finding;

	switch (libvirt->state) {
	case FACTS_LIBVIRT_DOWN:
		finding = findings_add(findings, FINDING_ERROR, "libvirt-unreachable",
			NULL, "no libvirt daemon answers at %s: %s", uri, libvirt->error);
		finding_cause(findings, finding, "%s is not running",
			libvirt->modular ? "virtqemud" : "libvirtd");
		give_command(findings, finding, cure_start_libvirt(facts));
		return;
	case FACTS_LIBVIRT_HANGS:
		finding = findings_add(findings, FINDING_ERROR, "libvirt-hangs", NULL,
			"libvirt does not answer at %s", uri);
		finding_cause(findings, finding,
			"its daemon is stopped, or waits for a QEMU that is");
		give_command(findings, finding, cure_restart_libvirt(facts));
		return;
	case FACTS_LIBVIRT_REFUSED:
		diagnose_refused(facts, findings);
		return;
	case FACTS_LIBVIRT_OTHER:
		finding = findings_add(findings, FINDING_ERROR, "libvirt-failed", NULL,
			"libvirt fails at %s: %s", uri, libvirt->error);
		finding_advice(
			findings, finding, "check --connect, and what libvirt logs");
		return;
	case FACTS_LIBVIRT_OK:
		break;
	}
	if (!snapshot || snapshot->libvirt_connected)
		findings_add(findings, FINDING_OK, "libvirt", NULL,
			"libvirt answers at %s", uri);
	else if (libvirt->access.error == EACCES)
		diagnose_refused(facts, findings);
	else
		diagnose_not_connected(facts, findings);
}

static void diagnose_silent_hostd(const struct facts *facts, struct findings *findings)
{
	const struct facts_hostd *hostd = &facts->hostd;
	struct finding *finding;

	if (hostd->error == -EAGAIN) {
		finding = findings_add(findings, FINDING_INFO, "hostd-starting", NULL,
			"%s", hostd->message);
		finding_command(findings, finding, "sleep 2");
		return;
	}
	if (hostd->error == -ENOENT || hostd->error == -ECONNREFUSED) {
		if (hostd->n_daemons > 0) {
			finding = findings_add(findings, FINDING_ERROR, "hostd-elsewhere",
				NULL,
				"vmpower-hostd runs as process %d, but nobody serves %s",
				(int)hostd->daemons[0], hostd->socket);
			finding_advice(findings, finding,
				"call vmpower with the --run-dir of that vmpower-hostd");
			return;
		}
		finding = findings_add(findings, FINDING_ERROR, "hostd-not-running", NULL,
			"vmpower-hostd is not running: nobody serves %s", hostd->socket);
		give_command(findings, finding, cure_start_hostd(facts));
		return;
	}
	finding = findings_add(
		findings, FINDING_ERROR, "hostd-unreachable", NULL, "%s", hostd->message);
	if (hostd->error != -EACCES)
		give_command(findings, finding, cure_restart_hostd(facts));
}

/* Each connects to the channels, and QEMU serves one client: the other's guests see
 * nothing. */
static void diagnose_two_hostd(const struct facts *facts, struct findings *findings)
{
	const struct facts_hostd *hostd = &facts->hostd;
	cleanup_free char *pids = NULL;
	size_t size = 0;
	struct finding *finding;
	FILE *out;

	if (hostd->n_daemons < 2)
		return;
	out = open_memstream(&pids, &size);
	for (size_t i = 0; out && i < hostd->n_daemons; i++) {
		pid_t keep = hostd->server.pid ? hostd->server.pid : hostd->daemons[0];

		if (hostd->daemons[i] != keep)
			fprintf(out, " %d", (int)hostd->daemons[i]);
	}
	if (!out || fclose(out) != 0) {
		findings->out_of_memory = true;
		return;
	}
	finding = findings_add(findings, FINDING_ERROR, "two-hostd", NULL,
		"%zu processes of vmpower-hostd are running", hostd->n_daemons);
	finding_cause(findings, finding,
		"a guest's channel serves one of them only; the other's guests see nothing");
	finding_command(findings, finding, "kill%s", pids);
}

static void diagnose_source(const struct facts *facts, struct findings *findings)
{
	const struct snapshot *snapshot = facts->hostd.snapshot;
	struct finding *finding;

	if (!estimates(facts)) {
		findings_add(findings, FINDING_OK, "hostd", NULL,
			"vmpower-hostd measures with source=%s; tick %" PRIu64
			" took %.3f s",
			snapshot->source, snapshot->number,
			(double)snapshot->dt_ns / 1e9);
		diagnose_idle(facts, findings);
		return;
	}
	finding = findings_add(findings, FINDING_WARNING, "source-estimate", NULL,
		"all energy is an estimate from CPU time (source=estimate), not a measurement");
	if (facts->powercap.n_zones == 0) {
		finding_cause(findings, finding, "this host has no powercap zones");
		return;
	}
	finding_cause(findings, finding,
		"there are powercap zones, but vmpower-hostd was told to, or could not read them");
	give_command(findings, finding, cure_set_source(facts, "auto"));
}

void diagnose(const struct facts *facts, struct findings *findings)
{
	const struct facts_libvirt *libvirt = &facts->libvirt;

	diagnose_powercap(facts, findings);
	diagnose_libvirt(facts, findings);
	diagnose_two_hostd(facts, findings);
	if (facts->hostd.snapshot)
		diagnose_source(facts, findings);
	else
		diagnose_silent_hostd(facts, findings);
	if (facts->domain && libvirt->state == FACTS_LIBVIRT_OK &&
		libvirt->n_domains == 0)
		findings_add(findings, FINDING_ERROR, "domain-not-running", facts->domain,
			"libvirt runs no domain of this name or UUID");
	for (size_t i = 0; i < libvirt->n_domains; i++)
		diagnose_domain(facts, &libvirt->domains[i], findings);
	findings_sort(findings);
}
