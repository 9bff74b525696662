# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower enroll against the real libvirt: what it changes, and that it is all."""
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from bed import TESTBED
from bed.process import wait_until

CHANNEL = "./devices/channel/target[@name='org.vmpower.0']"
CONTROLLER = "./devices/controller[@type='virtio-serial']"


@pytest.fixture(scope="module")
def host(module_bed):
    return module_bed.host()


@pytest.fixture(name="domain")
def domain_fixture(host, bed, build):
    """Makes domains that halt in their firmware; they are gone after the test."""
    names = []

    def make(name, *options, transient=False, running=True):
        xml = subprocess.run([TESTBED / "domain", *options, "-m", "16", name, "/dev/null"],
                             check=True, capture_output=True, text=True).stdout
        # No kernel: it is not to boot.
        xml = re.sub("<kernel>.*</kernel>|<initrd>.*</initrd>|<cmdline>.*</cmdline>", "", xml)
        path = bed.directory() / "domain.xml"
        path.write_text(xml)
        if transient:
            host.virsh("create", path, "--paused")
        else:
            host.virsh("define", path)
            if running:
                host.virsh("start", name, "--paused")
        names.append(name)
        return Domain(host, build, name)
    yield make
    for name in names:
        host.virsh("destroy", name, check=False)
        host.virsh("undefine", name, check=False)


class Domain:
    def __init__(self, host, build, name):
        self.host = host
        self.build = build
        self.name = name

    def xml(self, *flags):
        return self.host.virsh("dumpxml", self.name, *flags)

    def config(self):
        return ElementTree.fromstring(self.xml("--inactive"))

    def live(self):
        return ElementTree.fromstring(self.xml())

    def enroll(self, *flags, check=True, name=None):
        return self.host.run(self.build / "vmpower", "enroll", *flags, name or self.name,
                             check=check)


def test_running_with_controller(domain):
    d = domain("web1", "-n")
    before = d.xml(), d.xml("--inactive")
    out = d.enroll().stdout
    assert out == ("web1: added the channel org.vmpower.0 to the persistent definition\n"
                   "web1: plugged the channel org.vmpower.0 into the running domain; "
                   "no restart is needed\n")
    assert len(d.config().findall(CHANNEL)) == 1
    assert len(d.live().findall(CHANNEL)) == 1
    source = d.live().find(CHANNEL + "/../source")
    assert source.get("mode") == "bind" and source.get("path").endswith("/org.vmpower.0")
    assert d.host.run("test", "-S", source.get("path"))

    enrolled = d.xml(), d.xml("--inactive")
    out = d.enroll().stdout
    assert out.count("already") == 2
    assert (d.xml(), d.xml("--inactive")) == enrolled

    # The guest has to let go of the device, which it cannot while it is paused.
    d.host.virsh("resume", d.name)
    out = d.enroll("--undo").stdout
    d.host.virsh("suspend", d.name)
    assert out == ("web1: removed the channel from the persistent definition\n"
                   "web1: removed the channel from the running domain\n")
    assert strip_ports(d.xml()) == strip_ports(before[0])
    assert d.xml("--inactive") == before[1]
    out = d.enroll("--undo").stdout
    assert out.count("has no channel") == 2


def strip_ports(xml):
    """Without what changes by itself: the domain's state."""
    return re.sub("<currentState.*?>", "", xml)


def test_running_without_controller(domain):
    d = domain("old", "-N")
    before = d.xml()
    out = d.enroll().stdout
    assert "libvirt added the virtio-serial controller" in out
    assert "RESTART NEEDED" in out
    assert d.xml() == before
    assert d.config().find(CHANNEL) is not None
    assert d.config().find(CONTROLLER) is not None

    d.host.virsh("destroy", d.name)
    d.host.virsh("start", d.name, "--paused")
    assert d.live().find(CHANNEL) is not None
    assert d.enroll().stdout.count("already") == 2


