import Foundation
import HerdClient
import HerdMessages
import Testing

/// kill -9 of a real herd at random moments under every method that changes something, checked from outside:
/// `Tests/Interop/kill_loop.py` says how. `make kill-loop ROUNDS=200`.
@Suite(.serialized) struct HerdKillLoopTests {
    @Test(.timeLimit(.minutes(60))) func killingTheHerdLosesNothingThatWasAcknowledged() async throws {
        let rounds = Endurance.count("HERD_ROUNDS", else: 2)
        let finished = try await ProjectPython.run(
            "Tests/Interop/kill_loop.py",
            ["--herdd", Programs.herdd.path, "--rounds", "\(rounds)", "--seed", "\(Endurance.seed())"])
        print(finished.output)
        #expect(finished.status == 0, "\(finished.errors)")
        #expect(finished.output.contains("\(rounds) kills, ") && finished.output.contains(" 0 lost, 0 problems"))
    }
}

/// Numbers that the make targets of the long runs set: `make kill-loop ROUNDS=200 SEED=7`.
enum Endurance {
    static func count(_ variable: String, else standard: Int) -> Int {
        ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? standard
    }

    static func seed() -> UInt32 {
        let given = ProcessInfo.processInfo.environment["HERD_SEED"].flatMap { UInt32($0) }
        return given ?? UInt32.random(in: .min ... .max)
    }
}

extension Daemon {
    /// All services in one process, on the folder's `data`.
    ///
    /// - Parameter ready: where the ready file goes; the folder if not given.
    static func all(
        in folder: URL, readyIn ready: URL? = nil, environment: [String: String] = [:]
    ) async throws -> Daemon {
        try await Daemon(
            [
                "all", "--data", folder.appending(path: "data").path, "--listen", "127.0.0.1:0", "--scorer-listen",
                "127.0.0.1:0", "--refiner-listen", "127.0.0.1:0",
            ], in: ready ?? folder, environment: environment)
    }
}

/// Runs a test with a folder that is removed whatever happens.
func withStoreFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "herd-store-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct SeededMoments: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
