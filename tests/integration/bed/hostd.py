# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""vmpower-hostd on a host, and what it says."""
import http.client
import json
import pathlib
import re
import socket
import time

from bed.process import PATIENCE_S, wait_until


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE_S)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Hostd:
    """The daemon, with its state and run directories in DIR; flags are hostd's."""

    def __init__(self, build, host, directory, *flags, start=True):
        self.build = build
        self.host = host
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(exist_ok=True)
        self.run_dir = self.dir / "run"
        self.state_dir = self.dir / "state"
        self.socket = self.run_dir / "hostd.sock"
        self.log_path = self.dir / "hostd.log"
        self.flags = flags
        self.process = None
        if start:
            self.start()

    def command(self, *flags):
        return [self.build / "vmpower-hostd", "--run-dir", self.run_dir, "--state-dir",
                self.state_dir, *self.flags, *flags]

    def start(self, *flags, seconds=PATIENCE_S):
        """Starts it (again); returns when it has published its first tick."""
        for d in (self.run_dir, self.state_dir):
            d.mkdir(exist_ok=True)
        self.process = self.host.spawn(self.command(*flags), self.log_path)
        try:
            wait_until(self._answers, "vmpower-hostd answers", seconds)
        except BaseException:
            self.close()
            raise

    def _answers(self):
        assert self.process.alive(), f"vmpower-hostd ended: {self.log()}"
        try:
            return self.get("/api/v1/host")
        except (OSError, http.client.HTTPException, AssertionError):
            return None

    def get(self, path):
        """The JSON of an HTTP path."""
        connection = UnixConnection(self.socket)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, f"GET {path}: {response.status} {body!r}"
            return json.loads(body)
        finally:
            connection.close()

    def vmpower(self, *arguments, check=True):
        """Runs the operator's command against this daemon."""
        return self.host.run(self.build / "vmpower", *arguments[:1], "--run-dir", self.run_dir,
                             *arguments[1:], check=check)

    def cpu_s(self):
        """CPU time so far, of all threads, to the nanosecond."""
        clock = (~self.process.pid << 3) | 2  # what clock_getcpuclockid(3) makes of it
        return time.clock_gettime_ns(clock) / 1e9

    def log(self):
        return self.log_path.read_text(errors="replace")

    def kill(self):
        self.process.kill()
        self.close()

    def stop(self):
        status = self.process.stop()
        self.close()
        return status

    def close(self):
        if self.process:
            self.process.close()
            self.process = None


def channels_directory(host, guest):
    """Where libvirt has QEMU make the channels' sockets."""
    xml = host.virsh("dumpxml", guest.name)
    path = re.search(r"path='([^']*/org\.vmpower\.0)'", xml).group(1)
    return pathlib.Path(path).parent.parent


class Twin(Hostd):
    """Another vmpower-hostd on the host, which measures all and serves no guest.

    QEMU would have it wait while the first one has a channel, and hand the channel over
    as soon as that one ends: so it has a mount namespace in which there are none.
    """

    def __init__(self, build, host, directory, channels, *flags):
        self._channels = channels
        super().__init__(build, host, directory, *flags)

    def command(self, *flags):
        return ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"',
                self._channels, *super().command(*flags)]
