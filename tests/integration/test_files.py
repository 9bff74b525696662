# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower-hostd --json and --csv: exact, whole, and no trouble to the ticks."""
import csv
import fcntl
import json
import os
import random
import signal
import subprocess
import time

import pytest

from bed import TESTBED
from bed.bare import HOSTILE, BareDomains
from bed.process import PATIENCE_S, wait_until
from bed.web import Web

PORT = 9846
INTERVAL_MS = 100
CSV_NAMES = {HOSTILE, 'two,"quoted", words', "=1+1"}
HEAD = ["tick", "time_ns", "uuid", "name", "zone", "kind", "energy_uj", "since_boot_uj",
        "last_tick_uj", "last_tick_ns", "source", "quality"]
WHEN = ("energy", "since_boot", "last_tick")


class Place:
    """A host with two packages, and domains whose names are none for CSV."""

    def __init__(self, bed, domain_type):
        self.host = bed.host()
        self.sim = bed.simrapl(self.host, idle_w=10, busy_w=40, packages=",".join(
            str(i % 2) for i in range(os.cpu_count())))
        self.domains = BareDomains(self.host, bed.directory(), domain_type)
        for name in CSV_NAMES:
            self.domains.create(name)

    def hostd(self, bed, *flags, **options):
        return bed.hostd(self.host, self.sim, "--interval-ms", INTERVAL_MS, "--listen", "none",
                         *flags, **options)


@pytest.fixture(scope="module", name="place")
def place_fixture(request, module_bed):
    return Place(module_bed, request.config.getoption("--domain-type"))


def tick_of(hostd):
    return int(hostd.get("/api/v1/host")["tick"])


def wait_ticks(hostd, n):
    """Until so many more are there; the daemon's disturbance must not matter to them."""
    end = tick_of(hostd) + n
    wait_until(lambda: tick_of(hostd) >= end, f"{n} ticks more")


def json_lines(path):
    """Whole ones, which is all that may be there."""
    text = path.read_bytes()
    assert text.endswith(b"\n") or not text, text[-200:]
    return [json.loads(line) for line in text.splitlines()]


def csv_rows(path, head=True):
    text = path.read_bytes()
    assert text.endswith(b"\r\n") or not text, text[-200:]
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file, strict=True))
    if head:
        assert rows.pop(0) == HEAD
    assert all(len(row) == len(HEAD) for row in rows)
    return [dict(zip(HEAD, row)) for row in rows]


def energies(line, when):
    """{(zone, whose, kind): microjoules} of a line, as CSV calls them."""
    found = {}
    for zone in line["zones"]:
        name, account = zone["name"], zone[when]
        found[name, "zone", "total"] = int(account["total_uj"])
        found[name, "unattributed", "unattributed"] = int(account["unattributed_uj"])
        shares = {"host": account["host"]}
        if zone["kind"] in ("package", "dram"):
            shares["ended"] = account["ended_domains"]
        for d in line["domains"]:
            if name in d["zones"]:
                shares[d["uuid"]] = d["zones"][name][when]
        for whose, share in shares.items():
            for kind in ("dynamic", "idle"):
                found[name, whose, kind] = int(share[f"{kind}_uj"])
    return found


def check_sums(found, what):
    sums = {}
    for (zone, _, kind), uj in found.items():
        sums.setdefault(zone, [0, 0])[kind == "total"] += uj
    assert len(sums) >= 4
    for zone, (parts, total) in sums.items():
        assert parts == total, (what, zone)


def check_ticks(numbers):
    """None is missing, none is there twice."""
    assert numbers == list(range(1, len(numbers) + 1)), numbers


