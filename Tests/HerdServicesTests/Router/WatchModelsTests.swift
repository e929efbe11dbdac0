import HerdClient
import HerdFrames
import HerdMessages
import Testing

@Suite struct WatchModelsTests {
    /// What a watcher knows, from the events it got.
    private struct Watcher {
        var models: [String: Model] = [:]
        var revision: UInt64 = 0
        var events = 0
        private var iterator: CallStream<ModelsEvent>.AsyncIterator

        init(_ client: HerdClient) {
            let events = client.stream(Registry.watchModels, WatchModelsRequest(), timeout: .seconds(60))
            iterator = events.makeAsyncIterator()
        }

        /// Takes events until one that completes a revision of at least `revision`.
        mutating func follow(until revision: UInt64) async throws {
            var isComplete = false
            while !isComplete || self.revision < revision {
                let event = try #require(try await iterator.next())
                for model in event.put { models[model.name] = model }
                for name in event.removed { #expect(models.removeValue(forKey: name) != nil) }
                #expect(event.packedSize <= (1 << 20) + 64)
                self.revision = event.registryRevision
                isComplete = !event.partial
                events += 1
            }
        }

        /// Takes events until the watch ends, and gives its error.
        mutating func end() async throws -> CallError? {
            do {
                while try await iterator.next() != nil {}
                return nil
            } catch {
                return error
            }
        }
    }

    @Test func watchersGetTheHerdThenEachChange() async throws {
        try await withTestHerd { herd in
            var early = Watcher(herd.router)
            try await early.follow(until: 0)
            #expect(early.models.isEmpty && early.revision == 0)
            try await herd.addModels(["a", "b", "é"])
            try await early.follow(until: 3)
            #expect(early.models.keys.sorted() == ["a", "b", "é"])
            #expect(early.models["b"]?.revision == 2)

            var late = Watcher(herd.router)
            try await late.follow(until: 3)
            #expect(late.models == early.models && late.events == 1)

            let changed = Model(name: "b", parametersB: 7)
            _ = try await herd.call(Registry.putModel, PutModelRequest(model: changed))
            _ = try await herd.call(Registry.removeModel, RemoveModelRequest(name: "a"))
            try await early.follow(until: 5)
            try await late.follow(until: 5)
            #expect(early.models == late.models)
            #expect(early.models.keys.sorted() == ["b", "é"])
            #expect(early.models["b"]?.parametersB == 7 && early.models["b"]?.revision == 4)
        }
    }

    @Test func aLargeHerdComesInSeveralEvents() async throws {
        try await withTestHerd { herd in
            let url = "http://" + String(repeating: "x", count: 1_900)
            for index in 0..<40 {
                let model = Model(name: "m\(index)", endpoints: (0..<32).map { _ in Endpoint(baseUrl: url) })
                _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
            }
            var watcher = Watcher(herd.router)
            try await watcher.follow(until: 40)
            #expect(watcher.models.count == 40 && watcher.events >= 3)
        }
    }

    @Test func aSlowWatcherGetsWhatChangedNotEveryChange() async throws {
        try await withTestHerd { herd in
            var slow = Watcher(herd.router)
            try await slow.follow(until: 0)
            // Not read meanwhile: the server may send as many events as there is credit for, and no more are kept.
            let rounds = 60
            for round in 1...rounds {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for index in 0..<40 {
                        group.addTask {
                            let model = Model(name: "m\(index)", parametersB: Double(round))
                            _ = try await herd.call(Registry.putModel, PutModelRequest(model: model))
                        }
                    }
                    try await group.waitForAll()
                }
            }
            for index in 0..<20 {
                _ = try await herd.call(Registry.removeModel, RemoveModelRequest(name: "m\(index)"))
            }
            let revision = UInt64(rounds * 40 + 20)
            try await slow.follow(until: revision)
            #expect(slow.revision == revision)
            #expect(slow.models.count == 20 && slow.models.values.allSatisfy { $0.parametersB == Double(rounds) })
            #expect(slow.events < 200, "\(slow.events) events for \(revision) changes")
        }
    }

    @Test func watchesEndWithUnavailableAtADrainAndBeginAnewAfterIt() async throws {
        let herd = try await TestHerd.start()
        defer { herd.removeFolder() }
        try await herd.addModels(["a"])
        var watcher = Watcher(herd.router)
        try await watcher.follow(until: 1)
        _ = try await herd.call(Admin.drain, DrainRequest(timeoutMs: 5_000))
        #expect(try await watcher.end()?.code == .unavailable)
        try await herd.stop()
        let again = try await TestHerd.start(in: herd.folder)
        var new = Watcher(again.router)
        try await new.follow(until: 1)
        #expect(new.models.keys.sorted() == ["a"])
        try await again.stop()
    }

    @Test func aWatcherThatGoesIsForgotten() async throws {
        try await withTestHerd { herd in
            for _ in 0..<20 {
                var watcher = Watcher(herd.router)
                try await watcher.follow(until: 0)
            }
            try await herd.eventually("no watch is open") { try await herd.status(herd.router).openCalls == 0 }
        }
    }
}
