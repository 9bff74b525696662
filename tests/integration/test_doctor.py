# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower doctor: each cause is induced, named first, and cleared by its own cure.

Cures are run as they are printed, by a shell on the host. Where one is not a command,
the test does what it says.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from bed.guest import Guest, domain_xml
from bed.process import LOGS, wait_until
from bed.simrapl import SimRapl

# As the host has it, where users other than root may go as well.
ROOT = "/run/vmpower"
CONFIG = f"{ROOT}/hostd.conf"
NOBODY = 65534
MODULES = pathlib.Path("/lib/modules")

# An operating system that obeys the power button, and does nothing else: in real mode,
# with the registers of ACPI where SeaBIOS puts those of a q35.
BOOT_SECTOR = bytes.fromhex(
    "fb"                # sti
    "ba0206 b80001 ef"  # PM1 enable: the power button
    "f4"                # wait: hlt, until the next tick of the clock
    "ba0006 ed f6c401"  # PM1 status: was it pressed?
    "74f6"              # no: wait
    "ba0406 b80020 ef"  # PM1 control: sleep, and as soft off
    "f4 ebfd")

# Stands in for modprobe(8), and for what the kernel does then: zones appear.
MODPROBE = f"""#!/bin/sh
[ "$*" = intel_rapl_msr ] && mv {ROOT}/sim/sys/class/unloaded {ROOT}/sim/sys/class/powercap
"""

# An agent of the past, which knows how to greet and to acknowledge.
OLD_AGENT = r"""
exec 3<>/dev/virtio-ports/org.vmpower.0
printf '\n{"type":"hello","proto":1,"nonce":"n","agent":"vmpower-guest/0.0.1","boot_id":"%s"}\n' \
    "$(cat /proc/sys/kernel/random/boot_id)" >&3
while read -r line; do
    case $line in
    *'"sample"'*) seq=${line#*\"seq\":}; echo "{\"type\":\"ack\",\"seq\":${seq%%,*}}" >&3 ;;
    esac
done <&3
"""

