/// The attempts of one call at one model's endpoints: what was tried, and whether to try once more. Pure but for chance.
package struct ChatAttempts {
    let model: String
    let request: ChatRequest
    let deadline: MonotonicInstant
    /// When the first token has to be there.
    let firstTokenBy: MonotonicInstant
    let began: MonotonicInstant
    private let limits: BackendLimits
    /// Those that failed.
    package private(set) var made: [ChatAttempt] = []
    /// Which endpoints to ask next.
    package private(set) var preference = EndpointSet.Preference()
    private var last: BackendError?
    private var bodies: [String: [UInt8]] = [:]

    package init(
        model: String, _ request: ChatRequest, deadline: MonotonicInstant, firstTokenBy: MonotonicInstant? = nil,
        _ limits: BackendLimits, now: MonotonicInstant = .now
    ) {
        self.model = model
        self.request = request
        self.deadline = deadline
        self.firstTokenBy = min(deadline, firstTokenBy ?? deadline)
        self.limits = limits
        began = now
    }

    /// The request for an endpoint; written once for endpoints that call the model the same.
    mutating func body(for endpoint: EndpointConfiguration) throws(BackendError) -> [UInt8] {
        if let body = bodies[endpoint.modelName] { return body }
        let body: [UInt8]
        do throws(ChatRequest.Invalid) {
            body = try request.body(model: endpoint.modelName)
        } catch {
            throw BackendError(.invalidRequest(field: error.field), "The request cannot be sent: \(error)")
        }
        guard body.count <= limits.maximumRequestBytes else {
            throw BackendError(
                .invalidRequest(field: "messages"),
                "The request cannot be sent: it has \(body.count) bytes, at most \(limits.maximumRequestBytes) may be.")
        }
        bodies[endpoint.modelName] = body
        return body
    }

    /// Notes a failure.
    ///
    /// - Returns: the pause before it asks for leave to make the next attempt, nil where there should be none.
    package mutating func failed(
        _ error: BackendError, at grant: EndpointSet.Grant, of members: [EndpointSet.Member], seconds: Double,
        now: MonotonicInstant, chance: Double = .random(in: 0..<1)
    ) -> Duration? {
        made.append(ChatAttempt(endpoint: grant.configuration.baseURL, seconds: seconds, error))
        last = error
        switch error.retryScope {
        case .nowhere: return nil
        case .elsewhere: preference.excluded.append(grant.endpoint)
        case .anywhere: preference.avoided.append(grant.endpoint)
        }
        guard made.count < limits.maximumAttempts, now < firstTokenBy else { return nil }
        let left = members.map(\.id).filter { !preference.excluded.contains($0) }
        guard !left.isEmpty else { return nil }
        // A fresh endpoint is asked at once; one that failed is given time.
        guard left.allSatisfy(preference.avoided.contains) else { return .zero }
        var pause = Self.pause(after: made.count - 1, limits, chance: chance)
        if case .status(_, let asked?) = error.kind, left == [grant.endpoint] {
            guard asked <= limits.longestRetryAfter.inSeconds,
                now.advanced(by: Duration(clampingSeconds: asked)) < firstTokenBy
            else { return nil }
            // The endpoint rests until then, and the call waits in the queue like all others.
            pause = .zero
        }
        return now.advanced(by: pause) < firstTokenBy ? pause : nil
    }

    /// After `failures` earlier ones and one more: doubling, half of it at random ("equal jitter").
    static func pause(after failures: Int, _ limits: BackendLimits, chance: Double) -> Duration {
        let doubled = limits.firstPause.inSeconds * Double(1 << min(max(0, failures), 30))
        return Duration(clampingSeconds: min(doubled, limits.longestPause.inSeconds) * (0.5 + 0.5 * chance))
    }

    /// The failure to tell the caller, with all attempts.
    func final(_ error: BackendError) -> BackendError {
        var error = error
        error.attempts = made
        return error
    }

    /// All endpoints rest or are broken, the first of them until then.
    func error(_ kind: BackendError.Kind, until: MonotonicInstant?, now: MonotonicInstant = .now) -> BackendError {
        var error = error(kind)
        guard let until, error.kind == kind else { return error }
        let seconds = now.seconds(to: until)
        error.retryAfterSeconds = seconds
        if kind == .overloaded {
            error.message =
                "All endpoints of \(model) asked for a pause, the first of them for \(Int(seconds.rounded(.up))) s more. "
                + "Call again then."
        }
        return error
    }

    /// The time is over, for another attempt or for the whole call.
    func timeout(now: MonotonicInstant = .now) -> BackendError {
        error(.timeout(deadline <= now ? .total : .firstToken))
    }

    /// A failure of the call as a whole. Where an attempt has failed before, that says more than that there is none left.
    func error(_ kind: BackendError.Kind) -> BackendError {
        switch kind {
        case .overloaded, .breakerOpen, .unknownModel, .timeout: if let last { return final(last) }
        default: break
        }
        let message =
            switch kind {
            case .overloaded:
                "All endpoints of \(model) are busy, and no more calls can wait. Call again later."
            case .breakerOpen: "All endpoints of \(model) failed too often lately and rest for a while."
            case .unknownModel: "No endpoint is registered for the model \(model)."
            case .timeout(.firstToken):
                "\(model) did not begin to answer in its share of the call's time: its endpoints were busy."
            case .timeout: "The call's deadline passed while it waited for an endpoint of \(model)."
            default: "The call of \(model) was cancelled."
            }
        return BackendError(kind, message, attempts: made)
    }
}
