package import HerdMessages
import NIOConcurrencyHelpers

/// Writes one refinement's transcript.
package struct TranscriptWriter: RefinementTranscript {
    private let table: TranscriptTable
    private let number: LogEntryID
    private let tenant: String
    /// Of the next step.
    private let place = NIOLockedValueBox(1)

    package init(_ table: TranscriptTable, tenant: String) {
        self.table = table
        self.tenant = tenant
        number = table.nextID()
    }

    package var id: String { number.description }

    package func begin(_ plan: RefinementPlan) {
        let record = TranscriptRecord(
            model: plan.model, refineModel: plan.refineModel, tenant: tenant, decisionId: plan.decisionID,
            timeUnixMs: WallClock.milliseconds())
        table.begin(record, id: number, prompt: Self.cut(plan.input.text))
    }

    package func add(_ step: RefinementStepKind, round: Int, text: String, finished: RefinementStep) {
        let record = TranscriptStepRecord(
            step.rawValue, round: round, text: Self.cut(text), finished: finished, timeMs: WallClock.milliseconds())
        table.add(record, to: number, place: nextPlace()) { transcript in
            if step == .rewrite { transcript.rounds = UInt32(round) }
        }
    }

    package func end(_ result: RefinementResult) {
        var record = TranscriptStepRecord(result, timeMs: WallClock.milliseconds())
        record.text = Self.cut(record.text)
        table.add(record, to: number, place: nextPlace()) { transcript in
            transcript.rounds = result.rounds
            transcript.stoppedBecause = result.stoppedBecause
        }
    }

    package func isKept(within limit: Duration) async -> Bool {
        let table = table
        return await withCheckedContinuation { continuation in
            let waiter = NIOLockedValueBox<CheckedContinuation<Bool, Never>?>(continuation)
            let end: @Sendable (Bool) -> Void = { isKept in
                let first = waiter.withLockedValue { waiter in
                    defer { waiter = nil }
                    return waiter
                }
                first?.resume(returning: isKept)
            }
            let timer = Task {
                try await Task.sleep(for: limit)
                end(false)
            }
            Task {
                let isWritten = await table.untilWritten()
                timer.cancel()
                end(isWritten)
            }
        }
    }

    private func nextPlace() -> Int {
        place.withLockedValue { place in
            defer { place += 1 }
            return place
        }
    }

    /// A step has to fit a frame. Answers and critiques are bounded anyway, a conversation is not.
    private static func cut(_ text: String) -> String {
        let most = RefinementPlan.longestText + 1_024
        guard text.utf8.count > most else { return text }
        let kept = String(decoding: text.utf8.prefix(RefinementPlan.longestText), as: UTF8.self)
        return kept + "\n[cut: \(text.utf8.count) bytes in all]"
    }
}
