# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Load on the host, beside its guests."""
import contextlib
import sys

from bed.process import Process

SPIN = """
import sys, time
share = float(sys.argv[1])
while True:
    end = time.monotonic() + share / 10
    while time.monotonic() < end:
        pass
    time.sleep((1 - share) / 10)
"""


@contextlib.contextmanager
def host_load(directory, share, cpu=None):
    """A process that is busy for a share of the time, on one CPU or any."""
    pin = ["taskset", "-c", cpu] if cpu is not None else []
    process = Process([*pin, sys.executable, "-c", SPIN, share], directory / "load.log")
    try:
        yield
        assert process.alive()
    finally:
        process.close()
