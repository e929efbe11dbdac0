import HerdDatasets
import Testing

@Suite("Grading by the rules of SQuAD")
struct SquadTests {
    /// What the official evaluation gives, computed with its own Python.
    @Test(
        "gives what the official script gives",
        arguments: [
            ("The Denver Broncos", "Denver Broncos", 1.0, true),
            ("in Santa Clara, California", "Santa Clara, California.", 0.8571428571428571, false),
            ("Saint Bernadette Soubirous", "Saint Bernadette", 0.8, false),
            ("a golden statue of the Virgin Mary", "the Main Building", 0.0, false),
            ("U.S.A.", "usa", 1.0, true),
            ("an apple a day", "apple day", 1.0, true),
            ("the the the", "the", 1.0, true),
            ("2-3", "23", 1.0, true),
            ("A–the–B", "A– –B", 1.0, true),
            ("“The” cat", "“ ” cat", 1.0, true),
            ("one one two", "one two two", 0.6666666666666666, false),
            ("theatre another", "the atre an other", 0.0, false),
            ("", "", 1.0, true),
            ("x", "", 0.0, false),
            ("It's a dog's life", "its dogs life", 1.0, true),
            ("naïve café", "NAÏVE CAFÉ", 1.0, true),
            ("A1 the_b", "a1 theb", 1.0, true),
            ("x\u{1C}y", "x y", 1.0, true),
            ("１２ ³", "１２³", 0.0, false),
            (
                "The quick brown fox jumps over the lazy dog", "a quick fox jumped over lazy dogs", 0.6153846153846153,
                false
            ),
        ] as [(String, String, Double, Bool)])
    func official(answer: String, reference: String, f1: Double, isEqual: Bool) throws {
        let words = try AnswerGrader(GraderSpecification(.f1))
        #expect(abs(words.score(answer, references: [reference]) - f1) < 1e-12)
        let exact = try AnswerGrader(GraderSpecification(.exactWords))
        #expect(exact.score(answer, references: [reference]) == (isEqual ? 1 : 0))
    }

    @Test("takes the best of several references")
    func severalReferences() throws {
        let grader = try AnswerGrader(GraderSpecification(.f1))
        #expect(
            grader.score("Denver Broncos", references: ["Carolina Panthers", "The Broncos", "broncos denver"]) == 1)
    }

    @Test("is symmetric, 1 with itself, and within 0 and 1, whatever the words")
    func properties() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(seed)
        let grader = try AnswerGrader(GraderSpecification(.f1))
        let vocabulary = [
            "the", "a", "An", "cat", "Cat!", "dog", "\u{e9}t\u{e9}", "-", "x-y", "", "\u{3000}", "1,000", "the_",
        ]
        for _ in 0..<500 {
            let texts = (0..<2).map { _ in
                (0..<Int.random(in: 0...8, using: &random)).map { _ in vocabulary.randomElement(using: &random) ?? "" }
                    .joined(separator: " ")
            }
            let forth = grader.score(texts[0], references: [texts[1]])
            let back = grader.score(texts[1], references: [texts[0]])
            #expect(abs(forth - back) < 1e-12 && forth >= 0 && forth <= 1, "seed \(seed): \(texts)")
            #expect(grader.score(texts[0], references: [texts[0]]) == 1, "seed \(seed): \(texts)")
        }
    }
}

/// Random numbers that a seed gives again.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
