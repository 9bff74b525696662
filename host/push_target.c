/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Batches of one target. */
#include "host/push_target.h"

#include <string.h>

#include "host/push_backoff.h"
#include "shared/clock.h"

/*
 * What a batch has at most before it is compressed, unless one tick alone has more:
 * below what servers take, as they come.
 */
#define BODY_MAX ((size_t)4 * 1024 * 1024)

/* Once none were lost for so long, they are no more. */
#define LOSS_ENDS_NS (10 * (uint64_t)NSEC_PER_SEC)

/* What a proxy says that was not answered itself. */
#define STATUS_BAD_GATEWAY     502
#define STATUS_GATEWAY_TIMEOUT 504

static void make_labels(struct push_target *target, const struct push_config *config)
{
	memcpy(target->labels, config->labels, sizeof(target->labels));
	target->options.labels = target->labels;
	if (config->format->host_label) {
		const char *cursor = config->labels;
		struct label label;

		while (labels_next(&cursor, &label)) {
			if (strcmp(label.key, config->format->host_label) == 0)
				return;
		}
		/* Where there is no room for it, the labels say enough. */
		(void)labels_set(
			target->labels, config->format->host_label, target->options.host);
	}
}

void push_target_init(struct push_target *target, const struct push_config *config,
	const struct push_options *options, uint64_t now_ns, uint32_t random)
{
	uint64_t interval_ns = config->interval_ms * (uint64_t)NSEC_PER_MSEC;

	*target = (struct push_target){
		.config = config,
		.options = *options,
		/* Hosts that began together do not push together. */
		.due_ns = now_ns + (interval_ns >> 8) * (random >> 24),
		.stats = { .name = config->name },
	};
	make_labels(target, config);
	push_queue_init(&target->queue, (size_t)config->queue_mib << 20);
}

void push_target_deinit(struct push_target *target)
{
	push_queue_deinit(&target->queue);
	snapshot_unref(target->before);
	json_text_deinit(&target->body);
}

/* No batch any more; its memory goes, too: it can be a large one after an outage. */
static void forget_batch(struct push_target *target)
{
	json_text_deinit(&target->body);
	push_queue_release(&target->queue);
	target->n_ticks = 0;
	target->sending = false;
	target->answer_lost = false;
}

/*
 * The batch is the oldest of all that waits, and may be one that the target never takes
 * and never refuses. On its way it has to stay. Returns how many ticks it had.
 */
static size_t make_room(struct push_target *target, const struct snapshot *snapshot)
{
	size_t n_ticks = target->n_ticks;

	if (target->sending || push_queue_has_room(&target->queue, snapshot))
		return 0;
	forget_batch(target);
	return n_ticks;
}

size_t push_target_add(struct push_target *target, const struct snapshot *snapshot)
{
	uint64_t sample_ns = target->config->sample_ms * (uint64_t)NSEC_PER_MSEC;
	size_t n_dropped;
	int r;

	/* Half a tick early is not early. */
	if (target->sampled_ns > 0 && snapshot->boottime_ns + snapshot->dt_ns / 2 <
					      target->sampled_ns + sample_ns)
		return 0;
	target->sampled_ns = snapshot->boottime_ns;
	n_dropped = make_room(target, snapshot);
	r = push_queue_put(&target->queue, snapshot);
	if (r > 0)
		n_dropped += (size_t)r;
	target->stats.full_ticks += n_dropped;
	if (r < 0)
		target->stats.memory_ticks++;
	return n_dropped + (r < 0);
}

enum push_loss push_target_lose(
	struct push_target *target, size_t n_ticks, uint64_t now_ns, size_t *ret_n_ticks)
{
	bool begins = n_ticks > 0 && target->n_lost == 0;

	target->stats.full_ticks += n_ticks;
	target->n_lost += n_ticks;
	if (n_ticks > 0)
		target->lost_ns = now_ns;
	if (begins)
		return PUSH_LOSS_BEGINS;
	if (target->n_lost == 0 || now_ns < target->lost_ns + LOSS_ENDS_NS)
		return PUSH_LOSS_SAME;
	*ret_n_ticks = target->n_lost;
	target->n_lost = 0;
	return PUSH_LOSS_ENDS;
}

uint64_t push_target_due_ns(const struct push_target *target, bool at_once)
{
	if (push_target_waiting(target) == 0)
		return UINT64_MAX;
	if (at_once)
		return 0;
	if (target->n_ticks > 0 || target->failures > 0)
		return target->retry_ns;
	return target->queue.n >= target->config->batch_ticks ? 0 : target->due_ns;
}

static int fill(struct push_target *target)
{
	size_t used, last = 0;
	int r = 0;

	while (r == 0 && target->n_ticks < target->config->batch_ticks &&
		(target->n_ticks == 0 || target->body.used + last <= BODY_MAX)) {
		struct snapshot *snapshot = push_queue_take(&target->queue);

		if (!snapshot)
			break;
		target->n_ticks++;
		used = target->body.used;
		target->options.before = target->before;
		r = target->config->format->add(
			&target->options, snapshot, &target->body);
		last = target->body.used - used;
		snapshot_unref(target->before);
		target->before = snapshot;
	}
	if (r == 0 && target->config->format->finish)
		r = target->config->format->finish(&target->body);
	return r;
}

int push_target_prepare(struct push_target *target)
{
	int r = target->n_ticks > 0 ? 0 : fill(target);

	if (r < 0) {
		target->stats.memory_ticks += target->n_ticks;
		forget_batch(target);
		return r;
	}
	target->sending = true;
	return 0;
}

/* The next is an interval after this one was due, or now if that is over. */
static void set_due(struct push_target *target, uint64_t now_ns)
{
	uint64_t interval_ns = target->config->interval_ms * (uint64_t)NSEC_PER_MSEC;

	if (now_ns >= target->due_ns)
		target->due_ns += interval_ns;
	if (now_ns >= target->due_ns)
		target->due_ns = now_ns + interval_ns;
}

void push_target_lose_answer(struct push_target *target)
{
	target->answer_lost = true;
}

static enum push_verdict judge(const struct push_target *target, unsigned int status)
{
	enum push_verdict verdict = status ? target->config->format->judge(status)
					   : PUSH_RETRY;

	return verdict == PUSH_REFUSED && target->answer_lost ? PUSH_UNCLEAR : verdict;
}

enum push_verdict push_target_answer(struct push_target *target, unsigned int status,
	uint32_t retry_after_s, uint64_t now_ns, uint64_t realtime_ns, uint32_t random)
{
	enum push_verdict verdict = judge(target, status);

	target->sending = false;
	if (status == STATUS_BAD_GATEWAY || status == STATUS_GATEWAY_TIMEOUT)
		target->answer_lost = true;
	if (verdict != PUSH_DELIVERED)
		target->stats.failures++;
	if (verdict == PUSH_RETRY) {
		target->failures++;
		target->retry_ns = now_ns + push_backoff_ns(target->failures,
						    target->config->retry_max_s,
						    retry_after_s, random);
		return verdict;
	}
	if (verdict == PUSH_DELIVERED) {
		target->stats.delivered_ticks += target->n_ticks;
		target->stats.delivered_ns = realtime_ns;
	} else if (verdict == PUSH_UNCLEAR) {
		target->stats.unclear_ticks += target->n_ticks;
	} else {
		target->stats.refused_ticks += target->n_ticks;
	}
	target->failures = 0;
	forget_batch(target);
	set_due(target, now_ns);
	return verdict;
}

size_t push_target_waiting(const struct push_target *target)
{
	return target->n_ticks + target->queue.n;
}
