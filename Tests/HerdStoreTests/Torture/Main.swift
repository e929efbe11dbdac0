import Foundation
import HerdStore
import Logging

/// The process that the store's tests kill, starve and feed with damaged files:
///
///     store-torture write FOLDER                writes from eight tasks without end, printing each acknowledged key
///     store-torture hold FOLDER                 opens the store, prints "open" and keeps it until its input ends
///     store-torture full FOLDER BYTES           fills the store until no file may grow over BYTES, then makes room
///     store-torture soak FOLDER SEED ROUNDS     changes the store in every way, opening it again after each round
///     store-torture measure FOLDER RECORDS      prints what reads and writes cost; build it with -c release
///     store-torture damage FOLDER SEED ROUNDS   opens and uses copies of the store with random damage
///     store-torture mixed FOLDER SEED STEPS     changes the store in ways that can be checked, printing what is acknowledged
///     store-torture check FOLDER SEED           prints how many of these steps the store holds
///     store-torture trace FOLDER STEPS          makes the same changes with the recorder of writes preloaded
///     store-torture cuts TRACE FOLDER SEED COUNT   cuts the power at random points of a trace and opens what is left
///     store-torture lies TRACE FOLDER SEED COUNT   the same on a disk that never keeps its word
@main
enum StoreTorture {
    static let names = Table<String>("names")
    static let numbers = Table<UInt64>("numbers")
    static let blobs = Table<[UInt8]>("blobs")

    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count >= 2 else { return usage() }
        switch (arguments[0], arguments.count) {
        case ("write", 2):
            try await write(arguments[1])
        case ("hold", 2):
            try await hold(arguments[1])
        case ("full", 3):
            try await full(arguments[1], bytes: UInt(arguments[2]) ?? 0)
        case ("measure", 3):
            try await measure(arguments[1], records: UInt64(arguments[2]) ?? 1000)
        case ("soak", 4):
            try await soak(arguments[1], seed: UInt64(arguments[2]) ?? 0, rounds: Int(arguments[3]) ?? 0)
        case ("damage", 4):
            try await damage(arguments[1], seed: UInt64(arguments[2]) ?? 0, rounds: Int(arguments[3]) ?? 0)
        case ("mixed", 4):
            try await mixed(arguments[1], seed: UInt64(arguments[2]) ?? 0, steps: UInt64(arguments[3]) ?? .max / 2)
        case ("check", 3):
            try await check(arguments[1], seed: UInt64(arguments[2]) ?? 0)
        case ("trace", 3):
            try await traced(arguments[1], seed: WriteTrace.seed, steps: UInt64(arguments[2]) ?? 0)
        case ("cuts", 5), ("lies", 5):
            try await cuts(
                arguments[1], arguments[2], seed: UInt64(arguments[3]) ?? 0, count: Int(arguments[4]) ?? 0,
                honest: arguments[0] == "cuts")
        default:
            usage()
        }
    }

    static func open(_ path: String, and more: [TableID] = []) throws(StoreError) -> StoreEnvironment {
        var options = StoreOptions()
        // As much as the thread sanitizer leaves room for.
        options.mapBytes = 16 << 30
        options.maxBytes = 8 << 30
        options.logger = Logger(label: "torture") { _ in SwiftLogNoOpLogHandler() }
        return try StoreEnvironment(path: path, tables: [names.id, numbers.id, blobs.id] + more, options: options)
    }

    /// One system call for each line, so that a killed process never prints what it did not do.
    static func say(_ line: String) {
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }

    private static func usage() {
        FileHandle.standardError.write(
            Data(
                "usage: store-torture write|hold|full|soak|measure|damage|mixed|check|trace|cuts|lies FOLDER ...\n".utf8
            ))
        exit(2)
    }

    private static func hold(_ path: String) async throws {
        let store = try open(path)
        say("open")
        while !FileHandle.standardInput.availableData.isEmpty {}
        await store.close()
    }

    private static func write(_ path: String) async throws {
        let store = try open(path)
        try await withThrowingTaskGroup { group in
            for writer in UInt64(0)..<8 {
                group.addTask {
                    let last = try store.read { transaction throws(StoreError) in
                        let range = ScanRange.prefix(Array(OrderedBytes().adding(writer << 32).bytes.prefix(4)))
                            .reversed()
                        return try transaction.firstKey(of: numbers, range) ?? writer << 32
                    }
                    for key in (last + 1)... {
                        let value = randomValue(key)
                        store.enqueue { try $0.put(value, for: OrderedBytes().adding(key).bytes, in: blobs) }
                        try await store.write { try $0.put(value, for: key, in: numbers) }
                        say("\(key)")
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    static func randomValue(_ key: UInt64) -> [UInt8] {
        var random = SeededGenerator(seed: key)
        return random.bytes(0...600)
    }
}
