"""Valid conversations, mutated at random: whatever comes, the server stays in order."""

import random
import time

from herd.rpc.v1.frame_pb2 import Frame

from .case import Target
from .codes import DEADLINE_EXCEEDED, FAILED_PRECONDITION, INVALID_ARGUMENT, OK, RESOURCE_EXHAUSTED
from .packing import field, prefixed
from .peer import HEALTH, PROBE, ROUTE, Wrong, told

FRAMES = [
    Frame(kind=Frame.REQUEST, call=1, method=HEALTH),
    Frame(kind=Frame.REQUEST, call=2, method=PROBE, payload=field(1, 20) + field(2, 100), credit=5),
    Frame(kind=Frame.CREDIT, call=2, credit=10),
    Frame(kind=Frame.CANCEL, call=2),
    Frame(kind=Frame.REQUEST, call=3, method=ROUTE, payload=field(1, "reverse lantern") + field(6, 1),
          metadata={"tenant": "t", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}),
    Frame(kind=Frame.REQUEST, call=4, method=ROUTE, timeout_us=1_000_000,
          payload=field(2, field(1, "user") + field(2, field(1, "hello"))) + field(4, field(1, field(1, "cost")))),
    Frame(kind=Frame.REQUEST, call=5, method="herd.v1.Scorer/Predict", payload=field(1, "49 + 81")),
    Frame(kind=Frame.REQUEST, call=6, method="herd.v1.Registry/ListModels", payload=field(1, field(1, 3))),
    Frame(kind=Frame.REQUEST, call=7, method="herd.v1.Scorer/WatchPredictor"),
    Frame(kind=Frame.PING, payload=b"ping"),
    Frame(kind=Frame.PONG),
    Frame(kind=Frame.GOAWAY, code=1, message="m"),
    Frame(kind=77, call=9),
]
HELLO = Frame(kind=Frame.HELLO, version=1, metadata={"client": "fuzz"})
ALLOWED = (OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, DEADLINE_EXCEEDED)


def mutated(rng: random.Random, data: bytes) -> bytes:
    """The bytes with a few of them flipped, dropped, doubled, exchanged or made up."""
    bytes_ = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2, 5, 20))):
        at = rng.randrange(len(bytes_) + 1)
        length = min(rng.choice((1, 1, 2, 4, 16)), len(bytes_) - at)
        match rng.randrange(5):
            case 0 if length:
                bytes_[at] ^= 1 << rng.randrange(8)
            case 1:
                del bytes_[at:at + length]
            case 2:
                bytes_[at:at] = bytes_[at:at + length]
            case 3:
                bytes_[at:at + length] = rng.randbytes(length)
            case 4:
                bytes_[at:at] = rng.choice((b"\xff" * 10, b"\0", b"\x7f", b"\0\0\0\0", rng.randbytes(4)))
    return bytes(bytes_)


def conversation(rng: random.Random) -> bytes:
    """HELLO most of the time, then frames in any order; mutated inside their frames, or across them."""
    frames = [HELLO] * (rng.random() < 0.95) + rng.choices(FRAMES, k=rng.randint(1, 12))
    packed = [frame.SerializeToString() for frame in frames]
    if rng.random() < 0.7:
        victim = rng.randrange(len(packed))
        packed[victim] = mutated(rng, packed[victim])
        return b"".join(map(prefixed, packed))
    return mutated(rng, b"".join(map(prefixed, packed)))


def run(target: Target, count: int) -> None:
    rng = target.random("fuzz")
    for number in range(count):
        data = conversation(rng)
        # A REQUEST that is doubled after its END is another call of the same number.
        with target.connect(hello=False, patience=5, counts_ends=False) as peer:
            try:
                at = 0
                while at < len(data):
                    size = rng.choice((1, 5, 50, 5000, 5000, 5000))
                    peer.send_bytes(data[at:at + size])
                    at += size
                if rng.random() < 0.1:
                    peer.reset()
                    continue
                peer.finish_sending()
                started = time.monotonic()
                frame = peer.receive()
                while frame is not None:
                    if frame.kind == Frame.GOAWAY and frame.code not in ALLOWED:
                        raise Wrong("a GOAWAY with a code for what a client does wrong", told(frame))
                    frame = peer.receive()
                if time.monotonic() - started > 4:
                    raise Wrong("an end soon after the EOF", f"{time.monotonic() - started:.1f} s")
            except Wrong as wrong:
                raise Wrong(wrong.expected, f"{wrong.seen}; conversation {number} of the seed: {data.hex()}") from wrong
