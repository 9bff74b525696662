# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower enroll --all and --watch against the real libvirt."""
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from bed import TESTBED
from bed.process import wait_until

CHANNEL = "./devices/channel/target[@name='org.vmpower.0']"
LABELS = """<metadata><l:labels xmlns:l='urn:vmpower:domain:1'><l:label key='project'
value='{}'/></l:labels></metadata>"""
SERVER = "4c4b40a6-53f2-4c4e-8c2b-7d3f0a5b9e11"


@pytest.fixture(scope="module", name="host")
def host_fixture(module_bed):
    return module_bed.host()


class Domains:
    """Domains that halt in their firmware."""

    def __init__(self, host, directory):
        self.host = host
        self.directory = directory
        self.names = set()

    def define(self, name, *options, project="none", start=True):
        xml = subprocess.run([TESTBED / "domain", *options, "-m", "16", name, "/dev/null"],
                             check=True, capture_output=True, text=True).stdout
        xml = re.sub("<kernel>.*</kernel>|<initrd>.*</initrd>|<cmdline>.*</cmdline>", "", xml)
        xml = xml.replace("</name>", "</name>" + LABELS.format(project), 1)
        path = self.directory / f"{name}.xml"
        path.write_text(xml)
        self.host.virsh("define", path)
        self.names.add(name)
        if start:
            self.host.virsh("start", name)

    def has_channel(self, name, *flags):
        xml = ElementTree.fromstring(self.host.virsh("dumpxml", name, *flags))
        return xml.find(CHANNEL) is not None

    def wait(self, name):
        wait_until(lambda: self.has_channel(name), f"{name} has the channel")

    def remove(self):
        for name in self.names:
            self.host.virsh("destroy", name, check=False)
            self.host.virsh("undefine", name, check=False)


@pytest.fixture(name="domains")
def domains_fixture(host, bed):
    domains = Domains(host, bed.directory())
    yield domains
    domains.remove()


@pytest.fixture(name="watch")
def watch_fixture(bed, host, build):
    """Starts a watch, which ends with the test, and by itself with status 0."""
    running = []

    def start(*flags):
        log = bed.directory() / "watch.log"
        running.append(host.spawn([build / "vmpower", "enroll", "--watch", *flags], log))
        return log
    yield start
    for process in running:
        assert process.stop() == 0
        process.close()


def enroll(host, build, *flags):
    return host.run(build / "vmpower", "enroll", *flags, check=False)


def test_all(host, build, domains):
    domains.define("web1", "-n", project="shop")
    domains.define("web2", "-n", project="shop", start=False)
    domains.define("web3", "-n", project="lab")
    domains.define("db", "-n", project="shop")
    done = enroll(host, build, "--all", "--name", "web*", "--name", "x", "--label", "project=sh*")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "web1: added the channel org.vmpower.0 to the persistent definition\n"
        "web1: plugged the channel org.vmpower.0 into the running domain; no restart is needed\n"
        "web2: added the channel org.vmpower.0 to the persistent definition\n"
        "2 of 4 domains are enrolled\n")
    assert domains.has_channel("web1") and domains.has_channel("web2")
    assert not domains.has_channel("web3") and not domains.has_channel("db")
    done = enroll(host, build, "--all")
    assert done.returncode == 0 and done.stdout.endswith("4 of 4 domains are enrolled\n")
    assert domains.has_channel("web3") and domains.has_channel("db")
    done = enroll(host, build, "--all", "--name", "web2", "--undo")
    assert done.stdout.endswith("1 of 4 domains have no channel now\n")
    assert not domains.has_channel("web2")


@pytest.mark.parametrize("flags", (
    (), ("--all", "web1"), ("--all", "--watch"), ("--watch", "--undo"), ("web1", "--name", "w*"),
    ("--all", "--label", "project"), ("--all", "--label", "=x")))
def test_usage(host, build, flags):
    done = enroll(host, build, *flags)
    assert done.returncode == 2 and "vmpower enroll" in done.stderr


def test_watch(host, domains, watch):
    """Those that run, and each that starts; only those that were chosen."""
    domains.define("web1", "-n", project="shop")
    log = watch("--label", "project=shop")
    domains.wait("web1")
    assert not domains.has_channel("web1", "--inactive")
    domains.define("lab1", "-n", project="lab")
    domains.define("old", "-N", project="shop")
    domains.define("web2", "-n", project="shop")
    domains.wait("web2")
    wait_until(lambda: "old: cannot enroll it" in log.read_text(), "what is wrong with old")
    assert not domains.has_channel("lab1") and not domains.has_channel("old")
    host.virsh("destroy", "web2")
    host.virsh("start", "web2")
    domains.wait("web2")
    wait_until(lambda: log.read_text().count(
        "web2: plugged the channel into the running domain\n") == 2, "it says so")
    assert log.read_text().count("old: cannot enroll it") == 1


def test_watch_and_libvirtd(host, domains, watch):
    """It comes back with libvirtd, and knows then what started meanwhile."""
    log = watch()
    domains.define("web1", "-n")
    domains.wait("web1")
    host.stop_libvirtd()
    wait_until(lambda: "trying again" in log.read_text(), "that libvirtd is away")
    host.start_libvirtd()
    domains.define("web2", "-n")
    domains.wait("web2")
    assert "libvirt: qemu:///system is back" in log.read_text()


def link_is_up(hostd, name):
    found = [d["link"]["state"] for d in hostd.get("/api/v1/domains")["domains"]
             if d["name"] == name]
    return found == ["up"]


def test_redefined_and_recreated(bed, host, watch):
    """As nova does at each hard reboot: the link is back by itself."""
    hostd = bed.hostd(host, bed.simrapl(host))
    watch()
    for _ in range(2):
        guest, = bed.guests(host, {"server": ("-n", "-u", SERVER)})
        wait_until(lambda: link_is_up(hostd, "server"), "the link is up")
        guest.wait_for_tree()
        guest.destroy()
        wait_until(lambda: not link_is_up(hostd, "server"), "the link is gone")


def test_arrives_by_migration(bed, host, watch):
    """Where it came from nobody enrolled it."""
    guest = bed.guest(bed.host("from"), "traveller", "-n")
    hostd = bed.hostd(host, bed.simrapl(host))
    log = watch()
    guest.migrate(host)
    wait_until(lambda: link_is_up(hostd, "traveller"), "the link is up")
    guest.wait_for_tree()
    wait_until(lambda: log.read_text().count(
        "traveller: plugged the channel into the running domain\n") == 1, "it says so")
    assert "cannot enroll" not in log.read_text()
    guest.destroy()
