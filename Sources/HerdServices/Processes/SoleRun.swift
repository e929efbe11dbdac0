import HerdFrames
import NIOConcurrencyHelpers

/// Lets one piece of long work run at a time.
///
/// Work that was taken back goes on until its next step; whoever comes meanwhile waits for that rather than being
/// turned away.
<<<<<<< HEAD:Sources/HerdServices/Processes/SoleRun.swift
final class SoleRun: Sendable {
=======
package final class TrainingSlot: Sendable {
>>>>>>> c35407e313dd2f04e31294fd8ab96e3036f2a96f:Sources/HerdServices/Scorer/Training/TrainingSlot.swift
    private enum State {
        case free
        case taken
        /// Taken back, and about to end.
        case stopping
    }

<<<<<<< HEAD:Sources/HerdServices/Processes/SoleRun.swift
    /// How long to wait for work that goes on: that its caller has gone may be heard only a moment later.
    private static let patience = Duration.seconds(1)
=======
    /// How long to wait for a training that goes on: that its caller has gone may be heard only a moment later.
    private let patience: Duration
>>>>>>> c35407e313dd2f04e31294fd8ab96e3036f2a96f:Sources/HerdServices/Scorer/Training/TrainingSlot.swift

    /// What the work is, for errors.
    private let name: String
    private let state = NIOLockedValueBox(State.free)
    private let signal = ChangeSignal()

<<<<<<< HEAD:Sources/HerdServices/Processes/SoleRun.swift
    init(of name: String) {
        self.name = name
    }

    /// Runs `body` once no other one runs; ABORTED where one goes on.
    func run<Result>(_ body: () async throws -> Result) async throws -> Result {
=======
    package init(patience: Duration = .seconds(1)) {
        self.patience = patience
    }

    /// Runs `body` once no other training runs; ABORTED where one goes on.
    package func run<Result>(_ body: () async throws -> Result) async throws -> Result {
>>>>>>> c35407e313dd2f04e31294fd8ab96e3036f2a96f:Sources/HerdServices/Scorer/Training/TrainingSlot.swift
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
