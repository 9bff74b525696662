/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* ncurses: keys in, cells out. */
#include "config.h"

#include "host/top_screen.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>

#include "host/top_view.h"

/* How long a sequence of a key may take to come, in ms; then it is Escape alone. */
#define ESCAPE_MS 50

static int refuse(char error[TOP_SCREEN_ERROR_SIZE], const char *what)
{
	snprintf(error, TOP_SCREEN_ERROR_SIZE,
		"%s; --once prints the table once, --json a line for each tick", what);
	return -ENOTTY;
}

/* newterm() would not say so of one that cannot move its cursor. */
static bool can_draw(void)
{
	int status;
	bool can;

	if (setupterm(NULL, STDOUT_FILENO, &status) != OK)
		return false;
	can = cursor_address != NULL;
	del_curterm(cur_term);
	return can;
}

int top_screen_open(char error[TOP_SCREEN_ERROR_SIZE])
{
	const char *term = getenv("TERM");
	char what[TOP_SCREEN_ERROR_SIZE / 2];

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return refuse(error, "standard input and output are no terminal");
	if (!term || !term[0])
		return refuse(
			error, "the kind of terminal is not known (TERM is not set)");
	snprintf(what, sizeof(what), "this terminal cannot be drawn on (TERM is %.40s)",
		term);
	for (char *at = what; *at; at++) {
		if (*at < ' ' || *at == 0x7f)
			*at = '?';
	}
	if (!can_draw() || !newterm(NULL, stdout, stdin))
		return refuse(error, what);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	return 0;
}

void top_screen_leave(void)
{
	endwin();
}

void top_screen_close(void)
{
	SCREEN *screen;

	endwin();
	screen = set_term(NULL);
	if (screen)
		delscreen(screen);
}

void top_screen_repaint(void)
{
	clearok(curscr, TRUE);
}

void top_screen_return(void)
{
	reset_prog_mode();
	top_screen_repaint();
	refresh();
}

void top_screen_size(size_t *ret_width, size_t *ret_height)
{
	struct winsize size;
	int height, width;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
		size.ws_col > 0 && is_term_resized(size.ws_row, size.ws_col)) {
		resizeterm(size.ws_row, size.ws_col);
		top_screen_repaint();
	}
	getmaxyx(stdscr, height, width);
	*ret_width = (size_t)width;
	*ret_height = (size_t)height;
}

static attr_t attribute(enum top_look look)
{
	static const attr_t attributes[] = {
		[TOP_LOOK_PLAIN] = A_NORMAL,
		[TOP_LOOK_STRONG] = A_BOLD,
		[TOP_LOOK_BAR] = A_REVERSE,
		[TOP_LOOK_BAR_STRONG] = A_BOLD,
		[TOP_LOOK_SELECTED] = A_REVERSE | A_BOLD,
		[TOP_LOOK_ALERT] = A_BOLD | A_UNDERLINE,
	};

	return attributes[look];
}

static void draw_cell(const struct top_frame *frame, size_t line, size_t column)
{
	const struct top_cell *cell = top_frame_cell(frame, line, column);
	const wchar_t text[] = { cell->character, L'\0' };
	cchar_t out;

	/* The right half of a wide character is drawn with the left one. */
	if (cell->character && setcchar(&out, text, attribute(cell->look), 0, NULL) == OK)
		mvadd_wch((int)line, (int)column, &out);
}

void top_screen_draw(const struct top_frame *frame)
{
	erase();
	for (size_t line = 0; line < frame->height; line++) {
		for (size_t column = 0; column < frame->width; column++)
			draw_cell(frame, line, column);
	}
	refresh();
}

int top_screen_key(void)
{
	static const struct {
		wint_t code;
		int key;
	} keys[] = {
		{ KEY_UP, TOP_KEY_UP },
		{ KEY_DOWN, TOP_KEY_DOWN },
		{ KEY_PPAGE, TOP_KEY_PAGE_UP },
		{ KEY_NPAGE, TOP_KEY_PAGE_DOWN },
		{ KEY_HOME, TOP_KEY_HOME },
		{ KEY_END, TOP_KEY_END },
		{ KEY_ENTER, TOP_KEY_ENTER },
	};
	wint_t code;
	int r = get_wch(&code);

	if (r == ERR)
		return -1;
	if (r == OK && (code == '\r' || code == '\n'))
		return TOP_KEY_ENTER;
	if (r == OK && code == '\033')
		return TOP_KEY_ESCAPE;
	for (size_t i = 0; r == KEY_CODE_YES && i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].code == code)
			return keys[i].key;
	}
	return r == OK ? (int)code : 0;
}
