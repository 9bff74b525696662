/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* The list of domains: its order, replacing, removing, copies. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/inventory.h"

static void put(struct inventory *inventory, uint8_t last, int id, const char *path)
{
	struct inventory_domain domain = {
		.uuid.bytes[15] = last,
		.id = id,
		.name = strdup("name"),
		.labels = path ? strdup("a=b\n") : NULL,
		.channel_path = path ? strdup(path) : NULL,
	};

	assert_int_equal(inventory_put(inventory, &domain), 0);
	assert_null(domain.name);
}

static void test_order(void **state)
{
	static const uint8_t order[] = { 5, 1, 9, 3, 7, 1, 9, 5 };
	struct inventory *inventory = calloc(1, sizeof(*inventory));
	const struct inventory_domain *found;
	struct uuid uuid = { { 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(order); i++)
		put(inventory, order[i], (int)i, i & 1 ? "/path" : NULL);
	assert_int_equal(inventory->n_domains, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(inventory->domains[i].uuid.bytes[15], 1 + 2 * i);
	for (uint8_t last = 0; last <= 10; last++) {
		uuid.bytes[15] = last;
		found = inventory_find(inventory, &uuid);
		assert_int_equal(found != NULL, last & 1);
		if (found)
			assert_int_equal(found->uuid.bytes[15], last);
	}
	/* The last one put counts. */
	assert_int_equal(inventory->domains[0].id, 5);
	assert_string_equal(inventory->domains[0].channel_path, "/path");
	uuid.bytes[15] = 5;
	assert_true(inventory_remove(inventory, &uuid));
	assert_false(inventory_remove(inventory, &uuid));
	assert_null(inventory_find(inventory, &uuid));
	assert_int_equal(inventory->n_domains, 4);
	assert_int_equal(inventory->domains[2].uuid.bytes[15], 7);
	inventory_free(inventory);
}

static void test_copy(void **state)
{
	struct inventory *inventory = calloc(1, sizeof(*inventory)), *copy;

	(void)state;
	inventory->connected = true;
	put(inventory, 1, 1, NULL);
	put(inventory, 2, 2, "/path");
	assert_int_equal(inventory_copy(inventory, &copy), 0);
	assert_true(inventory_equal(inventory, copy));
	assert_ptr_not_equal(
		copy->domains[1].channel_path, inventory->domains[1].channel_path);
	inventory_free(copy);
	assert_int_equal(inventory_copy(inventory, &copy), 0);
	inventory_free(inventory);
	assert_string_equal(copy->domains[1].channel_path, "/path");
	inventory_free(copy);
	inventory_free(NULL);
}

static void test_equal(void **state)
{
	struct inventory *a = calloc(1, sizeof(*a)), *b;
	struct inventory_domain *domain;

	(void)state;
	put(a, 1, 1, "/path");
	assert_int_equal(inventory_copy(a, &b), 0);
	domain = &b->domains[0];
#define DIFFERS(field, value)                                                            \
	do {                                                                             \
		__typeof__(field) before_ = (field);                                     \
		(field) = (value);                                                       \
		assert_false(inventory_equal(a, b));                                     \
		(field) = before_;                                                       \
		assert_true(inventory_equal(a, b));                                      \
	} while (0)
	DIFFERS(b->connected, true);
	DIFFERS(b->n_domains, 0);
	DIFFERS(domain->uuid.bytes[0], 1);
	DIFFERS(domain->id, 2);
	DIFFERS(domain->labels[0], 'c');
	DIFFERS(domain->paused, true);
	DIFFERS(domain->n_vcpus, 2);
	DIFFERS(domain->max_vcpus, 2);
	DIFFERS(domain->vcpus_per_socket, 2);
	DIFFERS(domain->memory_kib, 2);
	DIFFERS(domain->name, a->domains[0].channel_path);
	DIFFERS(domain->channel_path, NULL);
	inventory_free(a);
	inventory_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
