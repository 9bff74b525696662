# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The agent as a part of a system: systemd and udev, OpenRC, containers."""
import json
import os
import re
import shlex
import shutil
import subprocess
from typing import NamedTuple

import pytest

from bed import TESTBED, TESTS
from bed.guest import POWERCAP, DebianGuest
from bed.hostd import Hostd
from bed.process import wait_until

UNIT = "vmpower-guest.service"
MOUNTS = "grep -c ' - fuse.vmpower ' /proc/self/mountinfo"
# These, and the tmpfs of --mount full.
OF_AGENT = "grep -c ' vmpower:' /proc/self/mountinfo"
PACKAGING = TESTS.parent / "packaging"

# What the distribution has for it does not go with its OpenRC.
DEVICES = """#!/sbin/openrc-run
depend()
{
    provide dev
}

start()
{
    /lib/systemd/systemd-udevd --daemon
    udevadm trigger --action=add
    udevadm settle
}
"""


class Rig(NamedTuple):
    hostd: Hostd
    systemd: DebianGuest
    openrc: DebianGuest


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def make_agent_tar(installed, directory):
    """As packaging/README.md says, of what is the agent's."""
    directory.mkdir(parents=True)
    files = [path.relative_to(installed) for path in installed.rglob("*") if path.is_file() and
             ("vmpower-guest" in path.name or path.parent.name == "sysusers.d")]
    subprocess.run(["tar", "-C", installed, "--owner=0", "--group=0", "-czf",
                    directory / "vmpower-guest.tar.gz", *files], check=True)


@pytest.fixture(scope="module", name="rig")
def rig_fixture(request, module_bed):
    """Two guests of one image: what an administrator would have done is done in both."""
    host = module_bed.host()
    hostd = module_bed.hostd(host, module_bed.simrapl(host))
    root = module_bed.directory()
    # Debian's node_exporter is not root.
    write(root / "etc/vmpower/guest.conf", "mode = 0440\ngroup = prometheus\n")
    link(root / f"etc/systemd/system/multi-user.target.wants/{UNIT}",
         f"/lib/systemd/system/{UNIT}")
    write(root / "etc/init.d/devices", DEVICES, 0o755)
    link(root / "etc/runlevels/sysinit/devices", "/etc/init.d/devices")
    shutil.copy(module_bed.build / "packaging/openrc/vmpower-guest", root / "etc/init.d")
    (root / "etc/init.d/vmpower-guest").chmod(0o755)
    for name in ("dbus", "prometheus-node-exporter", "qemu-guest-agent", "vmpower-guest"):
        link(root / f"etc/runlevels/test/{name}", f"/etc/init.d/{name}")
    write(root / "sbin/openrc-test", "#!/bin/sh\nexec /sbin/openrc-init test\n", 0o755)
    make_agent_tar(request.getfixturevalue("installed"), root / "opt/mirror")
    (root / "opt/container").mkdir(parents=True)
    shutil.copy(PACKAGING / "container/config.json", root / "opt/container")
    guests = module_bed.debian_guests(
        host, {"systemd": (), "openrc": ("-a", "init=/sbin/openrc-test")}, root,
        check_clocks=False)
    for guest in guests:
        guest.wait_for_tree()
    guests[0].wait_for_userland()
    return Rig(hostd, *guests)


def show(guest, unit, name):
    return guest.run(f"systemctl show -P {name} {unit}")


def is_active(guest):
    return guest.run(f"systemctl is-active {UNIT}", check=False) == "active"


def mounts(guest):
    return int(guest.run(MOUNTS, check=False))


def zones_of_node_exporter(guest):
    text = guest.run("wget -q -O - http://127.0.0.1:9100/metrics", check=False)
    return set(re.findall(rf'^node_rapl_\w+_joules_total{{.*path="{POWERCAP}/(\S+)"}} ', text,
                          re.MULTILINE))


