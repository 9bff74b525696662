/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* One tick: sources, meter, ledger. */
#include "host/sampler.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/cpu_source.h"
#include "host/cpufreq.h"
#include "host/energy.h"
#include "host/idle_setup.h"
#include "host/ledger_inventory.h"
#include "host/residency.h"
#include "host/writer.h"
#include "shared/array.h"
#include "shared/cleanup.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/rooted.h"

/* How long the first tick waits for the memory of domains to be read. */
#define RESIDENCY_FIRST_MS 500

/* What the log knows of a zone, under its name: indices change in a scan. */
struct zone_report {
	char name[MACHINE_ZONE_NAME_SIZE];
	enum tick_zone_state state;
};

struct sampler {
	const struct hostd_config *config;
	struct energy *energy;
	struct cpufreq *cpufreq;
	struct cpu_source *cpu_source;
	struct residency *residency;
	bool residency_known;
	pid_t stuck_pid; /* that the log knows of */
	struct meter *meter;
	struct ledger *ledger;
	struct idle_setup idle;
	const struct inventory *inventory; /* the caller's; NULL: none yet */
	struct sample sample;
	struct tick tick;
	size_t names_size;
	const char **names, **labels; /* of the sample's domains */
	uint64_t idle_states[MACHINE_ZONES_MAX][LEDGER_IDLE_STATE_WORDS];
	int ledger_error; /* of the last tick; 0: it was written */
	uint64_t late_ns, cost_ns;
	struct zone_report reports[MACHINE_ZONES_MAX];
};

static int read_boot_id(const char *procfs, struct uuid *ret_boot_id)
{
	char text[64];
	ssize_t n = rooted_read(procfs, text, sizeof(text), "sys/kernel/random/boot_id");

	if (n < 0)
		return (int)n;
	text[strcspn(text, "\n")] = '\0';
	return uuid_parse(text, ret_boot_id);
}

static int open_energy(struct sampler *sampler)
{
	static const enum energy_choice choices[] = {
		[HOSTD_SOURCE_AUTO] = ENERGY_AUTO,
		[HOSTD_SOURCE_POWERCAP] = ENERGY_POWERCAP,
		[HOSTD_SOURCE_ESTIMATE] = ENERGY_ESTIMATE,
	};
	const struct hostd_config *config = sampler->config;
	const struct energy_config energy = {
		.sysfs = config->sysfs,
		.procfs = config->procfs,
		.choice = choices[config->source],
		.idle_uw = config->estimate_idle_uw,
		.full_uw = config->estimate_full_uw,
	};
	char reason[ENERGY_MESSAGE_SIZE];
	int r = energy_open(&energy, &sampler->energy, reason);

	log_line(r < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "%s", reason);
	return r;
}

static int open_ledger(struct sampler *sampler)
{
	char message[LEDGER_MESSAGE_SIZE];
	struct uuid boot_id;
	int r = read_boot_id(sampler->config->procfs, &boot_id);

	if (r < 0) {
		log_error("Cannot read %s/sys/kernel/random/boot_id: %s",
			sampler->config->procfs, strerror(-r));
		return r;
	}
	r = ledger_open(sampler->config->state_dir, &boot_id, message, &sampler->ledger);
	if (message[0])
		log_error("%s", message);
	return r;
}

static bool is_estimate(const struct sampler *sampler)
{
	return strcmp(energy_source_name(sampler->energy), "estimate") == 0;
}

/* Without them learning begins anew, that is all. */
static void load_coefficients(struct sampler *sampler)
{
	const char *dir = sampler->config->state_dir;
	uint8_t bytes[COEFFICIENTS_BYTES_MAX + 1];
	ssize_t n = rooted_read(
		dir, (char *)bytes, sizeof(bytes), WRITER_COEFFICIENTS_FILE);
	int r = n < 0 ? (int)n
		      : meter_restore_coefficients(sampler->meter, bytes, (size_t)n);

	if (r < 0 && r != -ENOENT)
		log_warning("Cannot use %s/" WRITER_COEFFICIENTS_FILE
			    ": %s; ignoring it, what domains cost is learned anew",
			dir, strerror(-r));
}

