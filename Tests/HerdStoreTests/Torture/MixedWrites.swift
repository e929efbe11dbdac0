import Foundation
import HerdStore

/// Writes of every kind whose outcome anyone can compute: writer `w`'s step `n` is the same for a seed whenever it is done.
///
/// Each step changes several records of the writer's own in two tables and notes its number, in one write. Whatever
/// happens to the process or the power, a store must hold the outcome of exactly the first `n` steps of each writer, with
/// `n` at least the last that was acknowledged.
struct MixedWrites {
    static let writers: UInt64 = 4
    private static let keys: UInt64 = 60
    private static let progress = Table<UInt64>("progress")
    private static let log = BoundedLog("mixed.log", maxEntries: 300, maxBytes: 1 << 20)
    private static let cache = TwoGenerationTable<UInt64>("mixed.cache", maxEntries: 400, maxBytes: 1 << 20)
    static let tables = [progress.id] + log.ids + cache.ids

    let seed: UInt64

    private enum Change {
        case put(UInt64, [UInt8])
        case remove(UInt64)
    }

    private func changes(_ writer: UInt64, _ step: UInt64) -> [Change] {
        var random = SeededGenerator(seed: seed ^ (writer << 56) ^ (step &* 0x9E37_79B9))
        return (0..<Int.random(in: 1...4, using: &random)).map { _ in
            let key = UInt64.random(in: 0..<Self.keys, using: &random)
            switch Int.random(in: 0..<20, using: &random) {
            case ..<4: return .remove(key)
            // On pages of its own.
            case 4: return .put(key, Self.value(5_000...20_000, &random))
            default: return .put(key, Self.value(0...700, &random))
            }
        }
    }

    /// Eight bytes at a time: a check computes every step again.
    private static func value(_ counts: ClosedRange<Int>, _ random: inout SeededGenerator) -> [UInt8] {
        let count = Int.random(in: counts, using: &random)
        let words = (0..<(count / 8 + 1)).map { _ in random.next() }
        return words.withUnsafeBytes { bytes in Array(bytes.prefix(count)) }
    }

    /// Even keys are numbers, odd ones text, so that two tables change at once.
    private static func apply(
        _ changes: [Change], of writer: UInt64, step: UInt64, in transaction: inout WriteTransaction
    ) throws(StoreError) {
        for change in changes {
            switch change {
            case .put(let key, let value) where key % 2 == 0:
                try transaction.put(value, for: number(writer, key), in: StoreTorture.numbers)
            case .put(let key, let value):
                try transaction.put(value, for: name(writer, key), in: StoreTorture.names)
            case .remove(let key) where key % 2 == 0:
                _ = try transaction.remove(number(writer, key), in: StoreTorture.numbers)
            case .remove(let key):
                _ = try transaction.remove(name(writer, key), in: StoreTorture.names)
            }
        }
        try transaction.put(OrderedBytes().adding(step).bytes, for: writer, in: progress)
    }

    private static func number(_ writer: UInt64, _ key: UInt64) -> UInt64 { writer << 32 | key }

    private static func name(_ writer: UInt64, _ key: UInt64) -> String { "writer \(writer) key \(key)" }

    // MARK: - Writing

