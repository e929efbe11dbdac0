"""Whole frames at the wrong time, of the wrong kind, with the wrong number."""

from herd.rpc.v1.frame_pb2 import Frame

from .case import Target, case
from .codes import CANCELLED, FAILED_PRECONDITION, INVALID_ARGUMENT, OK
from .packing import field, prefixed
from .peer import HEALTH, PROBE, Wrong, packed, told

PROBE_LONG = field(1, 1_000_000) + field(2, 10)


@case("rules", "A REQUEST first: GOAWAY INVALID_ARGUMENT")
def call_before_hello(target: Target):
    with target.connect(hello=False) as peer:
        peer.request(HEALTH)
        peer.expect_goaway(INVALID_ARGUMENT)


@case("rules", "Before its HELLO a peer may send only HELLO or GOAWAY")
def every_kind_before_hello(target: Target):
    for kind in (0, 2, 3, 4, 5, 6, 7, 8, 10, 99):
        with target.connect(hello=False) as peer:
            peer.send(kind=kind, call=1)
            peer.expect_goaway(INVALID_ARGUMENT)
    with target.connect(hello=False) as peer:
        peer.send(kind=Frame.GOAWAY)
        peer.send(kind=Frame.HELLO, version=1)
        peer.expect_alive()


@case("rules", "a second HELLO: GOAWAY INVALID_ARGUMENT")
def two_hellos(target: Target):
    with target.connect() as peer:
        peer.send(kind=Frame.HELLO, version=1)
        peer.expect_goaway(INVALID_ARGUMENT)
    with target.connect() as peer:
        peer.expect_alive()
        peer.send(kind=Frame.HELLO, version=99)
        peer.expect_goaway(INVALID_ARGUMENT)


@case("rules", "The server's HELLO states max-frame-bytes and max-calls")
def hello_states_limits(target: Target):
    with target.connect() as peer:
        peer.expect_alive()
        hello = peer.server_hello
        stated = dict(hello.metadata) if hello else {}
        if (hello is None or hello.version != 1 or stated.get("max-frame-bytes") != str(4 << 20)
                or stated.get("max-calls") != "1024"):
            raise Wrong("HELLO of version 1 with max-frame-bytes 4194304 and max-calls 1024", str(hello))


@case("rules", "Unknown version: GOAWAY FAILED_PRECONDITION with version = the highest supported")
def version_99(target: Target):
    for version in (0, 2, 99, 2**32 - 1):
        with target.connect(hello=False) as peer:
            peer.send(kind=Frame.HELLO, version=version)
            peer.expect_goaway(FAILED_PRECONDITION, version=1)


@case("rules", "call 0: GOAWAY INVALID_ARGUMENT")
def call_0(target: Target):
    with target.connect() as peer:
        peer.request(HEALTH, call=0)
        peer.expect_goaway(INVALID_ARGUMENT)


@case("rules", "an id already open: GOAWAY INVALID_ARGUMENT")
def open_id_again(target: Target):
    for method in (PROBE, HEALTH, "nonsense"):
        with target.connect() as peer:
            peer.request(PROBE, PROBE_LONG, call=5, credit=1)
            peer.request(method, call=5)
            peer.expect_goaway(INVALID_ARGUMENT)


@case("rules", "unique among the connection's open calls: an id that had its END may be used again")
def closed_id_again(target: Target):
    with target.connect() as peer:
        for _ in range(100):
            peer.request(HEALTH, call=5)
            peer.expect_end(5, OK)
        for _ in range(100):
            peer.request(PROBE, PROBE_LONG, call=5, credit=3)
            peer.send(kind=Frame.CANCEL, call=5)
            peer.expect_end(5, CANCELLED)
        peer.messages.clear()
        peer.request(PROBE, field(1, 2), call=5)
        peer.expect_end(5, OK)
        if peer.messages.get(5) != 2:
            raise Wrong("the 2 messages of the last call of that id", f"{peer.messages.get(5)}")


@case("rules", "call ids are any number but 0")
def large_ids(target: Target):
    with target.connect() as peer:
        for call in (1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
            peer.request(HEALTH, call=call)
            peer.expect_end(call, OK)


@case("rules", "kind 0: GOAWAY INVALID_ARGUMENT")
def kind_0(target: Target):
    with target.connect() as peer:
        peer.send(kind=0, call=1, method=HEALTH)
        peer.expect_goaway(INVALID_ARGUMENT)


@case("rules", "MESSAGE or END from a client: GOAWAY INVALID_ARGUMENT")
def message_and_end_from_a_client(target: Target):
    for kind in (Frame.MESSAGE, Frame.END):
        for is_open in (False, True):
            with target.connect() as peer:
                if is_open:
                    peer.request(PROBE, PROBE_LONG, call=1, credit=1)
                peer.send(kind=kind, call=1, payload=b"x")
                peer.expect_goaway(INVALID_ARGUMENT)


@case("rules", "Unknown kinds are ignored")
def unknown_kinds(target: Target):
    with target.connect() as peer:
        for kind in (10, 11, 100, 2**31 - 1, -1, -(2**31)):
            peer.send(kind=kind, call=3, payload=b"x" * 1000)
            peer.expect_alive()
        # A number of more than 32 bits, as no enum has it.
        peer.send_bytes(prefixed(field(1, 1 << 40 | 77)))
        peer.expect_alive()


@case("rules", "a GOAWAY from the client takes nothing from it: its open calls go on, and later ones are answered")
def goaway_from_the_client(target: Target):
    for code in (0, 3, 99):
        with target.connect() as peer:
            stream = peer.request(PROBE, field(1, 50), credit=1)
            peer.send(kind=Frame.GOAWAY, code=code, message="goodbye")
            peer.send(kind=Frame.CREDIT, call=stream, credit=100)
            peer.expect_end(stream, OK)
            peer.expect_alive()


@case("rules", "PONG and HELLO-time fields out of place mean nothing")
def unasked_pongs(target: Target):
    with target.connect() as peer:
        for _ in range(1000):
            peer.send(kind=Frame.PONG, payload=b"unasked")
        peer.expect_alive()


@case("rules", "PING is answered with PONG of the first 64 bytes of its payload, in order, whatever its fields")
def pings(target: Target):
    with target.connect() as peer:
        for payload in (b"", b"x", bytes(range(256)), b"y" * 1_000_000):
            peer.send_bytes(packed(kind=Frame.PING, payload=payload, call=9, method="m", version=7))
            pong = peer.receive()
            if pong is None or pong.kind != Frame.PONG or pong.payload != payload[:64]:
                raise Wrong(f"PONG with up to 64 of the {len(payload)} bytes of its PING", told(pong))
