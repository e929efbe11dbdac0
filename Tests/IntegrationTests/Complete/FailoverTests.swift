import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// Complete over servers that fail in known ways.
@Suite(
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct FailoverTests {
    /// What the faulty server does before its first token, and the code that the attempt gets for it.
    private static let before: [(String, StatusCode)] = [
        ("failing", .unavailable), ("cut-before-headers", .unavailable), ("cut-before-token", .unavailable),
        ("wrong-json", .unavailable), ("wrong-utf8", .unavailable), ("wrong-page", .unavailable),
        ("long-line", .unavailable), ("redirect", .failedPrecondition), ("refusing", .failedPrecondition),
        ("limited-for-long", .resourceExhausted), ("no-such", .failedPrecondition),
    ]

    @Test(.timeLimit(.minutes(1))) func aModelThatFailsBeforeItsFirstTokenIsReplaced() async throws {
        let server = try await ModelServer.faulty()
        try await CompleteHerd.with(["b": try server.behaving("fine"), "c": try server.behaving("fine")]) { herd in
            for (behaviour, code) in Self.before {
                try await herd.put("a", try server.behaving(behaviour))
                let answer = await herd.complete("one two three", timeout: .seconds(10))
                #expect(answer.error == nil, "\(behaviour)")
                #expect(answer.text == "one two three", "\(behaviour)")
                #expect(answer.decision?.model == "a")
                #expect(answer.failed.map(\.model) == ["a"], "\(behaviour)")
                #expect(answer.failed.map(\.code) == [code.rawValue], "\(behaviour): \(answer.failed)")
                let finish = try #require(answer.finish?.generation)
                #expect(finish.model == "b" && finish.reason == "stop", "\(behaviour)")
                #expect(finish.attempts.first?.model == "a" && finish.attempts.last?.model == "b")
                #expect(finish.attempts.last?.code == 0)
                #expect(finish.usage?.completionTokens == 3 && finish.usage?.estimated == false)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func oneThatIsNotThereOrSaysNothingIsReplacedWithinTheDeadline() async throws {
        let server = try await ModelServer.faulty()
        try await CompleteHerd.with(["b": try server.behaving("fine")]) { herd in
            for url in [
                "http://127.0.0.1:1/v1", try server.behaving("hang-before-headers"),
                try server.behaving("hang-before-token"),
            ] {
                try await herd.put("a", url)
                let answer = await herd.complete("one two", timeout: .seconds(3))
                #expect(answer.error == nil, "\(url)")
                #expect(answer.text == "one two", "\(url)")
                #expect(answer.finish?.generation?.model == "b")
                #expect(answer.seconds < 3)
            }
            try await herd.eventually("no transfer is left") {
                try await herd.client.call(Admin.status, StatusRequest()).figures["backend_open_transfers"] == 0
            }
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: ["cut", "cut-in-event", "cut-in-good-order", "error-inside"])
    func whatWasSentStandsWhenAModelBreaksOff(behaviour: String) async throws {
        let server = try await ModelServer.faulty()
        try await CompleteHerd.with([
            "a": try server.behaving(behaviour), "b": try server.behaving("fine"),
        ]) { herd in
            let answer = await herd.complete("one two three")
            #expect(answer.text == (behaviour == "cut" ? "one two" : "one"))
            #expect(answer.failed.isEmpty)
            let error = try #require(answer.error)
            #expect(error.code == .unavailable || error.code == .dataLoss, "\(error)")
            #expect(error.message.hasSuffix("What was sent before stands."))
            let finish = try #require(answer.finish?.generation)
            #expect(finish.reason == "error" && finish.model == "a")
            #expect(finish.usage?.estimated == true && finish.usage?.completionTokens ?? 0 > 0)
            let run = try await herd.run(of: answer)
            #expect(run.code == error.code.rawValue && run.generation?.reason == "error")
            #expect(run.generation?.usage == finish.usage)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aRequestThatIsWrongIsNotTriedElsewhere() async throws {
        let server = try await ModelServer.faulty()
        try await CompleteHerd.with([
            "a": try server.behaving("refused-request"), "b": try server.behaving("fine"),
        ]) { herd in
            let answer = await herd.complete("one two three")
            #expect(answer.error?.code == .invalidArgument)
            #expect(answer.error?.message.contains("temperature must be below 2") == true)
            #expect(answer.text == "" && answer.failed.isEmpty)
            let run = try await herd.run(of: answer)
            #expect(run.code == StatusCode.invalidArgument.rawValue)
            let schema = await herd.complete("one") {
                $0.options = GenerationOptions(extraJson: Array("[1]".utf8))
            }
            #expect(schema.error?.code == .invalidArgument)
            #expect(schema.error?.message.contains("extra_json") == true, "\(schema)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func allModelsFailing() async throws {
        let server = try await ModelServer.faulty()
        try await CompleteHerd.with([
            "a": try server.behaving("failing"), "b": try server.behaving("refusing"),
            "c": try server.behaving("fine"),
        ]) { herd in
            let answer = await herd.complete("one") { $0.failover = .maxModels(2) }
            let error = try #require(answer.error)
            #expect(error.code == .unavailable)
            #expect(error.message.contains("a: ") && error.message.contains("b: "), "\(error)")
            #expect(answer.finish?.generation?.reason == "error")
            #expect(Set(answer.finish?.generation?.attempts.map(\.model) ?? []) == ["a", "b"])
            let sole = await herd.complete("one") { $0.failover = .maxModels(1) }
            #expect(sole.failed.isEmpty && sole.error?.code == .unavailable)
            let none = await herd.complete("one") { $0.failover = .maxModels(0) }
            #expect(none.error?.code == .invalidArgument && none.decision == nil)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aDeadlineEndsTheAnswer() async throws {
        let server = try await ModelServer.faulty()
        try await CompleteHerd.with([
            "a": try server.behaving("hang-between-tokens"), "b": try server.behaving("fine"),
        ]) { herd in
            let answer = await herd.complete("one two three", timeout: .seconds(2))
            #expect(answer.error?.code == .deadlineExceeded)
            #expect(answer.text == "one two")
            let run = try await herd.run(of: answer)
            #expect(run.code == StatusCode.deadlineExceeded.rawValue)
        }
    }
}
