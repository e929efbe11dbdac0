import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import HerdServices
import HerdStore
import Testing

@Suite struct PredictorVersionTests {
    @Test func versionsAreTrainedPromotedAndRolledBack() async throws {
        try await withTestHerd { herd in
            try await herd.addModels(Demonstration.models)
            let first = try await herd.trainDemonstration(seed: 1)
            #expect(first.inForce && first.rows > 400 && first.models == Demonstration.models)
            let second = try await herd.train(
                TrainRequest(models: ["tiny-add", "tiny-copy"], tasks: ["add", "copy"], note: "two only"))
            #expect(!second.inForce && second.version != first.version)
            #expect(second.models == ["tiny-add", "tiny-copy"])
            let promoted = try await herd.call(
                Scorer.promotePredictor, PromotePredictorRequest(version: second.version))
            #expect(promoted == PromotePredictorResponse(inForce: second.version, previous: first.version))
            try await herd.follow(second.version)
            let found7 = try await herd.route("add 3 4").predictorVersion
            #expect(found7 == second.version)
            let rollback = RollbackRequest(requestId: "once")
            let back = try await herd.call(Scorer.rollback, rollback)
            #expect(back == RollbackResponse(inForce: first.version, previous: second.version))
            let found8 = try await herd.call(Scorer.rollback, rollback).inForce
            #expect(found8 == first.version)
            try await herd.follow(first.version)
            await expectFailure(.failedPrecondition) {
                _ = try await herd.call(Scorer.rollback, RollbackRequest())
            }
            let list = try await herd.call(Scorer.listPredictors, ListPredictorsRequest())
            #expect(Set(list.predictors.map(\.version)) == [first.version, second.version])
            #expect(list.inForce == first.version)
            #expect(list.predictors.filter(\.inForce).map(\.version) == [first.version])
        }
    }

    @Test func trainingIsDeterministicForASeed() async throws {
        try await withTestHerd { herd in
            let first = try await herd.trainDemonstration(seed: 7)
            let second = try await herd.train(TrainRequest(seed: 7))
            #expect(first.version == second.version)
            let found9 = try await herd.call(Scorer.listPredictors, ListPredictorsRequest()).predictors.count
            #expect(found9 == 1)
        }
    }

    @Test func trainingWithoutDataSaysWhatIsMissing() async throws {
        try await withTestHerd { herd in
            let none = await expectFailure(.failedPrecondition) { _ = try await herd.train(TrainRequest()) }
            #expect(none.contains("herdctl import"))
            _ = try await herd.call(
                Scorer.import, ImportRequest(evaluations: try Demonstration.evaluations()))
            await expectFailure(.notFound) {
                _ = try await herd.train(TrainRequest(models: ["tiny-add", "sheep"]))
            }
            await expectFailure(.failedPrecondition) { _ = try await herd.train(TrainRequest(tasks: ["shearing"])) }
            await expectFailure(.notFound) {
                _ = try await herd.call(
                    Scorer.promotePredictor, PromotePredictorRequest(version: "p-nowhere"))
            }
        }
    }

    @Test func aDamagedVersionIsRefusedAndTheOneInForceStays() async throws {
        let herd = try await TestHerd.start()
        defer { herd.removeFolder() }
        try await herd.addModels(Demonstration.models)
        let sound = try await herd.trainDemonstration()
        let other = try await herd.train(TrainRequest(tasks: ["add", "copy"]))
        try await herd.stop()

        // A flipped bit that the store's own checksum does not see: the predictor's must.
        try await damage(other.version, in: herd.folder)
        let again = try await TestHerd.start(in: herd.folder)
        await expectFailure(.dataLoss) {
            _ = try await again.call(
                Scorer.promotePredictor, PromotePredictorRequest(version: other.version))
        }
        let list = try await again.call(Scorer.listPredictors, ListPredictorsRequest())
        #expect(list.inForce == sound.version)
        #expect(list.predictors.first { $0.version == other.version }?.damaged.isEmpty == false)
        let found10 = try await again.route("add 3 4").predictorVersion
        #expect(found10 == sound.version)
        try await again.stop()
    }

    @Test func aDamagedVersionInForceGivesWayToTheOneBefore() async throws {
        let herd = try await TestHerd.start()
        defer { herd.removeFolder() }
        try await herd.addModels(Demonstration.models)
        let first = try await herd.trainDemonstration()
        let second = try await herd.train(TrainRequest(tasks: ["add", "copy"], promote: true))
        try await herd.stop()
        try await damage(second.version, in: herd.folder)
        let again = try await TestHerd.start(in: herd.folder)
        try await again.follow(first.version)
        let found11 = try await again.route("add 3 4").predictorVersion
        #expect(found11 == first.version)
        try await again.stop()
    }

    @Test func damagedStateTakesNobodyDown() async throws {
        let herd = try await TestHerd.start()
        defer { herd.removeFolder() }
        try await herd.addModels(Demonstration.models)
        let summary = try await herd.trainDemonstration()
        try await herd.stop()
        for (service, table, key) in [
            ("router", Table<String>("followed_predictor"), "in_force"),
            ("scorer", Table("predictor_in_force"), "in_force"),
        ] {
            let store = try Self.store(service, in: herd.folder, table.id)
            try await store.write { transaction in try transaction.put([0xFF, 0xFF], for: key, in: table) }
            await store.close()
        }
        let again = try await TestHerd.start(in: herd.folder)
        await expectFailure(.failedPrecondition) { _ = try await again.route("add 3 4") }
        let request = PromotePredictorRequest(version: summary.version)
        _ = try await again.call(Scorer.promotePredictor, request)
        try await again.follow(summary.version)
        #expect(try await again.route("add 3 4").predictorVersion == summary.version)
        try await again.stop()
    }

    @Test func promotionsAtOnceLeaveMemoryAndStoreAlike() async throws {
        let herd = try await TestHerd.start()
        defer { herd.removeFolder() }
        let first = try await herd.trainDemonstration()
        let second = try await herd.train(TrainRequest(tasks: ["add", "copy"]))
        for _ in 0..<20 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for version in [first.version, second.version, first.version, second.version] {
                    group.addTask {
                        _ = try await herd.call(
                            Scorer.promotePredictor, PromotePredictorRequest(version: version))
                    }
                }
                try await group.waitForAll()
            }
        }
        let inForce = try await herd.call(Scorer.listPredictors, ListPredictorsRequest()).inForce
        try await herd.stop()
        let again = try await TestHerd.start(in: herd.folder)
        let stored = try await again.call(Scorer.listPredictors, ListPredictorsRequest()).inForce
        #expect(stored == inForce)
        try await again.stop()
    }

    private static func store(_ service: String, in folder: URL, _ table: TableID) throws -> StoreEnvironment {
        var options = StoreOptions()
        options.schemaVersion = ServiceStore.schemaVersion
        return try StoreEnvironment(path: folder.appending(path: service).path, tables: [table], options: options)
    }

    private func damage(_ version: String, in folder: URL) async throws {
        let table = Table<String>("predictors")
        let store = try Self.store("scorer", in: folder, table.id)
        try await store.write { transaction in
            var bytes = try transaction.value(for: version, in: table) ?? []
            // The predictor is the record's last and longest field.
            bytes[bytes.count / 2] ^= 1
            try transaction.put(bytes, for: version, in: table)
        }
        await store.close()
    }
}
