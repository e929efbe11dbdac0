import HerdStore
import Testing

/// kill -9 at random moments under writes of every kind: the store opens, holds every acknowledged write and nothing by
/// halves. `make kill-loop ROUNDS=100`.
struct KillLoopTests {
    @Test(.timeLimit(.minutes(30))) func killingLosesNothingThatWasAcknowledged() async throws {
        let seed = Run.seed()
        var random = SeededGenerator(seed: seed)
        let folder = try TemporaryFolder()
        var acknowledged = Acknowledged()
        let rounds = Run.count("HERD_ROUNDS", else: 8)
        for round in 0..<rounds {
            let child = try TortureProcess(["mixed", folder.path, "\(seed)", "1000000"])
            // Also before it is open, and while it makes the store.
            for _ in 0..<Int.random(in: 0...400, using: &random) { acknowledged.note(try child.nextLine()) }
            child.kill()
            for line in try child.allLines() { acknowledged.note(line) }
            #expect(child.waitForEnd() == .signalled(9))
            try acknowledged.check(folder.path, seed: seed, "round \(round)")
        }
        print("\(rounds) kills, \(acknowledged.steps.reduce(0, +)) writes acknowledged, none lost")
    }

    @Test(.timeLimit(.minutes(5))) func aBackupUnderLoadHoldsEverythingFromBefore() async throws {
        let seed = Run.seed()
        let folder = try TemporaryFolder()
        let child = try TortureProcess(["mixed", folder.path + "/store", "\(seed)", "1000000"])
        var acknowledged = Acknowledged()
        for number in 0..<4 {
            for _ in 0..<300 { acknowledged.note(try child.nextLine()) }
            let before = acknowledged
            let copy = "\(folder.path)/copies/\(number)"
            try child.send(copy)
            var duringBackup = 0
            while let line = try child.nextLine(), line != "copied" {
                #expect(!line.hasPrefix("not copied"), "\(line)")
                acknowledged.note(line)
                duringBackup += 1
            }
            try before.check(copy, seed: seed, "backup \(number)")
            print("\(duringBackup) writes acknowledged during the backup")
        }
        child.kill()
    }
}

/// The test's own list of the last acknowledged step of each writer.
struct Acknowledged {
    private(set) var steps = [UInt64](repeating: 0, count: 4)

    mutating func note(_ line: String?) {
        let words = (line ?? "").split(separator: " ").compactMap { UInt64($0) }
        guard words.count == 2, words[0] < 4 else { return }
        steps[Int(words[0])] = max(steps[Int(words[0])], words[1])
    }

    /// Checks a store in a process of its own.
    func check(_ path: String, seed: UInt64, _ what: String) throws {
        let child = try TortureProcess(["check", path, "\(seed)"])
        let line = try child.allLines().last ?? "nothing"
        // Killed before it had made the store, the writer has promised nothing.
        if line.hasPrefix("broken: missing: "), steps.allSatisfy({ $0 == 0 }) { return }
        #expect(line.hasPrefix("holds "), "\(what): \(line)")
        let held = line.split(separator: " ").compactMap { UInt64($0) }
        #expect(held.count == 4 && zip(held, steps).allSatisfy { $0 >= $1 }, "\(what): \(line), promised \(steps)")
    }
}
