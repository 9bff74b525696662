# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Whatever ends and comes back: counters go on, no energy is lost, none is counted twice.

The tests share guests, a vmpower-hostd and its uninterrupted twin, in the order of the
file. What must hold all the time is checked after each of them.
"""
import os
import statistics
import sys
import time

import pytest

from bed.follower import Follower
from bed.ledger import Ledger
from bed.process import PATIENCE_S, Process, in_one_of, wait_until
from bed.recorder import Recorder, last_uj, longest_still_s, moves_after

IDLE_W, BUSY_W = 10, 20
DRAM_IDLE_W, DRAM_BUSY_W = 2, 3
PERIOD_S = 1.0
TWO_PERIODS_S = 2 * PERIOD_S
STALE_AFTER_S = 10.0
OUTAGE_S = 30.0
# Where the simulator was not so late, what was read is as new as any.
LATE_NS = 100 * 10**6
# How often something ends and comes back that was not back in time: that is two periods,
# of which others that use the machine may take any part.
TRIES = 3
CPUS = os.cpu_count()
VCPUS = 3

# Busy for a third of the time, in steps far shorter than a tick.
HOST_LOAD = """
import time
while True:
    end = time.monotonic() + 0.010
    while time.monotonic() < end:
        pass
    time.sleep(0.020)
"""


def start_agent(guest):
    return guest.spawn("exec vmpower-guest --run-dir /run/vmpower", "/var/log/vmpower-guest.log")


class Scene:
    """A host with load of its own and of three guests, and what watches them.

    busy and light have the channel; light's agent is started by the tests. bare has no
    channel, but a controller for one, one of two vCPUs, and memory that it does not use.
    """

    def __init__(self, bed):
        self.bed = bed
        self.host = bed.host()
        self.sim = bed.simrapl(
            self.host, packages=",".join("0" * CPUS), idle_w=IDLE_W, busy_w=BUSY_W,
            dram_idle_w=DRAM_IDLE_W, dram_busy_w=DRAM_BUSY_W, truth_ms=50)
        self.busy, self.light, self.bare = bed.guests(self.host, {
            "busy": (),
            "light": ("-a", "vmpower.agent=no"),
            "bare": ("-n", "-c", 2, "-p", 1, "-m", 256),
        })
        directory = bed.directory()
        config = directory / "hostd.conf"
        config.write_text(f'[zone "package-0"]\nidle_w = {IDLE_W}\n'
                          f'[zone "dram-0"]\nidle_w = {DRAM_IDLE_W}\n')
        # What the simulated RAPL knows is CPU time, by which shares are judged.
        flags = ("--config", config, "--coefficients", "off")
        self.hostd = bed.hostd(self.host, self.sim, *flags)
        self.twin = bed.twin(self.host, self.sim, self.busy, *flags)
        # What the first one is compared with does not wait for a busy machine.
        for part in (self.sim, self.twin):
            os.setpriority(os.PRIO_PROCESS, part.process.pid, -20)
        self.following = bed.owned(Follower(self.hostd))
        self.following_twin = bed.owned(Follower(self.twin))
        # The kernel counts busy time in ticks. Of a host that does nothing, what is left
        # for it would at times come out below 0, and be cut.
        bed.owned(Process([sys.executable, "-c", HOST_LOAD], directory / "load.log"))
        start_agent(self.light)
        self.busy.load(0.6)
        self.light.load(0.25)
        self.recorders = {g: Recorder(g) for g in (self.busy, self.light, self.bare)}
        self.busy.wait_for_tree()
        self.light.wait_for_tree()

    def readings(self, guest, since_s=0.0):
        return self.recorders[guest].readings(since_s)

    def readings_past(self, guest, until_s):
        """All readings, once one of them began after a time."""
        time.sleep(max(0, until_s - self.now_s(guest)))
        return wait_until(lambda: (r := self.readings(guest))[-1].begin_s > until_s and r,
                          f"readings of {guest.name} after {until_s}", every=0.2)

    def now_s(self, guest):
        return self.recorders[guest].now_s()

    def check(self):
        self.following.check()
        self.following_twin.check()
        for recorder in self.recorders.values():
            recorder.check_never_decreases()

    def check_moves(self, guest, since_s, before_uj=None):
        """Its counter moved soon after a time, and keeps moving; how long it took."""
        readings = self.readings_past(guest, since_s + TWO_PERIODS_S)
        before_uj = last_uj(readings, since_s) if before_uj is None else before_uj
        took_s = moves_after(readings, since_s, before_uj, TWO_PERIODS_S)
        later = [r for r in readings if r.begin_s > since_s + took_s]
        assert all(r.energy_uj is not None for r in later)
        assert longest_still_s(later) <= TWO_PERIODS_S
        return took_s

    def wait_for_link(self, guest):
        return self.following.wait(lambda a: a.link(guest.uuid) == "up",
                                   f"the link of {guest.name} is up",
                                   after_ns=self.following.last().t_ns)

    def kill_hostd(self):
        """The last account that was seen before."""
        self.following.next()
        self.hostd.kill()
        return self.following.last()

    def start_hostd(self, *flags):
        """When it was started, and the first account that is seen of it."""
        before = self.following.last()
        starting = time.monotonic()
        self.hostd.start(*flags)
        return starting, self.following.wait(lambda a: True, "a tick", after_ns=before.t_ns)


@pytest.fixture(scope="module", name="scene")
def scene_fixture(module_bed):
    return Scene(module_bed)


@pytest.fixture(autouse=True)
def check_all_the_time(scene):
    yield
    scene.check()


def twin_uj(scene, uuid, t_ns):
    """What the twin had given a domain at a time: between its ticks, in the true shape."""
    accounts = scene.following_twin.accounts
    after = next(i for i, a in enumerate(accounts) if a.t_ns >= t_ns)
    a, b = accounts[after - 1], accounts[after]
    linear = (t_ns - a.t_ns) / (b.t_ns - a.t_ns)
    x, y, t = (scene.sim.at(n).domain_uj(uuid, "package-0") for n in (a.t_ns, b.t_ns, t_ns))
    shares = ((t - x) / (y - x) if y > x else linear, linear)
    return sum(a.domains[uuid][zone][k] +
               (b.domains[uuid][zone][k] - a.domains[uuid][zone][k]) * shares[k]
               for zone in a.total for k in (0, 1))


def fresh(scene, accounts):
    """Those at which counters were as new as any; all, if there are none."""
    return [a for a in accounts if not scene.sim.was_late(a.t_ns, LATE_NS)] or accounts


def spans(scene, before, after):
    """Pairs of one of the last ticks before an outage and one of the first after it.

    What one of them read too late is in the one behind it: so they are told by their median.
    """
    follow = scene.following
    wait_until(lambda: follow.check() or follow.last().number >= after.number + 2, "three ticks")
    begins = fresh(scene, [a for a in follow.accounts if a.t_ns <= before.t_ns][-3:])
    ends = fresh(scene, [a for a in follow.accounts if a.t_ns >= after.t_ns][:3])
    scene.following_twin.wait(lambda a: a.t_ns >= ends[-1].t_ns, "the twin's tick")
    return [(begin, end) for begin in begins for end in ends]


def check_as_twin(scene, guests, pairs):
    """Each guest's energy is what the twin gave it."""
    for guest in guests:
        by_twin = {a.t_ns: twin_uj(scene, guest.uuid, a.t_ns) for pair in pairs for a in pair}
        found = [(b.domain_uj(guest.uuid) - a.domain_uj(guest.uuid)) /
                 (by_twin[b.t_ns] - by_twin[a.t_ns]) for a, b in pairs]
        print(f"{guest.name}_of_twin's", [round(f, 5) for f in found])
        assert statistics.median(found) == pytest.approx(1, rel=0.01), guest.name


