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

    @Test(
        "a choice is found however it is said",
        arguments: [
            "B", "b", " (B) ", "B.", "**B**", "Answer: B", "answer:B", "The answer is B.", "The correct answer is (B).",
            "B. Paris", "B) Paris", "(B) Paris, because it is the capital", "I think the right option is **B**.",
            "A is wrong and C is wrong. The answer is B.", "Paris", "paris.", "$\\boxed{B}$",
            "First I took A. The final answer is B", "Let me think.\n\nFinal answer: B", "I choose option B",
            "My pick is [B] here", "It must be B, since A cat is no city", "Correct choice: B",
        ])
    func choices(answer: String) throws {
        let prompt = "What is the capital of France?\nA. London\nB. Paris\nC. Rome\nD. None"
        #expect(try score(.choice, answer, "B", prompt: prompt) == 1, "\(answer)")
        #expect(try score(.choice, answer, "B. Paris", prompt: prompt) == 1, "\(answer)")
        #expect(try score(.choice, answer, "Paris", prompt: prompt) == 1, "\(answer)")
        #expect(try score(.choice, answer, "A", prompt: prompt) == 0, "\(answer)")
    }

    @Test(
        "a choice that is none, or of several, is wrong",
        arguments: [
            "", "A or B", "A. London\nB. Paris", "The answer is A. No, the answer is B.", "E", "London and Paris",
            "I am not sure.", "(A) (B)", "AB", "A cat",
        ])
    func noChoice(answer: String) throws {
        let prompt = "Which?\n(A) London\n(B) Paris\n(C) Rome"
        #expect(try score(.choice, answer, "B", prompt: prompt) == 0, "\(answer)")
        #expect(try score(.choice, answer, "A", prompt: prompt) == 0, "\(answer)")
    }

    @Test("choices need no list of options, and may be numbered or have no labels")
    func otherChoices() throws {
        #expect(try score(.choice, "The answer is C.", "C", prompt: "Which of the three?") == 1)
        #expect(try score(.choice, "2", "2", prompt: "1. one\n2. two\n3. three") == 1)
        #expect(try score(.choice, "Answer: 2) two", "2", prompt: "1) one\n2) two") == 1)
        #expect(try score(.choice, "It takes 3 steps, so the answer is 2.", "2", prompt: "1) a\n2) b\n3) c") == 1)
        #expect(try score(.choice, "Yes.", "yes", prompt: "Is it so?") == 1)
        #expect(try score(.choice, "No", "yes", prompt: "Is it so?") == 0)
        #expect(try score(.choice, "true", "True") == 1)
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
