#!/usr/bin/env python3
"""Stands in for a supervisor that owns the listening sockets of a router (sd_listen_fds(3)): restarts it, calls it while
nobody runs, and hands over a socket that the configuration does not name.

    socket_activation.py HERDD FOLDER

Prints a line for each check; exits with 1 if any failed.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from check_wire import compile_messages

FAILURES = 0


def check(what: str, holds: bool) -> None:
    global FAILURES
    FAILURES += not holds
    print(f"{'ok' if holds else 'FAILED'}  {what}")


class Supervisor:
    def __init__(self, herdd: str, folder: str):
        self.herdd, self.folder = herdd, folder
        self.path = f"{folder}/router.sock"
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(self.path)
        self.unix.listen(16)
        self.port = self.tcp.getsockname()[1]

    def start(self, *listen: str) -> subprocess.Popen:
        # The first descriptors behind the three of every process, and the number of the process itself.
        script = f'LISTEN_PID=$$ exec "$@" 3<&{self.tcp.fileno()} 4<&{self.unix.fileno()}'
        arguments = [self.herdd, "router", "--data", f"{self.folder}/data", "--log-level", "error",
                     "--ready-file", f"{self.folder}/ready"]
        for address in listen or (f"127.0.0.1:{self.port}", f"unix:{self.path}"):
            arguments += ["--listen", address]
        return subprocess.Popen(
            ["/bin/sh", "-c", script, "sh", *arguments], pass_fds=(self.tcp.fileno(), self.unix.fileno()),
            stderr=subprocess.PIPE, env=os.environ | {"LISTEN_FDS": "2", "HERD_ROUTER_HTTP_LISTEN": "none"})


def greet(connection: socket.socket) -> bool:
    """Exchanges HELLOs on a connection; whether the server's came."""
    from herd.rpc.v1.frame_pb2 import Frame

    data = Frame(kind=Frame.HELLO, version=1).SerializeToString()
    connection.settimeout(20)
    connection.sendall(struct.pack(">I", len(data)) + data)
    reader = connection.makefile("rb")
    (length,) = struct.unpack(">I", reader.read(4))
    return Frame.FromString(reader.read(length)).kind == Frame.HELLO


def main() -> int:
    herdd, folder = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        compile_messages(scratch)
        supervisor = Supervisor(herdd, folder)
        # Dialled before anybody runs: they wait.
        early = [socket.create_connection(("127.0.0.1", supervisor.port)), socket.socket(socket.AF_UNIX)]
        early[1].connect(supervisor.path)
        first = supervisor.start()
        check("connections made before it ran are served", all([greet(one) for one in early]))
        for one in early:
            one.close()
        # Only then it heeds signals.
        while not os.path.exists(f"{folder}/ready"):
            time.sleep(0.002)
        first.terminate()
        check("SIGTERM ends it cleanly", first.wait(20) == 0)
        check("the supervisor's file stays", os.path.exists(supervisor.path))
        between = [socket.create_connection(("127.0.0.1", supervisor.port)), socket.socket(socket.AF_UNIX)]
        between[1].connect(supervisor.path)
        second = supervisor.start()
        check("connections made while nobody ran are served", all([greet(one) for one in between]))
        second.kill()
        second.wait()
        third = supervisor.start(f"127.0.0.1:{supervisor.port}")
        timer = threading.Timer(20, third.kill)
        timer.start()
        errors = third.communicate()[1].decode()
        timer.cancel()
        check("a socket that no key names is refused", third.returncode == 78 and supervisor.path in errors)
    return 1 if FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
