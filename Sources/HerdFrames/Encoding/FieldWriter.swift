/// How many bytes protobuf fields take, in the order and with the omissions of proto3: default values are not sent.
enum FieldSize {
    @inline(__always)
    static func varint(_ value: UInt64) -> Int {
        // One byte per started group of 7 bits; 0 takes one too.
        (64 - (value | 1).leadingZeroBitCount + 6) / 7
    }

    // Every field number here is below 16, so a tag takes one byte.
    @inline(__always)
    static func integer(_ value: UInt64) -> Int {
        value == 0 ? 0 : 1 + varint(value)
    }

    @inline(__always)
    static func bytes(_ count: Int) -> Int {
        count == 0 ? 0 : chunk(count)
    }

    @inline(__always)
    static func chunk(_ count: Int) -> Int {
        1 + varint(UInt64(count)) + count
    }
}

/// Writes protobuf fields one after the other into memory whose size was computed before.
struct FieldWriter {
    private let bytes: UnsafeMutableRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeMutableRawBufferPointer) {
        self.bytes = bytes
    }

    @inline(__always)
    mutating func byte(_ value: UInt8) {
        bytes[position] = value
        position += 1
    }

    @inline(__always)
    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        byte(UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always)
    mutating func tag(_ field: FrameField) {
        tag(number: field.rawValue, field.wireType)
    }

    @inline(__always)
    mutating func tag(number: UInt32, _ type: WireType) {
        byte(UInt8(truncatingIfNeeded: number << 3) | type.rawValue)
    }

    mutating func integer(_ field: FrameField, _ value: UInt64) {
        guard value != 0 else { return }
        tag(field)
        varint(value)
    }

    mutating func text(_ field: FrameField, _ value: String) {
        guard !value.isEmpty else { return }
        tag(field)
        text(value)
    }

    /// The length of `value` in UTF-8 and its bytes; a U+0000 becomes U+FFFD.
    mutating func text(_ value: String) {
        let count = value.wireCount
        varint(UInt64(count))
        guard count == value.utf8.count else { return textWithNULs(value) }
        let copied: Void? = value.utf8.withContiguousStorageIfAvailable { utf8 in
            reserve(utf8.count).copyMemory(from: UnsafeRawBufferPointer(utf8))
        }
        if copied == nil {
            for unit in value.utf8 { byte(unit) }
        }
    }

    private mutating func textWithNULs(_ value: String) {
        FrameStatistics.countTextWithNUL()
        for unit in value.utf8 {
            if unit == 0 {
                for part in "\u{fffd}".utf8 { byte(part) }
            } else {
                byte(unit)
            }
        }
    }

    /// The next `count` bytes, to be filled by the caller.
    mutating func reserve(_ count: Int) -> UnsafeMutableRawBufferPointer {
        let start = position
        position += count
        return UnsafeMutableRawBufferPointer(rebasing: bytes[start..<position])
    }
}
