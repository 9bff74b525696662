# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""A guest goes on in another QEMU, here or on another host, and so does its counter.

What each QEMU of a guest used is counted in an epoch of its own. The guest gets all of
it, to the microjoule, but for what the last tick before that QEMU's end measured: one
period's energy. The tests share two hosts and two guests, in the order of the file.
"""
import contextlib
import datetime
import os
import struct
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from typing import NamedTuple

import pytest

from bed.follower import Follower
from bed.ledger import Ledger
from bed.process import PATIENCE_S, Process, in_one_of, wait_until
from bed.recorder import Recorder, longest_still_s

IDLE_W, BUSY_W = 10, 20
DRAM_IDLE_W, DRAM_BUSY_W = 2, 3
PERIOD_S = 1.0
STALE_AFTER_S = 10.0
# A sample waits for its guest's moment in a tenth of the period, and for a busy machine.
DELIVERED_AFTER_S = PERIOD_S / 10 + 0.5
# How often a guest leaves whose last samples took longer than that.
TRIES = 3

DISK = """
<disk type='file' device='disk'>
  <driver name='qemu' type='qcow2'/><source file='{}'/><target dev='vda' bus='virtio'/>
</disk>"""


def now_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def make_image(path):
    """An empty disk of 64 MiB that can hold snapshots: qcow2, version 2."""
    cluster = 1 << 16
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, 64 << 20, 0, 1,
                         3 * cluster, cluster, 1, 0, 0)
    references = struct.pack(">Q", 2 * cluster)
    counts = struct.pack(">4H", 1, 1, 1, 1)
    path.write_bytes(b"".join(part.ljust(cluster, b"\0")
                              for part in (header, references, counts, b"")))


class Account(NamedTuple):
    """Of a guest at one moment; energies are microjoules in the order of its zones."""
    epoch: str
    offset_uj: list
    acked_uj: list  # of this epoch; what the guest has, and its host knows that it has
    ledger_uj: int  # all that the host ever measured of it, up to what was acked

    def measured_uj(self):
        return [o + u for o, u in zip(self.offset_uj, self.acked_uj)]


def agreed(guest, status, tick):
    """The account of a tick that knows of the very sample that is in the guest's status."""
    link = tick.json.get(guest.uuid, {}).get("link", {})
    if link.get("epoch") != status["epoch"] or int(link["acked_seq"]) != status["seq"]:
        return None
    acked = [int(z["acked_uj"]) for z in link["zones"]]
    waiting = sum(int(z["measured_uj"]) for z in link["zones"]) - sum(acked)
    found = Account(status["epoch"], [int(z["offset_uj"]) for z in status["zones"]], acked,
                    tick.domain_uj(guest.uuid) - waiting)
    # After another hello, seq begins at 1 again.
    same = found.measured_uj() == [int(z["measured_uj"]) for z in status["zones"]]
    return found if same else None


class Side:
    """A host, its simulated RAPL and its vmpower-hostd."""

    def __init__(self, bed, name):
        self.host = bed.host(name)
        sim = bed.simrapl(self.host, packages=",".join("0" * os.cpu_count()), idle_w=IDLE_W,
                          busy_w=BUSY_W, dram_idle_w=DRAM_IDLE_W, dram_busy_w=DRAM_BUSY_W)
        config = bed.directory() / "hostd.conf"
        config.write_text(f'[zone "package-0"]\nidle_w = {IDLE_W}\n'
                          f'[zone "dram-0"]\nidle_w = {DRAM_IDLE_W}\n')
        self.hostd = bed.hostd(self.host, sim, "--config", config)
        self.following = bed.owned(Follower(self.hostd))

    def ticks(self, guest, epoch):
        """(time, what the epoch had used, by zone) of each tick that was published."""
        found = []
        for account in list(self.following.accounts):
            link = account.json.get(guest.uuid, {}).get("link", {})
            if link.get("epoch") == epoch:
                found.append((account.t_ns, [int(z["measured_uj"]) for z in link["zones"]]))
        return found

    def saw_before(self, t_ns):
        """Whether no tick was missed right before the one of that time."""
        accounts = list(self.following.accounts)
        i = next(i for i, account in enumerate(accounts) if account.t_ns == t_ns)
        return accounts[i].number == 1 or accounts[i - 1].number == accounts[i].number - 1

    def saw_after(self, t_ns):
        """Whether no tick was missed right after the one of that time."""
        accounts = list(self.following.accounts)
        i = next(i for i, account in enumerate(accounts) if account.t_ns == t_ns)
        return i + 1 == len(accounts) or accounts[i + 1].number in (1, accounts[i].number + 1)

    def bounds(self, guest, epoch, stopped_ns):
        """What the guest must have of an epoch that has ended, and what it can have.

        stopped_ns: the guest ran until then, or longer.
        """
        ticks = self.ticks(guest, epoch)
        due = [uj for t_ns, uj in ticks if t_ns < stopped_ns - DELIVERED_AFTER_S * 1e9]
        # All but what the last one measured, unless QEMU stayed there for long after it.
        if ticks[-1][0] < stopped_ns + PERIOD_S / 2 * 1e9:
            due.append(max(due[-1], ticks[-2][1]))
        return due[-1], ticks[-1][1]

    def saw_last(self, guest, epoch):
        """Whether no tick of an epoch was missed behind the last one that was seen."""
        return self.saw_after(self.ticks(guest, epoch)[-1][0])

    def acked_uj(self, guest, epoch):
        """What the guest had of an epoch, as far as the host knew."""
        links = [a.json.get(guest.uuid, {}).get("link", {}) for a in self.following.accounts]
        return [int(z["acked_uj"])
                for z in next(k for k in reversed(links) if k.get("epoch") == epoch)["zones"]]

    def ledger_uj(self, guest):
        """All that it ever measured of a guest that is not here now."""
        ledger = Ledger(self.hostd.state_dir / "ledger")
        return sum(map(sum, ledger.domains.get(guest.uuid, {}).values()))


