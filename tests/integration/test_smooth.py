# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""What readers see of the line between two samples, through the real mount.

No virtual machine; the host is bed/fake_host.py's.
"""
import contextlib
import itertools
import os
import signal
import threading
import time

from bed.fake_host import new_epoch
from bed.process import PATIENCE_S
# pylint: disable-next=unused-import
from test_agent_socket import guest_fixture, host_fixture, proc_field


def test_restart_goes_on_with_the_line(guest, host):
    """An agent that is killed leaves no step behind: 60 W it was, and 60 W it stays."""
    agent = guest.start()
    epoch = new_epoch()
    host.greet(epoch, 1_000_000, 10)
    began = time.monotonic()
    time.sleep(1)
    host.deliver(1_000_000 + round(60e6 * (time.monotonic() - began)), 10)
    before_at, before = time.monotonic(), guest.energy()
    os.kill(guest.worker(agent), signal.SIGKILL)
    assert agent.popen.wait(PATIENCE_S) == 1
    guest.start()
    host.greet(epoch, 1_000_000 + round(60e6 * (time.monotonic() - began)), 10)
    after, after_at = guest.energy(), time.monotonic()
    assert before < after
    assert after - before < 61e6 * (after_at - before_at)


def test_zones_of_one_pass(guest, host):
    """The host's dram is a tenth of its package, and so is what is read of the two."""
    guest.start()
    # Stale before one of the lines is down to the least speed, and the other is not.
    host.greet(new_epoch(), 1_000_000, 100_000, period_ms=200, stale_after_ms=1000)
    stop = threading.Event()

    def stream():
        uj = 1_000_000
        while not stop.wait(0.2):
            uj += 6_000_000
            host.deliver(uj, uj // 10)

    streaming = threading.Thread(target=stream)
    streaming.start()
    fds = [os.open(os.path.join(guest.zone(zone), "energy_uj"), os.O_RDONLY)
           for zone in ("intel-rapl:0", "intel-rapl:0:0")]
    passes = set()
    begin = time.monotonic()
    try:
        # On a busy machine there may be few that can be taken.
        while time.monotonic() < begin + 3 or \
                len(passes) <= 50 and time.monotonic() < begin + PATIENCE_S:
            began = time.monotonic()
            # On a busy machine a sample can be late, and a pass take longer than passes last.
            with contextlib.suppress(OSError):
                package, dram = (int(os.pread(fd, 64, 0)) for fd in fds)
                if time.monotonic() - began < 0.009:
                    passes.add((package, dram))
            time.sleep(0.001)
    finally:
        stop.set()
        streaming.join()
        for fd in fds:
            os.close(fd)
    assert len(passes) > 50
    for package, dram in passes:
        assert abs(package - 10 * dram) <= 20, (package, dram)


def test_samples_take_no_memory(guest, host):
    agent = guest.start()
    host.greet(new_epoch(), 1_000_000, 100_000)
    pid, numbers = guest.worker(agent), itertools.count()

    def deliver(n):
        for _ in range(n):
            uj = 2_000_000 + 30_000_000 * next(numbers)
            host.deliver(uj, uj // 10)
        return int(proc_field(pid, "VmRSS")[0])

    first_kib = deliver(100)
    last_kib = deliver(1000)
    assert last_kib - first_kib < 64
    # Sanitizers take what they need.
    with open(f"/proc/{pid}/maps", encoding="ascii") as file:
        if "asan" not in file.read():
            assert last_kib <= 5000
