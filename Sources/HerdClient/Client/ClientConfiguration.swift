import HerdFrames
import HerdTransport

/// How a client calls; every default is stated here.
public struct ClientConfiguration: Sendable {
    // MARK: Who calls

    /// What the client calls itself; the server logs it. Default `herd-client`.
    public var name = "herd-client"
    /// Sent as `authorization` when connecting, for example `Bearer TOKEN`; empty sends none. Default empty.
    public var authorization = ""
    /// A file whose first line is the token to show, in place of `authorization`; read for each connection, so that it
    /// can be replaced. Default empty: none.
    public var tokenFile = ""
    /// Encrypts connections, those to Unix sockets excepted; nil goes without. Default nil.
    public var transportSecurity: TransportSecurity?
    /// Whether a call that belongs to no trace begins one (W3C `traceparent`, sampled). Default false.
    public var startsTraces = false

    // MARK: How long

    /// The deadline of a unary call that is given none. Default 30 s.
    public var defaultTimeout = Duration.seconds(30)
    /// How long one attempt to connect may take, and after it the server's HELLO. Default 5 s.
    public var connectTimeout = Duration.seconds(5)
    /// How long a call looks for a server, within its deadline, while none can be reached or it is to be made again.
    /// Zero gives up when no server is there that it was not tried on. Default 2 s.
    public var retryWindow = Duration.seconds(2)
    /// For how long a server that said that it stops (GOAWAY) is expected back: calls that find no other look for it until
    /// then, within their deadlines, be `retryWindow` shorter. Longer than a server's drain and its start take. Default 20 s.
    public var restartWindow = Duration.seconds(20)
    /// The longest pause after the first failed attempt to connect; it doubles with every further one, and the pause is
    /// chosen at random below it. Default 50 ms.
    public var minimumBackoff = Duration.milliseconds(50)
    /// The longest pause between attempts to connect. Default 1 s.
    public var maximumBackoff = Duration.seconds(1)
    /// After so long without a byte from a server that has open calls it is sent a PING. Default 15 s.
    public var keepAliveInterval = Duration.seconds(15)
    /// How long a server may take to answer a PING until its connection counts as lost. Default 10 s.
    public var keepAliveTimeout = Duration.seconds(10)
    /// How often `HerdClient.run` asks each server for its Health. Default 5 s.
    public var healthInterval = Duration.seconds(5)
    /// How long Health may take until the server gets no calls while others are there. Default 2 s.
    public var healthTimeout = Duration.seconds(2)

    // MARK: How often

    /// How many times one call that a server has got may be made again. Default 3.
    public var maximumRetries = 3
    /// How many calls may be made again, per call made. Default 0.2.
    public var retryRatio = 0.2
    /// How many calls per second may be made again besides; ten seconds of it can be saved up. Default 10.
    public var minimumRetriesPerSecond = 10

    // MARK: How much

    /// The most connections to one server; a further one is made when the others have open calls. Default 1.
    public var connectionsPerEndpoint = 1
    /// The most calls that are open or wait on one connection; one more fails with RESOURCE_EXHAUSTED. A server takes
    /// 1,024 at once as a rule. Default 16,384.
    public var maximumCallsPerConnection = 16_384
    /// The longest packed frame taken from the server, in bytes. Default 4 MiB.
    public var maximumFrameLength = 4 << 20
    /// How many messages of a stream the server may send ahead of the reader. Default 64.
    public var streamCredit: UInt32 = 64

    /// Gives `authorization` anew for each connection; nil leaves it to `tokenFile` and `authorization`.
    package var authorizationSource: (@Sendable () -> String)?

    public init() {}
}

extension ClientConfiguration {
    /// The metadata of HELLO.
    var greeting: [String: String] {
        var greeting = [HelloKey.client: name]
        if !authorization.isEmpty { greeting[HelloKey.authorization] = authorization }
        return greeting
    }

    /// What is found out for each connection anew; nil for nothing.
    var connectionSecurity: ConnectionSecurity? {
        guard authorizationSource != nil || !tokenFile.isEmpty || transportSecurity != nil else { return nil }
        let (source, file) = (authorizationSource, tokenFile)
        var credential: (@Sendable () throws -> [String: String])?
        if let source {
            credential = { [HelloKey.authorization: source()] }
        } else if !file.isEmpty {
            credential = {
                do throws(SecretFileError) {
                    return [HelloKey.authorization: "Bearer \(try SecretFile.line(at: file))"]
                } catch {
                    throw CallError(.unauthenticated, "the token file \(error)", cause: error)
                }
            }
        }
        return ConnectionSecurity(tls: transportSecurity.map { ClientTLS(ClientTLSFiles($0)) }, credential: credential)
    }

    var connectionLimits: ConnectionLimits {
        ConnectionLimits(maximumFrameLength: maximumFrameLength, helloTimeout: connectTimeout.timeAmount)
    }

    var keepAlive: KeepAlive {
        KeepAlive(
            interval: max(keepAliveInterval, .milliseconds(1)).timeAmount,
            timeout: max(keepAliveTimeout, .milliseconds(1)).timeAmount)
    }
}
