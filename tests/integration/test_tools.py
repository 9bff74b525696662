# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The tree in real guests, as the tools see it that nobody here wrote."""
import collections
import json
import re
import statistics
import time
from typing import NamedTuple

import pytest

from bed import TESTS
from bed.guest import POWERCAP, Guest
from bed.process import in_one_of, wait_until
from bed.tools import node_exporter, powercap_info, scraped
from bed.watch import Watch

WINDOW_S = 32

# A line a node: path, mode (hex), links, size; then what links point to, and files read.
LIST = rf"""
cd {POWERCAP}
find . -exec stat -c 'node %n %f %h %s' {{}} +
find . -type l -exec sh -c 'for f; do echo "link $f $(readlink "$f")"; done' sh {{}} +
find . -type f -exec sh -c '
    for f; do
        echo "file $f"
        cat "$f" 2>/dev/null && echo end || echo EIO
    done' sh {{}} +
"""

# What is shown, and then what is measured by now, which is never less.
SAMPLE = f"""
for i in $(seq 100); do
    read -r shown <{POWERCAP}/intel-rapl:0/energy_uj
    read -r status </run/vmpower/status.json
    echo "$shown $status"
    usleep 50000
done"""


class Rig(NamedTuple):
    watch: Watch
    one: Guest  # with one socket
    two: Guest  # with two

    def guest(self, sockets):
        return self.one if sockets == 1 else self.two


@pytest.fixture(scope="module", name="rig")
def rig_fixture(module_bed):
    host = module_bed.host()
    # The shown value is some time behind: what varies is to be the smaller part.
    sim = module_bed.simrapl(host, idle_w=40, busy_w=10, dram_idle_w=8, dram_busy_w=2)
    config = module_bed.directory() / "hostd.conf"
    config.write_text('[zone "package-0"]\nidle_w = 40\n[zone "dram-0"]\nidle_w = 8\n')
    hostd = module_bed.hostd(host, sim, "--config", config)
    one, two = module_bed.guests(host, {"one": (), "two": ("-c", 2, "-s", 2)})
    one.load(0.4)
    two.load(0.3, cpu=1)
    for guest in (one, two):
        guest.wait_for_tree()
        guest.spawn("exec prometheus-node-exporter --collector.disable-defaults "
                    "--collector.rapl --web.listen-address=127.0.0.1:9100")
    watch = Watch(hostd)
    try:
        for guest in (one, two):
            wait_until(lambda g=guest: g.status_of(scraped(9100)) == 0,
                       "node_exporter answers", every=0.5)
        yield Rig(watch, one, two)
    finally:
        watch.close()


def read_cat(guest):
    """{zone: microjoules}, as are all of these."""
    text = guest.run(f'cd {POWERCAP}; for z in intel-rapl:*; do '
                     'echo "$z $(cat $z/energy_uj)"; done')
    return {zone: int(uj) for zone, uj in (line.split() for line in text.splitlines())}


READERS = {"cat": read_cat,
           "node_exporter": lambda guest: node_exporter(guest.run(scraped(9100))),
           "powercap-info": lambda guest: powercap_info(guest.run("powercap-info -p intel-rapl"))}


