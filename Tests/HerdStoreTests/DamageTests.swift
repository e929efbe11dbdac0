import Foundation
import HerdStore
import Testing

/// Flipped bits, cut and overwritten files.
struct DamageTests {
    private static let count: UInt64 = 300

    /// A closed store with values that are found in the file, some on pages of their own, and with free pages.
    private func closedStore(_ folder: TemporaryFolder) async throws {
        let store = try openTestStore(folder)
        for round in 0..<3 {
            try await store.write { transaction in
                for number in 0..<Self.count where round < 2 || number % 7 == 0 {
                    try transaction.put(Self.value(number), for: number, in: TestTables.numbers)
                }
            }
        }
        await store.close()
    }

    private static func value(_ number: UInt64) -> [UInt8] {
        var random = SeededGenerator(seed: number)
        return random.bytes(number % 30 == 0 ? 6000...6000 : 250...250)
    }

    private func flip(_ value: [UInt8], in folder: TemporaryFolder, offset: Int) throws {
        let file = URL(filePath: folder.path + "/data.mdb")
        var data = try Data(contentsOf: file)
        var found = 0
        var from = data.startIndex
        // Old pages may hold older copies; all are damaged.
        while let range = data.range(of: Data(value), in: from..<data.endIndex) {
            data[range.lowerBound + offset] ^= 0x10
            from = range.upperBound
            found += 1
        }
        #expect(found > 0)
        try data.write(to: file)
    }

    @Test(arguments: [UInt64(7), 30, 299]) func aFlippedBitCostsOneRecord(damaged: UInt64) async throws {
        let folder = try TemporaryFolder()
        try await closedStore(folder)
        try flip(Self.value(damaged), in: folder, offset: 20)
        let store = try openTestStore(folder)
        try store.read { transaction throws(StoreError) in
            for number in 0..<Self.count where number != damaged {
                #expect(try transaction.value(for: number, in: TestTables.numbers) == Self.value(number))
            }
            do throws(StoreError) {
                _ = try transaction.value(for: damaged, in: TestTables.numbers)
                Issue.record("a damaged value was read")
            } catch {
                #expect(error.code == .dataLoss)
                #expect(error.table == "numbers")
                #expect(error.key == OrderedBytes().adding(damaged).bytes)
            }
            var lost: [UInt64] = []
            var read = 0
            try transaction.scan(TestTables.numbers) { record throws(StoreError) in
                do throws(StoreError) {
                    _ = try record.value()
                    read += 1
                } catch {
                    guard error.code == .dataLoss else { throw error }
                    lost.append(try record.key())
                }
                return .next
            }
            #expect(lost == [damaged])
            #expect(read == Int(Self.count) - 1)
        }
        try await store.write { try $0.put([1], for: damaged, in: TestTables.numbers) }
        #expect(try store.read { try $0.value(for: damaged, in: TestTables.numbers) } == [1])
        await store.close()
    }

    @Test func filesThatAreNoStoreAreRefused() async throws {
        let folder = try TemporaryFolder()
        try await closedStore(folder)
        let file = URL(filePath: folder.path + "/data.mdb")
        let whole = try Data(contentsOf: file)
        var broken = [
            Data("not a store".utf8), Data(repeating: 0, count: whole.count), Data(repeating: 255, count: 8192),
        ]
        for length in [1, 100, 4096, 5000, 8191, 8192, whole.count / 2] { broken.append(whole.prefix(length)) }
        for data in broken {
            try data.write(to: file)
            #expect(code { _ = try openTestStore(folder) } == .damaged, "\(data.count) bytes")
        }
        try whole.write(to: file)
        let store = try openTestStore(folder)
        #expect(try store.read { try $0.count(of: TestTables.numbers) } == Int(Self.count))
        await store.close()
    }

    /// Random damage anywhere in the file, in a process of its own: whatever the store makes of it, it does not crash.
    @Test func randomDamageNeverCrashes() async throws {
        let folder = try TemporaryFolder()
        try await closedStore(folder)
        let child = try TortureProcess(["damage", folder.path, "\(printedSeed())", "300"])
        let output = try child.allLines()
        #expect(child.waitForEnd() == .exited(0), "after \(output.last ?? "nothing")")
        #expect(output.last == "done")
        let outcomes = Dictionary(grouping: output.dropLast(), by: { line in line.split(separator: " ").last ?? "" })
        print("random damage:", outcomes.mapValues(\.count))
    }

    /// The other side of the check at opening: what LMDB itself wrote always passes it.
    @Test func aStoreThatWasOnlyUsedAlwaysOpensAgain() async throws {
        let folder = try TemporaryFolder()
        let child = try TortureProcess(["soak", folder.path, "\(printedSeed())", "40"])
        let output = try child.allLines()
        #expect(child.waitForEnd() == .exited(0), "after \(output.last ?? "nothing")")
        #expect(output.last == "done")
    }
}
