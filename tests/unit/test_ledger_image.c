/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The ledger's format: what is put comes back, and what is not whole is seen. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/ledger_image.h"

static const struct ledger_counts sizes = { 2, 3, 4, 2 };

struct fixture {
	size_t size;
	uint8_t *data;
	struct ledger_image image;
};

static struct ledger_domain make_domain(uint8_t number, uint64_t sequence)
{
	struct ledger_domain domain = { .uuid = { { number } },
		.sequence = sequence,
		.pid = 4000 + number,
		.start_ticks = 77,
		.n_vcpus = 4,
		.max_vcpus = 8,
		.vcpus_per_socket = 2,
		.exited_ns = 5,
		.epoch = { { 9, number } },
		.epoch_sequence = 1,
		.first_wall_ns = 6,
		.first_boottime_ns = 7,
		.last_wall_ns = sequence,
		.last_boottime_ns = 9,
		.quality_ns = { 10, 11, 12 } };

	memcpy(domain.name, "vm", 3);
	for (size_t i = 0; i < MESSAGE_ZONES_MAX; i++)
		domain.guest_uj[i] = 100 * sequence + i;
	return domain;
}

/* Commits one zone, two domains, three threads, two CPUs; the second domain stays as it
 * was. */
static void commit(struct ledger_image *image, uint64_t sequence, uint32_t n_threads)
{
	const struct ledger_header header = { .sequence = sequence,
		.epoch_sequence = 1,
		.book = { { 1 } },
		.boot_id = { { 2 } },
		.boottime_ns = sequence * 10,
		.monotonic_ns = sequence * 9,
		.wall_ns = sequence * 8,
		.counts = { 2, 2, n_threads, 2 },
		.quality_ns = { 20, sequence, 22 },
		.closed_quality_ns = { 17, 18, 19 },
		.closed = { 1, 2, 3, 4, 5 },
		.open = { 6, sequence, 8, 9, 10 },
		.abandoned_from = 11,
		.abandoned_to = 12 };
	const struct tick_share shares[2] = { { sequence, 2 }, { 3, 4 } };
	/* Longer, then shorter. */
	const char *labels = sequence % 2 ? "project=a long one\n" : "project=web\n";

	ledger_image_begin(image, sequence);
	for (uint32_t i = 0; i < 2; i++) {
		struct ledger_zone zone = { .name = "package-0",
			.max_energy_range_uj = 1 << 20,
			.total_uj = 50 * sequence,
			.unattributed_uj = 1,
			.host = { 2, 3 },
			.raw = { true, 4 * sequence },
			.departed = { 5, sequence },
			.closed_host = { 7, 8 },
			.closed_unattributed_uj = 9 };

		zone.name[8] = (char)('0' + i);
		zone.idle_state[15] = sequence;
		ledger_image_put_zone(image, i, &zone);
	}
	for (uint32_t i = 0; i < 2; i++) {
		struct ledger_domain domain = make_domain(
			(uint8_t)(i + 1), i ? 1 : sequence);
		struct tick_share other[2] = { { 1, 1 }, { 1, 1 } };

		struct ledger_base base = { { 1, 2, sequence } };

		ledger_image_put_domain(image, i, &domain, i ? other : shares, 2);
		ledger_image_put_base(image, i, &base, i ? shares : other, 2);
		ledger_image_put_labels(image, i, i ? "" : labels);
	}
	for (uint32_t i = 0; i < n_threads; i++) {
		struct ledger_thread thread = { 0, { .tid = (pid_t)(50 + i),
							   .kind = SAMPLE_THREAD_VHOST,
							   .index = 65535,
							   .last_cpu = (uint16_t)i,
							   .start_ticks = 1,
							   .cpu_ns = sequence } };

		ledger_image_put_thread(image, i, &thread);
	}
	for (uint32_t i = 0; i < 2; i++)
		ledger_image_put_cpu(image, i, sequence + i);
	ledger_image_commit(image, &header);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->size = ledger_image_size(2, &sizes);
	fixture->data = calloc(1, fixture->size);
	assert_non_null(fixture->data);
	ledger_image_format(&fixture->image, fixture->data, 2, &sizes);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	free(fixture->data);
	free(fixture);
	return 0;
}

