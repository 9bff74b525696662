/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * From facts to findings: what is wrong, why, and what to do. A cause is named
 * before what follows from it, and what only follows is left out where it would
 * say nothing new. Pure.
 */
#pragma once

#include "host/facts.h"
#include "host/finding.h"

/* All findings, sorted. findings was zeroed; see its out_of_memory. */
void diagnose(const struct facts *facts, struct findings *findings);

/* Those of one domain; error where the operator asked for it, else warning. */
void diagnose_domain(const struct facts *facts, const struct facts_domain *domain,
	struct findings *findings);

/* Those about idle power; there is a snapshot. */
void diagnose_idle(const struct facts *facts, struct findings *findings);
