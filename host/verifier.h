/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A thread that checks credentials, since each takes as long as a hundred requests: one
 * after the other, of low priority, and of those that wait only so many.
 */
#pragma once

#include <stdbool.h>

#include "host/credentials.h"

#define VERIFIER_JOBS_MAX 16

struct verifier;

/* The credentials must outlive it. -ENOMEM, -EAGAIN. */
int verifier_start(struct credentials *credentials, struct verifier **ret_verifier);

/*
 * Has the header, which is copied, checked: done() is called with what was found, in
 * the verifier's thread. -EBUSY: too many wait; -ESHUTDOWN: it stops; -ENOMEM,
 * -EMSGSIZE (over CREDENTIALS_HEADER_MAX). Then done() is not called.
 */
int verifier_submit(struct verifier *verifier, const char *header,
	void (*done)(void *data, bool good), void *data);

/*
 * Ends the thread, after it called done() for all that wait: they are not good. From
 * then on nothing is taken. NULL is fine.
 */
void verifier_stop(struct verifier *verifier);

/* Frees it, once it was stopped. NULL is fine. */
void verifier_free(struct verifier *verifier);
