# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""What a tick of vmpower-hostd costs with 2 and with 50 domains, and what it holds; and
what all of it costs with 100, scraped each second and with every output on.

Real libvirt, real QEMU without an operating system: every vCPU halts and is woken by its
timer, so that every thread moves in every tick. Printed beside the floor of the same
run: as many preads of a schedstat file as the domains have threads. Run by
"make bench-daemon", as root.
"""
import concurrent.futures
import contextlib
import os
import pathlib
import statistics
import threading
import time

from bed.bare import BareDomains
from bed.web import Web

PORT = 9846
TICKS = 20
EVERYTHING_S = 30
INTERVAL_MS = 250


def create_many(bed, host, n, made=0):
    """So many domains in all, where there are some already."""
    domains = BareDomains(host, bed.directory(), "qemu", vcpus=4)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda i: domains.create(f"d{i}"), range(made, n)))


def ticks(hostd):
    """TICKS different ticks as hostd tells them."""
    seen = {}
    while len(seen) < TICKS:
        tick = hostd.get("/api/v1/host")
        seen[tick["tick"]] = int(tick["tick_cost_ns"])
        time.sleep(INTERVAL_MS / 1000 / 4)
    return list(seen.values())


def n_threads(host):
    tids = host.run("sh", "-c",
                    "for f in /run/libvirt/qemu/*.pid; do ls /proc/$(cat $f)/task; done")
    return len(tids.stdout.split())


def floor_ns(n):
    """One pread of a kept-open schedstat, times n."""
    fd = os.open("/proc/self/schedstat", os.O_RDONLY)
    times = []
    for _ in range(TICKS):
        begin = time.perf_counter_ns()
        for _ in range(n):
            os.pread(fd, 64, 0)
        times.append(time.perf_counter_ns() - begin)
    os.close(fd)
    return statistics.median(times)


def rss_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return {line.split(":")[0]: line.split()[1] for line in status.splitlines()
            if line.startswith(("VmRSS", "RssAnon"))}


def bench_daemon(bed, capsys):
    host = bed.host()
    sim = bed.simrapl(host)
    hostd = bed.hostd(host, sim, "--interval-ms", str(INTERVAL_MS))
    made = 0
    for n in (2, 50):
        create_many(bed, host, n, made)
        made = n
        time.sleep(3)
        cost, threads = ticks(hostd), n_threads(host)
        with capsys.disabled():
            median = statistics.median(cost)
            print(f"\n{n:3} domains, {threads:4} threads: tick {median / 1e3:8.1f} us "
                  f"(worst {max(cost) / 1e3:.1f} us), {median / floor_ns(threads):.1f} x "
                  f"the preads alone; {rss_kib(hostd.process.pid)} KiB")


class Scraper:
    """Takes the metrics each second, from its making to close()."""

    def __init__(self, web):
        self._web = web
        self._ending = threading.Event()
        self.sizes = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ending.wait(1):
            self.sizes.append(len(self._web.request("/metrics").body))

    def close(self):
        self._ending.set()
        self._thread.join()


def bench_everything_on(bed, capsys):
    """100 domains, one tick a second: less than half a percent of a core is wanted."""
    host = bed.host()
    directory = bed.directory()
    hostd = bed.hostd(host, bed.simrapl(host), "--compat", "scaphandre, kepler",
                      "--json", directory / "ticks.json", "--csv", directory / "ticks.csv")
    create_many(bed, host, 100)
    # At first it looks more often for what belongs to them, and libvirt is asked.
    time.sleep(20)
    for scraped in (False, True):
        with contextlib.ExitStack() as stack:
            if scraped:
                scraper = Scraper(Web(host, PORT))
                stack.callback(scraper.close)
            begin_cpu_s, begin_s = hostd.cpu_s(), time.monotonic()
            time.sleep(EVERYTHING_S)
            share = (hostd.cpu_s() - begin_cpu_s) / (time.monotonic() - begin_s)
        scrapes = f"scraped {len(scraper.sizes)} times, {max(scraper.sizes)} bytes" \
            if scraped else "not scraped"
        with capsys.disabled():
            print(f"\n100 domains, {n_threads(host)} threads, every output on, {scrapes}: "
                  f"{share * 100:.2f} % of a core; {rss_kib(hostd.process.pid)} KiB")