def read_all(rig):
    """{(guest, tool): [(time, zones), ...]} of three readings, each in its middle, and of all
    in turn: so they are not of the same moment."""
    found = collections.defaultdict(list)
    for _ in range(3):
        for guest in (rig.one, rig.two):
            for tool, read in READERS.items():
                begin = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
                zones = read(guest)
                end = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
                found[guest, tool].append(((begin + end) // 2, zones))
    return found


def zones_of(sockets):
    """In the order of the stream."""
    return [name for s in range(sockets) for name in (f"intel-rapl:{s}", f"intel-rapl:{s}:0")]


def test_tools_agree_with_the_ledger(rig):
    in_one_of(3, lambda: check_tools(rig))


def check_tools(rig):
    """Between each reading of the first ones and each of the last: what is shown is behind,
    by more where a sample was late, and so is a tool's answer. So their median counts."""
    # What is shown goes on from sample to sample for some time now.
    rig.watch.sleep(4)
    before = read_all(rig)
    rig.watch.sleep(WINDOW_S)
    after = read_all(rig)
    rig.watch.sleep(1)
    for sockets in (1, 2):
        guest = rig.guest(sockets)
        for tool in READERS:
            begins, ends = before[guest, tool], after[guest, tool]
            for _, zones in begins + ends:
                assert sorted(zones) == zones_of(sockets), (tool, zones)
            for number, zone in enumerate(zones_of(sockets)):
                def ledger_uj(t_ns):
                    return rig.watch.guest_uj(guest.uuid, number, t_ns)  # pylint: disable=cell-var-from-loop
                found = [(b[zone] - a[zone]) / (ledger_uj(b_ns) - ledger_uj(a_ns))
                         for a_ns, a in begins for b_ns, b in ends]
                print(f"{tool} in {guest.name}, {zone}: {statistics.median(found) - 1:+.3%} "
                      f"({min(found) - 1:+.3%} to {max(found) - 1:+.3%})")
                assert statistics.median(found) == pytest.approx(1, rel=0.02), \
                    (guest.name, tool, zone)


def parse_listing(text):
    """As tests/fixtures/tree has it, but for the energies."""
    nodes, details, path = {}, {}, None
    for line in text.splitlines():
        if found := re.fullmatch(r"node (\S+) (\w+) (\d+) (\d+)", line):
            nodes[found[1]] = f"{int(found[2], 16):06o} {found[3]} {found[4]}"
        elif found := re.fullmatch(r"link (\S+) (\S+)", line):
            details[found[1]] = f" -> {found[2]}"
        elif found := re.fullmatch(r"file (\S+)", line):
            path = found[1]
            details[path] = " "
        elif line == "EIO":
            details[path] = " EIO"
        elif line != "end":
            details[path] += f"{line}\\n"
    return sorted(f"{p} {node}{details.get(p, '')}".rstrip() for p, node in nodes.items())


def without_energy(lines):
    return [re.sub(r"(/energy_uj .*) \d+\\n$", r"\1", line) for line in lines]


@pytest.mark.parametrize("sockets", (1, 2))
def test_tree_is_the_contracts(rig, sockets):
    golden = (TESTS / f"fixtures/tree/auto-{sockets}.txt").read_text().splitlines()
    found = parse_listing(rig.guest(sockets).run(LIST))
    assert without_energy(found) == without_energy(sorted(golden))
    assert sum(re.search(r"/energy_uj .* \d+\\n$", line) is not None for line in found) == \
        2 * sockets


def test_energy_is_for_root(rig):
    zone = f"{POWERCAP}/intel-rapl:0"
    assert rig.one.run(f"stat -c '%a %u %g' {zone}/energy_uj") == "400 0 0"
    assert rig.one.run(f"su -s /bin/sh vmpower -c 'cat {zone}/name'") == "package-0"
    status, out, err = rig.one.agent.run(f"su -s /bin/sh vmpower -c 'cat {zone}/energy_uj'")
    assert status and not out and b"Permission denied" in err


def test_readings_go_up(rig):
    """At every reading, while energy flows, and never above what was measured."""
    samples = []
    # Long enough for samples to come.
    while len({measured for _, measured in samples}) <= 3 and len(samples) < 2000:
        for line in rig.one.run(SAMPLE).splitlines():
            shown, status = line.split(" ", 1)
            samples.append((int(shown), int(json.loads(status)["zones"][0]["measured_uj"])))
    assert len(samples) >= 100
    for (a, _), (b, measured) in zip(samples, samples[1:]):
        assert a < b <= measured
    assert len({measured for _, measured in samples}) > 3


def test_devices_can_be_added(rig):
    """sysfs is as alive as before the tree was there."""
    out = rig.one.run(
        "modprobe loop && dd if=/dev/zero of=/tmp/disk bs=1k count=64 2>/dev/null && "
        "losetup /dev/loop0 /tmp/disk && cat /sys/class/block/loop0/size && "
        "readlink -f /sys/class/block/loop0 && losetup -d /dev/loop0")
    assert out.split() == ["128", "/sys/devices/virtual/block/loop0"]
    assert rig.one.energy_uj()
