/// Flags that a user writes into the prompt, such as `[Flag: smallest model]` (Tryage, arXiv 2308.11601).
package struct PromptFlags: Sendable, Equatable {
    /// The flags that are obeyed, each once, in the order of their first appearance.
    package private(set) var known: [PromptFlag] = []
    /// Flags nobody knows, as written, without surrounding white space; the first `mostUnknown` that differ.
    package private(set) var unknown: [String] = []
    /// The prompt without its flags.
    package private(set) var text = ""

    /// How many unknown flags are reported, so that a prompt full of them costs no more than any other.
    package static let mostUnknown = 32

    /// A flag longer than this many bytes is taken for text.
    private static let longest = 64

    /// Finds and removes the flags. Case and surrounding white space do not matter; white space around a removed flag
    /// shrinks to what stood before it.
    package init(reading prompt: String) {
        let bytes = Array(prompt.utf8)
        let opening = Array("[flag:".utf8)
        var kept: [UInt8] = []
        var index = 0
        var found = false
        while index < bytes.count {
            if bytes[index] == opening[0], let end = Self.flagEnd(in: bytes, from: index, opening: opening) {
                let inner = bytes[(index + opening.count)..<end]
                record(String(decoding: Self.trimmed(inner), as: UTF8.self))
                found = true
                index = end + 1
                // "solve [Flag: x] this" must not keep two spaces.
                if kept.isEmpty || kept.last.map(Self.isSpace) == true {
                    while index < bytes.count, bytes[index] == UInt8(ascii: " ") { index += 1 }
                }
            } else {
                kept.append(bytes[index])
                index += 1
            }
        }
        if found {
            while let last = kept.last, Self.isSpace(last) { kept.removeLast() }
            text = String(decoding: kept, as: UTF8.self)
        } else {
            text = prompt
        }
    }

    private mutating func record(_ name: String) {
        if let flag = PromptFlag(written: name) {
            if !known.contains(flag) { known.append(flag) }
        } else if unknown.count < Self.mostUnknown, !unknown.contains(name) {
            unknown.append(name)
        }
    }

    /// The index of the closing bracket if a flag opens at `start`.
    private static func flagEnd(in bytes: [UInt8], from start: Int, opening: [UInt8]) -> Int? {
        guard start + opening.count < bytes.count else { return nil }
        for (offset, expected) in opening.enumerated() where lowered(bytes[start + offset]) != expected { return nil }
        let limit = min(bytes.count, start + opening.count + longest)
        for index in (start + opening.count)..<limit {
            if bytes[index] == UInt8(ascii: "]") { return index }
            if bytes[index] == UInt8(ascii: "\n") { return nil }
        }
        return nil
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var slice = bytes
        while let first = slice.first, isSpace(first) { slice.removeFirst() }
        while let last = slice.last, isSpace(last) { slice.removeLast() }
        return slice
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (byte >= 0x09 && byte <= 0x0D)
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte + 32 : byte
    }
}
