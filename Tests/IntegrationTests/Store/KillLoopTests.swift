import Foundation
import HerdClient
import HerdMessages
import Testing

/// kill -9 of a real herd at random moments under writes of every kind. `make kill-loop ROUNDS=100`.
@Suite(.serialized) struct HerdKillLoopTests {
    @Test(.timeLimit(.minutes(30))) func killingTheHerdLosesNothingThatWasAcknowledged() async throws {
        let environment = ProcessInfo.processInfo.environment
        let rounds = environment["HERD_ROUNDS"].flatMap { Int($0) } ?? 5
        let seed = environment["HERD_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
        print("herd kill loop: seed \(seed)")
        var random = SeededMoments(state: seed)
        try await withStoreFolder { folder in
            let writes = WireWrites()
            var checked = 0
            var longestStart = Duration.zero
            for round in 0..<rounds {
                let start = ContinuousClock.now
                let herd = try await Daemon.all(in: folder)
                longestStart = max(longestStart, .now - start)
                let client = try herd.client("router")
                if round == 0 { try await writes.prepare(client) }
                // Everything of the round before; everything there is at the end.
                try await WireWrites.check(writes.all[checked...], with: client, "round \(round)")
                checked = writes.count
                let enough = checked + Int.random(in: 1...120, using: &random)
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await writes.run(client, tag: "r\(round)") }
                    group.addTask {
                        while writes.count < enough, herd.process.isRunning {
                            try? await Task.sleep(for: .milliseconds(1))
                        }
                        herd.kill()
                    }
                    await group.waitForAll()
                }
                client.close()
            }
            let herd = try await Daemon.all(in: folder)
            let client = try herd.client("router")
            try await WireWrites.check(writes.all, with: client, "the end")
            client.close()
            #expect(herd.terminate() == 0)
            let verified = try await Programs.run(Programs.herdctl, ["verify", folder.appending(path: "data").path])
            #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
            print("\(rounds) kills, \(writes.count) writes acknowledged, longest start \(longestStart)")
        }
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
