"""Requests whose payload is what no protobuf runtime packs."""

from herd.rpc.v1.frame_pb2 import Frame

from .case import Target, case
from .codes import INVALID_ARGUMENT, OK, RESOURCE_EXHAUSTED
from .packing import field, nested, varint
from .peer import ROUTE, packed

SCAN = ("one descriptor-driven scan of the bytes checks depth, list counts, string lengths, UTF-8, NUL, and that the "
        "decoded size is at most 8x the frame")
PUT_MODEL = "herd.v1.Registry/PutModel"
NEAR_LIMIT = (4 << 20) - 200


def refused(target: Target, method: str, payload: bytes, *, says: str = "") -> None:
    """The payload gets INVALID_ARGUMENT for that call alone."""
    with target.connect() as peer:
        peer.expect_end(peer.request(method, payload), INVALID_ARGUMENT, says=says)
        peer.expect_alive()


@case("messages", SCAN)
def four_mib_of_empty_submessages(target: Target):
    for payload in (b"\x12\x00" * (NEAR_LIMIT // 2), field(22, b"") * 1_000_000,
                    field(2, b"\x12\x00" * (NEAR_LIMIT // 2 - 10))):
        refused(target, ROUTE, payload)
    # Model.endpoints, inside PutModelRequest.
    refused(target, PUT_MODEL, field(1, field(13, b"") * (NEAR_LIMIT // 2 - 10)))


@case("messages", SCAN)
def four_mib_of_empty_texts(target: Target):
    refused(target, PUT_MODEL, field(1, b"\x62\x00" * (NEAR_LIMIT // 2 - 10)))
    refused(target, ROUTE, field(5, b"\x0a\x00" * (NEAR_LIMIT // 2 - 10)))


@case("messages", SCAN)
def four_mib_of_unknown_fields(target: Target):
    for unknown in (field(1000, 0), field(1000, b"")):
        refused(target, ROUTE, field(1, "x") + unknown * (NEAR_LIMIT // len(unknown) - 10))


@case("messages", SCAN)
def four_mib_again_and_again(target: Target):
    # Eight on one connection at once, so that what each costs adds up.
    payload = b"\x12\x00" * (NEAR_LIMIT // 2)
    with target.connect() as peer:
        calls = [peer.request(ROUTE, payload) for _ in range(8)]
        for call in calls:
            peer.expect_end(call, INVALID_ARGUMENT)
        peer.expect_alive()


@case("messages", SCAN)
def nested_100_deep(target: Target):
    for depth in (33, 100, 10_000, 500_000):
        # messages.content.text, and from there on bytes that are a text with NULs in it.
        refused(target, ROUTE, nested(2, depth))
        # Of a field that nobody knows: skipped as a whole, whatever is in it. Nothing that is left is a request.
        refused(target, ROUTE, nested(1000, depth))


@case("messages", SCAN)
def nested_groups(target: Target):
    refused(target, ROUTE, varint(1000 << 3 | 3) * 100_000)
    refused(target, ROUTE, field(1, "x") + varint(1000 << 3 | 3) * 100 + varint(1000 << 3 | 4) * 100)


@case("messages", SCAN)
def bad_utf8(target: Target):
    for bad in (b"\xff", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf0\x80\x80\x80",
                b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\x80", b"abc\xe2\x82", b"a" * 70_000 + b"\xff"):
        refused(target, ROUTE, field(1, bad), says="UTF-8")
        refused(target, ROUTE, field(2, field(1, "user") + field(2, field(1, bad))), says="UTF-8")
        refused(target, PUT_MODEL, field(1, field(1, bad)), says="UTF-8")


@case("messages", SCAN)
def nuls(target: Target):
    for text in ("\0", "a\0b", "end\0", "x" * 70_000 + "\0"):
        refused(target, ROUTE, field(1, text), says="U+0000")
        refused(target, ROUTE, field(1, "x") + field(3, text), says="U+0000")
        refused(target, PUT_MODEL, field(1, field(1, text)), says="U+0000")


@case("messages", SCAN)
def wrong_types_and_cut_off(target: Target):
    for payload in (b"\x0a", b"\x0a\x05ab", b"\x0a\xff\xff\xff\xff\x0f", b"\x08\x01", b"\x15\x00", b"\x00", b"\x30",
                    b"\x30" + b"\xff" * 11, b"\x22\x03\x0a\x01\x0a", b"\x32\x01\x01"):
        refused(target, ROUTE, payload)


@case("messages", SCAN)
def wrong_forwarded_messages(target: Target):
    # The router passes these on unread; the scorer looks at them.
    for payload in (b"\x0a", b"\x0a\x02\xff\xff", field(1, "a\0"), b"\x08\x01"):
        refused(target, "herd.v1.Scorer/Predict", payload)
    refused(target, "herd.v1.Scorer/Import", b"\x0a\x00" * (NEAR_LIMIT // 2))


@case("messages", "A reply over the frame limit becomes END RESOURCE_EXHAUSTED")
def reply_over_the_limit(target: Target):
    with target.connect() as peer:
        end = peer.expect_end(peer.request("herd.v1.Scorer/Embed", field(1, "a") * 10_000), RESOURCE_EXHAUSTED,
                              INVALID_ARGUMENT)
        assert end.message
        peer.expect_alive()


@case("messages", "Bad input never leaks: a small request for a huge reply is turned down before it is computed")
def small_request_for_a_huge_reply(target: Target):
    # 60,000 empty texts take 120 KB and would be 60 MB of vectors.
    with target.connect() as peer:
        call = peer.request("herd.v1.Scorer/Embed", field(1, "") * 60_000)
        peer.expect_end(call, RESOURCE_EXHAUSTED, INVALID_ARGUMENT)
        peer.expect_alive()


@case("messages", "a long text is a text: answered, or turned down for that call alone")
def long_texts(target: Target):
    for prompt in ("x" * 4_000_000, "é" * 2_000_000, "\U0010ffff" * 1_000_000, " " * 4_000_000, "a " * 2_000_000):
        with target.connect() as peer:
            peer.expect_end(peer.request(ROUTE, field(1, prompt)), OK, INVALID_ARGUMENT, 9)
            peer.expect_alive()


@case("messages", "Wrong input gets INVALID_ARGUMENT naming the field: a tenant, which every decision keeps, is a name")
def long_tenants(target: Target):
    with target.connect() as peer:
        for length in (401, 1_000_000, 4_000_000):
            call = peer.request(ROUTE, field(1, "reverse lantern"), metadata={"tenant": "t" * length})
            peer.expect_end(call, INVALID_ARGUMENT, says="tenant")
        peer.expect_end(peer.request(ROUTE, field(1, "reverse lantern"), metadata={"tenant": "t" * 400}), OK)


@case("messages", "an empty REQUEST of every unary method gets its END")
def empty_requests(target: Target):
    from herd.v1 import admin_pb2, refiner_pb2, registry_pb2, router_pb2, scorer_pb2

    with target.connect() as peer:
        for module in (admin_pb2, registry_pb2, router_pb2, scorer_pb2, refiner_pb2):
            for service in module.DESCRIPTOR.services_by_name.values():
                for method in service.methods:
                    # Draining ends the server, training and rolling back change what the others measure.
                    if method.name in ("Drain", "Train", "Rollback") or method.name.startswith("Watch"):
                        continue
                    call = next(peer.ids)
                    peer.send_bytes(packed(kind=Frame.REQUEST, call=call, method=f"{service.full_name}/{method.name}"))
                    peer.end_of(call)
        peer.expect_alive()
