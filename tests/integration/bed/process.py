# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Processes with a log, and waiting for things to become true."""
import contextlib
import os
import pathlib
import signal
import subprocess
import time
import traceback
import warnings

# What is to be shown when a test fails: title and path of a log, by its owner.
LOGS = {}


# Of what is to happen and takes no time to speak of: so long a machine that is shared with
# others may let it wait, so that it is a bound of nothing.
PATIENCE_S = 60


def wait_until(condition, what, seconds=PATIENCE_S, every=0.05):
    """The first true value of condition(); an AssertionError that says what was not."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(every)


class Disturbed(AssertionError):
    """What may be the machine's, where all else that is asserted is not."""


def in_one_of(tries, attempt, error=AssertionError):
    """What attempt() returns at the first time that it does not raise such an error.

    For what depends on the machine as well: others may take its time at any moment, and
    not at each. What is wrong with what is tested is wrong each time. A try that failed is
    in the summary, as a warning.
    """
    for _ in range(tries - 1):
        try:
            return attempt()
        except error:
            warnings.warn(f"tried again:\n{traceback.format_exc()}")
    return attempt()


def tail(path, lines=60):
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError as e:
        return str(e)


class Process:
    """A process whose output is in a file. pid is its own, also behind "enter"."""

    def __init__(self, command, log, env=None, entered=False):
        self.log = pathlib.Path(log)
        self.command = [str(c) for c in command]
        with open(self.log, "ab") as out:
            # Not preexec_fn: setpriv has the process ended with this one.
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM"] + self.command, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, env={**os.environ, **(env or {})})
        LOGS[self] = (" ".join(self.command), self.log)
        self.pid = self.popen.pid
        if entered:
            self.pid = self._entered_pid()

    def _entered_pid(self):
        """nsenter's child, which is in the other pid namespace."""
        proc = pathlib.Path(f"/proc/{self.popen.pid}")

        def child():
            assert self.alive(), f"{self.command}: {tail(self.log)}"
            if (proc / "comm").read_text() != "nsenter\n":
                return None
            return (proc / f"task/{self.popen.pid}/children").read_text().split()
        return int(wait_until(child, "enter", every=0.005)[0])

    def alive(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.alive():
            with contextlib.suppress(ProcessLookupError):  # it just ended
                os.kill(self.pid, number)

    def kill(self):
        """At once, without a chance to say goodbye."""
        self.signal(signal.SIGKILL)
        return self.popen.wait(PATIENCE_S)

    def stop(self, seconds=PATIENCE_S):
        """As a service manager would: SIGTERM; its exit status."""
        if not self.alive():
            return self.popen.returncode
        self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command[0]} did not end on SIGTERM: {tail(self.log)}") from None

    def close(self):
        if self.alive():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.popen.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()
        LOGS.pop(self, None)

    def wait_for_log(self, text, seconds=PATIENCE_S):
        """Until a line of the log has the text; that line."""
        def find():
            assert self.alive(), f"{self.command} ended: {tail(self.log)}"
            return next((line for line in self.log.read_text(errors="replace").splitlines()
                         if text in line), None)
        return wait_until(find, f"'{text}' in the log of {self.command[-1]}", seconds)
