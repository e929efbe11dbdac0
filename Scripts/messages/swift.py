"""Writes the Swift value types of a .proto file and their conversions from and to protobuf-c's structs."""

from descriptors import ProtoError
from names import c_count, c_member, c_oneof_case, c_prefix, c_type, quoted, swift_name, upper_camel

SCALARS = {
    "double": "Double", "float": "Float", "int64": "Int64", "uint64": "UInt64", "int32": "Int32",
    "fixed64": "UInt64", "fixed32": "UInt32", "bool": "Bool", "uint32": "UInt32", "sfixed32": "Int32",
    "sfixed64": "Int64", "sint32": "Int32", "sint64": "Int64", "string": "String", "bytes": "[UInt8]",
}  # fmt: skip


class Lines:
    """Swift source with indentation by 4 spaces."""

    def __init__(self):
        self.lines = []
        self.level = 0

    def __call__(self, text=""):
        if text.startswith("}"):
            self.level -= 1
        self.lines.append("    " * self.level + text if text else "")
        if text.endswith("{") or text.endswith(" in") or text.endswith("("):
            self.level += 1

    def doc(self, comment, fallback=""):
        for line in (comment or fallback).splitlines():
            self(f"/// {line}".rstrip())

    def text(self):
        return "\n".join(self.lines) + "\n"


class Types:
    """Every message and enum of a run by its full name."""

    def __init__(self, files):
        self.messages = {}
        self.enums = {}
        for file in files:
            self._add(file.messages, file.enums, "." + file.package if file.package else "")
        self._inline = {}

    def _add(self, messages, enums, package):
        for enum in enums:
            self.enums[enum.full_name] = (enum, package)
        for message in messages:
            self.messages[message.full_name] = (message, package)
            self._add(message.messages, message.enums, package)

    def swift(self, full_name):
        package = (self.messages.get(full_name) or self.enums[full_name])[1]
        return full_name[len(package) + 1 :]

    def map_entry(self, field):
        if field.type != "message" or not field.repeated:
            return None
        message = self.messages[field.type_name][0]
        return message if message.is_map_entry else None

    def _contained(self, full_name):
        """Messages that a value of this type holds in place, directly or through others."""
        if full_name not in self._inline:
            found = set()
            waiting = [full_name]
            while waiting:
                for field in self.messages[waiting.pop()][0].fields:
                    if field.type == "message" and not field.repeated and field.type_name not in found:
                        found.add(field.type_name)
                        waiting.append(field.type_name)
            self._inline[full_name] = found
        return self._inline[full_name]

    def is_recursive(self, message, field):
        """Whether a value held in place by this field could hold the message itself."""
        if field.type != "message" or field.repeated:
            return False
        return field.type_name == message.full_name or message.full_name in self._contained(field.type_name)