# Another client of a channel, as a virsh console would be.
HOLDER = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
print("connected", flush=True)
s.recv(1)
"""


class Clinic:
    """A libvirt host with a simulated RAPL, its hostd, and the doctor."""

    def __init__(self, bed):
        self.host = bed.host()
        self.dir = self.host.dir / "run/vmpower"
        self.log = self.dir / "hostd.log"
        for name in ("", "bin", "run", "state"):
            (self.dir / name).mkdir()
        for name in ("vmpower", "vmpower-hostd"):
            shutil.copy(bed.build / name, self.dir / "bin")
        self.env = {**os.environ, "PATH": f"{ROOT}/bin:{os.environ['PATH']}"}
        self.simrapl = SimRapl(bed.build, self.dir / "sim", self.host)
        (self.dir / "sim" / "sys").symlink_to(self.simrapl.sysfs)
        LOGS[self] = ("vmpower-hostd", self.log)

    def close(self):
        LOGS.pop(self, None)
        self.simrapl.close()

    def sh(self, command, check=True):
        """Runs it on the host; what it leaves running has no pipe of ours."""
        with open(self.dir / "sh.log", "wb") as out:
            status = subprocess.run([str(c) for c in self.host.enter("sh", "-c", command)],
                                    stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                    env=self.env, timeout=180, check=False).returncode
        text = (self.dir / "sh.log").read_text()
        assert status == 0 or not check, f"{command}: {status}\n{text}"
        return text

    def configure(self, **settings):
        settings = {"sysfs": f"{ROOT}/sim/sys", "run-dir": f"{ROOT}/run",
                    "state-dir": f"{ROOT}/state", **settings}
        (self.dir / "hostd.conf").write_text(
            "".join(f"{key.replace('_', '-')} = {value}\n" for key, value in settings.items()))

    def start(self, user=0, group=None, **settings):
        """A new hostd, when it has measured; group is a supplementary one."""
        self.stop()
        self.configure(**settings)
        groups = "--clear-groups" if group is None else f"--groups {group}"
        self.sh(f"chown -R {user} {ROOT}/run {ROOT}/state; setsid setpriv --reuid {user} "
                f"--regid {user} {groups} vmpower-hostd --config {CONFIG} </dev/null "
                f">>{ROOT}/hostd.log 2>&1 &")
        self.wait_for_hostd()

    def wait_for_hostd(self):
        wait_until(lambda: self.host.run("vmpower", "list", "--config", CONFIG, env=self.env,
                                         check=False).returncode == 0, "vmpower-hostd answers")

    def stop(self):
        self.sh("for p in $(pidof vmpower-hostd); do kill $p; "
                "while kill -0 $p 2>/dev/null; do sleep 0.05; done; done")

    def examine(self, *domain):
        """What the doctor says, the worst first."""
        r = self.host.run("vmpower", "doctor", "--config", CONFIG, "--json", *domain,
                          env=self.env, check=False)
        document = json.loads(r.stdout)
        findings = document["findings"]
        for number, severity in (("errors", "error"), ("warnings", "warning")):
            assert document[number] == sum(f["severity"] == severity for f in findings)
        assert r.returncode == (1 if document["errors"] else 0), r.stderr
        return findings

    def first(self, check, *domain, severity="error"):
        """The finding that is named first, which is to be this one."""
        def find():
            found = self.examine(*domain)
            return (found[0]["check"], found[0]["severity"]) == (check, severity) and found[0]
        # vmpower-hostd may have to see it first.
        found = wait_until(find, f"{check} is the first", every=0.2)
        assert found["domain"] == (domain[0] if domain else None)
        return found

    def has(self, check, *domain):
        return check in (f["check"] for f in self.examine(*domain))

    def cure(self, finding, *domain):
        """Runs the cure; the finding goes."""
        assert finding["cure_is_command"], finding
        self.sh(finding["cure"])
        self.wait_until_gone(finding, *domain)

    def wait_until_gone(self, finding, *domain):
        wait_until(lambda: not self.has(finding["check"], *domain),
                   f"{finding['check']} is gone")

    def wait_until_well(self, *domain):
        """No errors and no warnings, and a hostd that measures."""
        def well():
            found = self.examine(*domain)
            return (found[0]["severity"] in ("info", "ok") and
                    next((f for f in found if f["check"] == "hostd"), None))
        return wait_until(well, "all is well")

    def domain(self, name, *options):
        """Defines and starts a domain with BOOT_SECTOR, which is up at once."""
        disk = self.host.dir / "boot.img"
        disk.write_bytes((BOOT_SECTOR.ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 20, b"\0"))
        device = (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{disk}'/>"
                  "<target dev='vda' bus='virtio'/><readonly/></disk>")
        xml = domain_xml(name, "/dev/null", "-m", "16", "-e", device, *options)
        xml = re.sub("<kernel>.*</kernel>|<initrd>.*</initrd>|<cmdline>.*</cmdline>", "", xml)
        path = self.host.dir / f"{name}.xml"
        path.write_text(xml.replace("</os>", "<boot dev='hd'/></os>"))
        self.host.virsh("define", path)
        self.host.virsh("start", name)
        return Guest(self.host, name)


@pytest.fixture(scope="module", name="clinic")
def clinic_fixture(module_bed):
    """A host whose domains have problems; one of them is silent from now on."""
    made = Clinic(module_bed)
    made.start()
    made.silent = module_bed.guest(made.host, "silent", "-a", "vmpower.agent=no")
    yield made
    made.close()


@pytest.fixture(scope="module", name="host")
def host_fixture(module_bed):
    """A host that has problems itself."""
    made = Clinic(module_bed)
    mount_point = not MODULES.exists()
    if mount_point:
        MODULES.mkdir()
    yield made
    made.close()
    if mount_point:
        MODULES.rmdir()


def test_no_channel(clinic):
    clinic.domain("bare", "-n")
    finding = clinic.first("no-channel", "bare")
    assert finding["cure"] == "vmpower enroll bare"
    clinic.cure(finding, "bare")
    clinic.host.virsh("destroy", "bare")


def test_no_controller(clinic):
    clinic.domain("old", "-N")
    finding = clinic.first("no-virtio-serial", "old")
    clinic.cure(finding, "old")
    assert not clinic.has("no-channel", "old")
    clinic.host.virsh("destroy", "old")


def test_channel_in_use(clinic):
    clinic.stop()
    used = clinic.domain("used")
    holder = clinic.host.spawn(["python3", "-c", HOLDER, used.channel()],
                               clinic.host.dir / "holder.log")
    holder.wait_for_log("connected")
    clinic.start()
    finding = clinic.first("channel-in-use", "used")
    clinic.cure(finding, "used")
    wait_until(lambda: not holder.alive(), "the holder ends")
    clinic.host.virsh("destroy", "used")


def test_not_running(host):
    host.configure()
    finding = host.first("hostd-not-running")
    host.cure(finding)
    host.wait_until_well()


def test_two_hostd(host):
    host.start()
    host.sh(f"setsid vmpower-hostd --config {CONFIG} --run-dir {ROOT}/run2 "
            f"--state-dir {ROOT}/state2 </dev/null >>{ROOT}/hostd.log 2>&1 &")
    wait_until(lambda: host.has("two-hostd"), "there are two")
    host.cure(host.first("two-hostd"))
    host.wait_until_well()


def test_estimate(host):
    host.start(source="estimate")
    finding = host.first("source-estimate", severity="warning")
    host.cure(finding)
    assert "source=powercap" in host.wait_until_well()["seen"]


def test_libvirt_unreachable(host):
    host.start()
    host.host.stop_libvirtd()
    host.cure(host.first("libvirt-unreachable"))
    host.wait_until_well()


def test_libvirt_refuses(host):
    host.start()
    host.sh("sed -i 's/^auth_unix_ro .*/auth_unix_ro = \"sasl\"/' /etc/libvirt/libvirtd.conf")
    host.host.restart_libvirtd(kill=True)
    host.cure(host.first("libvirt-refused"))
    host.wait_until_well()


@contextlib.contextmanager
def without_zones(host):
    """What could be said of them would come first."""
    zones, hidden = (host.simrapl.sysfs / "class" / name for name in ("powercap", "unloaded"))
    zones.rename(hidden)
    try:
        yield
    finally:
        if hidden.exists():
            hidden.rename(zones)


def test_libvirt_socket_closed(host):
    """Read-only access refused by the socket's mode, to a hostd that is not root."""
    host.sh("chmod 700 /run/libvirt/libvirt-sock-ro")
    with without_zones(host):
        host.start(NOBODY)
        host.cure(host.first("libvirt-refused"))


