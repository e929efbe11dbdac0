"""A whole Herd client in 80 lines: plain sockets, and messages compiled from Protos/ with PyPI's protobuf."""

import itertools
import socket
import struct

from herd.rpc.v1.frame_pb2 import Frame


class CallFailed(Exception):
    """A call that ended with a code other than OK, or a connection that ended with GOAWAY."""

    def __init__(self, code: int, message: str, metadata: dict[str, str], goaway: bool = False):
        super().__init__(f"code {code}: {message}")
        self.code, self.message, self.metadata, self.goaway = code, message, metadata, goaway


class Client:
    """One connection; calls may be pipelined with `start`, and their ends collected in any order with `finish`."""

    def __init__(self, host: str, port: int, hello: bool = True, timeout: float = 30, token: str = ""):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ids, self.ended, self.messages = itertools.count(1), {}, {}
        if hello:
            metadata = {"client": "interop.py"} | ({"authorization": f"Bearer {token}"} if token else {})
            self.send(Frame(kind=Frame.HELLO, version=1, metadata=metadata))

    def send(self, frame: Frame) -> None:
        data = frame.SerializeToString()
        self.socket.sendall(struct.pack(">I", len(data)) + data)

    def receive(self) -> Frame:
        return Frame.FromString(self._exactly(int.from_bytes(self._exactly(4), "big")))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            if not (more := self.socket.recv(count - len(data))):
                raise EOFError("the server closed the connection")
            data += more
        return data

    def start(self, method: str, request, timeout: float = 10, metadata: dict[str, str] | None = None) -> int:
        call = next(self.ids)
        self.send(Frame(kind=Frame.REQUEST, call=call, method=method, timeout_us=int(timeout * 1e6),
                        payload=request.SerializeToString(), metadata=metadata or {}))
        return call

    def cancel(self, call: int) -> None:
        self.send(Frame(kind=Frame.CANCEL, call=call))

    def take(self) -> None:
        """Waits for one frame, and keeps what it says of its call."""
        frame = self.receive()
        if frame.kind == Frame.MESSAGE:
            self.messages.setdefault(frame.call, []).append(frame.payload)
            self.send(Frame(kind=Frame.CREDIT, call=frame.call, credit=1))
        elif frame.kind == Frame.END:
            self.ended[frame.call] = frame
        elif frame.kind == Frame.PING:
            self.send(Frame(kind=Frame.PONG, payload=frame.payload))
        elif frame.kind == Frame.GOAWAY and frame.code:
            raise CallFailed(frame.code, frame.message, dict(frame.metadata), goaway=True)

    def finish(self, call: int, reply_type=None, message_type=None):
        """The reply of a unary call, or the list of messages of a stream; raises CallFailed."""
        while call not in self.ended:
            self.take()
        if (end := self.ended.pop(call)).code:
            raise CallFailed(end.code, end.message, dict(end.metadata))
        if message_type:
            return [message_type.FromString(payload) for payload in self.messages.pop(call, [])]
        return reply_type.FromString(end.payload)

    def call(self, method: str, request, reply_type, timeout: float = 10, metadata: dict[str, str] | None = None):
        return self.finish(self.start(method, request, timeout, metadata), reply_type)

    def close(self) -> None:
        self.socket.close()
