import Glibc
import HerdFrames

/// What came of the requests that the connections of one thread made.
final class LoopTally {
    // As for OutputBuffer.
    @exclusivity(unchecked) var total = LoadTally()
    /// When the last request begins; what is answered until then is answered in time.
    var end = Int64.max

    func succeed(_ call: OpenCall, at time: Int64) {
        guard call.request.counts else { return }
        total.latencies.record(nanoseconds: time - call.request.begin)
        if call.firstToken > 0 { total.firstTokens.record(nanoseconds: call.firstToken - call.request.begin) }
        total.messages += call.messages
        total.messageBytes += call.messageBytes
        if time <= end { total.answeredInTime += 1 }
        total.lastSuccess = time
        total.lastEnd = time
    }

    func fail(_ request: LoadRequest, _ code: StatusCode, _ message: @autoclosure () -> String, at time: Int64) {
        guard request.counts else { return }
        total.fail(code, message(), at: time)
    }
}

/// One connection to a server: says HELLO, makes requests, takes answers, and connects anew when it was lost.
///
/// It belongs to the thread of its loop. It speaks the protocol by itself: HerdClient hands each call from task to event
/// loop and back, which costs more than a server needs to answer one.
final class LoadConnection {
    /// Pauses between attempts to connect.
    private static let pause: Int64 = 50_000_000
    private static let connectTimeout: Int64 = 5_000_000_000

    private enum State {
        case idle(until: Int64)
        case connecting(StreamSocket, until: Int64)
        case greeting(StreamSocket, until: Int64)
        case ready(StreamSocket)
        /// The server takes no more calls but answers those that are open.
        case draining(StreamSocket)
    }

    private let address: ServerAddress
    private let prepared: PreparedRequests
    // As for OutputBuffer.
    @exclusivity(unchecked) private var source: RequestSource
    private let tally: LoopTally
    @exclusivity(unchecked) private var state = State.idle(until: 0)
    private var attempts = 0
    @exclusivity(unchecked) private var open = OpenCalls()
    @exclusivity(unchecked) private var waiting = RequestQueue()
    private let input = InputBuffer()
    private let output = OutputBuffer()
    @exclusivity(unchecked) private var maximumCalls = LoadPlan.serverCalls
    /// What a GOAWAY said.
    private var farewell: (code: StatusCode, message: String)?

    /// Whether it has been ready, or failed to be, once.
    private(set) var isSettled = false
    /// Requests that failed since the loop last looked.
    @exclusivity(unchecked) var failures = 0

    init(_ address: ServerAddress, _ prepared: PreparedRequests, seed: UInt64, _ tally: LoopTally) {
        (self.address, self.prepared, self.tally) = (address, prepared, tally)
        source = RequestSource(prepared, seed: seed)
    }

    deinit { socket?.close() }

    /// Requests that are not answered yet.
    var outstanding: Int { open.count + waiting.count }

    // MARK: - Requests

    /// Makes a request, or keeps it until it can be made.
    func begin(_ request: LoadRequest, at time: Int64) {
        guard case .ready = state, waiting.isEmpty, open.count < maximumCalls else { return waiting.append(request) }
        send(request, at: time)
    }

    private func send(_ request: LoadRequest, at time: Int64) {
        guard let id = open.open(request) else { return waiting.append(request) }
        if request.counts { tally.total.sendDelays.record(nanoseconds: time - request.begin) }
        output.append(source.next(), call: id)
    }

    private func sendWaiting(at time: Int64) {
        guard case .ready = state else { return }
        while open.count < maximumCalls, let request = waiting.popFirst() { send(request, at: time) }
    }

    /// Gives up what has taken longer than it may; the server has the same deadline and as a rule says so first.
    func expire(at time: Int64) {
        let timeout = prepared.timeout.nanoseconds
        let late = time - timeout
        while let first = waiting.first, first.begin < late {
            _ = waiting.popFirst()
            failures += 1
            tally.fail(
                first, .deadlineExceeded, "\(address.text) took no request for so long; ask it less often", at: time)
        }
        for call in open.close(where: { $0.request.begin < late }) {
            failures += 1
            output.append(Frame(.cancel, call: call.id))
            tally.fail(call.request, .deadlineExceeded, "\(address.text) gave no answer in time", at: time)
        }
    }

    // MARK: - The socket

    private var socket: StreamSocket? {
        switch state {
        case .idle: nil
        case .connecting(let socket, _), .greeting(let socket, _), .ready(let socket), .draining(let socket): socket
        }
    }

    /// What to wait for; nil while there is no socket.
    var interest: pollfd? {
        guard let socket else { return nil }
        var events = Int16(POLLIN)
        if case .connecting = state { events = Int16(POLLOUT) } else if !output.isEmpty { events |= Int16(POLLOUT) }
        return pollfd(fd: socket.descriptor, events: events, revents: 0)
    }

    /// When `tick` has something to do; far in the future while it has not.
    var nextTick: Int64 {
        switch state {
        case .idle(let until), .connecting(_, let until), .greeting(_, let until): until
        case .ready, .draining: .max
        }
    }

