/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Epochs, offsets and zones: what of the host's values the guest's counters are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "guest/mirror.h"
#include "shared/clock.h"

#define SECOND	 ((uint64_t)NSEC_PER_SEC)
#define RANGE_UJ UINT64_C(262143328850)

static const struct message_zone package_0 = { "package-0", RANGE_UJ, -1 };
static const struct message_zone package_1 = { "package-1", RANGE_UJ, -1 };
static const struct message_zone dram_0 = { "dram", RANGE_UJ, 0 };

/* A welcome of epoch n, period 1 s, stale after 10 s. */
static struct message_welcome make_welcome(
	unsigned int epoch, const struct message_zone *zones, size_t n_zones)
{
	struct message_welcome welcome = {
		.proto = 1,
		.epoch = { { (uint8_t)epoch } },
		.period_ms = 1000,
		.stale_after_ms = 10000,
		.n_zones = n_zones,
	};

	memcpy(welcome.zones, zones, n_zones * sizeof(zones[0]));
	return welcome;
}

static void welcome_two_from(struct mirror *mirror, unsigned int epoch, bool from_start)
{
	const struct message_zone zones[] = { package_0, dram_0 };
	struct message_welcome welcome = make_welcome(epoch, zones, 2);

	welcome.from_start = from_start;
	assert_int_equal(mirror_welcome(mirror, &welcome), 0);
}

static void welcome_two(struct mirror *mirror, unsigned int epoch)
{
	welcome_two_from(mirror, epoch, false);
}

/* The host's clock and the guest's agree, unless late_ns says otherwise. */
static int sample(struct mirror *mirror, uint64_t now_ns, uint64_t late_ns, uint64_t a,
	uint64_t b, uint64_t c)
{
	const struct message_sample message = {
		.seq = 1,
		.t_ns = now_ns + late_ns,
		.n_zones = 3,
		.uj = { a, b, c },
	};
	struct mirror_memory memory;
	int r;

	r = mirror_prepare(mirror, &message, now_ns, &memory);
	if (r == 0)
		mirror_commit(mirror, &memory);
	return r;
}

static void check_measured(const struct mirror *mirror, uint64_t a, uint64_t b)
{
	assert_true(mirror->memory.zones[0].measured_uj == a);
	assert_true(mirror->memory.zones[1].measured_uj == b);
}

static void test_fresh_guest(void **state)
{
	struct mirror mirror;
	uint64_t uj;

	(void)state;
	mirror_init(&mirror);
	assert_false(mirror_is_ready(&mirror));
	assert_int_equal(mirror_read(&mirror, 0, 0, &uj), -EIO);
	welcome_two(&mirror, 1);
	assert_false(mirror_is_ready(&mirror));
	assert_int_equal(mirror_read(&mirror, 0, 0, &uj), -EIO);
	assert_true(mirror_stale_at_ns(&mirror) == UINT64_MAX);
	assert_int_equal(sample(&mirror, SECOND, 0, 5000, 0, 0), 0);
	assert_true(mirror_is_ready(&mirror));
	assert_true(mirror_stale_at_ns(&mirror) == 11 * SECOND);
	/* A zone that starts at 0 is shown as 1: 0 reads as a broken counter. */
	check_measured(&mirror, 5000, 1);
	assert_int_equal(mirror_read(&mirror, 0, SECOND, &uj), 0);
	assert_true(uj == 5000);
	assert_int_equal(mirror_read(&mirror, 1, SECOND, &uj), 0);
	assert_true(uj == 1);
	assert_int_equal(mirror_read(&mirror, 2, SECOND, &uj), -EIO);
	assert_int_equal(sample(&mirror, 2 * SECOND, 0, 6000, 10, 0), 0);
	check_measured(&mirror, 6000, 11);
}

