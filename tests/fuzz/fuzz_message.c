/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Messages of either side from arbitrary bytes, cut into lines as a stream is. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/frame.h"
#include "shared/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data, *line;
	size_t line_len;
	struct message message;
	struct frame frame;
	enum frame_result r;

	if (frame_init(&frame, MESSAGE_HOST_LINE_MAX) < 0)
		return 0;
	while ((r = frame_next(&frame, &bytes, &size, &line, &line_len)) != FRAME_MORE) {
		char again[MESSAGE_HOST_LINE_MAX];

		if (r != FRAME_LINE || message_decode(line, line_len, &message) < 0)
			continue;
		/* What was taken can be said again, and means the same. */
		if (message.type == MESSAGE_WELCOME)
			assert(message_encode_welcome(
				       &message.welcome, again, sizeof(again)) > 0);
		if (message.type == MESSAGE_SAMPLE)
			assert(message_encode_sample(
				       &message.sample, again, sizeof(again)) > 0);
		if (message.type == MESSAGE_HELLO)
			assert(message_encode_hello(
				       &message.hello, again, sizeof(again)) > 0);
	}
	frame_deinit(&frame);
	return 0;
}
