# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""What readers of vmpower-hostd's metrics do to it and to each other.

Real libvirt and QEMU without an operating system, as in bench_daemon. Windows of time
with and without 50 slow readers take turns in one run, as what else a machine does
changes more from minute to minute than they do; ratios are of all windows of a kind, and
with each the range in which 95 of 100 drawings of windows have it. Beside the time by the
clock there is the CPU time that vmpower-hostd took. Run by "make bench-daemon", as root.
"""
import contextlib
import random
import statistics
import time

from bench_daemon import create_many
from bed.lateness import p99
from bed.web import Web, connect

PORT = 9846
READERS = 50
DOMAINS = 20
INTERVAL_MS = 100
WINDOW_S = 2
PAIRS = 15

REQUESTS = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200


class SlowReaders:
    """They ask for much, and read a byte now and then."""

    def __init__(self, host, n):
        self.sockets = [connect(host, PORT, receive_buffer=4096) for _ in range(n)]
        for s in self.sockets:
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                s.send(REQUESTS)

    def read(self):
        for s in self.sockets:
            with contextlib.suppress(BlockingIOError):
                assert s.recv(1), "it was hung up on"

    def close(self):
        for s in self.sockets:
            s.close()


class Window:
    """What a scraper and the ticks see for a while."""

    def __init__(self, hostd, web, readers=None):
        self.late_ms, self.scrapes_ms = {}, []
        begin_cpu, begin = hostd.cpu_s(), time.monotonic()
        while time.monotonic() < begin + WINDOW_S:
            connection = web.connection()
            asked = time.perf_counter()
            connection.request("GET", "/metrics")
            body = connection.getresponse().read()
            self.scrapes_ms.append((time.perf_counter() - asked) * 1e3)
            connection.close()
            assert body
            tick = hostd.get("/api/v1/host")
            self.late_ms[tick["tick"]] = int(tick["tick_late_ns"]) / 1e6
            if readers:
                readers.read()
            time.sleep(0.02)
        self.cpu_ms = (hostd.cpu_s() - begin_cpu) / (time.monotonic() - begin) * 1e3


def all_of(name):
    def values(windows):
        found = (getattr(w, name) for w in windows)
        return [v for part in found for v in (part.values() if isinstance(part, dict) else part)]
    return values


MEASURES = {
    "a tick's lateness, p99, ms": lambda w: p99(all_of("late_ms")(w)),
    "a tick's lateness, median, ms": lambda w: statistics.median(all_of("late_ms")(w)),
    "another's scrape, p99, ms": lambda w: p99(all_of("scrapes_ms")(w)),
    "another's scrape, median, ms": lambda w: statistics.median(all_of("scrapes_ms")(w)),
    "CPU time a second, ms": lambda w: statistics.mean(x.cpu_ms for x in w),
}


def ratio_range(measure, pairs):
    """Of pairs of windows drawn with replacement, as often as there are."""
    drawn = random.Random(1)
    ratios = sorted(
        measure([b for _, b in some]) / measure([a for a, _ in some])
        for some in (drawn.choices(pairs, k=len(pairs)) for _ in range(1000)))
    return ratios[25], ratios[974]


def bench_slow_readers(bed, capsys):
    host = bed.host()
    hostd = bed.hostd(host, bed.simrapl(host), "--interval-ms", INTERVAL_MS,
                      "--compat", "scaphandre, kepler")
    create_many(bed, host, DOMAINS)
    web = Web(host, PORT)
    time.sleep(3)
    pairs = []
    for _ in range(PAIRS):
        alone = Window(hostd, web)
        readers = SlowReaders(host, READERS)
        try:
            pairs.append((alone, Window(hostd, web, readers)))
        finally:
            readers.close()
        # What they asked for goes with them.
        time.sleep(0.3)
    with capsys.disabled():
        print(f"\n{READERS} slow readers, {DOMAINS} domains, {PAIRS} x {WINDOW_S} s with and without:")
        for name, measure in MEASURES.items():
            alone, beside = (measure([pair[i] for pair in pairs]) for i in (0, 1))
            low, high = ratio_range(measure, pairs)
            print(f"  {name:30} {alone:7.2f} -> {beside:7.2f}: {beside / alone:.2f} x "
                  f"({low:.2f} to {high:.2f})")
