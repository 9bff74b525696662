# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) the vmpower authors
"""Targets that vmpower-hostd pushes to, faked: they decode what they take with others'
code, and refuse, dawdle, hang up and go away as they are told to."""
import collections
import contextlib
import http.server
import socket
import struct
import threading
import time

from bed.web import listen


class Receiver:
    """Listens at a port of a host. taken: what came in batches and was taken, in order.

    What is appended to plan happens to the next batches, one each:
    refuse - it is answered so; it does not count as taken.
    close - the connection ends when half of the batch was read.
    mute - the connection ends when all of it was read, without an answer.
    slow - the answer takes seconds and comes in bits.
    """
    SLOW_S = 1

    def __init__(self, host, port):
        self.taken = []
        self.plan = collections.deque()
        self.done = collections.Counter()  # of the plan
        self.problems = []
        self.n_connections = 0
        self._host = host
        self._port = port
        self._taking = threading.Lock()
        self._lock = threading.Lock()
        self._listener = None
        self._connections = set()
        self.back()

    def back(self):
        """It is there (again)."""
        self._listener = listen(self._host, self._port)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def away(self):
        """It is not: connections end, new ones are refused."""
        listener, self._listener = self._listener, None
        if listener:
            # Wakes accept().
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        # What was taken is answered, or it would be sent again.
        with self._taking:
            with self._lock:
                connections = list(self._connections)
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    close = away

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with self._lock:
                    self._connections.add(connection)
                    self.n_connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.serve(connection)
        except (OSError, EOFError):
            pass  # It hung up, or was made to.
        except Exception as e:  # pylint: disable=broad-except
            # A thread cannot fail a test.
            self.problems.append(repr(e))
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def serve(self, connection):
        """Takes batches until there are no more; the subclass's."""
        raise NotImplementedError

    def read(self, stream, size):
        """A batch's bytes, and what is to happen to it (None: it is taken)."""
        with self._lock:
            what = self.plan.popleft() if self.plan else None
            self.done[what] += 1
        if what == "close":
            read_exactly(stream, size // 2)
            raise EOFError
        data = read_exactly(stream, size)
        if what == "mute":
            raise EOFError
        return data, what

    def answer(self, what, data, send, batch=None):
        """Sends the answer's bytes, in bits if it is to be slow. batch: it is taken."""
        with self._taking:
            if not self._listener:
                raise EOFError
            if batch is not None:
                self.taken.append(batch)
            if what != "slow":
                send(data)
                return
            for i in range(len(data)):
                time.sleep(self.SLOW_S / len(data))
                send(data[i:i + 1])


def read_exactly(stream, size):
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


class HttpReceiver(Receiver):
    """Takes POSTs: (path, headers, body) each. status: of what is refused; in the plan, a
    number is the status of one batch, and headers are what goes with it."""
    status = 500

    def __init__(self, host, port, tls=None):
        self.tls = tls  # an ssl.SSLContext
        self.headers = {}
        self.asked = []  # (when, status, headers) of all that was asked
        super().__init__(host, port)

    def serve(self, connection):
        receiver = self
        if self.tls:
            connection = self.tls.wrap_socket(connection, server_side=True)

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                size = int(self.headers["Content-Length"])
                body, what = receiver.read(self.rfile, size)
                status = {"refuse": receiver.status}.get(
                    what, what if isinstance(what, int) else 200)
                receiver.asked.append((time.monotonic(), status, self.headers))
                more = "".join(f"{k}: {v}\r\n"
                               for k, v in receiver.headers.get(status, {}).items())
                answer = f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n{more}\r\n"
                receiver.answer(what, answer.encode(), self.wfile.write,
                                (self.path, self.headers, body) if status == 200 else None)

            def log_message(self, *_arguments):  # pylint: disable=arguments-differ
                pass

        Handler(connection, None, None)


class RiemannReceiver(Receiver):
    """Takes Riemann's messages, as frames with their length in front; message: decodes
    one. Each that is taken is answered with ok, others with an error."""
    ERROR = "no stream takes this: é"

    def __init__(self, host, port, message):
        self._message = message
        super().__init__(host, port)

    def serve(self, connection):
        with connection.makefile("rb") as stream:
            while True:
                size, = struct.unpack(">I", read_exactly(stream, 4))
                data, what = self.read(stream, size)
                message = self._message.FromString(data)
                # What is not in its description would be written in another place.
                if message.SerializeToString(deterministic=True) != data:
                    self.problems.append(f"another message than it reads as: {data!r}")
                answer = self._message(ok=True)
                if what == "refuse":
                    answer = self._message(ok=False, error=self.ERROR)
                answer = answer.SerializeToString()
                self.answer(what, struct.pack(">I", len(answer)) + answer, connection.sendall,
                            None if what == "refuse" else message)
