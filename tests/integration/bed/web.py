# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""HTTP to a host's loopback, which is another network namespace, and metrics from it."""
import ctypes
import http.client
import os
import re
import socket
import ssl
import threading

from bed.process import PATIENCE_S

CLONE_NEWNET = 0x40000000

SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)', re.S)
UNESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def in_network(host, make):
    """What make() returns or raises in the host's network: a socket stays in the one that
    it was made in, and a thread's namespace is its own."""
    made = []

    def enter():
        fd = os.open(f"/proc/{host.ns_pid()}/ns/net", os.O_RDONLY)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            assert libc.setns(fd, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            made.append(make())
        except OSError as e:
            made.append(e)
        finally:
            os.close(fd)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


def connect(host, port, receive_buffer=None, seconds=PATIENCE_S):
    """A socket of the host's network, connected to a port there."""
    def make():
        s = socket.socket()
        if receive_buffer:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.settimeout(seconds)
        try:
            s.connect(("127.0.0.1", port))
        except OSError:
            s.close()
            raise
        return s
    return in_network(host, make)


def listen(host, port):
    """A socket that listens at a port of the host's loopback."""
    return in_network(host, lambda: socket.create_server(("127.0.0.1", port)))


class Web:
    """A port of a host; certificate: of its HTTPS, a path."""

    def __init__(self, host, port, certificate=None):
        self.host = host
        self.port = port
        self.tls = ssl.create_default_context(cafile=certificate) if certificate else None

    def connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.sock = connect(self.host, self.port)
        if self.tls:
            connection.sock = self.tls.wrap_socket(connection.sock, server_hostname="127.0.0.1")
        return connection

    def request(self, path, **headers):
        """The answer, with its body in .body."""
        connection = self.connection()
        try:
            connection.request("GET", path, headers={k.replace("_", "-"): v
                                                     for k, v in headers.items()})
            answer = connection.getresponse()
            answer.body = answer.read().decode()
            return answer
        finally:
            connection.close()

    def metrics(self, **headers):
        answer = self.request("/metrics", **headers)
        assert answer.status == 200, (answer.status, answer.body)
        return Metrics(answer.body)


class Metrics:
    """Samples by name: pairs of labels and value (a string)."""

    def __init__(self, text):
        self.text = text
        self.samples = {}
        for line in text.split("\n"):
            if line and not line.startswith("#"):
                name, labels, value = SAMPLE.fullmatch(line).groups()
                self.samples.setdefault(name, []).append((parse_labels(labels or ""), value))

    def find(self, name, **labels):
        """Those that have the labels."""
        return [(l, v) for l, v in self.samples.get(name, [])
                if all(l.get(k) == w for k, w in labels.items())]

    def value(self, name, **labels):
        (_, value), = self.find(name, **labels)
        return float(value)

    def uj(self, name, **labels):
        """The sum of joules, each value rounded to the microjoule."""
        return sum(round(float(v) * 1e6) for _, v in self.find(name, **labels))

    @property
    def tick(self):
        return int(self.value("vmpower_tick_number"))

    def zones(self):
        return [l["zone"] for l, _ in self.samples["vmpower_zone_energy_joules_total"]]

    def check_adds_up(self):
        for zone in self.zones():
            parts = [self.uj(f"vmpower_{who}_energy_joules_total", zone=zone)
                     for who in ("domain", "ended_domains", "host")]
            assert sum(parts) == self.uj("vmpower_zone_energy_joules_total", zone=zone), \
                (self.tick, zone, parts)


def parse_labels(text):
    labels = {}
    at = 0
    while at < len(text):
        label = LABEL.match(text, at)
        assert label, text[at:]
        labels[label[1]] = re.sub(r'\\.', lambda m: UNESCAPED[m[0]], label[2])
        at = label.end()
    return labels
