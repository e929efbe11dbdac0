import Glibc

/// A key of an object in a JSON text, to be compared: `case "choices":`.
package struct JSONKey {
    private let bytes: [UInt8]
    private let range: Range<Int>

    /// - Parameter bytes: What the key is in, as UTF-8 and without escapes.
    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        self.range = range
    }

    package static func ~= (name: StaticString, key: JSONKey) -> Bool {
        let (start, count) = (key.range.lowerBound, name.utf8CodeUnitCount)
        guard count == key.range.count else { return false }
        return key.bytes.withUnsafeBufferPointer { bytes in
            bytes.baseAddress.map { memcmp($0 + start, name.utf8Start, count) == 0 } ?? true
        }
    }

    package var text: String { String(decoding: bytes[range], as: UTF8.self) }
}