def check_privileges(guest, user):
    """The worker has none, and is not root."""
    keeper, worker = guest.agent_pids()
    fields = dict(line.split(":\t", 1) for line in
                  guest.run(f"cat /proc/{worker}/status").splitlines() if ":\t" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(fields[name], 16) == 0, name
    assert fields["NoNewPrivs"] == "1"
    assert fields["Uid"].split() == fields["Gid"].split() == [user] * 4
    assert not fields.get("Groups", "").split()
    assert guest.run(f"grep ^Uid: /proc/{keeper}/status").split()[1] == "0"


def test_order_at_boot(rig):
    """node_exporter's own unit is started when the tree is there."""
    vm = rig.systemd
    assert vm.run("systemctl is-system-running") == "running"
    ready, begin = (int(show(vm, unit, f"{name}TimestampMonotonic")) for unit, name in (
        (UNIT, "ActiveEnter"), ("prometheus-node-exporter", "InactiveExit")))
    assert 0 < ready <= begin
    wait_until(lambda: zones_of_node_exporter(vm) == {"intel-rapl:0", "intel-rapl:0:0"},
               "node_exporter has both zones", every=0.5)


def test_unit(rig):
    vm = rig.systemd
    assert vm.run(f"systemd-analyze verify --man=no {UNIT} 2>&1") == ""
    pid = show(vm, UNIT, "MainPID")
    assert vm.run("readlink /proc/1/ns/mnt") == vm.run(f"readlink /proc/{pid}/ns/mnt")
    check_privileges(vm, vm.run("id -u vmpower"))


def test_stop_and_start(rig):
    vm = rig.systemd
    before = vm.energy_uj()
    vm.run(f"systemctl stop {UNIT}")
    assert mounts(vm) == 0
    assert show(vm, UNIT, "Result") == "success"
    # It is ready when the tree is there.
    vm.run(f"systemctl start {UNIT}")
    vm.wait_for_tree()
    assert mounts(vm) == 1
    assert vm.energy_uj() >= before
    vm.run(f"systemctl restart {UNIT}")
    vm.wait_for_tree()
    assert mounts(vm) == 1
    assert vm.energy_uj() >= before


@pytest.mark.parametrize("mount", ("auto", "full"))
def test_killed(rig, mount):
    """What an agent could not undo is gone before the next one comes, and that is soon."""
    vm = rig.systemd
    before = vm.energy_uj()
    if mount == "full":
        vm.run(f"echo mount = full >>/etc/vmpower/guest.conf; systemctl restart {UNIT}")
        vm.wait_for_tree()
        assert int(vm.run(OF_AGENT)) > 2
    pid, restarts = show(vm, UNIT, "MainPID"), show(vm, UNIT, "NRestarts")
    logged = len(vm.log())
    vm.run(f"systemctl kill -s KILL {UNIT}")
    wait_until(lambda: int(show(vm, UNIT, "NRestarts")) > int(restarts), "it is started again")
    vm.wait_for_tree()
    wait_until(lambda: is_active(vm), "it is ready")
    assert show(vm, UNIT, "MainPID") != pid
    assert vm.energy_uj() >= before
    # Who undoes it says so, and goes on or ends. That was before the next one began.
    said = [line for line in vm.log()[logged:].splitlines()
            if "left by an earlier agent" in line or "Scheduled restart" in line]
    assert "unmounted" in said[0] and "Scheduled restart" in said[-1], said
    assert int(show(vm, UNIT, "NRestarts")) == int(restarts) + 1
    if mount == "full":
        vm.run(f"sed -i /mount/d /etc/vmpower/guest.conf; systemctl restart {UNIT}")
        vm.wait_for_tree()
    assert mounts(vm) == 1


def test_ready_without_a_host(rig):
    vm = rig.systemd
    rig.hostd.stop()
    begin, end = (float(word) for word in vm.run(
        f"cut -d' ' -f1 /proc/uptime; systemctl restart {UNIT}; cut -d' ' -f1 /proc/uptime"
    ).split())
    assert 4.9 <= end - begin
    assert is_active(vm) and mounts(vm) == 0
    rig.hostd.start()
    vm.wait_for_tree()


def test_plugged_later(rig):
    vm = rig.systemd
    before = vm.energy_uj()
    channel = vm.detach_channel()
    wait_until(lambda: vm.status()["link"] == "no-port", "the port is gone")
    assert is_active(vm)
    # Without a port there is nothing to start, and nothing is wrong.
    vm.run(f"systemctl stop {UNIT}; systemctl start {UNIT}")
    assert show(vm, UNIT, "ActiveState") == "inactive"
    assert vm.run("systemctl is-system-running") == "running"
    vm.attach_channel(channel)
    wait_until(lambda: is_active(vm), "udev has it started", every=0.2)
    vm.wait_for_tree()
    assert vm.energy_uj() >= before


class CloudInit:
    """The distribution's, run by its python."""

    def __init__(self):
        found = subprocess.run([TESTBED / "cloud-init"], check=True, capture_output=True, text=True)
        self.env = {**os.environ, "PYTHONPATH": found.stdout.strip()}

    def _python(self, *words):
        return subprocess.run(["/usr/bin/python3", *words], env=self.env, check=True,
                              capture_output=True, text=True).stdout

    def check(self, path):
        assert self._python("-m", "cloudinit.cmd.main", "schema", "-c", path) == \
            f"Valid cloud-config: {path}\n"

    def load(self, path):
        return json.loads(self._python("-c", "import json, sys, yaml\n"
                                       "print(json.dumps(yaml.safe_load(open(sys.argv[1]))))", path))


def test_cloud_init(rig):
    """Its user data are right, and do it in a machine that has never had the agent."""
    vm, cloud_init = rig.systemd, CloudInit()
    path = PACKAGING / "cloud-init/vmpower-guest.yaml"
    cloud_init.check(path)
    config = cloud_init.load(path)
    vm.run(f"dpkg -s {' '.join(config['packages'])}")
    vm.run(f"systemctl disable --now {UNIT}; tar -tzf /opt/mirror/vmpower-guest.tar.gz | "
           "(cd / && xargs rm /etc/init.d/vmpower-guest) && rm -r /etc/vmpower /run/vmpower && "
           "systemctl daemon-reload")
    assert show(vm, UNIT, "LoadState") == "not-found"
    for file in config["write_files"]:
        vm.run(f"mkdir -p {os.path.dirname(file['path'])}; "
               f"printf %s {shlex.quote(file['content'])} >{file['path']}")
    server = vm.spawn("exec busybox httpd -f -p 127.0.0.1:8080 -h /opt/mirror")
    wait_until(lambda: vm.status_of("wget -q -O /dev/null "
                                    "http://127.0.0.1:8080/vmpower-guest.tar.gz") == 0,
               "the mirror answers", every=0.2)
    for command in config["runcmd"]:
        line = command if isinstance(command, str) else shlex.join(command)
        vm.run(line.replace("https://mirror.example/", "http://127.0.0.1:8080/"))
    vm.kill(server)
    vm.wait_for_tree()
    wait_until(lambda: is_active(vm), "it is ready")
    assert show(vm, UNIT, "UnitFileState") == "enabled"
    assert vm.run("stat -c %a /usr /lib/udev/rules.d/70-vmpower-guest.rules").split() == \
        ["755", "644"]
    check_privileges(vm, vm.run("id -u vmpower"))


def test_container(rig):
    """The agent is the first process of a container, and the guest has the tree."""
    vm = rig.systemd
    state = "crun state vmpower | grep -o running"
    vm.run(f"systemctl stop {UNIT}; mkdir -p /run/vmpower-container /opt/container/rootfs; "
           "mount -o ro /dev/vda /opt/container/rootfs")
    run = "crun run -d --bundle /opt/container vmpower </dev/null >/run/container.log 2>&1"
    assert vm.status_of(run) == 0, vm.run("cat /run/container.log")
    vm.wait_for_tree()
    first = vm.run("crun state vmpower | sed -n 's/.*\"pid\": \\([0-9]*\\).*/\\1/p'")
    assert vm.run(f"grep NSpid: /proc/{first}/status").split()[1:] == [first, "1"]
    check_privileges(vm, "61047")
    # Orphans are given to it. It has its worker for a child, and soon nothing else.
    vm.run("crun exec vmpower sh -c 'sleep 0.2 & sleep 0.4 &' </dev/null >/dev/null 2>&1")
    wait_until(lambda: len(vm.run(f"cat /proc/{first}/task/{first}/children").split()) == 1,
               "orphans are reaped")
    before = vm.energy_uj()
    # What one leaves that was killed, the next replaces.
    vm.run("crun kill vmpower KILL")
    wait_until(lambda: vm.status_of(state) != 0, "the container has ended")
    assert mounts(vm) == 1
    vm.run(f"crun delete vmpower; {run}")
    vm.wait_for_tree()
    assert mounts(vm) == 1
    assert vm.energy_uj() >= before
    vm.run("crun kill vmpower TERM")
    wait_until(lambda: vm.status_of(state) != 0, "the container has ended")
    assert mounts(vm) == 0
    assert "ending on signal 15" in vm.run("crun delete vmpower; cat /run/container.log")


def test_openrc(rig):
    vm = rig.openrc
    # Started in its runlevel, before node_exporter.
    agent, exporter = (vm.started_s(vm.run(f"pidof {name} | grep -o '[0-9]*$'"))
                       for name in ("vmpower-guest", "prometheus-node-exporter"))
    assert agent <= exporter
    check_privileges(vm, "61047")
    before = vm.energy_uj()
    vm.run("kill -KILL $(pidof vmpower-guest)")
    wait_until(lambda: vm.agent_pids() is not None, "it is started again", every=0.2)
    vm.wait_for_tree()
    assert mounts(vm) == 1
    vm.run("rc-service vmpower-guest restart")
    # It waits until the tree is there.
    assert mounts(vm) == 1
    assert vm.energy_uj() >= before
    assert "started" in vm.run("rc-service vmpower-guest status")
    vm.run("rc-service vmpower-guest stop")
    assert mounts(vm) == 0
    assert vm.agent_pids() is None
