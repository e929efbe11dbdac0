import HerdFrames
import NIOConcurrencyHelpers

/// Stored answers that wait for a judge. Judging is a stage of its own: no answering model waits for it, and no more
/// judgements are under way than the judge's endpoints take, so that nothing is lost but those.
final class JudgingQueue: Sendable {
    /// Names an answer and tells what it came to so far; its texts are in the store.
    struct Entry: Sendable {
        /// The place of its model in the plan.
        var part: Int
        var id: String
        /// US dollars: spent on it, and below, put aside for its judge.
        var cost: Double
        /// What all of it probably costs.
        var estimate: Double
        var reserved: Double
        var remark: String?
        /// Why rounds are missing from it.
        var failure: CallError?
    }

    fileprivate struct State {
        /// By judge, with how many of them were taken.
        var waiting: [String: (entries: [Entry], taken: Int)] = [:]
        var isClosed = false
    }

    private let state = NIOLockedValueBox(State())
    private let changed = ChangeSignal()

    func add(_ entry: Entry, for judge: String) {
        state.withLockedValue { $0.waiting[judge, default: ([], 0)].entries.append(entry) }
        changed.tell()
    }

    /// Nothing comes any more.
    func close() {
        state.withLockedValue { $0.isClosed = true }
        changed.tell()
    }

    /// The next answer for a judge; waits for one. Nil where none comes any more.
    func next(for judge: String) async throws -> Entry? {
        for await _ in changed.changes() {
            let (entry, isOver) = state.withLockedValue { state in (state.take(judge), state.isClosed) }
            if entry != nil || isOver { return entry }
        }
        throw CancellationError()
    }
}

extension JudgingQueue.State {
    fileprivate mutating func take(_ judge: String) -> JudgingQueue.Entry? {
        guard var queue = waiting[judge], queue.taken < queue.entries.count else { return nil }
        waiting[judge] = nil
        defer { waiting[judge] = queue }
        let entry = queue.entries[queue.taken]
        queue.taken += 1
        if queue.taken == queue.entries.count || queue.taken > 1_000 {
            queue.entries.removeFirst(queue.taken)
            queue.taken = 0
        }
        return entry
    }
}