static void test_epochs(void **state)
{
	/* Rows: epoch, the host's values, the guest's measured ones, offsets. */
	static const struct {
		unsigned int epoch;
		uint64_t uj[2], measured[2], offset[2];
	} rows[] = {
		{ 1, { 100, 50 }, { 100, 50 }, { 0, 0 } },
		{ 1, { 170, 60 }, { 170, 60 }, { 0, 0 } },
		/* Another host: its first sample adds nothing, whatever it counted. */
		{ 2, { 3, 9000 }, { 170, 60 }, { 167, (uint64_t)-8940 } },
		{ 2, { 5, 9001 }, { 172, 61 }, { 167, (uint64_t)-8940 } },
		/* Back on the first one, where the domain has a new epoch. */
		{ 3, { 0, 0 }, { 172, 61 }, { 172, 61 } },
		{ 3, { 1, 0 }, { 173, 61 }, { 172, 61 } },
		/* An epoch seen before the last is as unknown as any other. */
		{ 1, { 180, 70 }, { 173, 61 }, { (uint64_t)-7, (uint64_t)-9 } },
		{ 4, { INT64_MAX, 0 }, { 173, 61 }, { (uint64_t)(173 - INT64_MAX), 61 } },
	};
	struct mirror mirror;
	unsigned int epoch = 0;

	(void)state;
	mirror_init(&mirror);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].epoch != epoch)
			welcome_two(&mirror, rows[i].epoch);
		epoch = rows[i].epoch;
		assert_int_equal(
			sample(&mirror, i * SECOND, 0, rows[i].uj[0], rows[i].uj[1], 0),
			0);
		check_measured(&mirror, rows[i].measured[0], rows[i].measured[1]);
		for (int zone = 0; zone < 2; zone++)
			assert_true(mirror.memory.zones[zone].offset_uj ==
				    rows[i].offset[zone]);
	}
}

/* All that another QEMU of the guest used, since it began, is the guest's. */
static void test_epochs_from_start(void **state)
{
	static const struct {
		unsigned int epoch;
		bool from_start;
		uint64_t uj[2], measured[2];
		int r;
	} rows[] = {
		/* Of a guest's first one, all is anyway. */
		{ 1, true, { 100, 50 }, { 100, 50 }, 0 },
		{ 1, true, { 170, 60 }, { 170, 60 }, 0 },
		{ 2, true, { 3, 0 }, { 173, 60 }, 0 },
		{ 2, true, { 5, 2 }, { 175, 62 }, 0 },
		/* Said once more, it is not added once more. */
		{ 0, true, { 5, 2 }, { 175, 62 }, 0 },
		{ 0, false, { 6, 3 }, { 176, 63 }, 0 },
		{ 3, false, { 9, 9 }, { 176, 63 }, 0 },
		{ 4, true, { INT64_MAX, 0 }, { INT64_MAX + UINT64_C(176), 63 }, 0 },
		/* It does not go round beyond 64 bits. */
		{ 5, true, { INT64_MAX, 1 }, { INT64_MAX + UINT64_C(176), 63 }, -ERANGE },
		{ 5, true, { 1, 1 }, { INT64_MAX + UINT64_C(177), 64 }, 0 },
	};
	struct mirror mirror;
	unsigned int epoch = 0;

	(void)state;
	mirror_init(&mirror);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* 0: a welcome to the same again. */
		if (rows[i].epoch == 0)
			welcome_two_from(&mirror, epoch, rows[i].from_start);
		else if (rows[i].epoch != epoch)
			welcome_two_from(&mirror, rows[i].epoch, rows[i].from_start);
		epoch = rows[i].epoch ? rows[i].epoch : epoch;
		assert_int_equal(
			sample(&mirror, i * SECOND, 0, rows[i].uj[0], rows[i].uj[1], 0),
			rows[i].r);
		check_measured(&mirror, rows[i].measured[0], rows[i].measured[1]);
	}
}

static void test_rejected(void **state)
{
	static const struct {
		uint64_t uj[2];
		int r;
	} cases[] = {
		{ { 999, 50 }, -ERANGE },
		{ { 1000, 49 }, -ERANGE },
		{ { 0, 50 }, -ERANGE },
		{ { 1000, 50 }, 0 },
		{ { 999, 50 }, -ERANGE },
	};
	struct mirror mirror;

	(void)state;
	mirror_init(&mirror);
	welcome_two(&mirror, 1);
	assert_int_equal(sample(&mirror, 0, 0, 7, 7, 0), 0);
	/* Offset 7 - 1000 is negative: a lower value must not pass as a huge one. */
	welcome_two(&mirror, 2);
	assert_int_equal(sample(&mirror, 0, 0, 1000, 50, 0), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			sample(&mirror, SECOND, 0, cases[i].uj[0], cases[i].uj[1], 0),
			cases[i].r);
		check_measured(&mirror, 7, 7);
	}
	/* Nor may a value go round beyond 64 bits. */
	welcome_two(&mirror, 3);
	assert_int_equal(sample(&mirror, 2 * SECOND, 0, 0, 0, 0), 0);
	assert_int_equal(sample(&mirror, 3 * SECOND, 0, INT64_MAX, 0, 0), 0);
	check_measured(&mirror, (uint64_t)INT64_MAX + 7, 7);
	welcome_two(&mirror, 4);
	assert_int_equal(sample(&mirror, 4 * SECOND, 0, 0, 0, 0), 0);
	assert_int_equal(sample(&mirror, 5 * SECOND, 0, INT64_MAX, 0, 0), -ERANGE);
	assert_int_equal(sample(&mirror, 5 * SECOND, 0, INT64_MAX - 6, 0, 0), 0);
	check_measured(&mirror, UINT64_MAX, 7);
}

