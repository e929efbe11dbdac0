import CMessages

/// protobuf's wire format, as far as writing goes.
enum Wire {
    /// What follows a tag: 0 a varint, 1 eight bytes, 2 a length and as many bytes, 5 four bytes.
    static func type(of type: ProtobufCType) -> UInt64 {
        switch type {
        case PROTOBUF_C_TYPE_FIXED32, PROTOBUF_C_TYPE_SFIXED32, PROTOBUF_C_TYPE_FLOAT: 5
        case PROTOBUF_C_TYPE_FIXED64, PROTOBUF_C_TYPE_SFIXED64, PROTOBUF_C_TYPE_DOUBLE: 1
        case PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_BYTES, PROTOBUF_C_TYPE_MESSAGE: 2
        default: 0
        }
    }

    static func append(tag number: UInt32, _ type: UInt64, to bytes: inout [UInt8]) {
        append(varint: UInt64(number) << 3 | type, to: &bytes)
    }

    static func append(bits: UInt64, _ type: UInt64, to bytes: inout [UInt8]) {
        switch type {
        case 5: for place in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: bits >> (8 * UInt64(place)))) }
        case 1: for place in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: bits >> (8 * UInt64(place)))) }
        default: append(varint: bits, to: &bytes)
        }
    }

    static func append(_ content: [UInt8], number: UInt32, to bytes: inout [UInt8]) {
        append(tag: number, 2, to: &bytes)
        append(varint: UInt64(content.count), to: &bytes)
        bytes += content
    }

    private static func append(varint value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