class Scene:
    """mover goes from host to host; keeper stays, and has a disk for its snapshots."""

    def __init__(self, bed):
        self.bed = bed
        self.here, self.there = Side(bed, "here"), Side(bed, "there")
        self.dir = bed.directory()
        make_image(self.dir / "disk")
        self.mover, self.keeper = bed.guests(self.here.host, {
            "mover": (), "keeper": ("-e", DISK.format(self.dir / "disk"))})
        self.recorders = {g: Recorder(g) for g in (self.mover, self.keeper)}
        for guest in self.recorders:
            guest.load(0.3)
            guest.wait_for_tree()

    def side(self, guest):
        return self.here if guest.host is self.here.host else self.there

    def account(self, guest, other_than=None):
        """Once guest and host agree: the guest has what the host knows it to have."""
        following = self.side(guest).following

        def find():
            status, since_ns = guest.status(), now_ns()
            if not status or status["link"] != "streaming" or status["epoch"] == other_than:
                return None
            following.wait(lambda a: guest.uuid in a.json, "a tick", after_ns=since_ns)
            # It was acknowledged before the tick before that, or before this one.
            found = (agreed(guest, status, tick) for tick in following.accounts[-3:])
            return next(filter(None, found), None)
        return wait_until(find, f"{guest.name} and its host agree")

    def check_goes_on(self, guest, before, side, stopped_ns):
        """In an epoch that begins where the guest was; the new account, and what it lacks."""
        after = self.account(guest, other_than=before.epoch)
        # Nothing else is in the offsets: it has all of the new epoch.
        found = [b - a for a, b in zip(before.offset_uj, after.offset_uj)]
        due, all_uj = side.bounds(guest, before.epoch, stopped_ns)
        assert side.saw_last(guest, before.epoch), "what it could have is not known"
        assert all(d <= f <= a for d, f, a in zip(due, found, all_uj)), (due, found, all_uj)
        missing_uj = sum(all_uj) - sum(found)
        print(f"{guest.name}_missing_J", missing_uj / 1e6, "of the last tick's",
              (sum(all_uj) - sum(side.ticks(guest, before.epoch)[-2][1])) / 1e6)
        return after, missing_uj


@pytest.fixture(scope="module", name="scene")
def scene_fixture(module_bed):
    return Scene(module_bed)


@pytest.fixture(autouse=True)
def check_all_the_time(scene):
    yield
    for side in (scene.here, scene.there):
        side.following.check()
    for recorder in scene.recorders.values():
        recorder.check_never_decreases()


def migrate(scene, guest, to):
    """When it stopped where it was, on CLOCK_BOOTTIME, or a time when it still ran."""
    # The first sample of an epoch is exact: it leaves nothing to show until the next.
    wait_until(lambda: (status := guest.status()) and status["seq"] > 2, "some samples", every=0.2)
    watch = Process(["virsh", "-c", guest.host.uri, "qemu-monitor-event", "--event", "STOP",
                     "--timestamp", guest.name], scene.dir / f"stop-{time.monotonic_ns()}")
    try:
        # It does not say when it listens.
        time.sleep(0.3)
        ran_ns, wall_s = now_ns(), time.time()
        guest.migrate(to.host)
        with contextlib.suppress(subprocess.TimeoutExpired):
            watch.popen.wait(5)
        at = watch.log.read_text().split(": event STOP")[0]
    finally:
        watch.close()
    if not at:
        return ran_ns
    stopped = datetime.datetime.strptime(at, "%Y-%m-%d %H:%M:%S.%f%z")
    return ran_ns + int((stopped.timestamp() - wall_s) * 1e9)


