import Glibc
import HerdServer
import HerdTransport
import Logging
import NIOConcurrencyHelpers
import NIOPosix
import ServiceLifecycle

/// Answers processes that want to take over from this one; ends, and with it the group of services, once one does. See
/// `TakeOver`.
final class Predecessor: Service {
    private let role: HerdRole
    private let folder: String
    private let servers: [any Bequeathing]
    private let isGuarded: @Sendable () -> Bool
    /// The one that clients call.
    private let front: HerdServer
    private let logger: Logger
    /// A pipe, written to when the process is to end.
    private let (wake, waker): (CInt, CInt)
    private let state = NIOLockedValueBox(State())

    private struct State {
        /// The conversation with whoever takes over.
        var successor: CInt?
        var isEnding = false
    }

    /// How long a successor may take to ask, and from the offer to its word.
    private static let patienceToAsk: CInt = 5_000
    private static let patienceToTake: CInt = 60_000

    /// - Parameters:
    ///   - folder: where to be found; the caller has its lock.
    ///   - front: the one of the servers that clients call.
    ///   - isGuarded: whether the router lets in nobody without a credential.
    init(
        role: HerdRole, folder: String, servers: [any Bequeathing], front: HerdServer,
        isGuarded: @escaping @Sendable () -> Bool, logger: Logger
    ) {
        self.role = role
        self.folder = folder
        self.servers = servers
        self.front = front
        self.isGuarded = isGuarded
        self.logger = logger
        var ends: [CInt] = [-1, -1]
        _ = pipe(&ends)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (wake, waker) = (ends[0], ends[1])
    }

    deinit {
        close(wake)
        close(waker)
        if let successor = state.withLockedValue({ $0.successor }) { close(successor) }
    }

    func run() async throws {
        let isTaken = await withGracefulShutdownHandler {
            // A thread of its own, because it waits for other processes.
            let thread = NIOThreadPool(numberOfThreads: 1)
            thread.start()
            let isTaken = (try? await thread.runIfActive { self.answer() }) ?? false
            try? await thread.shutdownGracefully()
            return isTaken
        } onGracefulShutdown: {
            self.state.withLockedValue { $0.isEnding = true }
            _ = write(self.waker, "x", 1)
        }
        if !isTaken { try? await gracefulShutdown() }
    }

    /// Tells the successor that the stores are free; once all services have ended.
    func release() {
        guard
            let descriptor = state.withLockedValue({ state in
                defer { state.successor = nil }
                return state.successor
            })
        else { return }
        logger.notice("handed over")
        try? TakeOverSocket(descriptor: descriptor).send(TakeOverWord.released.text)
    }

    // MARK: - The conversation

    /// Returns whether somebody takes over, or else once the process is to end.
    private func answer() -> Bool {
        let listener: TakeOverSocket
        do throws(TakeOverFailure) {
            listener = try TakeOverSocket.listen(folder: folder, name: TakeOver.socketName)
        } catch {
            logger.warning("no process can take over from this one", metadata: ["error": "\(error)"])
            return false
        }
        defer { unlink("\(folder)/\(TakeOver.socketName)") }
        while true {
            guard TakeOverSocket.wait([wake, listener.descriptor], within: -1) == 1 else { return false }
            guard let peer = listener.accept() else { continue }
            do throws(TakeOverFailure) {
                guard try handOver(to: peer) else { continue }
                return true
            } catch {
                TakeOverMetrics.wasGivenUp()
                logger.warning(
                    "a process that asked to take over did not; serving on", metadata: ["error": "\(error)"])
            }
        }
    }

    /// - Returns: False where the process is to end meanwhile.
    private func handOver(to peer: borrowing TakeOverSocket) throws(TakeOverFailure) -> Bool {
        guard case .packet(let bytes, _) = try peer.receive(within: Self.patienceToAsk) else {
            throw TakeOverFailure("it did not ask for anything")
        }
        let request: TakeOverRequest
        do throws(TakeOverFailure) {
            request = try TakeOverRequest(reading: bytes)
            guard request.role == role else {
                throw TakeOverFailure(
                    "a herdd \(role.rawValue) runs here, from which a herdd \(request.role.rawValue) can't take over; "
                        + "stop it first, or start the same")
            }
        } catch {
            try? peer.send(TakeOverWord.refused(error.description))
            throw error
        }
        let process: Logger.MetadataValue = "\(request.process)"
        logger.notice("a process asks to take over", metadata: ["process": process])
        let sockets = servers.flatMap { server in server.duplicateListeners().map { (server.listenerName, $0) } }
        defer { for (_, socket) in sockets { close(socket.descriptor) } }
        guard sockets.count <= TakeOverSocket.maximumDescriptors else {
            let reason = "it listens on more addresses than can be handed over"
            try? peer.send(TakeOverWord.refused(reason))
            throw TakeOverFailure(reason)
        }
        let offer = TakeOverOffer(
            process: Int(getpid()), schema: Int(ServiceStore.schemaVersion), isGuarded: isGuarded(),
            drainSeconds: Int(clamping: front.configuration.drainTimeout.components.seconds),
            sockets: sockets.map { name, socket in
                TakeOverOffer.Socket(
                    service: name, configured: socket.configured.description, isSupervised: socket.isSupervised)
            })
        try peer.send(offer.text, descriptors: sockets.map(\.1.descriptor))
        guard case .packet(let word, _) = try peer.receive(within: Self.patienceToTake),
            TakeOverWord(reading: word) == .take
        else { throw TakeOverFailure("it gave up, or went away, after it was offered the sockets") }
        logger.notice(
            "a process takes over once streams have ended", metadata: ["process": process, "streams": streams])
        guard try endStreams(for: peer) else { return false }
        let isLate = state.withLockedValue { state in
            if state.isEnding { return true }
            state.successor = fcntl(peer.descriptor, F_DUPFD_CLOEXEC, 0)
            return false
        }
        if isLate { return false }
        for server in servers { server.leaveSocketFiles() }
        try? peer.send(TakeOverWord.stopping.text)
        logger.notice(
            "handing over", metadata: ["process": process, "sockets": "\(sockets.count)", "streams": streams])
        return true
    }

    private var streams: Logger.MetadataValue {
        let (running, waiting) = front.streamCounts
        return "\(running) running, \(waiting) waiting"
    }

    /// Holds streams that have not begun until the others have ended, for most of the time that open calls get; what is left
    /// of it is for the rest of the calls. Unary calls are served all the while.
    ///
    /// - Returns: False where the process is to end meanwhile: then a signal came first, and the end is the same, but for the
    ///   files of Unix sockets, which the other one makes anew.
    /// - Throws: `TakeOverFailure` where the other process goes away; all is as before then.
    private func endStreams(for peer: borrowing TakeOverSocket) throws(TakeOverFailure) -> Bool {
        let drain = front.configuration.drainTimeout
        let deadline = ContinuousClock.now + drain * 4 / 5
        front.holdStreams()
        while front.streamCounts.running > 0, ContinuousClock.now < deadline {
            switch TakeOverSocket.wait([wake, peer.descriptor], within: 5) {
            case nil: continue
            case 0: return false
            default:
                front.resumeStreams()
                throw TakeOverFailure("it went away while it was waited for the streams to end")
            }
        }
        front.reconfigure { $0.drainTimeout = drain / 5 }
        return true
    }
}
