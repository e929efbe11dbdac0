import Glibc
import HerdFrames
import HerdMessages
import HerdServer
import HerdServices
import HerdTransport
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import RandomMessages

extension FuzzTarget {
    /// A router's server with tokens, over a connection in memory: whoever has not shown a token in force gets nothing but
    /// refusals, nobody gets into a method their roles do not open, and the tenant is the token's.
    ///
    /// The first byte sets the size of the pieces that the stream comes in.
    static let hello = FuzzTarget(name: "hello") { bytes in
        guard let first = bytes.first else { return nil }
        let stream = Array(bytes.dropFirst())
        let server = GuardedServer.take()
        defer { server.giveBack() }
        server.connect()
        let size = first == 0 ? max(1, stream.count) : Int(first)
        for start in stride(from: 0, to: stream.count, by: size) {
            server.receive(stream[start..<min(stream.count, start + size)])
        }
        return server.end(after: stream)
    } seeds: {
        var wire = RandomWire(seed: 77)
        let secrets: [String?] = KnownToken.all.map(\.secret) + [nil, "herd_aaaaaaaaaa_"]
        let trace = ["traceparent": "00-\(String(repeating: "a", count: 32))-00f067aa0ba902b7-01"]
        var conversations: [[UInt8]] = []
        for secret in secrets {
            for count in [2, GuardedServer.methods.count] {
                var metadata: [String: String] = ["client": "fuzz"]
                if let secret { metadata["authorization"] = "Bearer \(secret)" }
                var bytes = [UInt8(wire.chance(in: 60))]
                bytes += Frame(.hello, metadata: metadata, version: 1).wireBytes()
                for (call, method) in GuardedServer.methods.prefix(count).enumerated() {
                    var request = Frame(.request, call: UInt64(call + 1), method: method)
                    if call == 1 { request.metadata = trace }
                    bytes += request.wireBytes()
                }
                conversations.append(bytes)
            }
        }
        return conversations
    }

    /// A text as the metadata `authorization`: only a token in force, said as it is meant to be, lets anybody in; the first
    /// line that is a token reads the same again.
    static let authorization = FuzzTarget(name: "authorization") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        for word in text.split(separator: " ") {
            guard let token = TokenText(word) else { continue }
            guard token.text == word else { return Violation("the token \(word) is read as \(token.text)") }
            guard !"\(token)".contains(token.secret) else { return Violation("a token prints its secret") }
        }
        let principal = try? KnownToken.access.admit(Hello(authorization: text))
        let shown = text.split(separator: " ").last.flatMap { word in KnownToken.all.first { $0.secret == word } }
        guard let principal else { return nil }
        guard let shown, shown.isInForce else { return Violation("'\(text)' is let in as \(principal.id)") }
        guard principal.id == shown.id, principal.roles.names == shown.roles else {
            return Violation("\(shown.id) is let in as \(principal.id) with \(principal.roles.names)")
        }
        return nil
    } seeds: {
        KnownToken.all.map { Array("Bearer \($0.secret)".utf8) }
            + ["bearer  x", "Basic dXNlcjpwYXNz", "Bearer herd_aaaaaaaaaa_", "Bearer ___"].map { Array($0.utf8) }
    }
}

/// A token that the server under attack knows.
private struct KnownToken {
    let id: String
    let roles: [String]
    var tenant = ""
    var isInForce = true
    var revokedUnixMs: UInt64 = 0
    var expiresUnixMs: UInt64 = 0

    var secret: String { "herd_\(id)_\(Self.secretPart)" }

    private static let secretPart = String(repeating: "abcdefghijklm", count: 4)

    static let all = [
        KnownToken(id: "aaaaaaaaaa", roles: ["client"], tenant: "acme"),
        KnownToken(id: "bbbbbbbbbb", roles: ["admin"]),
        KnownToken(id: "cccccccccc", roles: ["service"]),
        KnownToken(id: "dddddddddd", roles: ["admin"], isInForce: false, revokedUnixMs: 1_000),
        KnownToken(id: "eeeeeeeeee", roles: ["client", "admin"], isInForce: false, expiresUnixMs: 1_000),
    ]

    static let access = HerdAccess(
        tokens: all.map { token in
            var record = AccessTokenRecord(secret: secretPart, salt: Array(token.id.utf8))
            record.id = token.id
            record.name = token.id
            record.roles = token.roles
            record.tenant = token.tenant
            record.createdUnixMs = 500
            record.expiresUnixMs = token.expiresUnixMs
            record.revokedUnixMs = token.revokedUnixMs
            return record
        })
}

/// Opens to nobody the methods that are answered by a task: an event loop in memory belongs to one thread.
private struct AnsweredAtOnce: AccessControl {
    let access: HerdAccess