def theirs_uj(scene, guests, begin, end):
    """What guests used between two ticks, and their part of the idle energy."""
    a, b = scene.sim.at(begin.t_ns), scene.sim.at(end.t_ns)
    # Idle power is for the vCPUs, as far as there are CPUs, and what else is the host's.
    sold = min(VCPUS / CPUS, 1)
    return sum((b.zone_uj(z, "idle") - a.zone_uj(z, "idle")) * sold +
               sum(b.domain_uj(g.uuid, z) - a.domain_uj(g.uuid, z) for g in guests)
               for z in begin.total)


def test_ledger_and_published_values_agree(scene):
    """Once it is killed, the ledger is not below what it published, and adds up."""
    before = scene.kill_hostd()
    ledger = Ledger(scene.hostd.state_dir / "ledger")
    assert ledger.boottime_ns >= before.t_ns
    for zone, total in before.total.items():
        found = ledger.zones[zone]
        assert found["total"] >= total
        assert found["unattributed"] >= before.unattributed[zone]
        assert all(f >= b for f, b in zip(found["host"], before.host[zone]))
        shares = [found["host"], found["departed"], *(d[zone] for d in ledger.domains.values())]
        assert found["total"] == found["unattributed"] + sum(map(sum, shares))
    for uuid, zones in before.domains.items():
        for zone, share in zones.items():
            assert all(f >= b for f, b in zip(ledger.domains[uuid][zone], share))
    scene.start_hostd()
    scene.wait_for_link(scene.busy)
    scene.wait_for_link(scene.light)


