/// A pattern as it is read.
indirect enum PatternNode: Equatable {
    case scalar(ScalarSet)
    case assertion(PatternAssertion)
    case sequence([PatternNode])
    case alternatives([PatternNode])
    /// - `most` nil: as often as there is.
    case repeated(PatternNode, least: Int, most: Int?)
}

/// What must hold between two scalars.
enum PatternAssertion: Sendable, Equatable {
    case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary
}

struct PatternOptions: Sendable, Equatable {
    var ignoresCase = false
    var hasLineAnchors = false
    var dotTakesNewlines = false
}

/// A set of scalars, as a class writes it down.
struct ScalarSet: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case digit, word, space
    }

    var ranges: [ClosedRange<UInt32>] = []
    var kinds: [Kind] = []
    /// `\D`, `\W` and `\S` inside a class.
    var missingKinds: [Kind] = []
    var isNegated = false

    static func one(_ scalar: Unicode.Scalar) -> ScalarSet { ScalarSet(ranges: [scalar.value...scalar.value]) }

    func contains(_ scalar: Unicode.Scalar, ignoringCase: Bool) -> Bool {
        var isListed = holds(scalar)
        if !isListed, ignoringCase {
            isListed =
                Self.single(scalar.properties.lowercaseMapping).map(holds) ?? false
                || Self.single(scalar.properties.uppercaseMapping).map(holds) ?? false
        }
        return isListed != isNegated
    }

    private func holds(_ scalar: Unicode.Scalar) -> Bool {
        ranges.contains { $0.contains(scalar.value) } || kinds.contains { $0.holds(scalar) }
            || missingKinds.contains { !$0.holds(scalar) }
    }

    private static func single(_ mapping: String) -> Unicode.Scalar? {
        mapping.unicodeScalars.count == 1 ? mapping.unicodeScalars.first : nil
    }
}

extension ScalarSet.Kind {
    func holds(_ scalar: Unicode.Scalar) -> Bool {
        switch self {
        case .digit: scalar.properties.generalCategory == .decimalNumber
        case .space: scalar.properties.isWhitespace
        case .word:
            scalar.value < 0x80
                ? (0x30...0x39).contains(scalar.value) || (0x41...0x5A).contains(scalar.value)
                    || (0x61...0x7A).contains(scalar.value) || scalar.value == 0x5F
                : scalar.properties.isAlphabetic || scalar.properties.numericType != nil
        }
    }
}
