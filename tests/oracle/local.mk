# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
# Compares the agent's tree with the kernel's own, in the integration tests.
if GUEST
check_PROGRAMS += tests/oracle/oracle
tests_oracle_oracle_SOURCES = \
	tests/oracle/feeder.c tests/oracle/feeder.h \
	tests/oracle/handle.c tests/oracle/handle.h \
	tests/oracle/history.c tests/oracle/history.h \
	tests/oracle/listed.c tests/oracle/listed.h \
	tests/oracle/nodes.c tests/oracle/nodes.h \
	tests/oracle/operation.c tests/oracle/operation.h \
	tests/oracle/oracle.c \
	tests/oracle/print.c tests/oracle/print.h \
	tests/oracle/side.c tests/oracle/side.h \
	tests/unit/random.h
tests_oracle_oracle_LDADD = $(shared_LIBS)
endif
EXTRA_DIST += tests/oracle/differences tests/oracle/module
