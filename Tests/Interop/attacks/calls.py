"""Calls: too many, taken back at every point, with odd deadlines, credit and counts."""

import time

from herd.rpc.v1.frame_pb2 import Frame
from herd.v1.router_pb2 import RouteRequest

from .case import Target, case
from .codes import CANCELLED, DEADLINE_EXCEEDED, FAILED_PRECONDITION, INVALID_ARGUMENT, OK, RESOURCE_EXHAUSTED
from .packing import field
from .peer import HEALTH, PROBE, ROUTE, Peer, Wrong, packed, told

ENDLESS = field(1, 2**64 - 1) + field(2, 16)
ONE_END = "Exactly one END per REQUEST"
CANCEL = "CANCEL frees all that the call holds, and its END says CANCELLED (one that crosses the END gets no second)"


@case("calls", "Open calls per connection 1,024: RESOURCE_EXHAUSTED for that call alone")
def two_thousand_at_once(target: Target):
    with target.connect() as peer:
        peer.send_bytes(b"".join(
            packed(kind=Frame.REQUEST, call=call, method=PROBE, payload=ENDLESS, credit=1) for call in range(1, 2001)))
        refused = set()
        while len(refused) < 976 or len(peer.messages) < 1024:
            frame = peer.receive()
            if frame is None or frame.kind not in (Frame.END, Frame.MESSAGE):
                raise Wrong("END or MESSAGE", told(frame))
            if frame.kind == Frame.END:
                peer.expect_end(frame.call, RESOURCE_EXHAUSTED)
                refused.add(frame.call)
        if refused & set(peer.messages) or len(peer.messages) != 1024:
            raise Wrong("1,024 calls open, 976 refused", f"{len(peer.messages)} open, {len(refused)} refused")
        with target.connect() as other:
            other.expect_alive()
        for call in list(peer.messages):
            peer.send(kind=Frame.CANCEL, call=call)
        for call in list(peer.messages):
            peer.expect_end(call, CANCELLED)
        expect_room(peer)


@case("calls", ONE_END + "; calls are multiplexed and answered in any order")
def two_thousand_routes_at_once(target: Target):
    # 1,024 may be open; cached ones are answered at once, so how many are refused is not known beforehand.
    with target.connect() as peer:
        payload = RouteRequest(prompt="reverse lantern").SerializeToString()
        peer.send_bytes(b"".join(
            packed(kind=Frame.REQUEST, call=call, method=ROUTE, payload=payload) for call in range(1, 2001)))
        for call in range(1, 2001):
            peer.expect_end(call, OK, RESOURCE_EXHAUSTED)
        peer.expect_alive()


@case("calls", ONE_END + "; long prompts hold nobody up")
def long_prompts_at_once(target: Target):
    # Just short enough to be looked at between others' calls, each another text, so that none is cached.
    with target.connect(patience=30) as peer:
        for call in range(1, 201):
            peer.request(ROUTE, RouteRequest(prompt=f"{call} " + "alpha beta " * 5800).SerializeToString(), call=call)
        for call in range(1, 201):
            peer.expect_end(call, OK, FAILED_PRECONDITION, RESOURCE_EXHAUSTED)
        peer.ids = iter(range(1000, 2000))
        peer.expect_alive()


def expect_room(peer: Peer) -> None:
    """Calls that were cancelled count until their handlers have returned: a moment later there is room again."""
    deadline = time.monotonic() + 5
    while peer.end_of(peer.request(HEALTH)).code == RESOURCE_EXHAUSTED:
        if time.monotonic() > deadline:
            raise Wrong("room for calls after all were cancelled", "RESOURCE_EXHAUSTED for 5 s")
        time.sleep(0.01)
    peer.expect_alive()