static int open_meter(struct sampler *sampler)
{
	bool estimated = is_estimate(sampler);
	const struct meter_options options = hostd_config_meter_options(
		sampler->config, estimated);
	int r = meter_new(&options, &sampler->meter);

	if (r < 0)
		return r;
	load_coefficients(sampler);
	sampler->idle = (struct idle_setup){
		.config = sampler->config,
		.meter = sampler->meter,
		.estimated = estimated,
	};
	return idle_setup_begin(
		&sampler->idle, energy_machine(sampler->energy), sampler->ledger);
}

/* Goes on from the last sample of the run before, if it was in this boot. */
static int resume(struct sampler *sampler)
{
	const struct machine *machine = energy_machine(sampler->energy);
	struct sample previous = { 0 };
	int r = ledger_previous_sample(sampler->ledger, machine, &previous);

	if (r == 0) {
		r = meter_resume(sampler->meter, machine, &previous);
		if (r == 0)
			log_info(
				"Going on from the ledger; the first tick covers the outage");
	} else if (r == -ENOENT) {
		r = 0;
	}
	sample_deinit(&previous);
	return r;
}

static int open_cpufreq(struct sampler *sampler)
{
	int r = cpufreq_new(sampler->config->sysfs, &sampler->cpufreq);

	return r < 0 ? r : cpufreq_start(sampler->cpufreq);
}

static int open_cpu_source(struct sampler *sampler)
{
	const struct cpu_source_config config = {
		.procfs = sampler->config->procfs,
		.libvirt_run = sampler->config->libvirt_run_dir,
	};

	return cpu_source_new(&config, &sampler->cpu_source);
}

static int open_residency(struct sampler *sampler)
{
	int r = residency_new(sampler->config->procfs, &sampler->residency);

	return r < 0 ? r : residency_start(sampler->residency);
}

int sampler_new(const struct hostd_config *config, struct sampler **ret_sampler)
{
	static int (*const steps[])(struct sampler *) = { open_energy, open_ledger,
		open_meter, resume, open_cpufreq, open_cpu_source, open_residency };
	struct sampler *sampler = calloc(1, sizeof(*sampler));

	if (!sampler)
		return -ENOMEM;
	sampler->config = config;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int r = steps[i](sampler);

		if (r < 0) {
			sampler_free(sampler);
			return r;
		}
	}
	*ret_sampler = sampler;
	return 0;
}

void sampler_free(struct sampler *sampler)
{
	if (!sampler)
		return;
	cpu_source_free(sampler->cpu_source);
	cpufreq_free(sampler->cpufreq);
	residency_free(sampler->residency);
	meter_free(sampler->meter);
	ledger_close(sampler->ledger);
	energy_close(sampler->energy);
	sample_deinit(&sampler->sample);
	tick_deinit(&sampler->tick);
	free(sampler->names);
	free(sampler->labels);
	free(sampler);
}

void sampler_load_calibration(struct sampler *sampler)
{
	idle_setup_load_calibration(&sampler->idle);
}

int sampler_recall_inventory(struct sampler *sampler, struct inventory **ret_inventory)
{
	const struct ledger *ledger = sampler->ledger;
	struct inventory *inventory;
	int r = ledger_inventory(ledger, &inventory);

	if (r < 0)
		return r;
	r = sampler_set_inventory(sampler, inventory);
	if (r < 0) {
		sampler->inventory = NULL;
		inventory_free(inventory);
		return r;
	}
	/* Where they were: each is taken for a domain's QEMU only if it proves to be. */
	for (size_t i = 0; i < inventory->n_domains; i++) {
		const struct uuid *uuid = &inventory->domains[i].uuid;
		size_t row = (size_t)ledger_find_domain(ledger, uuid);

		cpu_source_set_peer(
			sampler->cpu_source, uuid, ledger_domain(ledger, row)->pid);
	}
	*ret_inventory = inventory;
	return 0;
}

int sampler_set_inventory(struct sampler *sampler, const struct inventory *inventory)
{
	sampler->inventory = inventory;
	return cpu_source_set_inventory(sampler->cpu_source, inventory);
}

bool sampler_verify_peer(struct sampler *sampler, const struct uuid *uuid, pid_t pid)
{
	cpu_source_set_peer(sampler->cpu_source, uuid, pid);
	return cpu_source_find_pid(sampler->cpu_source, uuid) == pid;
}

