/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The energy of this host: choice of the source, scans, readings, complaints. */
#include "host/energy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/estimate.h"
#include "host/powercap.h"
#include "host/procstat.h"
#include "shared/clock.h"

#define PLACE_SIZE 384

/* What is known of a zone's readings, under its name: indices change in a scan. */
struct zone_health {
	char name[MACHINE_ZONE_NAME_SIZE];
	char place[PLACE_SIZE];
	int error;	    /* of the last reading, 0 or -errno */
	int reported_error; /* what the log knows */
};

struct energy {
	struct energy_config config;
	const struct energy_ops *ops;
	void *source;
	struct procstat procstat;
	struct machine machine;
	/* What the last scan found: the machine from the next reading on. */
	bool has_next;
	struct machine next;
	bool scan_due;
	uint64_t next_scan_ns;
	int n_cpus_seen; /* in PROCFS/stat */
	/* Those of the machine's zones, then those of zones that are gone. */
	size_t n_health;
	struct zone_health health[2 * MACHINE_ZONES_MAX];
};

static struct zone_health *find_health(struct energy *energy, const char *name)
{
	for (size_t i = 0; i < energy->n_health; i++) {
		if (strcmp(energy->health[i].name, name) == 0)
			return &energy->health[i];
	}
	return NULL;
}

/* Carries what is known of the zones over to their new indices. */
static void renew_health(struct energy *energy)
{
	struct zone_health renewed[2 * MACHINE_ZONES_MAX] = { 0 };
	size_t n = 0;

	for (; n < energy->machine.n_zones; n++) {
		const char *name = energy->machine.zones[n].name;
		struct zone_health *known = find_health(energy, name);

		if (known) {
			renewed[n] = *known;
			known->name[0] = '\0';
		}
		snprintf(renewed[n].name, sizeof(renewed[n].name), "%s", name);
		energy->ops->describe(
			energy->source, n, renewed[n].place, sizeof(renewed[n].place));
	}
	for (size_t i = 0; i < energy->n_health && n < 2 * MACHINE_ZONES_MAX; i++) {
		if (energy->health[i].name[0] == '\0')
			continue;
		renewed[n] = energy->health[i];
		renewed[n++].error = -ENODEV;
	}
	memcpy(energy->health, renewed, sizeof(renewed));
	energy->n_health = n;
}

static int scan(struct energy *energy)
{
	struct topology topology;
	struct machine found = { 0 };
	int r;

	energy->scan_due = false;
	energy->next_scan_ns = clock_monotonic_ns() + ENERGY_RESCAN_NS;
	r = topology_read(energy->config.sysfs, &topology);
	if (r < 0)
		return r;
	r = energy->ops->scan(energy->source, &topology, &found);
	topology_deinit(&topology);
	if (r < 0)
		return r;
	free(energy->next.cpus);
	energy->next = found;
	energy->has_next = true;
	return 0;
}

static void adopt_next(struct energy *energy)
{
	struct machine *next = &energy->next, *machine = &energy->machine;

	if (!energy->has_next)
		return;
	next->generation = machine->generation;
	if (!machine_is_same(next, machine))
		next->generation++;
	free(machine->cpus);
	*machine = *next;
	*next = (struct machine){ 0 };
	energy->has_next = false;
	renew_health(energy);
}

static int open_source(struct energy *energy, const struct energy_ops *ops)
{
	int r;

	r = ops->open(&energy->config, &energy->source);
	if (r < 0)
		return r;
	energy->ops = ops;
	r = scan(energy);
	if (r == 0) {
		adopt_next(energy);
		return 0;
	}
	ops->close(energy->source);
	energy->source = NULL;
	return r;
}

static void close_source(struct energy *energy)
{
	energy->ops->close(energy->source);
	energy->source = NULL;
	free(energy->machine.cpus);
	free(energy->next.cpus);
	energy->machine = energy->next = (struct machine){ 0 };
	energy->has_next = false;
	energy->n_health = 0;
}

/* Whether any package zone can be read; what the first one says if not. */
static int probe_packages(struct energy *energy)
{
	int error[MACHINE_ZONES_MAX], first = -ENODEV;
	struct sample sample = { 0 };

	energy->ops->read(energy->source, &sample, error);
	for (size_t i = energy->machine.n_zones; i-- > 0;) {
		if (energy->machine.zones[i].kind != MACHINE_ZONE_PACKAGE)
			continue;
		if (error[i] == 0)
			return 0;
		first = error[i];
	}
	return first;
}

static const char *cause_of(int error)
{
	switch (error) {
	case -ENODATA:
		return "the file is empty";
	case -EBADMSG:
		return "it is not a number";
	case -ERANGE:
		return "max_energy_range_uj beside it is missing or 0";
	default:
		return strerror(-error);
	}
}

static const char *cure_of(int error)
{
	switch (error) {
	case -EACCES:
	case -EPERM:
		return "run hostd with CAP_DAC_READ_SEARCH or let its user read the file";
	case -ENOENT:
	case -ENODEV:
		return "load the driver again (modprobe intel_rapl_msr) and see the kernel's log";
	case -ENODATA:
	case -EBADMSG:
	case -ERANGE:
		return "see whether --sysfs names a sysfs, or what else changes this directory";
	default:
		return "see the kernel's log for what the driver says";
	}
}

