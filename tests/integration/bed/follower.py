# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The accounts that vmpower-hostd publishes, followed across its restarts."""
import http.client
import os
import threading

from bed.process import PATIENCE_S, wait_until

SHARED = ("package", "dram")


def _share(json):
    return int(json["dynamic_uj"]), int(json["idle_uj"])


class Account:
    """What one tick published. Energies are microjoules, shares (dynamic, idle)."""

    def __init__(self, host, domains):
        self.t_ns = int(host["boottime_ns"])
        self.number = int(host["tick"])
        self.quality = host["quality"]
        self.connected = host["libvirt"]["connected"]
        zones = [z for z in host["zones"] if z["kind"] in SHARED]
        self.total = {z["name"]: int(z["energy"]["total_uj"]) for z in zones}
        self.unattributed = {z["name"]: int(z["energy"]["unattributed_uj"]) for z in zones}
        self.host = {z["name"]: _share(z["energy"]["host"]) for z in zones}
        self.ended = {z["name"]: _share(z["energy"]["ended_domains"]) for z in zones}
        self.json = {d["uuid"]: d for d in domains["domains"]}
        self.domains = {uuid: {z: _share(d["zones"][z]["energy"]) for z in self.total}
                        for uuid, d in self.json.items()}

    def domain_uj(self, uuid):
        """All of a domain."""
        return sum(sum(share) for share in self.domains[uuid].values())

    def link(self, uuid):
        return self.json[uuid]["link"]["state"]

    def cumulative(self):
        """All that must never decrease, by name."""
        found = {}
        for zone, total in self.total.items():
            found[zone, "total"] = total
            found[zone, "unattributed"] = self.unattributed[zone]
            found[zone, "host", "dynamic"], found[zone, "host", "idle"] = self.host[zone]
            for uuid, zones in self.domains.items():
                found[zone, uuid, "dynamic"], found[zone, uuid, "idle"] = zones[zone]
        return found

    def sums(self):
        """By zone: what is to be its total."""
        return {zone: self.unattributed[zone] + sum(self.host[zone]) + sum(self.ended[zone]) +
                sum(sum(zones[zone]) for zones in self.domains.values()) for zone in self.total}


class Follower:
    """Polls a hostd in a thread, also while it is away, and checks every tick it sees.

    It goes before other processes, so as to see every tick; hardly ever it misses one.
    """

    def __init__(self, hostd, every=0.1):
        self._hostd = hostd
        self._every = every
        self._ending = threading.Event()
        self._polling = threading.Lock()
        self._error = None
        self._highest = {}
        self.accounts = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _get(self):
        try:
            host, domains = (self._hostd.get(f"/api/v1/{p}") for p in ("host", "domains"))
        except (OSError, http.client.HTTPException, AssertionError):
            return None  # away, or without a tick yet
        # One may come between the two.
        return Account(host, domains) if host["tick"] == domains["tick"] else None

    def _take(self, account):
        if self.accounts and account.t_ns == self.accounts[-1].t_ns:
            return
        assert account.sums() == account.total, (account.number, account.ended)
        for key, value in account.cumulative().items():
            assert value >= self._highest.get(key, 0), (key, value, self._highest[key])
            self._highest[key] = value
        self.accounts.append(account)

    def _run(self):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -20)
        try:
            while not self._ending.is_set():
                with self._polling:
                    account = self._get()
                    if account:
                        self._take(account)
                self._ending.wait(self._every)
        except Exception as e:  # pylint: disable=broad-except # raised by check()
            self._error = e

    def check(self):
        """Raises what was found wrong so far."""
        if self._error:
            raise self._error

    def forget(self):
        """What comes next may be lower: a ledger was lost on purpose. hostd is not running."""
        with self._polling:
            self._highest = {}

    def last(self):
        self.check()
        return self.accounts[-1]

    def wait(self, condition, what, seconds=PATIENCE_S, after_ns=0):
        """The first account, of those after a time, for which the condition is true."""
        def find():
            self.check()
            return next((a for a in list(self.accounts) if a.t_ns > after_ns and condition(a)),
                        None)
        return wait_until(find, what, seconds)

    def next(self, n=1):
        """The n-th tick from now."""
        account = self.last()
        for _ in range(n):
            account = self.wait(lambda a: True, "a tick", after_ns=account.t_ns)
        return account

    def close(self):
        self._ending.set()
        self._thread.join()
