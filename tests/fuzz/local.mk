# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
# A target fuzz_NOUN with its corpus in corpus/NOUN; --enable-fuzzers links libFuzzer,
# else replay_main.c runs it over the corpus.
if FUZZERS
fuzz_main =
fuzz_link = $(AM_LDFLAGS) -fsanitize=fuzzer
else
fuzz_main = tests/fuzz/replay_main.c
fuzz_link = $(AM_LDFLAGS)
endif

# shared
fuzz_programs = tests/fuzz/fuzz_message
tests_fuzz_fuzz_message_SOURCES = tests/fuzz/fuzz_message.c $(fuzz_main)
tests_fuzz_fuzz_message_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_message_LDADD = $(shared_LIBS)

if GUEST
# fuse-powercap

# guest
fuzz_programs += tests/fuzz/fuzz_agent
tests_fuzz_fuzz_agent_SOURCES = tests/fuzz/fuzz_agent.c $(fuzz_main)
tests_fuzz_fuzz_agent_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_agent_LDADD = $(guest_LIBS)
endif

if HOST
# host
fuzz_programs += tests/fuzz/fuzz_cgroup
tests_fuzz_fuzz_cgroup_SOURCES = tests/fuzz/fuzz_cgroup.c $(fuzz_main)
tests_fuzz_fuzz_cgroup_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_cgroup_LDADD = $(host_LIBS)
fuzz_programs += tests/fuzz/fuzz_export
tests_fuzz_fuzz_export_SOURCES = tests/fuzz/fuzz_export.c $(fuzz_main)
tests_fuzz_fuzz_export_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_export_LDADD = $(host_LIBS)
fuzz_programs += tests/fuzz/fuzz_http
tests_fuzz_fuzz_http_SOURCES = tests/fuzz/fuzz_http.c $(fuzz_main)
tests_fuzz_fuzz_http_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_http_LDADD = $(host_LIBS)
fuzz_programs += tests/fuzz/fuzz_ledger
tests_fuzz_fuzz_ledger_SOURCES = tests/fuzz/fuzz_ledger.c $(fuzz_main)
tests_fuzz_fuzz_ledger_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_ledger_LDADD = $(host_LIBS)
fuzz_programs += tests/fuzz/fuzz_link
tests_fuzz_fuzz_link_SOURCES = tests/fuzz/fuzz_link.c $(fuzz_main)
tests_fuzz_fuzz_link_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_link_LDADD = $(host_LIBS)
fuzz_programs += tests/fuzz/fuzz_powercap
tests_fuzz_fuzz_powercap_SOURCES = tests/fuzz/fuzz_powercap.c $(fuzz_main)
tests_fuzz_fuzz_powercap_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_powercap_LDADD = $(host_LIBS)
fuzz_programs += tests/fuzz/fuzz_procfs
tests_fuzz_fuzz_procfs_SOURCES = tests/fuzz/fuzz_procfs.c $(fuzz_main)
tests_fuzz_fuzz_procfs_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_procfs_LDADD = $(host_LIBS)
fuzz_programs += tests/fuzz/fuzz_riemann
tests_fuzz_fuzz_riemann_SOURCES = tests/fuzz/fuzz_riemann.c $(fuzz_main)
tests_fuzz_fuzz_riemann_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_riemann_LDADD = $(host_LIBS)
fuzz_programs += tests/fuzz/fuzz_trace
tests_fuzz_fuzz_trace_SOURCES = tests/fuzz/fuzz_trace.c $(fuzz_main)
tests_fuzz_fuzz_trace_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_trace_LDADD = $(host_LIBS)
endif

check_PROGRAMS += $(fuzz_programs)
EXTRA_DIST += tests/fuzz/corpus

check-fuzz: $(fuzz_programs)
	@for p in $(fuzz_programs); do \
		./$$p -runs=0 $(srcdir)/tests/fuzz/corpus/$${p##*/fuzz_} || exit 1; \
	done