def load_snapshot(guest, name):
    """Into the QEMU that runs, behind libvirt's back."""
    guest.host.virsh("qemu-monitor-command", guest.name, "--hmp", f"loadvm {name}")
    guest.wait()


def wait_for_stale(scene, guest, since_s):
    """Times of the guest: since when it cannot have values of before a time, and now."""
    recorder = scene.recorders[guest]
    stale_s = since_s + STALE_AFTER_S + PERIOD_S
    wait_until(lambda: recorder.now_s() > stale_s + PERIOD_S, "its values are stale")
    return stale_s, recorder.now_s()


def check_stale(scene, guest, since_s, until_s):
    away = [r for r in scene.recorders[guest].readings(since_s) if r.end_s < until_s]
    assert away and all(r.energy_uj is None for r in away)


def check_reads(scene, guest, since_s):
    """It could be read all the time, and moved."""
    readings = scene.recorders[guest].readings(since_s)
    assert all(r.energy_uj is not None for r in readings)
    print(f"{guest.name}_still_s", longest_still_s(readings))
    assert longest_still_s(readings) <= 3 * PERIOD_S


def test_channel_detached(scene):
    """test_channel_attached() goes on with this."""
    guest, host = scene.keeper, scene.here.host
    scene.before_detaching = scene.account(guest)
    xml = ElementTree.fromstring(host.virsh("dumpxml", guest.name))
    channel = xml.find("./devices/channel/target[@name='org.vmpower.0']/..")
    scene.channel = scene.dir / "channel.xml"
    scene.channel.write_bytes(ElementTree.tostring(channel))
    host.virsh("detach-device", guest.name, scene.channel, "--live")
    scene.here.following.wait(lambda a: a.link(guest.uuid) == "no-channel", "it has gone",
                              after_ns=now_ns())
    scene.detached_s = scene.recorders[guest].by_s()


def test_migrates_there_and_back(scene):
    """It has what both ledgers have of it, but for what could not be delivered."""
    in_one_of(TRIES, lambda: check_migrations(scene))


def check_migrations(scene):
    guest, here, there = scene.mover, scene.here, scene.there
    if guest.host is not here.host:
        migrate(scene, guest, here)
    since_s = scene.recorders[guest].now_s()
    first = last = scene.account(guest)
    # What there was before, which is in its offset.
    before_uj = first.ledger_uj - sum(first.acked_uj) + there.ledger_uj(guest)
    epochs, missing_uj = {first.epoch}, 0
    for source, to in ((here, there), (there, here)):
        stopped_ns = migrate(scene, guest, to)
        last, lacks_uj = scene.check_goes_on(guest, last, source, stopped_ns)
        missing_uj += lacks_uj
        epochs.add(last.epoch)
    assert len(epochs) == 3
    assert sum(last.measured_uj()) == \
        sum(first.offset_uj) + last.ledger_uj + there.ledger_uj(guest) - before_uj - missing_uj
    check_reads(scene, guest, since_s)


def test_migration_given_up(scene):
    """Where it stays nothing changes; what the other one used is in that ledger only."""
    guest, here, there = scene.mover, scene.here, scene.there
    since_s, before = scene.recorders[guest].now_s(), scene.account(guest)
    there_uj = there.ledger_uj(guest)
    slowly = Process(["virsh", "-c", here.host.uri, "migrate", "--live", "--p2p", "--bandwidth",
                      1, guest.name, there.host.uri, "--migrateuri",
                      f"unix://{there.host.dir}/{guest.name}.migration"], scene.dir / "slowly")
    try:
        tick = there.following.wait(
            lambda a: guest.uuid in a.json and a.domain_uj(guest.uuid) > there_uj,
            "it is measured there", after_ns=there.following.last().t_ns)
        here.host.virsh("domjobabort", guest.name)
        assert slowly.popen.wait(PATIENCE_S) != 0
    finally:
        slowly.close()
    there.following.wait(lambda a: guest.uuid not in a.json, "it has gone there",
                         after_ns=tick.t_ns)
    assert there.ledger_uj(guest) > there_uj
    after = scene.account(guest)
    assert (after.epoch, after.offset_uj) == (before.epoch, before.offset_uj)
    check_reads(scene, guest, since_s)


