/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Attribution: a tick from two samples. */
#include "host/meter.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "host/apportion.h"
#include "host/guest_zones.h"
#include "host/memory.h"
#include "host/usage.h"
#include "host/zone_counter.h"
#include "host/zone_state.h"
#include "shared/clock.h"

/* The two clocks are not read at once; no suspend is this short. */
#define SUSPEND_SLACK_NS (NSEC_PER_SEC / 10)

struct meter {
	struct meter_options options;
	bool begun;   /* previous is a sample */
	bool resumed; /* of an earlier run */
	/* The machine of_zone is for; remapped: not that of the previous sample. */
	uint64_t generation;
	bool remapped;
	bool stepped; /* incoming is of a step that may be accepted */
	bool learned; /* and something was learned in it */
	bool used;    /* usage is of the last step */
	struct sample previous;
	struct sample incoming; /* becomes the previous one */
	struct usage usage;
	struct coefficients *coefficients; /* NULL: nothing is learned */
	struct memory memory;
	struct zone_states zones;
};

/* One step, while it is taken. */
struct step {
	struct meter *meter;
	const struct machine *machine;
	const struct sample *sample;
	struct tick *tick;
};

int meter_new(const struct meter_options *options, struct meter **ret_meter)
{
	struct meter *meter = calloc(1, sizeof(*meter));

	if (!meter)
		return -ENOMEM;
	meter->options = *options;
	if (options->learn && !options->estimated &&
		coefficients_new(&meter->coefficients) < 0) {
		free(meter);
		return -ENOMEM;
	}
	*ret_meter = meter;
	return 0;
}

void meter_free(struct meter *meter)
{
	if (!meter)
		return;
	sample_deinit(&meter->previous);
	sample_deinit(&meter->incoming);
	usage_deinit(&meter->usage);
	coefficients_free(meter->coefficients);
	memory_deinit(&meter->memory);
	zone_states_deinit(&meter->zones);
	free(meter);
}

int meter_set_idle_power(struct meter *meter, const char *zone,
	enum idle_power_origin origin, uint64_t idle_uw)
{
	struct zone_state *state;
	int r = zone_states_add(&meter->zones, zone, &state);

	if (r < 0)
		return r;
	state->idle_power.origin = origin;
	state->idle_power.given_uw = idle_uw;
	return 0;
}

int meter_restore_idle_power(
	struct meter *meter, const char *zone, const struct idle_power_state *learned)
{
	struct zone_state *state;
	int r = zone_states_add(&meter->zones, zone, &state);

	if (r < 0)
		return r;
	state->idle_power.learned = *learned;
	state->accepted.learned = *learned;
	return 0;
}

const struct idle_power *meter_get_idle_power(const struct meter *meter, const char *zone)
{
	int index = zone_states_find(&meter->zones, zone);

	return index < 0 ? NULL : &meter->zones.states[index].idle_power;
}

size_t meter_encode_coefficients(
	struct meter *meter, uint8_t bytes[COEFFICIENTS_BYTES_MAX])
{
	return meter->coefficients ? coefficients_encode(meter->coefficients, bytes) : 0;
}

int meter_restore_coefficients(struct meter *meter, const uint8_t *bytes, size_t size)
{
	return meter->coefficients ? coefficients_decode(meter->coefficients, bytes, size)
				   : 0;
}

void meter_map_zones(struct meter *meter, const struct machine *machine)
{
	if (meter->begun && meter->generation == machine->generation)
		return;
	zone_states_map(&meter->zones, machine);
	meter->generation = machine->generation;
	meter->remapped = true;
}

/* What is incoming is what the next step goes on from. */
static void swap_samples(struct meter *meter)
{
	struct sample previous = meter->previous;

	meter->previous = meter->incoming;
	meter->incoming = previous;
	meter->begun = true;
}

int meter_resume(
	struct meter *meter, const struct machine *machine, const struct sample *sample)
{
	assert(!meter->begun);
	assert(sample->n_zones == machine->n_zones);
	if (sample_copy(&meter->incoming, sample) < 0)
		return -ENOMEM;
	meter_map_zones(meter, machine);
	for (size_t z = 0; z < machine->n_zones; z++) {
		struct zone_delta first;

		zone_counter_advance(&meter->zones.of_zone[z]->accepted.counter,
			&machine->zones[z], &sample->zones[z], sample->boottime_ns, false,
			&first);
	}
	swap_samples(meter);
	meter->resumed = true;
	return 0;
}