def test_hostd_killed(scene):
    """An outage of 30 s belongs to those who used it, as if there had been none."""
    in_one_of(TRIES, lambda: check_outage(scene))


def check_outage(scene):
    guests = (scene.busy, scene.light, scene.bare)
    scene.following.next(2)
    before = scene.kill_hostd()
    killed_s = {g: scene.recorders[g].by_s() for g in (scene.busy, scene.light)}
    time.sleep(OUTAGE_S)
    starting, after = scene.start_hostd()
    assert (after.t_ns - before.t_ns) / 1e9 >= OUTAGE_S
    assert after.number > 1 or after.quality == "degraded"
    pairs = spans(scene, before, after)
    check_as_twin(scene, guests, pairs)
    of_theirs = statistics.median(
        sum(b.domain_uj(g.uuid) - a.domain_uj(g.uuid) for g in guests) /
        theirs_uj(scene, guests, a, b) for a, b in pairs)
    print("of_theirs", of_theirs)
    assert of_theirs >= 0.99

    for guest in (scene.busy, scene.light):
        since_s = scene.recorders[guest].at_s(starting)
        stale_s = killed_s[guest] + STALE_AFTER_S + PERIOD_S
        print(f"{guest.name}_moves_after_s", scene.check_moves(guest, since_s))
        away = [r for r in scene.readings(guest) if stale_s < r.begin_s and r.end_s < since_s]
        assert away and all(r.energy_uj is None for r in away)


def test_hostd_killed_and_libvirtd_blocked(scene):
    """Who ran is known without libvirt: an outage is theirs at once, and ends with it."""
    in_one_of(TRIES, lambda: check_outage_without_libvirt(scene))


def check_outage_without_libvirt(scene):
    guests = (scene.busy, scene.light, scene.bare)
    before = scene.kill_hostd()
    scene.host.signal_libvirtd("STOP")
    try:
        time.sleep(3)
        _, after = scene.start_hostd()
        assert not after.connected and set(before.domains) == set(after.domains)
        assert after.number > 1 or after.quality == "degraded"
        check_as_twin(scene, guests, spans(scene, before, after))
        assert after.unattributed == before.unattributed
    finally:
        scene.host.signal_libvirtd("CONT")
    connected = scene.following.wait(lambda a: a.connected, "it is at libvirtd",
                                     after_ns=after.t_ns)
    for guest in guests:
        assert connected.json[guest.uuid]["id"] >= 0
    for guest in (scene.busy, scene.light):
        scene.wait_for_link(guest)
        assert scene.following.last().json[guest.uuid]["link"]["epoch"] == \
            before.json[guest.uuid]["link"]["epoch"]
    later = [a for a in scene.following.accounts if a.t_ns > after.t_ns]
    assert all(a.quality == "measured" for a in later)


@pytest.mark.parametrize("kill", (False, True), ids=("TERM", "KILL"))
def test_libvirtd_restarted(scene, kill):
    """It is not needed to measure and to tell the guests; and what it says later counts."""
    since_s = {g: scene.now_s(g) for g in (scene.busy, scene.light)}
    before = scene.following.last()
    assert before.connected
    scene.host.stop_libvirtd(kill)
    gone = scene.following.wait(lambda a: not a.connected, "it misses libvirtd",
                                after_ns=before.t_ns)
    account = scene.following.next(2)
    assert set(account.domains) == set(gone.domains) and not account.connected
    scene.host.start_libvirtd()
    scene.following.wait(lambda a: a.connected, "it is back at libvirtd", after_ns=account.t_ns)
    for guest, since in since_s.items():
        readings = scene.readings(guest, since)
        assert all(r.energy_uj is not None for r in readings)
        assert longest_still_s(readings) <= TWO_PERIODS_S
    for verb, paused in (("suspend", True), ("resume", False)):
        account = scene.following.last()
        scene.host.virsh(verb, "bare")
        scene.following.wait(lambda a, p=paused: a.json[scene.bare.uuid]["paused"] == p,
                             f"bare: {verb}", after_ns=account.t_ns)


@pytest.mark.parametrize("which", (0, 1), ids=("keeper", "worker"))
def test_agent_killed(scene, which):
    """Whoever starts it again finds the counter where it was."""
    guest = scene.busy

    def kill():
        pids = wait_until(guest.agent_pids, "there is an agent")
        guest.kill(pids[which], "KILL")
        again = wait_until(lambda: (p := guest.agent_pids()) and not set(p) & set(pids) and p,
                           "the agent is there again")
        print("moves_after_s", scene.check_moves(guest, guest.started_s(again[0])))
    in_one_of(TRIES, kill)


