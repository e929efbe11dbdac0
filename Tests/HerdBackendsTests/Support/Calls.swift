import Foundation
import HerdBackends
import HerdServer
import HerdServices
import Logging
import NIOCore
import NIOPosix
import Testing

/// Where the calls of a test are performed.
enum CallPlace: CaseIterable {
    case curlThread
    /// The router's, on which the test's own task runs, too.
    case eventLoop
}

/// A pool for one test, shut down at its end, with the proof that nothing is left.
func withPool(
    _ models: [(model: String, endpoints: [EndpointConfiguration])], on place: CallPlace = .curlThread,
    secrets: String? = nil, limits change: (inout BackendLimits) -> Void = { _ in },
    _ body: (BackendPool) async throws -> Void
) async throws {
    var configuration = BackendConfiguration()
    configuration.secretsDirectory = secrets
    change(&configuration.limits)
    guard place == .eventLoop else {
        return try await use(try BackendPool(configuration, logger: Logger(label: "test")), models, body)
    }
    let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let pool = try BackendPool(configuration, hosts: EventLoopHosts(loops), logger: Logger(label: "test"))
    try await withTaskExecutorPreference(EventLoopTaskExecutor(loops.next())) {
        try await use(pool, models, body)
    }
    try await loops.shutdownGracefully()
}

private func use(
    _ pool: BackendPool, _ models: [(model: String, endpoints: [EndpointConfiguration])],
    _ body: (BackendPool) async throws -> Void
) async throws {
    pool.update(models)
    do {
        try await body(pool)
    } catch {
        await pool.shutDown()
        throw error
    }
    try await eventually("no transfer is open, none waits") {
        let status = pool.status()
        return status.openTransfers == 0
            && status.models.allSatisfy { $0.waiting == 0 && $0.endpoints.allSatisfy { $0.running == 0 } }
    }
    await pool.shutDown()
}

/// A whole answer.
struct Answer {
    var text = ""
    var reasoning = ""
    var events: [ChatEvent] = []
    var outcome: ChatOutcome?
}

extension BackendPool {
    func ask(_ model: String, _ prompt: String, within deadline: Duration = .seconds(20)) async throws -> Answer {
        try await ask(model, ChatRequest(messages: [.init(.user, prompt)]), within: deadline)
    }

    func ask(_ model: String, _ request: ChatRequest, within deadline: Duration = .seconds(20)) async throws -> Answer {
        let stream = try await open(model: model, request, deadline: .now.advanced(by: deadline))
        return try await stream.rest()
    }
}

extension ChatStream {
    func rest() async throws -> Answer {
        var answer = Answer()
        while let batch = try await nextBatch() {
            #expect(!batch.isEmpty)
            answer.events += batch
            for case .text(let text) in batch { answer.text += text }
            for case .reasoning(let text) in batch { answer.reasoning += text }
        }
        answer.outcome = outcome
        return answer
    }
}

/// Asks again and again, with pauses, until it is so; a failure after 20 seconds.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = MonotonicInstant.now.advanced(by: .seconds(20))
    while try await !condition() {
        guard MonotonicInstant.now < deadline else {
            Issue.record(Comment(rawValue: "not so within 20 s: \(what)"))
            return
        }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// File descriptors that this process has open.
func openDescriptors() throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
}
