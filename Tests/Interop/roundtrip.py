#!/usr/bin/env python3
"""The other side of HerdMessages' round trips: Google's protobuf for Python.

    roundtrip.py PROTO echo MESSAGE IN OUT       parse every frame of IN and serialise it again into OUT
    roundtrip.py PROTO judge MESSAGE IN OUT      the same, of frames that may be damaged
    roundtrip.py PROTO random MESSAGE SEED COUNT OUT
                                                 write COUNT random messages
    roundtrip.py PROTO from-json MESSAGE JSON OUT
                                                 write one message from its JSON form

A file of frames is a sequence of uint32 length (big endian) and as many bytes. `echo` answers each frame with one whose
first byte is 1 if it could be parsed, followed by the deterministic serialisation without unknown fields, else 0.
"""

import functools
import importlib
import os
import random
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True


def load(proto):
    """The Python module of a .proto file, compiled into a folder that is gone at the end."""
    folder, name = os.path.split(os.path.abspath(proto))
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["protoc", "-I", folder, f"--python_out={out}", name], check=True)
        sys.path.insert(0, out)
        return importlib.import_module(name.replace(".proto", "_pb2"))


def read_frames(path):
    with open(path, "rb") as file:
        while header := file.read(4):
            yield file.read(struct.unpack(">I", header)[0])


def write_frames(path, frames):
    with open(path, "wb") as file:
        for frame in frames:
            file.write(struct.pack(">I", len(frame)) + frame)


def serialise(message):
    message.DiscardUnknownFields()
    return message.SerializeToString(deterministic=True)


def echo(message_class, frames):
    from google.protobuf.message import DecodeError

    for frame in frames:
        message = message_class()
        try:
            message.ParseFromString(frame)
            yield b"\1" + serialise(message)
        except (DecodeError, UnicodeDecodeError, RecursionError):
            yield b"\0"


INTEGERS = {
    "int32": (-(2**31), 2**31 - 1), "sint32": (-(2**31), 2**31 - 1), "sfixed32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1), "sint64": (-(2**63), 2**63 - 1), "sfixed64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1), "fixed32": (0, 2**32 - 1), "uint64": (0, 2**64 - 1), "fixed64": (0, 2**64 - 1),
}  # fmt: skip


def type_name(field):
    for name in dir(field):
        if name.startswith("TYPE_") and getattr(field, name) == field.type:
            return name[len("TYPE_") :].lower()


def random_scalar(rng, field):
    kind = type_name(field)
    if kind in INTEGERS:
        low, high = INTEGERS[kind]
        return rng.choice([low, high, 0, 1, rng.randint(low, high), rng.randint(max(low, -9), 9)])
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "enum":
        return rng.choice([value.number for value in field.enum_type.values] + [12345, -12345])
    if kind == "string":
        return "".join(rng.choice("aZ0 éßЖ中🐑\x7f\ufffd\U0010ffff") for _ in range(rng.randint(0, 24)))
    if kind == "bytes":
        return rng.randbytes(rng.randint(0, 20))
    return rng.choice([0.0, 1.0, -1.5, float("inf"), float("-inf"), float("nan"), 0.25, rng.randint(-9, 9) / 8])


def fill(rng, message, depth):
    """Sets random fields of a message to random values, down to the given depth."""
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.3:
            continue
        value = getattr(message, field.name)
        is_message = field.type == field.TYPE_MESSAGE
        if is_message and field.message_type.GetOptions().map_entry:
            key, item = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
            for _ in range(rng.randint(0, 5)):
                if item.type == item.TYPE_MESSAGE:
                    entry = value[random_scalar(rng, key)]
                    if depth > 0:
                        fill(rng, entry, depth - 1)
                else:
                    value[random_scalar(rng, key)] = random_scalar(rng, item)
        elif field.label == field.LABEL_REPEATED:
            for _ in range(rng.randint(0, 5)):
                if not is_message:
                    value.append(random_scalar(rng, field))
                elif depth > 0:
                    fill(rng, value.add(), depth - 1)
        elif is_message:
            if depth > 0:
                value.SetInParent()
                fill(rng, value, depth - 1)
        else:
            setattr(message, field.name, random_scalar(rng, field))


def random_messages(message_class, seed, count):
    rng = random.Random(seed)
    for _ in range(count):
        message = message_class()
        fill(rng, message, 3)
        yield message.SerializeToString(deterministic=rng.random() < 0.5)


def from_json(message_class, path):
    from google.protobuf import json_format

    with open(path, encoding="utf-8") as file:
        return json_format.Parse(file.read(), message_class())


def main(proto, mode, message_name, *rest):
    if mode == "judge":
        # The default implementation, upb, of version 4.21.12 crashes on some damaged messages.
        os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "python"
    message_class = functools.reduce(getattr, message_name.split("."), load(proto))
    if mode in ("echo", "judge"):
        source, target = rest
        write_frames(target, echo(message_class, read_frames(source)))
    elif mode == "random":
        seed, count, target = rest
        write_frames(target, random_messages(message_class, int(seed), int(count)))
    elif mode == "from-json":
        source, target = rest
        write_frames(target, [serialise(from_json(message_class, source))])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
