import HerdClient
import HerdFrames
import HerdMessages
import Testing

@Suite struct TrainingTests {
    /// The demonstration, several times over: training takes long enough to be met half way.
    private func importCopies(_ count: Int, into herd: TestHerd) async throws {
        for copy in 0..<count {
            var evaluations = try Demonstration.evaluations()
            for index in evaluations.indices { evaluations[index].id += "-\(copy)" }
            _ = try await herd.call(Scorer.import, ImportRequest(evaluations: evaluations))
        }
    }

    @Test func progressGoesThroughItsPhasesOnceAndNeverBack() async throws {
        try await withTestHerd { herd in
            try await importCopies(1, into: herd)
            var steps: [TrainProgress] = []
            var trained = 0
            for try await event in herd.router.stream(Scorer.train, TrainRequest(seed: 3)) {
                switch event.event {
                case .progress(let step)?: steps.append(step)
                default: trained += 1
                }
            }
            #expect(trained == 1)
            let order = ["reading", "topics", "cross-validation", "fitting", "storing"]
            let places = try steps.map { step in try #require(order.firstIndex(of: step.phase), "\(step.phase)") }
            #expect(places == places.sorted())
            #expect(zip(steps, steps.dropFirst()).allSatisfy { $0 != $1 })
            let validation = steps.filter { $0.phase == "cross-validation" }
            #expect(validation.count > 1 && validation.allSatisfy { $0.done <= $0.total })
            #expect(validation.map(\.done) == validation.map(\.done).sorted())
        }
    }

    @Test func aTrainingThatIsTakenBackStopsAndTheNextOneRuns() async throws {
        try await withTestHerd { herd in
            // Enough for seconds of training: a caller that is slow to leave still leaves in the middle of it.
            try await importCopies(10, into: herd)
            for seed in 10..<13 as Range<UInt64> {
                try await leave(herd.router.stream(Scorer.train, TrainRequest(seed: seed, promote: true)))
                // At once, while the one before has perhaps not yet heard of it.
                let next = Task { try await herd.train(TrainRequest(seed: 1, tasks: ["add"])) }
                _ = try await next.value
            }
            let list = try await herd.call(Scorer.listPredictors, ListPredictorsRequest())
            #expect(list.predictors.count == 1 && list.inForce.isEmpty)
            try await herd.eventually("the scorer has nothing left to do") {
                // The router's watch of the predictor is open.
                try await herd.status(herd.scorer).openCalls <= 1
            }
        }
    }

    /// Follows a training to its cross-validation and lets go of it.
    private func leave(_ events: CallStream<TrainEvent>) async throws {
        for try await event in events {
            if case .progress(let step)? = event.event, step.phase == "cross-validation" { return }
        }
        Issue.record("the training ended before it could be left")
    }

    @Test func aSlowWatcherOfThePredictorGetsTheNewestAndEndsWithTheDrain() async throws {
        let herd = try await TestHerd.start()
        defer { herd.removeFolder() }
        try await importCopies(1, into: herd)
        let versions = try await [
            herd.train(TrainRequest(tasks: ["add", "copy"], promote: true)), herd.train(TrainRequest(tasks: ["sort"])),
        ].map(\.version)
        var events = herd.router.stream(Scorer.watchPredictor, WatchPredictorRequest()).makeAsyncIterator()
        #expect(try await events.next()?.version == versions[0])
        let promotions = 301
        for index in 1...promotions {
            let request = PromotePredictorRequest(version: versions[index % 2])
            _ = try await herd.call(Scorer.promotePredictor, request)
        }
        _ = try await herd.scorer.call(Admin.drain, DrainRequest(timeoutMs: 5_000))
        var last = ""
        var count = 0
        var code: StatusCode?
        do {
            while let event = try await events.next() {
                last = event.version
                count += 1
            }
        } catch {
            code = error.code
        }
        #expect(code == .unavailable)
        #expect(last == versions[promotions % 2])
        // What credit lets through, twice over for the router between, and the newest.
        #expect(count < 200, "\(count) events for \(promotions) promotions")
        try await herd.stop()
    }
}
