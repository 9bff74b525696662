/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* A target that ticks are pushed to: a section [push "NAME"] of the configuration. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/labels.h"
#include "host/push_format.h"
#include "shared/options.h"

/* Of a value, which is on a line of at most 190 bytes. */
#define PUSH_CONFIG_TEXT_SIZE 192
#define PUSH_CONFIG_NAME_SIZE 64

struct push_config {
	char name[PUSH_CONFIG_NAME_SIZE];
	struct options_place place;	  /* of the section, or of its first part */
	const struct push_format *format; /* NULL: the section does not say */
	char url[PUSH_CONFIG_TEXT_SIZE];
	char labels[LABELS_SIZE]; /* of all points; without the host's */
	uint32_t interval_ms;	  /* between batches */
	uint32_t sample_ms;	  /* between the ticks that are pushed; 0: all are */
	uint32_t batch_ticks;	  /* at most so many in a batch */
	uint32_t queue_mib;	  /* the bound of what waits */
	uint32_t timeout_s;	  /* of one attempt */
	uint32_t retry_max_s;	  /* the bound between attempts */
	char tls_ca[PUSH_CONFIG_TEXT_SIZE];	   /* "": the system's */
	char user[PUSH_CONFIG_TEXT_SIZE];	   /* of Basic authentication; "": none */
	char password_file[PUSH_CONFIG_TEXT_SIZE]; /* its password */
	char token_file[PUSH_CONFIG_TEXT_SIZE];	   /* "": none */
};

/* The defaults. */
void push_config_init(struct push_config *config);

/* As set_in_section of struct options, for one key. */
int push_config_set(struct push_config *config, const char *key, const char *value,
	const char **ret_expected);

/* What is wrong with the section as a whole; NULL: nothing. */
const char *push_config_problem(const struct push_config *config);
