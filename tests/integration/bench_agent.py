# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""What vmpower-guest costs: a read, a day's samples, and time in which nobody reads.

The real agent on a unix socket, in a mount namespace of its own; the host is
bed/fake_host.py's. Run by "make bench-daemon", as root; with PYTEST_FLAGS=--full the
quiet time is ten minutes.
"""
import os
import pathlib
import subprocess
import time

import pytest

from bed.fake_host import FakeHost, new_epoch
from test_agent_socket import Guest, proc_field

DAY_SAMPLES = 86400


@pytest.fixture(name="agent")
def agent_fixture(build, bed):
    """An agent that streams; the guest, the host, and the pids of keeper and worker."""
    guest = Guest(build, bed.directory())
    host = FakeHost(guest.port)
    try:
        keeper = guest.start()
        # Long enough to be read for a while without another sample.
        host.greet(new_epoch(), 1_000_000, 100_000, stale_after_ms=3_600_000)
        yield guest, host, (keeper.pid, guest.worker(keeper))
    finally:
        guest.close()
        host.close()


def cpu_ns(pid):
    return int(pathlib.Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])


def wakeups(pid):
    return int(proc_field(pid, "voluntary_ctxt_switches")[0])


def resident(pid):
    """kB resident, and those shared with nobody."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    private = sum(int(line.split()[1]) for line in rollup.splitlines()
                  if line.startswith("Private_"))
    return int(proc_field(pid, "VmRSS")[0]), private


def bench_read(agent, build):
    """All on one CPU: on two, it is the scheduler's choice of them that is measured."""
    guest, host, pids = agent
    cpu = min(os.sched_getaffinity(0))
    for pid in pids:
        os.sched_setaffinity(pid, {cpu})
    # Far to go, so that the line moves all the time.
    host.deliver(10_000_000_000, 1_000_000_000)
    subprocess.run(["make", "-s", "tests/bench/bench_tree"], cwd=build, check=True)
    subprocess.run(guest.command(
        "taskset", "-c", str(cpu), build / "tests/bench/bench_tree",
        f"{guest.dir}/class/powercap/intel-rapl:0/energy_uj"), check=True)


def bench_day(agent):
    _, host, pids = agent
    before = [resident(pid) for pid in pids]
    begin = time.monotonic()
    for i in range(DAY_SAMPLES):
        host.deliver(2_000_000 + 30_000_000 * i, 200_000 + 3_000_000 * i)
    print(f"\n{DAY_SAMPLES} samples in {time.monotonic() - begin:.0f} s")
    for name, pid, (was, _) in zip(("keeper", "worker"), pids, before):
        rss, private = resident(pid)
        print(f"{name}: {rss} kB resident, {private} kB of it its own, {rss - was:+} kB")


def bench_quiet(agent, full):
    _, host, pids = agent
    seconds = 600 if full else 30
    before = [(cpu_ns(pid), wakeups(pid)) for pid in pids]
    begin = time.monotonic()
    for i in range(seconds):
        host.deliver(2_000_000 + 30_000_000 * i, 200_000 + 3_000_000 * i)
        time.sleep(max(0, begin + i + 1 - time.monotonic()))
    elapsed = time.monotonic() - begin
    total = 0
    print()
    for name, pid, (ns, n) in zip(("keeper", "worker"), pids, before):
        spent = cpu_ns(pid) - ns
        total += spent
        print(f"{name}: {spent / elapsed / 1e7:.4f} % of a CPU, "
              f"{(wakeups(pid) - n) / elapsed:.2f} wake-ups a second")
    print(f"both in {elapsed:.0f} s: {total / elapsed / 1e7:.4f} % of a CPU (at most 0.1 %)")
