# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Whose energy it is: what the ledger says beside what is true, and what guests are told."""
import collections
import json
import os

import pytest

from bed.load import host_load
from bed.process import in_one_of, wait_until
from bed.watch import Watch

# All CPUs busy take 40 W, however many they are.
IDLE_W, BUSY_W = 10, 40 / os.cpu_count()
DRAM_IDLE_W, DRAM_BUSY_W = 2, 8 / os.cpu_count()

# Where the simulator was not so late, what was read is as new as any.
LATE_NS = 50 * 10**6
# How often a window is measured where what is measured in it is not near to the truth:
# CPU time that the machine is not given is in some of the kernel's counters and not in
# others, and whose it was the simulator cannot know.
TRIES = 3

# Appends what the agent says of itself to a file, more often than samples come.
STATUS_LOG = "/run/status.log"
LOG_STATUS = """
while :; do read -r line </run/vmpower/status.json && echo "$line"; usleep 300000; done"""


def max_uw(idle_w, busy_w):
    """No CPU can be more than busy."""
    return int((idle_w + busy_w * os.cpu_count()) * 1e6)


def simulate(bed, host, seconds, packages):
    """A RAPL whose counters wrap three times in the seconds, and idle power for hostd.

    Over all that time the CPUs are busy for at least one CPU's worth. A tick of hostd's
    uses far less than half the range, else it could not tell whether it wrapped; that is
    to be so of one that is some seconds late.
    """
    share = 1 / len(set(packages.split(",")))
    return bed.simrapl(
        host, packages=packages, idle_w=IDLE_W, busy_w=BUSY_W,
        dram_idle_w=DRAM_IDLE_W, dram_busy_w=DRAM_BUSY_W,
        range_uj=int((IDLE_W + BUSY_W * share) * seconds / 3 * 1e6),
        dram_range_uj=int((DRAM_IDLE_W + DRAM_BUSY_W * share) * seconds / 3 * 1e6),
        max_power_uw=max_uw(IDLE_W, BUSY_W),
        dram_max_power_uw=max_uw(DRAM_IDLE_W, DRAM_BUSY_W),
        # What is between two lines of the truth is taken as even, which a load is not.
        truth_ms=20)


def write_config(bed, packages):
    config = bed.directory() / "hostd.conf"
    config.write_text("".join(
        f'[zone "package-{p}"]\nidle_w = {IDLE_W}\n[zone "dram-{p}"]\nidle_w = {DRAM_IDLE_W}\n'
        for p in sorted(set(packages.split(",")))))
    return config


@pytest.fixture(scope="module", name="host")
def host_fixture(module_bed):
    return module_bed.host()


@pytest.fixture(scope="module", name="guests")
def guests_fixture(module_bed, host):
    """The first has two sockets; what each does is the load's."""
    guests = module_bed.guests(host, {"one": ("-c", 2, "-s", 2), "two": (), "three": ()})
    one, two, three = guests
    one.load(0.5, cpu=0)
    one.load(0.2, cpu=1)
    two.load(0.3)
    three.load(0.05)
    return guests


def log_status(guests):
    """From now on; returns what ends it and gives the lines, by guest."""
    pids = [guest.spawn(LOG_STATUS, STATUS_LOG) for guest in guests]

    def end():
        for guest, pid in zip(guests, pids):
            guest.kill(pid)
        return {guest: [json.loads(line) for line in guest.run(f"cat {STATUS_LOG}").splitlines()]
                for guest in guests}
    return end


def dynamic_uj(sim, start, end, guest, zone):
    """Of a domain between two ticks: in the ledger, and in truth."""
    found, before = (t.domain_uj(guest.uuid, zone, "dynamic") for t in (end, start))
    true, true_before = (sim.at(t.t_ns).domain_uj(guest.uuid, zone) for t in (end, start))
    return found - before, true - true_before


def check_wraps(sim, start, end, zone, path):
    """The counter wrapped twice at least, and hostd saw each."""
    range_uj = sim.range_uj(path)
    a, b = (sim.at(t.t_ns).zone_uj(zone) for t in (start, end))
    assert b // range_uj - a // range_uj >= 2
    # A counter's value is up to 10 ms old, at either end.
    assert end.total_uj(zone) - start.total_uj(zone) == pytest.approx(b - a, rel=2e-3)
    assert end.unattributed_uj(zone) == start.unattributed_uj(zone)


def check_guest_sums(ticks, guests):
    """The zones that a guest is told add up to its domain's ledger."""
    for tick in ticks:
        for guest in guests:
            for kind in ("package", "dram"):
                assert tick.guest_sum_uj(guest.uuid, kind) == tick.ledger_uj(guest.uuid, kind), \
                    (tick.number, guest.name, kind)


def acked_by_seq(ticks, uuid):
    """{(epoch, seq): values}; each is what the ledger had at an earlier tick.

    Several values where the guest said hello again, and seq began again with it.
    """
    known, acked, since = {}, collections.defaultdict(list), None
    for tick in ticks:
        link = tick.domains[uuid]["link"]
        values = tick.guest_uj(uuid, "acked")
        # Of the tick of the last ack, or a later one.
        found = next((n for n in sorted(known) if n >= (since or 0) and known[n] == values), None)
        if int(link["acked_seq"]) and found is not None:
            since = found
            acked[link["epoch"], int(link["acked_seq"])].append(values)
        elif int(link["acked_seq"]) and since is not None:
            # Where one of them was not seen, it may be that one's.
            assert not all(n in known for n in range(since, tick.number)), tick.number
        known[tick.number] = tick.guest_uj(uuid)
    return acked


