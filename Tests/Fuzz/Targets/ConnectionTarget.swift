import HerdFrames
import HerdTransport
import NIOCore
import NIOEmbedded
import RandomMessages

extension FuzzTarget {
    /// A server's whole connection, fed with a stream in pieces: only whole frames come out, no call gets two ENDs, and
    /// while the connection lives each call that is answered at once gets one.
    ///
    /// The first byte sets the size of the pieces.
    static let connection = FuzzTarget(name: "connection") { bytes in
        guard let first = bytes.first else { return nil }
        let stream = Array(bytes.dropFirst())
        let peer = ScriptedServer()
        let size = first == 0 ? stream.count : Int(first)
        var position = 0
        while position < stream.count {
            let end = min(stream.count, position + size)
            peer.receive(stream[position..<end])
            position = end
        }
        return peer.end()
    } seeds: {
        (0..<24).map { seed in conversation(seed: UInt64(seed)) }
    }
}

/// A HELLO and some frames behind it, as an eager client sends them.
private func conversation(seed: UInt64) -> [UInt8] {
    var random = RandomFrames(seed: seed)
    var wire = RandomWire(seed: seed)
    var bytes = [UInt8(wire.chance(in: 40))]
    bytes += Frame(.hello, metadata: ["client": "fuzz"], version: 1).wireBytes()
    for index in 0..<1 + wire.chance(in: 12) {
        let call = UInt64(1 + wire.chance(in: 5))
        switch wire.chance(in: 8) {
        case 0, 1: bytes += Frame(.request, call: call, method: "now").wireBytes()
        case 2: bytes += Frame(.request, call: call, method: "later", credit: UInt32(index)).wireBytes()
        case 3: bytes += Frame(.request, call: call, method: "stream", credit: UInt32(index)).wireBytes()
        case 4: bytes += Frame(.cancel, call: call).wireBytes()
        case 5: bytes += Frame(.credit, call: call, credit: UInt32(1 + index)).wireBytes()
        case 6: bytes += Frame(.ping, payload: [1, 2, 3]).wireBytes()
        default: bytes += random.frame().wireBytes()
        }
    }
    return bytes
}

/// A server's connection on a channel without a socket, and what it answered.
private final class ScriptedServer: CallDispatcher {
    private let channel = EmbeddedChannel()
    private var held: [ServerCall] = []
    private var answered: [UInt64] = []
    private var sent = SentFrames()

    let caller: String? = nil

    func isAlwaysAnswered(_ request: FrameView) -> Bool { false }

    func isStanding(_ request: FrameView) -> Bool { false }

    func shed(_ request: FrameView, arrival: NIODeadline, on connection: ServerConnection) -> Bool { true }

    init() {
        let limits = ConnectionLimits(maximumFrameLength: 2_048, maximumOpenCalls: 4)
        let connection = ServerConnection(
            dispatcher: self, limits: limits, name: "fuzz", statistics: ConnectionStatistics(),
            eventLoop: channel.eventLoop)
        try? channel.pipeline.syncOperations.addHandler(connection)
        try? channel.connect(to: SocketAddress(unixDomainSocketPath: "/fuzz")).wait()
    }

    func receive(_ bytes: ArraySlice<UInt8>) {
        _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
        channel.embeddedEventLoop.run()
        // The oldest call is answered with each piece that comes.
        if !held.isEmpty { answer(held.removeFirst()) }
        channel.embeddedEventLoop.run()
        readOutput()
    }

    /// Ends what is open and the connection; what was wrong about all that was sent.
    func end() -> Violation? {
        for call in held { answer(call) }
        held = []
        channel.embeddedEventLoop.run()
        readOutput()
        _ = try? channel.finish(acceptAlreadyClosed: true)
        readOutput()
        return violation
    }

    // MARK: - Calls

    func greet(_ metadata: [String: String], on connection: ServerConnection) throws(CallError) {
        if metadata["authorization"] == "wrong" { throw CallError(.unauthenticated, "a wrong token") }
    }

    func recheck() {}

    func dispatch(_ request: FrameView, arrival: NIODeadline, on connection: ServerConnection) {
        switch request.methodName {
        case "now":
            answered.append(request.call)
            connection.reply(to: request.call, payloadCount: 2) { $0.copyBytes(from: [1, 2]) }
        case "later", "stream":
            let isStream = request.methodName == "stream"
            connection.open(
                request.call, deadline: .distantFuture, credit: request.credit, endsWithDrain: isStream
            ) { call in
                if isStream { try? call.send(payloadCount: 1) { $0[0] = 7 } }
                held.append(call)
            }
        default:
            connection.fail(request.call, CallError(.unimplemented, "there is no such method"))
        }
    }

    func refused(_ request: FrameView, _ code: StatusCode) {}

    func burstEnded() {}

    func freedMemory() {}

    private func answer(_ call: ServerCall) {
        do throws(CallError) {
            try call.end(payloadCount: 1) { $0[0] = 9 }
        } catch {
            call.fail(error)
        }
    }

    // MARK: - Judging

    private func readOutput() {
        sent.read(from: channel)
    }

    private var violation: Violation? {
        let frames: [Frame]
        switch sent.frames() {
        case .success(let whole): frames = whole
        case .failure(let violation): return violation
        }
        var ends: [UInt64: Int] = [:]
        for frame in frames where frame.kind == .end { ends[frame.call, default: 0] += 1 }
        for call in Set(answered) where ends[call, default: 0] < answered.count(where: { $0 == call }) {
            return Violation("call \(call) was answered and got no END")
        }
        return nil
    }
}
