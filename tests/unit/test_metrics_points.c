/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Samples as points: their labels, and values that come back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "host/metrics_points.h"
#include "tests/unit/random.h"

static const struct metrics_family gauge = { "g", METRICS_GAUGE, NULL, "Help." };

struct taken {
	size_t n;
	char text[65536]; /* of the last */
};

static void take(void *data, const struct metrics_point *point)
{
	struct taken *taken = data;
	size_t used = (size_t)snprintf(
		taken->text, sizeof(taken->text), "%s", point->family->name);

	for (size_t i = 0; i < point->n_labels; i++)
		used += (size_t)snprintf(taken->text + used, sizeof(taken->text) - used,
			"|%s=%s", point->labels[i].name, point->labels[i].value);
	snprintf(taken->text + used, sizeof(taken->text) - used, " %llu/%d",
		(unsigned long long)point->number, (int)point->scale);
	taken->n++;
}

static void test_labels(void **state)
{
	struct metrics_points points;
	static struct taken taken;

	(void)state;
	metrics_points_init(&points, "b=common\nhost=hv1\n", take, &taken);
	metrics_sample(&points.sink, &gauge);
	metrics_label(&points.sink, "zone", "z\xff");
	metrics_label(&points.sink, "a", "");
	metrics_label(&points.sink, "b", "own");
	metrics_value_uj(&points.sink, 7);
	assert_string_equal(taken.text, "g|a=|b=own|host=hv1|zone=z\xef\xbf\xbd 7/1");
	metrics_sample(&points.sink, &gauge);
	metrics_value_ns(&points.sink, 8);
	assert_string_equal(taken.text, "g|b=common|host=hv1 8/2");
	assert_int_equal(taken.n, 2);
	/* As many as a domain may have, and more; long ones. */
	metrics_sample(&points.sink, &gauge);
	for (unsigned int i = 0; i < 300; i++) {
		char name[16], value[128];

		snprintf(name, sizeof(name), "l%03u", 299 - i);
		memset(value, 'x', sizeof(value) - 1);
		value[sizeof(value) - 1] = '\0';
		metrics_label(&points.sink, name, value);
	}
	metrics_value_u64(&points.sink, 9);
	assert_memory_equal(taken.text, "g|b=common|host=hv1|l000=xxx", 28);
	assert_non_null(strstr(taken.text, "|l001=xxx"));
	assert_non_null(strstr(taken.text, "x 9/0"));
	assert_int_equal(metrics_points_end(&points), 0);
}

static uint64_t back_uj(uint64_t uj)
{
	struct metrics_point point = { .number = uj, .scale = METRICS_MILLIONTHS };

	return (uint64_t)llround(metrics_point_value(&point) * 1e6);
}

static void test_every_microjoule(void **state)
{
	const uint64_t limit_uj = (UINT64_C(1) << 32) * 1000000;
	struct random_state random = { .state = 1 };

	(void)state;
	for (unsigned int i = 0; i < 200000; i++) {
		uint64_t uj = random_u64(&random) % (limit_uj >> (i % 40));

		assert_int_equal(back_uj(uj), uj);
		assert_int_equal(back_uj(limit_uj - 1 - i), limit_uj - 1 - i);
	}
}

/* Text and points are of the same values. */
static void compare(void *data, const struct metrics_point *point)
{
	const char **expected = data;
	char *end;

	assert_true(strtod(*expected, &end) == metrics_point_value(point));
	*expected = strchr(end, '\0') + 1;
}

static void test_values(void **state)
{
	static const char numbers[] = "12.000034\0005\0001.000000007\00093.697\0"
				      "1790000000.000000001\0004096";
	const char *expected = numbers;
	struct metrics_points points;

	(void)state;
	metrics_points_init(&points, "", compare, &expected);
	metrics_sample(&points.sink, &gauge);
	metrics_value_uj(&points.sink, 12000034);
	metrics_sample(&points.sink, &gauge);
	metrics_value_uj(&points.sink, 5000000);
	metrics_sample(&points.sink, &gauge);
	metrics_value_ns(&points.sink, 1000000007);
	metrics_sample(&points.sink, &gauge);
	metrics_value_watts(&points.sink, 93.6973);
	metrics_sample(&points.sink, &gauge);
	metrics_value_ns(&points.sink, UINT64_C(1790000000000000001));
	metrics_sample(&points.sink, &gauge);
	metrics_value_u64(&points.sink, 4096);
	assert_ptr_equal(expected, numbers + sizeof(numbers));
	assert_int_equal(metrics_points_end(&points), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_every_microjoule),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
