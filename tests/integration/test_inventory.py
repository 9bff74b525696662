# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The inventory follows a real libvirtd: lifecycle, devices, vCPUs, restarts, hangs."""
import json
import signal
import time

import pytest

from bed.process import wait_until

# Guests without an operating system: nothing here looks into them.
DOMAIN = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>16</memory>
<vcpu current='{plugged}'>4</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os>
{cpu}<devices><controller type='usb' model='none'/>{channel}<memballoon model='none'/></devices></domain>
"""
CPU = "<cpu><topology sockets='2' cores='2' threads='1'/></cpu>"
CHANNEL = "<channel type='unix'><target type='virtio' name='org.vmpower.0'/></channel>"


class Dump:
    """tests/inventory_dump/inventory_dump on a host."""

    def __init__(self, bed, host):
        self.host = host
        self.log = bed.directory() / "log"
        self.process = host.spawn([bed.build / "tests/inventory_dump/inventory_dump",
                                   "qemu:///system"], self.log)

    def all(self):
        text = self.log.read_text()
        # The last line may be half written.
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()
                if line.startswith("{")]

    def lines(self, text):
        return sum(text in line for line in self.log.read_text().splitlines())

    def wait(self, condition, what, seconds=20):
        """Until the newest inventory, with its domains by name, is so.

        Of what libvirt has an event for: the next look at everything is 30 s after the
        last one, in which what was waited for before was found if there was no event.
        """
        def newest():
            inventories = self.all()
            if not inventories:
                return None
            domains = {d["name"]: d for d in inventories[-1]["domains"]}
            return condition(inventories[-1]["connected"], domains) and [domains]
        return wait_until(newest, what, seconds)[0]

    def close(self):
        self.process.close()


@pytest.fixture(name="host")
def host_fixture(bed):
    return bed.host()


@pytest.fixture(name="dump")
def dump_fixture(bed, host):
    dump = Dump(bed, host)
    yield dump
    dump.close()


@pytest.fixture(name="create")
def create_fixture(bed, host):
    directory = bed.directory()

    def create(name, plugged=4, cpu="", channel=CHANNEL, paused=True):
        path = directory / f"{name}.xml"
        path.write_text(DOMAIN.format(name=name, plugged=plugged, cpu=cpu, channel=channel))
        host.virsh("create", path, *(["--paused"] if paused else []))
    return create


def test_lifecycle_and_devices(bed, host, dump, create):
    dump.wait(lambda connected, d: connected and not d, "an empty host")
    create("one", plugged=3, cpu=CPU)
    one = dump.wait(lambda _, d: "one" in d, "a new domain")["one"]
    assert one["uuid"] == host.virsh("domuuid", "one")
    assert one["id"] == int(host.virsh("domid", "one"))
    assert one["max_vcpus"] == 4
    assert (one["vcpus"], one["vcpus_per_socket"], one["memory_kib"]) == (3, 2, 16384)
    path = one["channel_path"]
    assert path in host.virsh("dumpxml", "one") and path.endswith("/org.vmpower.0")
    assert one["paused"]
    host.virsh("resume", "one")
    dump.wait(lambda _, d: not d["one"]["paused"], "resumed")
    create("two", channel="", paused=False)
    two = dump.wait(lambda _, d: set(d) == {"one", "two"}, "a second one")["two"]
    assert two["channel_path"] is None and two["vcpus_per_socket"] == 0
    host.virsh("suspend", "two")
    dump.wait(lambda _, d: d["two"]["paused"] and not d["one"]["paused"], "suspended")
    element = bed.directory() / "channel.xml"
    element.write_text(f"<channel type='unix'><source mode='bind' path='{path}'/>"
                       "<target type='virtio' name='org.vmpower.0'/></channel>")
    host.virsh("detach-device", "one", element)
    dump.wait(lambda _, d: d["one"]["channel_path"] is None, "detached")
    element.write_text(CHANNEL)
    host.virsh("attach-device", "one", element)
    dump.wait(lambda _, d: d["one"]["channel_path"] == path, "attached")
    # libvirt has no event for it: the next look at everything, within 30 s.
    host.virsh("setvcpus", "one", 4)
    dump.wait(lambda _, d: d["one"]["vcpus"] == 4, "a plugged vCPU", 90)
    host.virsh("destroy", "one")
    dump.wait(lambda _, d: set(d) == {"two"}, "destroyed")
    host.run("sh", "-c", "kill -KILL $(cat /run/libvirt/qemu/two.pid)")
    dump.wait(lambda connected, d: connected and not d, "QEMU killed")
    assert dump.process.stop() == 0


@pytest.mark.parametrize("kill", [False, True], ids=["TERM", "KILL"])
def test_libvirtd_restarts(host, dump, create, kill):
    create("stays")
    create("ends")
    both = dump.wait(lambda connected, d: connected and len(d) == 2, "two domains")
    host.stop_libvirtd(kill)
    assert dump.wait(lambda connected, _: not connected, "the loss") == both
    host.run("sh", "-c", "kill -KILL $(cat /run/libvirt/qemu/ends.pid)")
    time.sleep(4)
    # One line and one inventory, however often it tried.
    assert dump.lines("trying again") == 1
    assert dump.all()[-2]["connected"]
    host.start_libvirtd()
    after = dump.wait(lambda connected, _: connected, "the return", 60)
    assert after == {"stays": both["stays"]}
    assert dump.lines("is back") == 1
    # It listens to the new one.
    host.virsh("resume", "stays")
    dump.wait(lambda _, d: not d["stays"]["paused"], "an event after the return")


def test_what_hangs(host, dump, create):
    """A stopped QEMU holds nobody up; a stopped libvirtd is noticed, and left at the end."""
    create("stopped")
    dump.wait(lambda connected, d: connected and "stopped" in d, "a domain")
    host.run("sh", "-c", "kill -STOP $(cat /run/libvirt/qemu/stopped.pid)")
    create("other")
    dump.wait(lambda _, d: set(d) == {"stopped", "other"}, "a domain beside a stopped QEMU")
    libvirtd = (host.dir / "run/libvirtd.pid").read_text().strip()
    host.run("kill", "-STOP", libvirtd)
    try:
        dump.wait(lambda connected, d: not connected and len(d) == 2, "the silence", 90)
        time.sleep(2)  # it connects again, which blocks
        dump.process.signal(signal.SIGTERM)
        # Not when libvirtd goes on, which it does not.
        assert dump.process.popen.wait(60) == 0
        assert dump.lines("leaving without it") == 1
    finally:
        host.run("kill", "-CONT", libvirtd)
