/// How a call ended: the gRPC status codes 0...16, and any other number a later version may send.
///
/// The meanings are those of <https://grpc.io/docs/guides/status-codes/>.
public struct StatusCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static let ok = StatusCode(rawValue: 0)
    /// The caller took the call back.
    public static let cancelled = StatusCode(rawValue: 1)
    public static let unknown = StatusCode(rawValue: 2)
    /// The request is wrong whatever the state of the server; the message names the field and what is allowed.
    public static let invalidArgument = StatusCode(rawValue: 3)
    /// Time ran out first; a call that changes something may have done so.
    public static let deadlineExceeded = StatusCode(rawValue: 4)
    public static let notFound = StatusCode(rawValue: 5)
    public static let alreadyExists = StatusCode(rawValue: 6)
    public static let permissionDenied = StatusCode(rawValue: 7)
    /// A limit was met: frame length, open calls, memory, money.
    public static let resourceExhausted = StatusCode(rawValue: 8)
    /// The request is right but the server's state does not allow it.
    public static let failedPrecondition = StatusCode(rawValue: 9)
    public static let aborted = StatusCode(rawValue: 10)
    public static let outOfRange = StatusCode(rawValue: 11)
    public static let unimplemented = StatusCode(rawValue: 12)
    /// Something is broken on the answering side; its log says what.
    public static let `internal` = StatusCode(rawValue: 13)
    /// Nobody answers right now; the call may be tried again if it is idempotent or was not started.
    public static let unavailable = StatusCode(rawValue: 14)
    public static let dataLoss = StatusCode(rawValue: 15)
    public static let unauthenticated = StatusCode(rawValue: 16)

    private static let names = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
        "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ]
}

extension StatusCode: CustomStringConvertible {
    /// The name in gRPC's spelling, `DEADLINE_EXCEEDED`; `CODE_42` for a number without one.
    public var description: String {
        rawValue < UInt32(Self.names.count) ? Self.names[Int(rawValue)] : "CODE_\(rawValue)"
    }
}
