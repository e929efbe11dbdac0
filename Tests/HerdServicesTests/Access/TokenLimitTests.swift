import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import HerdServices
import Testing

/// Limits of tokens, and what is charged to whom, in a guarded herd of three services.
@Suite struct TokenLimitTests {
    /// A dollar per thousand tokens written, nothing for those read.
    private static func model(_ stub: ModelStub, name: String = "one") -> Model {
        var model = Model(name: name, priceOut: 1_000)
        model.endpoints = [stub.endpoint]
        return model
    }

    private struct Limited {
        let herd: GuardedHerd
        let operate: HerdClient
        let stub: ModelStub
        let bodies: Bodies

        func token(
            _ roles: [String] = ["client"], tenant: String = "acme", rate: Double = 0, atOnce: UInt32 = 0,
            usd: Double = 0
        ) async throws -> (id: String, client: HerdClient) {
            let made = try await operate.call(
                Access.createToken,
                CreateTokenRequest(
                    roles: roles, tenant: tenant, callsPerSecond: rate, callsAtOnce: atOnce, usdPerDay: usd))
            return (try #require(made.token?.id), try herd.client(made.secret))
        }

        func usage(_ token: String) async throws -> UsageOfDay? {
            try await operate.call(Access.getUsage, GetUsageRequest(token: token)).days.last
        }
    }

    /// What the model was asked.
    private final class Bodies: Sendable {
        private let kept = NSLock()
        nonisolated(unsafe) private var bodies: [String] = []
        var all: [String] { kept.withLock { bodies } }
        func add(_ body: String) { kept.withLock { bodies.append(body) } }
    }

    private func withLimited(_ body: (Limited) async throws -> Void) async throws {
        try await withGuardedHerd { herd in
            let bodies = Bodies()
            let stub = try ModelStub { request in
                bodies.add(request)
                return request.contains("break") ? .breakOff(after: "12345678") : .text("12345678")
            }
            let operate = try herd.client(herd.admin)
            defer { operate.close() }
            _ = try await operate.call(Registry.putModel, PutModelRequest(model: Self.model(stub)))
            _ = try await operate.call(
                Registry.putPolicy, PutPolicyRequest(policy: Policy(name: "default", defaultModel: "one")))
            try await body(Limited(herd: herd, operate: operate, stub: stub, bodies: bodies))
        }
    }

    private static func complete(
        _ client: HerdClient, _ prompt: String = "say eight", maxTokens: UInt32 = 4, extra: String = "",
        metadata: [String: String] = [:]
    ) async throws -> Usage {
        var usage = Usage()
        let options = GenerationOptions(maxTokens: maxTokens, extraJson: Array(extra.utf8))
        let request = CompleteRequest(route: RouteRequest(prompt: prompt), options: options)
        for try await event in client.stream(Router.complete, request, metadata: metadata) {
            if case .finish(let finish)? = event.event { usage = finish.generation?.usage ?? Usage() }
        }
        return usage
    }

    @Test func limitsAreMadeListedChangedAndAudited() async throws {
        try await withLimited { limited in
            let (id, client) = try await limited.token(rate: 5, atOnce: 3, usd: 2.5)
            defer { client.close() }
            let listed = try await limited.operate.call(Access.listTokens, ListTokensRequest()).tokens
            let token = try #require(listed.first { $0.id == id })
            #expect(token.callsPerSecond == 5 && token.callsAtOnce == 3 && token.usdPerDay == 2.5)
            let changed = try await limited.operate.call(
                Access.setTokenLimits, SetTokenLimitsRequest(id: id, money: .usdPerDay(0.5)))
            #expect(changed.token?.callsPerSecond == 5 && changed.token?.usdPerDay == 0.5)
            let audit = try await limited.operate.call(Access.listAudit, ListAuditRequest()).entries
            let subjects = audit.filter { $0.method == Access.setTokenLimits.path }.map(\.subject)
            #expect(subjects == ["\(id): 0.5 USD per day"])
            for request in [
                SetTokenLimitsRequest(id: id, rate: .callsPerSecond(-1)),
                SetTokenLimitsRequest(id: id, rate: .callsPerSecond(.nan)),
                SetTokenLimitsRequest(id: id, rate: .callsPerSecond(.infinity)),
                SetTokenLimitsRequest(id: id, crowd: .callsAtOnce(.max)),
                SetTokenLimitsRequest(id: id, money: .usdPerDay(1e300)),
                SetTokenLimitsRequest(id: id, money: .usdPerDay(1e-9)),
            ] {
                await expectFailure(.invalidArgument) {
                    _ = try await limited.operate.call(Access.setTokenLimits, request)
                }
            }
            await expectFailure(.invalidArgument) { _ = try await limited.token(["service"], usd: 1) }
            await expectFailure(.notFound) {
                _ = try await limited.operate.call(
                    Access.setTokenLimits, SetTokenLimitsRequest(id: "aaaaaaaaaa", money: .usdPerDay(1)))
            }
        }
    }

