package import CMessages

/// Random packed messages of any type, written by its descriptor and without protobuf-c's packing.
///
/// Every field kind occurs; maps have rising keys, so that protobuf-c, which keeps their order, is a reference.
package struct RandomWire {
    package var random: SplitMix
    /// Whether floating-point values may be NaN, which makes a message differ from itself.
    package var allowsNaN: Bool

    /// Messages of the given seed.
    package init(seed: UInt64, allowsNaN: Bool = false) {
        random = SplitMix(seed: seed)
        self.allowsNaN = allowsNaN
    }

    /// A packed message with at most `depth` levels below it.
    package mutating func message(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>, depth: Int = 4) -> [UInt8] {
        var bytes: [UInt8] = []
        for index in 0..<Int(descriptor.pointee.n_fields) {
            let field = descriptor.pointee.fields[index]
            guard field.label == PROTOBUF_C_LABEL_REPEATED else {
                if chance(in: 3) < 2, field.type != PROTOBUF_C_TYPE_MESSAGE || depth > 0 {
                    append(field, value: nil, depth: depth, to: &bytes)
                }
                continue
            }
            let count = chance(in: 4)
            if field.type == PROTOBUF_C_TYPE_MESSAGE {
                guard depth > 0, let raw = field.descriptor else { continue }
                let inner = raw.assumingMemoryBound(to: ProtobufCMessageDescriptor.self)
                if Self.isMapEntry(inner) {
                    appendMap(field, inner, count: count, depth: depth, to: &bytes)
                    continue
                }
            }
            appendList(field, count: count, depth: depth, to: &bytes)
        }
        return bytes
    }

    /// Text of a few characters from all over Unicode, never U+0000.
    package mutating func text() -> String {
        let alphabet: [Character] = ["a", "Z", "0", " ", "é", "ß", "Ж", "中", "🐑", "\u{7F}", "\u{FFFD}", "\u{10FFFF}"]
        return String((0..<chance(in: 24)).map { _ in alphabet[chance(in: alphabet.count)] })
    }

    /// A number from 0 to one below `count`.
    package mutating func chance(in count: Int) -> Int {
        Int(random.next() % UInt64(max(count, 1)))
    }

    private static func isMapEntry(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) -> Bool {
        guard descriptor.pointee.n_fields == 2, String(cString: descriptor.pointee.short_name).hasSuffix("Entry") else {
            return false
        }
        return String(cString: descriptor.pointee.fields[0].name) == "key"
    }

    private mutating func appendMap(
        _ field: ProtobufCFieldDescriptor, _ entry: UnsafePointer<ProtobufCMessageDescriptor>, count: Int, depth: Int,
        to bytes: inout [UInt8]
    ) {
        let key = entry.pointee.fields[0]
        var number = Int64(chance(in: 5))
        for index in 0..<(key.type == PROTOBUF_C_TYPE_BOOL ? min(count, 2) : count) {
            var inner: [UInt8] = []
            number += 1 + Int64(chance(in: 1000))
            switch key.type {
            case PROTOBUF_C_TYPE_STRING: Self.append(prefixed: Array("\(index)\(text())".utf8), number: 1, to: &inner)
            case PROTOBUF_C_TYPE_BOOL: append(key, value: UInt64(index), depth: 0, to: &inner)
            default: append(key, value: UInt64(bitPattern: number), depth: 0, to: &inner)
            }
            append(entry.pointee.fields[1], value: nil, depth: depth - 1, to: &inner)
            Self.append(prefixed: inner, number: field.id, to: &bytes)
        }
    }

    private mutating func appendList(
        _ field: ProtobufCFieldDescriptor, count: Int, depth: Int, to bytes: inout [UInt8]
    ) {
        let isPacked = field.flags & PROTOBUF_C_FIELD_FLAG_PACKED.rawValue != 0
        guard isPacked else {
            for _ in 0..<count {
                append(field, value: nil, depth: depth, to: &bytes)
            }
            return
        }
        guard count > 0 else { return }
        var packed: [UInt8] = []
        for _ in 0..<count {
            appendValue(field, value: scalar(field.type), to: &packed)
        }
        Self.append(prefixed: packed, number: field.id, to: &bytes)
    }

    /// One tag and value; a scalar of the given bits, else a random one.
    private mutating func append(
        _ field: ProtobufCFieldDescriptor, value: UInt64?, depth: Int, to bytes: inout [UInt8]
    ) {
        switch field.type {
        case PROTOBUF_C_TYPE_STRING:
            Self.append(prefixed: Array(text().utf8), number: field.id, to: &bytes)
        case PROTOBUF_C_TYPE_BYTES:
            let blob = (0..<chance(in: 20)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            Self.append(prefixed: blob, number: field.id, to: &bytes)
        case PROTOBUF_C_TYPE_MESSAGE:
            guard let inner = field.descriptor?.assumingMemoryBound(to: ProtobufCMessageDescriptor.self) else { return }
            Self.append(prefixed: depth > 0 ? message(inner, depth: depth - 1) : [], number: field.id, to: &bytes)
        default:
            Self.append(varint: UInt64(field.id) << 3 | Self.wireType(field.type), to: &bytes)
            appendValue(field, value: value ?? scalar(field.type), to: &bytes)
        }
    }

    private static func wireType(_ type: ProtobufCType) -> UInt64 {
        switch type {
        case PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32, PROTOBUF_C_TYPE_FLOAT: 5
        case PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64, PROTOBUF_C_TYPE_DOUBLE: 1
        default: 0
        }
    }

    /// Random bits of a value: often 0, small, negative or at the limits.
    private mutating func scalar(_ type: ProtobufCType) -> UInt64 {
        switch type {
        case PROTOBUF_C_TYPE_BOOL:
            return UInt64(chance(in: 2))
        case PROTOBUF_C_TYPE_FLOAT:
            let values: [Float] = [0, 1, -1.5, .infinity, -.infinity, .leastNonzeroMagnitude, 3.14]
            if allowsNaN, chance(in: 4) == 0 { return UInt64(Float.nan.bitPattern) }
            return UInt64(values[chance(in: values.count)].bitPattern)
        case PROTOBUF_C_TYPE_DOUBLE:
            let values: [Double] = [0, 1, -1.5, .infinity, -.infinity, .leastNonzeroMagnitude, 3.14]
            if allowsNaN, chance(in: 4) == 0 { return Double.nan.bitPattern }
            return values[chance(in: values.count)].bitPattern
        default:
            let values: [UInt64] = [
                0, 1, 7, 127, 128, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 63, .max, UInt64(bitPattern: -3), random.next(),
            ]
            return values[chance(in: values.count)]
        }
    }

    private func appendValue(_ field: ProtobufCFieldDescriptor, value: UInt64, to bytes: inout [UInt8]) {
        switch Self.wireType(field.type) {
        case 5: bytes += (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        case 1: bytes += (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        default: Self.append(varint: wireNumber(field.type, value), to: &bytes)
        }
    }

    private func wireNumber(_ type: ProtobufCType, _ value: UInt64) -> UInt64 {
        switch type {
        case PROTOBUF_C_TYPE_INT32, PROTOBUF_C_TYPE_ENUM:
            return UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
        case PROTOBUF_C_TYPE_UINT32:
            return UInt64(UInt32(truncatingIfNeeded: value))
        case PROTOBUF_C_TYPE_SINT32:
            let number = Int32(truncatingIfNeeded: value)
            return UInt64(UInt32(bitPattern: (number << 1) ^ (number >> 31)))
        case PROTOBUF_C_TYPE_SINT64:
            let number = Int64(bitPattern: value)
            return UInt64(bitPattern: (number << 1) ^ (number >> 63))
        default:
            return value
        }
    }

    private static func append(prefixed content: [UInt8], number: UInt32, to bytes: inout [UInt8]) {
        append(varint: UInt64(number) << 3 | 2, to: &bytes)
        append(varint: UInt64(content.count), to: &bytes)
        bytes += content
    }

    /// Appends a base-128 number, least significant group first.
    package static func append(varint value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
