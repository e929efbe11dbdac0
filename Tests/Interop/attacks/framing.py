"""Bytes that are no frames, too many of them, or too slow."""

import struct
import time

from herd.rpc.v1.frame_pb2 import Frame

from .case import Target, case
from .codes import INVALID_ARGUMENT, OK, RESOURCE_EXHAUSTED, UNIMPLEMENTED, DEADLINE_EXCEEDED
from .packing import field, prefixed, varint
from .peer import HEALTH, Peer, Wrong, packed

MALFORMED = "malformed: GOAWAY with a code, shut down writing, discard input for up to 1 s, close"
LIMIT = "Frame 4 MiB, checked before it is buffered; over it: GOAWAY with a code"
HELLO = Frame(kind=Frame.HELLO, version=1).SerializeToString()


def refused(target: Target, body: bytes, code: int = INVALID_ARGUMENT) -> None:
    """A frame of these bytes ends the connection, before HELLO and after it."""
    for hello in (False, True):
        with target.connect(hello=hello) as peer:
            peer.send_bytes(prefixed(body))
            peer.expect_goaway(code)


@case("framing", MALFORMED)
def garbage(target: Target):
    rng = target.random("garbage")
    for size in (1, 7, 64, 1000, 100_000):
        for _ in range(8):
            with target.connect(hello=rng.random() < 0.5) as peer:
                # A length of at most a few kilobytes, so that what follows is read as a frame.
                peer.send_bytes(struct.pack(">I", rng.randint(1, 4000)) + bytes([7]) + rng.randbytes(size))
                peer.finish_sending()
                frame = peer.receive()
                while frame is not None and frame.kind != Frame.GOAWAY:
                    frame = peer.receive()


@case("framing", LIMIT)
def random_length(target: Target):
    rng = target.random("random_length")
    for _ in range(20):
        with target.connect() as peer:
            peer.send_bytes(struct.pack(">I", rng.randint((4 << 20) + 1, 2**32 - 1)) + rng.randbytes(200))
            peer.expect_goaway(RESOURCE_EXHAUSTED)


@case("framing", LIMIT)
def http_request(target: Target):
    with target.connect(hello=False) as peer:
        peer.send_bytes(b"GET / HTTP/1.1\r\nHost: herd\r\n\r\n")
        peer.expect_goaway(RESOURCE_EXHAUSTED)


@case("framing", LIMIT)
def frame_of_5_mib(target: Target):
    for hello in (True, False):
        with target.connect(hello=hello) as peer:
            peer.send_bytes(struct.pack(">I", 5 << 20))
            # The length alone is enough: nothing is waited for, nothing is kept.
            goaway = peer.receive(2)
            if goaway is None or goaway.kind != Frame.GOAWAY or goaway.code != RESOURCE_EXHAUSTED:
                raise Wrong("GOAWAY RESOURCE_EXHAUSTED as soon as the length is there", str(goaway))
        with target.connect(hello=hello) as peer:
            peer.send_bytes(struct.pack(">I", 5 << 20) + bytes(5 << 20))
            peer.expect_goaway(RESOURCE_EXHAUSTED)


@case("framing", LIMIT)
def limit_is_exact(target: Target):
    limit = 4 << 20
    for over in (0, 1):
        with target.connect() as peer:
            # PING is answered with its payload; an unknown field fills up.
            body = field(1, Frame.PING)
            body += field(15, bytes(limit - len(body) - 5 + over))
            assert len(body) == limit + over
            peer.send_bytes(prefixed(body))
            if over:
                peer.expect_goaway(RESOURCE_EXHAUSTED)
            else:
                pong = peer.receive()
                if pong is None or pong.kind != Frame.PONG:
                    raise Wrong("PONG for a frame of exactly 4 MiB", str(pong)[:200])


@case("framing", "A frame before HELLO, and HELLO itself: 64 KiB, checked before it is buffered")
def hello_over_its_limit(target: Target):
    for length in ((64 << 10) + 1, 1 << 20, 4 << 20):
        with target.connect(hello=False) as peer:
            peer.send_bytes(struct.pack(">I", length))
            goaway = peer.receive(2)
            if goaway is None or goaway.kind != Frame.GOAWAY or goaway.code != RESOURCE_EXHAUSTED:
                raise Wrong("GOAWAY RESOURCE_EXHAUSTED as soon as the length is there", str(goaway))
    with target.connect(hello=False) as peer:
        filler = 64 << 10
        while len(data := packed(kind=Frame.HELLO, version=1, metadata={"filler": "x" * filler})) - 4 > 64 << 10:
            filler -= 1
        peer.send_bytes(data)
        peer.expect_alive()


@case("framing", "kind 0: GOAWAY INVALID_ARGUMENT")
def empty_frame(target: Target):
    refused(target, b"")


@case("framing", MALFORMED)
def truncated_fields(target: Target):
    for body in (b"\x08", b"\x42\xff\xff\xff\xff\x0f", b"\x1a\x05ab", b"\x2a\xff\xff\x7f",
                 b"\x99\x01\x00", b"\x8d\x01\x00"):
        refused(target, HELLO + body)


