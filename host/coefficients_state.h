/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What host/coefficients.h remembers from tick to tick, and as bytes. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/machine.h"
#include "host/model_bank.h"
#include "host/roster.h"
#include "host/turbo.h"

struct coefficients_state {
	double reference_khz; /* logarithms of frequencies are relative to it; 0: none */
	/* What was taken for idle power, which the wake power goes with. */
	bool has_idle[POWER_MODEL_PACKAGES_MAX];
	uint64_t idle_uw[POWER_MODEL_PACKAGES_MAX];
	/* How the host's time is spread over the packages, more or less; 0: not seen. */
	double host_share[MACHINE_PACKAGES_MAX];
	struct turbo turbo;
	struct roster roster;
	struct model_bank bank;
};

#define COEFFICIENTS_STATE_BYTES_MAX 24576

/*
 * Of the models, what they say and how sure each is of each unknown; not how errors of
 * one go with those of another, which they find again within minutes. The state stays as
 * it is. Returns the size; 0: there is no sense in it.
 */
size_t coefficients_state_encode(
	struct coefficients_state *state, uint8_t bytes[COEFFICIENTS_STATE_BYTES_MAX]);

/* -EBADMSG: truncated, corrupt, of another version, or no numbers. -ENOMEM. */
int coefficients_state_decode(
	const uint8_t *bytes, size_t size, struct coefficients_state *ret_state);
