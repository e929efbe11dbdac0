import CCurl

/// Closes libcurl's sockets a moment after it has done with them: a server that is told of an end wakes up for it, and on a
/// busy machine it would take the core just when the answer should go to the caller. Used on one thread only.
final class SocketCloser {
    /// False for sockets whose servers have to hear of it at once, because they would go on with an answer.
    var isPatient = true
    /// When `close` has to be called.
    private(set) var due = MonotonicInstant.distantFuture
    private var waiting: [curl_socket_t] = []

    private static let patience = Duration.milliseconds(5)

    deinit {
        closeAll()
    }

    func take(_ socket: curl_socket_t) {
        guard isPatient else { return herd_poll_close(socket) }
        if waiting.isEmpty { due = MonotonicInstant.now.advanced(by: Self.patience) }
        waiting.append(socket)
    }

    func closeAll() {
        for socket in waiting { herd_poll_close(socket) }
        waiting.removeAll(keepingCapacity: true)
        due = .distantFuture
    }
}
