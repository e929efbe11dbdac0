/// Why a call failed: what a handler throws to answer with that code, and what a caller catches.
public struct CallError: Error, Sendable {
    /// What kind of failure it is; never `ok`.
    public var code: StatusCode
    /// What went wrong and what would help, for a person; it travels to the caller, so it holds no secret.
    public var message: String
    /// Facts for programs, for example `retry-after-ms` or `not-started`; it travels to the caller too.
    public var metadata: [String: String]
    /// What caused it; stays in the process, for its log.
    public var cause: (any Error)?

    public init(
        _ code: StatusCode, _ message: String, metadata: [String: String] = [:], cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.metadata = metadata
        self.cause = cause
    }
}

extension CallError {
    /// The metadata key by which a server says that it did not start a call, so that any client may repeat it.
    public static let notStartedKey = "not-started"

    /// Whether the server, which stops or has too much to do, promises that it did nothing for the call.
    public var isNotStarted: Bool {
        (code == .unavailable || code == .resourceExhausted) && metadata[Self.notStartedKey] == "1"
    }
}

extension CallError: CustomStringConvertible {
    public var description: String {
        message.isEmpty ? code.description : "\(code): \(message)"
    }
}
