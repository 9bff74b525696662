/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower-guest: the agent inside a virtual machine. */
#include <stdlib.h>

#include "guest/keeper.h"
#include "guest/present.h"
#include "guest/settings.h"

int main(int argc, char **argv)
{
	struct settings settings;

	settings_parse(&settings, argc, argv);
	if (settings.unmount)
		return present_clear(settings.mount) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	return keeper_run(&settings);
}
