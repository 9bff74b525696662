# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The ledger's export, beside a daemon and without it: what was published, exactly."""
import csv
import io
import json
import os
import subprocess

import pytest

from bed.follower import Follower
from bed.ledger import Ledger

IDLE_W, BUSY_W = 10, 20
DRAM_IDLE_W, DRAM_BUSY_W = 2, 3


@pytest.fixture(name="scene")
def scene_fixture(bed):
    """A daemon that measures two guests."""
    host = bed.host()
    sim = bed.simrapl(host, packages=",".join("0" * os.cpu_count()), idle_w=IDLE_W, busy_w=BUSY_W,
                      dram_idle_w=DRAM_IDLE_W, dram_busy_w=DRAM_BUSY_W)
    one, two = bed.guests(host, {"one": (), "two": ()})
    one.load(0.5)
    two.load(0.3)
    hostd = bed.hostd(host, sim)
    follow = bed.owned(Follower(hostd))
    follow.wait(lambda a: len(a.domains) == 2, "both are measured")
    return hostd, two, follow


def export(hostd, *options):
    """The rows, and nothing on stderr."""
    r = subprocess.run([hostd.build / "vmpower", "ledger", "export", "--state-dir",
                        hostd.state_dir, *options], capture_output=True, text=True, check=False,
                       timeout=30)
    assert r.returncode == 0 and not r.stderr, r.stderr
    return r.stdout


def rows(text):
    """Of CSV or NDJSON, all of them as {column: text}."""
    if text.startswith("{"):
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def sums(some):
    """{(uuid, zone, kind): microjoules}"""
    found = {}
    for row in some:
        key = row["uuid"], row["zone"], row["kind"]
        found[key] = found.get(key, 0) + int(row["energy_uj"])
    return found


def test_export_is_the_ledger(scene):
    """Whether the daemon runs, was killed, or is back; by hour, by day, in total."""
    hostd, two, follow = scene
    kinds = ("dynamic", "idle")
    before = follow.next(2)
    running = sums(rows(export(hostd, "--interval", "total")))
    after = follow.next(2)
    for uuid, zones in before.domains.items():
        for zone in zones:
            for k, kind in enumerate(kinds):
                assert before.domains[uuid][zone][k] <= running[uuid, zone, kind] \
                    <= after.domains[uuid][zone][k]

    two.destroy()
    follow.wait(lambda a: two.uuid not in a.json, "it has gone", after_ns=after.t_ns)
    follow.next(2)
    hostd.kill()
    ledger = Ledger(hostd.state_dir / "ledger")
    text = export(hostd, "--interval", "total")
    found = sums(rows(text))
    for zone, account in ledger.zones.items():
        for k, kind in enumerate(kinds):
            assert found["host", zone, kind] == account["host"][k]
            for uuid, zones in ledger.domains.items():
                assert found[uuid, zone, kind] == zones[zone][k]
        assert found["unattributed", zone, "unattributed"] == account["unattributed"]
        assert sum(uj for (_, z, _), uj in found.items() if z == zone) == account["total"]
    assert {u for u, _, _ in found} == {*ledger.domains, "host", "unattributed"}
    assert {r["name"] for r in rows(text)} == {"one", "two", ""}
    assert {r["source"] for r in rows(text)} == {"powercap"}
    assert len({r["ledger"] for r in rows(text)}) == 1
    # Nothing was learned yet if no stretch was idle enough.
    assert {r["idle_origin"] for r in rows(text)} <= {"", "learned"}
    for options in ((), ("--interval", "day"), ("--format", "json")):
        assert sums(rows(export(hostd, *options))) == found
    only = sums(rows(export(hostd, "--domain", "two")))
    assert only == {key: uj for key, uj in found.items() if key[0] == two.uuid}

    # Two files of one host are an overlap, and twice its energy.
    part = hostd.state_dir / "total.csv"
    part.write_text(text, newline="")
    r = subprocess.run([hostd.build / "vmpower", "ledger", "merge", "--json", part, part],
                       capture_output=True, text=True, check=False, timeout=30)
    assert r.returncode == 1 and "twice" in r.stderr
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    assert sums(line for line in lines if line["type"] == "sum") == \
        {key: 2 * uj for key, uj in found.items()}
    assert not [line for line in lines if line["type"] == "gap"]
    assert {line["uuid"] for line in lines if line["type"] == "overlap"} == \
        {*ledger.domains, "host"}

    hostd.start()
    account = follow.wait(lambda a: True, "a tick", after_ns=follow.last().t_ns)
    again = sums(rows(export(hostd)))
    assert all(again[key] >= uj for key, uj in found.items())
    assert all(again["host", zone, "idle"] >= account.host[zone][1] for zone in account.total)
