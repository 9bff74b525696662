/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Basic authentication against bcrypt hashes. */
#include "host/credentials.h"

#include <crypt.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "shared/cleanup.h"

#define DIGEST_SIZE 32
#define COST_MAX    16

/* More than there are scrapers; the oldest makes room. */
#define KNOWN_MAX 64

struct credentials {
	size_t n_users;
	struct credentials_user *users; /* owned */
	uint8_t key[DIGEST_SIZE];	/* of this process alone */
	pthread_mutex_t lock;
	/* Under the lock: digests of what was found good. */
	size_t n_known, next_known;
	uint8_t known[KNOWN_MAX][DIGEST_SIZE];
};

/* What a header says, "name:password", and where the password begins. */
struct claim {
	gnutls_datum_t text; /* owned by gnutls; ends with NUL */
	char *password;
};

bool credentials_hash_is_valid(const char *hash)
{
	static const char alphabet[] = "./ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz0123456789";
	unsigned int cost;

	if (strlen(hash) != CREDENTIALS_HASH_SIZE - 1 || strncmp(hash, "$2", 2) != 0 ||
		!strchr("aby", hash[2]) || hash[3] != '$' || hash[6] != '$' ||
		strspn(hash + 4, "0123456789") != 2 || strspn(hash + 7, alphabet) != 53)
		return false;
	cost = (unsigned int)((hash[4] - '0') * 10 + hash[5] - '0');
	return cost >= 4 && cost <= COST_MAX;
}

int credentials_new(const struct credentials_user *users, size_t n_users,
	struct credentials **ret_credentials)
{
	struct credentials *credentials = calloc(1, sizeof(*credentials));

	if (!credentials)
		return -ENOMEM;
	credentials->users = calloc(n_users, sizeof(*users));
	if (!credentials->users) {
		free(credentials);
		return -ENOMEM;
	}
	memcpy(credentials->users, users, n_users * sizeof(*users));
	credentials->n_users = n_users;
	pthread_mutex_init(&credentials->lock, NULL);
	if (getrandom(credentials->key, sizeof(credentials->key), 0) !=
		sizeof(credentials->key)) {
		credentials_free(credentials);
		return -EIO;
	}
	*ret_credentials = credentials;
	return 0;
}

void credentials_free(struct credentials *credentials)
{
	if (!credentials)
		return;
	pthread_mutex_destroy(&credentials->lock);
	free(credentials->users);
	explicit_bzero(credentials, sizeof(*credentials));
	free(credentials);
}

static void cleanup_claimp(struct claim *claim)
{
	if (!claim->text.data)
		return;
	explicit_bzero(claim->text.data, claim->text.size);
	gnutls_free(claim->text.data);
}
#define cleanup_claim cleanup(cleanup_claimp)

/* "Basic" and the base64 of a name without a colon, a colon and a password. */
static bool parse(const char *header, struct claim *ret_claim)
{
	static const char scheme[] = "Basic ";
	cleanup_claim struct claim claim = { 0 };
	gnutls_datum_t base64, decoded;
	size_t len = strnlen(header, CREDENTIALS_HEADER_MAX + 1);
	char *grown;

	if (len > CREDENTIALS_HEADER_MAX ||
		strncasecmp(header, scheme, sizeof(scheme) - 1) != 0)
		return false;
	header += sizeof(scheme) - 1;
	header += strspn(header, " ");
	base64 = (gnutls_datum_t){ (unsigned char *)(uintptr_t)header,
		(unsigned int)strlen(header) };
	if (base64.size == 0 || gnutls_base64_decode2(&base64, &decoded) < 0)
		return false;
	claim.text = decoded;
	grown = gnutls_realloc(decoded.data, decoded.size + 1);
	if (!grown)
		return false;
	claim.text.data = (unsigned char *)grown;
	grown[decoded.size] = '\0';
	/* Nor may it have a NUL, at which crypt() would end. */
	claim.password = strchr(grown, ':');
	if (!claim.password || strlen(grown) != decoded.size)
		return false;
	*ret_claim = claim;
	claim.text.data = NULL;
	return true;
}

static bool digest_claim(const struct credentials *credentials, const struct claim *claim,
	uint8_t ret_digest[DIGEST_SIZE])
{
	return gnutls_hmac_fast(GNUTLS_MAC_SHA256, credentials->key,
		       sizeof(credentials->key), claim->text.data, claim->text.size,
		       ret_digest) == 0;
}

/* All of them are looked at, whichever it is. */
static bool is_known(struct credentials *credentials, const uint8_t digest[DIGEST_SIZE])
{
	unsigned int found = 0;

	pthread_mutex_lock(&credentials->lock);
	for (size_t i = 0; i < credentials->n_known; i++)
		found |= gnutls_memcmp(credentials->known[i], digest, DIGEST_SIZE) == 0;
	pthread_mutex_unlock(&credentials->lock);
	return found;
}

static void remember(struct credentials *credentials, const uint8_t digest[DIGEST_SIZE])
{
	if (is_known(credentials, digest))
		return;
	pthread_mutex_lock(&credentials->lock);
	memcpy(credentials->known[credentials->next_known], digest, DIGEST_SIZE);
	credentials->next_known = (credentials->next_known + 1) % KNOWN_MAX;
	if (credentials->n_known < KNOWN_MAX)
		credentials->n_known++;
	pthread_mutex_unlock(&credentials->lock);
}

enum credentials_verdict credentials_look_up(
	struct credentials *credentials, const char *header)
{
	cleanup_claim struct claim claim = { 0 };
	uint8_t digest[DIGEST_SIZE];

	if (!parse(header, &claim))
		return CREDENTIALS_BAD;
	if (digest_claim(credentials, &claim, digest) && is_known(credentials, digest))
		return CREDENTIALS_GOOD;
	return CREDENTIALS_UNKNOWN;
}

/* The user of this name; without one, the first, in vain. */
static const struct credentials_user *find_user(const struct credentials *credentials,
	const char *name, size_t len, bool *ret_found)
{
	const struct credentials_user *user = &credentials->users[0];

	*ret_found = false;
	for (size_t i = 0; i < credentials->n_users; i++) {
		if (strlen(credentials->users[i].name) == len &&
			memcmp(credentials->users[i].name, name, len) == 0) {
			user = &credentials->users[i];
			*ret_found = true;
		}
	}
	return user;
}

static bool password_is(const char *password, const char *hash)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *found = data ? crypt_r(password, hash, data) : NULL;
	bool same = found && strlen(found) == strlen(hash) &&
		    gnutls_memcmp(found, hash, strlen(hash)) == 0;

	if (data)
		explicit_bzero(data, sizeof(*data));
	free(data);
	return same;
}

bool credentials_check(struct credentials *credentials, const char *header)
{
	cleanup_claim struct claim claim = { 0 };
	const struct credentials_user *user;
	uint8_t digest[DIGEST_SIZE];
	bool found;

	if (!parse(header, &claim))
		return false;
	user = find_user(credentials, (const char *)claim.text.data,
		(size_t)(claim.password - (char *)claim.text.data), &found);
	if (!password_is(claim.password + 1, user->hash) || !found)
		return false;
	if (digest_claim(credentials, &claim, digest))
		remember(credentials, digest);
	return true;
}
