import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// The wall clock jumps, both ways, while a herd works: what is counted in dates follows it, what is counted in durations
/// does not notice.
@Suite(
    .serialized,
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct ClockTests {
    private static let day: Int64 = 86_400

    @Test("tokens, days of money, ids and deadlines while the clock jumps", .timeLimit(.minutes(1)))
    func jumps() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-clock-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let clock = try JumpingClock(in: folder)
        let hanging = try await ModelServer.scripted("begun...")
        try await MoneyHerd.with(prepare: { _ in clock.environment }) { money in
            let operate = try money.herd.client(money.herd.admin)
            defer { operate.close() }
            let client = try money.herd.client(money.secret)
            defer { client.close() }
            var slow = Model(name: "slow", free: true)
            slow.endpoints = [Endpoint(baseUrl: hanging.baseURL)]
            _ = try await operate.call(Registry.putModel, PutModelRequest(model: slow))
            _ = try await operate.call(
                Registry.putPolicy, PutPolicyRequest(policy: Policy(name: "slow", defaultModel: "slow")))
            let made = try await operate.call(
                Access.createToken, CreateTokenRequest(roles: ["client"], validMs: 3_600_000))
            let brief = try money.herd.client(made.secret)
            defer { brief.close() }

            var decisions: [String] = []
            func route() async throws {
                let reply = try await operate.call(
                    Router.route, RouteRequest(prompt: "what time is it?", constraints: Constraints(allow: ["priced"])))
                decisions.append(reply.decisionId)
                _ = try await operate.call(
                    Router.feedback, FeedbackRequest(decisionId: reply.decisionId, outcome: 1))
            }
            func isLetIn() async -> Bool {
                let request = RouteRequest(prompt: "in?", constraints: Constraints(allow: ["priced"]))
                return (try? await brief.call(Router.route, request, timeout: .seconds(5))) != nil
            }
            func answered() async throws -> Int {
                var count = 0
                while case .answered = await MoneyHerd.complete(client) {
                    count += 1
                    try #require(count <= 100)
                }
                return count
            }

            // Half of the day's money; a token of an hour is good.
            for _ in 0..<50 {
                guard case .answered = await MoneyHerd.complete(client) else {
                    Issue.record("no answer")
                    return
                }
            }
            try await route()
            #expect(await isLetIn())

            // A call is open while the clock goes a day ahead, and back by two.
            let start = ContinuousClock.now
            let open = Task { () -> StatusCode in
                let request = CompleteRequest(route: RouteRequest(prompt: "hang", policy: "slow"))
                do throws(CallError) {
                    for try await _ in operate.stream(Router.complete, request, timeout: .seconds(3)) {}
                    return .ok
                } catch {
                    return error.code
                }
            }
            try clock.set(Self.day)
            try await route()
            // Whoever is connected is looked at once a second.
            try await eventually("the token has expired") { await !isLetIn() }
            // A new day has all of its money.
            #expect(try await answered() == 100)

            try clock.set(-Self.day)
            try await route()
            #expect(await isLetIn(), "it has not expired yet")
            // Going back brings no money: the later day's is spent.
            #expect(try await answered() == 0)
            let health = try await operate.call(Admin.health, HealthRequest())
            #expect(health.state == .serving || health.state == .degraded)

            try clock.set(0)
            try await route()
            #expect(try await answered() == 0)
            #expect(await open.value == .deadlineExceeded)
            let took = ContinuousClock.now - start
            #expect(took > .seconds(2.9), "the deadline is counted on another clock: \(took)")

            #expect(Set(decisions).count == decisions.count && decisions == decisions.sorted(), "\(decisions)")
            for id in decisions {
                let found = try await operate.call(Router.getDecision, GetDecisionRequest(decisionId: id))
                #expect(found.decision?.outcomes.count == 1)
            }
            // A process that starts in the past goes on where the one before was.
            try clock.set(-Self.day)
            let before = money.herd.daemon
            #expect(await Blocking.onThread { before.terminate() } == 0)
            try await money.herd.startAgain()
            let again = try money.herd.client(money.herd.admin)
            defer { again.close() }
            let reply = try await again.call(
                Router.route, RouteRequest(prompt: "and now?", constraints: Constraints(allow: ["priced"])))
            #expect(reply.decisionId > decisions.last ?? "")
            for id in decisions {
                let found = try await again.call(Router.getDecision, GetDecisionRequest(decisionId: id))
                #expect(found.decision != nil)
            }
        }
    }
}
