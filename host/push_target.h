/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * What goes to one target and when: ticks wait in a queue, become a batch when it is
 * time for one, and the batch stays until the target takes it or refuses it for good, or
 * there is no room for it any more; so it is told them in their order, and each once
 * unless an answer is lost. Knows no network; time and random numbers come as arguments.
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/json_text.h"
#include "host/push_config.h"
#include "host/push_format.h"
#include "host/push_queue.h"
#include "host/snapshot.h"

/* What push_target_lose() has to tell. */
enum push_loss {
	PUSH_LOSS_SAME,
	PUSH_LOSS_BEGINS,
	PUSH_LOSS_ENDS, /* none were lost for a while */
};

struct push_target {
	const struct push_config *config;
	struct push_options options;
	char labels[LABELS_SIZE];
	struct push_queue queue;
	struct snapshot *before; /* the last tick of any batch; NULL: there was none */
	/* The batch that is being sent, or will be again. */
	size_t n_ticks; /* 0: there is none */
	struct json_text body;
	bool sending;	       /* it is prepared, and not answered since */
	bool answer_lost;      /* once at least */
	unsigned int failures; /* in a row */
	uint64_t due_ns;       /* when the next batch is */
	uint64_t retry_ns;     /* when this one is sent again */
	uint64_t sampled_ns;   /* CLOCK_BOOTTIME of the last tick that went in; 0: none */
	/* Ticks that were lost before they came here: */
	size_t n_lost;	  /* since that began; 0: none are */
	uint64_t lost_ns; /* when the last of them were */
	struct snapshot_push stats;
};

/*
 * options: but for the labels, which are made here; config and what options points to
 * stay the caller's. The first batch is due at a random time in the interval.
 */
void push_target_init(struct push_target *target, const struct push_config *config,
	const struct push_options *options, uint64_t now_ns, uint32_t random);
void push_target_deinit(struct push_target *target);

/*
 * A tick, unless it is not due for one. Returns how many were dropped for it: the oldest,
 * which are those of a batch that waits for its next attempt.
 */
size_t push_target_add(struct push_target *target, const struct snapshot *snapshot);

/*
 * So many ticks were lost before they came here, mostly none. *ret_n_ticks: how many were
 * since that began, as soon as it ends.
 */
enum push_loss push_target_lose(
	struct push_target *target, size_t n_ticks, uint64_t now_ns, size_t *ret_n_ticks);

/*
 * When there will be something to send if nothing else comes, UINT64_MAX: never.
 * at_once: what waits need not be enough for a batch, nor a retry be due.
 */
uint64_t push_target_due_ns(const struct push_target *target, bool at_once);

/*
 * Makes a batch of what waits, where there is none yet; target->body is it then. -errno:
 * the ticks that would have been it are dropped and counted.
 */
int push_target_prepare(struct push_target *target);

/* The batch was sent, perhaps whole, and the answer to that will not come. */
void push_target_lose_answer(struct push_target *target);

/*
 * The batch was answered: status 0 is no answer at all. realtime_ns is for the
 * statistics. Of a batch that is delivered or refused, nothing remains.
 */
enum push_verdict push_target_answer(struct push_target *target, unsigned int status,
	uint32_t retry_after_s, uint64_t now_ns, uint64_t realtime_ns, uint32_t random);

/* Ticks not delivered yet, those of the batch too. */
size_t push_target_waiting(const struct push_target *target);