static int decode(const struct fixture *fixture, struct ledger_image *ret_image)
{
	char message[LEDGER_MESSAGE_SIZE];

	return ledger_image_decode(fixture->data, fixture->size, ret_image, message);
}

/* The content as bytes: equal ones are equal books. The caller frees it. */
static uint8_t *content(const struct ledger_image *image, size_t *ret_size)
{
	size_t size = ledger_image_size(1, &image->header.counts);
	uint8_t *data = calloc(1, size);
	struct ledger_image copy;

	assert_non_null(data);
	ledger_image_format(&copy, data, 1, &image->header.counts);
	ledger_image_copy(&copy, image);
	*ret_size = size;
	return data;
}

static void assert_same_content(
	const struct ledger_image *image, const uint8_t *expected, size_t expected_size)
{
	size_t size;
	uint8_t *data = content(image, &size);

	assert_int_equal(size, expected_size);
	assert_memory_equal(data, expected, size);
	free(data);
}

static void test_round_trip(void **state)
{
	struct fixture *fixture = *state;
	struct tick_share shares[2];
	struct ledger_domain domain, expected = make_domain(1, 2);
	uint8_t bytes[LEDGER_DOMAIN_BYTES], expected_bytes[LEDGER_DOMAIN_BYTES];
	struct ledger_thread thread;
	struct ledger_image image;
	char labels[LABELS_SIZE], expected_labels[LABELS_SIZE] = "project=web\n";
	struct ledger_base base;
	struct ledger_zone zone;
	uint64_t busy_ns;

	assert_int_equal(decode(fixture, &image), -EBADMSG);
	commit(&fixture->image, 1, 3);
	commit(&fixture->image, 2, 3);
	assert_int_equal(decode(fixture, &image), 0);
	assert_true(image.header.sequence == 2 && image.header.boottime_ns == 20);
	assert_true(image.header.monotonic_ns == 18 && image.header.wall_ns == 16);
	assert_true(image.header.epoch_sequence == 1);
	assert_true(image.header.quality_ns[1] == 2 && image.header.quality_ns[2] == 22);
	assert_true(image.header.closed_quality_ns[2] == 19);
	assert_true(image.header.closed.from_sequence == 1 &&
		    image.header.closed.sources == 5);
	assert_true(image.header.abandoned_from == 11 && image.header.abandoned_to == 12);
	assert_true(image.header.open.to_sequence == 2 &&
		    image.header.open.since_s == 8 && image.header.open.until_s == 9);
	assert_int_equal(image.header.book.bytes[0], 1);
	assert_int_equal(image.header.boot_id.bytes[0], 2);
	ledger_image_get_zone(&image, 1, &zone);
	assert_string_equal(zone.name, "package-1");
	assert_true(zone.total_uj == 100 && zone.unattributed_uj == 1);
	assert_true(zone.host.dynamic_uj == 2 && zone.host.idle_uj == 3);
	assert_true(zone.raw.valid && zone.raw.energy_uj == 8);
	assert_true(zone.idle_state[0] == 0 && zone.idle_state[15] == 2);
	assert_true(zone.departed.dynamic_uj == 5 && zone.departed.idle_uj == 2);
	assert_true(zone.closed_host.dynamic_uj == 7 && zone.closed_host.idle_uj == 8);
	assert_true(zone.closed_unattributed_uj == 9);
	ledger_image_get_domain(&image, 0, &domain, shares);
	ledger_domain_encode(&domain, NULL, 0, bytes);
	ledger_domain_encode(&expected, NULL, 0, expected_bytes);
	assert_memory_equal(bytes, expected_bytes, sizeof(bytes));
	assert_true(domain.pid == 4001 && domain.vcpus_per_socket == 2 &&
		    domain.n_vcpus == 4 && domain.max_vcpus == 8);
	assert_true(
		domain.guest_uj[31] == 231 && domain.quality_ns[MESSAGE_DEGRADED] == 12);
	assert_true(shares[0].dynamic_uj == 2 && shares[1].idle_uj == 4);
	ledger_image_get_base(&image, 1, &base, shares);
	assert_true(base.quality_ns[0] == 1 && base.quality_ns[2] == 2);
	assert_true(shares[0].dynamic_uj == 2 && shares[1].idle_uj == 4);
	ledger_image_get_thread(&image, 2, &thread);
	assert_true(thread.domain == 0 && thread.thread.tid == 52);
	assert_true(thread.thread.kind == SAMPLE_THREAD_VHOST &&
		    thread.thread.index == 65535);
	assert_true(thread.thread.last_cpu == 2 && thread.thread.start_ticks == 1);
	assert_true(thread.thread.cpu_ns == 2);
	ledger_image_get_cpu(&image, 1, &busy_ns);
	assert_true(busy_ns == 3);
	ledger_image_get_labels(&image, 0, labels);
	assert_memory_equal(labels, expected_labels, sizeof(labels));
	ledger_image_get_labels(&image, 1, labels);
	assert_string_equal(labels, "");
}

