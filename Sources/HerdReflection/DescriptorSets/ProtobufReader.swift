/// Walks the fields of one packed protobuf message without its descriptor.
struct ProtobufReader {
    enum Value {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
    }

    /// Bytes that are no protobuf message.
    struct Failure: Error {}

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    /// The next field; nil at the end.
    mutating func next() throws(Failure) -> (number: UInt64, value: Value)? {
        guard !rest.isEmpty else { return nil }
        let tag = try varint()
        guard tag >> 3 > 0 else { throw Failure() }
        switch tag & 7 {
        case 0: return (tag >> 3, .number(try varint()))
        case 1: return (tag >> 3, .number(try fixed(8)))
        case 2:
            let length = try varint()
            guard length <= UInt64(rest.count) else { throw Failure() }
            let content = rest.prefix(Int(length))
            rest = rest.dropFirst(Int(length))
            return (tag >> 3, .bytes(content))
        case 5: return (tag >> 3, .number(try fixed(4)))
        default: throw Failure()
        }
    }

    mutating func varint() throws(Failure) -> UInt64 {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { throw Failure() }
            result |= shift < 64 ? UInt64(byte & 0x7F) << shift : 0
            if byte & 0x80 == 0 { return result }
        }
        throw Failure()
    }

    private mutating func fixed(_ width: Int) throws(Failure) -> UInt64 {
        guard rest.count >= width else { throw Failure() }
        var result: UInt64 = 0
        for (place, byte) in rest.prefix(width).enumerated() { result |= UInt64(byte) << (8 * UInt64(place)) }
        rest = rest.dropFirst(width)
        return result
    }

    var isAtEnd: Bool { rest.isEmpty }
}

extension ProtobufReader.Value {
    /// Text for people: what is no UTF-8 is repaired.
    var text: String {
        if case .bytes(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { "" }
    }

    var number: Int {
        if case .number(let number) = self { Int(truncatingIfNeeded: number) } else { 0 }
    }

    func content() throws(ProtobufReader.Failure) -> ArraySlice<UInt8> {
        guard case .bytes(let bytes) = self else { throw ProtobufReader.Failure() }
        return bytes
    }
}
