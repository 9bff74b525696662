/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower-hostd. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/hostd.h"
#include "host/hostd_config.h"

/* A file that is opened must not become a standard stream, which others write to. */
static void open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct hostd_config config;
	int r;

	open_standard_streams();
	hostd_config_parse(argc, argv, &config);
	r = hostd_run(&config);
	hostd_config_deinit(&config);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
