"""Protobuf by hand: whatever bytes one likes, sound or not."""

import struct


def varint(value: int) -> bytes:
    packed = bytearray()
    while value > 0x7F:
        packed.append(value & 0x7F | 0x80)
        value >>= 7
    packed.append(value)
    return bytes(packed)


def field(number: int, value: int | bytes | str, wire_type: int | None = None) -> bytes:
    """One field: a number as a varint, text and bytes with their length; `wire_type` overrules the tag alone."""
    if isinstance(value, int):
        return varint(number << 3 | (0 if wire_type is None else wire_type)) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | (2 if wire_type is None else wire_type)) + varint(len(value)) + value


def prefixed(body: bytes) -> bytes:
    """A packed frame as it goes over the wire."""
    return struct.pack(">I", len(body)) + body


def nested(number: int, depth: int) -> bytes:
    """A message field inside itself, `depth` times, the innermost one empty."""
    heads, size = [], 0
    for _ in range(depth):
        heads.append(varint(number << 3 | 2) + varint(size))
        size += len(heads[-1])
    return b"".join(reversed(heads))