    /// Connects when it is time, and gives up what takes too long.
    func tick(at time: Int64) {
        guard time >= nextTick else { return }
        switch state {
        case .idle: connect(at: time)
        case .connecting: lose(.unavailable, "connecting to \(address.text) took over 5 s", at: time)
        case .greeting:
            lose(.unavailable, "\(address.text) sent no HELLO for 5 s; is it a herd's server?", at: time)
        case .ready, .draining: break
        }
    }

    private func connect(at time: Int64) {
        defer { attempts += 1 }
        input.clear()
        output.clear()
        farewell = nil
        do throws(POSIXCode) {
            let socket = try StreamSocket(connectingTo: address.candidates[attempts % address.candidates.count])
            state = .connecting(socket, until: time + Self.connectTimeout)
        } catch {
            lose(.unavailable, "\(address.text) can't be reached: \(error.text)", at: time)
        }
    }

    /// After the socket became readable, writable or broken.
    func handle(_ events: Int16, at time: Int64) {
        if case .connecting(let socket, _) = state {
            let code = socket.connectCode
            guard code == 0 else {
                return lose(.unavailable, "\(address.text) can't be reached: \(POSIXCode(code).text)", at: time)
            }
            state = .greeting(socket, until: time + Self.connectTimeout)
            output.append(Frame(.hello, metadata: prepared.greeting, version: Frame.protocolVersion))
            return
        }
        guard events & Int16(POLLIN | POLLHUP | POLLERR) != 0 else { return }
        read(at: time)
    }

    /// Sends what requests have left behind.
    func flush(at time: Int64) {
        guard !output.isEmpty, let socket else { return }
        if case .connecting = state { return }
        if let code = output.flush(to: socket) {
            lose(.unavailable, "the connection to \(address.text) was lost: \(code.text)", at: time)
        }
    }

    private func read(at time: Int64) {
        guard let socket else { return }
        let space = input.space
        switch socket.read(into: space) {
        case .bytes(let count):
            input.advance(count)
            takeFrames(at: time)
        case .wouldBlock: break
        case .closed: lose(.unavailable, "\(address.text) closed the connection", at: time)
        case .failed(let code):
            lose(.unavailable, "the connection to \(address.text) was lost: \(POSIXCode(code).text)", at: time)
        }
    }

    /// Fails everything that is open or waits, and begins anew after a pause.
    private func lose(_ code: StatusCode, _ message: String, at time: Int64) {
        socket?.close()
        state = .idle(until: time + Self.pause)
        isSettled = true
        var (code, message) = (code, message)
        if let farewell, farewell.code != .ok { (code, message) = farewell }
        for call in open.close(where: { _ in true }) {
            failures += 1
            tally.fail(call.request, code, message, at: time)
        }
        // A server that said that it stops has a successor, it may be: what was not sent waits for that.
        guard farewell == nil || farewell?.code != .ok else { return }
        while let request = waiting.popFirst() {
            failures += 1
            tally.fail(request, code, message, at: time)
        }
    }

    // MARK: - Frames

    private func takeFrames(at time: Int64) {
        do throws(FrameError) {
            while let frame = try input.next() {
                take(frame, at: time)
                if case .idle = state { return }
            }
        } catch {
            return lose(.internal, "\(address.text) does not speak Herd's protocol: \(error)", at: time)
        }
        if case .draining = state, open.count == 0 {
            return lose(.unavailable, "\(address.text) takes no more calls", at: time)
        }
        if !waiting.isEmpty { sendWaiting(at: time) }
    }

    private func take(_ frame: FrameView, at time: Int64) {
        switch frame.kind {
        case .end: end(frame, at: time)
        case .message: message(frame, at: time)
        case .hello:
            guard case .greeting(let socket, _) = state else { return }
            state = .ready(socket)
            isSettled = true
            maximumCalls = frame.metadata["max-calls"].flatMap { Int($0) } ?? LoadPlan.serverCalls
            maximumCalls = max(1, maximumCalls)
        case .ping: output.append(Frame(.pong, payload: Array(frame.payload.prefix(64))))
        case .goAway:
            farewell = (frame.code, frame.message)
            if let socket { state = .draining(socket) }
        default: break
        }
    }

    private func end(_ frame: FrameView, at time: Int64) {
        guard let call = open.close(frame.call) else { return }
        if frame.code == .ok {
            tally.succeed(call, at: time)
        } else {
            failures += 1
            tally.fail(call.request, frame.code, frame.message, at: time)
        }
    }

    private func message(_ frame: FrameView, at time: Int64) {
        let (size, isAnswer) = (UInt64(frame.payload.count), prepared.workload.beginsAnswer(frame.payload))
        let due = open.update(frame.call) { call -> UInt32 in
            call.messages += 1
            call.messageBytes += size
            if call.firstToken == 0, isAnswer { call.firstToken = time }
            call.taken += 1
            guard call.taken >= Frame.defaultCredit / 2 else { return 0 }
            defer { call.taken = 0 }
            return call.taken
        }
        if let due, due > 0 { output.append(Frame(.credit, call: frame.call, credit: due)) }
    }
}
