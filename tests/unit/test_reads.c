/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Ten million reads of package and dram at random instants, while the host stalls,
 * the guest is paused or moves to another host, and the agent is killed: what holds
 * of every one of them. The truth is a made-up host's, added up in picojoule; the
 * clocks are made up too, and a seed means the same course everywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "guest/mirror.h"
#include "shared/clock.h"
#include "tests/unit/random.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#endif

/* COURSES with a seed each; ten million reads, or a tenth where they are slow. */
#define COURSES 200
#ifdef SANITIZED
#define READS 5000
#else
#define READS 50000
#endif

#define ZONES  2
#define MS     ((uint64_t)NSEC_PER_MSEC)
#define SECOND ((uint64_t)NSEC_PER_SEC)
#define PJ_UJ  1000000u
#define NEVER  UINT64_MAX
/* The line is rounded to a microjoule, and 0 is shown as one less. */
#define ROUND_UJ 2

static const uint64_t most_uw[ZONES] = { 400000000, 60000000 };

struct zone {
	/* The host's. */
	uint64_t power_uw, peak_uw;
	unsigned __int128 energy_pj;
	/* What the guest's counter is to be, and how: base and what was added to it. */
	uint64_t range_uj, base_uj, first_uj, measured_uj;
	/* What was not shown yet when the last sample came. */
	uint64_t lag_uj;
	/* What was last read, without the wraps, and of which instant. */
	uint64_t seen_uj, seen_ns;
	/* It had shown all there was in between, so it may have stood still. */
	bool rested;
	/* A jump that was not read yet, and where it went. */
	bool jumped;
	uint64_t jump_uj;
};

struct course {
	uint64_t seed;
	struct random_state random;
	struct message_welcome welcome;
	struct mirror mirror;
	struct mirror_memory stored;
	/* The two clocks, and by the host's what is due next. */
	uint64_t host_ns, guest_ns;
	uint64_t tick_ns, deliver_ns, read_ns;
	/* Until then the agent does nothing, or the whole guest. */
	uint64_t blocked_ns, frozen_ns;
	/* The agent dies with the next sample stored and not shown. */
	bool doomed;
	/* Under way, and the newest behind it. */
	struct message_sample sample, newer;
	bool has_newer;
	/* Of the last sample that was taken. */
	struct uuid epoch;
	uint64_t sampled_ns;
	bool sampled;
	/* It was taken by this process, so there is a tree. */
	bool served;
	/* The guest stood still since what that one says. */
	uint64_t paused_ns;
	/* And the last one did not say a part of it. */
	bool all_paused;
	uint64_t jump_ns;
	/* The pass of the reader, and whether there was a jump since it began. */
	uint64_t pass_ns;
	uint32_t unread;
	bool outdated;
	struct zone zones[ZONES];
};

/* That it all happened. */
static struct {
	uint64_t reads, stale, wraps, jumps, stalls, pauses, restarts, epochs, flowing;
} totals;

