/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* What each virtual CPU of a domain ran in a tick, for people. Pure. */
#pragma once

#include <stddef.h>

#include "host/machine.h"
#include "host/sample.h"
#include "host/snapshot.h"
#include "host/usage.h"

/*
 * Fills in the vcpu_times of the snapshot's domain, which is the sample's domain with
 * this index; all 0 ns where usage is NULL. One allocation a domain. -ENOMEM.
 */
int vcpu_times_fill(struct snapshot *snapshot, struct snapshot_domain *domain,
	const struct machine *machine, const struct sample *sample,
	const struct usage *usage, size_t index);
