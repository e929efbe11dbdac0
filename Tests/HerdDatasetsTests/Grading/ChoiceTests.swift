import HerdDatasets
import Testing

@Suite("The grader choice")
struct ChoiceTests {
    private func score(_ answer: String, _ reference: String, prompt: String = "") throws -> Double {
        try AnswerGrader(GraderSpecification(.choice)).score(answer, references: [reference], prompt: prompt)
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
        #expect(try score(answer, "B", prompt: prompt) == 1, "\(answer)")
        #expect(try score(answer, "B. Paris", prompt: prompt) == 1, "\(answer)")
        #expect(try score(answer, "Paris", prompt: prompt) == 1, "\(answer)")
        #expect(try score(answer, "A", prompt: prompt) == 0, "\(answer)")
    }

    @Test(
        "a choice that is none, or of several, is wrong",
        arguments: [
            "", "A or B", "A. London\nB. Paris", "The answer is A or B.", "E", "It is not Paris.", "<think>B</think>",
            "The answer is A. No, the answer is A or B.", "a city", "The answer is a city", "option A, option B",
            "London and Paris",
            "I am not sure.", "(A) (B)", "AB", "A cat",
        ])
    func noChoice(answer: String) throws {
        let prompt = "Which?\n(A) London\n(B) Paris\n(C) Rome"
        #expect(try score(answer, "B", prompt: prompt) == 0, "\(answer)")
        #expect(try score(answer, "A", prompt: prompt) == 0, "\(answer)")
    }

    @Test("choices need no list of options, and may be numbered or have no labels")
    func otherChoices() throws {
        #expect(try score("The answer is C.", "C", prompt: "Which of the three?") == 1)
        #expect(try score("2", "2", prompt: "1. one\n2. two\n3. three") == 1)
        #expect(try score("Answer: 2) two", "2", prompt: "1) one\n2) two") == 1)
        #expect(try score("It takes 3 steps, so the answer is 2.", "2", prompt: "1) a\n2) b\n3) c") == 1)
        #expect(try score("Yes.", "yes", prompt: "Is it so?") == 1)
        #expect(try score("No", "yes", prompt: "Is it so?") == 0)
        #expect(try score("true", "True") == 1)
    }

    @Test(
        "of two statements takes the last",
        arguments: [
            "The answer is A. Wait, no. The answer is B.", "Final answer: A\nFinal answer: B",
            "\\boxed{A} was too fast: \\boxed{B}", "I choose A. On second thoughts I choose B.",
            "The answer is A. So the correct option is B", "The answer is B. Option A is wrong, option C too.",
            "<think>The answer is A</think>The answer is B", "The answer is A</think>B",
        ])
    func lastStatement(answer: String) throws {
        let prompt = "Which?\n(A) London\n(B) Paris\n(C) Rome"
        #expect(try score(answer, "B", prompt: prompt) == 1, "\(answer)")
    }

    @Test(
        "is found in LaTeX, full-width letters and small ones",
        arguments: [
            "\\boxed{\\text{B}}", "$\\boxed{\\textbf{B. Paris}}$", "So $\\boxed{\\mathrm{b}}$.", "\\boxed{Paris}",
            "\u{FF22}", "\u{FF08}B\u{FF09}", "B\u{3001}Paris", "\u{7B54}\nB\u{3001}Paris", "b", "(b)", "b) Paris",
            "The answer is b.", "The answer is (b)", "Answer: b", "answer:b", "option b", "It is Paris.",
            "The answer is Paris.",
            "It's Paris!", "I think it is\nParis", "I'd go with b",
        ],
        [
            "Which?\nA. London\nB. Paris\nC. Rome", "Which?\na) London\nb) Paris\nc) Rome",
            "Which? (A) London (B) Paris (C) Rome", "Which?\nA. London B. Paris C. Rome",
            "Which? a. London b. Paris c. Rome", "Which?\nA) London   B) Paris\nC) Rome",
            "\u{FF21}\u{3001}London\n\u{FF22}\u{3001}Paris\n\u{FF23}\u{FF0E}Rome",
            "**A.** London\n**B.** Paris\n**C.** Rome",
        ])
    func spellings(answer: String, prompt: String) throws {
        for reference in ["B", "b", "(b)", "B. Paris", "paris"] {
            #expect(try score(answer, reference, prompt: prompt) == 1, "\(answer) for \(reference)")
        }
        for reference in ["A", "c", "Rome"] {
            #expect(try score(answer, reference, prompt: prompt) == 0, "\(answer) for \(reference)")
        }
    }

    @Test("counts options from 0 or 1")
    func numbered() throws {
        let prompt = "Which?\n0. London\n1. Paris\n2. Rome\n3. Oslo"
        #expect(try score("0", "0", prompt: prompt) == 1)
        #expect(try score("The answer is 0.", "0", prompt: prompt) == 1)
        #expect(try score("London", "0", prompt: prompt) == 1)
        #expect(try score("1", "0", prompt: prompt) == 0)
        #expect(try score("(2)", "2", prompt: "Which? (0) London (1) Paris (2) Rome") == 1)
    }

    @Test("takes no sentence for a list of options")
    func noLists() throws {
        // Each is gradable by its text, since the prompt lists nothing.
        for prompt in [
            "Step 1. Go on. Step 2. Stop. Yes or no?", "He likes vitamin B. and C. Yes or no?",
            "f(x) = 1.5 m. Yes or no?",
            "Given x: 1\ny: 2. Is x less? Yes or no?", "(a) is a letter. Yes or no?",
        ] {
            try AnswerGrader(GraderSpecification(.choice)).check(references: ["yes"], prompt: prompt)
            #expect(try score("Yes.", "yes", prompt: prompt) == 1, "\(prompt)")
        }
    }

    @Test("refuses a reference that is no option", arguments: ["E", "Rom", "4", "Paris and Rome"])
    func wrongReferences(reference: String) throws {
        let grader = try AnswerGrader(GraderSpecification(.choice))
        for prompt in ["Which?\nA. London\nB. Paris\nC. Rome", "Which? (a) London (b) Paris (c) Rome"] {
            do throws(GraderError) {
                try grader.check(references: ["B", reference], prompt: prompt)
                Issue.record("'\(reference)' was taken")
            } catch {
                #expect(error.reason.contains("\"\(reference)\"") && error.reason.contains("(A, B, C)"), "\(error)")
            }
        }
        try grader.check(references: [reference], prompt: "Which?")
    }
}
