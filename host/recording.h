/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * hostd --record: hands each tick of the sampler to the recorder, and says on the log
 * what becomes of the file. A recording is of use to somebody; that energy is measured,
 * to everybody: nothing here keeps a tick from being made.
 */
#pragma once

#include "host/output_log.h"
#include "host/recorder.h"
#include "host/sampler.h"

/* Zeroed: nothing is recorded. */
struct recording {
	struct recorder *recorder;
	struct output_log log;
};

/* path empty: nothing is to be recorded. It must outlive the recording. */
void recording_start(struct recording *recording, const char *path);

/* The sampler's last tick. */
void recording_add(struct recording *recording, const struct sampler *sampler);

void recording_stop(struct recording *recording);