def has_module(host, has):
    """The host's kernel has intel_rapl_msr as a module that is not loaded, or not at all."""
    release = os.uname().release
    modules = host.dir / "modules" / release
    modules.mkdir(parents=True, exist_ok=True)
    (modules / "modules.builtin").write_text("")
    (modules / "modules.dep").write_text(
        "kernel/drivers/powercap/intel_rapl_msr.ko.xz: kernel/drivers/powercap/x.ko\n"
        if has else "kernel/fs/fuse/fuse.ko:\n")
    (host.dir / "loaded").write_text("fuse 1 0 - Live 0x0\n")
    host.sh(f"mountpoint -q /proc/modules || mount --bind {ROOT}/loaded /proc/modules; "
            f"mountpoint -q {MODULES} || mount --bind {ROOT}/modules {MODULES}")


def test_module_not_loaded(host):
    has_module(host, True)
    modprobe = host.dir / "bin/modprobe"
    modprobe.write_text(MODPROBE)
    modprobe.chmod(0o755)
    host.stop()
    host.configure()
    with without_zones(host):
        finding = host.first("module-not-loaded")
        assert finding["cure"] == "modprobe intel_rapl_msr"
        host.cure(finding)
        host.cure(host.first("hostd-not-running"))
        host.wait_until_well()


