import HerdFrames
import NIOConcurrencyHelpers

/// Lets one piece of long work run at a time.
///
/// Work that was taken back goes on until its next step; whoever comes meanwhile waits for that rather than being
/// turned away.
package final class SoleRun: Sendable {
    private enum State {
        case free
        case taken
        /// Taken back, and about to end.
        case stopping
    }

    /// How long to wait for work that goes on: that its caller has gone may be heard only a moment later.
    private let patience: Duration

    /// What the work is, for errors.
    private let name: String
    private let state = NIOLockedValueBox(State.free)
    private let signal = ChangeSignal()

    package init(of name: String, patience: Duration = .seconds(1)) {
        self.name = name
        self.patience = patience
    }

    /// Runs `body` once no other one runs; ABORTED where one goes on.
    package func run<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await take()
        defer {
            state.withLockedValue { $0 = .free }
            signal.tell()
        }
        return try await withTaskCancellationHandler {
            try await body()
        } onCancel: {
            state.withLockedValue { if case .taken = $0 { $0 = .stopping } }
            signal.tell()
        }
    }

    private func take() async throws(CallError) {
        let deadline = ContinuousClock.now + patience
        let alarm = Task { [signal] in
            try? await Task.sleep(until: deadline, clock: .continuous)
            signal.tell()
        }
        defer { alarm.cancel() }
        for await _ in signal.changes() {
            let before = state.withLockedValue { state in
                let before = state
                if case .free = state { state = .taken }
                return before
            }
            switch before {
            case .free: return
            case .stopping: continue
            case .taken where ContinuousClock.now < deadline: continue
            case .taken: throw CallError(.aborted, "another \(name) is running; wait for it and repeat")
            }
        }
        throw CallError(.cancelled, "the call was stopped")
    }
}
