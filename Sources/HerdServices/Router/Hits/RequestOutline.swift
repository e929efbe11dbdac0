import Glibc
import HerdFrames

/// Where the prompt lies in a packed `RouteRequest`, and what is around it.
///
/// Everything else in a request is the same in thousands of them, byte for byte: they are told apart by it without being
/// unpacked.
package struct RequestOutline {
    package let prompt: UnsafeRawBufferPointer
    /// The fields before and behind the prompt.
    package let head: UnsafeRawBufferPointer
    package let tail: UnsafeRawBufferPointer

    private static let longestRest = 2_048

    /// Nil for a request of another kind: one with messages, of a session or to be explained, without a prompt, not well
    /// formed, or long besides its prompt.
    package init?(_ packed: UnsafeRawBufferPointer) {
        var position = 0
        func varint() -> UInt64? {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while position < packed.count, shift < 35 {
                let byte = packed[position]
                position += 1
                value |= UInt64(byte & 0x7f) << shift
                if byte < 0x80 { return value }
                shift += 7
            }
            return nil
        }
        func chunk() -> Range<Int>? {
            guard let length = varint(), length <= UInt64(packed.count - position) else { return nil }
            defer { position += Int(length) }
            return position..<position + Int(length)
        }
        var found: (field: Int, text: Range<Int>)?
        while position < packed.count {
            let start = position
            let tag = packed[position]
            position += 1
            switch tag {
            case 1 << 3 | 2:
                guard found == nil, let text = chunk(), !text.isEmpty else { return nil }
                found = (start, text)
            case 3 << 3 | 2, 4 << 3 | 2, 5 << 3 | 2:
                guard chunk() != nil else { return nil }
            case 6 << 3 | 0:
                guard varint() == 0 else { return nil }
            case 7 << 3 | 2:
                guard let text = chunk(), text.isEmpty else { return nil }
            case 8 << 3 | 0:
                guard varint() != nil else { return nil }
            default:
                return nil
            }
        }
        guard let (field, text) = found, packed.count - text.count <= Self.longestRest else { return nil }
        prompt = UnsafeRawBufferPointer(rebasing: packed[text])
        head = UnsafeRawBufferPointer(rebasing: packed[..<field])
        tail = UnsafeRawBufferPointer(rebasing: packed[text.upperBound...])
    }

    /// Whether the prompt is a text that may be unpacked: UTF-8 without a U+0000.
    package var isPromptText: Bool { !holds(0) && prompt.isValidUTF8 }

    /// Whether a prompt flag may be in the prompt.
    package var mayHoldFlags: Bool { holds(UInt8(ascii: "[")) }

    private func holds(_ byte: UInt8) -> Bool {
        guard let start = prompt.baseAddress else { return false }
        return memchr(start, CInt(byte), prompt.count) != nil
    }
}
