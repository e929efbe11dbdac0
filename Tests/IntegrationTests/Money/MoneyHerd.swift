import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// A herd of real processes with one model, whose answers all have the same price, and a token that may have a hundred.
struct MoneyHerd {
    /// Of an answer, in billionths of a US dollar: four tokens of a thousandth of a dollar.
    static let price: UInt64 = 4_000_000
    static let limit = 100 * price

    let herd: GuardedProcess
    let id: String
    let secret: String
    private let model: ModelServer

    /// - Parameters:
    ///   - model: speaks for the model; says four words to everybody if not given.
    ///   - prepare: as of `GuardedProcess.with`.
    static func with(
        model: ModelServer? = nil, prepare: (URL) throws -> [String: String] = { _ in [:] },
        _ body: (MoneyHerd) async throws -> Void
    ) async throws {
        try await untilThereIsTimeBeforeMidnight()
        let speaker: ModelServer
        if let model { speaker = model } else { speaker = try await ModelServer.scripted("one two three four") }
        try await GuardedProcess.with(prepare: prepare) { herd in
            let operate = try herd.client(herd.admin)
            defer { operate.close() }
            var priced = Model(name: "priced", priceOut: 1_000, outputTokens: 4)
            priced.endpoints = [Endpoint(baseUrl: speaker.baseURL, maxConcurrency: 8)]
            _ = try await operate.call(Registry.putModel, PutModelRequest(model: priced))
            _ = try await operate.call(
                Registry.putPolicy, PutPolicyRequest(policy: Policy(name: "default", defaultModel: "priced")))
            let made = try await operate.call(
                Access.createToken, CreateTokenRequest(roles: ["client"], tenant: "acme", usdPerDay: 0.4))
            try await body(
                MoneyHerd(herd: herd, id: try #require(made.token?.id), secret: made.secret, model: speaker))
        }
    }

    /// What a test spends in one day must not be looked for in the next.
    private static func untilThereIsTimeBeforeMidnight() async throws {
        let left = 86_400 - Int(Date().timeIntervalSince1970) % 86_400
        if left < 60 { try await Task.sleep(for: .seconds(left)) }
    }

    /// How a call ended.
    enum Outcome {
        case answered
        /// With the text of why, and how long to wait.
        case refused(CallError)
        case failed(CallError)
    }

    /// - Parameter maxTokens: 0 leaves the length to what is paid for: more is set aside then than the answer costs.
    static func complete(_ client: HerdClient, maxTokens: UInt32 = 4) async -> Outcome {
        let request = CompleteRequest(
            route: RouteRequest(prompt: "count to four"), options: GenerationOptions(maxTokens: maxTokens))
        do throws(CallError) {
            var iterator = client.stream(Router.complete, request, timeout: .seconds(60)).makeAsyncIterator()
            while try await iterator.next() != nil {}
            return .answered
        } catch {
            return error.code == .resourceExhausted ? .refused(error) : .failed(error)
        }
    }

    /// What the token has used today; nil where nothing.
    func usage() async throws -> UsageOfDay? {
        let operate = try herd.client(herd.admin)
        defer { operate.close() }
        let days = try await operate.call(Access.getUsage, GetUsageRequest(token: id)).days
        #expect(days.count <= 1)
        return days.first
    }

    /// What was set aside for answers of which nobody knows what they cost.
    func unsettled() async throws -> [UnsettledReservation] {
        let operate = try herd.client(herd.admin)
        defer { operate.close() }
        return try await operate.call(
            Access.getUsage, GetUsageRequest(page: Page(size: 1_000), token: id, unsettled: true)
        ).unsettled
    }
}
