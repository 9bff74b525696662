/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Largest remainder with carries. */
#include "host/apportion.h"

#include <assert.h>

typedef unsigned __int128 u128;

/* So few players are ranked one by one. */
#define FEW 8

#define RADIX_BITS    4
#define RADIX_BUCKETS (1 << RADIX_BITS)

/*
 * Between the two passes over the players, share is the floor of quota plus carry,
 * and carry what is left of it: in [0, ONE), or in (-ONE, 0) where the floor would
 * have been negative.
 */

/* From the quota, whole and fraction, and the carry as it was. */
static void set_floor(struct apportion_player *player, uint64_t whole, int64_t fraction)
{
	int64_t rest = fraction + player->carry;

	if (rest >= APPORTION_ONE) {
		whole++;
		rest -= APPORTION_ONE;
	} else if (rest < 0 && whole > 0) {
		whole--;
		rest += APPORTION_ONE;
	}
	player->share = whole;
	player->carry = rest;
}

static u128 sum_weights(
	const struct apportion_player *players, size_t n, size_t *ret_active)
{
	size_t active = 0;
	u128 sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += players[i].weight;
		active += players[i].weight > 0;
	}
	*ret_active = active;
	return sum;
}

/* Returns the amount less the sum of the floors, which may be negative. */
static int64_t set_floors(
	uint64_t amount, struct apportion_player *players, size_t n, u128 weights)
{
	uint64_t left = amount;
	unsigned int shift = 0;

	/* Remainder x ONE has to fit into 128 bits; that much is of no account. */
	while (weights >> shift > UINT64_MAX)
		shift++;
	for (size_t i = 0; i < n; i++) {
		u128 product = (u128)amount * players[i].weight;
		uint64_t whole;
		u128 remainder;

		players[i].share = 0;
		if (players[i].weight == 0)
			continue;
		whole = (uint64_t)(product / weights);
		remainder = product - whole * weights;
		set_floor(&players[i], whole,
			(int64_t)(((remainder >> shift) << 62) / (weights >> shift)));
		/* Modulo 2^64: the sum is within 2n of the amount. */
		left -= players[i].share;
	}
	return (int64_t)left;
}

/* The order of the remainders as unsigned numbers. */
static uint64_t remainder_key(const struct apportion_player *player)
{
	return (uint64_t)player->carry ^ (UINT64_C(1) << 63);
}

/* Only who has something can give it back. */
static bool is_candidate(const struct apportion_player *player, bool take)
{
	return player->weight > 0 && (!take || player->share > 0);
}

/*
 * The count-th key among the candidates, in falling order (in rising order when
 * taking), digit by digit; *ret_equal is how many of those equal to it are in. Any
 * key that has as many candidates up to it does.
 */
static uint64_t select_key(const struct apportion_player *players, size_t n, size_t count,
	bool take, size_t *ret_equal)
{
	uint64_t prefix = 0, mask = 0;

	for (int shift = 64 - RADIX_BITS; shift >= 0; shift -= RADIX_BITS) {
		size_t histogram[RADIX_BUCKETS] = { 0 };
		unsigned int bucket = take ? 0 : RADIX_BUCKETS - 1;

		for (size_t i = 0; i < n; i++) {
			uint64_t key = remainder_key(&players[i]);

			if (is_candidate(&players[i], take) && (key & mask) == prefix)
				histogram[key >> shift & (RADIX_BUCKETS - 1)]++;
		}
		while (histogram[bucket] < count) {
			count -= histogram[bucket];
			bucket = take ? bucket + 1 : bucket - 1;
			assert(bucket < RADIX_BUCKETS);
		}
		prefix |= (uint64_t)bucket << shift;
		mask |= (uint64_t)(RADIX_BUCKETS - 1) << shift;
		if (histogram[bucket] == count) {
			*ret_equal = n;
			return take ? prefix | ~mask : prefix;
		}
	}
	*ret_equal = count;
	return prefix;
}

static void give_one(struct apportion_player *player)
{
	player->share++;
	player->carry -= APPORTION_ONE;
}

/* How many candidates go before this one. */
static size_t rank(const struct apportion_player *players, size_t n, size_t own)
{
	size_t before = 0;

	for (size_t i = 0; i < n; i++)
		before += is_candidate(&players[i], false) &&
			  (players[i].carry > players[own].carry ||
				  (players[i].carry == players[own].carry && i < own));
	return before;
}

static void give_few(struct apportion_player *players, size_t n, size_t count)
{
	bool chosen[FEW];

	for (size_t i = 0; i < n; i++)
		chosen[i] = is_candidate(&players[i], false) &&
			    rank(players, n, i) < count;
	for (size_t i = 0; i < n; i++)
		if (chosen[i])
			give_one(&players[i]);
}

/* One more for each of the count largest remainders, the first ones of equals. */
static void give(struct apportion_player *players, size_t n, size_t count)
{
	size_t equal;
	uint64_t key;

	if (n <= FEW) {
		give_few(players, n, count);
		return;
	}
	key = select_key(players, n, count, false, &equal);
	for (size_t i = 0; i < n; i++) {
		uint64_t own = remainder_key(&players[i]);

		if (!is_candidate(&players[i], false) || own < key)
			continue;
		if (own == key) {
			if (equal == 0)
				continue;
			equal--;
		}
		give_one(&players[i]);
	}
}

/* One less for each of the count smallest remainders, the last ones of equals. */
static void take(struct apportion_player *players, size_t n, size_t count)
{
	size_t equal;
	uint64_t key = select_key(players, n, count, true, &equal);

	for (size_t i = n; i-- > 0;) {
		uint64_t own = remainder_key(&players[i]);

		if (!is_candidate(&players[i], true) || own > key)
			continue;
		if (own == key) {
			if (equal == 0)
				continue;
			equal--;
		}
		players[i].share--;
		players[i].carry += APPORTION_ONE;
	}
}

static void bound_carries(struct apportion_player *players, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (players[i].carry >= APPORTION_ONE)
			players[i].carry = APPORTION_ONE - 1;
		else if (players[i].carry <= -APPORTION_ONE)
			players[i].carry = 1 - APPORTION_ONE;
	}
}

bool apportion(uint64_t amount, struct apportion_player *players, size_t n_players)
{
	size_t active;
	u128 weights = sum_weights(players, n_players, &active);
	int64_t left;

	if (weights == 0) {
		for (size_t i = 0; i < n_players; i++)
			players[i].share = 0;
		return false;
	}
	left = set_floors(amount, players, n_players, weights);
	/*
	 * No floor is more than 1 off its quota's. So at most two rounds give, the
	 * second to none whose remainder is negative; and at least as many players
	 * can give back as must.
	 */
	if (left > (int64_t)active) {
		give(players, n_players, active);
		left -= (int64_t)active;
	}
	if (left > 0)
		give(players, n_players, (size_t)left);
	else if (left < 0)
		take(players, n_players, (size_t)-left);
	bound_carries(players, n_players);
	return true;
}
