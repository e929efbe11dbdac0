import HerdStore
import Testing

/// A process that is killed at a random moment: every write it acknowledged is there.
struct CrashTests {
    @Test func acknowledgedWritesSurviveKill() async throws {
        var random = SeededGenerator(seed: printedSeed())
        let folder = try TemporaryFolder()
        var acknowledged: [UInt64: UInt64] = [:]
        for round in 0..<10 {
            let child = try TortureProcess(["write", folder.path])
            for _ in 0..<Int.random(in: 1...1500, using: &random) { note(try child.nextLine(), in: &acknowledged) }
            child.kill()
            for line in try child.allLines() { note(line, in: &acknowledged) }
            #expect(child.waitForEnd() == .signalled(9))

            let store = try openTestStore(folder)
            var last: [UInt64: UInt64] = [:]
            try store.read { transaction throws(StoreError) in
                try transaction.scan(TestTables.numbers) { record throws(StoreError) in
                    let key = try record.key()
                    let (writer, number) = (key >> 32, key & 0xFFFF_FFFF)
                    // Each writer waits for one write before the next, so its keys have no gaps.
                    #expect(number == (last[writer] ?? 0) + 1)
                    last[writer] = number
                    #expect(try record.value() == Torture.value(key))
                    return .next
                }
            }
            for (writer, number) in acknowledged { #expect(last[writer] ?? 0 >= number, "round \(round)") }
            await store.close()
        }
        print("acknowledged:", acknowledged.values.reduce(0, +))
    }

    private func note(_ line: String?, in acknowledged: inout [UInt64: UInt64]) {
        guard let key = line.flatMap({ line in UInt64(line) }) else { return }
        acknowledged[key >> 32] = max(acknowledged[key >> 32] ?? 0, key & 0xFFFF_FFFF)
    }
}

/// What parent and child agree on.
enum Torture {
    static func value(_ key: UInt64) -> [UInt8] {
        var random = SeededGenerator(seed: key)
        return random.bytes(0...600)
    }
}