/* All the memory the step needs: after this it cannot fail. */
static int reserve(const struct step *step)
{
	struct meter *meter = step->meter;
	const struct sample *sample = step->sample;
	size_t n_domains = sample->n_domains;

	if (meter->previous.n_domains > n_domains)
		n_domains = meter->previous.n_domains;
	if (tick_reset(step->tick, step->machine->n_zones, sample->n_domains) < 0 ||
		usage_reserve(&meter->usage, step->machine, sample) < 0 ||
		memory_reserve(&meter->memory, step->machine, sample) < 0 ||
		zone_states_reserve(&meter->zones, step->machine, n_domains) < 0 ||
		(meter->coefficients &&
			coefficients_reserve(meter->coefficients, sample->n_domains,
				step->machine->n_packages) < 0) ||
		sample_copy(&meter->incoming, sample) < 0)
		return -ENOMEM;
	return 0;
}

/* Nothing can be said of this interval: there is none, or the host slept in it. */
static bool is_broken(const struct meter *meter, const struct sample *sample)
{
	const struct sample *previous = &meter->previous;
	uint64_t asleep_ns = sample->boottime_ns - sample->monotonic_ns;
	uint64_t asleep_before_ns = previous->boottime_ns - previous->monotonic_ns;

	return !meter->begun || sample->boottime_ns < previous->boottime_ns ||
	       (asleep_ns > asleep_before_ns &&
		       asleep_ns - asleep_before_ns > SUSPEND_SLACK_NS);
}

static void read_zones(const struct step *step, bool broken)
{
	for (size_t z = 0; z < step->machine->n_zones; z++) {
		struct zone_state *state = step->meter->zones.of_zone[z];
		struct tick_zone *zone = &step->tick->zones[z];
		struct zone_delta delta;

		zone_counter_advance(&state->counter, &step->machine->zones[z],
			&step->sample->zones[z], step->sample->boottime_ns, broken,
			&delta);
		zone->state = delta.state;
		zone->dt_ns = delta.dt_ns;
		zone->total_uj = delta.energy_uj;
		zone->idle_uw = idle_power_uw(&state->idle_power);
		zone->idle_origin = state->idle_power.origin;
		if (delta.state == TICK_ZONE_AMBIGUOUS)
			zone->unattributed_uj = delta.energy_uj;
	}
}

static size_t package_of(const struct step *step, size_t z)
{
	size_t package = step->machine->zones[z].package;

	return package < step->meter->usage.n_packages ? package : 0;
}

/* The weight in a zone: energy of a package goes by what was learned. */
static uint64_t weight_of_player(const struct step *step, size_t z, size_t player)
{
	const struct meter *meter = step->meter;
	size_t package = package_of(step, z);

	if (meter->coefficients && step->machine->zones[z].kind == MACHINE_ZONE_PACKAGE)
		return coefficients_weight(meter->coefficients, player, package);
	return player == 0 ? meter->usage.host[package].weight
			   : usage_cell(&meter->usage, player - 1, package)->weight;
}

/* A zone that is excluded keeps what its players weighed, for when it is back. */
static void add_weights(const struct step *step, size_t z)
{
	struct apportion_player *players = step->meter->zones.of_zone[z]->dynamic;

	for (size_t i = 0; i <= step->tick->n_domains; i++)
		players[i].weight = weight_add(
			players[i].weight, weight_of_player(step, z, i));
}

static void clear_weights(const struct step *step, size_t z)
{
	struct apportion_player *players = step->meter->zones.of_zone[z]->dynamic;

	for (size_t i = 0; i <= step->tick->n_domains; i++)
		players[i].weight = 0;
}

static void share_dynamic(const struct step *step, size_t z, uint64_t dynamic_uj)
{
	struct apportion_player *players = step->meter->zones.of_zone[z]->dynamic;
	struct tick_zone *zone = &step->tick->zones[z];

	if (!apportion(dynamic_uj, players, step->tick->n_domains + 1)) {
		zone->host.dynamic_uj = dynamic_uj;
		return;
	}
	zone->host.dynamic_uj = players[0].share;
	for (size_t i = 0; i < step->tick->n_domains; i++)
		tick_share(step->tick, i, z)->dynamic_uj = players[i + 1].share;
}

