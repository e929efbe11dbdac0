import HerdFrames
import HerdMessages
import HerdServices
import Testing

/// Wrong requests are refused before any model is asked, naming the field.
struct RefinementPlanTests {
    typealias Change = @Sendable (inout RefinementRequest) -> Void

    private static let mistakes: [(String, Change)] = [
        ("prompt and messages", { $0.prompt = "" }),
        ("prompt and messages", { $0.messages = [ChatMessage(role: "user")] }),
        ("prompt", { $0.prompt = " \n\u{2003}" }),
        (
            "messages",
            {
                $0.prompt = ""
                $0.messages = [
                    ChatMessage(role: "system", content: [ContentPart(part: .text("Be brief."))]),
                    ChatMessage(role: "user", content: [ContentPart(part: .text(" "))]),
                ]
            }
        ),
        (
            "grader",
            {
                $0.prompt = "Which? (A) one (B) two"
                $0.grader = Grader(kind: "choice")
                $0.reference = "C"
            }
        ),
        (
            "messages[0].role",
            {
                $0.prompt = ""
                $0.messages = [ChatMessage(role: "boss")]
            }
        ),
        ("model", { $0.model = "" }), ("refine_model", { $0.refineModel = "a\nb" }), ("rounds", { $0.rounds = 6 }),
        ("draft", { $0.draft = String(repeating: "x", count: RefinementPlan.longestText + 1) }),
        ("options.tools", { $0.options = GenerationOptions(tools: [Tool(name: "f")]) }),
        ("limits.max_seconds", { $0.limits = RefinementLimits(maxSeconds: -1) }),
        ("limits.max_seconds", { $0.limits = RefinementLimits(maxSeconds: .nan) }),
        ("limits.max_cost_usd", { $0.limits = RefinementLimits(maxCostUsd: .infinity) }),
        ("reference", { $0.reference = "x" }), ("grader", { $0.grader = Grader(kind: "taste") }),
        ("grader", { $0.grader = Grader(kind: "exact") }),
        ("grader", { $0.grader = Grader(kind: "regex", pattern: "(") }),
        ("grader", { $0.grader = Grader(kind: "judge") }),
    ]

    @Test("each wrong field is named", arguments: mistakes)
    func wrong(field: String, change: Change) {
        var request = RefinementRequest(prompt: "Why?", model: "small", rounds: 1)
        change(&request)
        let error = #expect(throws: CallError.self) { _ = try RefinementPlan(request) }
        #expect(error?.code == .invalidArgument && error?.message.hasPrefix(field) == true, "\(error?.message ?? "")")
    }
}
