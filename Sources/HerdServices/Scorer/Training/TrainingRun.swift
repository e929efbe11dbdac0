import HerdFrames
import HerdMessages
import HerdPrediction
import Synchronization

/// One training on a thread of its own: it computes for seconds, and the threads that answer calls must stay free.
enum TrainingRun {
    /// How many rows are read between two reports.
    private static let rowsPerReport = 500

    /// - Parameters:
    ///   - rows: gathered on that thread too; tells how many of how many rows are read, which throws to stop.
    ///   - progress: called on that thread.
    /// - Throws: what gathering and training throw; `CancellationError` or `TrainingError.cancelled` when the task is
    ///   cancelled.
    static func train(
        rows gather:
            @escaping @Sendable (
                _ read: (_ done: Int, _ total: Int) throws -> Void
            ) throws -> (rows: [TrainingRow], models: [String]),
        options: TrainingOptions, progress: @escaping @Sendable (TrainProgress) -> Void
    ) async throws -> (predictor: Predictor, seconds: Double) {
        let isCancelled = CancellationFlag()
        let result: Result<(predictor: Predictor, seconds: Double), any Error> =
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    DetachedThread.run {
                        continuation.resume(
                            returning: Result {
                                let (rows, models) = try gather { done, total in
                                    guard done % rowsPerReport == 0 else { return }
                                    if isCancelled.isSet { throw CancellationError() }
                                    progress(
                                        TrainProgress(
                                            phase: "reading", done: UInt64(clamping: done),
                                            total: UInt64(clamping: total)))
                                }
                                let start = ContinuousClock.now
                                let predictor = try Trainer.train(rows: rows, models: models, options: options) {
                                    (step) throws(CancellationError) in
                                    if isCancelled.isSet { throw CancellationError() }
                                    progress(TrainProgress(step))
                                }
                                return (predictor, (ContinuousClock.now - start) / .seconds(1))
                            })
                    }
                }
            } onCancel: {
                isCancelled.set()
            }
        return try result.get()
    }
}

/// Set once, read by the thread that works.
final class CancellationFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }

    func set() { flag.store(true, ordering: .relaxed) }
}
