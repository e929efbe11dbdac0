/// Reads protobuf fields from contiguous bytes, front to back, never past the end.
struct FieldReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position >= bytes.count }

    /// A base-128 varint of up to 10 bytes; bits past the 64th are dropped, as protobuf runtimes do.
    @inline(__always)
    mutating func varint() throws(FrameError) -> UInt64 {
        guard position < bytes.count else { throw .truncated }
        let first = bytes[position]
        if first < 0x80 {
            position += 1
            return UInt64(first)
        }
        return try longVarint()
    }

    private mutating func longVarint() throws(FrameError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift == 70 { throw .overlongInteger }
        }
        throw .truncated
    }

    /// Steps over the next field's tag where it is this one byte.
    @inline(__always)
    mutating func isNext(_ tag: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == tag else { return false }
        position += 1
        return true
    }

    /// The number and layout of the next field.
    @inline(__always)
    mutating func tag() throws(FrameError) -> (number: UInt32, type: WireType) {
        let tag = try varint()
        guard tag <= UInt64(UInt32.max), tag >> 3 != 0, let type = WireType(rawValue: UInt8(tag & 7)) else {
            throw .invalidTag
        }
        return (UInt32(tag >> 3), type)
    }

    /// The bytes of a length-delimited field; they stay where they are.
    @inline(__always)
    mutating func chunk() throws(FrameError) -> UnsafeRawBufferPointer {
        let length = try varint()
        guard length <= UInt64(bytes.count - position) else { throw .truncated }
        let start = position
        position += Int(length)
        return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    }

    mutating func skip(_ type: WireType) throws(FrameError) {
        switch type {
        case .varint: _ = try varint()
        case .fixed64: try skip(count: 8)
        case .fixed32: try skip(count: 4)
        case .lengthDelimited: _ = try chunk()
        }
    }

    private mutating func skip(count: Int) throws(FrameError) {
        guard count <= bytes.count - position else { throw .truncated }
        position += count
    }
}
