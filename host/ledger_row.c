/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The fields of the ledger's rows, one after the other. */
#include "host/ledger_row.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

static void put_u64(uint8_t **at, uint64_t value)
{
	value = htole64(value);
	memcpy(*at, &value, sizeof(value));
	*at += sizeof(value);
}

static void put_u32s(uint8_t **at, uint32_t high, uint32_t low)
{
	put_u64(at, (uint64_t)high << 32 | low);
}

static void put_bytes(uint8_t **at, const void *bytes, size_t n)
{
	memcpy(*at, bytes, n);
	*at += n;
}

static uint64_t get_u64(const uint8_t **at)
{
	uint64_t value;

	memcpy(&value, *at, sizeof(value));
	*at += sizeof(value);
	return le64toh(value);
}

static uint32_t get_u32s(const uint8_t **at, uint32_t *ret_high)
{
	uint64_t value = get_u64(at);

	*ret_high = (uint32_t)(value >> 32);
	return (uint32_t)value;
}

static void get_bytes(const uint8_t **at, void *ret_bytes, size_t n)
{
	memcpy(ret_bytes, *at, n);
	*at += n;
}

static void put_share(uint8_t **at, const struct tick_share *share)
{
	put_u64(at, share->dynamic_uj);
	put_u64(at, share->idle_uj);
}

static void get_share(const uint8_t **at, struct tick_share *ret_share)
{
	ret_share->dynamic_uj = get_u64(at);
	ret_share->idle_uj = get_u64(at);
}

static void put_quality(uint8_t **at, const uint64_t quality_ns[MESSAGE_DEGRADED + 1])
{
	for (size_t i = 0; i <= MESSAGE_DEGRADED; i++)
		put_u64(at, quality_ns[i]);
}

static void get_quality(const uint8_t **at, uint64_t ret_quality_ns[MESSAGE_DEGRADED + 1])
{
	for (size_t i = 0; i <= MESSAGE_DEGRADED; i++)
		ret_quality_ns[i] = get_u64(at);
}

static void put_interval(uint8_t **at, const struct ledger_interval *interval)
{
	put_u64(at, interval->from_sequence);
	put_u64(at, interval->to_sequence);
	put_u64(at, interval->since_s);
	put_u64(at, interval->until_s);
	put_u64(at, interval->sources);
}

static void get_interval(const uint8_t **at, struct ledger_interval *ret_interval)
{
	ret_interval->from_sequence = get_u64(at);
	ret_interval->to_sequence = get_u64(at);
	ret_interval->since_s = get_u64(at);
	ret_interval->until_s = get_u64(at);
	ret_interval->sources = get_u64(at);
}

void ledger_header_encode(
	const struct ledger_header *header, uint64_t digest, uint8_t *bytes)
{
	uint8_t *at = bytes;

	put_u64(&at, header->epoch_sequence);
	put_bytes(&at, header->book.bytes, sizeof(header->book.bytes));
	put_bytes(&at, header->boot_id.bytes, sizeof(header->boot_id.bytes));
	put_u64(&at, header->boottime_ns);
	put_u64(&at, header->monotonic_ns);
	put_u64(&at, header->wall_ns);
	put_u64(&at, header->counts.zones);
	put_u64(&at, header->counts.domains);
	put_u64(&at, header->counts.threads);
	put_u64(&at, header->counts.cpus);
	put_u64(&at, digest);
	put_quality(&at, header->quality_ns);
	put_quality(&at, header->closed_quality_ns);
	put_interval(&at, &header->closed);
	put_interval(&at, &header->open);
	put_u64(&at, header->abandoned_from);
	put_u64(&at, header->abandoned_to);
	assert(at == bytes + LEDGER_HEADER_BYTES);
}

