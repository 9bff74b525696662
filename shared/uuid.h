/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* UUIDs: of domains (libvirt's) and of epochs (random). RFC 9562. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* 36 characters and the NUL. */
#define UUID_TEXT_SIZE 37

struct uuid {
	uint8_t bytes[16];
};

/* Text of exactly 36 characters in either case and a NUL; else -EINVAL. */
int uuid_parse(const char *text, struct uuid *ret_uuid);

/* Lower case, as libvirt prints it. */
void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_SIZE]);

/* A random one (version 4) from getrandom(2); -errno when the kernel has none. */
int uuid_generate(struct uuid *ret_uuid);

static inline int uuid_compare(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static inline bool uuid_is_nil(const struct uuid *uuid)
{
	static const struct uuid nil;

	return uuid_compare(uuid, &nil) == 0;
}
