import HerdFrames
import HerdServices
import Synchronization
import Testing

/// One training at a time, with bodies that end when the test says so.
@Suite(.timeLimit(.minutes(1))) struct SoleRunTests {
    /// A training that goes on until it is released, cancelled or not.
    private final class Held: Sendable {
        let running: Task<Void, any Error>
        private let releasing: AsyncStream<Void>.Continuation

        /// Returns once the training runs.
        init(in slot: SoleRun, atTheEnd: @escaping @Sendable () -> Void = {}) async {
            let (release, releasing) = AsyncStream.makeStream(of: Void.self)
            let (start, starting) = AsyncStream.makeStream(of: Void.self)
            self.releasing = releasing
            // A task of its own: the stream would end at once in one that is cancelled.
            let released = Task { for await _ in release {} }
            running = Task {
                try await slot.run {
                    starting.finish()
                    await released.value
                    atTheEnd()
                }
            }
            for await _ in start {}
        }

        func release() { releasing.finish() }
    }

    @Test func whoeverComesWhileATrainingGoesOnIsRefused() async throws {
        let slot = SoleRun(of: "training", patience: .zero)
        let first = await Held(in: slot)
        let message = await expectFailure(.aborted) {
            try await slot.run { _ = Issue.record("two trainings run at once") }
        }
        #expect(message.contains("wait for it and repeat"))
        first.release()
        try await first.running.value
        let next = try await slot.run { 2 }
        #expect(next == 2)
    }

    @Test func whoeverIsPatientRunsAfterTheOneThatGoesOn() async throws {
        let slot = SoleRun(of: "training", patience: .seconds(50))
        let hasEnded = Flag()
        let first = await Held(in: slot) { hasEnded.set() }
        let second = Task { try await slot.run { hasEnded.isSet } }
        first.release()
        let ranAfter = try await second.value
        #expect(ranAfter)
    }

    @Test func aTrainingThatWasTakenBackIsWaitedForWithoutPatience() async throws {
        let slot = SoleRun(of: "training", patience: .zero)
        let hasEnded = Flag()
        let first = await Held(in: slot) { hasEnded.set() }
        first.running.cancel()
        let second = Task { try await slot.run { hasEnded.isSet } }
        first.release()
        let ranAfter = try await second.value
        #expect(ranAfter)
    }

    @Test func aTrainingThatFailsLeavesTheSlotFree() async throws {
        struct Failure: Error {}
        let slot = SoleRun(of: "training", patience: .zero)
        await #expect(throws: Failure.self) { try await slot.run { throw Failure() } }
        let next = try await slot.run { 3 }
        #expect(next == 3)
    }

    private final class Flag: Sendable {
        private let value = Atomic<Bool>(false)

        var isSet: Bool { value.load(ordering: .acquiring) }

        func set() { value.store(true, ordering: .releasing) }
    }
}
