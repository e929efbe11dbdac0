/// How answers are to be graded, as a person writes it down.
package struct GraderSpecification: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable {
        /// Equal to a reference but for white space.
        case exact
        /// Equal to a reference but for white space and case.
        case exactIgnoringCase = "exact-ignore-case"
        /// Equal by the rules of SQuAD: without case, ASCII punctuation and articles.
        case exactWords = "em"
        /// The share of words in common, by the rules of SQuAD.
        case f1
        /// The option chosen of several.
        case choice
        /// A pattern found in the answer.
        case regex
        /// A model compares the answer with a reference.
        case judge
    }

    package var kind: Kind
    /// Of `regex`; empty = the references are the patterns.
    package var pattern: String
    /// Of `judge`: the model that judges.
    package var judgeModel: String
    /// Of `judge`: what it looks for; empty = the answer's general quality.
    package var criteria: String

    package init(_ kind: Kind, pattern: String = "", judgeModel: String = "", criteria: String = "") {
        self.kind = kind
        self.pattern = pattern
        self.judgeModel = judgeModel
        self.criteria = criteria
    }

    /// - Throws: for a kind that there is not.
    package init(
        kind name: String, pattern: String = "", judgeModel: String = "", criteria: String = ""
    ) throws(GraderError) {
        guard let kind = Kind(rawValue: name) else {
            let shown = name.unicodeScalars.prefix(40).map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : $0 }
            throw GraderError(
                "there is no grader \"\(String(String.UnicodeScalarView(shown)))\"; there are \(Self.kindNames)")
        }
        self.init(kind, pattern: pattern, judgeModel: judgeModel, criteria: criteria)
    }

    /// Every kind, for messages and help.
    package static var kindNames: String { Kind.allCases.map(\.rawValue).joined(separator: ", ") }
}

/// Why a grader can't be used as it is written, or not with these references.
package struct GraderError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong and what is allowed, as a sentence without a full stop.
    package var reason: String

    package init(_ reason: String) {
        self.reason = reason
    }

    package var description: String { reason }
}
