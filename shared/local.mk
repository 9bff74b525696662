# SPDX-License-Identifier: LGPL-2.1-or-later
# What host and guest have in common.
noinst_LIBRARIES += shared/libshared.a
shared_libshared_a_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS) $(INIH_CFLAGS)
shared_libshared_a_SOURCES = \
	shared/array.c shared/array.h \
	shared/cleanup.h \
	shared/clock.h \
	shared/counter.c shared/counter.h \
	shared/frame.c shared/frame.h \
	shared/log.c shared/log.h \
	shared/message.c shared/message.h \
	shared/notify.c shared/notify.h \
	shared/number.c shared/number.h \
	shared/options.c shared/options.h \
	shared/rooted.c shared/rooted.h \
	shared/uuid.c shared/uuid.h
EXTRA_DIST += shared/PROTOCOL.md
shared_LIBS = shared/libshared.a $(CJSON_LIBS) $(INIH_LIBS) -lm
