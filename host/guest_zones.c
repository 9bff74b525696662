/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A domain's energy in the zones of its guest. */
#include "host/guest_zones.h"

#include <stdio.h>
#include <string.h>

#include "host/apportion.h"
#include "host/weight.h"

/* One domain's dynamic weights: per package, by socket, then what has no vCPU. */
struct socket_weights {
	uint64_t weight[MACHINE_PACKAGES_MAX][GUEST_ZONES_SOCKETS_MAX + 1];
};

/* The energy of one kind of zone: by socket, and what is to be split by vCPUs online. */
struct socket_energy {
	uint64_t uj[GUEST_ZONES_SOCKETS_MAX];
	uint64_t common_uj;
};

void guest_zones_init(struct guest_zones *zones, const struct machine *machine,
	uint32_t max_vcpus, uint32_t vcpus_per_socket)
{
	uint32_t n = max_vcpus > 0 ? max_vcpus : 1;
	uint32_t per_socket = vcpus_per_socket > 0 ? vcpus_per_socket : 1;
	uint32_t n_sockets = (n - 1) / per_socket + 1;

	if (n_sockets > GUEST_ZONES_SOCKETS_MAX) {
		n_sockets = 1;
		per_socket = n;
	}
	*zones = (struct guest_zones){
		.n_sockets = n_sockets,
		.vcpus_per_socket = per_socket,
	};
	for (size_t i = 0; i < machine->n_zones; i++)
		zones->dram |= machine->zones[i].kind == MACHINE_ZONE_DRAM;
}

static uint8_t package_place(uint32_t socket)
{
	return (uint8_t)(2 * socket);
}

static uint8_t dram_place(uint32_t socket)
{
	return (uint8_t)(2 * socket + 1);
}

size_t guest_zones_list(const struct guest_zones *zones,
	struct message_zone ret_zones[MESSAGE_ZONES_MAX],
	uint8_t ret_places[MESSAGE_ZONES_MAX])
{
	size_t n = 0;

	for (uint32_t s = 0; s < zones->n_sockets; s++) {
		struct message_zone *package = &ret_zones[n];

		ret_places[n++] = package_place(s);
		*package = (struct message_zone){
			.max_energy_range_uj = GUEST_ZONES_PACKAGE_RANGE_UJ,
			.parent = -1,
		};
		snprintf(package->name, sizeof(package->name), "package-%u",
			(unsigned int)(uint8_t)s);
		if (!zones->dram)
			continue;
		ret_zones[n] = (struct message_zone){
			.name = "dram",
			.max_energy_range_uj = GUEST_ZONES_DRAM_RANGE_UJ,
			.parent = (int32_t)n - 1,
		};
		ret_places[n++] = dram_place(s);
	}
	return n;
}

static uint32_t socket_of(const struct guest_zones *zones, uint16_t vcpu)
{
	uint32_t socket = vcpu / zones->vcpus_per_socket;

	return socket < zones->n_sockets ? socket : zones->n_sockets - 1;
}

/* One thread may run all vCPUs (TCG): then it is no single vCPU's. */
static bool has_vcpu_threads(
	const struct sample *sample, const struct sample_domain *domain)
{
	size_t end = (size_t)domain->first_thread + domain->n_threads, n = 0;

	for (size_t i = domain->first_thread; i < end; i++)
		n += sample->threads[i].kind == SAMPLE_THREAD_VCPU;
	return n > 1 || (n == 1 && domain->n_vcpus <= 1);
}

static void move_weight(uint64_t *from, uint64_t *to, uint64_t weight)
{
	/* The sum it is part of may have saturated. */
	*from -= weight < *from ? weight : *from;
	*to = weight_add(*to, weight);
}

static void sum_weights(const struct guest_zones *zones, const struct sample *sample,
	const struct usage *usage, size_t domain_index, struct socket_weights *weights)
{
	const struct sample_domain *domain = &sample->domains[domain_index];
	size_t end = (size_t)domain->first_thread + domain->n_threads;

	memset(weights->weight, 0, usage->n_packages * sizeof(weights->weight[0]));
	for (size_t p = 0; p < usage->n_packages; p++)
		weights->weight[p][GUEST_ZONES_SOCKETS_MAX] =
			usage_cell(usage, domain_index, p)->weight;
	if (!has_vcpu_threads(sample, domain))
		return;
	for (size_t i = domain->first_thread; i < end; i++) {
		const struct usage_thread *thread = &usage->threads[i];
		uint32_t socket = socket_of(zones, sample->threads[i].index);

		if (sample->threads[i].kind != SAMPLE_THREAD_VCPU)
			continue;
		for (size_t part = 0; part < 2; part++) {
			uint64_t *row = weights->weight[thread->package[part]];

			move_weight(&row[GUEST_ZONES_SOCKETS_MAX], &row[socket],
				thread->weight[part]);
		}
	}
}

