import Foundation
import HerdStore

extension StoreTorture {
    /// Damages a copy of the store's file in each round, uses it and prints what came of it.
    static func damage(_ path: String, seed: UInt64, rounds: Int) async throws {
        var random = SeededGenerator(seed: seed)
        let whole = try Data(contentsOf: URL(filePath: path + "/data.mdb"))
        let copy = path + "/copy"
        for round in 0..<rounds {
            try? FileManager.default.removeItem(atPath: copy)
            try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: false)
            var data = whole
            // The fields that hold the structure are at the beginning of pages and of their records.
            let page = Int.random(in: 0..<(data.count / 4096), using: &random) * 4096
            let reach = Bool.random(using: &random) ? 64 : 4096
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                data[page + Int.random(in: 0..<reach, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            try data.write(to: URL(filePath: copy + "/data.mdb"))
            say("round \(round) page \(page / 4096) starts")
            do {
                let store = try open(copy)
                let outcome = try await use(store)
                await store.close()
                say("round \(round) \(outcome)")
            } catch let error as StoreError {
                say("round \(round) \(error.code.rawValue)")
            }
        }
        say("done")
    }

    /// Reads everything, then writes, removes and commits.
    private static func use(_ store: StoreEnvironment) async throws -> String {
        var lost = 0
        for direction in [ScanRange.all, ScanRange.all.reversed()] {
            try store.read { transaction throws(StoreError) in
                try transaction.scan(numbers, direction) { record throws(StoreError) in
                    do throws(StoreError) {
                        _ = try record.key()
                        _ = try record.value()
                    } catch {
                        guard error.code == .dataLoss else { throw error }
                        lost += 1
                    }
                    return .next
                }
            }
        }
        try await store.write { transaction in
            for number in UInt64(0)..<400 {
                if number % 3 == 0 {
                    _ = try transaction.remove(number, in: numbers)
                } else {
                    try transaction.put([UInt8](repeating: 1, count: 300), for: number, in: numbers)
                }
            }
        }
        try await store.write { try $0.removeAll(in: numbers.id) }
        return lost > 0 ? "dataLoss" : "whole"
    }
}
