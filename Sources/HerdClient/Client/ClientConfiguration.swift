/// How a client calls; every default is stated here.
public struct ClientConfiguration: Sendable {
    /// What the client calls itself; the server logs it. Default `herd-client`.
    public var name = "herd-client"
    /// Sent as `authorization` when connecting, for example `Bearer TOKEN`; empty sends none. Default empty.
    public var authorization = ""
    /// The deadline of a unary call that is given none. Default 30 s.
    public var defaultTimeout = Duration.seconds(30)
    /// How long one attempt to connect may take. Default 5 s.
    public var connectTimeout = Duration.seconds(5)
    /// How long a call that certainly was not started is tried again, within its deadline: while the server is away or
    /// says `not-started`. Zero gives up at the first failure. Default 2 s.
    public var retryWindow = Duration.seconds(2)
    /// The pause after the first failed attempt to connect; it doubles with every further one. Default 50 ms.
    public var minimumBackoff = Duration.milliseconds(50)
    /// The longest pause between attempts to connect. Default 2 s.
    public var maximumBackoff = Duration.seconds(2)
    /// The longest packed frame taken from the server, in bytes. Default 4 MiB.
    public var maximumFrameLength = 4 << 20
    /// How many messages of a stream the server may send ahead of the reader. Default 64.
    public var streamCredit: UInt32 = 64

    public init() {}
}