/*
 * Adds a share of a host zone; row: the domain's weights in the zone's package. What
 * rounding leaves, less than 1 of each socket, goes with what has no vCPU.
 */
static void add_share(const struct guest_zones *zones, const struct tick_share *share,
	const uint64_t row[GUEST_ZONES_SOCKETS_MAX + 1], struct socket_energy *energy)
{
	unsigned __int128 sum = row[GUEST_ZONES_SOCKETS_MAX];
	uint64_t left_uj = share->dynamic_uj;

	for (size_t s = 0; s < zones->n_sockets; s++)
		sum += row[s];
	for (size_t s = 0; s < zones->n_sockets && sum > 0; s++) {
		uint64_t part_uj = (uint64_t)((unsigned __int128)share->dynamic_uj *
					      row[s] / sum);

		energy->uj[s] += part_uj;
		left_uj -= part_uj;
	}
	energy->common_uj += left_uj + share->idle_uj;
}

/* How many vCPUs each socket has online; where no thread tells, the first ones are. */
static void count_vcpus(const struct guest_zones *zones, const struct sample *sample,
	const struct sample_domain *domain, uint32_t counts[GUEST_ZONES_SOCKETS_MAX])
{
	size_t end = (size_t)domain->first_thread + domain->n_threads;
	uint32_t left = domain->n_vcpus > 0 ? domain->n_vcpus : 1;

	memset(counts, 0, GUEST_ZONES_SOCKETS_MAX * sizeof(*counts));
	if (has_vcpu_threads(sample, domain)) {
		for (size_t i = domain->first_thread; i < end; i++) {
			if (sample->threads[i].kind == SAMPLE_THREAD_VCPU)
				counts[socket_of(zones, sample->threads[i].index)]++;
		}
		return;
	}
	for (uint32_t s = 0; s < zones->n_sockets; s++) {
		counts[s] = left < zones->vcpus_per_socket ? left
							   : zones->vcpus_per_socket;
		left -= counts[s];
	}
}

static void share_common(const struct guest_zones *zones,
	const uint32_t counts[GUEST_ZONES_SOCKETS_MAX], struct socket_energy *energy)
{
	struct apportion_player players[GUEST_ZONES_SOCKETS_MAX] = { 0 };

	for (uint32_t s = 0; s < zones->n_sockets; s++)
		players[s].weight = counts[s];
	apportion(energy->common_uj, players, zones->n_sockets);
	for (uint32_t s = 0; s < zones->n_sockets; s++)
		energy->uj[s] += players[s].share;
}

/* One socket: there is nothing to split. */
static void sum_shares(const struct guest_zones *zones, const struct machine *machine,
	size_t domain, struct tick *tick)
{
	uint64_t *guest_uj = tick->domains[domain].guest_uj;

	for (size_t z = 0; z < tick->n_zones; z++) {
		const struct tick_share *share = tick_share(tick, domain, z);
		enum machine_zone_kind kind = machine->zones[z].kind;

		if (kind == MACHINE_ZONE_PACKAGE)
			guest_uj[package_place(0)] += share->dynamic_uj + share->idle_uj;
		else if (kind == MACHINE_ZONE_DRAM && zones->dram)
			guest_uj[dram_place(0)] += share->dynamic_uj + share->idle_uj;
	}
}

void guest_zones_split(const struct guest_zones *zones, const struct machine *machine,
	const struct sample *sample, const struct usage *usage, size_t domain,
	struct tick *tick)
{
	uint64_t *guest_uj = tick->domains[domain].guest_uj;
	struct socket_energy package = { 0 }, dram = { 0 };
	uint32_t counts[GUEST_ZONES_SOCKETS_MAX];
	struct socket_weights weights;

	memset(guest_uj, 0, sizeof(tick->domains[domain].guest_uj));
	if (zones->n_sockets == 1) {
		sum_shares(zones, machine, domain, tick);
		return;
	}
	sum_weights(zones, sample, usage, domain, &weights);
	for (size_t z = 0; z < tick->n_zones; z++) {
		const struct machine_zone *zone = &machine->zones[z];
		size_t p = zone->package < usage->n_packages ? zone->package : 0;

		if (zone->kind == MACHINE_ZONE_PACKAGE)
			add_share(zones, tick_share(tick, domain, z), weights.weight[p],
				&package);
		else if (zone->kind == MACHINE_ZONE_DRAM && zones->dram)
			add_share(zones, tick_share(tick, domain, z), weights.weight[p],
				&dram);
	}
	count_vcpus(zones, sample, &sample->domains[domain], counts);
	share_common(zones, counts, &package);
	share_common(zones, counts, &dram);
	for (uint32_t s = 0; s < zones->n_sockets; s++) {
		guest_uj[package_place(s)] = package.uj[s];
		guest_uj[dram_place(s)] = dram.uj[s];
	}
}
