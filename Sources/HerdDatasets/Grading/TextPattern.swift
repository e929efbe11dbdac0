import CPCRE2

/// A regular expression that is looked for in answers, by PCRE2 with its limits set: however a pattern is made, looking for
/// it ends.
///
/// Syntax: PCRE2's (Perl's), in UTF-8, `\w`, `\d` and `\s` as Unicode has them; `(?i)`, `(?m)`, `(?s)` and `(?x)` at the start set
/// options. A pattern is found anywhere in the text unless it is anchored.
package struct TextPattern: Sendable {
    /// Bytes of a pattern.
    package static let longestPattern = 4_096
    /// How much of a text is looked at: its last so many bytes, since answers come at the end.
    package static let longestText = 32_768

    private let compiled: CompiledPattern

    /// - Throws: what of the pattern is wrong, and where.
    package init(_ pattern: String) throws(GraderError) {
        guard !pattern.isEmpty, pattern.utf8.count <= Self.longestPattern else {
            throw GraderError("a pattern must have 1 to \(Self.longestPattern) bytes, not \(pattern.utf8.count)")
        }
        compiled = try CompiledPattern(pattern)
    }

    /// Whether the text holds the pattern anywhere.
    ///
    /// - Throws: for a pattern that takes too many steps on this text.
    package func isFound(in text: String) throws(GraderError) -> Bool {
        var bytes = Array(text.utf8.suffix(Self.longestText))
        // Not from the middle of a character.
        bytes.removeFirst(bytes.prefix { $0 & 0xC0 == 0x80 }.count)
        return try compiled.isFound(in: bytes)
    }
}

/// The owner of PCRE2's compiled form, which never changes and may be used by many threads at once.
private final class CompiledPattern: @unchecked Sendable {
    private let pattern: OpaquePointer

    init(_ text: String) throws(GraderError) {
        let bytes = Array(text.utf8)
        var error: Int32 = 0
        var offset = 0
        guard let compiled = herd_pattern_compile(bytes, bytes.count, &error, &offset) else {
            throw GraderError("the pattern can't be used: \(Self.message(error)) (at byte \(offset))")
        }
        pattern = compiled
    }

    deinit {
        herd_pattern_free(pattern)
    }

    func isFound(in bytes: [UInt8]) throws(GraderError) -> Bool {
        let result = herd_pattern_search(pattern, bytes, bytes.count)
        guard result >= 0 else {
            throw GraderError(
                "the pattern takes too long on this answer (\(Self.message(result))); write a simpler one")
        }
        return result == 1
    }

    private static func message(_ error: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        herd_pattern_message(error, &buffer, buffer.count)
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