/* Nothing else would say so: ticks go on with what was read before. */
static void log_residency(struct sampler *sampler)
{
	pid_t pid = residency_stuck_pid(sampler->residency, sampler->sample.monotonic_ns);

	if (pid == sampler->stuck_pid)
		return;
	sampler->stuck_pid = pid;
	if (pid > 0)
		log_warning(
			"The memory of process %d cannot be read, the kernel makes the "
			"reader wait; until it can be, that of all domains is taken to "
			"be where it was. Does the process hang? See %s/%d/stack",
			(int)pid, sampler->config->procfs, (int)pid);
	else
		log_info("The memory of domains is read again");
}

/*
 * The first tick may be of a whole outage: it waits a little for what later ones are
 * told by the way. Without memory for it, memory is as configured.
 */
static void fill_residency(struct sampler *sampler)
{
	const struct machine *machine = energy_machine(sampler->energy);
	int r = residency_fill(sampler->residency, machine, &sampler->sample);

	if (sampler->residency_known || r < 0)
		return;
	(void)residency_wait(sampler->residency, RESIDENCY_FIRST_MS);
	(void)residency_fill(sampler->residency, machine, &sampler->sample);
	sampler->residency_known = true;
}

static int read_sources(struct sampler *sampler)
{
	char message[ENERGY_MESSAGE_SIZE > CPU_SOURCE_MESSAGE_SIZE
			     ? ENERGY_MESSAGE_SIZE
			     : CPU_SOURCE_MESSAGE_SIZE];
	int r;

	sample_clear(&sampler->sample);
	r = energy_read(sampler->energy, &sampler->sample);
	if (r == 0) {
		cpufreq_fill(sampler->cpufreq, &sampler->sample);
		r = cpu_source_read(sampler->cpu_source, &sampler->sample);
	}
	if (r == 0)
		fill_residency(sampler);
	log_residency(sampler);
	while (energy_next_message(sampler->energy, message))
		log_warning("%s", message);
	while (cpu_source_next_message(sampler->cpu_source, message))
		log_warning("%s", message);
	return r;
}

static int name_domains(struct sampler *sampler)
{
	const struct sample *sample = &sampler->sample;

	if (sample->n_domains > sampler->names_size) {
		if (array_resize(&sampler->names, sample->n_domains) < 0 ||
			array_resize(&sampler->labels, sample->n_domains) < 0)
			return -ENOMEM;
		sampler->names_size = sample->n_domains;
	}
	for (size_t i = 0; i < sample->n_domains; i++) {
		const struct inventory_domain *domain = inventory_find(
			sampler->inventory, &sample->domains[i].uuid);

		sampler->names[i] = domain ? domain->name : NULL;
		sampler->labels[i] = domain ? domain->labels : NULL;
	}
	return 0;
}

static enum tick_zone_state reported_state(
	const struct sampler *sampler, const char *zone)
{
	for (size_t i = 0; i < MACHINE_ZONES_MAX; i++) {
		if (strcmp(sampler->reports[i].name, zone) == 0)
			return sampler->reports[i].state;
	}
	return TICK_ZONE_OK;
}

static void log_zone(const struct zone_report *report, const struct tick_zone *tick)
{
	if (report->state == TICK_ZONE_EXCLUDED)
		log_warning("zone %s is left out: its counter jumped further than it can "
			    "have counted in the time; should it stay there, it was "
			    "reset, and what it counted meanwhile is lost",
			report->name);
	else if (report->state == TICK_ZONE_AMBIGUOUS)
		log_warning("zone %s: %" PRIu64
			    " J are nobody's: its counter may have wrapped unseen since "
			    "the last reading %" PRIu64
			    " s ago, or the host was suspended",
			report->name, tick->total_uj / 1000000,
			tick->dt_ns / NSEC_PER_SEC);
}

/* Readings that came and make no sense; of those that did not, energy has said it. */
static void log_zones(struct sampler *sampler)
{
	const struct machine *machine = energy_machine(sampler->energy);
	struct zone_report reports[MACHINE_ZONES_MAX] = { 0 };
	const char *reason, *cure;

	for (size_t i = 0; i < machine->n_zones; i++) {
		const struct tick_zone *tick = &sampler->tick.zones[i];

		memcpy(reports[i].name, machine->zones[i].name, sizeof(reports[i].name));
		if (!energy_zone_problem(sampler->energy, i, &reason, &cure))
			reports[i].state = tick->state;
		if (reports[i].state != reported_state(sampler, reports[i].name))
			log_zone(&reports[i], tick);
	}
	memcpy(sampler->reports, reports, sizeof(reports));
}

