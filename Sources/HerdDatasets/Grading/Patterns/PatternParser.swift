/// Reads a pattern's text by recursive descent.
struct PatternParser {
    private static let deepestNesting = 64
    private static let mostRepetitions = 1_000

    private(set) var options = PatternOptions()
    private let scalars: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    init(_ pattern: String) {
        scalars = Array(pattern.unicodeScalars)
    }

    mutating func parse() throws(GraderError) -> PatternNode {
        try parseFlags()
        let node = try alternatives()
        guard position == scalars.count else { throw failure("has a ) without its (") }
        return node
    }

    // MARK: - Structure

    private mutating func parseFlags() throws(GraderError) {
        guard scalars.starts(with: ["(", "?"]), scalars.count > 2, "ims".unicodeScalars.contains(scalars[2]) else {
            return
        }
        position = 2
        while let flag = take() {
            switch flag {
            case "i": options.ignoresCase = true
            case "m": options.hasLineAnchors = true
            case "s": options.dotTakesNewlines = true
            case ")": return
            default: throw failure("knows only the flags (?ims) at its start")
            }
        }
        throw failure("has flags without their )")
    }

    private mutating func alternatives() throws(GraderError) -> PatternNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepestNesting else {
            throw failure("is nested over \(Self.deepestNesting) deep")
        }
        var found = [try sequence()]
        while peek == "|" {
            position += 1
            found.append(try sequence())
        }
        return found.count == 1 ? found[0] : .alternatives(found)
    }

    private mutating func sequence() throws(GraderError) -> PatternNode {
        var nodes: [PatternNode] = []
        while let next = peek, next != "|", next != ")" {
            nodes.append(try quantified(try atom()))
        }
        return .sequence(nodes)
    }

    private mutating func atom() throws(GraderError) -> PatternNode {
        guard let scalar = take() else { throw failure("ends too early") }
        switch scalar {
        case ".": return .scalar(options.dotTakesNewlines ? ScalarSet(isNegated: true) : Self.notNewline)
        case "^": return .assertion(options.hasLineAnchors ? .lineStart : .textStart)
        case "$": return .assertion(options.hasLineAnchors ? .lineEnd : .textEnd)
        case "[": return .scalar(try characterClass())
        case "(": return try group()
        case "\\": return try escape()
        case "*", "+", "?": throw failure("has a \(scalar) with nothing before it to repeat")
        default: return .scalar(.one(scalar))
        }
    }

    private static let notNewline = ScalarSet(ranges: [0x0A...0x0A, 0x0D...0x0D], isNegated: true)

    private mutating func group() throws(GraderError) -> PatternNode {
        if peek == "?" {
            position += 1
            switch take() {
            case ":": break
            case "<" where peek != "=" && peek != "!", "P" where peek == "<":
                while let scalar = take(), scalar != ">" {}
            default: throw failure("may have (?: ) and (?<name> ) but no look-around and no flags inside")
            }
        }
        let inner = try alternatives()
        guard take() == ")" else { throw failure("has a ( without its )") }
        return inner
    }

    // MARK: - Repetition

    private mutating func quantified(_ node: PatternNode) throws(GraderError) -> PatternNode {
        var result = node
        while let bounds = try quantifier() {
            if case .assertion = result { throw failure("repeats an anchor") }
            result = .repeated(result, least: bounds.least, most: bounds.most)
            // Lazy or not, the same texts hold the pattern.
            if peek == "?" { position += 1 }
            guard peek != "+" else { throw failure("has a possessive quantifier, which this grader does not know") }
        }
        return result
    }

    private mutating func quantifier() throws(GraderError) -> (least: Int, most: Int?)? {
        switch peek {
        case "*":
            position += 1
            return (0, nil)
        case "+":
            position += 1
            return (1, nil)
        case "?":
            position += 1
            return (0, 1)
        case "{": return try counts()
        default: return nil
        }
    }

    /// `{m}`, `{m,}` or `{m,n}`; any other { is a literal one.
    private mutating func counts() throws(GraderError) -> (least: Int, most: Int?)? {
        let start = position
        position += 1
        let least = number()
        var most = least
        if peek == "," {
            position += 1
            most = number()
        }
        guard let least, take() == "}" else {
            position = start
            return nil
        }
        guard least <= Self.mostRepetitions, most ?? 0 <= Self.mostRepetitions, most ?? least >= least else {
            throw failure("repeats from {m,n} with m over n, or over \(Self.mostRepetitions) times")
        }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = peek, ("0"..."9").contains(scalar) {
            position += 1
            value = min((value ?? 0) * 10 + Int(scalar.value - 0x30), Self.mostRepetitions + 1)
        }
        return value
    }

    // MARK: - Escapes

    private mutating func escape() throws(GraderError) -> PatternNode {
        guard let scalar = take() else { throw failure("ends with a single \\") }
        switch scalar {
        case "b": return .assertion(.wordBoundary)
        case "B": return .assertion(.noWordBoundary)
        case "A": return .assertion(.textStart)
        case "z", "Z": return .assertion(.textEnd)
        case "1"..."9": throw failure("has the back-reference \\\(scalar), which can't be matched in bounded time")
        default:
            if let kind = Self.kinds[scalar] {
                return .scalar(ScalarSet(kinds: [kind.kind], isNegated: kind.isMissing))
            }
            return .scalar(.one(try literal(scalar)))
        }
    }

    private static let kinds: [Unicode.Scalar: (kind: ScalarSet.Kind, isMissing: Bool)] = [
        "d": (.digit, false), "D": (.digit, true), "w": (.word, false), "W": (.word, true), "s": (.space, false),
        "S": (.space, true),
    ]

    /// The scalar that an escape stands for.
    private mutating func literal(_ scalar: Unicode.Scalar) throws(GraderError) -> Unicode.Scalar {
        switch scalar {
        case "n": return "\n"
        case "r": return "\r"
        case "t": return "\t"
        case "f": return "\u{C}"
        case "v": return "\u{B}"
        case "0": return "\0"
        case "u": return try hexadecimal(digits: 4)
        case "x":
            guard peek == "{" else { return try hexadecimal(digits: 2) }
            position += 1
            let value = try hexadecimal(digits: nil)
            guard take() == "}" else { throw failure("has a \\x{ without its }") }
            return value
        case "a"..."z", "A"..."Z": throw failure("has the escape \\\(scalar), which this grader does not know")
        default: return scalar
        }
    }

    private mutating func hexadecimal(digits: Int?) throws(GraderError) -> Unicode.Scalar {
        var value: UInt32 = 0
        var count = 0
        while count < digits ?? 6, let scalar = peek, let digit = Character(scalar).hexDigitValue, scalar.isASCII {
            position += 1
            value = value << 4 | UInt32(digit)
            count += 1
        }
        guard count == digits ?? max(1, count), let scalar = Unicode.Scalar(value) else {
            throw failure("has a \\x or \\u without the hexadecimal digits of a character")
        }
        return scalar
    }

    // MARK: - Classes

    private mutating func characterClass() throws(GraderError) -> ScalarSet {
        var set = ScalarSet()
        if peek == "^" {
            position += 1
            set.isNegated = true
        }
        var isFirst = true
        while let scalar = take() {
            if scalar == "]", !isFirst { return set }
            isFirst = false
            guard scalar != "[" || peek != ":" else {
                throw failure("has a POSIX class such as [:alpha:]; write \\w, \\d, \\s or a range")
            }
            guard let low = try classMember(scalar, into: &set) else { continue }
            guard peek == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                set.ranges.append(low.value...low.value)
                continue
            }
            position += 1
            guard let next = take(), let high = try classMember(next, into: &set), high >= low else {
                throw failure("has a class with a range that goes backwards or has no end")
            }
            set.ranges.append(low.value...high.value)
        }
        throw failure("has a [ without its ]")
    }

    /// A single scalar of a class; nil where it was a kind, which is added to the set.
    private mutating func classMember(
        _ scalar: Unicode.Scalar, into set: inout ScalarSet
    ) throws(GraderError) -> Unicode.Scalar? {
        guard scalar == "\\" else { return scalar }
        guard let escaped = take() else { throw failure("ends with a single \\") }
        if let kind = Self.kinds[escaped] {
            if kind.isMissing { set.missingKinds.append(kind.kind) } else { set.kinds.append(kind.kind) }
            return nil
        }
        return escaped == "b" ? "\u{8}" : try literal(escaped)
    }

    // MARK: - Scalars

    private var peek: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    private mutating func take() -> Unicode.Scalar? {
        guard position < scalars.count else { return nil }
        defer { position += 1 }
        return scalars[position]
    }

    private func failure(_ what: String) -> GraderError {
        GraderError("the pattern \(what) (at character \(min(position, scalars.count)))")
    }
}