/* A host that slips once does not stop the counter for good. */
static void test_too_large(void **state)
{
	const uint64_t too_large = (uint64_t)INT64_MAX + 1;
	struct mirror mirror;

	(void)state;
	mirror_init(&mirror);
	welcome_two(&mirror, 1);
	assert_int_equal(sample(&mirror, 0, 0, UINT64_MAX, 5, 0), -ERANGE);
	assert_int_equal(sample(&mirror, 0, 0, 5, too_large, 0), -ERANGE);
	assert_false(mirror_is_ready(&mirror));
	assert_int_equal(sample(&mirror, 0, 0, 5, 5, 0), 0);
	assert_int_equal(sample(&mirror, SECOND, 0, too_large, 5, 0), -ERANGE);
	assert_int_equal(sample(&mirror, SECOND, 0, 6, 5, 0), 0);
	welcome_two(&mirror, 2);
	assert_int_equal(sample(&mirror, 2 * SECOND, 0, UINT64_MAX, 5, 0), -ERANGE);
	assert_int_equal(sample(&mirror, 2 * SECOND, 0, 100, 5, 0), 0);
	assert_int_equal(sample(&mirror, 3 * SECOND, 0, 101, 5, 0), 0);
	check_measured(&mirror, 7, 5);
}

static void test_zone_set(void **state)
{
	const struct message_zone first[] = { package_0, dram_0 };
	const struct message_zone moved[] = { package_0, package_1,
		{ "dram", RANGE_UJ, 1 } };
	const struct message_zone other_order[] = { package_0, package_1, dram_0 };
	const struct message_welcome of_first = make_welcome(1, first, 2);
	const struct message_welcome without = make_welcome(2, moved, 3);
	const struct message_welcome again = make_welcome(2, other_order, 3);
	struct mirror mirror;
	uint64_t uj;

	(void)state;
	mirror_init(&mirror);
	assert_int_equal(mirror_welcome(&mirror, &of_first), 0);
	assert_int_equal(sample(&mirror, 0, 0, 100, 50, 0), 0);
	/* This dram is package-1's. Ours is gone, and what is new is ignored. */
	assert_int_equal(mirror_welcome(&mirror, &without), 0);
	assert_int_equal(sample(&mirror, SECOND, 0, 10, 20, 30), 0);
	assert_int_equal(mirror_model(&mirror)->n_zones, 2);
	check_measured(&mirror, 100, 50);
	assert_int_equal(mirror_read(&mirror, 0, SECOND, &uj), 0);
	assert_int_equal(mirror_read(&mirror, 1, SECOND, &uj), -EIO);
	assert_int_equal(sample(&mirror, 2 * SECOND, 0, 11, 20, 30), 0);
	check_measured(&mirror, 101, 50);
	/* It is back, in an epoch that it has no offset of yet. */
	assert_int_equal(mirror_welcome(&mirror, &again), 0);
	assert_int_equal(mirror_read(&mirror, 1, 2 * SECOND, &uj), -EIO);
	assert_int_equal(sample(&mirror, 3 * SECOND, 0, 12, 20, 4000), 0);
	check_measured(&mirror, 102, 50);
	assert_int_equal(mirror_read(&mirror, 1, 3 * SECOND, &uj), 0);
	assert_true(uj == 50);
	assert_int_equal(sample(&mirror, 4 * SECOND, 0, 12, 20, 4001), 0);
	check_measured(&mirror, 102, 51);
}

