/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * Who may ask over HTTP: names and bcrypt hashes (crypt(5)), and the header
 * Authorization of Basic authentication (RFC 7617) checked against them. A check takes
 * a tenth of a second or so, by intent; what was found good once is known again by a
 * keyed digest, in microseconds. Nothing tells by the time it takes which names exist
 * or how much of a password was right. Thread safe.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Of a name, and of a hash, with the NUL. */
#define CREDENTIALS_NAME_SIZE 64
#define CREDENTIALS_HASH_SIZE 61

/* Longer headers are none of ours. */
#define CREDENTIALS_HEADER_MAX 1024

struct credentials_user {
	char name[CREDENTIALS_NAME_SIZE];
	char hash[CREDENTIALS_HASH_SIZE];
};

enum credentials_verdict {
	CREDENTIALS_BAD,     /* not such a header at all, or too long */
	CREDENTIALS_GOOD,    /* known from before */
	CREDENTIALS_UNKNOWN, /* credentials_check() would tell */
};

/*
 * Whether it is a bcrypt hash ($2a$, $2b$ or $2y$) whose cost is 4 to 16: more would
 * take seconds.
 */
bool credentials_hash_is_valid(const char *hash);

struct credentials;

/* Copies the users, one at least. -ENOMEM; -errno of getrandom(2). */
int credentials_new(const struct credentials_user *users, size_t n_users,
	struct credentials **ret_credentials);
/* NULL is fine. */
void credentials_free(struct credentials *credentials);

/* What is known of the header; at once. */
enum credentials_verdict credentials_look_up(
	struct credentials *credentials, const char *header);

/* Whether the header is some user's, found out the slow way. */
bool credentials_check(struct credentials *credentials, const char *header);
