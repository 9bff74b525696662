/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* Text that claims to be UTF-8, character by character. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The length of the UTF-8 character at string, which ends with NUL; 0: there is none
 * (RFC 3629: no surrogates, nothing too long or beyond U+10FFFF).
 */
size_t utf8_character_len(const char *string);

/* Whether it is a control character, to which a terminal may listen: of C0, DEL, of C1.
 */
bool utf8_is_control(const char *string);

/* How much of the string fits into max bytes without a character in two parts. */
size_t utf8_cut(const char *string, size_t max);
