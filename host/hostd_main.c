/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower-hostd. */
#include <stdlib.h>

#include "host/hostd.h"
#include "host/hostd_config.h"

int main(int argc, char **argv)
{
	struct hostd_config config;
	int r;

	hostd_config_parse(argc, argv, &config);
	r = hostd_run(&config);
	hostd_config_deinit(&config);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
