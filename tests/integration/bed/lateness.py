# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""How late things are, beside how long the machine lets a process wait that is to run now."""
import contextlib
import math
import sys

# Wakes up a hundred times a second; says at its end how late it was at the worst.
BEAT = """
import signal, sys, time
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
worst_s = 0
print("ready", flush=True)
while not ending:
    due_s = time.monotonic() + 0.01
    time.sleep(0.01)
    worst_s = max(worst_s, time.monotonic() - due_s)
print("worst", worst_s * 1e3)
"""



def p99(values):
    return sorted(values)[math.ceil(len(values) * 0.99) - 1]


def is_as_late(late_ms, other_ms, stall_ms):
    """Whether it is no later than 1.2 times another, or than a bystander at the worst.

    Another process may keep the CPU for some ms, which is a slice of the scheduler and a
    tick of its clock: below that, the machine's other work is measured.
    """
    return late_ms <= max(other_ms * 1.2, stall_ms, 5)


class Stalls:
    """worst_ms: nothing on the host can have been more punctual all the time."""
    worst_ms = None


@contextlib.contextmanager
def stalls_of(host, directory):
    """Those meanwhile; known afterwards."""
    stalls = Stalls()
    process = host.spawn([sys.executable, "-c", BEAT], directory / "lateness.log")
    try:
        process.wait_for_log("ready")
        yield stalls
        assert process.stop() == 0
        stalls.worst_ms = float(process.log.read_text().rsplit("worst", 1)[1])
    finally:
        process.close()
