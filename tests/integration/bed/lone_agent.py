# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The agent in a mount namespace of its own, and no virtual machine."""
import json
import os
import subprocess

from bed.process import Process, wait_until


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def proc_field(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            key, value = line.split(":", 1)
            if key == name:
                return value.split()
    raise KeyError(name)


class LoneAgent:
    """A mount namespace with a directory for the tree, and agents in it; no guest."""

    def __init__(self, build, base):
        self.agent_command = [build / "vmpower-guest"]
        self.base = base
        self.port = str(base / "port")
        self.run = str(base / "run")
        self.dir = str(base / "tree")
        self.log_path = base / "log"
        self.agents = []
        os.mkdir(self.dir)
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "-m", "--propagation", "private",
             "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
        self.holder.stdout.readline()

    def command(self, *words):
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--", *words]

    def run_command(self, *words):
        return subprocess.run(self.command(*words), check=True)

    def start(self, *flags, mount=None, run=None, env=None):
        """A new agent. Its pid is the keeper's: nsenter has become that."""
        agent = Process(
            self.command(*self.agent_command, "--port", self.port, "--mount", mount or self.dir,
                         "--run-dir", run or self.run, "--config", "/dev/null", *flags),
            self.log_path, env)
        self.agents.append(agent)
        return agent

    def path(self, *parts):
        """A path as processes in the namespace see it."""
        return os.path.join(f"/proc/{self.holder.pid}/root", *(p.lstrip("/") for p in parts))

    def zone(self, name, root=None):
        return self.path(root or os.path.join(self.dir, "class/powercap"), name)

    def energy(self, zone="intel-rapl:0", root=None):
        with open(os.path.join(self.zone(zone, root), "energy_uj"), encoding="ascii") as file:
            return int(file.read())

    def energy_errno(self, zone="intel-rapl:0"):
        try:
            self.energy(zone)
        except OSError as error:
            return error.errno
        return 0

    def mounts(self):
        with open(f"/proc/{self.holder.pid}/mountinfo", encoding="ascii") as file:
            return [line.split()[4] for line in file if " - fuse.vmpower vmpower:" in line]

    def status(self):
        with open(os.path.join(self.run, "status.json"), encoding="ascii") as file:
            return json.load(file)

    def worker(self, agent):
        return wait_until(lambda: children(agent.pid), "there is a worker")[0]

    def log(self):
        return self.log_path.read_text()

    def close(self):
        for agent in self.agents:
            agent.close()
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