def test_guests_stopped_while_host_reconnects(scene):
    """One is paused by libvirt, which stops its clock; of the other QEMU is stopped."""
    in_one_of(TRIES, lambda: check_stopped(scene))


def check_stopped(scene):
    paused, stopped = scene.busy, scene.light
    since_s, qemu = scene.now_s(paused), stopped.pid
    scene.host.virsh("suspend", paused.name)
    scene.host.run("kill", "-STOP", qemu)
    try:
        scene.kill_hostd()
        scene.start_hostd()
        # So long that what the stopped one showed is not true any more.
        time.sleep(STALE_AFTER_S)
    finally:
        continued = time.monotonic()
        scene.host.run("kill", "-CONT", qemu)
        scene.host.virsh("resume", paused.name)
    for guest in (paused, stopped):
        scene.wait_for_link(guest)
    took_s = scene.check_moves(stopped, scene.recorders[stopped].at_s(continued))
    print("stopped_moves_after_s", took_s)
    readings = scene.readings(paused, since_s)
    assert all(r.energy_uj is not None for r in readings)
    print("paused_still_s", longest_still_s(readings))
    assert longest_still_s(readings) <= TWO_PERIODS_S


def check_moves_in_boot(scene, guest, since_s):
    """There was no counter before: it appears soon, and then moves soon."""
    took_s = scene.check_moves(guest, since_s, before_uj=0)
    first = next(r for r in scene.readings(guest) if r.energy_uj is not None)
    readings = scene.readings_past(guest, first.end_s + TWO_PERIODS_S)
    return took_s, moves_after(readings, first.end_s, first.energy_uj, TWO_PERIODS_S)


def test_guests_rebooted(scene):
    """Reset from outside, and rebooted from inside."""
    in_one_of(TRIES, lambda: check_rebooted(scene))


def check_rebooted(scene):
    for guest in (scene.busy, scene.light):
        scene.recorders[guest].end_boot()
    boot = scene.busy.run("cat /proc/sys/kernel/random/boot_id")
    scene.host.virsh("reset", scene.busy.name)
    scene.light.reboot()
    scene.busy.wait_for_boot_after(boot)
    for guest in (scene.busy, scene.light):
        scene.recorders[guest].begin_boot()
    started_s = scene.light.started_s(start_agent(scene.light))
    print("moves_after_s", check_moves_in_boot(scene, scene.light, started_s))
    scene.busy.wait_for_tree()
    scene.wait_for_link(scene.busy)
    check_moves_in_boot(scene, scene.busy, scene.now_s(scene.busy))


def test_channel_attached(scene):
    """vmpower enroll, while the guest runs and its agent waits."""
    guest = scene.bare
    assert scene.following.last().link(guest.uuid) == "no-channel"
    assert all(r.energy_uj is None for r in scene.readings(guest))

    def attach():
        if scene.following.last().link(guest.uuid) != "no-channel":
            scene.hostd.vmpower("enroll", "--undo", guest.name)
            scene.following.wait(lambda a: a.link(guest.uuid) == "no-channel", "it is gone",
                                 after_ns=scene.following.last().t_ns)
        scene.hostd.vmpower("enroll", guest.name)
        attached_s = scene.now_s(guest)
        scene.wait_for_link(guest)
        print("moves_after_s", check_moves_in_boot(scene, guest, attached_s))
    in_one_of(TRIES, attach)


def idle_shares(account, guest, other):
    """How many times as much idle power as another a guest was given in a tick."""
    mine, others = (int(account.json[g.uuid]["zones"]["package-0"]["last_tick"]["idle_uj"])
                    for g in (guest, other))
    return round(mine / others, 3) if others else None


def plug_vcpus(scene, guest, n):
    """What they reserve counts at once; libvirt tells of them with the next event."""
    follow = scene.following
    scene.host.virsh("setvcpus", guest.name, n, "--live")
    follow.wait(lambda a: idle_shares(a, guest, scene.busy) == n, "its vCPUs count",
                after_ns=follow.last().t_ns)
    for verb, paused in (("suspend", True), ("resume", False)):
        scene.host.virsh(verb, guest.name)
        follow.wait(lambda a, p=paused: a.json[guest.uuid]["paused"] == p and
                    a.json[guest.uuid]["vcpus"] == n, f"{guest.name}: {verb}",
                    after_ns=follow.last().t_ns)