def test_undo_leaves_only_the_controller(domain):
    d = domain("old", "-N", running=False)
    before = d.config()
    assert "RESTART" not in d.enroll().stdout
    d.enroll("--undo")
    after = d.config()
    devices = after.find("devices")
    for controller in devices.findall("controller[@type='virtio-serial']"):
        devices.remove(controller)

    def shape(element):
        # PCI slots that the controller's arrival made are libvirt's too.
        return sorted(ElementTree.canonicalize(ElementTree.tostring(e), strip_text=True)
                      for e in element if e.get("model") != "pcie-root-port")
    assert shape(devices) == shape(before.find("devices"))
    assert shape(after.find("os")) == shape(before.find("os"))


def test_transient(domain):
    d = domain("brief", "-n", transient=True)
    out = d.enroll().stdout
    assert out == ("brief: plugged the channel org.vmpower.0 into the running domain; "
                   "no restart is needed\n")
    d.host.virsh("resume", d.name)
    assert d.enroll("--undo").stdout == "brief: removed the channel from the running domain\n"
    assert d.live().find(CHANNEL) is None


def test_transient_without_controller(domain):
    d = domain("brief", "-N", transient=True)
    r = d.enroll(check=False)
    assert r.returncode == 1
    assert "transient" in r.stderr and "XML it is created from" in r.stderr
    assert d.live().find(CHANNEL) is None


def test_shut_off_and_by_uuid(domain):
    d = domain("off", "-n", running=False)
    uuid = d.config().findtext("uuid")
    out = d.enroll(name=uuid).stdout
    assert out == f"{uuid}: added the channel org.vmpower.0 to the persistent definition\n"
    assert d.config().find(CHANNEL) is not None


def test_no_such_domain(host, build):
    r = host.run(build / "vmpower", "enroll", "nobody", check=False)
    assert r.returncode == 1
    assert r.stderr.startswith("vmpower: nobody: libvirt knows no such domain: ")


def refusing_host(bed, socket):
    host = bed.host()
    host.run("sed", "-i", f's/^auth_unix_{socket} .*/auth_unix_{socket} = "sasl"/',
             "/etc/libvirt/libvirtd.conf")
    host.restart_libvirtd()
    return host


def test_refused(bed, build):
    """A libvirtd that lets nobody write says so; so does one that is not there."""
    host = refusing_host(bed, "rw")
    r = host.run(build / "vmpower", "enroll", "any", check=False)
    assert r.returncode == 1
    assert "cannot open a read-write connection" in r.stderr
    host.stop_libvirtd()
    r = host.run(build / "vmpower", "enroll", "any", check=False)
    assert r.returncode == 1
    assert "cannot open a read-write connection" in r.stderr


def doctor(host, build, *arguments):
    return host.run(build / "vmpower", "doctor", *arguments, check=False)


def test_doctor_asks_the_same_libvirt(bed, build, domain):
    d = domain("web1", "-n")
    assert "[no-channel]" in doctor(d.host, build).stdout
    d.enroll()
    assert "[no-channel]" not in doctor(d.host, build).stdout


def test_doctor_and_a_libvirtd_that_is_not_there(bed, build):
    host = bed.host()
    assert "ok: libvirt answers" in doctor(host, build).stdout
    host.stop_libvirtd()
    out = doctor(host, build).stdout
    assert "[libvirt-unreachable]\n  cause: libvirtd is not running\n  run:   libvirtd -d\n" in out
    host.run("sh", "-c", "libvirtd -d </dev/null >/dev/null 2>&1")
    wait_until(lambda: "ok: libvirt answers" in doctor(host, build).stdout, "libvirt answers")


def test_doctor_and_a_libvirtd_that_refuses(bed, build):
    host = refusing_host(bed, "ro")
    out = doctor(host, build).stdout
    assert "[libvirt-refused]" in out
    cure = re.search(r"\[libvirt-refused\]\n.*\n  run:   (.*)\n", out).group(1)
    host.run("sh", "-c", f"({cure}) </dev/null >/dev/null 2>&1")
    wait_until(lambda: "ok: libvirt answers" in doctor(host, build).stdout, "libvirt answers")
