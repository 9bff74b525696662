# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""The host's end of the stream, faked: it says what a test tells it to."""
import json
import os
import socket
import time
import uuid

from bed.process import PATIENCE_S

RANGE_UJ = 262143328850
PACKAGE = {"name": "package-0", "parent": None}
DRAM = {"name": "dram", "parent": 0}


class FakeHost:
    """Talks to one agent. It listens at a unix socket, which is QEMU's part, if told to."""

    def __init__(self, path, listen=True):
        self.path = str(path)
        self.connection = None
        self.received = b""
        self.seq = 0
        self.welcomed = None  # what the last welcome was, but for its nonce
        self.listener = None
        if listen:
            self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.listener.bind(self.path)
            self.listener.listen(1)
            self.listener.settimeout(PATIENCE_S)

    def close(self):
        for end in (self.connection, self.listener):
            if end:
                end.close()
        if self.listener and os.path.exists(self.path):
            os.unlink(self.path)

    def accept(self):
        """Waits for the agent; or, as hostd does, connects to QEMU's socket."""
        if self.listener:
            self.connection = self.listener.accept()[0]
        else:
            self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.connection.connect(self.path)
        self.connection.settimeout(PATIENCE_S)
        self.received = b""

    def hang_up(self):
        self.connection.close()
        self.connection = None

    def send(self, data):
        self.connection.sendall(data)

    def receive(self):
        """The next message of the agent; empty lines are nothing."""
        while True:
            while b"\n" in self.received:
                line, self.received = self.received.split(b"\n", 1)
                if line:
                    return json.loads(line)
            data = self.connection.recv(65536)
            assert data, "the agent hung up"
            self.received += data

    def receive_type(self, *wanted, seconds=PATIENCE_S):
        """The next message of one of these types."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            message = self.receive()
            if message["type"] in wanted:
                return message
        raise AssertionError(f"no {' or '.join(wanted)} within {seconds} s")

    def welcome(self, hello, epoch, zones=(PACKAGE, DRAM), period_ms=1000,
                stale_after_ms=600000, **other):
        """Without other words nothing gets stale, however slowly a test goes on."""
        self.welcomed = (epoch, zones, period_ms, stale_after_ms), other
        message = {
            "type": "welcome", "proto": 1, "nonce": hello["nonce"], "epoch": epoch,
            "period_ms": period_ms, "stale_after_ms": stale_after_ms,
            "zones": [{"id": i, "name": zone["name"], "parent": zone["parent"],
                       "max_energy_range_uj": str(zone.get("range_uj", RANGE_UJ))}
                      for i, zone in enumerate(zones)],
        }
        message.update(other)
        self.seq = 0
        self.send(b"\n" + json.dumps(message).encode() + b"\n")

    def sample(self, *uj, quality="measured", seq=None, ahead_ns=0):
        """Sends one; its ack is not waited for. ahead_ns: its clock went on without us."""
        self.seq = seq if seq is not None else self.seq + 1
        self.send(json.dumps({
            "type": "sample", "seq": self.seq, "t_ns": str(time.monotonic_ns() + ahead_ns),
            "quality": quality, "uj": [str(value) for value in uj],
        }).encode() + b"\n")

    def deliver(self, *uj, **other):
        """Sends one and waits until the agent has taken it.

        On a busy machine it may have asked again before: then it is welcomed as it was.
        """
        self.sample(*uj, **other)
        message = self.receive_type("hello", "ack")
        while message["type"] == "hello":
            (epoch, *how), more = self.welcomed
            self.welcome(message, epoch, *how, **more)
            self.sample(*uj, **other)
            message = self.receive_type("hello", "ack")
        assert message["seq"] == self.seq

    def begin(self, hello, epoch, *uj, **other):
        """Answers a hello, and those that come before it is answered, up to a first sample."""
        self.welcome(hello, epoch, **other)
        self.deliver(*uj)

    def greet(self, epoch, *uj, **other):
        """A whole beginning: connection, hello, welcome, first sample."""
        self.accept()
        hello = self.receive_type("hello")
        self.begin(hello, epoch, *uj, **other)
        return hello


def new_epoch():
    return str(uuid.uuid4())
