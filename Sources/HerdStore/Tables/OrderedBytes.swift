/// A key of several parts whose bytes sort like the parts one after another, and of which every prefix of whole parts is
/// a prefix for scans.
///
/// An integer is its eight bytes, most significant first. A string or a list of bytes is its bytes with 00 as 00 FF, then
/// 00 01: so "a" sorts before "ab" whatever follows, and no part can be taken for the beginning of the next.
///
/// ```swift
/// let key = OrderedBytes().adding(tenant).adding(number)
/// transaction.scan(table, .prefix(OrderedBytes().adding(tenant).bytes)) { ... }
/// ```
package struct OrderedBytes: Hashable, Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func append(_ integer: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: integer >> shift)) }
    }

    package mutating func append(_ string: String) {
        append(escaping: string.utf8)
    }

    package mutating func append(_ part: [UInt8]) {
        append(escaping: part)
    }

    package func adding(_ integer: UInt64) -> OrderedBytes {
        var copy = self
        copy.append(integer)
        return copy
    }

    package func adding(_ string: String) -> OrderedBytes {
        var copy = self
        copy.append(string)
        return copy
    }

    package func adding(_ part: [UInt8]) -> OrderedBytes {
        var copy = self
        copy.append(part)
        return copy
    }

    /// Reads the parts back in order.
    package func parts() -> Parts { Parts(remaining: bytes[...]) }

    private mutating func append(escaping part: some Sequence<UInt8>) {
        for byte in part {
            bytes.append(byte)
            if byte == 0 { bytes.append(255) }
        }
        bytes.append(0)
        bytes.append(1)
    }
}

extension OrderedBytes: TableKey {
    package func withKeyBytes<R>(_ body: (RawSpan) throws(StoreError) -> R) throws(StoreError) -> R {
        try bytes.withKeyBytes(body)
    }

    package init(keyBytes: RawSpan) {
        bytes = [UInt8](keyBytes: keyBytes)
    }
}

extension OrderedBytes {
    /// The parts that are not read yet; each call takes one, or gives nil where the bytes encode no such part.
    package struct Parts: Sendable {
        private var remaining: ArraySlice<UInt8>

        fileprivate init(remaining: ArraySlice<UInt8>) {
            self.remaining = remaining
        }

        package var isAtEnd: Bool { remaining.isEmpty }

        package mutating func integer() -> UInt64? {
            guard remaining.count >= 8 else { return nil }
            defer { remaining = remaining.dropFirst(8) }
            return remaining.prefix(8).reduce(0) { integer, byte in integer << 8 | UInt64(byte) }
        }

        package mutating func string() -> String? {
            bytes().flatMap { bytes in String(validating: bytes, as: UTF8.self) }
        }

        package mutating func bytes() -> [UInt8]? {
            var part: [UInt8] = []
            var index = remaining.startIndex
            while index + 1 < remaining.endIndex {
                let byte = remaining[index]
                guard byte == 0 else {
                    part.append(byte)
                    index += 1
                    continue
                }
                switch remaining[index + 1] {
                case 255:
                    part.append(0)
                    index += 2
                case 1:
                    remaining = remaining[(index + 2)...]
                    return part
                default:
                    return nil
                }
            }
            return nil
        }
    }
}