/* A format that changes must get a new version, or old ledgers are misread. */
static void test_golden(void **state)
{
	struct fixture *fixture = *state;
	uint64_t hash = 14695981039346656037u;

	commit(&fixture->image, 1, 3);
	commit(&fixture->image, 2, 2);
	for (size_t i = 0; i < fixture->size; i++)
		hash = (hash ^ fixture->data[i]) * 1099511628211u;
	assert_memory_equal(fixture->data, "vmpower\x1a\3\0\0\0\0\0\0\0\2", 17);
	assert_memory_equal(fixture->data + 512, "\2\0\0\0\xfd\xff\xff\xff", 8);
	assert_true(hash == 0x4ea3e2ef5a4a9bb0u);
}

static void test_rows_come_and_go(void **state)
{
	struct fixture *fixture = *state;
	static const uint32_t n_threads[] = { 3, 0, 4, 1, 1, 4, 3, 2, 0, 3 };
	struct ledger_image image;

	for (size_t i = 0; i < sizeof(n_threads) / sizeof(n_threads[0]); i++) {
		commit(&fixture->image, 3 * i + 1, n_threads[i]);
		assert_int_equal(decode(fixture, &image), 0);
		assert_int_equal(image.header.counts.threads, n_threads[i]);
		assert_true(image.digest == fixture->image.digest);
	}
}

static void test_truncated(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_image image;
	size_t full = fixture->size;

	commit(&fixture->image, 1, 3);
	for (fixture->size = 0; fixture->size < full; fixture->size++) {
		int r = decode(fixture, &image);

		assert_int_equal(r, fixture->size < 8 ? -ENOMSG : -EBADMSG);
	}
	fixture->data = realloc(fixture->data, full + 1);
	assert_non_null(fixture->data);
	fixture->size = full + 1;
	assert_int_equal(decode(fixture, &image), -EBADMSG);
}

/* A change of any byte is refused, or changes nothing that is read. */
static void test_flipped(void **state)
{
	struct fixture *fixture = *state;
	static const uint8_t masks[] = { 0x01, 0x03, 0x80, 0xff };
	struct ledger_image image;
	size_t size, n_refused = 0;
	uint8_t *expected;

	commit(&fixture->image, 1, 3);
	commit(&fixture->image, 2, 3);
	assert_int_equal(decode(fixture, &image), 0);
	expected = content(&image, &size);
	for (size_t i = 0; i < fixture->size * sizeof(masks); i++) {
		uint8_t *byte = &fixture->data[i / sizeof(masks)];

		*byte ^= masks[i % sizeof(masks)];
		if (decode(fixture, &image) == 0)
			assert_same_content(&image, expected, size);
		else
			n_refused++;
		*byte ^= masks[i % sizeof(masks)];
	}
	/* At least whatever the content is made of. */
	assert_true(n_refused > sizeof(masks) * (size - 4096));
	free(expected);
}

