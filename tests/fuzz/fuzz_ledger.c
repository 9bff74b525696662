/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A ledger from arbitrary bytes: the file itself, or, as checksums stop nearly all of
 * those, an image committed from arbitrary rows. What loads must add up.
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/ledger_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t take(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

static void check_sample(const struct sample *sample)
{
	uint32_t n_threads = 0;

	for (size_t i = 0; i < sample->n_domains; i++) {
		assert(sample->domains[i].first_thread == n_threads);
		n_threads += sample->domains[i].n_threads;
	}
	assert(n_threads == sample->n_threads);
}

static void check_book(const struct ledger_book *book)
{
	for (uint32_t row = 0; row < book->header.counts.domains; row++)
		assert(ledger_book_find_domain(book, &book->domains[row].uuid) ==
			(ssize_t)row);
	for (uint32_t i = 0; i < book->header.counts.zones; i++)
		assert(ledger_book_find_zone(book, book->zones[i].name) == (ssize_t)i);
}

static void load(const struct ledger_image *image)
{
	char message[LEDGER_MESSAGE_SIZE] = "";
	struct sample sample = { 0 };
	struct ledger_book *book;
	int r;

	r = ledger_load(image, &book, &sample, message);
	if (r == 0) {
		check_sample(&sample);
		check_book(book);
		ledger_book_free(book);
	} else {
		assert(r == -EBADMSG && message[0]);
	}
	sample_deinit(&sample);
}

static void load_file(const struct input *input)
{
	char message[LEDGER_MESSAGE_SIZE] = "";
	/* Its own copy, aligned as a mapping is. */
	uint8_t *copy = malloc(input->size + 1);
	struct ledger_image image;

	if (!copy)
		return;
	memcpy(copy, input->data, input->size);
	if (ledger_image_decode(copy, input->size, &image, message) == 0)
		load(&image);
	else
		assert(message[0]);
	free(copy);
}

static void put_zones(struct input *input, struct ledger_image *image, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct ledger_zone zone = { .total_uj = take(input),
			.unattributed_uj = take(input) };

		memset(zone.name, take(input), take(input) % (sizeof(zone.name) + 1));
		ledger_image_put_zone(image, i, &zone);
	}
}

static void put_domains(
	struct input *input, struct ledger_image *image, uint32_t n, uint32_t n_zones)
{
	struct tick_share shares[4] = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		struct ledger_domain domain = { .uuid = { { take(input) } },
			.sequence = take(input) % 4,
			.epoch_sequence = take(input) };

		memset(domain.name, take(input), take(input) % (sizeof(domain.name) + 1));
		for (uint32_t zone = 0; zone < n_zones; zone++)
			shares[zone].dynamic_uj = take(input);
		struct ledger_base base = { { take(input) } };
		char labels[LABELS_SIZE] = { 0 };

		ledger_image_put_domain(image, i, &domain, shares, n_zones);
		ledger_image_put_base(image, i, &base, shares, n_zones);
		memset(labels, take(input), take(input) % sizeof(labels));
		memcpy(labels, "a=", 2);
		ledger_image_put_labels(image, i, labels);
	}
}

static void load_rows(struct input *input)
{
	const struct ledger_counts sizes = { 4, 4, 8, 4 };
	uint8_t *data = calloc(1, ledger_image_size(2, &sizes));
	char message[LEDGER_MESSAGE_SIZE];
	struct ledger_image image, again;

	if (!data)
		return;
	ledger_image_format(&image, data, 2, &sizes);
	for (uint32_t sequence = 1; sequence < 4; sequence++) {
		const struct ledger_header header = { .sequence = sequence,
			.epoch_sequence = take(input),
			.counts = { sequence, take(input) % 2 + sequence, take(input) % 9,
				take(input) % 5 } };

		ledger_image_begin(&image, sequence);
		put_zones(input, &image, header.counts.zones);
		put_domains(input, &image, header.counts.domains, header.counts.zones);
		for (uint32_t i = 0; i < header.counts.threads; i++) {
			const struct ledger_thread thread = { take(input) % 5,
				{ .tid = take(input), .kind = take(input) % 5 } };

			ledger_image_put_thread(&image, i, &thread);
		}
		for (uint32_t i = 0; i < header.counts.cpus; i++)
			ledger_image_put_cpu(&image, i, take(input));
		ledger_image_commit(&image, &header);
		/* Whatever the rows say, they are what was committed. */
		assert(ledger_image_decode(
			       data, ledger_image_size(2, &sizes), &again, message) == 0);
		load(&again);
	}
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };

	if (take(&input) == 'r')
		load_rows(&input);
	else
		load_file(&input);
	return 0;
}
