import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// herdctl backup, verify and restore against a real herd.
@Suite(.serialized) struct BackupTests {
    @Test(.timeLimit(.minutes(2))) func aBackupUnderFullLoadRestoresToEverythingFromBefore() async throws {
        try await withStoreFolder { folder in
            let herd = try await Daemon.all(in: folder)
            let client = try herd.client("router")
            let writes = WireWrites()
            try await writes.prepare(client)
            let address = ["HERD_ADDRESS": try herd.address("router")]
            let backup = folder.appending(path: "backups/monday").path
            let load = Task { await writes.run(client, tag: "load") }
            while writes.count < 200 { try await Task.sleep(for: .milliseconds(1)) }

            let before = writes.all
            let copied = try await Programs.run(Programs.herdctl, ["backup", backup, "--json"], environment: address)
            #expect(copied.status == 0, "\(copied.errors)")
            #expect(writes.count > before.count, "writers went on during the backup")
            load.cancel()
            await load.value
            let lines = try await Programs.run(Programs.herdctl, ["status"], environment: address)
            #expect(lines.output.contains("store last backup") && lines.output.contains("max commit ms"))
            let status = try await client.call(Admin.status, StatusRequest())
            #expect(status.figures["store_last_backup_unix_seconds"] ?? 0 > 1_700_000_000)
            client.close()
            #expect(herd.terminate() == 0)

            let copies = try JSONDecoder().decode(Copies.self, from: Data(copied.output.utf8)).copies
            #expect(copies.map(\.service) == ["router", "scorer", "refiner"])
            #expect(copies.map(\.path) == ["router", "scorer", "refiner"].map { "\(backup)/\($0)" })
            let verified = try await Programs.run(Programs.herdctl, ["verify", backup])
            #expect(verified.status == 0, "\(verified.output)\(verified.errors)")

            // A folder of its own: the restored data is what the herd starts on.
            let again = folder.appending(path: "again")
            try FileManager.default.createDirectory(at: again, withIntermediateDirectories: false)
            let data = again.appending(path: "data").path
            let restored = try await Programs.run(Programs.herdctl, ["restore", backup, data])
            #expect(restored.status == 0, "\(restored.errors)")
            let second = try await Daemon.all(in: again)
            let reader = try second.client("router")
            try await WireWrites.check(before, with: reader, "the restored herd")
            reader.close()
            #expect(second.terminate() == 0)
            print("\(before.count) writes before the backup, all restored")
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatCannotBeDoneIsSaid() async throws {
        try await withStoreFolder { folder in
            let herd = try await Daemon.all(in: folder)
            let client = try herd.client("router")
            let address = ["HERD_ADDRESS": try herd.address("router")]
            let data = folder.appending(path: "data").path
            func run(_ arguments: [String]) async throws -> (status: Int32, output: String, errors: String) {
                try await Programs.run(Programs.herdctl, arguments, environment: address)
            }
            _ = try await client.call(
                Registry.putModel, PutModelRequest(model: Model(name: "fallback-model", free: true)))
            // The wire takes absolute paths only; herdctl makes them.
            let relative = await code(client, BackupRequest(directory: "backups"))
            #expect(relative == .invalidArgument)
            #expect(await code(client, BackupRequest(directory: "")) == .invalidArgument)
            #expect(await code(client, BackupRequest(directory: "/proc/herd", ownOnly: true)) != nil)
            let first = folder.appending(path: "first").path
            #expect(try await run(["backup", first, "--own-only"]).status == 0)
            #expect(FileManager.default.fileExists(atPath: first + "/router/data.mdb"))
            #expect(!FileManager.default.fileExists(atPath: first + "/scorer"))
            let occupied = try await run(["backup", first])
            #expect(occupied.status == 65 && occupied.errors.contains("\(first)/router is not empty"))

            let inUse = try await run(["verify", data])
            #expect(inUse.status == 75 && inUse.errors.contains("is open in another process"))
            #expect(try await run(["verify", folder.appending(path: "none").path]).status == 66)
            #expect(try await run(["verify", "/proc"]).status == 66)
            let running = try await run(["restore", first, data])
            #expect(running.status == 73 && running.errors.contains("stop the herd"))
            client.close()
            #expect(herd.terminate() == 0)

            // Damage: a cut, a flipped bit; neither is restored.
            let whole = try Data(contentsOf: URL(filePath: first + "/router/data.mdb"))
            try whole.prefix(whole.count / 2).write(to: URL(filePath: first + "/router/data.mdb"))
            let cut = try await run(["verify", first, "--json"])
            #expect(cut.status == 65 && cut.output.contains("\"sound\": false"))
            #expect(try await run(["restore", first, folder.appending(path: "x").path]).status == 65)
            #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "x").path))

            // One damaged record costs a restoration only its own.
            try Self.flip("fallback-model", in: whole).write(to: URL(filePath: first + "/router/data.mdb"))
            let flipped = try await run(["verify", first])
            #expect(flipped.status == 65 && flipped.output.contains("table models, key 'fallback-model'"), "\(flipped)")
            let target = folder.appending(path: "kept").path
            #expect(try await run(["restore", first, target]).status == 65)
            #expect(!FileManager.default.fileExists(atPath: target))
            #expect(try await run(["restore", first, target, "--keep-damaged"]).status == 0)
            #expect(try await run(["verify", target]).status == 65)

            // A second process on the folder.
            let holder = try await Daemon.all(in: folder)
            let second = try await Programs.run(
                Programs.herdd,
                [
                    "all", "--data", data, "--listen", "127.0.0.1:0", "--scorer-listen", "127.0.0.1:0",
                    "--refiner-listen", "127.0.0.1:0",
                ])
            #expect(second.status == 73 && second.errors.contains("is open in another process"))
            #expect(holder.terminate() == 0)
            #expect(try await run(["verify", data]).status == 0)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aCancelledBackupLeavesNothing() async throws {
        try await withStoreFolder { folder in
            let herd = try await Daemon.all(in: folder)
            let client = try herd.client("scorer")
            // Some megabytes, so that the copy lasts.
            for batch in 0..<8 {
                let rows = (0..<200).map { number in
                    Evaluation(
                        id: "\(batch)-\(number)", prompt: String(repeating: "word \(number) ", count: 400), task: "t",
                        scores: ["m": 0.5])
                }
                _ = try await client.call(Scorer.import, ImportRequest(evaluations: rows))
            }
            let target = folder.appending(path: "copies").path
            for _ in 0..<5 {
                let caller = try herd.client("scorer")
                let call = Task {
                    for try await _ in caller.stream(Admin.backup, BackupRequest(directory: target)) { break }
                }
                _ = try? await call.value
                caller.close()
            }
            // Whole or not at all, and no leftovers once the service has noticed.
            let deadline = ContinuousClock.now + .seconds(20)
            while FileManager.default.fileExists(atPath: target + "/scorer.incomplete"), .now < deadline {
                try await Task.sleep(for: .milliseconds(5))
            }
            let left = (try? FileManager.default.contentsOfDirectory(atPath: target)) ?? []
            #expect(left.isEmpty || left == ["scorer"])
            client.close()
            #expect(herd.terminate() == 0)
            if !left.isEmpty {
                #expect(try await Programs.run(Programs.herdctl, ["verify", target]).status == 0)
            }
        }
    }

    /// A badly damaged file may end the check with a signal: that is damage too, and no crash of herdctl.
    @Test(arguments: [("BUS", Int32(65)), ("SEGV", 65), ("TERM", 75)])
    func aCheckThatDiesIsUnderstood(signal: String, status: Int32) async throws {
        try await withStoreFolder { folder in
            let herdctl = folder.appending(path: "herdctl")
            try FileManager.default.copyItem(at: Programs.herdctl, to: herdctl)
            let herdd = folder.appending(path: "herdd")
            try Data("#!/bin/sh\nkill -\(signal) $$\n".utf8).write(to: herdd)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: herdd.path)
            let result = try await Programs.run(herdctl, ["verify", folder.path, "--json"])
            #expect(result.status == status, "\(result.errors)")
            #expect(result.output.contains("\"sound\": false") == (status == 65))
        }
    }

    private struct Copies: Decodable {
        struct Copy: Decodable {
            let service: String
            let path: String
        }
        let copies: [Copy]
    }

    /// Flips a bit in every record that follows a key of that name.
    private static func flip(_ name: String, in data: Data) -> Data {
        var (data, start) = (data, data.startIndex)
        while let range = data.range(of: Data(name.utf8), in: start..<data.endIndex) {
            // The name is in the record too, after its checksum.
            data[range.upperBound] ^= 1
            start = range.upperBound + name.utf8.count + 16
        }
        return data
    }

    private func code(_ client: HerdClient, _ request: BackupRequest) async -> StatusCode? {
        do {
            for try await _ in client.stream(Admin.backup, request) {}
            return nil
        } catch {
            return (error as CallError).code
        }
    }
}
