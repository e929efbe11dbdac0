import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// SIGTERM while streams run: each gets one END that says so, what was acknowledged is kept, the process ends with 0.
@Suite(
    .serialized,
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct EndingTests {
    @Test("each of many streams gets exactly one honest END", .timeLimit(.minutes(1)))
    func endings() async throws {
        let model = try await ModelServer.scripted("one two three four")
        let slow = try await ModelServer.scripted("begun...")
        try await RestartHerd.with(model: model, slow: slow, drainSeconds: 1) { herd in
            let client = try herd.client()
            let reply = try await client.call(Router.route, RouteRequest(prompt: "keep this"))
            _ = try await client.call(Router.feedback, FeedbackRequest(decisionId: reply.decisionId, outcome: 0.25))
            let router = herd.daemon(.router)
            let port = try #require(router.addresses["router"]).port
            let hang = CompleteRequest(route: RouteRequest(prompt: "hang", constraints: Constraints(allow: ["c"])))
            let told: Result<([Frame], Int32), any Error> = await Blocking.onThread {
                Result {
                    let socket = try FrameSocket(port: port)
                    let streams = (0..<20).map { _ in socket.request("herd.v1.Router/Complete", hang.pack()) }
                    let watch = socket.request("herd.v1.Registry/WatchModels", WatchModelsRequest().pack())
                    try socket.send(streams + [watch])
                    // All have begun: an answer's first words, and the watch's first event.
                    var begun = Set<UInt64>()
                    while begun.count < 21 {
                        let frame = try socket.receive()
                        guard frame.kind == .message else { throw DaemonFailure(description: "\(frame)") }
                        let event = frame.call == watch.call ? nil : try CompleteEvent(packed: frame.payload)
                        if case .delta? = event?.event { begun.insert(frame.call) }
                        if event == nil { begun.insert(frame.call) }
                    }
                    router.process.terminate()
                    let rest = try socket.receiveAll(late: [socket.request("herd.v1.Admin/Health", [])])
                    router.process.waitUntilExit()
                    return (rest, router.process.terminationStatus)
                }
            }
            let (frames, status) = try told.get()
            #expect(status == 0)
            let goodbyes = frames.filter { $0.kind == .goAway }
            #expect(goodbyes.count == 1 && goodbyes.first?.code == .ok)
            let ends = frames.filter { $0.kind == .end }
            #expect(Set(ends.map(\.call)).count == ends.count, "nobody is told twice")
            // The watch at once, the streams once their time is over, and one that came too late.
            #expect(ends.count == 22 && ends.allSatisfy { $0.code == .unavailable })
            let notStarted = ends.filter { $0.metadata[CallError.notStartedKey] == "1" }
            #expect(notStarted.count == 1)

            try await herd.start(.router)
            let kept = try await client.call(Router.getDecision, GetDecisionRequest(decisionId: reply.decisionId))
            #expect(kept.decision?.outcomes.first?.outcome == 0.25)
            client.close()
        }
    }
}