    /// Goes on where the store is, from several tasks, until `steps` steps each are done.
    func run(
        _ store: StoreEnvironment, steps: UInt64, acknowledged: @escaping @Sendable (UInt64, UInt64) -> Void
    ) async throws {
        let sequence = try await Self.log.openSequence(in: store)
        try await withThrowingTaskGroup { group in
            for writer in 0..<Self.writers {
                group.addTask {
                    let done = try Self.done(by: writer, in: store)
                    for step in (done + 1)..<(done + 1).addingReportingOverflow(steps).partialValue {
                        let changes = changes(writer, step)
                        let key = sequence.next()
                        // Nobody waits for these; they share the commits of the others.
                        store.enqueue { try Self.log.put([UInt8](repeating: 9, count: 200), at: key, in: &$0) }
                        store.enqueue { try Self.cache.put([UInt8](repeating: 8, count: 300), for: step, in: &$0) }
                        try await store.write { transaction in
                            try Self.apply(changes, of: writer, step: step, in: &transaction)
                        }
                        acknowledged(writer, step)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    static func done(by writer: UInt64, in store: StoreEnvironment) throws(StoreError) -> UInt64 {
        try store.read { transaction throws(StoreError) in
            let bytes = try transaction.value(for: writer, in: progress) ?? []
            return bytes.reduce(0) { number, byte in number << 8 | UInt64(byte) }
        }
    }

    // MARK: - Checking

    /// How many steps of each writer the store holds.
    ///
    /// - Throws: a sentence where it holds anything else than the outcome of so many.
    func check(_ store: StoreEnvironment) throws -> [UInt64] {
        var steps: [UInt64] = []
        for writer in 0..<Self.writers {
            let done = try Self.done(by: writer, in: store)
            var numbers: [UInt64: [UInt8]] = [:]
            var names: [String: [UInt8]] = [:]
            for step in 0..<done {
                for change in changes(writer, step + 1) {
                    switch change {
                    case .put(let key, let value) where key % 2 == 0: numbers[Self.number(writer, key)] = value
                    case .put(let key, let value): names[Self.name(writer, key)] = value
                    case .remove(let key) where key % 2 == 0: numbers[Self.number(writer, key)] = nil
                    case .remove(let key): names[Self.name(writer, key)] = nil
                    }
                }
            }
            let found = try store.read { transaction throws(StoreError) in
                let prefix = Array(OrderedBytes().adding(writer << 32).bytes.prefix(4))
                return (
                    try Self.all(StoreTorture.numbers, prefix, transaction),
                    try Self.all(StoreTorture.names, Array("writer \(writer) ".utf8), transaction)
                )
            }
            guard found.0 == numbers, found.1 == names else {
                throw Broken(description: "writer \(writer): not the outcome of its first \(done) steps")
            }
            steps.append(done)
        }
        return steps
    }

    private static func all<Key: Hashable>(
        _ table: Table<Key>, _ prefix: [UInt8], _ transaction: borrowing ReadTransaction
    ) throws(StoreError) -> [Key: [UInt8]] {
        var records: [Key: [UInt8]] = [:]
        try transaction.scan(table, .prefix(prefix)) { record throws(StoreError) in
            records[try record.key()] = try record.value()
            return .next
        }
        return records
    }

    struct Broken: Error, CustomStringConvertible {
        let description: String
    }
}

extension StoreTorture {
    /// Writes until it is killed or has done its steps; prints "WRITER STEP" for each acknowledged one. A line on its
    /// input, the path of a folder, makes it back the store up there and print "copied".
    static func mixed(_ path: String, seed: UInt64, steps: UInt64) async throws {
        let store = try open(path, and: MixedWrites.tables)
        say("open")
        let copies = Thread {
            while let folder = readLine() {
                Task {
                    do {
                        try await store.backup(to: folder)
                        say("copied")
                    } catch {
                        say("not copied: \(error)")
                    }
                }
            }
        }
        copies.start()
        try await MixedWrites(seed: seed).run(store, steps: steps) { writer, step in say("\(writer) \(step)") }
        await store.close()
        say("closed")
    }

    /// Prints how many steps of each writer the store holds, or what is wrong with it.
    static func check(_ path: String, seed: UInt64) async throws {
        do {
            let report = try StoreVerification.run(path, check: { _, _, _ in nil }, progress: { _, _ in })
            guard report.isSound else {
                return say("damaged: \(report.structureProblem ?? "\(report.damagedRecords) records")")
            }
            let store = try open(path, and: MixedWrites.tables)
            let steps = try MixedWrites(seed: seed).check(store)
            await store.close()
            say("holds \(steps.map(String.init).joined(separator: " "))")
        } catch {
            say("broken: \(error)")
        }
    }

    /// The same writes with every acknowledgement marked in the trace that the preloaded recorder makes; the store is
    /// closed and opened in between.
    static func traced(_ path: String, seed: UInt64, steps: UInt64) async throws {
        guard let symbol = dlsym(nil, "herd_trace_mark") else { return say("the recorder is not preloaded") }
        let mark = unsafeBitCast(symbol, to: (@convention(c) (UInt64, UInt64) -> Void).self)
        for _ in 0..<2 {
            let store = try open(path, and: MixedWrites.tables)
            try await MixedWrites(seed: seed).run(store, steps: steps / 2) { writer, step in mark(writer, step) }
            await store.close()
        }
        say("done")
    }
}
