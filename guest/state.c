/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* RUN/state: two checked slots, written in turn. */
#include "guest/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_SLOTS 2
/* A page each, so that a write to one never touches the other. */
#define SLOT_SIZE 4096

/* "vmpgst", and the version of what follows. Of the machine's own byte order. */
#define MAGIC UINT64_C(0x766d706773740002)

struct slot {
	uint64_t magic;
	uint64_t checksum; /* of all that follows it */
	uint64_t generation;
	struct uuid boot_id;
	uint64_t reserved; /* 0 */
	struct mirror_memory memory;
};

_Static_assert(sizeof(struct mirror_zone) == 48, "no padding is stored");
_Static_assert(sizeof(struct mirror_memory) ==
		       48 + POWERCAP_ZONES_MAX * 48 + sizeof(struct virtual_plan),
	"no padding is stored");
_Static_assert(
	sizeof(struct slot) == 48 + sizeof(struct mirror_memory), "no padding is stored");
_Static_assert(sizeof(struct slot) <= SLOT_SIZE, "a slot fits into its page");

struct state {
	int fd;
	struct slot slot; /* the last one written or read */
};

/* FNV-1a, 64 bits: against torn and damaged slots, not against an adversary. */
static uint64_t slot_checksum(const struct slot *slot)
{
	const unsigned char *from = (const unsigned char *)&slot->generation;
	const unsigned char *end = (const unsigned char *)(slot + 1);
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; from != end; from++)
		hash = (hash ^ *from) * UINT64_C(0x100000001b3);
	return hash;
}

static off_t slot_offset(uint64_t generation)
{
	return (off_t)(generation % N_SLOTS * SLOT_SIZE);
}

/* The newest whole slot. Whether there is one; *ret_empty: nothing was ever there. */
static int read_slots(int fd, struct slot *ret_slot, bool *ret_valid, bool *ret_empty)
{
	struct slot best = { 0 };
	bool valid = false;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	for (uint64_t i = 0; i < N_SLOTS; i++) {
		struct slot slot;
		ssize_t n = pread(fd, &slot, sizeof(slot), slot_offset(i));

		if (n < 0)
			return -errno;
		if (n != (ssize_t)sizeof(slot) || slot.magic != MAGIC ||
			slot.checksum != slot_checksum(&slot))
			continue;
		if (!valid || slot.generation > best.generation)
			best = slot;
		valid = true;
	}
	*ret_slot = best;
	*ret_valid = valid;
	*ret_empty = st.st_size == 0;
	return 0;
}

static int open_file(int run_fd)
{
	int fd = openat(
		run_fd, STATE_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

/* What is there is kept for whoever wants to know why; a new file takes its place. */
static int replace_file(int run_fd, int *fd)
{
	int new_fd;

	if (renameat(run_fd, STATE_NAME, run_fd, STATE_ASIDE_NAME) < 0)
		return -errno;
	new_fd = open_file(run_fd);
	if (new_fd < 0)
		return new_fd;
	close(*fd);
	*fd = new_fd;
	return 0;
}

static bool memory_is_ours(const struct mirror_memory *memory)
{
	struct mirror mirror;

	return mirror_restore(&mirror, memory, UINT64_MAX) == 0;
}

int state_open(int run_fd, const struct uuid *boot_id, struct state **ret_state,
	enum state_found *ret_found, struct mirror_memory *ret_memory)
{
	cleanup_state struct state *state = calloc(1, sizeof(*state));
	enum state_found found;
	bool valid, empty;
	int r;

	if (!state)
		return -ENOMEM;
	state->fd = open_file(run_fd);
	if (state->fd < 0)
		return state->fd;
	r = read_slots(state->fd, &state->slot, &valid, &empty);
	if (r < 0)
		return r;
	if (empty)
		found = STATE_NONE;
	else if (!valid)
		found = STATE_BAD;
	else if (uuid_compare(&state->slot.boot_id, boot_id) != 0)
		found = STATE_EXPIRED;
	else
		found = memory_is_ours(&state->slot.memory) ? STATE_KEPT : STATE_BAD;
	if (found == STATE_BAD) {
		r = replace_file(run_fd, &state->fd);
		if (r < 0)
			return r;
		state->slot.generation = 0;
	}
	state->slot.magic = MAGIC;
	state->slot.boot_id = *boot_id;
	if (found == STATE_KEPT)
		*ret_memory = state->slot.memory;
	*ret_found = found;
	*ret_state = steal_pointer(&state);
	return 0;
}

struct state *state_free(struct state *state)
{
	if (!state)
		return NULL;
	if (state->fd >= 0)
		close(state->fd);
	free(state);
	return NULL;
}

int state_store(struct state *state, const struct mirror_memory *memory)
{
	struct slot *slot = &state->slot;
	ssize_t n;

	slot->generation++;
	slot->memory = *memory;
	slot->checksum = slot_checksum(slot);
	n = pwrite(state->fd, slot, sizeof(*slot), slot_offset(slot->generation));
	if (n == (ssize_t)sizeof(*slot))
		return 0;
	/* The same slot again next time: the other one is the last that is whole. */
	slot->generation--;
	return n < 0 ? -errno : -EIO;
}
