"""Peers that fall silent: in a frame, after a PING, without calls; and more of them than the server takes."""

import time

from herd.rpc.v1.frame_pb2 import Frame

from .case import Target, case
from .codes import CANCELLED, DEADLINE_EXCEEDED, OK, RESOURCE_EXHAUSTED
from .packing import field, prefixed
from .peer import HEALTH, PROBE, Peer, Wrong, expect_connection, packed, told

ENDLESS = field(1, 2**64 - 1) + field(2, 16)


def expect_goaway_after(peer: Peer, code: int, seconds: float) -> None:
    started = time.monotonic()
    peer.expect_goaway(code, patience=seconds + 5)
    taken = time.monotonic() - started
    if not seconds * 0.7 - 0.2 < taken < seconds + 3:
        raise Wrong(f"GOAWAY after about {seconds:g} s", f"after {taken:.1f} s")


@case("silence", "half a frame, then silence: GOAWAY DEADLINE_EXCEEDED after the frame time-out", waits=True)
def half_a_frame(target: Target):
    data = packed(kind=Frame.REQUEST, call=9, method=HEALTH)
    for length in (1, 4, 5, len(data) - 1):
        with target.connect() as peer:
            peer.expect_alive()
            peer.send_bytes(data[:length])
            expect_goaway_after(peer, DEADLINE_EXCEEDED, target.limits["frame"])


@case("silence", "one byte a second: GOAWAY DEADLINE_EXCEEDED after the frame time-out, bytes or not", waits=True)
def frame_one_byte_a_second(target: Target):
    limit = target.limits["frame"]
    with target.connect() as peer:
        peer.expect_alive()
        peer.send_bytes(packed(kind=Frame.PING, payload=bytes(100_000))[:100])
        started = time.monotonic()
        while time.monotonic() - started < limit * 0.8:
            peer.send_bytes(b"\0")
            time.sleep(limit / 20)
        # What calls were made before goes on until then, and not after.
        peer.expect_goaway(DEADLINE_EXCEEDED, patience=limit + 3)


@case("silence", "whole frames, however small and rare, are no unfinished frame", waits=True)
def slow_but_whole_frames(target: Target):
    with target.connect() as peer:
        end = time.monotonic() + target.limits["frame"] * 2
        while time.monotonic() < end:
            peer.send(kind=99)
            peer.expect_alive()
            time.sleep(target.limits["frame"] / 10)


@case("silence", "half-open: no PONG for the PING: GOAWAY DEADLINE_EXCEEDED, its calls are cancelled", waits=True)
def half_open(target: Target):
    with target.connect(answers_pings=False) as peer:
        call = peer.request(PROBE, ENDLESS, credit=3, timeout=3600)
        while peer.messages.get(call, 0) < 3:
            peer.receive()
        expect_goaway_after(
            peer, DEADLINE_EXCEEDED, target.limits["keepalive_interval"] + target.limits["keepalive_timeout"])
        if peer.pings != 1:
            raise Wrong("one PING before it is given up", f"{peer.pings}")


@case("silence", "a peer that answers PINGs is there: its calls go on", waits=True)
def answered_pings(target: Target):
    with target.connect() as peer:
        call = peer.request(PROBE, ENDLESS, credit=1, timeout=3600)
        peer.receive()
        peer.silence(target.limits["keepalive_interval"] + target.limits["keepalive_timeout"] + 1)
        if not peer.pings:
            raise Wrong("PINGs in the silence", "none")
        peer.send(kind=Frame.CANCEL, call=call)
        peer.expect_end(call, CANCELLED)


