"""Readers that stop in the middle of a stream."""

import time

from herd.rpc.v1.frame_pb2 import Frame

from .case import Target, case
from .codes import OK
from .packing import field
from .peer import HEALTH, PROBE, ROUTE, Peer, Wrong
from .server import anonymous_memory

MESSAGE_BYTES = 64 << 10
RULE = "A reader that stops for 10 s in the middle of a Probe of 1 GB costs the server under 3 MB; other calls go on"
ALLOWED_COST = 3_000_000


def size(target: Target) -> tuple[int, float]:
    """How many messages, and how long to stop."""
    return (1 << 30) // MESSAGE_BYTES if target.full else 1024, 10 if target.full else 0.8


def probe(count: int) -> bytes:
    return field(1, count) + field(2, MESSAGE_BYTES)


class Cost:
    """The most that the server's memory grew by since this was made, looked at from time to time."""

    def __init__(self, target: Target):
        self.target, self.before, self.most = target, anonymous_memory(target.pid), 0

    def look(self) -> None:
        self.most = max(self.most, anonymous_memory(self.target.pid) - self.before)

    def check(self) -> str:
        if self.most > ALLOWED_COST:
            raise Wrong("under 3 MB of the server's memory", f"{self.most / 1e6:.1f} MB")
        return f"{self.most / 1e6:.1f} MB"


def read(peer: Peer, call: int, count: int, credit: int) -> None:
    """Reads on until so many messages of the call are there, giving back the credit used."""
    while peer.messages.get(call, 0) < count:
        frame = peer.receive()
        if frame is None or frame.kind != Frame.MESSAGE or len(frame.payload) < MESSAGE_BYTES:
            raise Wrong(f"message {peer.messages.get(call, 0) + 1} of {count}", str(frame)[:200])
        if credit and peer.messages[call] % (credit // 2) == 0:
            peer.send(kind=Frame.CREDIT, call=call, credit=credit // 2)


@case("readers", RULE)
def no_credit_for_a_while(target: Target):
    count, pause = size(target)
    with target.connect() as peer:
        peer.expect_alive()
        cost = Cost(target)
        call = peer.request(PROBE, probe(count), credit=64, timeout=600)
        read(peer, call, count // 2, 64)
        allowed = peer.messages[call] - peer.messages[call] % 32 + 64
        # What was allowed still comes; then nothing more does, while other calls of the connection are answered.
        end = time.monotonic() + pause
        answered = slowest = 0
        while time.monotonic() < end:
            for method, payload in ((HEALTH, b""), (ROUTE, field(1, "reverse lantern"))):
                started = time.monotonic()
                peer.expect_end(peer.request(method, payload), OK)
                slowest = max(slowest, time.monotonic() - started)
                answered += 1
            cost.look()
            time.sleep(0.01)
        if peer.messages[call] > allowed:
            raise Wrong(f"no more than {allowed} messages without credit", f"{peer.messages[call]}")
        if answered < 10 or slowest > 2:
            raise Wrong("other calls of the connection going on",
                        f"{answered} answered, the slowest in {slowest:.1f} s")
        peer.send(kind=Frame.CREDIT, call=call, credit=64)
        read(peer, call, count, 64)
        peer.expect_end(call, OK)
        return cost.check()


@case("readers", RULE)
def no_reading_for_a_while(target: Target):
    count, pause = size(target)
    with target.connect(receive_buffer=64 << 10, patience=60) as peer, target.connect() as other:
        peer.expect_alive()
        cost = Cost(target)
        call = peer.request(PROBE, probe(count), credit=2**32 - 1, timeout=600)
        read(peer, call, count // 2, 0)
        end = time.monotonic() + pause
        late = []
        while time.monotonic() < end:
            # These wait in the sockets until the peer reads again; those of others do not.
            if len(late) < 50:
                late.append(peer.request(HEALTH))
            other.expect_alive()
            cost.look()
            time.sleep(0.01)
        while peer.messages[call] < count:
            peer.receive()
        peer.expect_end(call, OK)
        for number in late:
            peer.expect_end(number, OK)
        return cost.check()


@case("readers", RULE + "; thirty at once: each costs that at most")
def many_that_stop(target: Target):
    peers = []
    try:
        cost = Cost(target)
        for _ in range(30):
            peer = target.connect(receive_buffer=16 << 10)
            peers.append(peer)
            for _ in range(5):
                peer.request(PROBE, probe(1 << 40), credit=2**32 - 1)
        end = time.monotonic() + 1
        with target.connect() as other:
            while time.monotonic() < end:
                other.expect_alive()
                cost.look()
                time.sleep(0.02)
        if cost.most > len(peers) * ALLOWED_COST:
            raise Wrong(f"under 3 MB for each of {len(peers)} connections", f"{cost.most / 1e6:.1f} MB in all")
        return f"{cost.most / 1e6 / len(peers):.1f} MB each"
    finally:
        for peer in peers:
            peer.socket.close()


@case("readers", "a connection with over 1 MiB unsent is not read, and its streams are not resumed")
def slow_reader(target: Target):
    # A few kilobytes at a time: the stream neither ends early nor piles up.
    with target.connect(receive_buffer=4 << 10) as peer:
        peer.expect_alive()
        cost = Cost(target)
        peer.request(PROBE, probe(1 << 40), credit=2**32 - 1)
        end = time.monotonic() + 0.5
        taken = 0
        while time.monotonic() < end:
            taken += len(peer.socket.recv(2048))
            cost.look()
            time.sleep(0.01)
        if not taken:
            raise Wrong("bytes of the stream", "none")
        return cost.check()
