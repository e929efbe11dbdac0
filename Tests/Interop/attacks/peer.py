"""A connection that does as it is told, right or wrong, and says precisely what came back."""

import itertools
import socket
import struct
import time

from herd.rpc.v1.frame_pb2 import Frame
from herd.v1.admin_pb2 import HealthRequest, HealthResponse

from . import codes
from .packing import prefixed

HEALTH = "herd.v1.Admin/Health"
PROBE = "herd.v1.Admin/Probe"
ROUTE = "herd.v1.Router/Route"


class Wrong(Exception):
    """The server did something else than DESIGN says."""

    def __init__(self, expected: str, seen: str):
        super().__init__(f"expected {expected}; seen: {seen}")
        self.expected, self.seen = expected, seen


def told(frame: Frame | None) -> str:
    """A frame as a message to people names it."""
    if frame is None:
        return "the end of the connection"
    kind = Frame.Kind.Name(frame.kind) if frame.kind in Frame.Kind.values() else f"kind {frame.kind}"
    if frame.kind in (Frame.END, Frame.GOAWAY):
        kind += f" {codes.name(frame.code)} ({frame.message[:120]!r})"
    return f"{kind} of call {frame.call}" if frame.call else kind


class Peer:
    """One connection. Answers PINGs by itself while it reads, unless told otherwise."""

    def __init__(self, address, hello: bool = True, receive_buffer: int = 0, answers_pings: bool = True,
                 patience: float = 10, counts_ends: bool = True):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(patience)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.patience, self.answers_pings, self.counts_ends = patience, answers_pings, counts_ends
        self.ids = itertools.count(1)
        self.buffer = bytearray()
        self.server_hello: Frame | None = None
        self.ends: dict[int, Frame] = {}
        self.messages: dict[int, int] = {}
        self.pings = 0
        if hello:
            self.send(kind=Frame.HELLO, version=1, metadata={"client": "hostile.py"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # Sending

    def send(self, **fields) -> None:
        self.send_bytes(packed(**fields))

    def send_bytes(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Wrong("a connection that takes input until it is closed in order", error.strerror) from error
        except TimeoutError as error:
            raise Wrong("that input is read or the connection ended", "it took no more bytes") from error

    def request(self, method: str, payload: bytes = b"", call: int | None = None, timeout: float = 30, **fields) -> int:
        call = next(self.ids) if call is None else call
        fields.setdefault("timeout_us", int(timeout * 1e6))
        self.send(kind=Frame.REQUEST, call=call, method=method, payload=payload, **fields)
        return call

    def finish_sending(self) -> None:
        """EOF: what a client does that goes away in order."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """RST: what a client does that dies with unread input."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    # Receiving

    def receive(self, patience: float | None = None) -> Frame | None:
        """The next frame that is neither HELLO nor PING; None at the end of the connection."""
        deadline = time.monotonic() + (self.patience if patience is None else patience)
        while True:
            frame = self._frame(deadline)
            if frame is None:
                return None
            if frame.kind == Frame.HELLO:
                self.server_hello = frame
            elif frame.kind == Frame.PING:
                self.pings += 1
                if self.answers_pings:
                    self.send(kind=Frame.PONG, payload=frame.payload)
            else:
                if frame.kind == Frame.END:
                    if self.counts_ends and frame.call in self.ends:
                        raise Wrong(f"one END for call {frame.call}", "a second one: " + told(frame))
                    self.ends[frame.call] = frame
                elif frame.kind == Frame.MESSAGE:
                    if self.counts_ends and frame.call in self.ends:
                        raise Wrong(f"nothing of call {frame.call} after its END", told(frame))
                    self.messages[frame.call] = self.messages.get(frame.call, 0) + 1
                return frame

    def _frame(self, deadline: float) -> Frame | None:
        while True:
            if len(self.buffer) >= 4:
                size = 4 + int.from_bytes(self.buffer[:4], "big")
                if len(self.buffer) >= size:
                    frame = Frame.FromString(bytes(self.buffer[4:size]))
                    del self.buffer[:size]
                    return frame
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                more = self.socket.recv(256 << 10)
            except TimeoutError as error:
                raise Wrong("an answer", "silence") from error
            except ConnectionResetError as error:
                raise Wrong("an end in order, with its GOAWAY before it", "ECONNRESET") from error
            finally:
                self.socket.settimeout(self.patience)
            if not more:
                if self.buffer:
                    raise Wrong("whole frames", f"{len(self.buffer)} bytes of an unfinished one at the end")
                return None
            self.buffer += more

    def silence(self, seconds: float) -> None:
        """Nothing but PINGs comes, and the connection stays."""
        try:
            frame = self.receive(seconds)
        except Wrong as wrong:
            if wrong.seen == "silence":
                return
            raise
        raise Wrong("silence", told(frame))

    # What is expected

    def end_of(self, call: int, patience: float | None = None) -> Frame:
        while call not in self.ends:
            frame = self.receive(patience)
            if frame is None or frame.kind == Frame.GOAWAY:
                raise Wrong(f"the END of call {call}", told(frame))
        return self.ends.pop(call)

    def expect_end(self, call: int, *allowed: int, says: str = "") -> Frame:
        """The call's END, with one of the codes; a failure says why, with `says` in it."""
        end = self.end_of(call)
        if end.code not in allowed:
            raise Wrong(f"END {' or '.join(map(codes.name, allowed))} for call {call}", told(end))
        if end.code and (not end.message or says not in end.message):
            raise Wrong(f"a message that says {says or 'why'!r}", told(end))
        return end

    def expect_goaway(self, *allowed: int, version: int | None = None, patience: float | None = None) -> Frame:
        """GOAWAY with one of the codes, then the end of the connection, without a reset."""
        frame = self.receive(patience)
        while frame is not None and frame.kind != Frame.GOAWAY:
            frame = self.receive(patience)
        wanted = f"GOAWAY {' or '.join(map(codes.name, allowed))}"
        if frame is None or frame.code not in allowed:
            raise Wrong(wanted, told(frame))
        if not frame.message:
            raise Wrong(wanted + " that says why", told(frame))
        if version is not None and frame.version != version:
            raise Wrong(f"{wanted} with version {version}", f"version {frame.version}")
        after = self.receive(3)
        if after is not None:
            raise Wrong(f"nothing after {wanted}", told(after))
        return frame

    def expect_closed(self, patience: float = 3) -> None:
        """The server closes, without a GOAWAY; replies to what was sent may come first."""
        frame = self.receive(patience)
        while frame is not None:
            if frame.kind == Frame.GOAWAY:
                raise Wrong("the end of the connection", told(frame))
            frame = self.receive(patience)

    def expect_alive(self) -> None:
        """The connection goes on: a Health call on it is answered."""
        end = self.expect_end(self.request(HEALTH, HealthRequest().SerializeToString()), codes.OK)
        if HealthResponse.FromString(end.payload).state == HealthResponse.UNKNOWN:
            raise Wrong("a state in the reply to Health", told(end))


def packed(**fields) -> bytes:
    """A frame as it goes over the wire, from the fields of `herd.rpc.v1.Frame`."""
    return prefixed(Frame(**fields).SerializeToString())


def expect_connection(target) -> None:
    """There is room for a connection, within some seconds of others' closing."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with target.connect() as peer:
                return peer.expect_alive()
        except Wrong:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
