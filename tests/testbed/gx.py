#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Run a shell command in a guest, through its guest agent.

gx.py [--wait SECONDS] DOMAIN [COMMAND]

Prints the command's stdout and stderr and ends with its status. With --wait it first
waits until the agent answers; without COMMAND that is all. A child that COMMAND leaves
in the background must not keep stdout or stderr. Python may import it: see Agent.
"""
import argparse
import base64
import json
import subprocess
import sys
import time


class AgentError(Exception):
    """The guest agent, or libvirt, did not do what it was asked."""


class Agent:
    """The guest agent of one domain; uri is libvirt's default where it is None."""

    def __init__(self, domain, uri=None):
        self.domain = domain
        self.virsh = ["virsh"] + (["-c", uri] if uri else [])

    def call(self, command, timeout=30, **arguments):
        request = json.dumps({"execute": command, "arguments": arguments})
        r = subprocess.run(
            self.virsh + ["qemu-agent-command", "--timeout", str(timeout), self.domain, request],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if r.returncode:
            raise AgentError(f"{self.domain}: {command}: {r.stderr.strip()}")
        return json.loads(r.stdout)["return"]

    def wait(self, seconds):
        """Until the agent answers; AgentError when it does not in time."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.call("guest-ping", timeout=2)
            except AgentError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.1)

    def _execute(self, command, end):
        """Begins it; a libvirtd that was restarted takes a while to be connected again."""
        while True:
            try:
                return self.call("guest-exec", path="/bin/sh", arg=["-c", command],
                                 **{"capture-output": True})["pid"]
            except AgentError as e:
                if "agent is not connected" not in str(e) or time.monotonic() > end:
                    raise
            time.sleep(0.1)

    def run(self, command, seconds=60):
        """The shell command's (status, stdout, stderr); both outputs are bytes."""
        end = time.monotonic() + seconds
        pid = self._execute(command, end)
        while True:
            r = self.call("guest-exec-status", pid=pid)
            if r["exited"]:
                break
            if time.monotonic() > end:
                raise AgentError(f"{self.domain}: still running after {seconds} s: {command}")
            time.sleep(0.02)
        status = r["exitcode"] if "exitcode" in r else 128 + r["signal"]
        return (status, base64.b64decode(r.get("out-data", "")),
                base64.b64decode(r.get("err-data", "")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wait", type=float, metavar="SECONDS",
                        help="first wait until the agent answers")
    parser.add_argument("domain")
    parser.add_argument("command", nargs="?")
    args = parser.parse_args()
    agent = Agent(args.domain)
    try:
        if args.wait is not None:
            agent.wait(args.wait)
        if args.command is None:
            return 0
        status, out, err = agent.run(args.command)
    except AgentError as e:
        print(f"gx.py: {e}", file=sys.stderr)
        return 125
    sys.stdout.buffer.write(out)
    sys.stderr.buffer.write(err)
    return status


if __name__ == "__main__":
    sys.exit(main())
