/// A key in memory. It cannot be printed: every description is a placeholder.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// For the header of a request and nothing else.
    let value: String

    package init(_ value: String) {
        self.value = value
    }

    package var description: String { "(secret)" }
    package var debugDescription: String { "(secret)" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    /// How much of a key gives it away.
    private static let revealing = 6

    /// `text` with every stretch of `revealing` or more characters that also stands in the key replaced: servers like to
    /// quote the key that they refuse, or the ends of it.
    package func scrubbed(from text: String) -> String {
        let key = Array(value.utf8)
        let bytes = Array(text.utf8)
        let length = min(Self.revealing, key.count)
        guard length > 0, bytes.count >= length else { return text }
        var stretches = Set<ArraySlice<UInt8>>()
        for start in 0...(key.count - length) { stretches.insert(key[start..<start + length]) }
        var isHidden = [Bool](repeating: false, count: bytes.count)
        for start in 0...(bytes.count - length) where stretches.contains(bytes[start..<start + length]) {
            for index in start..<start + length { isHidden[index] = true }
        }
        var cleared: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if !isHidden[index] {
                cleared.append(byte)
            } else if index == 0 || !isHidden[index - 1] {
                cleared.append(contentsOf: "(key)".utf8)
            }
        }
        return String(decoding: cleared, as: UTF8.self)
    }
}