def check_acked(ticks, lines, guest):
    """What the guest measured is what it acknowledged; how many were compared."""
    acked = acked_by_seq(ticks, guest.uuid)
    compared = set()
    for line in lines:
        key = line["epoch"], line["seq"]
        if key in acked:
            values = [int(z["measured_uj"]) - int(z["offset_uj"]) for z in line["zones"]]
            assert values in acked[key], (guest.name, key)
            compared.add((key, *values))
    return len(compared)


def fresh(sim, watch, seconds):
    """The first tick so many seconds after now at which counters were as new as any."""
    t_ns = watch.sleep(seconds).t_ns
    return wait_until(lambda: next((t for t in watch.ticks() if t.t_ns >= t_ns and
                                    not sim.was_late(t.t_ns, LATE_NS)), None), "a fresh tick")


def measure(hostd, sim, guests, seconds):
    """All ticks, the first and the last of the window, and what the guests said."""
    watch = Watch(hostd)
    try:
        for guest in guests:
            guest.wait_for_tree()
            watch.wait_for_ack(guest.uuid)
        end_log = log_status(guests)
        start = fresh(sim, watch, 2)
        end = fresh(sim, watch, seconds)
        lines = end_log()
    finally:
        watch.close()
    return watch.stop(), start, end, lines


def check_guests(guests, measured):
    """What guests are told adds up, and is what they took."""
    ticks, _, _, lines = measured
    check_guest_sums(ticks, guests)
    for guest in guests:
        compared = check_acked(ticks, lines[guest], guest)
        print(f"{guest.name}: {compared} acks compared, {len(ticks)} ticks")
        # Those that a busy guest or its file skipped are not compared.
        assert compared > len(ticks) / 3


def check_truth(sim, guests, start, end, zone):
    """Each domain's, within 1 %."""
    for guest in guests:
        found, true = dynamic_uj(sim, start, end, guest, zone)
        print(f"{guest.name}, {zone}: {found / true - 1:+.3%}")
        assert found == pytest.approx(true, rel=0.01), (guest.name, zone)


def check_learned(sim, guests, start, end, zone):
    """All domains' error, weighted by energy, is at most what the accuracy bench allows a host."""
    pairs = [dynamic_uj(sim, start, end, guest, zone) for guest in guests]
    for guest, (found, true) in zip(guests, pairs):
        print(f"{guest.name}, {zone}, learned: {found / true - 1:+.3%}")
    error_uj = sum(abs(found - true) for found, true in pairs)
    assert error_uj <= 0.07 * sum(true for _, true in pairs), zone


def test_one_package(bed, host, guests):
    """60 s, three guests and the host: within 1 % of the truth, and exact where it adds up.

    The simulator's energy goes by CPU time alone. A twin that does not take that for
    granted, but learns it, is near it from the start; of dram it has nothing to learn.
    """
    seconds = 60
    packages = ",".join("0" * os.cpu_count())
    sim = simulate(bed, host, seconds, packages)
    config = write_config(bed, packages)
    hostd = bed.hostd(host, sim, "--config", config, "--coefficients", "off")
    twin = bed.twin(host, sim, guests[0], "--config", config, "--coefficients", "learn")

    def window():
        watch = Watch(twin)
        try:
            with host_load(bed.directory(), 0.4):
                measured = measure(hostd, sim, guests, seconds)
        finally:
            watch.close()
        _, start, end, _ = measured
        check_wraps(sim, start, end, "package-0", "intel-rapl:0")
        check_wraps(sim, start, end, "dram-0", "intel-rapl:0:0")
        check_guests(guests, measured)
        learned = [tick for tick in watch.stop() if start.t_ns <= tick.t_ns <= end.t_ns and
                   not sim.was_late(tick.t_ns, LATE_NS)]
        check_truth(sim, guests, start, end, "package-0")
        check_truth(sim, guests, start, end, "dram-0")
        check_learned(sim, guests, learned[0], learned[-1], "package-0")
        check_truth(sim, guests, learned[0], learned[-1], "dram-0")
    in_one_of(TRIES, window)


def test_two_packages(bed, host, guests):
    """Each zone apart, with guests kept to a package, as operators of such hosts do.

    hostd looks at a thread's last CPU once a second, the simulator a hundred times: they
    tell apart differently what a thread did that moves, and no bound would be a reasoned
    one. With each on its package, a zone has half of the energy, for a third of the time,
    and readings are as uneven as above (10 ms): twice the bound, and 10 ms of a CPU.
    """
    seconds = 20
    packages = ",".join(str(i % 2) for i in range(os.cpu_count()))
    # Counters need not wrap here.
    sim = simulate(bed, host, 10 * seconds, packages)
    hostd = bed.hostd(host, sim, "--config", write_config(bed, packages),
                      "--coefficients", "off")
    for guest, cpus in zip(guests, ((0, 1), (0,), (1,))):
        for vcpu, cpu in enumerate(cpus):
            host.virsh("vcpupin", guest.name, vcpu, cpu, "--live")
        host.virsh("emulatorpin", guest.name, cpus[0], "--live")

    def window():
        with host_load(bed.directory(), 0.3, cpu=0), host_load(bed.directory(), 0.3, cpu=1):
            measured = measure(hostd, sim, guests, seconds)
        _, start, end, _ = measured
        check_guests(guests, measured)
        for guest in guests:
            for zone in ("package-0", "package-1", "dram-0", "dram-1"):
                found, true = dynamic_uj(sim, start, end, guest, zone)
                print(f"{guest.name}, {zone}: {found} uJ of {true:.0f}")
                assert found == pytest.approx(true, rel=0.02, abs=BUSY_W * 1e4), \
                    (guest.name, zone)
    in_one_of(TRIES, window)