@case("framing", MALFORMED)
def impossible_tags(target: Target):
    # Field 0; groups; the wire types 6 and 7; a tag over 32 bits.
    for body in (b"\x00\x00", b"\x0b\x0c", b"\x7b\x7c", b"\x0e", b"\x0f", varint(1 << 35) + b"\x00"):
        refused(target, HELLO + body)


@case("framing", MALFORMED)
def integer_of_11_bytes(target: Target):
    refused(target, HELLO + b"\x10" + b"\xff" * 10 + b"\x01")


@case("framing", MALFORMED)
def wrong_wire_types(target: Target):
    for number in (1, 2, 4, 6, 9, 10):
        refused(target, field(number, b"abc"))
    for number in (3, 5, 7, 8):
        refused(target, field(number, 5))
    for number in range(1, 11):
        refused(target, varint(number << 3 | 1) + bytes(8))
        refused(target, varint(number << 3 | 5) + bytes(4))


@case("framing", MALFORMED)
def text_that_is_no_utf8(target: Target):
    for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"abcdefgh\xe2\x82"):
        refused(target, HELLO + field(3, bad))
        refused(target, HELLO + field(7, bad))
        refused(target, HELLO + field(8, field(1, bad) + field(2, "x")))
        refused(target, HELLO + field(8, field(1, "x") + field(2, bad)))


@case("framing", "Of a field that comes twice the last one counts, as protobuf has it")
def duplicate_fields(target: Target):
    with target.connect(hello=False) as peer:
        # Version 99, then 1; kind GOAWAY, then HELLO.
        peer.send_bytes(prefixed(field(1, 9) + field(10, 99) + field(1, 1) + field(10, 1)))
        peer.expect_alive()
        call = field(1, 2) + field(2, 7) + field(3, "nonsense") + field(2, 100) + field(3, HEALTH)
        peer.send_bytes(prefixed(call))
        peer.expect_end(100, OK)
        peer.expect_alive()


@case("framing", "fields may be added: unknown ones are skipped")
def unknown_fields(target: Target):
    with target.connect() as peer:
        extra = field(500, 1) + field(501, b"x" * 1000)
        extra += varint(502 << 3 | 1) + bytes(8) + varint(503 << 3 | 5) + bytes(4)
        peer.send_bytes(prefixed(extra + field(1, 2) + field(2, 1) + field(3, HEALTH) + extra))
        peer.expect_end(1, OK)
        next(peer.ids)
        peer.expect_alive()


@case("framing", "more than 128 pairs of metadata: GOAWAY RESOURCE_EXHAUSTED")
def metadata_of_many_pairs(target: Target):
    for count in (128, 129, 200_000):
        with target.connect() as peer:
            pairs = b"".join(field(8, field(1, str(number))) for number in range(count))
            peer.send_bytes(prefixed(field(1, 2) + field(2, 1) + field(3, HEALTH) + pairs))
            if count > 128:
                peer.expect_goaway(RESOURCE_EXHAUSTED)
            else:
                peer.expect_end(1, OK)


@case("framing", "metadata that means nothing to the server is let through; the call is answered")
def odd_metadata(target: Target):
    odd = {
        "traceparent": "nonsense\r\nx: y\x00\x1b[2J", "tenant": "t" * 100, "": "", "a\x00b": "\x00",
        "authorization": "x" * 9000,
        "retry-after-ms": "-1", "not-started": "1", "max-frame-bytes": "-5", "max-calls": "99999999999999999999999",
    }
    with target.connect(hello=False) as peer:
        peer.send(kind=Frame.HELLO, version=1, metadata=odd)
        peer.expect_alive()
        peer.expect_end(peer.request(HEALTH, metadata=odd), OK)
        # An entry without key and value, and one that comes twice.
        entry = field(8, b"") + field(8, field(1, "k") + field(2, "1")) + field(8, field(1, "k") + field(2, "2"))
        peer.send_bytes(prefixed(field(1, 2) + field(2, 99) + field(3, HEALTH) + entry))
        peer.expect_end(99, OK)
        peer.expect_alive()


@case("framing", "an unknown method gets END UNIMPLEMENTED for that call alone")
def odd_methods(target: Target):
    for method in ("", "/", "x", "herd.v1.Admin/Health\x00", "herd.v1.Admin/health", HEALTH + "/", "\U0010ffff" * 300,
                   "m" * 1_000_000, "herd.v1.Scorer/", "herd.v1.Scorer/" + "m" * 1_000_000, "herd.v1.Scorer/\x00"):
        with target.connect() as peer:
            end = peer.expect_end(peer.request(method), UNIMPLEMENTED)
            if len(end.message) > 2000:
                raise Wrong("a message of reasonable length", f"{len(end.message)} characters")
            peer.expect_alive()


