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
    /// The conversation with whoever takes over.
    private let successor = NIOLockedValueBox<CInt?>(nil)

    /// How long a successor may take to ask, and from the offer to its word.
    private static let patienceToAsk: CInt = 5_000
    private static let patienceToTake: CInt = 60_000
    /// Until the next is accepted after one could not be.
    private static let pause: CInt = 1_000

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
        if let successor = successor.withLockedValue({ $0 }) { close(successor) }
    }

    func run() async throws {
        let isTaken = await withTaskCancellationOrGracefulShutdownHandler {
            // A thread of its own, because it waits for other processes.
            let thread = NIOThreadPool(numberOfThreads: 1)
            thread.start()
            let isTaken = (try? await thread.runIfActive { self.answer() }) ?? false
            try? await thread.shutdownGracefully()
            return isTaken
        } onCancelOrGracefulShutdown: {
            _ = write(self.waker, "x", 1)
        }
        if !isTaken { try? await gracefulShutdown() }
    }

    /// Tells the successor that the stores are free; once all services have ended.
    func release() {
        guard
            let descriptor = successor.withLockedValue({ successor in
                defer { successor = nil }
                return successor
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
            guard let peer = listener.accept() else {
                // Without room for one more descriptor it would be asked again and again.
                if TakeOverSocket.wait([wake], within: Self.pause) != nil { return false }
                continue
            }
            do throws(TakeOverFailure) {
                return try handOver(to: peer)
            } catch {
                TakeOverMetrics.wasGivenUp()
                logger.warning(
                    "a process that asked to take over did not; serving on", metadata: ["error": "\(error)"])
            }
        }
    }

    /// - Returns: False where the process is to end before the other one says that it takes over.
    /// - Throws: `TakeOverFailure` where it does not; all is as before then.
    private func handOver(to peer: borrowing TakeOverSocket) throws(TakeOverFailure) -> Bool {
        guard let bytes = try hear(peer, within: Self.patienceToAsk) else { return false }
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
        guard let word = try hear(peer, within: Self.patienceToTake) else { return false }
        guard TakeOverWord(reading: word) == .take else {
            throw TakeOverFailure("it was offered the sockets and said something else than that it takes over")
        }
        logger.notice(
            "a process takes over once streams have ended", metadata: ["process": process, "streams": streams])
        let drain = front.configuration.drainTimeout
        let isSignalled = try endStreams(for: peer, within: drain * 4 / 5)
        let kept = fcntl(peer.descriptor, F_DUPFD_CLOEXEC, 0)
        do throws(TakeOverFailure) {
            guard kept >= 0 else { throw .system("its connection can't be kept") }
            try peer.send(TakeOverWord.stopping.text)
        } catch {
            if kept >= 0 { close(kept) }
            front.resumeStreams()
            throw error
        }
        // No way back from here on.
        successor.withLockedValue { $0 = kept }
        for server in servers { server.leaveSocketFiles() }
        if !isSignalled {
            for case let server as HerdServer in servers { server.reconfigure { $0.drainTimeout = drain / 5 } }
        }
        logger.notice(
            "handing over", metadata: ["process": process, "sockets": "\(sockets.count)", "streams": streams])
        return true
    }

    private var streams: Logger.MetadataValue {
        let (running, waiting) = front.streamCounts
        return "\(running) running, \(waiting) waiting"
    }

    /// What it says next.
    ///
    /// - Returns: Nil where the process is to end and nothing came before.
    private func hear(
        _ peer: borrowing TakeOverSocket, within milliseconds: CInt
    ) throws(TakeOverFailure) -> [UInt8]? {
        if TakeOverSocket.wait([peer.descriptor, wake], within: milliseconds) == 1 { return nil }
        switch try peer.receive(within: 0) {
        case .packet(let bytes, let descriptors):
            for descriptor in descriptors { close(descriptor) }
            return bytes
        case .end: throw TakeOverFailure("it went away")
        case .timeout: throw TakeOverFailure("it said nothing for \(milliseconds / 1_000) s")
        }
    }

    /// Holds streams that have not begun until the others have ended, for most of the time that open calls get; what is left
    /// of it is for the rest of the calls. Unary calls are served all the while.
    ///
    /// - Returns: True where the process is to end meanwhile: the other one takes over all the same, as it has been told that
    ///   it may, and open calls get all of their time.
    /// - Throws: `TakeOverFailure` where the other process goes away; all is as before then.
    private func endStreams(
        for peer: borrowing TakeOverSocket, within limit: Duration
    ) throws(TakeOverFailure) -> Bool {
        let deadline = ContinuousClock.now + limit
        front.holdStreams()
        while front.streamCounts.running > 0, ContinuousClock.now < deadline {
            switch TakeOverSocket.wait([wake, peer.descriptor], within: 5) {
            case nil: continue
            case 0: return true
            default:
                front.resumeStreams()
                throw TakeOverFailure("it went away while it was waited for the streams to end")
            }
        }
        return false
    }
}