def test_exact(bed, place):
    """All adds up in each line; CSV, JSON, the ledger and the metrics say the same."""
    directory = bed.directory()
    web = Web(place.host, PORT)
    # An interval at which everybody may see every tick.
    hostd = place.hostd(bed, "--listen", f"127.0.0.1:{PORT}", "--interval-ms", 1000,
                        "--json", directory / "json", "--csv", directory / "csv")
    ended = place.domains.create("brief")
    metrics = wait_until(
        lambda: (m := web.metrics()).uj("vmpower_domain_energy_joules_total", uuid=ended) and m,
        "the third domain is measured")
    place.host.virsh("destroy", "brief")
    wait_until(lambda: len(hostd.get("/api/v1/domains")["domains"]) == len(CSV_NAMES),
               "the third domain is gone")
    wait_ticks(hostd, 3)
    domains = hostd.get("/api/v1/domains")
    hostd.process.signal(signal.SIGINT)
    assert hostd.process.popen.wait(PATIENCE_S) == 0
    lines = json_lines(directory / "json")
    check_ticks([int(line["tick"]) for line in lines])
    assert lines[0]["source"] == "powercap" and lines[0]["node"] == place.host.name
    of_csv = {}
    for row in csv_rows(directory / "csv"):
        key = row["zone"], row["uuid"], row["kind"]
        tick = of_csv.setdefault(int(row["tick"]), {when: {} for when in WHEN})
        assert key not in tick["energy"]
        for when in WHEN:
            tick[when][key] = int(row[f"{when}_uj"])
        tick["time_ns"] = row["time_ns"]
        if row["uuid"] not in ("zone", "host", "unattributed", "ended", ended):
            assert row["name"] in CSV_NAMES
    assert len(of_csv) == len(lines)
    before = {}
    for line in lines:
        tick = of_csv[int(line["tick"])]
        assert tick["time_ns"] == line["time_ns"]
        for when in WHEN:
            found = energies(line, when)
            check_sums(found, (line["tick"], when))
            assert tick[when] == found
        now = {k: v for k, v in tick["energy"].items() if k[2] == "total"}
        for key, value in now.items():
            assert value - before.get(key, 0) == tick["last_tick"][key]
        before = now
        assert {d["name"] for d in line["domains"]} - {"brief"} <= CSV_NAMES
    assert before["package-0", "zone", "total"] > 0
    assert {d["name"] for d in lines[-1]["domains"]} == CSV_NAMES
    assert sum(uj for key, uj in energies(lines[-1], "energy").items() if key[1] == "ended") > 0
    line = lines[metrics.tick - 1]
    for key, uj in energies(line, "since_boot").items():
        zone, whose, kind = key
        if kind == "total":
            assert metrics.uj("vmpower_zone_energy_joules_total", zone=zone) == uj
        elif whose not in ("host", "unattributed", "ended"):
            assert metrics.uj("vmpower_domain_energy_joules_total", zone=zone, uuid=whose,
                              kind=kind) == uj
    line = lines[int(domains["tick"]) - 1]
    for ours, theirs in zip(line["domains"], domains["domains"]):
        assert ours == {key: theirs[key] for key in ours}


def rotate(directory, hostd):
    """By the real logrotate, as packaging/ has it; systemd is what is not here."""
    text = (TESTBED.parents[1] / "packaging/logrotate/vmpower").read_text()
    for was, now in (("/var/log/vmpower/*.ndjson", f"{directory}/json"),
                     ("/var/log/vmpower/*.csv", f"{directory}/csv"),
                     ("su vmpower vmpower", "su root root"),
                     ("systemctl kill --signal=HUP vmpower-hostd.service",
                      f"kill -HUP {hostd.process.pid}")):
        assert was in text
        text = text.replace(was, now)
    conf = directory / "logrotate.conf"
    conf.write_text(text)
    conf.chmod(0o644)
    subprocess.run(["/usr/sbin/logrotate", "-f", "-s", directory / "logrotate.state", conf],
                   check=True)


def test_rotation(bed, place):
    """Files that are moved away: no tick is lost, none is there twice, none is torn."""
    directory = bed.directory()
    flags = ("--json", directory / "json", "--csv", directory / "csv")
    hostd = place.hostd(bed, *flags)
    moved = []
    for i in range(12):
        for name in ("json", "csv"):
            os.rename(directory / name, directory / f"{name}-{i}")
        hostd.process.signal(signal.SIGHUP)
        moved.append(i)
        wait_until(lambda: all((directory / n).exists() for n in ("json", "csv")),
                   "it opens new files", every=0.005)
        time.sleep(random.uniform(0, 2.5 * INTERVAL_MS / 1000))
    # An empty file is not rotated, and a tick may be a moment away.
    wait_until(lambda: all((directory / n).stat().st_size for n in ("json", "csv")),
               "it writes to both")
    rotate(directory, hostd)
    wait_until(lambda: all((directory / n).exists() for n in ("json", "csv")), "new files again")
    wait_ticks(hostd, 12)
    assert hostd.stop() == 0
    names = [f"{{}}-{i}" for i in moved] + ["{}.1", "{}"]
    lines = [line for n in names for line in json_lines(directory / n.format("json"))]
    assert len(lines) > 10
    check_ticks([int(line["tick"]) for line in lines])
    rows = [row for n in names if (directory / n.format("csv")).stat().st_size
            for row in csv_rows(directory / n.format("csv"))]
    per_tick = {}
    for row in rows:
        per_tick.setdefault(int(row["tick"]), []).append(row)
    check_ticks(sorted(per_tick))
    for rows in per_tick.values():
        check_sums({(r["zone"], r["uuid"], r["kind"]): int(r["energy_uj"]) for r in rows}, "csv")
    # It goes on in the files that are there.
    hostd.start(*flags)
    wait_ticks(hostd, 2)
    assert hostd.stop() == 0
    check_ticks([int(line["tick"]) for line in json_lines(directory / "json")
                 if int(line["time_ns"]) > int(lines[-1]["time_ns"])])