    @Test func callsOverTheRateAreRefusedOnEveryConnection() async throws {
        try await withLimited { limited in
            let (id, client) = try await limited.token(rate: 0.001)
            let route = RouteRequest(prompt: "hello")
            defer { client.close() }
            _ = try await client.call(Router.route, route)
            do throws(CallError) {
                _ = try await client.call(Router.route, route)
                Issue.record("a second call was let through")
            } catch {
                #expect(error.code == .resourceExhausted && error.message.contains("per second"))
                let wait = try #require(error.metadata["retry-after-ms"].flatMap { Int($0) })
                #expect(wait > 900_000 && wait <= 1_000_000)
            }
            _ = try await client.call(Admin.health, HealthRequest())
            _ = try await client.call(Admin.describe, DescribeRequest())
            // Taken away, it is gone from the open connection.
            _ = try await limited.operate.call(
                Access.setTokenLimits, SetTokenLimitsRequest(id: id, rate: .callsPerSecond(0)))
            for _ in 0..<50 { _ = try await client.call(Router.route, route) }
            // And holds at once where it is set.
            _ = try await limited.operate.call(
                Access.setTokenLimits, SetTokenLimitsRequest(id: id, rate: .callsPerSecond(0.001)))
            await expectFailure(.resourceExhausted) {
                for _ in 0..<2 { _ = try await client.call(Router.route, route) }
            }
        }
    }

    @Test func answersAreChargedToTheirCaller() async throws {
        try await withLimited { limited in
            let (id, client) = try await limited.token(usd: 0.01)
            defer { client.close() }
            let usage = try await Self.complete(client)
            let row = try #require(try await limited.usage(id))
            #expect(row.tenant == "acme" && row.answers == 1 && row.limitNanoUsd == 10_000_000)
            #expect(row.promptTokens == UInt64(usage.promptTokens))
            #expect(row.completionTokens == UInt64(usage.completionTokens) && usage.completionTokens > 0)
            #expect(row.chargedNanoUsd == UInt64(usage.completionTokens) * 1_000_000)
            #expect(row.remainingNanoUsd == 10_000_000 - Int64(row.chargedNanoUsd) && row.reservedNanoUsd == 0)
            // Its money is spent: what does not fit any more is not asked for.
            let asked = limited.stub.count
            await expectFailure(.resourceExhausted) { _ = try await Self.complete(client, maxTokens: 9) }
            await expectFailure(.resourceExhausted) { _ = try await Self.complete(client, maxTokens: 11) }
            #expect(limited.stub.count == asked)
            // A broken answer costs what came of it, a failed one nothing.
            await expectFailure(.unavailable) { _ = try await Self.complete(client, "break off") }
            let broken = try #require(try await limited.usage(id))
            #expect(broken.answers == 2 && broken.chargedNanoUsd > row.chargedNanoUsd)
            #expect(broken.reservedNanoUsd == 0)
            // Its holder sees it, and nobody else's.
            _ = try await Self.complete(limited.operate)
            let own = try await client.call(Access.getUsage, GetUsageRequest(token: "other", unsettled: false))
            #expect(own.days == [broken])
            let all = try await limited.operate.call(Access.getUsage, GetUsageRequest())
            #expect(all.days.count == 2 && all.days.contains { $0.token != id && $0.limitNanoUsd == 0 })
        }
    }