/* What flowed while a zone was away is there at once; the other is on its way. */
static void test_zone_returns(void **state)
{
	const struct message_zone both[] = { package_0, dram_0 };
	const struct message_zone one[] = { package_0 };
	const struct message_welcome with = make_welcome(1, both, 2);
	const struct message_welcome without = make_welcome(1, one, 1);
	struct mirror mirror;
	uint64_t uj;

	(void)state;
	mirror_init(&mirror);
	assert_int_equal(mirror_welcome(&mirror, &with), 0);
	assert_int_equal(sample(&mirror, 0, 0, 1000000, 1000000, 0), 0);
	assert_int_equal(mirror_welcome(&mirror, &without), 0);
	assert_int_equal(sample(&mirror, SECOND, 0, 1000000, 0, 0), 0);
	assert_int_equal(mirror_welcome(&mirror, &with), 0);
	/* Not before it has been measured again. */
	assert_int_equal(mirror_read(&mirror, 1, 2 * SECOND, &uj), -EIO);
	assert_int_equal(sample(&mirror, 2 * SECOND, 0, 2000000, 9000000, 0), 0);
	assert_int_equal(mirror_shown(&mirror, 1, 2 * SECOND, &uj), 0);
	assert_true(uj == 9000000);
	assert_int_equal(mirror_shown(&mirror, 0, 2 * SECOND, &uj), 0);
	assert_true(uj == 1000000);
}

static void test_range_is_fixed(void **state)
{
	const struct message_zone wide[] = { package_0 };
	const struct message_zone narrow[] = { { "package-0", 1 << 20, -1 } };
	const struct message_welcome first = make_welcome(1, wide, 1);
	const struct message_welcome second = make_welcome(2, narrow, 1);
	struct mirror mirror;
	uint64_t uj;

	(void)state;
	mirror_init(&mirror);
	assert_int_equal(mirror_welcome(&mirror, &first), 0);
	assert_int_equal(sample(&mirror, 0, 0, RANGE_UJ + 5, 0, 0), 0);
	assert_int_equal(mirror_welcome(&mirror, &second), 0);
	assert_true(mirror_model(&mirror)->zones[0].max_energy_range_uj == RANGE_UJ);
	assert_int_equal(sample(&mirror, SECOND, 0, 0, 0, 0), 0);
	assert_int_equal(mirror_shown(&mirror, 0, SECOND, &uj), 0);
	assert_true(uj == RANGE_UJ + 5);
	assert_int_equal(mirror_read(&mirror, 0, SECOND, &uj), 0);
	assert_true(uj < RANGE_UJ);
}

static void test_refused_welcome(void **state)
{
	const struct message_zone orphan[] = { { "dram", RANGE_UJ, -1 } };
	const struct message_welcome welcome = make_welcome(1, orphan, 1);
	struct mirror mirror;

	(void)state;
	mirror_init(&mirror);
	assert_int_equal(mirror_welcome(&mirror, &welcome), -EINVAL);
	assert_int_equal(mirror.memory.n_zones, 0);
	welcome_two(&mirror, 1);
}

static void test_restore(void **state)
{
	struct mirror before, after;
	struct mirror_memory bad;
	uint64_t uj;

	(void)state;
	mirror_init(&before);
	welcome_two(&before, 1);
	assert_int_equal(sample(&before, 0, 0, 100, 50, 0), 0);
	welcome_two(&before, 2);
	assert_int_equal(sample(&before, 0, 0, 10, 5, 0), 0);
	/* The same epoch goes on from its offset, and on the same line. */
	assert_int_equal(mirror_restore(&after, &before.memory, 0), 0);
	assert_false(mirror_is_ready(&after));
	assert_int_equal(mirror_read(&after, 0, 0, &uj), -EIO);
	welcome_two(&after, 2);
	assert_int_equal(sample(&after, 0, 0, 30, 6, 0), 0);
	check_measured(&after, 120, 51);
	assert_int_equal(mirror_read(&after, 0, 0, &uj), 0);
	assert_true(uj == 100);
	assert_int_equal(mirror_read(&after, 0, SECOND, &uj), 0);
	assert_true(uj == 120);
	/* Another one does not. */
	assert_int_equal(mirror_restore(&after, &before.memory, 0), 0);
	welcome_two(&after, 3);
	assert_int_equal(sample(&after, 0, 0, 30, 6, 0), 0);
	check_measured(&after, 100, 50);

	bad = before.memory;
	bad.zones[1].measured_uj++;
	assert_int_equal(mirror_restore(&after, &bad, 0), -EINVAL);
	bad = before.memory;
	bad.plan.period_ns = 1;
	assert_int_equal(mirror_restore(&after, &bad, 0), -EINVAL);
	bad = before.memory;
	bad.n_zones = 0;
	assert_int_equal(mirror_restore(&after, &bad, 0), -EINVAL);
	bad.n_zones = POWERCAP_ZONES_MAX + 1;
	assert_int_equal(mirror_restore(&after, &bad, 0), -EINVAL);
	bad = before.memory;
	memset(bad.zones[1].name, 'x', sizeof(bad.zones[1].name));
	assert_int_equal(mirror_restore(&after, &bad, 0), -EINVAL);
	bad = before.memory;
	bad.zones[1].parent = 7;
	assert_int_equal(mirror_restore(&after, &bad, 0), -EINVAL);
}