#define check(course, what)                                                              \
	do {                                                                             \
		if (!(what))                                                             \
			fail_msg("seed %llu at %llu ns: not %s",                         \
				(unsigned long long)(course)->seed,                      \
				(unsigned long long)(course)->guest_ns, #what);          \
	} while (0)

/* 1 to most; one magnitude is as likely as another. */
static uint64_t draw_spread(struct course *course, uint64_t most)
{
	unsigned int bits = 64 - (unsigned int)__builtin_clzll(most);
	uint64_t value = UINT64_C(1) << random_below(&course->random, bits);

	value += random_below(&course->random, value);
	return value < most ? value : most;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t period_ns(const struct course *course)
{
	return course->welcome.period_ms * MS;
}

static uint64_t stale_ns(const struct course *course)
{
	return course->welcome.stale_after_ms * MS;
}

static void draw_power(struct course *course)
{
	for (unsigned int i = 0; i < ZONES; i++) {
		struct zone *zone = &course->zones[i];

		if (random_one_in(&course->random, 8))
			zone->power_uw = 0;
		else if (random_one_in(&course->random, 2))
			zone->power_uw = draw_spread(course, most_uw[i]);
		if (zone->power_uw > zone->peak_uw)
			zone->peak_uw = zone->power_uw;
	}
}

/* To an instant by the host's clock; a frozen guest has none of it. */
static void pass_time(struct course *course, uint64_t until_ns)
{
	uint64_t elapsed_ns = until_ns - course->host_ns, frozen_ns = 0;

	for (unsigned int i = 0; i < ZONES; i++)
		course->zones[i].energy_pj +=
			(unsigned __int128)course->zones[i].power_uw * elapsed_ns / 1000;
	if (course->frozen_ns > course->host_ns)
		frozen_ns = course->frozen_ns - course->host_ns;
	if (frozen_ns > elapsed_ns)
		frozen_ns = elapsed_ns;
	course->host_ns = until_ns;
	course->paused_ns += frozen_ns;
	course->guest_ns += elapsed_ns - frozen_ns;
}

/* A new stream: what was under way is gone. */
static void greet(struct course *course)
{
	check(course, mirror_welcome(&course->mirror, &course->welcome) == 0);
	course->deliver_ns = NEVER;
	course->has_newer = false;
}

/* Another host, or the same one anew: its counters and its clock are its own. */
static void begin_epoch(struct course *course)
{
	uint64_t number = random_u64(&course->random);

	memcpy(course->welcome.epoch.bytes, &number, sizeof(number));
	course->host_ns = random_below(&course->random, 1000000 * SECOND);
	course->tick_ns = course->host_ns + draw_spread(course, 2 * period_ns(course));
	course->read_ns = course->host_ns;
	course->frozen_ns = course->host_ns + draw_spread(course, 2 * period_ns(course));
	course->blocked_ns = 0;
	for (unsigned int i = 0; i < ZONES; i++)
		course->zones[i].energy_pj = (unsigned __int128)draw_spread(
						     course, UINT64_MAX / 4) *
					     PJ_UJ;
	greet(course);
	totals.epochs++;
}

/* The agent is killed; what is left of it is what it stored. */
static void restart(struct course *course)
{
	if (course->sampled)
		check(course, mirror_restore(&course->mirror, &course->stored,
				      course->guest_ns) == 0);
	else
		mirror_init(&course->mirror);
	greet(course);
	course->doomed = false;
	course->served = false;
	course->unread = 0;
	for (unsigned int i = 0; i < ZONES; i++)
		course->zones[i].rested = true;
	course->blocked_ns = course->host_ns + draw_spread(course, stale_ns(course));
	totals.restarts++;
}

static void draw_misfortune(struct course *course)
{
	uint64_t long_ns = draw_spread(course, 2 * stale_ns(course));

	switch (random_below(&course->random, 200)) {
	case 0 ... 2: /* hostd is away */
		course->tick_ns += long_ns;
		totals.stalls++;
		break;
	case 3 ... 4: /* the channel is slow */
		if (course->deliver_ns != NEVER)
			course->deliver_ns += long_ns;
		totals.stalls++;
		break;
	case 5 ... 6: /* the agent gets no CPU */
		course->blocked_ns = course->host_ns + long_ns;
		totals.stalls++;
		break;
	case 7 ... 8:
		course->frozen_ns = max_u64(course->frozen_ns, course->host_ns + long_ns);
		totals.pauses++;
		break;
	case 9:
		restart(course);
		break;
	case 10:
		course->doomed = true;
		break;
	case 11:
		begin_epoch(course);
		break;
	case 12:
		greet(course);
		break;
	}
}

/* The host measures. One sample is under way; behind it the newest waits. */
static void tick(struct course *course)
{
	bool is_free = course->deliver_ns == NEVER;
	struct message_sample *sample = is_free ? &course->sample : &course->newer;

	sample->t_ns = course->host_ns;
	for (unsigned int i = 0; i < ZONES; i++)
		sample->uj[i] = (uint64_t)(course->zones[i].energy_pj / PJ_UJ);
	course->has_newer = !is_free;
	if (is_free)
		course->deliver_ns = course->host_ns +
				     draw_spread(course, period_ns(course) / 8);
	course->tick_ns += period_ns(course);
	draw_power(course);
	draw_misfortune(course);
}

/* What the guest's counter is to be with this sample. */
static void measure(struct course *course, struct zone *zone, uint64_t uj, bool new_epoch)
{
	if (!course->sampled) {
		zone->base_uj = 0;
		zone->first_uj = uj == 0;
	} else if (new_epoch) {
		zone->base_uj = uj;
		zone->first_uj = zone->measured_uj;
	}
	zone->measured_uj = zone->first_uj + uj - zone->base_uj;
}

/* Whether the sample may jump, for what the guest did not see; *ret_exact: it must. */
static bool may_jump(struct course *course, bool new_epoch, bool *ret_exact)
{
	uint64_t paused_ns = course->paused_ns, t_ns = course->sample.t_ns;
	bool late = course->host_ns - t_ns > period_ns(course) / 2;

	*ret_exact = !course->sampled || new_epoch ||
		     course->guest_ns - course->sampled_ns >= stale_ns(course);
	/* One that was under way in the pause says less of it, and so does a late one. */
	if (t_ns >= course->frozen_ns && !late) {
		course->paused_ns = 0;
		*ret_exact |= course->all_paused && paused_ns > 3 * period_ns(course);
	}
	course->all_paused = course->paused_ns == 0;
	return *ret_exact || paused_ns > 0;
}

/* A sample was taken: what is shown now follows from it. */
static void check_sample(struct course *course, struct zone *zone, unsigned int i,
	const struct mirror_memory *memory, bool jump, bool exact)
{
	struct virtual_counters counters = course->mirror.counters;
	uint64_t shown_uj = 0;

	virtual_counters_resume(&counters, &memory->plan);
	check(course, memory->zones[i].measured_uj == zone->measured_uj);
	check(course,
		virtual_counters_shown(&counters, i, course->guest_ns, &shown_uj) == 0);
	check(course, shown_uj <= zone->measured_uj);
	check(course, !exact || shown_uj == zone->measured_uj);
	zone->lag_uj = zone->measured_uj - shown_uj;
	if (jump) {
		zone->jumped = true;
		zone->jump_uj = shown_uj;
	}
}

static void take_sample(struct course *course)
{
	bool new_epoch = uuid_compare(&course->epoch, &course->welcome.epoch) != 0;
	bool exact, jump = may_jump(course, new_epoch, &exact);
	struct mirror_memory memory;

	check(course, mirror_prepare(&course->mirror, &course->sample, course->guest_ns,
			      &memory) == 0);
	for (unsigned int i = 0; i < ZONES; i++) {
		struct zone *zone = &course->zones[i];
		uint64_t shown_uj;

		/* With nothing left to show it has stood still until now. */
		if (course->served && mirror_shown(&course->mirror, i, course->guest_ns,
					      &shown_uj) == 0)
			zone->rested |= shown_uj == zone->measured_uj;
		measure(course, zone, course->sample.uj[i], new_epoch);
		check_sample(course, zone, i, &memory, jump, exact);
	}
	course->stored = memory;
	/* A pass does not outlive its values. */
	if (course->guest_ns - course->sampled_ns >= stale_ns(course))
		course->unread = 0;
	course->sampled = true;
	course->sampled_ns = course->guest_ns;
	course->epoch = course->welcome.epoch;
	if (jump) {
		course->jump_ns = course->guest_ns;
		course->outdated = true;
		totals.jumps++;
	}
}

static void deliver(struct course *course)
{
	take_sample(course);
	course->sample = course->newer;
	course->deliver_ns = course->has_newer ? course->host_ns + 2 * MS : NEVER;
	course->has_newer = false;
	if (course->doomed) {
		restart(course);
		return;
	}
	mirror_commit(&course->mirror, &course->stored);
	course->served = true;
}

/* The instant a zone is read as of: that of the first one of the pass. */
static uint64_t pass_instant(struct course *course, unsigned int i)
{
	uint64_t age_ns = course->guest_ns - course->pass_ns;
	bool all = !(course->unread & 1u << i) || age_ns > 10 * VIRTUAL_PASS_NS;

	if (all || age_ns > VIRTUAL_PASS_NS) {
		course->pass_ns = course->guest_ns;
		course->outdated = false;
	}
	if (all)
		course->unread = VIRTUAL_ALL_ZONES;
	course->unread &= ~(1u << i);
	return course->pass_ns;
}

/* From what was seen to what is read now: neither too much nor too little. */
static void check_moves(
	struct course *course, const struct zone *zone, uint64_t uj, uint64_t at_ns)
{
	uint64_t elapsed_ns = at_ns - zone->seen_ns, moved_uj = uj - zone->seen_uj;
	uint64_t peak_uw = zone->peak_uw > 1000 ? zone->peak_uw : 1000;
	double most_uj, slack_uw = 2 + 1e9 / (double)course->welcome.period_ms / 1000;

	most_uj = ((double)peak_uw + slack_uw) * (double)elapsed_ns / 1e9;
	check(course, (double)moved_uj <= most_uj + ROUND_UJ);
	if (!zone->rested && uj + ROUND_UJ < zone->measured_uj)
		check(course, moved_uj + ROUND_UJ >= elapsed_ns / MS);
	/* There was enough for it to last. */
	if (zone->lag_uj >= 2 * course->welcome.stale_after_ms) {
		check(course, uj < zone->measured_uj);
		totals.flowing++;
	}
}

static void check_read(struct course *course, unsigned int i, uint64_t read_uj)
{
	struct zone *zone = &course->zones[i];
	uint64_t at_ns = pass_instant(course, i), uj;

	check(course, read_uj > 0 && read_uj < zone->range_uj);
	/* Of before a jump: what is read next is held against what was read last. */
	if (zone->jumped && course->outdated)
		return;
	if (zone->jumped) {
		/* 0 is shown as one less. */
		zone->jump_uj -= zone->jump_uj % zone->range_uj == 0;
		check(course, zone->jump_uj >= zone->seen_uj);
		zone->seen_uj = zone->jump_uj;
		zone->seen_ns = course->jump_ns;
		zone->jumped = false;
		zone->rested = true;
	}
	uj = zone->seen_uj % zone->range_uj;
	totals.wraps += read_uj < uj;
	uj = zone->seen_uj + (read_uj + zone->range_uj - uj) % zone->range_uj;
	check(course, uj <= zone->measured_uj);
	check_moves(course, zone, uj, at_ns);
	zone->seen_uj = uj;
	zone->seen_ns = at_ns;
	/* Of an instant before that sample: what was seen of it then still holds. */
	zone->rested = zone->rested && at_ns <= course->sampled_ns;
}

static void read_zone(struct course *course)
{
	bool fresh = course->guest_ns - course->sampled_ns < stale_ns(course);
	unsigned int i = (unsigned int)random_below(&course->random, ZONES);
	uint64_t uj = 0;
	int r = mirror_read(&course->mirror, i, course->guest_ns, &uj);

	course->read_ns = course->host_ns + draw_spread(course, 2 * period_ns(course));
	totals.reads++;
	totals.stale += course->served && !fresh;
	check(course, r == (course->served && fresh ? 0 : -EIO));
	if (r == 0)
		check_read(course, i, uj);
}

static void step(struct course *course)
{
	uint64_t deliver_ns = course->deliver_ns, read_ns = course->read_ns;
	uint64_t idle_ns = max_u64(course->blocked_ns, course->frozen_ns);

	deliver_ns = max_u64(deliver_ns, idle_ns);
	read_ns = max_u64(read_ns, idle_ns);
	if (course->tick_ns <= deliver_ns && course->tick_ns <= read_ns) {
		pass_time(course, course->tick_ns);
		tick(course);
	} else if (deliver_ns <= read_ns) {
		pass_time(course, deliver_ns);
		deliver(course);
	} else {
		pass_time(course, read_ns);
		read_zone(course);
	}
}

/* Ranges that are wrapped often, and never twice between two reads. */
static void draw_welcome(struct course *course)
{
	static const uint32_t periods_ms[] = { 1000, 1000, 1000, 1500, 60000, 100 };
	struct message_welcome *welcome = &course->welcome;

	welcome->period_ms = periods_ms[random_below(&course->random, 6)];
	welcome->stale_after_ms = (3 + (uint32_t)random_below(&course->random, 20)) *
				  welcome->period_ms;
	welcome->n_zones = ZONES;
	welcome->zones[0] = (struct message_zone){ .name = "package-0", .parent = -1 };
	welcome->zones[1] = (struct message_zone){ .name = "dram", .parent = 0 };
	for (unsigned int i = 0; i < ZONES; i++) {
		course->zones[i].range_uj = 4 * most_uw[i] / 1000 *
						    welcome->stale_after_ms +
					    draw_spread(course, 100000000);
		welcome->zones[i].max_energy_range_uj = course->zones[i].range_uj;
	}
}

static void run_course(uint64_t seed)
{
	uint64_t end = totals.reads + READS;
	struct course course = { .seed = seed, .random = { seed } };

	course.guest_ns = random_below(&course.random, 1000 * SECOND);
	course.sample.n_zones = course.newer.n_zones = ZONES;
	draw_welcome(&course);
	mirror_init(&course.mirror);
	begin_epoch(&course);
	draw_power(&course);
	while (totals.reads < end)
		step(&course);
}

static void test_reads(void **state)
{
	(void)state;
	print_message("seeds 1 to %u, %u reads each\n", COURSES, READS);
	for (uint64_t seed = 1; seed <= COURSES; seed++)
		run_course(seed);
	print_message("%llu reads (%llu of stale values, %llu while energy flowed), %llu "
		      "wraps, %llu stalls, %llu pauses, %llu restarts, %llu epochs, "
		      "%llu jumps\n",
		(unsigned long long)totals.reads, (unsigned long long)totals.stale,
		(unsigned long long)totals.flowing, (unsigned long long)totals.wraps,
		(unsigned long long)totals.stalls, (unsigned long long)totals.pauses,
		(unsigned long long)totals.restarts, (unsigned long long)totals.epochs,
		(unsigned long long)totals.jumps);
	/* It did happen, all of it. */
	assert_true(totals.flowing > totals.reads / 3);
	assert_true(totals.stale > totals.reads / 1000);
	assert_true(totals.wraps > totals.reads / 10000 && totals.stalls > COURSES);
	assert_true(totals.pauses > COURSES && totals.restarts > COURSES);
	assert_true(totals.epochs > 2 * COURSES && totals.jumps > totals.epochs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