def test_interrupted(bed, place):
    """SIGINT and SIGTERM, many and at any moment: what is in the files is whole."""
    directory = bed.directory()
    hostd = place.hostd(bed, "--json", directory / "json", "--csv", directory / "csv",
                        start=False)
    for _ in range(6):
        hostd.start()
        time.sleep(random.uniform(0, INTERVAL_MS / 1000))
        while hostd.process.alive():
            hostd.process.signal(random.choice((signal.SIGINT, signal.SIGTERM)))
            time.sleep(0.001)
        assert hostd.process.popen.wait() == 0
        hostd.close()
    ticks = [int(line["tick"]) for line in json_lines(directory / "json")]
    assert ticks.count(1) == 6
    assert all(b in (a + 1, 1) for a, b in zip(ticks, ticks[1:]))
    for row in csv_rows(directory / "csv"):
        assert int(row["energy_uj"]) >= int(row["last_tick_uj"])


def test_nobody_takes_it(bed, place):
    """A full device, a FIFO without a reader, with one who sleeps, and with one who goes."""
    fifo = bed.directory() / "fifo"
    os.mkfifo(fifo)
    hostd = place.hostd(bed, "--json", "/dev/full", "--csv", fifo)
    troubles = ("/dev/full: No space left on device", f"{fifo}: nobody reads it")
    wait_until(lambda: all(t in hostd.log() for t in troubles), "the log says so")
    wait_ticks(hostd, 5)
    assert all(hostd.log().count(t) == 1 for t in troubles)
    # Whoever comes gets the next tick, from the head on; when he goes it is as before.
    with open(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as reader:
        text = wait_until(lambda: reader.read(1 << 16), "it is written to")
        assert text.startswith(",".join(HEAD).encode() + b"\r\n")
    wait_ticks(hostd, 3)
    # This one is asleep until the pipe and the queue are full, and then until the end.
    with open(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as reader:
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
        wait_ticks(hostd, 45)
        assert hostd.stop() == 0
        check_whole(fifo.with_suffix(".csv"), b"".join(iter(lambda: reader.read(1 << 20), b"")))
    assert hostd.log().count("nobody reads it") == 1


def check_whole(path, text):
    """Whole rows, of whole ticks, of which none is left out."""
    path.write_bytes(text)
    rows = csv_rows(path)
    counts = {}
    for row in rows:
        counts[int(row["tick"])] = counts.get(int(row["tick"]), 0) + 1
    assert list(counts) == list(range(min(counts), max(counts) + 1))
    assert set(counts.values()) == {len(rows) // len(counts)}


def test_full_disk(bed, place):
    """What there is no room for is left out, and all of it; it goes on when there is."""
    mount = bed.directory() / "disk"
    mount.mkdir()
    host = place.host
    host.run("mount", "-t", "tmpfs", "-o", "size=128k", "none", mount)
    hostd = place.hostd(bed, "--json", mount / "json")
    host.run("sh", "-c", f"cat /dev/zero >{mount}/filler", check=False)
    wait_until(lambda: "json: No space left on device" in hostd.log(), "the disk is full")
    # A few may still wait to be written when there is room again.
    wait_ticks(hostd, 15)
    host.run("rm", mount / "filler")
    wait_ticks(hostd, 5)
    assert hostd.stop() == 0
    text = host.run("cat", mount / "json").stdout
    assert text.endswith("\n")
    lines = [json.loads(line) for line in text.splitlines()]
    ticks = [int(line["tick"]) for line in lines]
    gaps = [b - a for a, b in zip(ticks, ticks[1:])]
    assert max(gaps) > 5 and min(gaps) == 1
    for line in lines:
        check_sums(energies(line, "energy"), line["tick"])


def test_standard_output(bed, place):
    """Lines alone; and where it is closed, no file takes its place."""
    directory = bed.directory()
    hostd = place.hostd(bed, start=False)
    command = hostd.command

    def redirected(to):
        hostd.command = lambda *flags: ["sh", "-c", f'exec "$0" "$@" {to}',
                                        *command("--json", "-", *flags)]
    redirected(f">{directory}/out")
    hostd.start()
    wait_ticks(hostd, 3)
    assert hostd.stop() == 0
    check_ticks([int(line["tick"]) for line in json_lines(directory / "out")])
    assert "Writing every tick to standard output" in hostd.log()
    redirected(">&-")
    hostd.start()
    wait_ticks(hostd, 3)
    assert hostd.stop() == 0
    for path in hostd.dir.rglob("*"):
        assert path.is_dir() or b'{"tick":' not in path.read_bytes(), path
    # A pipe whose reader has had enough.
    os.mkfifo(directory / "pipe")
    redirected(f">{directory}/pipe")
    head = subprocess.Popen(["sh", "-c", f"head -n 2 <{directory}/pipe >{directory}/head"])
    hostd.start()
    wait_until(lambda: "standard output: nobody reads it" in hostd.log(), "head has gone")
    assert hostd.stop() == 0
    assert head.wait(PATIENCE_S) == 0
    assert len(json_lines(directory / "head")) == 2