/* What a next process shows with its first sample, 2 J measured: on the way or there. */
static void test_restart(void **state)
{
	static const struct {
		uint64_t restored_ns, sampled_ns, late_ns;
		uint64_t shown_uj;
	} cases[] = {
		{ 11 * SECOND, 12 * SECOND, 0, 1500000 },
		{ 20 * SECOND, 21 * SECOND - 1, 0, 1999046 },
		/* Stale meanwhile. */
		{ 20 * SECOND, 21 * SECOND, 0, 2000000 },
		/* Paused meanwhile. */
		{ 11 * SECOND, 12 * SECOND, 2 * SECOND + 1, 2000000 },
		/* Of a clock that this process has not. */
		{ 11 * SECOND - 1, 12 * SECOND, 0, 2000000 },
	};
	struct mirror before;

	(void)state;
	mirror_init(&before);
	welcome_two(&before, 1);
	assert_int_equal(sample(&before, 10 * SECOND, 0, 1000000, 1, 0), 0);
	assert_int_equal(sample(&before, 11 * SECOND, 0, 2000000, 1, 0), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mirror after;
		uint64_t uj;

		assert_int_equal(
			mirror_restore(&after, &before.memory, cases[i].restored_ns), 0);
		welcome_two(&after, 1);
		assert_int_equal(sample(&after, cases[i].sampled_ns, cases[i].late_ns,
					 2000000, 1, 0),
			0);
		assert_int_equal(mirror_shown(&after, 0, cases[i].sampled_ns, &uj), 0);
		if (uj != cases[i].shown_uj)
			fail_msg("case %zu: %llu", i, (unsigned long long)uj);
	}
}

