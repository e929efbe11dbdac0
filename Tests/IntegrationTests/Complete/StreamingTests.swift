import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// Complete over real llama.cpp servers.
@Suite(
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct StreamingTests {
    private static func copying(_ request: inout CompleteRequest) {
        request.options = GenerationOptions(
            samplingTemperature: .temperature(0), randomness: .seed(0), maxTokens: 24)
    }

    /// An answer that takes many seconds.
    private static func endless(_ request: inout CompleteRequest) {
        copying(&request)
        request.options?.maxTokens = 60_000
        request.options?.extraJson = Array(#"{"ignore_eos": true}"#.utf8)
    }

    @Test(.timeLimit(.minutes(1))) func anAnswerStreamsAndIsLogged() async throws {
        let server = try await ModelServer.llama("tiny-copy")
        try await CompleteHerd.with(["a": server.baseURL]) { herd in
            let answer = await herd.complete("Repeat after me: shepherd") {
                Self.copying(&$0)
                $0.route?.session = "s"
            }
            #expect(answer.error == nil && answer.text == "shepherd")
            let finish = try #require(answer.finish)
            let generation = try #require(finish.generation)
            #expect(finish.decisionId == answer.decision?.decisionId && !finish.switched)
            #expect(generation.reason == "stop" && generation.model == "a" && generation.endpoint == server.baseURL)
            let usage = try #require(generation.usage)
            // A byte is a token to these models, and the end mark is one.
            #expect(usage.completionTokens == 9 && !usage.estimated && !usage.costEstimated)
            let cost = (Double(usage.promptTokens) * 1 + Double(usage.completionTokens) * 2) / 1e6
            #expect(abs(usage.costUsd - cost) < 1e-12)
            #expect(generation.firstTokenSeconds > 0 && generation.seconds >= generation.firstTokenSeconds)
            let run = try await herd.run(of: answer)
            #expect(run.code == 0 && run.generation == generation)
            // What was measured counts from the next second on, under a revision of its own.
            try await herd.eventually("the latency is measured") {
                let reply = try await herd.client.call(Router.route, RouteRequest(prompt: "Repeat after me: x"))
                return reply.measurementRevision == 1 && reply.candidates[0].latencySeconds < 10
            }
            let ctl = try await Programs.run(
                Programs.herdctl, ["complete", "Repeat after me: shepherd", "--temperature", "0"],
                environment: ["HERD_ADDRESS": try herd.daemon.address("router")])
            #expect(ctl.status == 0 && ctl.output == "shepherd\n" && ctl.errors.contains("a: stop"), "\(ctl)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func takingTheCallBackFreesTheSlot() async throws {
        let server = try await ModelServer.llama("tiny-copy", slots: 2, endless: true)
        try await CompleteHerd.with(["a": server.baseURL]) { herd in
            var times: [Double] = []
            for round in 0..<5 {
                var request = CompleteRequest(route: RouteRequest(prompt: "Repeat after me: shepherd"))
                Self.endless(&request)
                let asked = request
                let client = try herd.daemon.client("router")
                let (pieces, heard) = AsyncStream.makeStream(of: Void.self)
                let reading = Task {
                    for try await event in client.stream(Router.complete, asked) {
                        if case .delta? = event.event { heard.yield() }
                    }
                }
                for await _ in pieces { break }
                #expect(try await Blocking.onThread { Result { try server.busySlots() } }.get() == 1)
                let started = ContinuousClock.now
                // By CANCEL, and by the end of the connection.
                if round % 2 == 0 { reading.cancel() } else { client.close() }
                let freed = await Blocking.onThread {
                    Result {
                        while try server.busySlots() > 0, ContinuousClock.now < started + .seconds(10) {}
                        return (ContinuousClock.now - started) / .seconds(1)
                    }
                }
                times.append(try freed.get())
                _ = await reading.result
                client.close()
            }
            times.sort()
            print("the slot is free after \(times.map { "\(($0 * 10_000).rounded() / 10) ms" })")
            #expect(times[times.count / 2] < 0.05)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aServerThatIsKilledInsideAnAnswer() async throws {
        let server = try await ModelServer.llama("tiny-copy", slots: 2, endless: true)
        try await CompleteHerd.with(["a": server.baseURL]) { herd in
            var request = CompleteRequest(route: RouteRequest(prompt: "Repeat after me: shepherd"))
            Self.endless(&request)
            var text = ""
            var finish: CompleteFinish?
            let error = await #expect(throws: CallError.self) {
                for try await event in herd.client.stream(Router.complete, request) {
                    if case .delta(let piece)? = event.event {
                        if text.isEmpty { server.kill() }
                        text += piece
                    }
                    if case .finish(let last)? = event.event { finish = last }
                }
            }
            #expect(error?.code == .unavailable && error?.message.hasSuffix("What was sent before stands.") == true)
            #expect(!text.isEmpty && finish?.generation?.reason == "error")
        }
    }

    @Test(.timeLimit(.minutes(2))) func fourHundredAtATime() async throws {
        let server = try await ModelServer.llama("tiny-copy", slots: 8)
        // Four hundred at once are more than is let in while the machine has other work.
        let configuration = "  backends:\n    max_concurrency: 64\nserver:\n  queue_delay: 0\n"
        try await CompleteHerd.with(["a": server.baseURL], configuration: configuration) { herd in
            let file = ProjectPython.root.appending(path: "Demo/models/words.txt")
            let words = try String(contentsOf: file, encoding: .utf8).split(whereSeparator: \.isWhitespace)
                .map(String.init).filter { (5...9).contains($0.count) }
            var known: [String] = []
            for word in words where known.count < 40 {
                let answer = await herd.complete("Repeat after me: \(word)", Self.copying)
                if answer.text == word { known.append(word) }
            }
            try #require(known.count >= 20, "tiny-copy cannot copy")
            let (memory, files) = (try herd.residentBytes(), try herd.openFiles())
            let wrong = await withTaskGroup(of: String?.self) { group in
                for index in 0..<400 {
                    let word = known[index % known.count]
                    group.addTask {
                        let answer = await herd.complete(
                            "Repeat after me: \(word)", timeout: .seconds(90), Self.copying)
                        let isRight = answer.error == nil && answer.text == word && answer.finish != nil
                        return isRight ? nil : "\(word): \(answer)"
                    }
                }
                return await group.reduce(into: [String]()) { wrong, answer in
                    if let answer { wrong.append(answer) }
                }
            }
            #expect(wrong.isEmpty, "\(wrong.count) of 400: \(wrong.first ?? "")")
            let grown = try herd.residentBytes() - memory
            print("400 streams took \(grown >> 10) KiB more memory")
            #expect(grown < 100 << 20)
            try await herd.eventually("the connections to the server are closed") {
                try herd.openFiles() <= files + 8
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aReaderThatStopsHoldsUpNobodyAndTakesNoMemory() async throws {
        let llama = try await ModelServer.llama("tiny-copy")
        let faulty = try await ModelServer.faulty()
        try await CompleteHerd.with(["a": llama.baseURL, "b": try faulty.behaving("flood")]) { herd in
            // A flood without end, of which one message is read.
            let stalled = try herd.daemon.client("router")
            defer { stalled.close() }
            var flood = stalled.stream(
                Router.generate, GenerateRequest(model: "b", prompt: "flow")
            ).makeAsyncIterator()
            _ = try await flood.next()
            for _ in 0..<20 {
                let answer = await herd.complete("Repeat after me: shepherd", Self.copying)
                #expect(answer.text == "shepherd")
            }
            let memory = try herd.residentBytes()
            for _ in 0..<100 {
                let answer = await herd.complete("Repeat after me: shepherd", Self.copying)
                #expect(answer.text == "shepherd")
            }
            let grown = try herd.residentBytes() - memory
            print("with a reader that stands still, 100 answers took \(grown >> 10) KiB more memory")
            #expect(grown < 16 << 20)
            #expect(try await flood.next() != nil)
        }
    }
}