    @Test func anAnswerIsAsLongAsIsPaidFor() async throws {
        try await withLimited { limited in
            // 256 tokens where the model declares nothing, at most eight times that.
            let (id, client) = try await limited.token(usd: 0.6)
            defer { client.close() }
            _ = try await Self.complete(client, maxTokens: 0)
            #expect(limited.bodies.all.last?.contains(#""max_tokens":600"#) == true, "\(limited.bodies.all)")
            _ = try await limited.operate.call(
                Access.setTokenLimits, SetTokenLimitsRequest(id: id, money: .usdPerDay(100)))
            _ = try await Self.complete(client, maxTokens: 0)
            #expect(limited.bodies.all.last?.contains(#""max_tokens":2048"#) == true, "\(limited.bodies.all)")
            _ = try await limited.operate.call(
                Access.setTokenLimits, SetTokenLimitsRequest(id: id, money: .usdPerDay(0.25)))
            await expectFailure(.resourceExhausted) { _ = try await Self.complete(client, maxTokens: 0) }
            // Nobody makes it longer behind Herd's back.
            for extra in [#"{"max_tokens": 5000}"#, #"{"Max_Completion_Tokens": 5000}"#, #"{"n": 9}"#] {
                let message = await expectFailure(.invalidArgument) {
                    _ = try await Self.complete(client, extra: extra)
                }
                #expect(message.contains("extra_json"))
            }
            _ = try await Self.complete(client, extra: #"{"top_k": 5}"#)
            // Without a limit everybody may do as before.
            let (_, free) = try await limited.token()
            defer { free.close() }
            _ = try await Self.complete(free, maxTokens: 0, extra: #"{"n": 1}"#)
            #expect(limited.bodies.all.last?.contains("max_tokens") == false)
        }
    }

    @Test func refinementIsChargedToItsCallerAndNobodyElse() async throws {
        try await withLimited { limited in
            let (id, client) = try await limited.token(usd: 100)
            let (other, stranger) = try await limited.token(usd: 100)
            defer {
                client.close()
                stranger.close()
            }
            var request = RefineRequest(route: RouteRequest(prompt: "say eight"), model: "one")
            request.options = GenerationOptions(maxTokens: 4)
            var usage = Usage()
            for try await event in client.stream(
                Router.refine, request, metadata: ["on-behalf-of": other, "tenant": "other"])
            {
                if case .step(let step)? = event.event, let result = step.result { usage = result.usage ?? usage }
            }
            let row = try #require(try await limited.usage(id))
            #expect(row.answers >= 2 && row.tenant == "acme")
            #expect(row.completionTokens == UInt64(usage.completionTokens) && usage.completionTokens > 0)
            #expect(row.chargedNanoUsd == UInt64(usage.completionTokens) * 1_000_000)
            // A client says in vain that others pay.
            _ = try await Self.complete(client, metadata: ["on-behalf-of": other])
            #expect(try await limited.usage(other) == nil)
            #expect(try await limited.usage(id)?.answers == row.answers + 1)
            // The herd's own processes say for whom they call.
            let service = try limited.herd.client(limited.herd.serviceSecret)
            defer { service.close() }
            let generate = GenerateRequest(model: "one", prompt: "say eight", options: GenerationOptions(maxTokens: 4))
            for try await _ in service.stream(
                Router.generate, generate, metadata: ["on-behalf-of": other, "tenant": "acme"])
            {}
            #expect(try await limited.usage(other)?.answers == 1)
            // A refinement that can't be paid ends with why.
            _ = try await limited.operate.call(
                Access.setTokenLimits, SetTokenLimitsRequest(id: id, money: .usdPerDay(0.000001)))
            await expectFailure(.resourceExhausted) {
                for try await _ in client.stream(Router.refine, request) {}
            }
        }
    }
}