@case("silence", "a connection without calls is kept for the idle time-out; then GOAWAY OK", waits=True)
def idle_connection(target: Target):
    with target.connect() as peer:
        peer.expect_alive()
        frame = peer.receive(target.limits["idle"] + 5)
        if frame is None or frame.kind != Frame.GOAWAY or frame.code != OK:
            raise Wrong("GOAWAY OK after the idle time-out", told(frame))
        # A call that crosses it gets to know that it was not started.
        call = peer.request(HEALTH)
        end = peer.expect_end(call, 14)
        if end.metadata.get("not-started") != "1":
            raise Wrong("not-started: 1", str(dict(end.metadata)))
        peer.expect_closed(5)


@case("silence", "PINGs do not keep a connection that makes no calls", waits=True)
def idle_but_pinging(target: Target):
    with target.connect() as peer:
        end = time.monotonic() + target.limits["idle"] + 5
        while time.monotonic() < end:
            peer.send(kind=Frame.PING, payload=b"still here")
            frame = peer.receive()
            if frame is not None and frame.kind == Frame.GOAWAY and frame.code == OK:
                return
            time.sleep(0.1)
        raise Wrong("GOAWAY OK after the idle time-out", "PONGs")


@case("silence", "an idle connection whose peer never answers the last PING is closed after 5 s all the same", waits=True)
def idle_and_deaf(target: Target):
    with target.connect(answers_pings=False) as peer:
        peer.expect_alive()
        # Frames of an unknown kind show that somebody is there, and are no calls.
        end = time.monotonic() + target.limits["idle"] + 5
        while (frame := quietly(peer)) is None and time.monotonic() < end:
            peer.send(kind=99)
        if frame is None or frame.kind != Frame.GOAWAY or frame.code != OK:
            raise Wrong("GOAWAY OK after the idle time-out", told(frame))
        # From here on it is silent too: where the keep-alive's time is up first, that is what ends it.
        frame = peer.receive(8)
        if frame is not None and (frame.kind != Frame.GOAWAY or frame.code != DEADLINE_EXCEEDED):
            raise Wrong("the end of the connection", told(frame))


def quietly(peer: Peer) -> Frame | None:
    """A frame that comes within a moment, else None."""
    try:
        return peer.receive(0.2)
    except Wrong as wrong:
        if wrong.seen != "silence":
            raise
        return None


@case("connections", "more connections than server.max_connections: GOAWAY RESOURCE_EXHAUSTED for those over it")
def too_many_connections(target: Target):
    limit = int(target.limits["max_connections"])
    peers: list[Peer] = []
    try:
        for _ in range(limit - 10):
            peers.append(target.connect())
        for peer in peers:
            peer.expect_alive()
        # One after the other, each with its HELLO behind it: one without would give way to the next.
        for _ in range(10):
            peers.append(target.connect())
            peers[-1].request(HEALTH)
            peers[-1].receive()
        for _ in range(50):
            peers.append(target.connect())
            peers[-1].expect_goaway(RESOURCE_EXHAUSTED)
    finally:
        for peer in peers:
            peer.socket.close()
    expect_connection(target)


@case("connections", "silent connections up to server.max_connections and over it: the oldest give way to new ones")
def silence_keeps_nobody_out(target: Target):
    limit = int(target.limits["max_connections"])
    peers: list[Peer] = []
    try:
        for _ in range(limit + 20):
            peers.append(target.connect(hello=False))
        for _ in range(5):
            with target.connect() as peer:
                peer.expect_alive()
        # On a machine this busy its time for HELLO may be over first.
        peers[0].expect_goaway(RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED)
    finally:
        for peer in peers:
            peer.socket.close()
    expect_connection(target)


@case("connections", "a frame holds at most 1,024 fields: GOAWAY RESOURCE_EXHAUSTED")
def frame_of_many_fields(target: Target):
    for body in (field(1, 7) * 2_000_000, field(200, 0) * 1_000_000, field(1, 2) + field(2, 1) * 1100,
                 field(1, 1) + field(10, 1) + field(8, field(3, 1) * 1_000_000)):
        with target.connect() as peer:
            peer.send_bytes(prefixed(body))
            peer.expect_goaway(RESOURCE_EXHAUSTED)
