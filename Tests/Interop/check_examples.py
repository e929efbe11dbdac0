#!/usr/bin/env python3
"""Holds the examples of Protos/README.md against protobuf and against a real herd.

    check_examples.py                       every hex block decodes to what it says beside the bytes
    check_examples.py --write               write what it should say into the file instead
    check_examples.py --herdd PATH          besides, hold the conversations with a herd started for it

A block ```hex client or ```hex server holds whole frames, in hex with an explanation of every field; a third word,
`varies`, marks answers whose values differ from server to server. Blocks under one heading are one conversation. The
block ```sh makes the Python messages in a copy of Protos/, with which the block ```python is run. Prints a line for each conversation; exits with 1 if any is wrong.
"""

import argparse
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import check_wire
from attacks import codes

README = pathlib.Path(__file__).resolve().parents[2] / "Protos" / "README.md"
BLOCK = re.compile(r"^```hex (client|server)( varies)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEX_LINE = re.compile(r"^\s*((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:\s{2,}.*)?$")
BYTES_PER_LINE = 16


class Mistake(Exception):
    pass


# Reading


def bytes_of(block: str) -> bytes:
    data = b""
    for line in block.splitlines():
        match = HEX_LINE.match(line)
        if not match:
            raise Mistake(f"no line of hex and explanation: {line!r}")
        data += bytes.fromhex(match[1])
    return data


def conversations(text: str) -> dict[str, list[re.Match]]:
    """The blocks by the heading they are under."""
    found: dict[str, list[re.Match]] = {}
    for block in BLOCK.finditer(text):
        headings = re.findall(r"^#+ (.*)$", text[:block.start()], re.MULTILINE)
        found.setdefault(headings[-1], []).append(block)
    return found


def frames_of(data: bytes) -> list[bytes]:
    frames = []
    while data:
        size = 4 + int.from_bytes(data[:4], "big")
        if len(data) < size:
            raise Mistake(f"a frame of {size - 4} bytes has only {len(data) - 4}")
        frames.append(data[4:size])
        data = data[size:]
    return frames


# Explaining


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def lines(data: bytes, explanation: str, depth: int) -> list[str]:
    """The bytes, some to a line, the explanation beside the first of them."""
    indent = "  " * depth
    rows = [data[at:at + BYTES_PER_LINE].hex(" ") for at in range(0, len(data), BYTES_PER_LINE)]
    return [f"{indent}{rows[0]:<{50 - len(indent)}}{indent}{explanation}"] + [indent + row for row in rows[1:]]


class Explainer:
    """Explains frames in order: what a payload is depends on the REQUEST of its call."""

    def __init__(self):
        from google.protobuf import descriptor_pool
        from herd.rpc.v1.frame_pb2 import Frame

        self.pool, self.frame = descriptor_pool.Default(), Frame
        self.methods: dict[int, object] = {}

    def frame_lines(self, body: bytes) -> list[str]:
        frame = self.frame.FromString(body)
        if frame.SerializeToString(deterministic=True) != body:
            raise Mistake("a frame is packed otherwise than protobuf does: fields by number, no defaults")
        if frame.kind == self.frame.REQUEST:
            service, _, name = frame.method.partition("/")
            self.methods[frame.call] = self.pool.FindServiceByName(service).methods_by_name[name]
        method = self.methods.get(frame.call)
        payload = method and (method.input_type if frame.kind == self.frame.REQUEST else method.output_type)
        head = lines(struct.pack(">I", len(body)), f"a frame of {len(body)} bytes follows", 0)
        return head + self.message_lines(self.frame.DESCRIPTOR, body, 0, payload)

    def message_lines(self, descriptor, body: bytes, depth: int, payload=None) -> list[str]:
        found, at = [], 0
        while at < len(body):
            start = at
            tag, at = varint(body, at)
            field, wire_type = descriptor.fields_by_number[tag >> 3], tag & 7
            if wire_type == 0:
                value, at = varint(body, at)
                found += lines(body[start:at], f"{field.name} = {self.number(field, value)}", depth)
            elif wire_type in (1, 5):
                size = 8 if wire_type == 1 else 4
                value = struct.unpack("<d" if size == 8 else "<f", body[at:at + size])[0]
                at += size
                found += lines(body[start:at], f"{field.name} = {value:.6g}", depth)
            else:
                length, at = varint(body, at)
                inside = body[at:at + length]
                kind = payload if field.full_name == "herd.rpc.v1.Frame.payload" else field.message_type
                if kind:
                    found += lines(body[start:at], f"{field.name}, {length} bytes: {kind.name}", depth)
                    found += self.message_lines(kind, inside, depth + 1)
                else:
                    text = f'"{inside.decode()}"' if field.type == field.TYPE_STRING else f"{length} bytes"
                    found += lines(body[start:at + length], f"{field.name} = {text}", depth)
                at += length
        return found

    @staticmethod
    def number(field, value: int) -> str:
        if field.full_name == "herd.rpc.v1.Frame.code":
            return f"{value} ({codes.name(value)})"
        if field.enum_type:
            return f"{value} ({field.enum_type.values_by_number[value].name})"
        return ("false", "true")[value] if field.type == field.TYPE_BOOL else str(value)


def explained(blocks: list[re.Match]) -> list[str]:
    """What each block of a conversation should hold."""
    explainer = Explainer()
    return ["".join(f"{line}\n" for body in frames_of(bytes_of(block[3])) for line in explainer.frame_lines(body))
            for block in blocks]


# Holding the conversations


def hold(address, blocks: list[re.Match]) -> None:
    """Sends what the client sends, and gets what the server answers, byte for byte where it does not vary."""
    from attacks.peer import Peer
    from herd.rpc.v1.frame_pb2 import Frame

    first = Frame.FromString(frames_of(bytes_of(blocks[0][3]))[0])
    with Peer(address, hello=False) as peer:
        def next_body() -> bytes:
            head = peer.socket.recv(4, 0x100)
            return peer.socket.recv(int.from_bytes(head, "big"), 0x100) if head else b""

        if first.kind != Frame.HELLO:
            peer.send(kind=Frame.HELLO, version=1)
            next_body()
        last = None
        for block in blocks:
            data = bytes_of(block[3])
            if block[1] == "client":
                peer.send_bytes(data)
                continue
            for body in frames_of(data):
                wanted, got = Frame.FromString(body), Frame.FromString(last := next_body())
                if block[2]:
                    for name in ("payload", "message"):
                        wanted.ClearField(name)
                        got.ClearField(name)
                if wanted != got:
                    raise Mistake(f"the server answers {got}, not {wanted}")
        if last and Frame.FromString(last).kind == Frame.GOAWAY and next_body():
            raise Mistake("the connection goes on after GOAWAY")


def run_python(address, text: str) -> None:
    """The client of the documentation is a program: with the messages its command makes it routes a prompt."""
    command = re.search(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    if not command:
        raise Mistake("there is no command that makes the Python messages")
    code = re.search(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    if not code or '("127.0.0.1", 7601)' not in code[1]:
        raise Mistake("there is no Python client that connects to 127.0.0.1:7601")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(README.parent, pathlib.Path(folder, "Protos"))
        made = subprocess.run(["sh", "-c", command[1]], cwd=folder, capture_output=True, text=True)
        if made.returncode:
            raise Mistake(f"{command[1].strip()} fails: {made.stderr}")
        program = code[1].replace('("127.0.0.1", 7601)', repr(address))
        ran = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=20)
    if "tiny-reverse" not in ran.stdout:
        raise Mistake(f"the Python client prints {ran.stdout!r}, not tiny-reverse: {ran.stderr}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--herdd", metavar="PATH", help="hold the conversations with a herd of this program")
    parser.add_argument("--write", action="store_true", help="write the explanations into Protos/README.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        check_wire.compile_messages(folder)
        return check(options)


def check(options) -> int:
    from herd.v1 import admin_pb2, registry_pb2, router_pb2, scorer_pb2  # noqa: F401, for their descriptors

    text = README.read_text(encoding="utf-8")
    found = conversations(text)
    failed = 0

    def report(title: str, body) -> None:
        nonlocal failed
        try:
            body()
            print(f"ok      {title}")
        except Exception as mistake:
            failed += 1
            print(f"FAILED  {title}: {mistake}")

    def compare(blocks):
        for block, wanted in zip(blocks, explained(blocks)):
            if block[3] != wanted:
                raise Mistake(f"the explanation should be\n{wanted}")

    if options.write:
        for blocks in found.values():
            for block, wanted in zip(blocks, explained(blocks)):
                text = text.replace(block[0], block[0].replace(block[3], wanted))
        README.write_text(text, encoding="utf-8")
        return 0
    for title, blocks in found.items():
        report(f"explained: {title}", lambda blocks=blocks: compare(blocks))
    if not found:
        report("examples", lambda: (_ for _ in ()).throw(Mistake("the documentation has no examples")))
    if options.herdd:
        from attacks import server

        with server.Server(options.herdd, {}) as herd:
            server.teach(herd.address)
            report("the Python client", lambda: run_python(herd.address, text))
            # In the order of the document: the last one ends the server.
            for title, blocks in found.items():
                report(f"held: {title}", lambda blocks=blocks: hold(herd.address, blocks))
    print(f"{failed} failed" if failed else "all examples hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
