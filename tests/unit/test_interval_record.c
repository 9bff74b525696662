/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Records of any domains and zones: added in any way, they come to the same. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/interval_block.h"
#include "host/interval_sum.h"

#define DOMAINS 40
#define ZONES	6

static uint64_t seed = 88172645463325252u;

static uint32_t random_below(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 11) % n;
}

/* What all records had, the plain way. */
struct expected {
	uint64_t quality_ns;
	uint64_t zones_uj[ZONES][3];
	uint64_t domains_uj[DOMAINS][ZONES][2];
	uint64_t domains_ns[DOMAINS];
	uint64_t named[DOMAINS]; /* the sequence of the newest name; 0: not there */
};

/* Some domains in some zones; in order, or not. */
static struct interval_record make_record(uint64_t sequence, struct expected *expected)
{
	struct interval_record record = { .interval = { .from_sequence = sequence - 1,
						  .to_sequence = sequence,
						  .since_s = 3600 * sequence,
						  .until_s = 3600 * (sequence + 1),
						  .sources = 1u << sequence % 2 },
		.quality_ns = { sequence } };
	uint32_t n_zones = random_below(ZONES + 1);

	expected->quality_ns += sequence;
	for (uint32_t i = 0; i < n_zones; i++) {
		uint32_t number = (i + (uint32_t)sequence) % ZONES, zone;
		char name[16];

		snprintf(name, sizeof(name), "zone-%u", number);
		assert_int_equal(interval_record_take_zone(&record, name, &zone), 0);
		record.zones[zone].host = (struct tick_share){ sequence, 2 * sequence };
		record.zones[zone].unattributed_uj = 3 * sequence;
		for (uint32_t k = 0; k < 3; k++)
			expected->zones_uj[number][k] += (k + 1) * sequence;
	}
	for (uint32_t n = random_below(12); n > 0; n--) {
		uint32_t number = random_below(DOMAINS), domain;
		const struct uuid uuid = { { (uint8_t)number, 1 } };
		char name[16], labels[32];

		snprintf(name, sizeof(name), "vm-%ju", (uintmax_t)sequence);
		snprintf(labels, sizeof(labels), "n=%ju\n", (uintmax_t)sequence);
		assert_int_equal(interval_record_take_domain(
					 &record, &uuid, name, labels, &domain),
			0);
		record.domains[domain].quality_ns[1]++;
		expected->domains_ns[number]++;
		if (expected->named[number] < sequence)
			expected->named[number] = sequence;
		for (uint32_t zone = 0; zone < n_zones; zone++) {
			struct tick_share *share = interval_share(&record, domain, zone);
			uint32_t at = (zone + (uint32_t)sequence) % ZONES;

			share->dynamic_uj += number + zone;
			share->idle_uj += sequence;
			expected->domains_uj[number][at][0] += number + zone;
			expected->domains_uj[number][at][1] += sequence;
		}
	}
	return record;
}

static void assert_domain(const struct interval_record *record, uint32_t number,
	const struct expected *expected)
{
	const struct uuid uuid = { { (uint8_t)number, 1 } };
	ssize_t domain = interval_record_find(record, &uuid);
	char name[16], labels[32];

	assert_int_equal(domain >= 0, expected->named[number] > 0);
	if (domain < 0)
		return;
	snprintf(name, sizeof(name), "vm-%ju", (uintmax_t)expected->named[number]);
	assert_string_equal(record->domains[domain].name, name);
	snprintf(labels, sizeof(labels), "n=%ju\n", (uintmax_t)expected->named[number]);
	assert_string_equal(record->domains[domain].labels, labels);
	assert_true(
		record->domains[domain].quality_ns[1] == expected->domains_ns[number]);
	for (uint32_t zone = 0; zone < record->n_zones; zone++) {
		const struct tick_share *share = interval_share(
			record, (size_t)domain, zone);
		uint32_t at = (uint32_t)(record->zones[zone].name[5] - '0');

		assert_true(share->dynamic_uj == expected->domains_uj[number][at][0]);
		assert_true(share->idle_uj == expected->domains_uj[number][at][1]);
	}
}

static void assert_record(
	const struct interval_record *record, const struct expected *expected)
{
	assert_true(record->quality_ns[0] == expected->quality_ns);
	for (uint32_t zone = 0; zone < record->n_zones; zone++) {
		const struct interval_zone *found = &record->zones[zone];
		const uint64_t *uj = expected->zones_uj[found->name[5] - '0'];

		assert_true(found->host.dynamic_uj == uj[0] &&
			    found->host.idle_uj == uj[1] &&
			    found->unattributed_uj == uj[2]);
	}
	for (uint32_t i = 1; i < record->n_domains; i++)
		assert_true(uuid_compare(&record->domains[i - 1].uuid,
				    &record->domains[i].uuid) < 0);
	for (uint32_t number = 0; number < DOMAINS; number++)
		assert_domain(record, number, expected);
}

