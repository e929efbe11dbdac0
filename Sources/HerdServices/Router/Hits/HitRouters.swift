import HerdStore
import NIOConcurrencyHelpers
import Synchronization

/// The routers of cached prompts, one for each event loop that answers at the moment.
final class HitRouters: Sendable {
    private let idle: NIOLockedValueBox<[HitRouter]>
    private let droppedCount = Atomic<Int>(0)
    private let view: CurrentView
    private let cache: PredictionCache
    private let decisions: DecisionLog
    private let logsPrompts: Bool

    /// - Parameter logsPrompts: whether decisions keep their prompts.
    init(view: CurrentView, cache: PredictionCache, decisions: DecisionLog, logsPrompts: Bool) {
        self.view = view
        self.cache = cache
        self.decisions = decisions
        self.logsPrompts = logsPrompts
        idle = NIOLockedValueBox([])
    }

    /// How many decisions were not logged because too many waited for the disk.
    var dropped: Int { droppedCount.load(ordering: .relaxed) }

    /// See `HitRouter.answer`.
    func answer(
        _ packed: UnsafeRawBufferPointer, tenant: UnsafeRawBufferPointer, _ reply: (UnsafeRawBufferPointer) -> Void
    ) -> HitRouter.Outcome {
        counted { $0.answer(packed, tenant: tenant, reply) }
    }

    /// Answers a request with the record of a prediction that was made for it; nil where the herd has changed so that it
    /// takes the long way, or another prediction.
    func answer(_ missed: MissedRoute, record: [UInt8]) -> [UInt8]? {
        var packed: [UInt8]?
        _ = counted { $0.answer(missed, record: record) { packed = [UInt8]($0) } }
        return packed
    }

    private func counted(_ body: (HitRouter) -> HitRouter.Outcome) -> HitRouter.Outcome {
        let router =
            idle.withLockedValue { $0.popLast() }
            ?? HitRouter(view: view, cache: cache, decisions: decisions, logsPrompts: logsPrompts)
        defer { idle.withLockedValue { $0.append(router) } }
        let outcome = body(router)
        if case .answeredUnlogged = outcome { droppedCount.wrappingAdd(1, ordering: .relaxed) }
        return outcome
    }
}