static int open_powercap(struct energy *energy, char reason[ENERGY_MESSAGE_SIZE])
{
	int r = open_source(energy, &powercap_ops);

	if (r == 0 && energy->machine.n_zones == 0) {
		close_source(energy);
		r = -ENODEV;
	}
	if (r == -ENODEV)
		snprintf(reason, ENERGY_MESSAGE_SIZE,
			"no zone is below %s/class/powercap; on bare metal load the driver "
			"(modprobe intel_rapl_msr)",
			energy->config.sysfs);
	else if (r < 0)
		snprintf(reason, ENERGY_MESSAGE_SIZE,
			"cannot scan %s for zones and CPUs: %s", energy->config.sysfs,
			strerror(-r));
	else
		snprintf(reason, ENERGY_MESSAGE_SIZE,
			"source=powercap (zones: %zu, packages: %zu, below %s/class/powercap)",
			energy->machine.n_zones, energy->machine.n_packages,
			energy->config.sysfs);
	return r;
}

static int open_estimate(
	struct energy *energy, const char *why, char reason[ENERGY_MESSAGE_SIZE])
{
	int r = open_source(energy, &estimate_ops);

	if (r < 0)
		snprintf(reason, ENERGY_MESSAGE_SIZE, "cannot estimate energy: %s",
			r == -EINVAL ? "full_w is below idle_w, or no CPU is online"
				     : strerror(-r));
	else
		snprintf(reason, ENERGY_MESSAGE_SIZE,
			"source=estimate, nothing is measured (%.400s)", why);
	return r;
}

static int open_auto(struct energy *energy, char reason[ENERGY_MESSAGE_SIZE])
{
	char why[ENERGY_MESSAGE_SIZE];
	int r = open_powercap(energy, reason);

	if (r == 0) {
		int error = probe_packages(energy);

		if (error == 0)
			return 0;
		snprintf(why, sizeof(why), "no package zone can be read: %s; %s",
			cause_of(error), cure_of(error));
		close_source(energy);
	} else if (r == -ENODEV) {
		memcpy(why, reason, sizeof(why));
	} else {
		return r;
	}
	return open_estimate(energy, why, reason);
}

int energy_open(const struct energy_config *config, struct energy **ret_energy,
	char reason[ENERGY_MESSAGE_SIZE])
{
	struct energy *energy = calloc(1, sizeof(*energy));
	int r;

	snprintf(reason, ENERGY_MESSAGE_SIZE, "out of memory");
	if (!energy)
		return -ENOMEM;
	energy->config = *config;
	energy->procstat.fd = -1;
	r = procstat_open(&energy->procstat, config->procfs);
	if (r < 0)
		snprintf(reason, ENERGY_MESSAGE_SIZE, "cannot read %s/stat: %s",
			config->procfs, strerror(-r));
	else if (config->choice == ENERGY_AUTO)
		r = open_auto(energy, reason);
	else if (config->choice == ENERGY_POWERCAP)
		r = open_powercap(energy, reason);
	else
		r = open_estimate(energy, "asked for by the configuration", reason);
	if (r < 0) {
		energy_close(energy);
		return r;
	}
	*ret_energy = energy;
	return 0;
}

void energy_close(struct energy *energy)
{
	if (!energy)
		return;
	if (energy->source)
		close_source(energy);
	procstat_close(&energy->procstat);
	free(energy);
}

const char *energy_source_name(const struct energy *energy)
{
	return energy->ops->name;
}

const struct machine *energy_machine(const struct energy *energy)
{
	return &energy->machine;
}

static void check_zones(struct energy *energy, const int error[MACHINE_ZONES_MAX])
{
	uint64_t retry_ns = clock_monotonic_ns() + ENERGY_RETRY_NS;

	for (size_t i = 0; i < energy->machine.n_zones; i++) {
		/* Once at once: where it stays like this, now and then will do. */
		if (error[i] != 0 && energy->health[i].error != error[i])
			energy->scan_due = true;
		if (error[i] != 0 && energy->next_scan_ns > retry_ns)
			energy->next_scan_ns = retry_ns;
		energy->health[i].error = error[i];
	}
}

int energy_read(struct energy *energy, struct sample *sample)
{
	int error[MACHINE_ZONES_MAX], n_cpus;

	/* A scan that fails leaves the machine as it was; the next one may succeed. */
	if (energy->scan_due)
		(void)scan(energy);
	adopt_next(energy);
	sample->monotonic_ns = clock_monotonic_ns();
	sample->boottime_ns = clock_boottime_ns();
	n_cpus = procstat_read(&energy->procstat, sample, energy->machine.n_cpus);
	if (n_cpus < 0)
		return n_cpus;
	if (n_cpus != energy->n_cpus_seen) {
		energy->scan_due = energy->n_cpus_seen > 0;
		energy->n_cpus_seen = n_cpus;
	}
	energy->ops->read(energy->source, sample, error);
	check_zones(energy, error);
	return 0;
}

void energy_look_around(struct energy *energy, uint64_t monotonic_ns)
{
	if (monotonic_ns >= energy->next_scan_ns)
		(void)scan(energy);
}

bool energy_zone_problem(const struct energy *energy, size_t zone,
	const char **ret_reason, const char **ret_cure)
{
	int error = zone < energy->machine.n_zones ? energy->health[zone].error : 0;

	if (error == 0)
		return false;
	*ret_reason = cause_of(error);
	*ret_cure = cure_of(error);
	return true;
}

bool energy_next_message(struct energy *energy, char message[ENERGY_MESSAGE_SIZE])
{
	for (size_t i = 0; i < energy->n_health; i++) {
		struct zone_health *health = &energy->health[i];

		if (health->error == health->reported_error)
			continue;
		health->reported_error = health->error;
		if (health->error == 0)
			snprintf(message, ENERGY_MESSAGE_SIZE,
				"zone %s is measured again: %s", health->name,
				health->place);
		else
			snprintf(message, ENERGY_MESSAGE_SIZE,
				"zone %s is left out, %.250s/energy_uj cannot be read: %s; %s",
				health->name, health->place, cause_of(health->error),
				cure_of(health->error));
		return true;
	}
	return false;
}
