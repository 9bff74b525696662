/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* FNV-1a of 64 bits: tells chance from damage, not from malice. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline uint64_t fnv1a(const uint8_t *bytes, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}
