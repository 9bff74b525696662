/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/*
 * A terminal for frames, by ncurses: which is only here. It handles no signals: whoever
 * has it opened leaves it before stopping or ending, by whatever way.
 */
#pragma once

#include "host/top_frame.h"

#define TOP_SCREEN_ERROR_SIZE 256

/*
 * Takes the terminal behind stdin and stdout. -ENOTTY: there is none, or none that can
 * be drawn on; then error says so, and what to do. There is one at a time.
 */
int top_screen_open(char error[TOP_SCREEN_ERROR_SIZE]);
/* Gives it back as it was. */
void top_screen_close(void);

/* For a while, as when the program is stopped; and back, drawing anew. */
void top_screen_leave(void);
void top_screen_return(void);

/* Its size now; after it changed the next frame is drawn anew. */
void top_screen_size(size_t *ret_width, size_t *ret_height);
/* The next frame is drawn whole, whatever the terminal may show. */
void top_screen_repaint(void);

/* Shows the frame. Only what differs from the last one is sent. */
void top_screen_draw(const struct top_frame *frame);

/* The next key: a character, or enum top_key (host/top_view.h); -1: none waits. */
int top_screen_key(void);