/* What is shown after 1 s more: on the way, or there. */
static void test_jumps(void **state)
{
	static const struct {
		uint64_t late_ns;
		unsigned int epoch;
		uint64_t uj, shown;
	} cases[] = {
		/* A straight line over two periods. */
		{ 0, 1, 2000000, 1000000 },
		{ 2 * SECOND, 1, 2000000, 1000000 },
		/* The host's clock went on while the guest's did not: it was paused. */
		{ 2 * SECOND + 1, 1, 2000000, 2000000 },
		{ 600 * SECOND, 1, 2000000, 2000000 },
		/* A host's clock that goes back tells nothing. */
		{ (uint64_t)-SECOND, 1, 2000000, 1000000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mirror mirror;
		uint64_t uj;

		mirror_init(&mirror);
		welcome_two(&mirror, 1);
		assert_int_equal(sample(&mirror, 10 * SECOND, 0, 1000000, 1, 0), 0);
		assert_int_equal(
			sample(&mirror, 11 * SECOND, cases[i].late_ns, cases[i].uj, 1, 0),
			0);
		assert_int_equal(mirror_shown(&mirror, 0, 11 * SECOND, &uj), 0);
		assert_true(uj == cases[i].shown);
	}
}

/* A sample that was late, and the next one that is not, are no pause. */
static void test_late(void **state)
{
	struct mirror mirror;
	uint64_t uj;

	(void)state;
	mirror_init(&mirror);
	welcome_two(&mirror, 1);
	assert_int_equal(sample(&mirror, 10 * SECOND, 0, 1000000, 1, 0), 0);
	assert_int_equal(sample(&mirror, 15 * SECOND, -(5 * SECOND), 1000000, 1, 0), 0);
	assert_int_equal(sample(&mirror, 15 * SECOND, 0, 2000000, 1, 0), 0);
	assert_int_equal(mirror_shown(&mirror, 0, 15 * SECOND, &uj), 0);
	assert_true(uj == 1000000);
	/* Nor do clocks that drift hide one. */
	for (uint64_t i = 16; i < 40000; i++)
		assert_int_equal(
			sample(&mirror, i * SECOND, -(i * SECOND / 2000), 2000000, 1, 0),
			0);
	assert_int_equal(
		sample(&mirror, 40000 * SECOND, -(17 * SECOND), 3000000, 1, 0), 0);
	assert_int_equal(mirror_shown(&mirror, 0, 40000 * SECOND, &uj), 0);
	assert_true(uj == 3000000);
}

/* The host is away for an hour: no values, and then all of the hour at once. */
static void test_absent_host(void **state)
{
	const uint64_t hour_ns = 3600 * SECOND, joule_uj = 1000000;
	struct mirror mirror;
	uint64_t uj;

	(void)state;
	mirror_init(&mirror);
	welcome_two(&mirror, 1);
	assert_int_equal(sample(&mirror, 0, 0, 5 * joule_uj, 1, 0), 0);
	assert_int_equal(sample(&mirror, SECOND, 0, 10 * joule_uj, 1, 0), 0);
	for (uint64_t s = 1; s <= 3600; s++) {
		int r = mirror_shown(&mirror, 0, s * SECOND, &uj);

		assert_int_equal(r, s < 11 ? 0 : -EIO);
		assert_true(r < 0 || uj <= 10 * joule_uj);
	}
	welcome_two(&mirror, 1);
	assert_int_equal(mirror_shown(&mirror, 0, hour_ns, &uj), -EIO);
	assert_int_equal(sample(&mirror, hour_ns, 0, 72010 * joule_uj, 1, 0), 0);
	assert_int_equal(mirror_shown(&mirror, 0, hour_ns, &uj), 0);
	assert_true(uj == 72010 * joule_uj);
}

/*
 * A snapshot's memory, and a host that goes on as if nothing had been: what it says
 * can be of an epoch that the agent does not know yet.
 */
static void test_doubts(void **state)
{
	static const struct {
		uint64_t late_ns;
		bool doubts;
	} cases[] = {
		{ 0, false },
		{ 2 * SECOND, false },
		{ 2 * SECOND + 1, true },
		{ 3600 * SECOND, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message_sample message = { .seq = 2, .n_zones = 2 };
		struct mirror mirror;

		mirror_init(&mirror);
		welcome_two(&mirror, 1);
		message.t_ns = 5 * SECOND;
		assert_false(mirror_doubts(&mirror, &message, 0));
		assert_int_equal(sample(&mirror, 10 * SECOND, 0, 1, 1, 0), 0);
		message.t_ns = 11 * SECOND + cases[i].late_ns;
		assert_int_equal(
			mirror_doubts(&mirror, &message, 11 * SECOND), cases[i].doubts);
		/* It has asked: the answer is what counts. */
		welcome_two(&mirror, 2);
		assert_false(mirror_doubts(&mirror, &message, 11 * SECOND));
	}
}

static void test_new_epoch_is_exact(void **state)
{
	struct mirror mirror;
	uint64_t uj;

	(void)state;
	mirror_init(&mirror);
	welcome_two(&mirror, 1);
	assert_int_equal(sample(&mirror, 0, 0, 1000000, 1, 0), 0);
	assert_int_equal(sample(&mirror, SECOND, 0, 2000000, 1, 0), 0);
	assert_int_equal(mirror_shown(&mirror, 0, SECOND, &uj), 0);
	assert_true(uj == 1000000);
	welcome_two(&mirror, 2);
	assert_int_equal(sample(&mirror, SECOND, 0, 5, 1, 0), 0);
	assert_int_equal(mirror_shown(&mirror, 0, SECOND, &uj), 0);
	assert_true(uj == 2000000);
	assert_int_equal(mirror_shown(&mirror, 0, 11 * SECOND, &uj), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fresh_guest),
		cmocka_unit_test(test_epochs),
		cmocka_unit_test(test_epochs_from_start),
		cmocka_unit_test(test_rejected),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_zone_set),
		cmocka_unit_test(test_zone_returns),
		cmocka_unit_test(test_range_is_fixed),
		cmocka_unit_test(test_refused_welcome),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_absent_host),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_new_epoch_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
