# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Real parts for the integration tests: libvirt hosts, guests, daemons, simulated RAPL.

Everything started here ends with the object that started it, and with this process.
"""
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parents[2]
TESTBED = TESTS / "testbed"
sys.path.insert(0, str(TESTBED))