@case("calls", CANCEL + "; handlers cannot be piled up by cancelling")
def cancel_storm(target: Target):
    with target.connect() as peer:
        for start in range(1, 20_001, 1000):
            peer.send_bytes(b"".join(
                packed(kind=Frame.REQUEST, call=call, method=PROBE, payload=ENDLESS, credit=1)
                + packed(kind=Frame.CANCEL, call=call) for call in range(start, start + 1000)))
            for call in range(start, start + 1000):
                peer.expect_end(call, CANCELLED, RESOURCE_EXHAUSTED)
        peer.ids = iter(range(100_000, 200_000))
        expect_room(peer)


@case("calls", "CANCEL for a call that is not open is ignored")
def cancel_before_the_call(target: Target):
    with target.connect() as peer:
        for call in (0, 7, 2**64 - 1):
            peer.send(kind=Frame.CANCEL, call=call)
        peer.request(HEALTH, call=7)
        peer.expect_end(7, OK)
        peer.expect_alive()


@case("calls", CANCEL)
def cancel_together_with_the_call(target: Target):
    with target.connect() as peer:
        for method, payload in ((HEALTH, b""), (ROUTE, field(1, "reverse lantern")), (PROBE, ENDLESS),
                                ("herd.v1.Scorer/WatchPredictor", b""), ("herd.v1.Admin/Describe", b"")):
            for _ in range(20):
                call = next(peer.ids)
                peer.send_bytes(packed(kind=Frame.REQUEST, call=call, method=method, payload=payload)
                                + packed(kind=Frame.CANCEL, call=call))
                end = peer.expect_end(call, OK, CANCELLED)
                if payload == ENDLESS and end.code == OK:
                    raise Wrong("END CANCELLED of an endless stream", told(end))
        peer.silence(0.1)
        peer.expect_alive()


@case("calls", CANCEL)
def cancel_after_every_message(target: Target):
    with target.connect() as peer:
        for count in range(30):
            call = peer.request(PROBE, ENDLESS, credit=max(count, 1))
            while peer.messages.get(call, 0) < count:
                peer.receive()
            peer.send(kind=Frame.CANCEL, call=call)
            peer.expect_end(call, CANCELLED)
        peer.silence(0.1)
        peer.expect_alive()


@case("calls", CANCEL)
def cancel_after_the_reply(target: Target):
    with target.connect() as peer:
        for _ in range(50):
            call = peer.request(HEALTH)
            peer.expect_end(call, OK)
            peer.send(kind=Frame.CANCEL, call=call)
        peer.silence(0.1)
        peer.expect_alive()


@case("calls", CANCEL)
def cancel_twice(target: Target):
    with target.connect() as peer:
        for _ in range(50):
            call = peer.request(PROBE, ENDLESS)
            peer.send_bytes(packed(kind=Frame.CANCEL, call=call) * 2)
            peer.expect_end(call, CANCELLED)
        peer.silence(0.1)
        peer.expect_alive()


@case("calls", CANCEL)
def cancel_while_computing(target: Target):
    # A long prompt takes milliseconds to tokenise; the END of a cancelled call does not wait for that.
    with target.connect() as peer:
        for number in range(5):
            prompt = f"{number} " + "alpha beta gamma " * 50_000
            call = peer.request(ROUTE, field(1, prompt))
            peer.send(kind=Frame.CANCEL, call=call)
            # The prompt is longer than every model's context window: FAILED_PRECONDITION is its answer.
            peer.expect_end(call, CANCELLED, FAILED_PRECONDITION)
        peer.silence(0.1)
        peer.expect_alive()


@case("calls", "timeout_us: 0 = the server's default, capped by server.max_timeout; DEADLINE_EXCEEDED when it passes")
def odd_deadlines(target: Target):
    with target.connect() as peer:
        for timeout in (0, 2**64 - 1, 2**63, 2**62):
            peer.expect_end(peer.request(HEALTH, timeout_us=timeout), OK)
            call = peer.request(PROBE, field(1, 3), timeout_us=timeout)
            peer.expect_end(call, OK)
        for timeout in (1, 2, 1000):
            peer.expect_end(peer.request(HEALTH, timeout_us=timeout), OK, DEADLINE_EXCEEDED)
            peer.expect_end(peer.request(PROBE, ENDLESS, timeout_us=timeout), DEADLINE_EXCEEDED)
            peer.expect_end(peer.request("herd.v1.Scorer/WatchPredictor", timeout_us=timeout), DEADLINE_EXCEEDED)
        peer.expect_alive()


