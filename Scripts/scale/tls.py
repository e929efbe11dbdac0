#!/usr/bin/env python3
"""Measures what TLS costs a herd: processor time of a short call and of a new connection, and memory of an idle one.

Two herds on one core, one without TLS and one with (1.3, a key on P-256), and one client on another core, which says
the same bytes to both in turns. The client is no part of any figure: it is the herd's own processor time that is divided
by the calls that it answered. Ratios are of one round; the figures printed are medians of all rounds.
"""

from __future__ import annotations

import argparse
import os
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import crowd
import herd
import measure

METHOD = b"herd.v1.Admin/Health"
#: Connections, and calls that each has open.
SHAPES = ((1, 64), (16, 1))
#: Ids of calls are of five bytes then, whatever is added to them.
FIRST_CALL = 1 << 28


def frame(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7f:
        encoded.append(number & 0x7f | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def requests(first: int, count: int) -> bytes:
    """REQUEST frames of Health, one after the other."""
    end = bytes([0x1a, len(METHOD)]) + METHOD
    return b"".join(frame(bytes([0x08, 0x02, 0x10]) + varint(call) + end) for call in range(first, first + count))


class Server:
    """A herd, and how to connect to it."""

    def __init__(self, process: herd.Process, context: ssl.SSLContext | None) -> None:
        self.process, self.context = process, context
        self.address = crowd.split(process.addresses["router"])

    def connect(self) -> socket.socket:
        peer = socket.create_connection(self.address, 30)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(peer, server_hostname="localhost") if self.context else peer

    def processor_seconds(self) -> float:
        """Of all threads so far, finer than the ticks of /proc/PID/stat."""
        return sum(int((task / "schedstat").read_text().split()[0])
                   for task in Path(f"/proc/{self.process.pid}/task").iterdir()) / 1e9


class Peer:
    """A connection that has said HELLO."""

    def __init__(self, server: Server) -> None:
        self.socket, self.buffer, self.call = server.connect(), b"", FIRST_CALL
        self.socket.sendall(crowd.hello(""))
        self.take(1)

    def ask(self, count: int) -> None:
        self.socket.sendall(requests(self.call, count))
        self.call += count

    def take(self, count: int) -> None:
        """Waits for so many frames."""
        while count:
            while count and len(self.buffer) >= 4:
                end = 4 + int.from_bytes(self.buffer[:4], "big")
                if len(self.buffer) < end:
                    break
                self.buffer, count = self.buffer[end:], count - 1
            if count:
                more = self.socket.recv(65_536)
                if not more:
                    raise herd.Failure("a connection was closed")
                self.buffer += more

    def close(self) -> None:
        self.socket.close()


def calls(server: Server, connections: int, open_calls: int, seconds: float) -> float:
    """Microseconds of the server's processor for each call."""
    peers = [Peer(server) for _ in range(connections)]

    def batch() -> None:
        for peer in peers:
            peer.ask(open_calls)
        for peer in peers:
            peer.take(open_calls)

    for _ in range(20):
        batch()
    done, before, end = 0, server.processor_seconds(), time.monotonic() + seconds
    while time.monotonic() < end:
        batch()
        done += connections * open_calls
    used = server.processor_seconds() - before
    for peer in peers:
        peer.close()
    return used / done * 1e6


def new_connections(server: Server, count: int) -> float:
    """Microseconds of the server's processor for each connection, from the first byte to its end."""
    before = server.processor_seconds()
    for _ in range(count):
        Peer(server).close()
    # What a closed connection leaves to do is done soon.
    time.sleep(0.2)
    return (server.processor_seconds() - before) / count * 1e6


def idle(server: Server, count: int) -> float:
    """KB of anonymous memory for each connection that has said HELLO and nothing since."""
    before = server.process.memory()
    peers = [Peer(server) for _ in range(count)]
    # What the next burst might have used is given back after five seconds.
    time.sleep(7)
    after = server.process.memory()
    for peer in peers:
        peer.close()
    return (after - before) * 1e3 / count


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of its own for localhost, and its key on P-256."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", chain],
        check=True, capture_output=True)
    return chain, key


def measured(options: argparse.Namespace, plain: Server, secure: Server, figures: measure.Figures) -> None:
    median = statistics.median
    for connections, open_calls in SHAPES:
        rounds = []
        for number in range(options.rounds):
            # In turns, and neither always first.
            pair = (plain, secure) if number % 2 else (secure, plain)
            used = {server: calls(server, connections, open_calls, options.seconds) for server in pair}
            rounds.append((used[plain], used[secure]))
            print(f"Health, {connections} x {open_calls}: {used[plain]:.2f} us, over TLS {used[secure]:.2f}",
                  file=sys.stderr)
        name = f"Health, {connections} x {open_calls}"
        figures.add(f"{name}: CPU per call", median(without for without, _ in rounds), "us")
        figures.add(f"{name}, over TLS: CPU per call", median(over for _, over in rounds), "us")
        figures.add(f"{name}: TLS, of that without", median(over / without for without, over in rounds), "x")
    # The first ones of a server are dearer.
    for server in (plain, secure):
        new_connections(server, 50)
    pairs = [(new_connections(plain, options.connections), new_connections(secure, options.connections))
             for _ in range(options.rounds)]
    figures.add("a new connection: CPU", median(without for without, _ in pairs), "us")
    figures.add("a new connection over TLS, whole handshake: CPU", median(over for _, over in pairs), "us")
    figures.add("memory of an idle connection", idle(plain, options.connections), "KB")
    figures.add("memory of an idle connection over TLS", idle(secure, options.connections), "KB")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=Path, default=herd.ROOT / ".build/release", help="folder of the programs")
    parser.add_argument("--rounds", type=int, default=7, help="of each figure (default: 7)")
    parser.add_argument("--seconds", type=float, default=2, help="of each round of calls (default: 2)")
    parser.add_argument("--connections", type=int, default=500, help="new in a round, and idle at once (default: 500)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    os.sched_setaffinity(0, {int(measure.LOAD_CORE)})
    figures = measure.Figures()
    try:
        with tempfile.TemporaryDirectory(prefix="herd-tls-") as name:
            folder = Path(name)
            chain, key = certificate(folder)
            configuration = folder / "tls.yaml"
            configuration.write_text(f"tls:\n  certificate_file: {chain}\n  key_file: {key}\n")
            context = ssl.create_default_context(cafile=str(chain))
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            command = [*herd.herd_all(options.bin, folder / "secure"), "--config", configuration]
            with herd.running(herd.herd_all(options.bin, folder / "plain"), folder, measure.SERVER_CORE) as plain, \
                    herd.running(command, folder, measure.SERVER_CORE) as secure:
                measured(options, Server(plain, None), Server(secure, context), figures)
    except herd.Failure as failure:
        print(f"tls.py: {failure}", file=sys.stderr)
        return 70
    return figures.end(options.json)


if __name__ == "__main__":
    sys.exit(main())
