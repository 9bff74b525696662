/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Words of 64 bits, little-endian; doubles as their bits; a checksum last. */
#include "host/coefficients_state.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/fnv.h"
#include "shared/cleanup.h"

/* "vmpcoef" and the version. A change of the bank's hypotheses is another version. */
#define MAGIC UINT64_C(0x0166656f63706d76)

/* Beyond these nothing measured can be. */
#define NUMBER_MAX 1e12

_Static_assert(8 * (16 + 2 * POWER_MODEL_PACKAGES_MAX + 4 * POWER_MODEL_PLAYERS_MAX +
			   MODEL_BANK_MODELS * (1 + 2 * POWER_MODEL_STATES)) <=
		       COEFFICIENTS_STATE_BYTES_MAX,
	"the state fits");

/* Goes over the bytes; encoding and decoding are one walk over the fields. */
struct cursor {
	uint8_t *out;	   /* NULL: decoding */
	const uint8_t *in; /* NULL: encoding */
	size_t at, size;
	bool bad; /* read past the end, or what cannot be */
};

static void walk_bytes(struct cursor *cursor, void *bytes, size_t size)
{
	if (cursor->bad || size > cursor->size - cursor->at) {
		cursor->bad = true;
		return;
	}
	if (cursor->out)
		memcpy(cursor->out + cursor->at, bytes, size);
	else
		memcpy(bytes, cursor->in + cursor->at, size);
	cursor->at += size;
}

static void walk_word(struct cursor *cursor, uint64_t *word)
{
	uint64_t little = htole64(*word);

	walk_bytes(cursor, &little, sizeof(little));
	*word = le64toh(little);
}

static void walk_flag(struct cursor *cursor, bool *flag)
{
	uint64_t word = *flag;

	walk_word(cursor, &word);
	*flag = word != 0;
}

static void walk_number(struct cursor *cursor, double *number, double min, double max)
{
	uint64_t bits;

	memcpy(&bits, number, sizeof(bits));
	walk_word(cursor, &bits);
	memcpy(number, &bits, sizeof(bits));
	if (!(*number >= min && *number <= max))
		cursor->bad = true;
}

static void walk_seats(struct cursor *cursor, struct roster *roster)
{
	uint64_t n = roster->n_domains;

	walk_word(cursor, &n);
	if (n > POWER_MODEL_PLAYERS_MAX - ROSTER_FIRST) {
		cursor->bad = true;
		return;
	}
	roster->n_domains = (size_t)n;
	for (size_t s = ROSTER_FIRST; s < roster_size(roster); s++) {
		struct roster_seat *seat = &roster->seats[s];

		walk_bytes(cursor, seat->uuid.bytes, sizeof(seat->uuid.bytes));
		walk_number(cursor, &seat->cores, 0, NUMBER_MAX);
	}
}

static void walk_model(struct cursor *cursor, struct power_model *model, size_t n)
{
	walk_number(cursor, &model->log_evidence, -NUMBER_MAX, 0);
	for (size_t i = 0; i < n; i++) {
		walk_number(cursor, &model->state[i], -NUMBER_MAX, NUMBER_MAX);
		walk_number(cursor, &model->covariance[i][i], 0, NUMBER_MAX);
	}
}

static void walk_turbo(struct cursor *cursor, struct turbo *turbo)
{
	walk_number(cursor, &turbo->n, 0, NUMBER_MAX);
	walk_number(cursor, &turbo->x, 0, NUMBER_MAX);
	walk_number(cursor, &turbo->y, -NUMBER_MAX, NUMBER_MAX);
	walk_number(cursor, &turbo->xx, 0, NUMBER_MAX);
	walk_number(cursor, &turbo->xy, -NUMBER_MAX, NUMBER_MAX);
}

static void walk(struct cursor *cursor, struct coefficients_state *state)
{
	struct model_bank *bank = &state->bank;

	walk_number(cursor, &state->reference_khz, 0, NUMBER_MAX);
	for (size_t p = 0; p < POWER_MODEL_PACKAGES_MAX; p++) {
		walk_flag(cursor, &state->has_idle[p]);
		walk_word(cursor, &state->idle_uw[p]);
	}
	walk_turbo(cursor, &state->turbo);
	walk_number(cursor, &bank->unit_w, 1e-9, NUMBER_MAX);
	walk_number(cursor, &bank->smt_gain, 0, 1);
	walk_number(cursor, &bank->cores, 0, NUMBER_MAX);
	walk_number(cursor, &bank->wake_w, 0, NUMBER_MAX);
	walk_seats(cursor, &state->roster);
	if (cursor->bad)
		return;
	if (cursor->in)
		model_bank_restore(bank);
	for (size_t m = 0; m < MODEL_BANK_MODELS; m++)
		walk_model(cursor, &bank->models[m],
			POWER_MODEL_PLAYER + roster_size(&state->roster));
}

size_t coefficients_state_encode(
	struct coefficients_state *state, uint8_t bytes[COEFFICIENTS_STATE_BYTES_MAX])
{
	struct cursor cursor = { .out = bytes, .size = COEFFICIENTS_STATE_BYTES_MAX };
	uint64_t magic = MAGIC, sum;

	walk_word(&cursor, &magic);
	walk(&cursor, state);
	sum = fnv1a(bytes, cursor.at);
	walk_word(&cursor, &sum);
	return cursor.bad ? 0 : cursor.at;
}

int coefficients_state_decode(
	const uint8_t *bytes, size_t size, struct coefficients_state *ret_state)
{
	struct cursor cursor = { .in = bytes, .size = size };
	cleanup_free struct coefficients_state *state = calloc(1, sizeof(*state));
	uint64_t magic = 0, sum = 0;

	if (!state)
		return -ENOMEM;
	walk_word(&cursor, &magic);
	if (magic != MAGIC)
		return -EBADMSG;
	walk(&cursor, state);
	if (cursor.bad)
		return -EBADMSG;
	walk_word(&cursor, &sum);
	if (cursor.bad || cursor.at != size || sum != fnv1a(bytes, size - sizeof(sum)))
		return -EBADMSG;
	*ret_state = *state;
	return 0;
}