class Writer:
    """Writes one file's types."""

    def __init__(self, types, access):
        self.types = types
        self.access = access
        self.out = Lines()

    # MARK: names and types

    def element(self, field):
        """The Swift type of one value of a field."""
        if field.type in ("message", "enum"):
            return self.types.swift(field.type_name)
        if field.type not in SCALARS:
            raise ProtoError(f"{field.name}: the type {field.type} is not supported")
        return SCALARS[field.type]

    def declared(self, field):
        """(type, default) of a field's property."""
        entry = self.types.map_entry(field)
        if entry:
            return f"[{self.element(entry.fields[0])}: {self.element(entry.fields[1])}]", "[:]"
        element = self.element(field)
        if field.repeated:
            return f"[{element}]", "[]"
        if field.type == "message":
            return f"{element}?", "nil"
        return element, self.zero(field)

    def zero(self, field):
        if field.type == "string":
            return '""'
        if field.type == "bytes":
            return "[]"
        if field.type == "bool":
            return "false"
        if field.type == "enum":
            return f"{self.element(field)}(rawValue: 0)"
        if field.type == "message":
            return f"{self.element(field)}()"
        return "0"

    def properties(self, message):
        """(name, type, default, comment, field or None, oneof index or None, recursive) in order of declaration."""
        result = []
        done = set()
        for field in message.fields:
            if field.oneof >= 0:
                if field.oneof not in done:
                    done.add(field.oneof)
                    oneof = message.oneofs[field.oneof]
                    name = swift_name(oneof.name)
                    result.append((name, upper_camel(oneof.name) + "?", "nil", oneof.comment, None, field.oneof, False))
                continue
            kind, default = self.declared(field)
            recursive = self.types.is_recursive(message, field)
            result.append((swift_name(field.name), kind, default, field.comment, field, None, recursive))
        return result

    # MARK: declarations

    def enum(self, enum):
        out = self.out
        name = enum.name
        prefix = "".join("_" + c if c.isupper() and i else c for i, c in enumerate(name)).upper() + "_"
        stripped = all(v.name.startswith(prefix) for v in enum.values)
        out.doc(enum.comment, f"`{enum.full_name[1:]}`; keeps values it does not know.")
        out(f"{self.access} struct {name}: RawRepresentable, Hashable, Sendable, CustomStringConvertible {{")
        out(f"{self.access} var rawValue: Int32")
        out()
        out(f"{self.access} init(rawValue: Int32) {{")
        out("self.rawValue = rawValue")
        out("}")
        for value in enum.values:
            out()
            out.doc(value.comment, f"`{value.name}`.")
            case = quoted(swift_name(value.name[len(prefix) :] if stripped else value.name))
            out(f"{self.access} static var {case}: {name} {{ {name}(rawValue: {value.number}) }}")
        out()
        out("/// The value's name in the .proto file, or its number.")
        out(f"{self.access} var description: String {{")
        out.lines.append("    " * out.level + "switch rawValue {")
        named = set()
        for value in enum.values:
            if value.number not in named:
                named.add(value.number)
                out(f'case {value.number}: "{value.name}"')
        out("default: String(rawValue)")
        out.lines.append("    " * out.level + "}")
        out("}")
        out("}")

    def message(self, message):
        out = self.out
        access = self.access
        properties = self.properties(message)
        out.doc(message.comment, f"`{message.full_name[1:]}`.")
        out(f"{access} struct {message.name}: Message {{")
        for name, kind, _, comment, _, _, recursive in properties:
            out.doc(comment)
            if recursive:
                out(f"{access} var {quoted(name)}: {kind} {{")
                out(f"get {{ {name}Storage.first }}")
                out(f"set {{ {name}Storage = newValue.map {{ [$0] }} ?? [] }}")
                out("}")
            else:
                out(f"{access} var {quoted(name)}: {kind}")
        for name, kind, _, _, _, _, recursive in properties:
            if recursive:
                out(f"/// None or one: an array, because a value cannot hold another of its own type in place.")
                out(f"private var {name}Storage: [{kind[:-1]}]")
        if properties:
            out()
        self.initialisers(message, properties)
        out()
        out(f'{access} static var fullName: String {{ "{message.full_name[1:]}" }}')
        out()
        out(f"{access} init(packed bytes: UnsafeRawBufferPointer) throws(MessageError) {{")
        out("self = try Self.unpacked(from: bytes)")
        out("}")
        out()
        out(f"{access} func prepared() -> PreparedMessage {{")
        out("preparedByProtobufC()")
        out("}")
        for i, oneof in enumerate(message.oneofs):
            out()
            self.oneof(message, i, oneof)
        for enum in message.enums:
            out()
            self.enum(enum)
        for nested in message.messages:
            if not nested.is_map_entry:
                out()
                self.message(nested)
        out("}")

    def initialisers(self, message, properties):
        out = self.out
        access = self.access
        out("/// Every field at its default.")
        out(f"{access} init() {{")
        for name, _, default, _, _, _, recursive in properties:
            out(f"self.{name}Storage = []" if recursive else f"self.{quoted(name)} = {default}")
        out("}")
        if not properties:
            return
        out()
        out("/// The given fields, the others at their defaults.")
        out(f"{access} init(")
        for i, (name, kind, default, _, _, _, _) in enumerate(properties):
            comma = "," if i + 1 < len(properties) else ""
            out.lines.append("    " * out.level + f"{quoted(name)}: {kind} = {default}{comma}")
        out.level -= 1
        out(") {")
        for name, _, _, _, _, _, recursive in properties:
            if recursive:
                out(f"self.{name}Storage = {quoted(name)}.map {{ [$0] }} ?? []")
            else:
                out(f"self.{quoted(name)} = {quoted(name)}")
        out("}")

    def oneof(self, message, index, oneof):
        out = self.out
        fields = [f for f in message.fields if f.oneof == index]
        indirect = any(self.types.is_recursive(message, f) for f in fields)
        out.doc(oneof.comment, f"The alternatives of `{oneof.name}`.")
        keyword = "indirect enum" if indirect else "enum"
        out(f"{self.access} {keyword} {upper_camel(oneof.name)}: Equatable, Sendable {{")
        for field in fields:
            out.doc(field.comment)
            out(f"case {quoted(swift_name(field.name))}({self.element(field)})")
        out("}")

    # MARK: conversions

    def conversions(self, message):
        out = self.out
        type_name = self.types.swift(message.full_name)
        c = c_type(message.full_name)
        out(f"extension {type_name}: GeneratedMessage {{")
        out("package static var descriptor: UnsafePointer<ProtobufCMessageDescriptor> {")
        out(f"{c_prefix(message.full_name)}__descriptor_address()")
        out("}")
        out()
        out(f"package static func initialize(_ c: UnsafeMutablePointer<{c}>) {{")
        out(f"{c_prefix(message.full_name)}__init(c)")
        out("}")
        out()
        out(f"package init(reading c: UnsafePointer<{c}>) {{")
        properties = self.properties(message)
        if not properties:
            out("self.init()")
        for name, _, _, _, field, oneof, recursive in properties:
            if oneof is not None:
                self.read_oneof(message, oneof, name)
            else:
                self.read_property(field, name, recursive)
        out("}")
        out()
        out(f"package func write(to c: UnsafeMutablePointer<{c}>, in arena: MessageArena) {{")
        for name, _, _, _, field, oneof, recursive in properties:
            if oneof is not None:
                self.write_oneof(message, oneof, name)
            else:
                self.write_property(field, name, recursive)
        out("}")
        out("}")
        for nested in message.messages:
            if not nested.is_map_entry:
                out()
                self.conversions(nested)

    def from_c(self, field, value):
        """A Swift value of a scalar, text, bytes or enum in C."""
        if field.type == "string":
            return f"readText({value})"
        if field.type == "bytes":
            return f"readBytes({value})"
        if field.type == "bool":
            return f"{value} != 0"
        if field.type == "enum":
            return f"{self.element(field)}(rawValue: Int32(truncatingIfNeeded: {value}.rawValue))"
        return value

    def to_c(self, field, value):
        """A C value of a scalar, text, bytes or enum in Swift."""
        if field.type == "string":
            return f"arena.text({value})"
        if field.type == "bytes":
            return f"arena.bytes({value})"
        if field.type == "bool":
            return f"{value} ? 1 : 0"
        if field.type == "enum":
            return f"{c_type(field.type_name)}(rawValue: .init(truncatingIfNeeded: {value}.rawValue))"
        return value

    def read_property(self, field, name, recursive):
        out = self.out
        target = f"self.{name}Storage" if recursive else f"self.{quoted(name)}"
        member = f"c.pointee.{c_member(field.name)}"
        count = f"c.pointee.{c_count(field.name)}"
        entry = self.types.map_entry(field)
        if entry:
            key, value = entry.fields
            out(f"var {name}Read: {self.declared(field)[0]} = [:]")
            out(f"if let list = {member} {{")
            out(f"{name}Read.reserveCapacity({count})")
            out(f"for index in 0..<{count} {{")
            out("guard let entry = list[index] else { continue }")
            read_key = self.from_c(key, f"entry.pointee.{c_member(key.name)}")
            read_value = f"entry.pointee.{c_member(value.name)}"
            if value.type == "message":
                out(f"let value = {read_value}")
                element = self.element(value)
                out(f"{name}Read[{read_key}] = value == nil ? {element}() : {element}(reading: value!)")
            else:
                out(f"{name}Read[{read_key}] = {self.from_c(value, read_value)}")
            out("}")
            out("}")
            out(f"{target} = {name}Read")
        elif field.repeated:
            out(f"var {name}Read: [{self.element(field)}] = []")
            out(f"if let list = {member} {{")
            if field.type in ("message", "string", "bytes", "enum", "bool"):
                out(f"{name}Read.reserveCapacity({count})")
                out(f"for index in 0..<{count} {{")
                if field.type == "message":
                    out("guard let item = list[index] else { continue }")
                    out(f"{name}Read.append({self.element(field)}(reading: item))")
                else:
                    out(f"{name}Read.append({self.from_c(field, 'list[index]')})")
                out("}")
            else:
                out(f"{name}Read = Array(UnsafeBufferPointer(start: list, count: {count}))")
            out("}")
            out(f"{target} = {name}Read")
        elif field.type == "message":
            element = self.element(field)
            out(f"if let item = {member} {{")
            out(f"{target} = [{element}(reading: item)]" if recursive else f"{target} = {element}(reading: item)")
            out("} else {")
            out(f"{target} = []" if recursive else f"{target} = nil")
            out("}")
        else:
            out(f"{target} = {self.from_c(field, member)}")

    def read_oneof(self, message, index, name):
        out = self.out
        _, member = c_oneof_case(message.full_name, message.oneofs[index].name)
        out.lines.append("    " * out.level + f"switch c.pointee.{member}.rawValue {{")
        for field in message.fields:
            if field.oneof != index:
                continue
            case = quoted(swift_name(field.name))
            value = f"c.pointee.{c_member(field.name)}"
            if field.type == "message":
                element = self.element(field)
                read = f"{value} == nil ? nil : .{case}({element}(reading: {value}))"
            else:
                read = f".{case}({self.from_c(field, value)})"
            out(f"case {field.number}: self.{quoted(name)} = {read}")
        out(f"default: self.{quoted(name)} = nil")
        out.lines.append("    " * out.level + "}")

    def new_message(self, full_name, variable):
        c = c_type(full_name)
        self.out(
            f"let {variable} = arena.raw(MemoryLayout<{c}>.stride).bindMemory(to: {c}.self, capacity: 1)")
        self.out(f"{c_prefix(full_name)}__init({variable})")

    def new_list(self, element, count):
        self.out(f"let list = arena.raw({count} * MemoryLayout<{element}>.stride)")
        self.out(f"    .bindMemory(to: {element}.self, capacity: {count})")

    def write_property(self, field, name, recursive):
        out = self.out
        value = f"self.{name}Storage" if recursive else f"self.{quoted(name)}"
        member = f"c.pointee.{c_member(field.name)}"
        count = f"c.pointee.{c_count(field.name)}"
        entry = self.types.map_entry(field)
        if entry:
            self.write_map(field, entry, value, member, count)
        elif field.repeated or recursive:
            out(f"if !{value}.isEmpty {{")
            if recursive:
                self.new_message(field.type_name, "item")
                out(f"{value}[0].write(to: item, in: arena)")
                out(f"{member} = item")
                out("}")
                return
            if field.type == "message":
                c = c_type(field.type_name)
                self.new_list(f"UnsafeMutablePointer<{c}>?", f"{value}.count")
                # Through the elements' addresses, because subscripts copy, which retains every text inside.
                out(f"{value}.withUnsafeBufferPointer {{ elements in")
                out("guard let first = elements.baseAddress else { return }")
                out("for index in elements.indices {")
                self.new_message(field.type_name, "item")
                out("(first + index).pointee.write(to: item, in: arena)")
                out("list[index] = item")
                out("}")
                out("}")
            elif field.type in ("string", "bytes", "enum", "bool"):
                c = {
                    "string": "UnsafeMutablePointer<CChar>?", "bytes": "ProtobufCBinaryData",
                    "bool": "protobuf_c_boolean",
                }.get(field.type) or c_type(field.type_name)  # fmt: skip
                self.new_list(c, f"{value}.count")
                out(f"for index in {value}.indices {{")
                out(f"list[index] = {self.to_c(field, value + '[index]')}")
                out("}")
            else:
                element = self.element(field)
                self.new_list(element, f"{value}.count")
                out(f"_ = UnsafeMutableBufferPointer(start: list, count: {value}.count).update(from: {value})")
            out(f"{member} = list")
            out(f"{count} = {value}.count")
            out("}")
        elif field.type == "message":
            out(f"if let {name}Value = {value} {{")
            self.new_message(field.type_name, "item")
            out(f"{name}Value.write(to: item, in: arena)")
            out(f"{member} = item")
            out("}")
        elif field.type in ("string", "bytes"):
            out(f"if !{value}.isEmpty {{")
            out(f"{member} = {self.to_c(field, value)}")
            out("}")
        else:
            out(f"{member} = {self.to_c(field, value)}")

    def write_map(self, field, entry, value, member, count):
        out = self.out
        key_field, value_field = entry.fields
        c = c_type(entry.full_name)
        out(f"if !{value}.isEmpty {{")
        self.new_list(f"UnsafeMutablePointer<{c}>?", f"{value}.count")
        out("var filled = 0")
        out(f"for (key, value) in {value} {{")
        self.new_message(entry.full_name, "entry")
        out(f"entry.pointee.{c_member(key_field.name)} = {self.to_c(key_field, 'key')}")
        if value_field.type == "message":
            self.new_message(value_field.type_name, "item")
            out("value.write(to: item, in: arena)")
            out(f"entry.pointee.{c_member(value_field.name)} = item")
        else:
            out(f"entry.pointee.{c_member(value_field.name)} = {self.to_c(value_field, 'value')}")
        out("list[filled] = entry")
        out("filled += 1")
        out("}")
        out("// In the order of the keys, so that equal values pack to equal bytes.")
        out("var entries = UnsafeMutableBufferPointer(start: list, count: filled)")
        out("entries.sort { first, second in")
        first, second = f"first?.pointee.{c_member('key')}", f"second?.pointee.{c_member('key')}"
        if key_field.type == "string":
            out(f"herd_text_precedes({first}, {second})")
        else:
            out(f"({first} ?? 0) < ({second} ?? 0)")
        out("}")
        out(f"{member} = list")
        out(f"{count} = filled")
        out("}")

    def write_oneof(self, message, index, name):
        out = self.out
        c_case, member = c_oneof_case(message.full_name, message.oneofs[index].name)
        out.lines.append("    " * out.level + f"switch self.{quoted(name)} {{")
        for field in message.fields:
            if field.oneof != index:
                continue
            out.lines.append("    " * out.level + f"case .{quoted(swift_name(field.name))}(let value):")
            out.level += 1
            if field.type == "message":
                self.new_message(field.type_name, "item")
                out("value.write(to: item, in: arena)")
                out(f"c.pointee.{c_member(field.name)} = item")
            else:
                out(f"c.pointee.{c_member(field.name)} = {self.to_c(field, 'value')}")
            out(f"c.pointee.{member} = {c_case}(rawValue: {field.number})")
            out.level -= 1
        out("case nil: break")
        out.lines.append("    " * out.level + "}")

    # MARK: services

    def service(self, service):
        out = self.out
        access = self.access
        out.doc(service.comment, f"The methods of `{service.full_name[1:]}`.")
        out(f"{access} enum {service.name} {{")
        for method in service.methods:
            kind = "StreamingMethod" if method.streaming else "UnaryMethod"
            request, response = self.types.swift(method.request), self.types.swift(method.response)
            out.doc(method.comment, f"`{service.full_name[1:]}/{method.name}`.")
            out(f"{access} static let {quoted(swift_name(method.name))} = {kind}<{request}, {response}>(")
            out(f'path: "{service.full_name[1:]}/{method.name}", isIdempotent: {str(method.idempotent).lower()}')
            out.level -= 1
            out(")")
        out()
        out("/// Every method, in the order of the .proto file.")
        out(f"{access} static var allMethods: [MethodDescription] {{")
        out.lines.append("    " * out.level + "[")
        out.level += 1
        for method in service.methods:
            out(f"{quoted(swift_name(method.name))}.description,")
        out.level -= 1
        out.lines.append("    " * out.level + "]")
        out("}")
        out("}")


