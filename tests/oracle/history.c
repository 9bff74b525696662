/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Doing the same on both sides. */
#include "config.h" /* first: _GNU_SOURCE */

#include "tests/oracle/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/cleanup.h"
#include "tests/oracle/print.h"

void history_draw(struct history *history, struct random_state *random)
{
	for (size_t i = 0; i < HISTORY_LEN; i++) {
		operation_draw(&history->operation[i], history->nodes, random);
		history->left_out[i] = false;
	}
}

static int restore_control(const struct side *side, const char *path)
{
	cleanup_close int fd = openat(side->root_fd, path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, "auto", 4) == 4 ? 0 : -errno;
}

static int restore(const struct side *side, const struct node *node)
{
	static const char control[] = "/power/control";
	size_t len = strlen(node->path);

	if (fchownat(side->root_fd, node->path, 0, 0, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(node->mode) &&
		fchmodat(side->root_fd, node->path, node->mode & 07777, 0) < 0)
		return -errno;
	if (len > sizeof(control) &&
		strcmp(node->path + len + 1 - sizeof(control), control) == 0)
		return restore_control(side, node->path);
	return 0;
}

/* No file is open, and nothing has been written, given away or forbidden. */
static int start(struct history *history)
{
	for (unsigned int side = 0; side < N_SIDES; side++)
		side_close_all(&history->sides[side]);
	memset(history->opener, 0, sizeof(history->opener));
	for (size_t i = 0; i < history->nodes->n; i++) {
		int r = 0;

		if (!history->touched[i])
			continue;
		for (unsigned int side = 0; r == 0 && side < N_SIDES; side++)
			r = restore(&history->sides[side], &history->nodes->node[i]);
		if (r < 0)
			return r;
		history->touched[i] = false;
	}
	return 0;
}

static void touch(struct history *history, const struct operation *operation)
{
	int node = operation->node;

	if (operation_has_slot(operation) && history->opener[operation->slot])
		node = history->opener[operation->slot]->node;
	if (node == NODES_NONE)
		return;
	history->touched[node] = true;
	history->touched[history->nodes->node[node].target] = true;
}

static bool outcomes_equal(const struct outcome *a, const struct outcome *b)
{
	return memcmp(a, b, offsetof(struct outcome, data)) == 0 &&
	       memcmp(a->data, b->data, a->len) == 0;
}

/* Whether the outcomes differ, and that is not listed. */
static int judge(struct history *history, const struct operation *operation)
{
	cleanup_free char *line = NULL;
	FILE *file;
	size_t size;

	if (outcomes_equal(&history->outcome[KERNEL], &history->outcome[VMPOWER]))
		return 0;
	file = open_memstream(&line, &size);
	if (!file)
		return -errno;
	print_operation(file, operation, history->opener[operation->slot]);
	fputs(": kernel ", file);
	print_outcome(file, &history->outcome[KERNEL]);
	fputs("; vmpower ", file);
	print_outcome(file, &history->outcome[VMPOWER]);
	if (fclose(file) != 0)
		return -ENOMEM;
	if (!listed_take(history->listed, line))
		return 1;
	/* What follows of it is not a difference of its own. */
	if (operation_has_slot(operation)) {
		for (unsigned int side = 0; side < N_SIDES; side++)
			side_close(&history->sides[side], operation->slot);
		history->opener[operation->slot] = NULL;
	}
	return 0;
}

/* 1: a difference that is not listed. */
static int step(struct history *history, const struct operation *operation)
{
	unsigned int slot = operation->slot;

	if (operation_has_slot(operation) && operation->kind != OPERATION_OPEN &&
		!history->opener[slot])
		return 0;
	history->n_done++;
	if (operation->kind == OPERATION_ADVANCE)
		return feeder_advance(history->feeder, operation->uj);
	touch(history, operation);
	for (unsigned int side = 0; side < N_SIDES; side++)
		side_perform(&history->sides[side], operation, &history->outcome[side]);
	if (operation->kind == OPERATION_OPEN && history->outcome[KERNEL].error == 0)
		history->opener[slot] = operation;
	if (operation->kind == OPERATION_CLOSE)
		history->opener[slot] = NULL;
	return judge(history, operation);
}

int history_run(struct history *history, size_t *ret_at)
{
	int r;

	r = start(history);
	for (size_t i = 0; r == 0 && i < HISTORY_LEN; i++) {
		if (history->left_out[i])
			continue;
		r = step(history, &history->operation[i]);
		if (r > 0)
			*ret_at = i;
	}
	return r;
}

/* Leaves out a part; it stays out if the trees still differ at the same place. */
static int try_without(struct history *history, size_t from, size_t len, size_t at)
{
	bool before[HISTORY_LEN];
	size_t now_at = HISTORY_LEN;
	int r;

	memcpy(before, history->left_out, sizeof(before));
	for (size_t i = from; i < from + len && i < at; i++)
		history->left_out[i] = true;
	r = history_run(history, &now_at);
	if (now_at != at)
		memcpy(history->left_out, before, sizeof(before));
	return r < 0 ? r : 0;
}

static void print_outcomes(const struct outcome outcome[N_SIDES])
{
	static const char *const names[N_SIDES] = { "kernel", "vmpower" };

	for (unsigned int side = 0; side < N_SIDES; side++) {
		printf("  %s: ", names[side]);
		print_outcome(stdout, &outcome[side]);
		putchar('\n');
	}
}

static void print_operations(const struct history *history, size_t last)
{
	for (size_t i = 0; i <= last; i++) {
		if (history->left_out[i])
			continue;
		fputs("    ", stdout);
		print_operation(stdout, &history->operation[i], NULL);
		putchar('\n');
	}
}

int history_print_shortest(struct history *history, size_t at)
{
	struct outcome first[N_SIDES];
	size_t now_at = HISTORY_LEN;
	int r = 0;

	memcpy(first, history->outcome, sizeof(first));
	for (size_t i = at + 1; i < HISTORY_LEN; i++)
		history->left_out[i] = true;
	for (size_t len = HISTORY_LEN; len > 0; len /= 2) {
		for (size_t from = 0; r == 0 && from < at; from += len)
			r = try_without(history, from, len, at);
	}
	if (r == 0)
		r = history_run(history, &now_at);
	if (r < 0)
		return r;
	print_operations(history, at);
	if (now_at == at) {
		print_outcomes(history->outcome);
		return 0;
	}
	print_outcomes(first);
	puts("  the first time, and not when all of it is done again");
	return 0;
}