static void weigh_idle(const struct step *step, size_t z)
{
	const struct usage *usage = &step->meter->usage;
	enum idle_policy policy = step->meter->options.idle_policy;
	const struct apportion_player *dynamic = step->meter->zones.of_zone[z]->dynamic;
	struct apportion_player *players = step->meter->zones.of_zone[z]->idle;
	size_t package = package_of(step, z);
	const struct idle_policy_package all = {
		.n_threads = step->machine->n_packages > 0
				     ? step->machine->packages[package].n_cpus
				     : 0,
		.n_vcpus = usage->n_vcpus[package],
		.n_domains = step->tick->n_domains,
	};

	players[0].weight = idle_policy_host_weight(policy, &all, dynamic[0].weight);
	for (size_t i = 0; i < step->tick->n_domains; i++)
		players[i + 1].weight = idle_policy_domain_weight(policy,
			usage_cell(usage, i, package)->n_vcpus, dynamic[i + 1].weight);
}

/* What is reserved of a dram is memory. false: whose is not known at all. */
static bool weigh_memory(const struct step *step, size_t z)
{
	const struct memory *memory = &step->meter->memory;
	struct apportion_player *players = step->meter->zones.of_zone[z]->idle;
	size_t package = package_of(step, z);
	bool known = memory->host_bytes[package] > 0;

	players[0].weight = memory->host_bytes[package];
	for (size_t i = 0; i < step->tick->n_domains; i++) {
		players[i + 1].weight = memory_bytes(memory, i, package);
		known |= players[i + 1].weight > 0;
	}
	return known;
}

static void share_idle(const struct step *step, size_t z, uint64_t idle_uj)
{
	struct apportion_player *players = step->meter->zones.of_zone[z]->idle;
	struct tick_zone *zone = &step->tick->zones[z];

	if (step->machine->zones[z].kind != MACHINE_ZONE_DRAM ||
		step->meter->options.idle_policy != IDLE_POLICY_RESERVED ||
		!weigh_memory(step, z))
		weigh_idle(step, z);
	if (!apportion(idle_uj, players, step->tick->n_domains + 1)) {
		zone->host.idle_uj = idle_uj;
		return;
	}
	zone->host.idle_uj = players[0].share;
	for (size_t i = 0; i < step->tick->n_domains; i++)
		tick_share(step->tick, i, z)->idle_uj = players[i + 1].share;
}

static void share_zone(const struct step *step, size_t z)
{
	struct meter *meter = step->meter;
	struct idle_power *idle_power = &meter->zones.of_zone[z]->idle_power;
	struct tick_zone *zone = &step->tick->zones[z];
	uint64_t idle_uj = idle_power_energy_uj(idle_power, zone->total_uj, zone->dt_ns);
	size_t package = package_of(step, z);

	share_idle(step, z, idle_uj);
	share_dynamic(step, z, zone->total_uj - idle_uj);
	if (meter->resumed && meter->usage.domain_ended) {
		/* A domain that is no more cannot be told from the host. */
		zone->unattributed_uj = zone->host.dynamic_uj;
		zone->host.dynamic_uj = 0;
	}
	/* An estimate would only give back what it was made of. */
	if (step->machine->n_packages > 0 && zone->dt_ns == step->tick->dt_ns &&
		!meter->options.estimated)
		idle_power_learn(&idle_power->learned, zone->total_uj, zone->dt_ns,
			meter->usage.loads.busy_ns[package],
			zone->dt_ns * step->machine->packages[package].n_cpus);
}

/* Nothing is learned from an outage: who ended in it is not among the players. */
static void learn(const struct step *step)
{
	struct meter *meter = step->meter;
	struct coefficients_tick tick = {
		.sample = step->sample,
		.usage = &meter->usage,
		.weight = &meter->options.weight,
		.dt_ns = step->tick->dt_ns,
	};

	for (size_t z = 0; z < step->machine->n_zones; z++) {
		const struct tick_zone *zone = &step->tick->zones[z];
		const struct idle_power *idle = &meter->zones.of_zone[z]->idle_power;
		uint64_t idle_uj = idle_power_energy_uj(
			idle, zone->total_uj, zone->dt_ns);

		if (step->machine->zones[z].kind != MACHINE_ZONE_PACKAGE)
			continue;
		tick.packages[package_of(step, z)] = (struct coefficients_package){
			.measured = zone->state == TICK_ZONE_OK && !meter->resumed &&
				    zone->dt_ns == step->tick->dt_ns,
			.dynamic_uj = zone->total_uj - idle_uj,
			.idle_uw = idle_power_uw(idle),
		};
	}
	coefficients_step(meter->coefficients, &tick);
}

