/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Who keeps a package awake: the Shapley value of the game in which players busy for
 * B cores together cost 1 - exp(-B / tau). Pure.
 *
 * Next to nobody pays by what it adds to the others: much less than in proportion.
 * Far below tau shares go by time, far above they are equal.
 */
#pragma once

#include <stddef.h>

/*
 * Adds amount times the player's share, and the shares sum to 1, to what totals holds
 * for it. cores: how many each was busy for, >= 0; who was not gets nothing. scratch
 * has room for n, too. With no busy player nothing is added.
 */
void wake_share(double amount, double tau, const double *cores, size_t n, double *scratch,
	double *totals);
