import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// What callers of the router see of endpoints that rest, hang or cannot be trusted.
@Suite(
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct EndpointTroubleTests {
    private static func figures(_ herd: CompleteHerd) async throws -> [String: Double] {
        try await herd.client.call(Admin.status, StatusRequest()).figures
    }

    private static func generate(_ herd: CompleteHerd, _ model: String) async -> Result<String, CallError> {
        var text = ""
        do {
            for try await event in herd.client.stream(Router.generate, GenerateRequest(model: model, prompt: "x")) {
                if case .delta(let piece)? = event.event { text += piece }
            }
            return .success(text)
        } catch {
            return .failure(error)
        }
    }

    @Test(.timeLimit(.minutes(1))) func whenToComeAgainIsToldWhileAnEndpointRests() async throws {
        let server = try await ModelServer.faulty()
        let configuration = "  backends:\n    max_queue: 2\n    max_concurrency: 1\n"
        try await CompleteHerd.with(
            ["a": try server.behaving("limited-for-long")], configuration: configuration
        ) { herd in
            // The first is told by the server, the second by the router, which asks nobody.
            for sentence in ["status 429", "asked for a pause"] {
                let answer = await herd.complete("one") { $0.failover = .maxModels(1) }
                let error = try #require(answer.error)
                #expect(error.code == .resourceExhausted && error.message.contains(sentence), "\(error)")
                let pause = try #require(error.metadata["retry-after-ms"].flatMap { Int($0) })
                #expect((3_400_000...3_600_000).contains(pause), "\(error)")
            }
            // Where the pause is short, calls wait for its end, as many as the queue takes.
            try await herd.put("b", try server.behaving("limited-a-while.queue"))
            let waiting = (0..<2).map { _ in Task { await Self.generate(herd, "b") } }
            try await herd.eventually("two wait") { try await Self.figures(herd)["backend_waiting"] == 2 }
            guard case .failure(let error) = await Self.generate(herd, "b") else {
                Issue.record("a third was not refused")
                return
            }
            #expect(error.code == .resourceExhausted && error.message.contains("no more calls can wait"), "\(error)")
            var answers: Set<String> = []
            for call in waiting { answers.insert(try await call.value.get()) }
            #expect(answers == ["2", "3"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func aServerThatCannotBeTrustedIsReplaced() async throws {
        let server = try await ModelServer.faulty()
        try await CompleteHerd.with(
            ["b": try server.behaving("fine")], configuration: "  secrets_dir: \(try server.folder)\n"
        ) { herd in
            for (port, reason) in [("expired", "certificate has expired"), ("other", "cannot be trusted")] {
                let url = try server.behaving("fine", port: port, scheme: "https")
                try await herd.put("a", url) { $0.endpoints[0].caFile = "ca.pem" }
                let alone = await herd.complete("one two") { $0.failover = .maxModels(1) }
                #expect(alone.error?.code == .unavailable, "\(alone)")
                #expect(alone.error?.message.contains(reason) == true, "\(alone)")
                let answer = await herd.complete("one two")
                #expect(answer.text == "one two" && answer.failed.map(\.model) == ["a"], "\(answer)")
            }
            try await herd.put("a", try server.behaving("fine", port: "good", scheme: "https")) {
                $0.endpoints[0].caFile = "ca.pem"
            }
            let answer = await herd.complete("one two")
            #expect(answer.text == "one two" && answer.failed.isEmpty, "\(answer)")
            // A redirect is followed by nobody, with whatever the place is called.
            try await herd.put("a", try server.behaving("redirect"))
            let redirected = await herd.complete("one") { $0.failover = .maxModels(1) }
            #expect(redirected.error?.code == .failedPrecondition)
            #expect(redirected.error?.message.contains("elsewhere.invalid") == true)
            #expect(redirected.error?.message.contains("hidden") == false)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aModelThatHangsIsSlowAndLeftAloneUntilItIsWellAgain() async throws {
        let server = try await ModelServer.faulty()
        let configuration = "  backends:\n    breaker_failures: 1\n    breaker_pause: 60\n"
        try await CompleteHerd.with(
            ["b": try server.behaving("fine")], configuration: configuration
        ) { herd in
            func latency() async throws -> Double {
                let reply = try await herd.client.call(Router.route, RouteRequest(prompt: "one two"))
                return try #require(reply.candidates.first { $0.model == "a" }).latencySeconds
            }
            func put(_ behaviour: String) async throws {
                try await herd.put("a", try server.behaving(behaviour)) {
                    $0.firstTokenSeconds = 0.01
                    $0.tokensPerSecond = 1_000_000
                }
            }
            try await put("hang-before-token")
            let declared = try await latency()
            let first = await herd.complete("one two", timeout: .seconds(3))
            #expect(first.text == "one two" && first.finish?.generation?.model == "b" && first.seconds > 1)
            // A 6th of a single sample of 1.5 s.
            try await herd.eventually("it counts as slow") { try await latency() > declared + 0.1 }
            let next = await herd.complete("one two", timeout: .seconds(3))
            #expect(next.text == "one two" && next.seconds < 1, "\(next)")
            #expect(try await Self.figures(herd)["backend_breakers_open"] == 1)
            try await put("fine")
            try await herd.eventually("what was measured of the other server is forgotten") {
                try await latency() <= declared + 0.05
            }
            let well = await herd.complete("one two")
            #expect(well.text == "one two" && well.finish?.generation?.model == "a")
        }
    }

    @Test(.timeLimit(.minutes(1))) func answersThatAreTooLongOrTakenBackAreNotTheEndpointsFault() async throws {
        let server = try await ModelServer.faulty()
        let configuration = "  backends:\n    breaker_failures: 2\n    max_answer_bytes: 65536\n"
        try await CompleteHerd.with(
            ["a": try server.behaving("flood"), "b": try server.behaving("hang-between-tokens")],
            configuration: configuration
        ) { herd in
            for _ in 0..<3 {
                let answer = await herd.complete("one")
                #expect(answer.error?.code == .resourceExhausted && !answer.text.isEmpty, "\(answer)")
                #expect(answer.error?.message.contains("max_answer_bytes") == true)
                #expect(answer.finish?.generation?.reason == "error")
            }
            let before = try await Self.figures(herd)
            #expect(before["backend_breakers_open"] == 0 && before["backend_failed_answers"] == 3)
            let (pieces, heard) = AsyncStream.makeStream(of: Void.self)
            let reading = Task {
                for try await event in herd.client.stream(
                    Router.generate, GenerateRequest(model: "b", prompt: "x"))
                {
                    if case .delta? = event.event { heard.yield() }
                }
            }
            for await _ in pieces { break }
            reading.cancel()
            _ = await reading.result
            try await herd.eventually("it is counted") {
                try await Self.figures(herd)["backend_cancelled_answers"] == 1
            }
            let after = try await Self.figures(herd)
            #expect(after["backend_failed_answers"] == 3 && after["backend_answers"] == 0)
        }
    }
}
