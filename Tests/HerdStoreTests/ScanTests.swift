import HerdStore
import Testing

/// Scans from a key, by prefix and in both directions, against a filtered sorted list.
struct ScanTests {
    @Test func randomRangesMatchAModel() async throws {
        var random = SeededGenerator(seed: printedSeed())
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        // Few different bytes, the largest among them, so that prefixes and starts meet every case.
        let alphabet: [UInt8] = [0, 1, 254, 255]
        func shortKey(_ lengths: ClosedRange<Int>) -> [UInt8] {
            (0..<Int.random(in: lengths, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0 }
        }
        let keys = Set((0..<200).map { _ in shortKey(1...4) })
        try await store.write { transaction in
            for key in keys { try transaction.put(key, for: key, in: TestTables.blobs) }
        }
        let sorted = keys.sorted { one, other in one.lexicographicallyPrecedes(other) }
        for _ in 0..<2000 {
            var range = ScanRange.prefix(shortKey(0...2))
            if Bool.random(using: &random) { range.start = shortKey(1...4) }
            range.includesStart = Bool.random(using: &random)
            if Bool.random(using: &random) { range = range.reversed() }
            let expected = Self.expected(range, sorted)
            let limit = Int.random(in: 1...20, using: &random)
            let found = try store.read { transaction throws(StoreError) in
                var found: [[UInt8]] = []
                try transaction.scan(TestTables.blobs, range) { record throws(StoreError) in
                    found.append(try record.key())
                    return found.count < limit ? .next : .stop
                }
                #expect(try transaction.count(of: TestTables.blobs, range) == expected.count)
                #expect(try transaction.firstKey(of: TestTables.blobs, range) == expected.first)
                return found
            }
            #expect(found == Array(expected.prefix(limit)), "\(range)")
        }
        await store.close()
    }

    private static func expected(_ range: ScanRange, _ sorted: [[UInt8]]) -> [[UInt8]] {
        let inOrder = range.direction == .forward ? sorted : sorted.reversed()
        return inOrder.filter { key in
            guard key.starts(with: range.prefix) else { return false }
            guard let start = range.start else { return true }
            if key == start { return range.includesStart }
            let isBefore = key.lexicographicallyPrecedes(start)
            return range.direction == .forward ? !isBefore : isBefore
        }
    }

    @Test func anEmptyTableHasNothingToScan() async throws {
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        try store.read { transaction throws(StoreError) in
            #expect(try transaction.firstKey(of: TestTables.numbers) == nil)
            #expect(try transaction.firstKey(of: TestTables.numbers, .all.reversed()) == nil)
            #expect(try transaction.firstKey(of: TestTables.numbers, .after(UInt64(3)).reversed()) == nil)
        }
        await store.close()
    }

    @Test func anErrorOfTheBodyEndsTheScan() async throws {
        struct Unwanted: Error {}
        let folder = try TemporaryFolder()
        let store = try openTestStore(folder)
        try await store.write { transaction in
            for number in UInt64(0)..<10 { try transaction.put([], for: number, in: TestTables.numbers) }
        }
        var visited = 0
        #expect(throws: Unwanted.self) {
            try store.read { transaction in
                try transaction.scan(TestTables.numbers) { record in
                    visited += 1
                    if try record.key() == 4 { throw Unwanted() }
                    return .next
                }
            }
        }
        #expect(visited == 5)
        await store.close()
    }
}
