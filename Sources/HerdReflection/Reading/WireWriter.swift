import CMessages
import HerdJSON

/// Writes the packed form of a message that a JSON value describes, by the message's descriptor.
struct WireWriter {
    private var path = JSONPath()
    /// Takes enum numbers that have no name here.
    private let keepsUnknownNumbers: Bool

    init(keepsUnknownNumbers: Bool) {
        self.keepsUnknownNumbers = keepsUnknownNumbers
    }

    // MARK: - Messages

    mutating func message(
        _ node: JSONNode, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws(JSONMessageError) -> [UInt8] {
        guard case .object(let members) = node else {
            throw mismatch("an object with fields of \(descriptor.protoName)", node)
        }
        var bytes: [UInt8] = []
        var seen = Set<UInt32>()
        var chosen: [UInt32: String] = [:]
        for (key, value) in members {
            path.push(key: key)
            let field = try field(key, of: descriptor)
            guard seen.insert(field.id).inserted else {
                throw failure("the field \(field.protoName) is given twice, by both of its names")
            }
            if case .null = value {
                path.pop()
                continue
            }
            if field.isOneofMember {
                if let other = chosen.updateValue(field.protoName, forKey: field.quantifier_offset) {
                    throw failure("only one of \(other) and \(field.protoName) may be given")
                }
            }
            try append(field, value, to: &bytes)
            path.pop()
        }
        return bytes
    }

    private func field(
        _ key: String, of descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws(JSONMessageError) -> ProtobufCFieldDescriptor {
        for field in descriptor.fields {
            let name = field.protoName
            if name == key || FieldName.lowerCamelCase(name) == key { return field }
        }
        let names = descriptor.fields.map(\.protoName)
        guard !names.isEmpty else { throw failure("\(descriptor.protoName) has no fields; write {}") }
        throw failure(
            "\(descriptor.protoName) has no such field; \(Self.meant(key, names))it has \(Self.list(names))")
    }

    // MARK: - Fields

    private mutating func append(
        _ field: ProtobufCFieldDescriptor, _ value: JSONNode, to bytes: inout [UInt8]
    ) throws(JSONMessageError) {
        guard field.isRepeated else { return try appendElement(field, value, to: &bytes) }
        if field.isMap { return try appendMap(field, value, to: &bytes) }
        guard case .array(let items) = value else { throw mismatch("an array", value) }
        for (index, item) in items.enumerated() {
            path.push(index: index)
            try appendElement(field, item, to: &bytes)
            path.pop()
        }
    }

    private mutating func appendMap(
        _ field: ProtobufCFieldDescriptor, _ value: JSONNode, to bytes: inout [UInt8]
    ) throws(JSONMessageError) {
        guard case .object(let members) = value, let entry = field.messageDescriptor else {
            throw mismatch("an object, for a map", value)
        }
        for (key, value) in members {
            path.push(key: key)
            var inner: [UInt8] = []
            try appendElement(entry.pointee.fields[0], Self.mapKey(key, entry.pointee.fields[0]), to: &inner)
            try appendElement(entry.pointee.fields[1], value, to: &inner)
            Wire.append(inner, number: field.id, to: &bytes)
            path.pop()
        }
    }

    /// JSON's keys are strings, whatever the map's are.
    private static func mapKey(_ key: String, _ field: ProtobufCFieldDescriptor) -> JSONNode {
        guard field.type == PROTOBUF_C_TYPE_BOOL, key == "true" || key == "false" else { return .string(key) }
        return .bool(key == "true")
    }

    /// One tag and value, also of an element of a list, where null has no meaning.
    private mutating func appendElement(
        _ field: ProtobufCFieldDescriptor, _ value: JSONNode, to bytes: inout [UInt8]
    ) throws(JSONMessageError) {
        switch field.type {
        case PROTOBUF_C_TYPE_MESSAGE:
            guard let inner = field.messageDescriptor else { return }
            Wire.append(try message(value, inner), number: field.id, to: &bytes)
        case PROTOBUF_C_TYPE_STRING:
            guard case .string(let text) = value else { throw mismatch("a string", value) }
            guard !text.utf8.contains(0) else { throw failure("a text must not contain U+0000") }
            Wire.append(Array(text.utf8), number: field.id, to: &bytes)
        case PROTOBUF_C_TYPE_BYTES:
            guard case .string(let text) = value, let data = Base64.decoded(text) else {
                throw mismatch("bytes in base64", value)
            }
            Wire.append(data, number: field.id, to: &bytes)
        default:
            let bits = try scalar(field, value)
            Wire.append(tag: field.id, Wire.type(of: field.type), to: &bytes)
            Wire.append(bits: bits, Wire.type(of: field.type), to: &bytes)
        }
    }

    // MARK: - Scalars

    /// The bits that are sent: of the varint, or the fixed width's low ones.
    private func scalar(
        _ field: ProtobufCFieldDescriptor, _ value: JSONNode
    ) throws(JSONMessageError) -> UInt64 {
        switch field.type {
        case PROTOBUF_C_TYPE_BOOL:
            guard case .bool(let flag) = value else { throw mismatch("true or false", value) }
            return flag ? 1 : 0
        case PROTOBUF_C_TYPE_ENUM: return UInt64(bitPattern: Int64(try enumNumber(field, value)))
        case PROTOBUF_C_TYPE_INT32: return UInt64(bitPattern: Int64(try integer(value, as: Int32.self)))
        case PROTOBUF_C_TYPE_SFIXED32: return UInt64(UInt32(bitPattern: try integer(value, as: Int32.self)))
        case PROTOBUF_C_TYPE_SINT32:
            let number = try integer(value, as: Int32.self)
            return UInt64(UInt32(bitPattern: (number << 1) ^ (number >> 31)))
        case PROTOBUF_C_TYPE_UINT32, PROTOBUF_C_TYPE_FIXED32: return UInt64(try integer(value, as: UInt32.self))
        case PROTOBUF_C_TYPE_INT64, PROTOBUF_C_TYPE_SFIXED64:
            return UInt64(bitPattern: try integer(value, as: Int64.self))
        case PROTOBUF_C_TYPE_SINT64:
            let number = try integer(value, as: Int64.self)
            return UInt64(bitPattern: (number << 1) ^ (number >> 63))
        case PROTOBUF_C_TYPE_UINT64, PROTOBUF_C_TYPE_FIXED64: return try integer(value, as: UInt64.self)
        case PROTOBUF_C_TYPE_FLOAT:
            let number = try floating(value, as: Float.self)
            return UInt64(number.bitPattern)
        default: return try floating(value, as: Double.self).bitPattern
        }
    }

    private func integer<Number: FixedWidthInteger>(
        _ value: JSONNode, as type: Number.Type
    ) throws(JSONMessageError) -> Number {
        guard let digits = value.numberText else { throw mismatch("an integer", value) }
        if let number = Number(digits) { return number }
        // 1e3 and 1.0 are integers too.
        if let digits = Self.integerDigits(digits), let number = Number(digits) { return number }
        throw mismatch("an integer from \(Number.min) to \(Number.max)", value)
    }

    /// The digits of a JSON number with a point or an exponent, none of them lost; nil where it is no integer, or longer
    /// than any field takes.
    private static func integerDigits(_ text: String) -> String? {
        let isNegative = text.hasPrefix("-")
        let parts = text.dropFirst(isNegative ? 1 : 0).split { $0 == "e" || $0 == "E" }
        guard let mantissa = parts.first, var exponent = parts.count > 1 ? Int(parts[1]) : 0 else { return nil }
        let halves = mantissa.split(separator: ".")
        var digits = halves.joined().drop { $0 == "0" }
        let places = halves.count > 1 ? halves[1].count : 0
        while digits.last == "0" {
            digits.removeLast()
            exponent = exponent.addingReportingOverflow(1).partialValue
        }
        if digits.isEmpty { return "0" }
        let (zeros, overflow) = exponent.subtractingReportingOverflow(places)
        guard !overflow, (0...20).contains(zeros), digits.count <= 20 else { return nil }
        return (isNegative ? "-" : "") + digits + String(repeating: "0", count: zeros)
    }

    private func floating<Number: BinaryFloatingPoint & LosslessStringConvertible>(
        _ value: JSONNode, as type: Number.Type
    ) throws(JSONMessageError) -> Number {
        if case .string(let text) = value, let special = SpecialNumber(rawValue: text) { return Number(special.value) }
        guard let digits = value.numberText, let number = Number(digits) else {
            throw mismatch("a number, \"NaN\", \"Infinity\" or \"-Infinity\"", value)
        }
        guard number.isFinite else {
            throw mismatch("a number of at most \(Number.greatestFiniteMagnitude)", value)
        }
        return number
    }

    private func enumNumber(
        _ field: ProtobufCFieldDescriptor, _ value: JSONNode
    ) throws(JSONMessageError) -> Int32 {
        guard let descriptor = field.enumDescriptor else { return 0 }
        let values = descriptor.values
        switch value {
        case .number:
            let number = try integer(value, as: Int32.self)
            guard !keepsUnknownNumbers else { return number }
            guard values.contains(where: { $0.number == number }) else {
                throw failure(
                    "\(String(cString: descriptor.pointee.name)) has no value \(number); it has "
                        + Self.list(values.map { "\($0.name) (\($0.number))" }))
            }
            return number
        case .string(let name):
            if let found = values.first(where: { $0.name == name }) { return found.number }
            let names = values.map(\.name)
            throw failure(
                "\(String(cString: descriptor.pointee.name)) has no value \(Self.shown(value)); "
                    + "\(Self.meant(name, names))it has \(Self.list(names))")
        default: throw mismatch("one of \(Self.list(values.map(\.name))), or its number", value)
        }
    }

    // MARK: - Failures

    private func failure(_ reason: String) -> JSONMessageError {
        JSONMessageError(path: path.description, reason: reason)
    }

    private func mismatch(_ wanted: String, _ found: JSONNode) -> JSONMessageError {
        failure("expected \(wanted), found \(Self.shown(found))")
    }

    /// A value as it may be printed.
    private static func shown(_ value: JSONNode) -> String {
        switch value {
        case .array: return "an array"
        case .object: return "an object"
        default:
            let text = value.text(onOneLine: true)
            return text.unicodeScalars.count <= 60 ? text : String(text.unicodeScalars.prefix(60)) + "..."
        }
    }

    private static func meant(_ name: String, _ names: [String]) -> String {
        NearestName.of(name, among: names).map { "did you mean \($0)? " } ?? ""
    }

    private static func list(_ names: [String]) -> String {
        names.sorted().joined(separator: ", ")
    }
}

extension JSONNode {
    /// The digits of a number, or of a string that is one.
    fileprivate var numberText: String? {
        switch self {
        case .number(let digits): return digits
        case .string(let text):
            var cursor = JSONCursor(Array(text.utf8))
            guard let digits = try? cursor.numberText("a number"), digits == text else { return nil }
            return digits
        default: return nil
        }
    }
}