def test_channel_attached(scene):
    """Nothing could be read without it. What was used meanwhile comes with the first sample."""
    guest, before = scene.keeper, scene.before_detaching
    stale_s, attaching_s = wait_for_stale(scene, guest, scene.detached_s)
    scene.here.host.virsh("attach-device", guest.name, scene.channel, "--live")
    after = scene.account(guest)
    assert (after.epoch, after.offset_uj) == (before.epoch, before.offset_uj)
    check_stale(scene, guest, stale_s, attaching_s)


def test_leaves_for_an_unmeasured_host(scene):
    """No vmpower-hostd runs there; test_host_is_measured() goes on with this."""
    scene.before_leaving = scene.account(scene.mover)
    scene.there.hostd.kill()
    scene.left_ns = migrate(scene, scene.mover, scene.there)
    # Between the two its clock stood still.
    scene.arrived_s = scene.recorders[scene.mover].by_s()


def define(guest):
    """What was only created becomes persistent."""
    path = guest.host.dir / f"{guest.name}.persistent.xml"
    path.write_text(guest.host.virsh("dumpxml", "--inactive", guest.name))
    guest.host.virsh("define", path)


def test_managed_save(scene):
    guest, host = scene.keeper, scene.here.host
    define(guest)

    def save():
        before, stopping_ns = scene.account(guest), now_ns()
        host.virsh("managedsave", guest.name)
        host.virsh("start", guest.name)
        guest.wait()
        scene.check_goes_on(guest, before, scene.here, stopping_ns)
    in_one_of(TRIES, save)


def test_saved_and_restored(scene):
    """And restored again, from the same image: its past is that of the image again."""
    in_one_of(TRIES, lambda: check_saved(scene))


def check_saved(scene):
    guest, host, image = scene.keeper, scene.here.host, scene.dir / "saved"
    before, stopping_ns = scene.account(guest), now_ns()
    host.virsh("save", guest.name, image)
    host.virsh("restore", image)
    guest.wait()
    once, _ = scene.check_goes_on(guest, before, scene.here, stopping_ns)
    host.virsh("destroy", guest.name)
    host.virsh("restore", image)
    guest.wait()
    twice = scene.account(guest, other_than=once.epoch)
    assert twice.offset_uj == once.offset_uj


def test_snapshots(scene):
    """Its memory is an earlier one: so is its counter, which goes on from there."""
    guest, host = scene.keeper, scene.here.host
    before = scene.account(guest)
    host.virsh("snapshot-create-as", guest.name, "old")
    old = scene.account(guest)
    assert (old.epoch, old.offset_uj) == (before.epoch, before.offset_uj)

    # As libvirt does it: in another QEMU, hence another epoch.
    host.virsh("snapshot-revert", guest.name, "old")
    guest.wait()
    reverted = scene.account(guest, other_than=before.epoch)
    assert all(a <= b <= c for a, b, c in zip(before.measured_uj(), reverted.offset_uj,
                                              old.measured_uj()))

    # In the same QEMU, which nobody tells the host: what was used meanwhile comes again.
    host.virsh("snapshot-create-as", guest.name, "new")
    new = scene.account(guest)
    load_snapshot(guest, "new")
    loaded = scene.account(guest)
    assert (loaded.epoch, loaded.offset_uj) == (reverted.epoch, reverted.offset_uj)
    assert all(a <= b for a, b in zip(new.acked_uj, loaded.acked_uj))

    # Of an epoch before: it must not take this one's samples for that one's.
    load_snapshot(guest, "old")
    loaded = scene.account(guest)
    assert (loaded.epoch, loaded.offset_uj) == (reverted.epoch, reverted.offset_uj)


def test_host_is_measured(scene):
    """Nothing could be read while it was not. What was used then is in the ledger only."""
    guest, here, there = scene.mover, scene.here, scene.there
    before = scene.before_leaving
    stale_s, starting_s = wait_for_stale(scene, guest, scene.arrived_s)
    there.hostd.start()
    after = scene.account(guest, other_than=before.epoch)
    check_stale(scene, guest, stale_s, starting_s)
    # The first sample that it got of the new epoch, of this tick or later, added nothing.
    _, all_uj = here.bounds(guest, before.epoch, scene.left_ns)
    first_ns, first = there.ticks(guest, after.epoch)[0]
    print("untold_J", sum(first) / 1e6)
    # One before that may have been missed, where this machine was busy; then it got less.
    if there.saw_before(first_ns) and here.saw_last(guest, before.epoch):
        assert all(o + f - b <= a for o, f, b, a in
                   zip(after.offset_uj, first, before.offset_uj, all_uj))
    assert all(o + f - b >= d for o, f, b, d in
               zip(after.offset_uj, after.acked_uj, before.offset_uj,
                   here.acked_uj(guest, before.epoch)))
