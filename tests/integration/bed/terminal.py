# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""A program on a terminal, which is a pty and a screen that understands what is sent."""
import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios

import pyte

from bed.process import PATIENCE_S, wait_until


def is_stopped(pid):
    """Whether it is, by a signal."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        return f.read().rpartition(")")[2].split()[0] == "T"


class Terminal:
    """The terminal is the program's own. term: TERM, as which pyte works is "linux"."""

    def __init__(self, *command, columns=80, lines=24, term="linux", locale="C.UTF-8", **env):
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._master, self._slave = pty.openpty()
        self._set_size(columns, lines)
        self.attributes = termios.tcgetattr(self._slave)
        environment = {**os.environ, "LC_ALL": locale, **env}
        for name in ("COLUMNS", "LINES", "TERM"):
            environment.pop(name, None)
        if term is not None:
            environment["TERM"] = term
        self.popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "setsid", "-c", *map(str, command)],
            stdin=self._slave, stdout=self._slave, stderr=self._slave, env=environment)

    def _set_size(self, columns, lines):
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns, lines):
        """The kernel tells the program."""
        self.screen.resize(lines, columns)
        self._set_size(columns, lines)

    def send(self, keys):
        os.write(self._master, keys.encode())

    def signal(self, number):
        os.kill(self.popen.pid, number)

    def pump(self, seconds=0.05):
        """Shows what was sent so far."""
        while select.select([self._master], [], [], seconds)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            self.raw += data
            self._stream.feed(data)
            seconds = 0

    def lines(self):
        self.pump()
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines())

    def wait_for(self, condition, what, seconds=PATIENCE_S):
        """Until condition(lines) is true; that value."""
        try:
            return wait_until(lambda: condition(self.lines()), what, seconds)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.text()}") from None

    def wait_for_text(self, text, seconds=PATIENCE_S):
        self.wait_for(lambda lines: any(text in line for line in lines), f"'{text}'", seconds)

    def is_as_before(self):
        """What the program changed of the terminal's modes is undone."""
        return termios.tcgetattr(self._slave) == self.attributes

    def wait(self, seconds=PATIENCE_S):
        """Until it ends; its exit status."""
        status = wait_until(lambda: self.pump() or self.popen.poll() is not None,
                            "the program ends", seconds) and self.popen.returncode
        self.pump()
        return status

    def close(self):
        if self.popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.popen.send_signal(signal.SIGCONT)
                self.popen.kill()
            self.popen.wait(PATIENCE_S)
        os.close(self._master)
        os.close(self._slave)
