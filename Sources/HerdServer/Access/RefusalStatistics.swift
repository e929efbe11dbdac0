import HerdFrames
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// Who was not let in and what was not allowed, counted and, but for a flood, logged; never with a credential.
final class RefusalStatistics: Sendable {
    /// Lines in `period`; what comes on top is counted in the next line that is written.
    private static let burst = 20
    /// Of what a client says, in bytes.
    private static let longestText = 200
    private static let period = TimeAmount.seconds(10)

    private struct State {
        var denied: UInt64 = 0
        var limited: UInt64 = 0
        var lines = 0
        var unlogged = 0
        var periodEnd = NIODeadline.uptimeNanoseconds(0)
    }

    private let state = NIOLockedValueBox(State())

    /// Calls that ended with PERMISSION_DENIED, because the caller has not the role.
    var denied: UInt64 { state.withLockedValue { $0.denied } }

    /// Calls that ended with RESOURCE_EXHAUSTED, because the caller's credential allows no more.
    var limited: UInt64 { state.withLockedValue { $0.limited } }

    func callLimited() {
        state.withLockedValue { $0.limited += 1 }
    }

    func connectionRefused(peer: String, client: String, _ why: CallError, _ logger: Logger) {
        let client = client.shortened(toBytes: Self.longestText)
        log("connection refused", ["peer": "\(peer)", "client": "\(client)", "why": "\(why)"], logger)
    }

    func sentAway(_ principal: Principal, peer: String, _ why: CallError, _ logger: Logger) {
        log(
            "connection ended",
            ["peer": "\(peer)", "principal": "\(principal.id)", "name": "\(principal.name)", "why": "\(why)"], logger)
    }

    func callDenied(_ principal: Principal, method: String, peer: String, _ logger: Logger) {
        state.withLockedValue { $0.denied += 1 }
        log(
            "call denied",
            [
                "peer": "\(peer)", "principal": "\(principal.id)", "name": "\(principal.name)",
                "method": "\(method.shortened(toBytes: Self.longestText))",
            ], logger)
    }

    private func log(_ message: Logger.Message, _ metadata: Logger.Metadata, _ logger: Logger) {
        let unlogged: Int? = state.withLockedValue { state in
            let now = NIODeadline.now()
            if now >= state.periodEnd {
                state.lines = 0
                state.periodEnd = now + Self.period
            }
            guard state.lines < Self.burst else {
                state.unlogged += 1
                return nil
            }
            state.lines += 1
            defer { state.unlogged = 0 }
            return state.unlogged
        }
        guard let unlogged else { return }
        var metadata = metadata
        if unlogged > 0 { metadata["unlogged"] = "\(unlogged)" }
        logger.notice(message, metadata: metadata)
    }
}
