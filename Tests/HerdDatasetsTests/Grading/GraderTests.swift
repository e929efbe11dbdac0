import HerdDatasets
import Testing

@Suite("Graders")
struct GraderTests {
    private func score(
        _ kind: GraderSpecification.Kind, _ answer: String, _ references: String..., pattern: String = "",
        prompt: String = ""
    ) throws -> Double {
        try AnswerGrader(GraderSpecification(kind, pattern: pattern)).score(
            answer, references: references, prompt: prompt)
    }

    @Test("exact tells case apart, not white space, nor ways to write an accent")
    func exact() throws {
        #expect(try score(.exact, " HELLO\n", "HELLO") == 1)
        #expect(try score(.exact, "hello", "HELLO") == 0)
        #expect(try score(.exact, "a \t\n b", "a b") == 1)
        #expect(try score(.exact, "ab", "a b") == 0)
        #expect(try score(.exact, "caf\u{e9}", "cafe\u{301}") == 1)
        #expect(try score(.exact, "a.", "a") == 0)
        #expect(try score(.exact, "b", "a", "b") == 1)
        #expect(try score(.exact, "", "\u{2003}") == 1)
        #expect(try score(.exactIgnoringCase, "Straße  HELLO", "straße hello") == 1)
        #expect(try score(.exactIgnoringCase, "hello!", "hello") == 0)
    }

    @Test("a regular expression is looked for anywhere")
    func regularExpression() throws {
        #expect(try score(.regex, "so it is 42, I think", pattern: #"\b42\b"#) == 1)
        #expect(try score(.regex, "so it is 421", pattern: #"\b42\b"#) == 0)
        #expect(try score(.regex, "so it is 42", #"^4\d$"#, #"4\d$"#) == 1)
    }

    @Test("what a grader can't do is refused at the start")
    func refusals() {
        func reason(_ specification: GraderSpecification, _ references: [String] = ["x"]) -> String {
            do throws(GraderError) {
                try AnswerGrader(specification).check(references: references)
                return ""
            } catch {
                return error.reason
            }
        }
        #expect(reason(GraderSpecification(.exact)) == "")
        #expect(reason(GraderSpecification(.exact), []).contains("needs a reference"))
        #expect(reason(GraderSpecification(.exact, pattern: "x")).contains("takes no pattern"))
        #expect(reason(GraderSpecification(.f1, criteria: "x")).contains("only judge"))
        #expect(reason(GraderSpecification(.judge)).contains("judge_model"))
        #expect(reason(GraderSpecification(.judge, judgeModel: "m")) == "")
        #expect(reason(GraderSpecification(.regex), []).contains("needs a pattern"))
        #expect(reason(GraderSpecification(.regex), ["("]).contains("can't be used"))
        #expect(reason(GraderSpecification(.regex, pattern: "a"), []) == "")
        #expect(reason(GraderSpecification(.choice), [" "]).contains("right option"))
        #expect(throws: GraderError.self) { try GraderSpecification(kind: "fuzzy\u{1B}") }
        #expect((try? GraderSpecification(kind: "exact-ignore-case"))?.kind == .exactIgnoringCase)
    }
}
