# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
# Checks beside "make check"; CONTRIBUTING.md has their list.
TESTS += tests/unit/test_includes.sh
EXTRA_DIST += tests/unit/test_includes.sh tests/run tests/tally tests/skips \
	tests/testbed tests/integration

CLANG_FORMAT = clang-format
SHELLCHECK = shellcheck
# Not what may be first on the path: the distribution's has its packages.
PYTHON = /usr/bin/python3

list_formatted = cd $(srcdir) && find shared fuse-powercap guest host tests -name '*.[ch]'
list_scripts = cd $(srcdir) && grep -rlE '^\#(!/bin/(sh|bash|busybox sh)| shellcheck shell=)' \
	autogen.sh tests packaging .ci

# A build of its own below this one.
check-asan:
	@$(MKDIR_P) asan
	cd asan && { test -f Makefile || \
		$(abs_top_srcdir)/configure -q CC=clang --enable-asan --enable-werror; }
	cd asan && $(MAKE) check && $(MAKE) check-fuzz

coverage:
	@$(MKDIR_P) gcov
	cd gcov && { test -f Makefile || $(abs_top_srcdir)/configure -q --enable-coverage; }
	cd gcov && $(MAKE) check
	gcovr -r $(abs_top_srcdir) gcov \
		--filter '$(abs_top_srcdir)/(shared|fuse-powercap|guest|host)/'

# As root. PYTEST_FLAGS="-k clean" and the like choose tests.
check-integration: all $(check_PROGRAMS)
	$(PYTHON) -m pytest -p no:cacheprovider --rootdir=$(abs_top_srcdir) --build=$(abs_top_builddir) \
		$(PYTEST_FLAGS) $(srcdir)/tests/integration

# As root: a tick's cost with real domains, and the agent's.
bench-daemon: all $(check_PROGRAMS)
	$(PYTHON) -m pytest -q -p no:cacheprovider -o python_functions='bench_*' \
		--rootdir=$(abs_top_srcdir) --build=$(abs_top_builddir) \
		$(PYTEST_FLAGS) $(srcdir)/tests/integration/bench_daemon.py \
		$(srcdir)/tests/integration/bench_http.py \
		$(srcdir)/tests/integration/bench_agent.py

format:
	$(list_formatted) | xargs $(CLANG_FORMAT) -i

lint:
	$(list_formatted) | xargs $(CLANG_FORMAT) --dry-run -Werror
	$(list_scripts) | xargs $(SHELLCHECK) -x -P SCRIPTDIR

# What Python leaves in directories that are distributed whole.
dist-hook:
	find $(distdir)/tests -name __pycache__ -prune -exec rm -rf {} +
