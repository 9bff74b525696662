/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) the vmpower authors */
/* vmpower-guest: the agent inside a virtual machine. */
#include "guest/keeper.h"
#include "guest/settings.h"

int main(int argc, char **argv)
{
	struct settings settings;

	settings_parse(&settings, argc, argv);
	return keeper_run(&settings);
}
