/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Who may ask: hashes, headers, and the thread that checks them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "host/credentials.h"
#include "host/verifier.h"
#include "shared/clock.h"
#include "tests/unit/resting_checks.h"

/* crypt("secret") and crypt("other:one") of cost 4; "slow" is "secret", of cost 11. */
static const struct credentials_user users[] = {
	{ "prometheus", "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW" },
	{ "ann\xc3\xa9", "$2y$04$zbcdefghijklmnopqrstuuez5CMX8S6QCoFCQQ3aywEJBv7mM1x3i" },
	{ "slow", "$2a$11$ybcdefghijklmnopqrstuuWf9aXQZBGYFR6g4J.ixnCCe5yeCRx7i" },
};

#define GOOD   "Basic cHJvbWV0aGV1czpzZWNyZXQ=" /* prometheus:secret */
#define WRONG  "Basic cHJvbWV0aGV1czpzZWNyZXR0" /* prometheus:secrett */
#define COLON  "basic   YW5uw6k6b3RoZXI6b25l"	/* anné:other:one */
#define SLOW   "Basic c2xvdzpzZWNyZXQ="		/* slow:secret */
#define NOBODY "Basic bm9ib2R5OnNlY3JldA=="	/* nobody:secret */

static int set_up(void **state)
{
	struct credentials *credentials;

	if (credentials_new(users, 3, &credentials) < 0)
		return -1;
	*state = credentials;
	return 0;
}

static int tear_down(void **state)
{
	credentials_free(*state);
	return 0;
}

static void test_hashes(void **state)
{
	static const char good[] =
		"$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234";
	static const struct {
		size_t at;
		char to;
		bool valid;
	} cases[] = {
		{ 0, '$', true },
		{ 2, 'y', true },
		{ 2, 'a', true },
		{ 2, 'x', false },
		{ 1, '6', false },
		{ 3, '.', false },
		{ 4, '0', false }, /* cost 0 */
		{ 5, '6', true },
		{ 5, '7', false },
		{ 4, '9', false },
		{ 6, '.', false },
		{ 20, '$', false },
		{ 59, '\0', false },
	};
	char hash[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		strcpy(hash, good);
		hash[cases[i].at] = cases[i].to;
		if (credentials_hash_is_valid(hash) != cases[i].valid)
			fail_msg("%zu: %s", i, hash);
	}
	snprintf(hash, sizeof(hash), "%sx", good);
	assert_false(credentials_hash_is_valid(hash));
	assert_false(credentials_hash_is_valid(""));
	for (size_t i = 0; i < 3; i++)
		assert_true(credentials_hash_is_valid(users[i].hash));
}

/* Known only after it was checked, and only what was good. */
static void test_check_and_look_up(void **state)
{
	struct credentials *credentials = *state;

	assert_int_equal(credentials_look_up(credentials, GOOD), CREDENTIALS_UNKNOWN);
	assert_true(credentials_check(credentials, GOOD));
	assert_int_equal(credentials_look_up(credentials, GOOD), CREDENTIALS_GOOD);
	assert_false(credentials_check(credentials, WRONG));
	assert_int_equal(credentials_look_up(credentials, WRONG), CREDENTIALS_UNKNOWN);
	assert_false(credentials_check(credentials, NOBODY));
	assert_int_equal(credentials_look_up(credentials, NOBODY), CREDENTIALS_UNKNOWN);
	assert_true(credentials_check(credentials, COLON));
	assert_int_equal(credentials_look_up(credentials, COLON), CREDENTIALS_GOOD);
	/* Another name with the first user's password, which is compared in vain. */
	assert_false(credentials_check(credentials, "Basic YW5uw6k6c2VjcmV0"));
}

static void test_headers(void **state)
{
	static const char *const bad[] = { "", "Basic", "Basic ", "Bearer abc",
		"Digest username=\"x\"", "Basic !!!!", "Basic cHJv*ZXRoZXVz",
		"Basic cHJvbWV0aGV1cw==" /* no colon */,
		"Basic cHJvbWV0aGV1czpzZWNyZXQAeA==" /* a NUL */, "Basic OnBhc3M",
		"cHJvbWV0aGV1czpzZWNyZXQ=" };
	char longest[CREDENTIALS_HEADER_MAX + 8];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (credentials_look_up(*state, bad[i]) != CREDENTIALS_BAD ||
			credentials_check(*state, bad[i]))
			fail_msg("%s", bad[i]);
	}
	memset(longest, 'A', sizeof(longest) - 1);
	memcpy(longest, "Basic ", 6);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(credentials_look_up(*state, longest), CREDENTIALS_BAD);
}

