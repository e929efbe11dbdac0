/// One exchange with one server, as `Transferring` performs it.
struct TransferRequest: Sendable {
    enum Purpose: Sendable {
        case chat(promptBytes: Int)
        /// Only the status counts.
        case probe
    }

    var purpose: Purpose
    /// What the endpoint is called in errors: its base URL.
    var endpoint: String
    var url: String
    /// Nil for a GET.
    var body: [UInt8]?
    var key: Secret?
    var caFile: String?
    var proxy: String?
    var userAgent: String
    var trace: ChatTrace?
    var deadline: MonotonicInstant
    /// When the caller turns to another model, if there is no token by then.
    var firstTokenBy = MonotonicInstant.distantFuture
    var limits: BackendLimits
}

/// What is known of an exchange that ended well.
struct TransferReport: Sendable, Equatable {
    var status: Int
    var finishReason = FinishReason.unstated
    var usage = TokenUsage(prompt: 0, completion: 0)
    var started: MonotonicInstant
    var firstToken: MonotonicInstant?
    var lastToken: MonotonicInstant?
    var ended: MonotonicInstant
    /// Whether the server had to wait for the caller, which spoils its measured rate.
    var wasPaused = false
}