void ledger_header_decode(
	const uint8_t *bytes, struct ledger_header *ret_header, uint64_t *ret_digest)
{
	ret_header->epoch_sequence = get_u64(&bytes);
	get_bytes(&bytes, ret_header->book.bytes, sizeof(ret_header->book.bytes));
	get_bytes(&bytes, ret_header->boot_id.bytes, sizeof(ret_header->boot_id.bytes));
	ret_header->boottime_ns = get_u64(&bytes);
	ret_header->monotonic_ns = get_u64(&bytes);
	ret_header->wall_ns = get_u64(&bytes);
	ret_header->counts.zones = (uint32_t)get_u64(&bytes);
	ret_header->counts.domains = (uint32_t)get_u64(&bytes);
	ret_header->counts.threads = (uint32_t)get_u64(&bytes);
	ret_header->counts.cpus = (uint32_t)get_u64(&bytes);
	*ret_digest = get_u64(&bytes);
	get_quality(&bytes, ret_header->quality_ns);
	get_quality(&bytes, ret_header->closed_quality_ns);
	get_interval(&bytes, &ret_header->closed);
	get_interval(&bytes, &ret_header->open);
	ret_header->abandoned_from = get_u64(&bytes);
	ret_header->abandoned_to = get_u64(&bytes);
}

void ledger_zone_encode(const struct ledger_zone *zone, uint8_t *bytes)
{
	uint8_t *at = bytes;

	put_bytes(&at, zone->name, sizeof(zone->name));
	put_u64(&at, zone->max_energy_range_uj);
	put_u64(&at, zone->total_uj);
	put_u64(&at, zone->unattributed_uj);
	put_share(&at, &zone->host);
	put_u64(&at, zone->raw.valid);
	put_u64(&at, zone->raw.energy_uj);
	for (size_t i = 0; i < LEDGER_IDLE_STATE_WORDS; i++)
		put_u64(&at, zone->idle_state[i]);
	put_share(&at, &zone->departed);
	put_share(&at, &zone->closed_host);
	put_u64(&at, zone->closed_unattributed_uj);
	assert(at == bytes + LEDGER_ZONE_BYTES);
}

void ledger_zone_decode(const uint8_t *bytes, struct ledger_zone *ret_zone)
{
	get_bytes(&bytes, ret_zone->name, sizeof(ret_zone->name));
	ret_zone->max_energy_range_uj = get_u64(&bytes);
	ret_zone->total_uj = get_u64(&bytes);
	ret_zone->unattributed_uj = get_u64(&bytes);
	get_share(&bytes, &ret_zone->host);
	ret_zone->raw.valid = get_u64(&bytes) != 0;
	ret_zone->raw.energy_uj = get_u64(&bytes);
	for (size_t i = 0; i < LEDGER_IDLE_STATE_WORDS; i++)
		ret_zone->idle_state[i] = get_u64(&bytes);
	get_share(&bytes, &ret_zone->departed);
	get_share(&bytes, &ret_zone->closed_host);
	ret_zone->closed_unattributed_uj = get_u64(&bytes);
}

void ledger_domain_encode(const struct ledger_domain *domain,
	const struct tick_share *shares, uint32_t n_shares, uint8_t *bytes)
{
	uint8_t *at = bytes;

	put_bytes(&at, domain->uuid.bytes, sizeof(domain->uuid.bytes));
	put_bytes(&at, domain->name, sizeof(domain->name));
	put_u64(&at, domain->sequence);
	put_u64(&at, (uint64_t)domain->pid);
	put_u64(&at, domain->start_ticks);
	put_u32s(&at, domain->vcpus_per_socket, domain->n_vcpus);
	put_u64(&at, domain->max_vcpus);
	put_u64(&at, domain->exited_ns);
	put_bytes(&at, domain->epoch.bytes, sizeof(domain->epoch.bytes));
	put_u64(&at, domain->epoch_sequence);
	for (size_t i = 0; i < MESSAGE_ZONES_MAX; i++)
		put_u64(&at, domain->guest_uj[i]);
	put_u64(&at, domain->first_wall_ns);
	put_u64(&at, domain->first_boottime_ns);
	put_u64(&at, domain->last_wall_ns);
	put_u64(&at, domain->last_boottime_ns);
	put_quality(&at, domain->quality_ns);
	assert(at == bytes + LEDGER_DOMAIN_BYTES);
	for (uint32_t i = 0; i < n_shares; i++)
		put_share(&at, &shares[i]);
}

