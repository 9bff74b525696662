# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""What vmpower-hostd publishes, tick by tick, while something else goes on."""
import bisect
import os
import threading
import time

from bed.process import PATIENCE_S, wait_until

SHARED = ("package", "dram")


class Tick:
    """Both documents of one tick. Energies are microjoules."""

    def __init__(self, host, domains):
        self.number = int(host["tick"])
        self.t_ns = int(host["boottime_ns"])
        self.host = host
        self.zones = {z["name"]: z for z in host["zones"]}
        self.domains = {d["uuid"]: d for d in domains["domains"]}

    def shared_zones(self):
        return [z for z in self.zones.values() if z["kind"] in SHARED]

    def total_uj(self, zone):
        return int(self.zones[zone]["energy"]["total_uj"])

    def unattributed_uj(self, zone):
        return int(self.zones[zone]["energy"]["unattributed_uj"])

    def domain_uj(self, uuid, zone, kind):
        """Of a domain in a zone of the host; kind: dynamic or idle."""
        return int(self.domains[uuid]["zones"][zone]["energy"][f"{kind}_uj"])

    def ledger_uj(self, uuid, kind):
        """Dynamic and idle energy of a domain in all the host's zones of a kind."""
        return sum(self.domain_uj(uuid, z["name"], what)
                   for z in self.zones.values() if z["kind"] == kind
                   for what in ("dynamic", "idle"))

    def guest_uj(self, uuid, what="measured"):
        """What a domain's guest is told (measured) or has acknowledged (acked), by zone."""
        return [int(z[f"{what}_uj"]) for z in self.domains[uuid]["link"]["zones"]]

    def guest_sum_uj(self, uuid, kind):
        """Of the guest's zones of a kind."""
        return sum(int(z["measured_uj"]) for z in self.domains[uuid]["link"]["zones"]
                   if z["name"].startswith(kind))

    def check_adds_up(self):
        """In every zone: domains + host + unattributed == the zone, to the microjoule."""
        for zone in self.shared_zones():
            for span in ("energy", "last_tick"):
                account = zone[span]
                shares = [account["host"], account["ended_domains"]]
                shares += [d["zones"][zone["name"]][span] for d in self.domains.values()]
                found = int(account["unattributed_uj"])
                found += sum(int(s["dynamic_uj"]) + int(s["idle_uj"]) for s in shares)
                assert found == int(account["total_uj"]), (self.number, zone["name"], span)


class Watch:
    """Polls a hostd in a thread, from its making to stop().

    It goes before other processes, so as to see every tick; hardly ever, after one that
    came late, it misses one.
    """

    def __init__(self, hostd, every=0.1):
        self._hostd = hostd
        self._every = every
        self._ending = threading.Event()
        self._error = None
        self._ticks = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _take(self):
        host = self._hostd.get("/api/v1/host")
        domains = self._hostd.get("/api/v1/domains")
        # A tick may come between the two; there is time for both until the next.
        if host["tick"] != domains["tick"]:
            return False
        if not self._ticks or int(host["tick"]) != self._ticks[-1].number:
            self._ticks.append(Tick(host, domains))
        return True

    def _run(self):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -20)
        try:
            while not self._ending.is_set():
                if self._take():
                    self._ending.wait(self._every)
        except Exception as e:  # pylint: disable=broad-except # raised in the test's thread
            self._error = e

    def ticks(self):
        """Those so far."""
        if self._error:
            raise self._error
        return list(self._ticks)

    def sleep(self, seconds):
        """Until the first tick so many seconds after now; that tick."""
        t_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(seconds * 1e9)
        return wait_until(lambda: next((t for t in self.ticks() if t.t_ns >= t_ns), None),
                          f"a tick after {seconds} s", seconds + PATIENCE_S)

    def wait_for_ticks(self, n, after_ns):
        """Until so many were seen after a time; the last of them."""
        return wait_until(
            lambda: len(later := [t for t in self.ticks() if t.t_ns > after_ns]) >= n and
            later[n - 1], f"{n} ticks")

    def wait_for_ack(self, uuid):
        """Until a guest has acknowledged a sample."""
        wait_until(lambda: (ticks := self.ticks()) and uuid in ticks[-1].domains and
                   int(ticks[-1].domains[uuid]["link"]["acked_seq"]),
                   f"an ack of {uuid}")

    def guest_uj(self, uuid, zone, t_ns):
        """What a guest's zone (a number) had used at a time between two ticks."""
        ticks = self.ticks()
        after = bisect.bisect([t.t_ns for t in ticks], t_ns)
        assert 0 < after < len(ticks), "not watched at that time"
        a, b = ticks[after - 1], ticks[after]
        x, y = a.guest_uj(uuid)[zone], b.guest_uj(uuid)[zone]
        return x + (y - x) * (t_ns - a.t_ns) / (b.t_ns - a.t_ns)

    def stop(self):
        """All ticks; each adds up."""
        self.close()
        ticks = self.ticks()
        for tick in ticks:
            tick.check_adds_up()
        return ticks

    def close(self):
        self._ending.set()
        self._thread.join()