    var generation: AccessGeneration { access.generation }

    func admit(_ hello: Hello) throws -> Principal { try access.admit(hello) }

    func recheck(_ principal: Principal) throws(CallError) -> NIODeadline { try access.recheck(principal) }

    func roles(for method: String) -> Roles {
        [Admin.probe.path, Admin.drain.path, Admin.describe.path].contains(method) ? [] : access.roles(for: method)
    }
}

/// A server with access control and a connection to it in memory, one after another.
private final class GuardedServer {
    private struct Kept: @unchecked Sendable {
        let server: GuardedServer
    }

    /// To make one takes longer than what is done with it. It belongs to the thread that made it.
    private static let kept = NIOLockedValueBox<Kept?>(nil)

    static func take() -> GuardedServer {
        let thread = pthread_self()
        let found = kept.withLockedValue { kept -> Kept? in
            guard let found = kept, found.server.thread == thread else { return nil }
            kept = nil
            return found
        }
        return found?.server ?? GuardedServer()
    }

    func giveBack() {
        let again = Kept(server: self)
        Self.kept.withLockedValue { $0 = again }
    }

    private let thread = pthread_self()
    static let methods = [
        Admin.health.path, Router.route.path, Router.feedback.path, Admin.status.path, Access.createToken.path,
        Scorer.predict.path, Admin.probe.path, "herd.v1.Nowhere/Nothing",
    ]

    private let eventLoop = EmbeddedEventLoop()
    private var channel: EmbeddedChannel?
    private let server: HerdServer
    private var sent = SentFrames()
    private let wrong = NIOLockedValueBox<Violation?>(nil)

    init() {
        var configuration = ServerConfiguration()
        configuration.maximumFrameLength = 2_048
        configuration.maximumOpenCalls = 4
        configuration.maximumConnections = 8
        server = HerdServer(
            name: "fuzz", configuration: configuration,
            logger: Logger(label: "fuzz", factory: { _ in SwiftLogNoOpLogHandler() }),
            eventLoopGroup: eventLoop)
        server.authorize(AnsweredAtOnce(access: KnownToken.access))
        let wrong = wrong
        let judge: @Sendable (CallContext, [String]) -> Void = { context, roles in
            let principal = context.principal
            let known = KnownToken.all.first { $0.id == principal.id && $0.isInForce }
            guard let known, !Set(known.roles).isDisjoint(with: roles + ["admin"]),
                known.tenant.isEmpty || context.tenant == known.tenant
            else {
                return wrong.withLockedValue {
                    $0 = Violation("'\(principal.id)' got into \(context.method) as '\(context.tenant)'")
                }
            }
        }
        server.immediate(Router.route) { _, context in
            judge(context, ["client"])
            return RouteResponse()
        }
        server.immediate(Router.feedback) { _, context in
            judge(context, ["client"])
            return FeedbackResponse()
        }
        server.immediate(Access.createToken) { _, context in
            judge(context, [])
            return CreateTokenResponse()
        }
        server.immediate(Scorer.predict) { _, context in
            judge(context, ["service"])
            return PredictResponse()
        }
    }

    func connect() {
        let channel = EmbeddedChannel(loop: eventLoop)
        self.channel = channel
        sent = SentFrames()
        try? server.accept(channel)
        try? channel.connect(to: SocketAddress(unixDomainSocketPath: "/fuzz")).wait()
    }

    func receive(_ bytes: ArraySlice<UInt8>) {
        guard let channel else { return }
        _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
        channel.embeddedEventLoop.run()
        sent.read(from: channel)
    }

    func end(after stream: [UInt8]) -> Violation? {
        guard let channel else { return Violation("no connection was made") }
        // What the last input's connection keeps would look like a leak: not all of its pointers are plain ones.
        defer { self.channel = nil }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        channel.embeddedEventLoop.run()
        sent.read(from: channel)
        guard server.connectionCount == 0 else { return Violation("\(server.connectionCount) connections are left") }
        if let wrong = wrong.withLockedValue({ $0 }) { return wrong }
        let frames: [Frame]
        switch sent.frames() {
        case .success(let whole): frames = whole
        case .failure(let violation): return violation
        }
        let isAnswered = frames.contains { $0.kind == .end && $0.code == .ok || $0.kind == .hello }
        let mayBe = KnownToken.all.contains { $0.isInForce && stream.holds($0.secret) }
        return isAnswered && !mayBe ? Violation("somebody without a token in force is answered") : nil
    }
}

extension [UInt8] {
    fileprivate func holds(_ text: String) -> Bool {
        let wanted = Array(text.utf8)
        guard count >= wanted.count else { return false }
        return (0...count - wanted.count).contains { self[$0..<$0 + wanted.count].elementsEqual(wanted) }
    }
}
