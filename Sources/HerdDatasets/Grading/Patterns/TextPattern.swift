/// A regular expression that is looked for in answers, in time that grows with the lengths of pattern and text only.
///
/// A set of states is followed through the text (Thompson 1968), never a path that has to be taken back, so that no pattern
/// is a catastrophic one; what can't be done so, back-references and look-around, is refused.
///
/// Syntax: literals, `.`, `[a-z]`, `[^...]`, `\d \w \s \b` and their capitals, `\n \r \t \f \v \0 \xHH \x{...} \uHHHH`,
/// `^ $ \A \z`, `|`, `( )`, `(?: )`, `(?<name> )`, `* + ? {m} {m,} {m,n}` with or without the `?` of lazy matching; at the
/// start `(?ims)`: `i` case is not told apart, `m` `^` and `$` also at lines, `s` `.` takes newlines too. `\w`, `\d` and
/// `\s` are Unicode's. A pattern is found anywhere in the text unless it is anchored.
package struct TextPattern: Sendable, Equatable {
    /// Bytes of a pattern.
    package static let longestPattern = 4_096
    /// Steps that a pattern is compiled to.
    package static let mostInstructions = 1_000
    /// How much of a text is looked at: its last so many scalars, since answers come at the end.
    package static let longestText = 65_536

    private let program: PatternProgram

    /// - Throws: what of the pattern is wrong, and where.
    package init(_ pattern: String) throws(GraderError) {
        guard !pattern.isEmpty, pattern.utf8.count <= Self.longestPattern else {
            throw GraderError("a pattern must have 1 to \(Self.longestPattern) bytes, not \(pattern.utf8.count)")
        }
        var parser = PatternParser(pattern)
        program = try PatternProgram(try parser.parse(), options: parser.options)
    }

    /// Whether the text holds the pattern anywhere.
    package func isFound(in text: String) -> Bool {
        program.isFound(in: Array(text.unicodeScalars.suffix(Self.longestText)))
    }
}
