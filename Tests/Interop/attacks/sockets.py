"""What a peer can do with its socket: end it anywhere, reset it, stop reading it."""

import time

from herd.rpc.v1.frame_pb2 import Frame

from .case import Target, case
from .codes import OK
from .packing import field
from .peer import HEALTH, PROBE, ROUTE, Wrong, expect_connection, packed, told

ENDLESS = field(1, 2**64 - 1) + field(2, 1000)


def conversation() -> bytes:
    """A bit of everything that a client may send."""
    return b"".join((
        packed(kind=Frame.HELLO, version=1, metadata={"client": "hostile.py"}),
        packed(kind=Frame.REQUEST, call=1, method=HEALTH),
        packed(kind=Frame.REQUEST, call=2, method=PROBE, payload=ENDLESS, credit=3, timeout_us=5_000_000),
        packed(kind=Frame.PING, payload=b"ping"),
        packed(kind=Frame.CREDIT, call=2, credit=2),
        packed(kind=Frame.REQUEST, call=3, method=ROUTE, payload=field(1, "reverse lantern"), metadata={"tenant": "t"}),
        packed(kind=Frame.REQUEST, call=4, method="herd.v1.Scorer/WatchPredictor"),
        packed(kind=Frame.CANCEL, call=2),
        packed(kind=Frame.GOAWAY),
    ))


@case("sockets", "EOF from the peer cancels its open calls, at whatever byte it comes")
def eof_at_every_byte(target: Target):
    data = conversation()
    for length in range(len(data) + 1):
        with target.connect(hello=False) as peer:
            peer.send_bytes(data[:length])
            peer.finish_sending()
            # Whatever was answered comes as whole frames; then the server closes too.
            peer.expect_closed()


@case("sockets", "a close without reading, at whatever byte, hurts nobody")
def close_at_every_byte(target: Target):
    data = conversation()
    for length in range(len(data) + 1):
        with target.connect(hello=False) as peer:
            peer.send_bytes(data[:length])


@case("sockets", "RST at whatever byte hurts nobody")
def reset_at_every_byte(target: Target):
    data = conversation()
    for length in range(len(data) + 1):
        peer = target.connect(hello=False)
        peer.send_bytes(data[:length])
        peer.reset()


@case("sockets", "a reset in the middle of streams cancels them")
def reset_in_streams(target: Target):
    for _ in range(20):
        peer = target.connect()
        for _ in range(50):
            peer.request(PROBE, ENDLESS, credit=2**32 - 1)
        for _ in range(50):
            peer.receive()
        peer.reset()


@case("sockets", "a thousand connections opened and closed at once hurt nobody")
def connection_storm(target: Target):
    for _ in range(1000):
        target.connect(hello=False).socket.close()
    expect_connection(target)


@case("sockets", "a connection with over 1 MiB unsent is not read; when it is read again every PING has its PONG")
def ping_flood_without_reading(target: Target):
    with target.connect(receive_buffer=16 << 10) as peer:
        payload = b"p" * 64
        ping = packed(kind=Frame.PING, payload=payload)
        peer.socket.settimeout(0.5)
        chunk = ping * 1000
        sent = 0
        try:
            while sent < 40_000_000:
                sent += peer.socket.send(chunk[sent % len(chunk):])
        except TimeoutError:
            pass
        else:
            raise Wrong("that the server stops reading who does not read", f"{sent / 1e6:.0f} MB of PINGs were taken")
        rest = sent % len(ping)
        expected = sent // len(ping)
        seen = 0
        # The one that was cut off is completed while the first are read.
        while seen < expected:
            pong = peer.receive()
            if pong is None or pong.kind != Frame.PONG or pong.payload != payload:
                raise Wrong("PONG", told(pong))
            seen += 1
        if rest:
            peer.send_bytes(ping[rest:])
            peer.receive()
        peer.expect_alive()


@case("sockets", "PING floods are answered; nobody else notices")
def ping_flood(target: Target):
    count = 50_000 if target.full else 20_000
    with target.connect() as peer:
        ping = packed(kind=Frame.PING, payload=b"12345678")
        for _ in range(count // 1000):
            peer.send_bytes(ping * 1000)
            for _ in range(1000):
                pong = peer.receive()
                if pong is None or pong.kind != Frame.PONG:
                    raise Wrong("PONG", told(pong))
        peer.expect_alive()


@case("sockets", "PINGs as long as a frame may be are answered with 64 bytes each")
def fat_pings(target: Target):
    with target.connect() as peer:
        ping = packed(kind=Frame.PING, payload=b"f" * 4_000_000)
        for _ in range(20):
            peer.send_bytes(ping)
        for _ in range(20):
            pong = peer.receive()
            if pong is None or pong.kind != Frame.PONG or len(pong.payload) > 64:
                raise Wrong("PONG of at most 64 bytes", told(pong))
        peer.expect_alive()


@case("sockets", "calls of a peer that sends half a frame and stays: the whole ones before it are answered")
def half_a_frame_then_silence(target: Target):
    with target.connect() as peer:
        data = packed(kind=Frame.REQUEST, call=9, method=HEALTH)
        call = peer.request(HEALTH)
        peer.send_bytes(data[:10])
        peer.expect_end(call, OK)
        time.sleep(0.2)
        peer.send_bytes(data[10:])
        peer.expect_end(9, OK)
