/// The one message that is on the wire, `herd.rpc.v1.Frame`, as a value that owns its bytes.
///
/// On the wire a frame is its packed length as a big-endian `UInt32`, then the packed message. Which fields mean
/// something depends on the kind; the others keep their defaults.
public struct Frame: Sendable, Equatable {
    /// What a frame says; kinds of later versions keep their number and are ignored.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        public static let unspecified = Kind(rawValue: 0)
        public static let hello = Kind(rawValue: 1)
        public static let request = Kind(rawValue: 2)
        public static let message = Kind(rawValue: 3)
        public static let end = Kind(rawValue: 4)
        public static let cancel = Kind(rawValue: 5)
        public static let credit = Kind(rawValue: 6)
        public static let ping = Kind(rawValue: 7)
        public static let pong = Kind(rawValue: 8)
        public static let goAway = Kind(rawValue: 9)
    }

    public var kind: Kind
    /// Which call it belongs to; 0 for HELLO, PING, PONG and GOAWAY.
    public var call: UInt64
    /// REQUEST: the path `package.Service/Method`.
    public var method: String
    /// REQUEST: what is left of the caller's deadline in microseconds; 0 takes the server's default.
    public var timeoutMicroseconds: UInt64
    /// REQUEST, MESSAGE, END: one packed protobuf message.
    public var payload: [UInt8]
    /// END, GOAWAY: how it ended.
    public var code: StatusCode
    /// END, GOAWAY: what went wrong, for a person.
    public var message: String
    public var metadata: [String: String]
    /// CREDIT: how many more MESSAGE frames may come; REQUEST: the first number, 0 stands for 64.
    public var credit: UInt32
    /// HELLO: the version of the protocol spoken; GOAWAY: the highest supported.
    public var version: UInt32

    public init(
        _ kind: Kind, call: UInt64 = 0, method: String = "", timeoutMicroseconds: UInt64 = 0, payload: [UInt8] = [],
        code: StatusCode = .ok, message: String = "", metadata: [String: String] = [:], credit: UInt32 = 0,
        version: UInt32 = 0
    ) {
        self.kind = kind
        self.call = call
        self.method = method
        self.timeoutMicroseconds = timeoutMicroseconds
        self.payload = payload
        self.code = code
        self.message = message
        self.metadata = metadata
        self.credit = credit
        self.version = version
    }
}

extension Frame {
    /// How many bytes the big-endian length before each frame takes.
    public static let lengthPrefixSize = 4

    /// The longest packed frame that is taken unless a peer is configured otherwise, in bytes: 4 MiB.
    public static let defaultMaximumLength = 4 << 20

    /// How many MESSAGE frames a REQUEST with credit 0 allows.
    public static let defaultCredit: UInt32 = 64

    /// The version of the protocol that this module speaks.
    public static let protocolVersion: UInt32 = 1
}

extension Frame.Kind: CustomStringConvertible {
    public var description: String {
        let names = [
            "UNSPECIFIED", "HELLO", "REQUEST", "MESSAGE", "END", "CANCEL", "CREDIT", "PING", "PONG", "GOAWAY",
        ]
        return rawValue < UInt32(names.count) ? names[Int(rawValue)] : "KIND_\(rawValue)"
    }
}