static void test_sums(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		struct interval_record plain = { 0 }, all = { 0 };
		struct expected expected = { 0 };
		struct interval_sum sum = { 0 };
		uint32_t n = random_below(40);

		for (uint64_t sequence = 1; sequence <= n; sequence++) {
			struct interval_record record = make_record(sequence, &expected);

			assert_int_equal(interval_record_add(&plain, &record), 0);
			assert_int_equal(interval_sum_add(&sum, &record), 0);
		}
		assert_int_equal(interval_sum_finish(&sum, &all), 0);
		assert_record(&plain, &expected);
		assert_record(&all, &expected);
		if (n > 1) {
			assert_true(all.interval.from_sequence == 0 &&
				    all.interval.to_sequence == n);
			assert_true(all.interval.since_s == 3600 &&
				    all.interval.until_s == 3600 * (uint64_t)(n + 1));
			assert_true(all.interval.sources == 3);
		}
		assert_int_equal(interval_record_subtract(&all, &plain), 0);
		assert_true(interval_record_is_zero(&all));
		interval_record_prune(&all);
		assert_int_equal(all.n_domains, 0);
		if (!interval_record_is_zero(&plain))
			assert_int_equal(interval_record_subtract(&all, &plain), -ERANGE);
		interval_record_deinit(&plain);
		interval_record_deinit(&all);
	}
}

/* Not a bit of it can change, and no byte be missing. */
static void test_block(void **state)
{
	struct expected expected = { 0 };
	struct interval_record record = { 0 }, decoded;
	uint8_t *data, *again;
	size_t size, again_size, stated;

	(void)state;
	while (record.n_domains < 3 || record.n_zones < 2) {
		interval_record_deinit(&record);
		record = make_record(7, &expected);
	}
	free(record.domains[1].name);
	record.domains[1].name = strdup("\xc3\xa4,\"\n");
	record.book.bytes[15] = 9;
	assert_int_equal(interval_block_encode(&record, &data, &size), 0);
	assert_memory_equal(data, "vmpintv\x1a\2\0\0\0\0\0\0\0", 16);
	assert_int_equal(interval_block_size(data, &stated), 0);
	assert_int_equal(stated, size);
	assert_int_equal(interval_block_decode(data, size, &decoded), 0);
	assert_string_equal(decoded.domains[1].name, "\xc3\xa4,\"\n");
	assert_string_equal(decoded.domains[1].labels, "n=7\n");
	assert_int_equal(decoded.book.bytes[15], 9);
	assert_int_equal(interval_block_encode(&decoded, &again, &again_size), 0);
	assert_int_equal(again_size, size);
	assert_memory_equal(again, data, size);
	interval_record_deinit(&decoded);
	for (size_t i = 0; i < 8 * size; i++) {
		again[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(interval_block_decode(again, size, &decoded), -EBADMSG);
		again[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t n = 0; n < size; n++)
		assert_int_equal(interval_block_decode(again, n, &decoded), -EBADMSG);
	again[8] = 3;
	assert_int_equal(interval_block_size(again, &stated), -EPROTONOSUPPORT);
	free(again);
	free(data);
	interval_record_deinit(&record);
}

/* As vmpower 0.1 wrote it before there were labels. */
static void test_version_1(void **state)
{
	static const uint64_t words[] = { 0x1a76746e69706d76, 1, 0x108,
		0x2fcea59948e6d6cd, 9, 0, 1, 5, 3600, 7200, 1, 5000000000, 0, 0, 1, 1,
		0x2d6567616b636170, 0x30, 0, 0, 7, 8, 9, 0x30201, 0, 10,
		0x767265732d626577, 0x7265, 4000000000, 0, 0, 10, 11 };
	struct interval_record record;
	uint8_t data[sizeof(words)];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(words[i / 8] >> i % 8 * 8);
	assert_int_equal(interval_block_decode(data, sizeof(data), &record), 0);
	assert_int_equal(record.n_domains, 1);
	assert_string_equal(record.domains[0].name, "web-server");
	assert_string_equal(record.domains[0].labels, "");
	assert_true(record.domains[0].quality_ns[0] == 4000000000);
	assert_int_equal(interval_share(&record, 0, 0)->idle_uj, 11);
	assert_true(record.zones[0].unattributed_uj == 9);
	interval_record_deinit(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_version_1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