def test_domains_come_and_go(scene):
    """They appear, get vCPUs, pause, and end; the guests that stay notice nothing."""
    hostd, follow = scene.hostd.process.pid, scene.following
    since_s = {g: scene.now_s(g) for g in (scene.busy, scene.light, scene.bare)}
    for name in ("first", "second"):
        guest = scene.bed.guest(scene.host, name, "-N", "-c", 3, "-p", 1)
        follow.wait(lambda a, u=guest.uuid: u in a.json, "it appears")
        plug_vcpus(scene, guest, 3)
        account = follow.next(2)
        used = {zone: sum(share) for zone, share in account.domains[guest.uuid].items()}
        assert all(used.values())
        guest.destroy()
        account = follow.wait(lambda a, u=guest.uuid: u not in a.json, "it has gone",
                              after_ns=account.t_ns)
        assert all(sum(account.ended[zone]) >= uj for zone, uj in used.items())
    plug_vcpus(scene, scene.bare, 2)
    follow.next(4)
    scene.wait_for_link(scene.bare)
    assert scene.hostd.process.pid == hostd and scene.hostd.process.alive()
    for guest, since in since_s.items():
        readings = scene.readings(guest, since)
        assert all(r.energy_uj is not None for r in readings)
        assert longest_still_s(readings) <= TWO_PERIODS_S, guest.name


def test_second_hostd_refuses(scene):
    """There is one ledger, and one who writes it."""
    other = scene.bed.directory()
    r = scene.host.run(scene.hostd.build / "vmpower-hostd", "--run-dir", other, "--state-dir",
                       scene.hostd.state_dir, *scene.hostd.flags, check=False, seconds=PATIENCE_S)
    assert r.returncode == 1
    assert f"{scene.hostd.state_dir}" in r.stderr and "another" in r.stderr.lower(), r.stderr
    scene.following.next()


def test_domain_ends_in_outage(scene):
    """What it used cannot be told from what the host used: nobody is charged with it."""
    guest, survivor = scene.light, scene.busy
    guest.load(0.5)
    # All the time, so that no moment of it is unlike another.
    survivor.load(1.0)
    scene.following.next(2)
    before = scene.kill_hostd()
    time.sleep(4)
    scene.recorders.pop(guest).check_never_decreases()
    guest.destroy()
    _, after = scene.start_hostd()
    assert guest.uuid not in after.json
    pairs = spans(scene, before, after)
    for zone in before.total:
        used = (scene.sim.at(after.t_ns).domain_uj(guest.uuid, zone) -
                scene.sim.at(before.t_ns).domain_uj(guest.uuid, zone))
        found = after.unattributed[zone] - before.unattributed[zone]
        print(zone, (used / 1e6, found / 1e6))
        assert used > 0 and found >= 0.99 * used
        assert sum(after.ended[zone]) >= sum(before.ended[zone]) + \
            sum(before.domains[guest.uuid][zone])
        of_true = [(b.domains[survivor.uuid][zone][0] - a.domains[survivor.uuid][zone][0]) /
                   (scene.sim.at(b.t_ns).domain_uj(survivor.uuid, zone) -
                    scene.sim.at(a.t_ns).domain_uj(survivor.uuid, zone)) for a, b in pairs]
        print(zone, "of_true", [round(f, 5) for f in of_true])
        assert statistics.median(of_true) == pytest.approx(1, rel=0.01), zone


def truncate(path):
    with open(path, "r+b") as f:
        f.truncate(path.stat().st_size // 2)


def scribble(path):
    """Over every slot of the rows that come first, whichever is in use."""
    with open(path, "r+b") as f:
        f.seek(4096)
        f.write(b"\xa5" * 1024)


@pytest.mark.parametrize("damage", (truncate, scribble))
def test_ledger_damaged(scene, damage):
    """It is set aside and said, and hostd goes on; with no copy of it, from nothing."""
    in_one_of(TRIES, lambda: check_damaged(scene, damage))


def check_damaged(scene, damage):
    guest, state = scene.busy, scene.hostd.state_dir
    scene.kill_hostd()
    damage(state / "ledger")
    if damage is scribble:
        (state / "ledger.checkpoint").unlink(missing_ok=True)
    scene.following.forget()
    logged = len(scene.hostd.log())
    starting, account = scene.start_hostd("--log-level", "error")
    assert guest.uuid in account.domains
    aside = [p.name for p in state.iterdir() if p.name.startswith("ledger.set-aside-")]
    said = scene.hostd.log()[logged:]
    assert aside and any(name in said for name in aside), (aside, said)
    since_s = scene.recorders[guest].at_s(starting)
    print("moves_after_s", scene.check_moves(guest, since_s))
    scene.following.next()