void ledger_domain_decode(const uint8_t *bytes, struct ledger_domain *ret_domain,
	struct tick_share *ret_shares, uint32_t n_shares)
{
	*ret_domain = (struct ledger_domain){ 0 };
	get_bytes(&bytes, ret_domain->uuid.bytes, sizeof(ret_domain->uuid.bytes));
	get_bytes(&bytes, ret_domain->name, sizeof(ret_domain->name));
	ret_domain->sequence = get_u64(&bytes);
	ret_domain->pid = (pid_t)get_u64(&bytes);
	ret_domain->start_ticks = get_u64(&bytes);
	ret_domain->n_vcpus = get_u32s(&bytes, &ret_domain->vcpus_per_socket);
	ret_domain->max_vcpus = (uint32_t)get_u64(&bytes);
	ret_domain->exited_ns = get_u64(&bytes);
	get_bytes(&bytes, ret_domain->epoch.bytes, sizeof(ret_domain->epoch.bytes));
	ret_domain->epoch_sequence = get_u64(&bytes);
	for (size_t i = 0; i < MESSAGE_ZONES_MAX; i++)
		ret_domain->guest_uj[i] = get_u64(&bytes);
	ret_domain->first_wall_ns = get_u64(&bytes);
	ret_domain->first_boottime_ns = get_u64(&bytes);
	ret_domain->last_wall_ns = get_u64(&bytes);
	ret_domain->last_boottime_ns = get_u64(&bytes);
	get_quality(&bytes, ret_domain->quality_ns);
	for (uint32_t i = 0; i < n_shares; i++)
		get_share(&bytes, &ret_shares[i]);
}

void ledger_thread_encode(const struct ledger_thread *thread, uint8_t *bytes)
{
	uint8_t *at = bytes;

	put_u32s(&at, (uint32_t)thread->thread.tid, thread->domain);
	put_u32s(&at, thread->thread.last_cpu,
		(uint32_t)thread->thread.index << 16 | thread->thread.kind);
	put_u64(&at, thread->thread.start_ticks);
	put_u64(&at, thread->thread.cpu_ns);
	assert(at == bytes + LEDGER_THREAD_BYTES);
}

void ledger_thread_decode(const uint8_t *bytes, struct ledger_thread *ret_thread)
{
	struct sample_thread *thread = &ret_thread->thread;
	uint32_t kind, high;

	ret_thread->domain = get_u32s(&bytes, &high);
	thread->tid = (pid_t)high;
	kind = get_u32s(&bytes, &high);
	thread->kind = (uint8_t)kind;
	thread->index = (uint16_t)(kind >> 16);
	thread->last_cpu = (uint16_t)high;
	thread->start_ticks = get_u64(&bytes);
	thread->cpu_ns = get_u64(&bytes);
}

void ledger_base_encode(const struct ledger_base *base, const struct tick_share *shares,
	uint32_t n_shares, uint8_t *bytes)
{
	uint8_t *at = bytes;

	put_quality(&at, base->quality_ns);
	assert(at == bytes + LEDGER_BASE_BYTES);
	for (uint32_t i = 0; i < n_shares; i++)
		put_share(&at, &shares[i]);
}

void ledger_base_decode(const uint8_t *bytes, struct ledger_base *ret_base,
	struct tick_share *ret_shares, uint32_t n_shares)
{
	get_quality(&bytes, ret_base->quality_ns);
	for (uint32_t i = 0; i < n_shares; i++)
		get_share(&bytes, &ret_shares[i]);
}