/* The least of a few: machines may count as ours what they did meanwhile. */
static uint64_t time_check(struct credentials *credentials, const char *header)
{
	uint64_t least_ns = UINT64_MAX;

	for (unsigned int i = 0; i < 10; i++) {
		uint64_t begin_ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID), ns;

		credentials_check(credentials, header);
		ns = clock_read_ns(CLOCK_THREAD_CPUTIME_ID) - begin_ns;
		if (ns < least_ns)
			least_ns = ns;
	}
	return least_ns;
}

/* Neither a name that is not there nor a wrong password is told sooner. */
static void test_time(void **state)
{
	/* Both hash once: without, it would be a thousandth. */
	assert_true(time_check(*state, NOBODY) > time_check(*state, WRONG) / 10);
}

struct answers {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned int n_good, n_bad;
};

static void take_answer(void *data, bool good)
{
	struct answers *answers = data;

	pthread_mutex_lock(&answers->lock);
	answers->n_good += good;
	answers->n_bad += !good;
	pthread_cond_signal(&answers->cond);
	pthread_mutex_unlock(&answers->lock);
}

static void wait_for(struct answers *answers, unsigned int n)
{
	pthread_mutex_lock(&answers->lock);
	while (answers->n_good + answers->n_bad < n)
		pthread_cond_wait(&answers->cond, &answers->lock);
	pthread_mutex_unlock(&answers->lock);
}

static void test_verifier(void **state)
{
	struct answers answers = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0,
		0 };
	struct verifier *verifier = NULL;

	assert_int_equal(verifier_start(*state, &verifier), 0);
	assert_int_equal(verifier_submit(verifier, GOOD, take_answer, &answers), 0);
	assert_int_equal(verifier_submit(verifier, WRONG, take_answer, &answers), 0);
	wait_for(&answers, 2);
	assert_int_equal(answers.n_good, 1);
	assert_int_equal(credentials_look_up(*state, GOOD), CREDENTIALS_GOOD);
	verifier_stop(verifier);
	assert_int_equal(
		verifier_submit(verifier, GOOD, take_answer, &answers), -ESHUTDOWN);
	verifier_free(verifier);
	assert_int_equal(answers.n_good + answers.n_bad, 2);
}

static void *stop(void *verifier)
{
	verifier_stop(verifier);
	return NULL;
}

/*
 * What does not fit is refused, and what was taken is answered, also at the end: what
 * waits then is not checked any more.
 */
static void test_verifier_is_full(void **state)
{
	struct answers answers = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0,
		0 };
	struct verifier *verifier = NULL;
	unsigned int n_taken = 0;
	pthread_t stopper;
	int r = 0;

	checks_rest = true;
	assert_int_equal(verifier_start(*state, &verifier), 0);
	for (unsigned int i = 0; i < 2 * VERIFIER_JOBS_MAX + 2 && r == 0; i++) {
		r = verifier_submit(verifier, SLOW, take_answer, &answers);
		n_taken += r == 0;
	}
	assert_int_equal(r, -EBUSY);
	/* One more where the thread has taken the first. */
	assert_in_range(n_taken, VERIFIER_JOBS_MAX, VERIFIER_JOBS_MAX + 1);
	assert_int_equal(pthread_create(&stopper, NULL, stop, verifier), 0);
	for (; r != -ESHUTDOWN; usleep(1000)) {
		r = verifier_submit(verifier, SLOW, take_answer, &answers);
		n_taken += r == 0;
	}
	checks_rest = false;
	pthread_join(stopper, NULL);
	assert_int_equal(answers.n_good + answers.n_bad, n_taken);
	assert_in_range(answers.n_good, 0, 1);
	verifier_free(verifier);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hashes),
		TEST(test_check_and_look_up),
		TEST(test_headers),
		TEST(test_time),
		TEST(test_verifier),
		TEST(test_verifier_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