@case("framing", "a frame may arrive in any pieces")
def one_byte_at_a_time(target: Target):
    data = packed(kind=Frame.HELLO, version=1, metadata={"client": "slow"})
    data += packed(kind=Frame.REQUEST, call=1, method=HEALTH)
    with target.connect(hello=False) as peer:
        for byte in data:
            peer.send_bytes(bytes([byte]))
            time.sleep(0.001)
        peer.expect_end(1, OK)


@case("framing", "Limits: malformed: GOAWAY; what comes behind the offence is not run")
def nothing_runs_behind_an_offence(target: Target):
    put = packed(kind=Frame.REQUEST, call=1, method="herd.v1.Registry/PutPolicy",
                 payload=field(1, field(1, "hostile-ghost")))
    get = field(1, "hostile-ghost")
    hello = packed(kind=Frame.HELLO, version=1)
    for data in (prefixed(b"\x0f") + put, hello + prefixed(b"\x08") + put, packed(kind=Frame.HELLO, version=99) + put,
                 hello + hello + put, hello + struct.pack(">I", 5 << 20) + put, put):
        with target.connect(hello=False) as peer:
            peer.send_bytes(data)
            peer.expect_goaway(INVALID_ARGUMENT, RESOURCE_EXHAUSTED, 9)
    with target.connect() as peer:
        peer.expect_end(peer.request("herd.v1.Registry/GetPolicy", get), 5)


@case("framing", "after a GOAWAY: discard input for up to 1 s, close; the peer sees the GOAWAY, no ECONNRESET")
def goaway_is_seen_by_who_goes_on_sending(target: Target):
    with target.connect() as peer:
        peer.send_bytes(prefixed(b"\x0f"))
        started = time.monotonic()
        for _ in range(16):
            peer.send_bytes(bytes(256 << 10))
        sent = time.monotonic() - started
        if sent > 0.9:
            # On a machine this busy the second is over before the bytes are there.
            return
        peer.expect_goaway(INVALID_ARGUMENT)


@case("framing", "after a GOAWAY the connection is closed within the second, whatever the peer does", waits=True)
def goaway_closes_in_time(target: Target):
    with target.connect() as peer:
        peer.send_bytes(prefixed(b"\x0f"))
        started = time.monotonic()
        try:
            while time.monotonic() - started < 10:
                peer.socket.sendall(b"x")
                time.sleep(0.02)
        except (ConnectionResetError, BrokenPipeError):
            taken = time.monotonic() - started
            if taken > 3:
                raise Wrong("the end of the socket after about 1 s", f"{taken:.1f} s") from None
            return
        raise Wrong("the end of the socket after about 1 s", "it takes input after 10 s")


@case("framing", "No HELLO within 5 s: GOAWAY DEADLINE_EXCEEDED", waits=True)
def silence_from_the_start(target: Target):
    no_hello(target, b"")


@case("framing", "No HELLO within 5 s: GOAWAY DEADLINE_EXCEEDED", waits=True)
def half_a_hello_then_silence(target: Target):
    no_hello(target, packed(kind=Frame.HELLO, version=1, metadata={"client": "half"})[:9])


@case("framing", "No HELLO within 5 s: GOAWAY DEADLINE_EXCEEDED, however slowly it comes", waits=True)
def hello_one_byte_a_second(target: Target):
    with target.connect(hello=False) as peer:
        data = packed(kind=Frame.HELLO, version=1, metadata={"client": "s" * 1000})
        limit = target.limits["hello"]
        started = time.monotonic()
        for byte in data:
            if time.monotonic() - started > limit + 1:
                break
            peer.send_bytes(bytes([byte]))
            time.sleep(limit / 20)
        peer.expect_goaway(DEADLINE_EXCEEDED, patience=3)


@case("framing", "Before its HELLO a peer may send GOAWAY; it does not stand for HELLO", waits=True)
def goaways_instead_of_hello(target: Target):
    with target.connect(hello=False) as peer:
        for _ in range(100):
            peer.send(kind=Frame.GOAWAY)
        peer.expect_goaway(DEADLINE_EXCEEDED, patience=target.limits["hello"] + 3)


def no_hello(target: Target, data: bytes) -> None:
    limit = target.limits["hello"]
    with target.connect(hello=False) as peer:
        started = time.monotonic()
        peer.send_bytes(data)
        peer.expect_goaway(DEADLINE_EXCEEDED, patience=limit + 5)
        taken = time.monotonic() - started
        if not limit - 0.5 < taken < limit + 3:
            raise Wrong(f"GOAWAY after {limit:g} s", f"after {taken:.1f} s")


@case("framing", "many connections that say nothing: each ends by the HELLO time-out, others are served", waits=True)
def many_silent_connections(target: Target):
    peers: list[Peer] = []
    try:
        for _ in range(1000 if target.full else 200):
            peers.append(target.connect(hello=False))
        with target.connect() as peer:
            peer.expect_alive()
        for peer in peers:
            peer.expect_goaway(DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, patience=target.limits["hello"] + 5)
    finally:
        for peer in peers:
            peer.socket.close()