static void attribute(const struct step *step)
{
	for (size_t z = 0; z < step->machine->n_zones; z++) {
		struct tick_zone *zone = &step->tick->zones[z];

		if (!zone_is_shared(&step->machine->zones[z])) {
			if (zone->state == TICK_ZONE_OK)
				zone->host.dynamic_uj = zone->total_uj;
			continue;
		}
		add_weights(step, z);
		if (zone->state == TICK_ZONE_OK)
			share_zone(step, z);
		if (zone->state != TICK_ZONE_EXCLUDED)
			clear_weights(step, z);
	}
	for (size_t i = 0; i < step->tick->n_domains; i++) {
		const struct sample_domain *domain = &step->sample->domains[i];
		struct guest_zones zones;

		guest_zones_init(&zones, step->machine, domain->max_vcpus,
			domain->vcpus_per_socket);
		guest_zones_split(&zones, step->machine, step->sample,
			&step->meter->usage, i, step->tick);
		step->tick->domains[i].cpu_ns = usage_cpu_ns(&step->meter->usage, i);
	}
}

/* An estimate stays one, whatever else is wrong with it. */
static enum message_quality judge(const struct step *step)
{
	if (step->meter->options.estimated)
		return MESSAGE_ESTIMATED;
	if (step->meter->resumed)
		return MESSAGE_DEGRADED;
	for (size_t z = 0; z < step->machine->n_zones; z++) {
		const struct tick_zone *zone = &step->tick->zones[z];

		if (zone_is_shared(&step->machine->zones[z]) &&
			(zone->state != TICK_ZONE_OK || zone->dt_ns > step->tick->dt_ns))
			return MESSAGE_DEGRADED;
	}
	return MESSAGE_MEASURED;
}

static void take(const struct step *step)
{
	struct meter *meter = step->meter;
	const struct sample *sample = step->sample;
	struct tick *tick = step->tick;
	bool broken = is_broken(meter, sample);

	meter->learned = meter->coefficients && !broken;
	meter->used = !broken;
	tick->boottime_ns = sample->boottime_ns;
	if (meter->begun && sample->boottime_ns > meter->previous.boottime_ns)
		tick->dt_ns = sample->boottime_ns - meter->previous.boottime_ns;
	for (size_t i = 0; i < sample->n_domains; i++)
		tick->domains[i].uuid = sample->domains[i].uuid;
	zone_states_begin(&meter->zones, &meter->previous, sample);
	read_zones(step, broken);
	if (!broken) {
		usage_compute(&meter->usage, step->machine, &meter->options.weight,
			&meter->previous, sample, meter->remapped);
		memory_compute(&meter->memory, step->machine, sample, &meter->usage);
		if (meter->learned)
			learn(step);
		attribute(step);
		return;
	}
	for (size_t z = 0; z < step->machine->n_zones; z++)
		if (zone_is_shared(&step->machine->zones[z]))
			clear_weights(step, z);
}

int meter_step(struct meter *meter, const struct machine *machine,
	const struct sample *sample, struct tick *tick)
{
	const struct step step = {
		.meter = meter,
		.machine = machine,
		.sample = sample,
		.tick = tick,
	};

	assert(sample->n_zones == machine->n_zones);
	meter->stepped = false;
	meter->used = false;
	meter_map_zones(meter, machine);
	if (reserve(&step) < 0)
		return -ENOMEM;
	take(&step);
	tick->quality = judge(&step);
	meter->stepped = true;
	return 0;
}

void meter_accept(struct meter *meter)
{
	assert(meter->stepped);
	zone_states_accept(&meter->zones);
	if (meter->learned)
		coefficients_accept(meter->coefficients);
	swap_samples(meter);
	meter->resumed = false;
	meter->remapped = false;
	meter->stepped = false;
}

const struct usage *meter_get_usage(const struct meter *meter)
{
	return meter->used ? &meter->usage : NULL;
}