/* Out of space, say: the book in memory goes on, and the file follows later. */
static void log_ledger(struct sampler *sampler, int error)
{
	if (error == sampler->ledger_error)
		return;
	if (error < 0)
		log_error(
			"Cannot write %s/ledger: %s; going on in memory, make room there "
			"or make it writable",
			sampler->config->state_dir, strerror(-error));
	else
		log_info("The ledger in %s is written again", sampler->config->state_dir);
	sampler->ledger_error = error;
}

static bool is_listed(const void *inventory, const struct uuid *uuid)
{
	return inventory && inventory_find(inventory, uuid);
}

static int book(struct sampler *sampler)
{
	const struct ledger_update update = {
		.machine = energy_machine(sampler->energy),
		.sample = &sampler->sample,
		.tick = &sampler->tick,
		.names = sampler->names,
		.labels = sampler->labels,
		.idle_states = sampler->idle_states,
		.is_listed = is_listed,
		.listed = sampler->inventory,
		.wall_ns = clock_read_ns(CLOCK_REALTIME),
		.source = strcmp(energy_source_name(sampler->energy), "estimate") == 0
				  ? LEDGER_SOURCE_ESTIMATE
				  : LEDGER_SOURCE_POWERCAP,
	};
	uint64_t before = ledger_header(sampler->ledger)->sequence;
	int r;

	idle_setup_save(&sampler->idle, update.machine, sampler->idle_states);
	r = ledger_apply(sampler->ledger, &update);
	/* Not by the error, which may be the file's: what the book has must not come
	 * twice. */
	if (ledger_header(sampler->ledger)->sequence == before)
		return r;
	log_ledger(sampler, r);
	return 0;
}

int sampler_measure(struct sampler *sampler, uint64_t late_ns)
{
	uint64_t begin_ns = clock_monotonic_ns();
	int r = read_sources(sampler);

	if (r == 0)
		r = name_domains(sampler);
	if (r == 0)
		r = meter_step(sampler->meter, energy_machine(sampler->energy),
			&sampler->sample, &sampler->tick);
	if (r == 0)
		r = book(sampler);
	if (r < 0) {
		log_error("This tick is not booked, the next one covers it: %s",
			strerror(-r));
		return r;
	}
	meter_accept(sampler->meter);
	log_zones(sampler);
	energy_look_around(sampler->energy, clock_monotonic_ns());
	sampler->late_ns = late_ns;
	sampler->cost_ns = clock_monotonic_ns() - begin_ns;
	return 0;
}

bool sampler_next_interval(struct sampler *sampler, struct interval_record *ret_record)
{
	return ledger_next_interval(sampler->ledger, ret_record);
}

void sampler_return_interval(struct sampler *sampler, struct interval_record *record)
{
	ledger_return_interval(sampler->ledger, record);
}

bool sampler_lost_ledger(struct sampler *sampler, uint64_t inode)
{
	return ledger_lost_file(sampler->ledger, inode);
}

void sampler_set_durable(struct sampler *sampler, uint64_t sequence)
{
	ledger_set_durable(sampler->ledger, sequence);
}

const struct machine *sampler_machine(const struct sampler *sampler)
{
	return energy_machine(sampler->energy);
}

const struct sample *sampler_sample(const struct sampler *sampler)
{
	return &sampler->sample;
}

const char *const *sampler_names(const struct sampler *sampler)
{
	return sampler->names;
}

const struct tick *sampler_tick(const struct sampler *sampler)
{
	return &sampler->tick;
}

size_t sampler_encode_coefficients(
	struct sampler *sampler, uint8_t bytes[COEFFICIENTS_BYTES_MAX])
{
	return meter_encode_coefficients(sampler->meter, bytes);
}

const struct ledger *sampler_ledger(const struct sampler *sampler)
{
	return sampler->ledger;
}

const struct meter *sampler_meter(const struct sampler *sampler)
{
	return sampler->meter;
}

uint64_t sampler_late_ns(const struct sampler *sampler)
{
	return sampler->late_ns;
}

uint64_t sampler_cost_ns(const struct sampler *sampler)
{
	return sampler->cost_ns;
}

const char *sampler_source_name(const struct sampler *sampler)
{
	return energy_source_name(sampler->energy);
}

bool sampler_zone_problem(const struct sampler *sampler, size_t zone,
	const char **ret_reason, const char **ret_cure)
{
	return energy_zone_problem(sampler->energy, zone, ret_reason, ret_cure);
}
