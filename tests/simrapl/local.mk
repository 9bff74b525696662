# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
# A simulated RAPL for the integration tests.
check_LIBRARIES += tests/simrapl/libsimrapl.a
tests_simrapl_libsimrapl_a_SOURCES = \
	tests/simrapl/cpus.c tests/simrapl/cpus.h \
	tests/simrapl/domains.c tests/simrapl/domains.h \
	tests/simrapl/energy.h \
	tests/simrapl/tree.c tests/simrapl/tree.h
check_PROGRAMS += tests/simrapl/simrapl
tests_simrapl_simrapl_LDADD = tests/simrapl/libsimrapl.a $(shared_LIBS)

if CMOCKA
check_PROGRAMS += tests/unit/test_simrapl
TESTS += tests/unit/test_simrapl
tests_unit_test_simrapl_CFLAGS = $(unit_CFLAGS)
tests_unit_test_simrapl_LDADD = tests/simrapl/libsimrapl.a $(shared_LIBS) $(CMOCKA_LIBS)
endif
