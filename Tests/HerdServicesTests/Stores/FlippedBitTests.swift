import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import HerdServices
import HerdStore
import Testing

/// One flipped bit anywhere in a stored value costs that record and no other, and is named.
@Suite struct FlippedBitTests {
    private static let tables = [
        "router": [
            "models", "policies", "counters", "followed_predictor", "predictions.a", "decisions", "outcomes", "meta",
        ],
        "scorer": ["evaluations", "embeddings", "predictors", "predictor_in_force", "meta"],
    ]

    @Test(.timeLimit(.minutes(2))) func everyTableReportsTheRecordAlone() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("flipped bits: seed \(seed)")
        var random = Seeded(state: seed)
        let fixture = try Fixture(schema: 2)
        defer { fixture.remove() }
        for (service, tables) in Self.tables.sorted(by: { $0.key < $1.key }) {
            let folder = fixture.folder.appending(path: service)
            let file = folder.appending(path: "data.mdb")
            let whole = try Data(contentsOf: file)
            for table in tables {
                let records = try Self.records(of: table, in: folder)
                try #require(!records.isEmpty, "the fixture has no record of table \(table)")
                for _ in 0..<3 {
                    let (key, value) = try #require(records.randomElement(using: &random))
                    let places = Self.places(of: value, under: key, in: whole)
                    try #require(!places.isEmpty, "\(table) \(key)")
                    let (byte, bit) = (
                        Int.random(in: 0..<value.count, using: &random), UInt8.random(in: 0..<8, using: &random)
                    )
                    var damaged = whole
                    for place in places { damaged[place + byte] ^= 1 << bit }
                    try damaged.write(to: file)
                    let report = try StoreVerification.run(
                        folder.path, check: { _, _, _ in nil }, progress: { _, _ in })
                    #expect(
                        report.damagedRecords == 1 && report.structureProblem == nil, "\(table) byte \(byte) bit \(bit)"
                    )
                    #expect(report.damage.map(\.table) == [table] && report.damage.map(\.key) == [key])
                }
                try whole.write(to: file)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aCallForTheRecordGetsDataLossAndNoOther() async throws {
        let fixture = try Fixture(schema: 2)
        defer { fixture.remove() }
        try Self.flip("models", Array("tiny-copy".utf8), in: fixture.folder.appending(path: "router"))
        try Self.flip("decisions", nil, in: fixture.folder.appending(path: "router"))
        // What the store cannot be used without is kept twice.
        try Self.flip("meta", Array("schema".utf8), in: fixture.folder.appending(path: "scorer"))
        try Self.flip("meta", Array("store".utf8), in: fixture.folder.appending(path: "router"))
        let herd = try await TestHerd.start(in: fixture.folder)
        await expectFailure(.dataLoss) {
            _ = try await herd.call(Registry.getModel, GetModelRequest(name: "tiny-copy"))
        }
        await expectFailure(.dataLoss) {
            _ = try await herd.call(Router.getDecision, GetDecisionRequest(decisionId: fixture.decision))
        }
        for name in fixture.models where name != "tiny-copy" {
            _ = try await herd.call(Registry.getModel, GetModelRequest(name: name))
        }
        #expect(try await !herd.route("reverse lantern").model.isEmpty)
        #expect(try await herd.status(herd.router).figures["store_damaged_records"] ?? 0 >= 2)
        try await herd.stop()
        // Opening wrote the store's own records again, from their copies.
        let report = try StoreVerification.run(
            fixture.folder.appending(path: "router").path, check: { _, _, _ in nil }, progress: { _, _ in })
        #expect(report.damage.map(\.table) == ["decisions", "models"], "\(report.damage)")
    }

    // MARK: - Where values lie

    private static func records(of table: String, in folder: URL) throws -> [(key: [UInt8], value: [UInt8])] {
        var records: [(key: [UInt8], value: [UInt8])] = []
        _ = try StoreVerification.run(
            folder.path,
            check: { found, key, value in
                if found == table { records.append((key, value)) }
                return nil
            }, progress: { _, _ in })
        return records
    }

    /// Flips a bit of a record's value; of the table's first where no key is given.
    private static func flip(_ table: String, _ key: [UInt8]?, in folder: URL) throws {
        let record = try #require(try records(of: table, in: folder).first { key == nil || $0.key == key })
        let file = folder.appending(path: "data.mdb")
        var data = try Data(contentsOf: file)
        let places = places(of: record.value, under: record.key, in: data)
        try #require(!places.isEmpty)
        for place in places { data[place] ^= 0x40 }
        try data.write(to: file)
    }

    /// In a page a value follows its key, after its checksum; a long one has pages of its own. Pages that are free may hold
    /// it too.
    private static func places(of value: [UInt8], under key: [UInt8], in data: Data) -> [Int] {
        var places: [Int] = []
        let sought = Data(value.count > 1_000 ? value : key)
        var start = data.startIndex
        while let range = data.range(of: sought, in: start..<data.endIndex) {
            let place = value.count > 1_000 ? range.lowerBound : range.upperBound + 4
            if data[place...].starts(with: value) { places.append(place) }
            start = range.lowerBound + 1
        }
        return places
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