def test_powercap_missing(host):
    has_module(host, False)
    host.stop()
    host.configure(source="powercap")
    with without_zones(host):
        finding = host.first("powercap-missing")
        assert finding["cure_is_command"]
        host.sh(finding["cure"])
        host.wait_for_hostd()
        # Nothing makes zones, but there is something to see: an estimate that says so.
        found = host.examine()
        warnings = [f for f in found if f["severity"] == "warning"]
        assert [(f["check"], f["cure_is_command"]) for f in warnings] == [
            ("powercap-missing", False), ("source-estimate", False)]


def test_energy_unreadable(host):
    """To a hostd that is not root, and has not the capability that its unit gives it."""
    for zone in ("intel-rapl:0", "intel-rapl:0:0"):
        host.simrapl.hold(zone)
    host.start(NOBODY, source="powercap")
    for _ in range(2):
        finding = host.first("energy-unreadable")
        assert "without CAP_DAC_READ_SEARCH" in finding["cause"]
        host.sh(finding["cure"])
    assert not host.has("energy-unreadable")
    host.wait_until_well()
    for zone in ("intel-rapl:0", "intel-rapl:0:0"):
        host.simrapl.release(zone)


def test_energy_without_a_value(host):
    """The driver gives EIO, until it is loaded anew."""
    zone = "intel-rapl:0"
    energy, modprobe = host.simrapl.path(zone), host.dir / "bin/modprobe"
    modprobe.write_text(f'#!/bin/sh\n[ "$1" = -r ] || rm "{ROOT}/sim/sys/hold/{zone}"\n')
    modprobe.chmod(0o755)
    host.start()
    host.simrapl.hold(zone)
    energy.unlink()
    # Nothing is mapped at its beginning.
    energy.symlink_to("/proc/self/mem")
    finding = host.first("energy-unreadable")
    assert str(energy.parent.name) in finding["seen"] and "nput/output" in finding["seen"]
    host.cure(finding)
    host.wait_until_well()


def test_socket_inaccessible(host):
    host.domain("closed")
    with without_zones(host):
        host.start(NOBODY)
        finding = host.first("socket-inaccessible", "closed")
        group = re.fullmatch("run vmpower-hostd with the supplementary group ([0-9]+)",
                             finding["cure"]).group(1)
        host.start(NOBODY, group)
        host.wait_until_gone(finding, "closed")


def start_agent(guest):
    """What the doctor says to do in the guest, which has no systemd."""
    return guest.spawn("exec vmpower-guest --run-dir /run/vmpower", "/run/agent.log")


def test_agent_absent(clinic):
    wait_until(lambda: clinic.has("agent-absent", "silent"), "30 s have gone by", 120)
    finding = clinic.first("agent-absent", "silent")
    assert "install vmpower-guest" in finding["cure"]
    agent = start_agent(clinic.silent)
    wait_until(lambda: clinic.has("guest", "silent"), "the agent is served")
    assert not clinic.has("agent-absent", "silent")
    clinic.silent.run(f"kill {agent}; while kill -0 {agent} 2>/dev/null; do usleep 50000; done")


def test_agent_too_old(clinic):
    old = clinic.silent.spawn(OLD_AGENT)
    wait_until(lambda: clinic.has("agent-too-old", "silent"), "the agent is seen")
    finding = clinic.first("agent-too-old", "silent", severity="warning")
    assert finding["cure"] == "in the guest, upgrade vmpower-guest"
    clinic.silent.kill(old)
    start_agent(clinic.silent)
    wait_until(lambda: clinic.has("guest", "silent"), "the new one is served")
    assert not clinic.has("agent-too-old", "silent")
