# SPDX-License-Identifier: LGPL-2.1-or-later
# Unit tests: one program a noun, each linked with its folder's library.
unit_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)

if CMOCKA
# shared
unit_shared = \
	tests/unit/test_counter \
	tests/unit/test_frame \
	tests/unit/test_message \
	tests/unit/test_number \
	tests/unit/test_options \
	tests/unit/test_rooted \
	tests/unit/test_uuid
tests_unit_test_counter_CFLAGS = $(unit_CFLAGS)
tests_unit_test_counter_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_frame_CFLAGS = $(unit_CFLAGS)
tests_unit_test_frame_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_message_CFLAGS = $(unit_CFLAGS)
tests_unit_test_message_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_number_CFLAGS = $(unit_CFLAGS)
tests_unit_test_number_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_options_CFLAGS = $(unit_CFLAGS)
tests_unit_test_options_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_rooted_CFLAGS = $(unit_CFLAGS)
tests_unit_test_rooted_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
tests_unit_test_uuid_CFLAGS = $(unit_CFLAGS)
tests_unit_test_uuid_LDADD = $(shared_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += $(unit_shared)
TESTS += $(unit_shared)

if GUEST
# fuse-powercap

# guest
endif

if HOST
# host
endif
endif