@case("calls", "work stops when a deadline passes: a thousand at once, each with its END")
def a_thousand_deadlines(target: Target):
    with target.connect() as peer:
        calls = [peer.request(PROBE, ENDLESS, credit=1, timeout_us=1 + 100 * number) for number in range(1000)]
        for call in calls:
            peer.expect_end(call, DEADLINE_EXCEEDED)
        expect_room(peer)


@case("credit", "Credit bounds each stream")
def messages_stop_with_credit(target: Target):
    with target.connect() as peer:
        for credit, sent in ((0, 64), (1, 1), (7, 7), (200, 200)):
            call = peer.request(PROBE, ENDLESS, credit=credit)
            while peer.messages.get(call, 0) < sent:
                peer.receive()
            peer.silence(0.15)
            peer.send(kind=Frame.CREDIT, call=call, credit=5)
            while peer.messages[call] < sent + 5:
                peer.receive()
            peer.send(kind=Frame.CREDIT, call=call, credit=0)
            peer.silence(0.1)
            peer.send(kind=Frame.CANCEL, call=call)
            peer.expect_end(call, CANCELLED)


@case("credit", "CREDIT without end: a stream ends where it ends")
def credit_without_end(target: Target):
    with target.connect() as peer:
        call = peer.request(PROBE, field(1, 500) + field(2, 16), credit=1)
        peer.send_bytes(packed(kind=Frame.CREDIT, call=call, credit=2**32 - 1) * 2000)
        peer.expect_end(call, OK)
        if peer.messages[call] != 500:
            raise Wrong("500 messages", f"{peer.messages[call]}")
        peer.expect_alive()


@case("credit", "CREDIT for a call that is not open is ignored")
def credit_for_unknown_calls(target: Target):
    with target.connect() as peer:
        peer.send_bytes(b"".join(
            packed(kind=Frame.CREDIT, call=call, credit=2**32 - 1) for call in (0, 1, 2**64 - 1) for _ in range(3000)))
        peer.expect_alive()
        # Credit does not wait for a call that comes later.
        peer.send(kind=Frame.CREDIT, call=5000, credit=1000)
        peer.request(PROBE, ENDLESS, call=5000, credit=2)
        while peer.messages.get(5000, 0) < 2:
            peer.receive()
        peer.silence(0.15)


@case("credit", "CREDIT for a unary call means nothing")
def credit_for_unary_calls(target: Target):
    with target.connect() as peer:
        for _ in range(20):
            call = next(peer.ids)
            peer.send_bytes(packed(kind=Frame.REQUEST, call=call, method=ROUTE, payload=field(1, "copy that"))
                            + packed(kind=Frame.CREDIT, call=call, credit=9) * 3)
            peer.expect_end(call, OK)
        peer.expect_alive()


@case("calls", "Wrong input gets INVALID_ARGUMENT naming the field")
def huge_numbers(target: Target):
    with target.connect() as peer:
        peer.expect_end(peer.request(PROBE, field(1, 1) + field(2, 2**32 - 1)), INVALID_ARGUMENT, says="bytes")
        peer.expect_end(peer.request("herd.v1.Registry/ListModels", field(1, field(1, 2**32 - 1))), OK,
                        INVALID_ARGUMENT)
        peer.expect_end(peer.request("herd.v1.Registry/ListModels", field(1, field(2, "\x01nonsense"))), OK,
                        INVALID_ARGUMENT)
        call = peer.request(PROBE, ENDLESS, credit=2**32 - 1)
        while peer.messages.get(call, 0) < 1000:
            peer.receive()
        peer.send(kind=Frame.CANCEL, call=call)
        peer.expect_end(call, CANCELLED)
        peer.expect_alive()
