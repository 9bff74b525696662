# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""What vmpower-hostd recorded, replayed: its own ticks again, to the microjoule."""
import json
import os
import re
import subprocess

import pytest

from bed.load import host_load
from bed.watch import Watch

IDLE_W, BUSY_W = 10, 20
DRAM_IDLE_W, DRAM_BUSY_W = 2, 3


@pytest.fixture(name="sim_and_host")
def sim_and_host_fixture(bed):
    """A host with two packages whose counters wrap every few seconds."""
    host = bed.host()
    packages = ",".join(str(i % 2) for i in range(os.cpu_count()))
    sim = bed.simrapl(
        host, packages=packages, idle_w=IDLE_W, busy_w=BUSY_W, dram_idle_w=DRAM_IDLE_W,
        dram_busy_w=DRAM_BUSY_W, range_uj=200_000_000, dram_range_uj=50_000_000,
        max_power_uw=30_000_000, dram_max_power_uw=10_000_000)
    return sim, host


def replay(build, trace, *options):
    """{t_ns: a line's zones}"""
    r = subprocess.run([build / "vmpower", "replay", *options, trace], capture_output=True,
                       text=True, check=False, timeout=180)
    assert r.returncode == 0, r.stderr
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    return {int(line["t_ns"]): line["zones"] for line in lines}


def check_zone(tick, zone, replayed):
    """A zone of a tick of the daemon's is that of the replay."""
    account = zone["last_tick"]
    for key in ("total_uj", "unattributed_uj", "host"):
        assert replayed[key] == account[key], (tick.number, zone["name"], key)
    assert replayed["idle_uw"] == zone["idle_power_uw"]
    assert replayed["idle_origin"] == zone["idle_power_origin"]
    domains = {uuid: d["zones"][zone["name"]]["last_tick"] for uuid, d in tick.domains.items()}
    for uuid, share in replayed["domains"].items():
        # One that has ended since is no longer listed.
        if uuid in domains:
            assert share == domains[uuid], (tick.number, zone["name"], uuid)
    return sum(uuid in domains for uuid in replayed["domains"])


def test_replay_is_what_was(bed, build, sim_and_host):
    """Domains that come and go, wraps, and a load of the host's own."""
    sim, host = sim_and_host
    one, two = bed.guests(host, {"one": ("-c", 2), "two": ()})
    one.load(0.5)
    two.load(0.3)
    trace = bed.directory() / "vm.trace"
    config = bed.directory() / "hostd.conf"
    config.write_text(f'[zone "package-0"]\nidle_w = {IDLE_W}\n')
    hostd = bed.hostd(host, sim, "--config", config, "--record", trace)
    watch = Watch(hostd)
    try:
        with host_load(bed.directory(), 0.3):
            watch.wait_for_ticks(4, watch.sleep(0).t_ns)
            host.virsh("destroy", two.name)
            watch.wait_for_ticks(4, watch.sleep(0).t_ns)
    finally:
        watch.close()
    assert hostd.stop() == 0
    assert trace.stat().st_mode & 0o7777 == 0o600
    text = trace.read_text()
    assert text.endswith("}\n")
    begin_ns = int(json.loads(text.splitlines()[0])["boottime_ns"])
    replayed = replay(build, trace)
    compared = 0
    for tick in watch.stop():
        if tick.t_ns == begin_ns:
            continue
        for zone in tick.shared_zones():
            compared += check_zone(tick, zone, replayed[tick.t_ns - begin_ns][zone["name"]])
    print(f"{len(replayed)} ticks, {compared} shares compared")
    assert compared > 6 * 4
    # Another policy: the same energy, and none of it is idle energy of a domain's.
    for t_ns, zones in replay(build, trace, "--idle-policy", "host").items():
        for name, zone in zones.items():
            assert zone["total_uj"] == replayed[t_ns][name]["total_uj"]
            assert all(d["idle_uj"] == "0" for d in zone["domains"].values())


def test_memory(bed):
    """What a domain has resident is in the trace, and what it is configured to have."""
    host = bed.host()
    sim = bed.simrapl(host, packages=",".join("0" * os.cpu_count()), idle_w=IDLE_W,
                      busy_w=BUSY_W)
    guest, = bed.guests(host, {"one": ()})
    trace = bed.directory() / "vm.trace"
    hostd = bed.hostd(host, sim, "--record", trace)
    watch = Watch(hostd)
    try:
        watch.sleep(4)
    finally:
        watch.close()
    status = host.run("cat", f"/proc/{guest.pid}/status").stdout
    rss_kib = int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.M).group(1))
    assert hostd.stop() == 0
    domain, = json.loads(trace.read_text().splitlines()[-1])["domains"]
    print(f"{domain['rss_kib']} KiB of {rss_kib}, configured {domain['memory_kib']}")
    assert domain["memory_kib"] >= 64 << 10
    assert len(domain["rss_kib"]) == 1
    assert domain["rss_kib"][0] == pytest.approx(rss_kib, rel=0.2)


def test_a_recording_is_not_overwritten(bed, sim_and_host):
    """Nor does it keep the daemon from measuring."""
    sim, host = sim_and_host
    trace = bed.directory() / "vm.trace"
    trace.write_text("mine\n")
    hostd = bed.hostd(host, sim, "--record", trace)
    assert "Not recording" in hostd.log()
    assert hostd.stop() == 0
    assert trace.read_text() == "mine\n"
