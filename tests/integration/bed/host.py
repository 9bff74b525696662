# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""A throw-away libvirt host (tests/testbed/host)."""
import pathlib
import subprocess
import uuid

from bed import TESTBED
from bed.process import LOGS, Process, wait_until


class Host:
    """Up as long as this object is open. dir is short, of its own, and absolute."""

    def __init__(self, directory, name, qemu_conf="", libvirtd_conf=""):
        self.dir = pathlib.Path(directory)
        self.name = name
        self.dir.mkdir(mode=0o700, exist_ok=True)
        env = {"QEMU_CONF": qemu_conf, "LIBVIRTD_CONF": libvirtd_conf}
        self.process = Process([TESTBED / "host", self.dir, name, uuid.uuid4(), "sleep", "infinity"],
                               self.dir / "host.log", env)
        LOGS[self] = (f"libvirtd of {name}", self.dir / "var/log/libvirt/libvirtd.log")
        try:
            wait_until(lambda: (self.dir / "run/ready").exists() and self.ns_pid() or
                       not self.process.alive(), f"host {name}")
            assert self.process.alive(), self.process.log.read_text()
        except BaseException:
            self.close()
            raise

    @property
    def uri(self):
        """For virsh outside of the host."""
        return f"qemu+unix:///system?socket={self.dir}/run/libvirt/libvirt-sock"

    def ns_pid(self):
        path = self.dir / "ns.pid"
        return int(path.read_text()) if path.exists() else None

    def path(self, path):
        """A path of the host, as processes outside can reach it."""
        return f"/proc/{self.ns_pid()}/root{path}"

    def enter(self, *command):
        return [TESTBED / "enter", self.dir, *command]

    def run(self, *command, check=True, seconds=180, env=None):
        """Runs a command on the host; its subprocess.CompletedProcess, with text."""
        r = subprocess.run([str(c) for c in self.enter(*command)], stdin=subprocess.DEVNULL,
                           capture_output=True, text=True, timeout=seconds, check=False, env=env)
        if check:
            assert r.returncode == 0, f"{command}: {r.returncode}\n{r.stdout}{r.stderr}"
        return r

    def spawn(self, command, log, env=None):
        """Starts a daemon on the host; the caller closes it."""
        return Process(self.enter(*command), log, env, entered=True)

    def virsh(self, *arguments, check=True, seconds=180):
        r = subprocess.run(["virsh", "-q", "-c", self.uri, *map(str, arguments)],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=seconds, check=False)
        if check:
            assert r.returncode == 0, f"virsh {arguments}: {r.stderr}"
        return r.stdout.strip()

    def _libvirtd_pid(self):
        return int((self.dir / "run/libvirtd.pid").read_text())

    def signal_libvirtd(self, name):
        self.run("kill", f"-{name}", self._libvirtd_pid())

    def stop_libvirtd(self, kill=False):
        """As a service manager would, or by SIGKILL; guests run on."""
        pid = self._libvirtd_pid()
        self.signal_libvirtd("KILL" if kill else "TERM")
        wait_until(lambda: self.run("kill", "-0", pid, check=False).returncode, "libvirtd ends")

    def start_libvirtd(self):
        # -d returns when the socket answers.
        self.run("sh", "-c", "libvirtd -d -p /run/libvirtd.pid </dev/null >/dev/null 2>&1")

    def restart_libvirtd(self, kill=False):
        self.stop_libvirtd(kill)
        self.start_libvirtd()

    def close(self):
        self.process.close()
        LOGS.pop(self, None)