def write_file(file, types, access, imports):
    """The Swift source for one .proto file."""
    writer = Writer(types, access)
    out = writer.out
    out("// swift-format-ignore-file")
    out(f"// Generated by Scripts/messages/generate.sh from {file.path}; do not edit.")
    if file.comment:
        out("//")
        for line in file.comment.splitlines():
            out(f"// {line}".rstrip())
    out()
    for module in imports:
        out(f"package import {module}")
    for service in file.services:
        out()
        writer.service(service)
    for enum in file.enums:
        out()
        writer.enum(enum)
    for message in file.messages:
        out()
        writer.message(message)
    for message in file.messages:
        out()
        writer.conversions(message)
    return out.text()


def write_index(files, types, access, imports, name):
    """The Swift source that lists all messages, for tests and tools."""
    out = Lines()
    out("// swift-format-ignore-file")
    out("// Generated by Scripts/messages/generate.sh; do not edit.")
    out()
    for module in imports:
        out(f"package import {module}")
    if imports:
        out()

    def walk(messages):
        for message in messages:
            if not message.is_map_entry:
                yield message
                yield from walk(message.messages)

    out(f"/// Every message type that was generated into this module.")
    out(f"package let {name}: [any GeneratedMessage.Type] = [")
    out.level = 1
    for file in files:
        for message in walk(file.messages):
            out(f"{types.swift(message.full_name)}.self,")
    out.level = 0
    out("]")
    services = [service for file in files for service in file.services]
    if services:
        out()
        out("extension MethodDescription {")
        out("/// Every method of every service.")
        out(f"{access} static var all: [MethodDescription] {{")
        out(" + ".join(f"{service.name}.allMethods" for service in services))
        out("}")
        out("}")
    return out.text()
