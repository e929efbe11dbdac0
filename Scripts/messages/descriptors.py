"""Reads a FileDescriptorSet as protoc writes it, without a protobuf runtime.

Field numbers are those of google/protobuf/descriptor.proto. Only what the generator needs is kept.
"""

from dataclasses import dataclass, field


class ProtoError(Exception):
    """A .proto file uses something that this generator does not translate."""


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _fields(data):
    """The wire fields of one message as {number: [int or bytes, ...]}."""
    result = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire_type = tag & 7
        if wire_type == 0:
            value, at = _varint(data, at)
        elif wire_type == 2:
            length, at = _varint(data, at)
            value = data[at : at + length]
            at += length
        elif wire_type in (1, 5):
            width = 8 if wire_type == 1 else 4
            value = data[at : at + width]
            at += width
        else:
            raise ProtoError(f"the descriptor set has an unknown wire type {wire_type}")
        result.setdefault(tag >> 3, []).append(value)
    return result


def _text(fields, number, default=""):
    return fields[number][-1].decode("utf-8") if number in fields else default


def _number(fields, number, default=0):
    value = fields[number][-1] if number in fields else default
    return value - (1 << 64) if value >= 1 << 63 else value


@dataclass
class EnumValue:
    name: str
    number: int
    comment: str


@dataclass
class Enum:
    name: str
    full_name: str
    comment: str
    values: list


TYPES = {
    1: "double", 2: "float", 3: "int64", 4: "uint64", 5: "int32", 6: "fixed64", 7: "fixed32", 8: "bool", 9: "string",
    10: "group", 11: "message", 12: "bytes", 13: "uint32", 14: "enum", 15: "sfixed32", 16: "sfixed64", 17: "sint32",
    18: "sint64",
}  # fmt: skip


@dataclass
class Field:
    name: str
    number: int
    type: str
    type_name: str
    repeated: bool
    oneof: int
    comment: str


@dataclass
class Oneof:
    name: str
    comment: str


@dataclass
class Message:
    name: str
    full_name: str
    comment: str
    fields: list
    oneofs: list
    messages: list
    enums: list
    is_map_entry: bool


@dataclass
class Method:
    name: str
    comment: str
    request: str
    response: str
    streaming: bool
    idempotent: bool


@dataclass
class Service:
    name: str
    full_name: str
    comment: str
    methods: list


@dataclass
class File:
    path: str
    package: str
    comment: str
    imports: list = field(default_factory=list)
    messages: list = field(default_factory=list)
    enums: list = field(default_factory=list)
    services: list = field(default_factory=list)


def _comments(data):
    """{path: comment} of a SourceCodeInfo."""
    result = {}
    for raw in _fields(data).get(1, []):
        location = _fields(raw)
        path = []
        for packed in location.get(1, []):
            at = 0
            while at < len(packed):
                value, at = _varint(packed, at)
                path.append(value)
        parts = [part.decode("utf-8") for part in location.get(6, [])] if path == [12] else []
        parts += [_text(location, 3), _text(location, 4)]
        lines = [line.strip() for part in parts for line in part.strip().splitlines()]
        if lines:
            result[tuple(path)] = "\n".join(lines)
    return result


class _Reader:
    def __init__(self, data):
        top = _fields(data)
        self.comments = _comments(top[9][-1]) if 9 in top else {}
        package = _text(top, 2)
        if _text(top, 12) != "proto3":
            raise ProtoError(f"{_text(top, 1)} is not proto3")
        self.file = File(_text(top, 1), package, self.comments.get((12,), ""))
        self.file.imports = [value.decode("utf-8") for value in top.get(3, [])]
        scope = "." + package if package else ""
        self.file.messages = [self.message(m, scope, (4, i)) for i, m in enumerate(top.get(4, []))]
        self.file.enums = [self.enum(e, scope, (5, i)) for i, e in enumerate(top.get(5, []))]
        self.file.services = [self.service(s, scope, (6, i)) for i, s in enumerate(top.get(6, []))]

    def comment(self, path):
        return self.comments.get(path, "")

    def enum(self, data, scope, path):
        top = _fields(data)
        name = _text(top, 1)
        values = []
        for i, raw in enumerate(top.get(2, [])):
            value = _fields(raw)
            values.append(EnumValue(_text(value, 1), _number(value, 2), self.comment(path + (2, i))))
        return Enum(name, f"{scope}.{name}", self.comment(path), values)

    def message(self, data, scope, path):
        top = _fields(data)
        name = _text(top, 1)
        full_name = f"{scope}.{name}"
        fields = []
        for i, raw in enumerate(top.get(2, [])):
            f = _fields(raw)
            if _number(f, 17):
                raise ProtoError(f"{full_name[1:]}.{_text(f, 1)}: protoc-c knows no proto3 `optional`; use a oneof")
            kind = TYPES[_number(f, 5)]
            oneof = _number(f, 9, -1)
            comment = self.comment(path + (2, i))
            fields.append(
                Field(_text(f, 1), _number(f, 3), kind, _text(f, 6), _number(f, 4) == 3, oneof, comment))
        oneofs = [Oneof(_text(_fields(o), 1), self.comment(path + (8, i))) for i, o in enumerate(top.get(8, []))]
        messages = [self.message(m, full_name, path + (3, i)) for i, m in enumerate(top.get(3, []))]
        enums = [self.enum(e, full_name, path + (4, i)) for i, e in enumerate(top.get(4, []))]
        options = _fields(top[7][-1]) if 7 in top else {}
        return Message(
            name, full_name, self.comment(path), fields, oneofs, messages, enums, bool(_number(options, 7)))

    def service(self, data, scope, path):
        top = _fields(data)
        name = _text(top, 1)
        methods = []
        for i, raw in enumerate(top.get(2, [])):
            m = _fields(raw)
            options = _fields(m[4][-1]) if 4 in m else {}
            if _number(m, 5):
                raise ProtoError(f"{name}.{_text(m, 1)}: there is no client streaming on the wire")
            methods.append(
                Method(
                    _text(m, 1), self.comment(path + (2, i)), _text(m, 2), _text(m, 3), bool(_number(m, 6)),
                    _number(options, 34) in (1, 2)))
        return Service(name, f"{scope}.{name}", self.comment(path), methods)


def read_files(data):
    """The files of a packed FileDescriptorSet, in its order (imports first)."""
    return [_Reader(raw).file for raw in _fields(data).get(1, [])]
