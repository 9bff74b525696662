/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower-guest: the agent inside a virtual machine. */
#include <signal.h>
#include <stdlib.h>

#include "guest/keeper.h"
#include "guest/msr_devices.h"
#include "guest/present.h"
#include "guest/settings.h"

static int unmount(const struct settings *settings)
{
	int msr = msr_devices_clear(settings->msr);
	int tree = present_clear(settings->mount);

	return msr < 0 || tree < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct settings settings;

	/* Some parents leave it ignored; then no child's end would ever be known. */
	signal(SIGCHLD, SIG_DFL);
	settings_parse(&settings, argc, argv);
	if (settings.unmount)
		return unmount(&settings);
	return keeper_run(&settings);
}