/* Whole rows in the wrong place are not whole. */
static void test_swapped(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_image image;
	size_t row_size;
	uint8_t *cpus;

	commit(&fixture->image, 1, 3);
	commit(&fixture->image, 2, 3);
	row_size = fixture->image.tables[LEDGER_CPUS].words * 8 * 2;
	cpus = fixture->data + fixture->image.tables[LEDGER_CPUS].offset;
	for (size_t i = 0; i < row_size; i++) {
		uint8_t byte = cpus[i];

		cpus[i] = cpus[row_size + i];
		cpus[row_size + i] = byte;
	}
	assert_int_equal(decode(fixture, &image), -EBADMSG);
}

static void test_foreign_and_newer(void **state)
{
	struct fixture *fixture = *state;
	char message[LEDGER_MESSAGE_SIZE] = "";
	struct ledger_image image;

	commit(&fixture->image, 1, 3);
	fixture->data[8] = LEDGER_VERSION + 1;
	assert_int_equal(
		ledger_image_decode(fixture->data, fixture->size, &image, message),
		-EPROTONOSUPPORT);
	assert_string_equal(
		message, "it has format version 4, this program knows up to 3");
	fixture->data[0] = 'V';
	assert_int_equal(
		ledger_image_decode(fixture->data, fixture->size, &image, message),
		-ENOMSG);
	assert_string_equal(message, "it is not a ledger");
}

/*
 * Whatever part of a commit's stores was done before the last one, of the commit
 * word, the image is the one before; after it, only all of them will do.
 */
static void test_cut_short(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_image image;
	size_t size, next_size;
	uint8_t *before, *after, *expected, *next;

	commit(&fixture->image, 1, 3);
	commit(&fixture->image, 2, 4);
	assert_int_equal(decode(fixture, &image), 0);
	expected = content(&image, &size);
	before = malloc(fixture->size);
	after = malloc(fixture->size);
	assert_true(before && after);
	memcpy(before, fixture->data, fixture->size);
	commit(&fixture->image, 3, 2);
	assert_int_equal(decode(fixture, &image), 0);
	next = content(&image, &next_size);
	memcpy(after, fixture->data, fixture->size);
	for (int i = 0; i < 4000; i++) {
		long density = random() % 101;

		for (size_t byte = 0; byte < fixture->size; byte++)
			fixture->data[byte] = random() % 100 < density ? after[byte]
								       : before[byte];
		memcpy(fixture->data + 512, before + 512, 8);
		assert_int_equal(decode(fixture, &image), 0);
		assert_same_content(&image, expected, size);
		/* As if the page with the commit word had reached the disk alone. */
		memcpy(fixture->data + 512, after + 512, 8);
		if (decode(fixture, &image) == 0)
			assert_same_content(&image, next, next_size);
		/* And on from there, with rows that the cut-short commit had changed. */
		memcpy(fixture->data + 512, before + 512, 8);
		assert_int_equal(decode(fixture, &image), 0);
		ledger_image_scrub(&image);
		commit(&image, 4, 1);
		assert_int_equal(decode(fixture, &image), 0);
		assert_true(image.header.sequence == 4);
	}
	free(before);
	free(after);
	free(expected);
	free(next);
}

/* After a crash the rows of the next commit may be fewer than of the one cut short. */
static void test_scrub(void **state)
{
	struct fixture *fixture = *state;
	struct ledger_header header;
	struct ledger_domain domain;
	struct tick_share shares[2];
	struct ledger_image image;
	uint64_t word;

	commit(&fixture->image, 1, 3);
	memcpy(&word, fixture->data + 512, 8);
	commit(&fixture->image, 2, 3);
	memcpy(fixture->data + 512, &word, 8);
	assert_int_equal(decode(fixture, &image), 0);
	ledger_image_scrub(&image);
	header = image.header;
	header.sequence = 5;
	ledger_image_begin(&image, 5);
	ledger_image_commit(&image, &header);
	assert_int_equal(decode(fixture, &image), 0);
	ledger_image_get_domain(&image, 0, &domain, shares);
	assert_true(domain.sequence == 1 && shares[0].dynamic_uj == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_golden, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rows_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flipped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_swapped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_and_newer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_short, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scrub, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
