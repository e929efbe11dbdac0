import Foundation
import HerdStore
import Synchronization

extension StoreTorture {
    private struct Undone: Error {}

    private static let cache = TwoGenerationTable<UInt64>("cache", maxEntries: 3000, maxBytes: 2 << 20)
    private static let log = BoundedLog("log", maxEntries: 2000, maxBytes: 1 << 20)

    /// Changes a store in every way there is, closing and opening it after each round: what LMDB wrote must always pass
    /// the check at opening, and every value its checksum.
    static func soak(_ path: String, seed: UInt64, rounds: Int) async throws {
        var random = SeededGenerator(seed: seed)
        for round in 0..<rounds {
            let store = try open(path, and: cache.ids + log.ids)
            let (released, isReading) = (Flag(), Flag())
            // A snapshot held over the round keeps old pages from being used again.
            let reader = Task.detached {
                _ = try store.read { transaction throws(StoreError) in
                    isReading.raise()
                    while !released.isRaised { usleep(500) }
                    return try transaction.count(of: numbers)
                }
            }
            while !isReading.isRaised { await Task.yield() }
            for _ in 0..<Int.random(in: 1...30, using: &random) { try await change(store, random.next()) }
            released.raise()
            try await reader.value
            let lost = try checked(store)
            let size = try store.statistics()
            await store.close()
            say("round \(round): \(size.entries) records, \(size.bytes) of \(size.fileBytes) B, \(lost) lost")
            if lost > 0 { exit(1) }
        }
        say("done")
    }

    private static func change(_ store: StoreEnvironment, _ seed: UInt64) async throws {
        do {
            try await store.write(seed % 3 == 0 ? .synced : .deferred) { transaction in
                var random = SeededGenerator(seed: seed)
                for _ in 0..<Int.random(in: 1...200, using: &random) { try changeOne(&transaction, &random) }
                if Int.random(in: 0..<5, using: &random) == 0 { throw Undone() }
            }
        } catch is Undone {
        }
    }

    private static func changeOne(
        _ transaction: inout WriteTransaction, _ random: inout SeededGenerator
    ) throws(StoreError) {
        let key = UInt64.random(in: 0..<500, using: &random)
        let long = Int.random(in: 0..<20, using: &random) == 0 ? 40_000 : 0
        let value = [UInt8](repeating: UInt8(key & 255), count: Int.random(in: 0...(1500 + long), using: &random))
        switch Int.random(in: 0..<1000, using: &random) {
        case 0: try transaction.removeAll(in: blobs.id)
        case 1: try cache.removeAll(in: &transaction)
        case ..<250: try transaction.put(value, for: key, in: numbers)
        case ..<450: _ = try transaction.remove(key, in: numbers)
        case ..<550: try transaction.put(value, for: random.bytes(1...511), in: blobs)
        case ..<600: _ = try transaction.removeFirst(of: blobs)
        case ..<700: try transaction.put(value, for: String(repeating: "x", count: Int(key) + 1), in: names)
        case ..<850: try cache.put(value, for: random.next(), in: &transaction)
        default: try log.append(value, in: &transaction)
        }
    }

    private static func checked(_ store: StoreEnvironment) throws -> Int {
        try store.read { transaction throws(StoreError) in
            try lost(numbers, transaction) + lost(blobs, transaction) + lost(names, transaction)
                + lost(log.table, transaction)
        }
    }

    private static func lost<Key>(
        _ table: Table<Key>, _ transaction: borrowing ReadTransaction
    ) throws(StoreError) -> Int {
        var lost = 0
        try transaction.scan(table) { record throws(StoreError) in
            do throws(StoreError) { _ = try record.withValue { value in value.byteCount } } catch { lost += 1 }
            return .next
        }
        return lost
    }

    private final class Flag: Sendable {
        private let raised = Atomic(false)

        var isRaised: Bool { raised.load(ordering: .acquiring) }

        func raise() { raised.store(true, ordering: .releasing) }
    }
}
