# SPDX-License-Identifier: LGPL-2.1-or-later
# vmpower-guest: keeper, port, mirror.
noinst_LIBRARIES += guest/libguest.a
guest_libguest_a_SOURCES = \
	guest/agent.c guest/agent.h \
	guest/board.c guest/board.h \
	guest/caller.c guest/caller.h \
	guest/channel.c guest/channel.h \
	guest/cover.c guest/cover.h \
	guest/fd_message.c guest/fd_message.h \
	guest/keeper.c guest/keeper.h \
	guest/keeper_call.c guest/keeper_call.h \
	guest/mirror.c guest/mirror.h \
	guest/mountinfo.c guest/mountinfo.h \
	guest/msr_devices.c guest/msr_devices.h \
	guest/msr_server.c guest/msr_server.h \
	guest/place.c guest/place.h \
	guest/port.c guest/port.h \
	guest/present.c guest/present.h \
	guest/privileges.c guest/privileges.h \
	guest/rundir.c guest/rundir.h \
	guest/settings.c guest/settings.h \
	guest/state.c guest/state.h \
	guest/status.c guest/status.h \
	guest/view.c guest/view.h \
	guest/worker.c guest/worker.h
guest_LIBS = guest/libguest.a $(fuse_powercap_LIBS)

sbin_PROGRAMS += vmpower-guest
vmpower_guest_SOURCES = guest/main.c
vmpower_guest_LDADD = $(guest_LIBS)
dist_man8_MANS += guest/vmpower-guest.8
