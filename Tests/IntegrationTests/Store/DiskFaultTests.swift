import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Testing

/// A disk that is full or read-only: calls get the documented errors, reading goes on, the data stays whole.
@Suite(.serialized) struct DiskFaultTests {
    /// A disk whose faults a preloaded library plays, which needs no right to mount anything.
    @Test(.timeLimit(.minutes(2))) func aFullDiskRefusesWritesAndServesTheRest() async throws {
        try await withStoreFolder { folder in
            let disk = try FaultyDisk(folder)
            let writes = WireWrites()
            var herd = try await Daemon.all(in: folder, environment: disk.environment)
            var client = try herd.client("router")
            try await writes.prepare(client)
            let load = Task { [client] in await writes.run(client, tag: "before") }
            while writes.count < 40 { try await Task.sleep(for: .milliseconds(1)) }
            load.cancel()
            await load.value

            try disk.fail("f")
            var health = HealthResponse()
            // A small write that still fits the file's free pages, such as the log's, makes it well again.
            for _ in 0..<20 where !health.reasons.contains(where: { $0.contains("disk is full") }) {
                try await refuses(client)
                health = try await client.call(Admin.health, HealthRequest())
            }
            #expect(health.state == .degraded && health.reasons.contains { $0.contains("disk is full") })
            #expect(try await route(client).model == "fallback")
            try await WireWrites.check(writes.all.filter(\.isRead), with: client, "full")
            client.close()
            herd.kill()

            // It starts on the full disk, on one where not a byte can be written even, and serves what is stored.
            try disk.fail("c")
            herd = try await Daemon.all(in: folder, environment: disk.environment)
            client = try herd.client("router")
            #expect(try await route(client).model == "fallback")
            try await WireWrites.check(writes.all.filter(\.isRead), with: client, "started on a full disk")
            try await refuses(client)

            // Room again: writes go on without a restart.
            try disk.mend()
            _ = try await client.call(Registry.putModel, PutModelRequest(model: Model(name: "room", free: true)))
            try await WireWrites.check(writes.all, with: client, "with room again")
            client.close()
            #expect(herd.terminate() == 0)
            let verified = try await Programs.run(Programs.herdctl, ["verify", folder.appending(path: "data").path])
            #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
        }
    }

    @Test(.timeLimit(.minutes(2))) func aReadOnlyDiskRefusesWritesAndDoesNotStart() async throws {
        try await withStoreFolder { folder in
            let disk = try FaultyDisk(folder)
            let writes = WireWrites()
            let herd = try await Daemon.all(in: folder, environment: disk.environment)
            let client = try herd.client("router")
            try await writes.prepare(client)
            try disk.fail("r")
            try await refuses(client)
            try await WireWrites.check(writes.all, with: client, "read-only")
            client.close()
            herd.kill()
            let again = try await Programs.run(
                Programs.herdd,
                [
                    "all", "--data", folder.appending(path: "data").path, "--listen", "127.0.0.1:0",
                    "--scorer-listen", "127.0.0.1:0", "--refiner-listen", "127.0.0.1:0",
                ], environment: disk.environment)
            #expect(again.status == 73 && again.errors.contains("make the folder writable"), "\(again.errors)")
            // Checking needs no writing.
            let verified = try await Programs.run(
                Programs.herdctl, ["verify", folder.appending(path: "data").path], environment: disk.environment)
            #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
        }
    }

    /// The same on a real file system without a free block, where mounting one is permitted.
    @Test(.timeLimit(.minutes(2))) func aRealFullDiskKeepsTheDataWhole() async throws {
        try await withStoreFolder { folder in
            let mounted = try await Programs.run(
                URL(filePath: "/bin/mount"), ["-t", "tmpfs", "-o", "size=3m", "tmpfs", folder.path])
            guard mounted.status == 0 else {
                print("skipped: mounting is not permitted here (\(mounted.errors)); the preloaded full disk was tested")
                return
            }
            do {
                try await fill(folder)
            } catch {
                _ = try await Programs.run(URL(filePath: "/bin/umount"), [folder.path])
                throw error
            }
            let unmounted = try await Programs.run(URL(filePath: "/bin/umount"), [folder.path])
            #expect(unmounted.status == 0, "\(unmounted.errors)")
        }
    }

    private func fill(_ folder: URL) async throws {
        let writes = WireWrites()
        var herd = try await Daemon.all(in: folder)
        var client = try herd.client("router")
        try await writes.prepare(client)
        // Until the first write is refused; then the last block is taken too.
        await writes.run(client, tag: "full")
        #expect(herd.process.isRunning)
        fillUp(folder.appending(path: "ballast"))
        try await refuses(client)
        client.close()
        herd.kill()
        herd = try await Daemon.all(in: folder, readyIn: FileManager.default.temporaryDirectory)
        client = try herd.client("router")
        #expect(try await route(client).model == "fallback")
        try await WireWrites.check(writes.all.filter(\.isRead), with: client, "started on a full disk")
        let copy = await backupCode(client, folder.appending(path: "copy").path)
        #expect(copy == .resourceExhausted)
        client.close()
        #expect(herd.terminate() == 0)
        try FileManager.default.removeItem(at: folder.appending(path: "ballast"))
        let verified = try await Programs.run(Programs.herdctl, ["verify", folder.appending(path: "data").path])
        #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "copy/router").path))
        print("\(writes.count) writes acknowledged until the disk was full")
    }

    private func backupCode(_ client: HerdClient, _ folder: String) async -> StatusCode? {
        do {
            for try await _ in client.stream(Admin.backup, BackupRequest(directory: folder, ownOnly: true)) {}
            return nil
        } catch {
            return (error as CallError).code
        }
    }

    /// Takes every free block.
    private func fillUp(_ file: URL) {
        let descriptor = open(file.path, O_WRONLY | O_CREAT, 0o600)
        guard descriptor >= 0 else { return }
        let block = [UInt8](repeating: 1, count: 4_096)
        while write(descriptor, block, block.count) > 0 {}
        close(descriptor)
    }

    /// A write large enough to need new pages is refused as documented.
    private func refuses(_ client: HerdClient) async throws {
        let endpoint = Endpoint(baseUrl: "http://localhost/" + String(repeating: "x", count: 1_800), model: "m")
        let model = Model(endpoints: [Endpoint](repeating: endpoint, count: 20))
        var code: StatusCode?
        // Free pages within the file may still take some.
        for number in 0..<200 where code == nil {
            var next = model
            next.name = "large-\(number)"
            do {
                _ = try await client.call(Registry.putModel, PutModelRequest(model: next))
            } catch {
                code = error.code
            }
        }
        #expect(code == .resourceExhausted)
    }

    private func route(_ client: HerdClient) async throws -> RouteResponse {
        try await client.call(
            Router.route, RouteRequest(prompt: "is it full?", constraints: Constraints(allow: ["fallback"])))
    }
}

extension WireWrites.Write {
    /// Whether looking for it writes nothing.
    fileprivate var isRead: Bool {
        if case .row = self { false } else { true }
    }
}

/// A library that makes writes under a folder fail on demand.
struct FaultyDisk {
    let environment: [String: String]
    private let fault: URL

    init(_ folder: URL) throws {
        fault = folder.appending(path: "fault")
        let library = try PreloadedLibrary.compile("Tests/HerdStoreTests/Preload/fail_writes.c", in: folder)
        environment = [
            "LD_PRELOAD": library, "HERD_DISK_FAULT": fault.path,
            "HERD_DISK_FOLDER": folder.appending(path: "data").path,
        ]
    }

    func fail(_ kind: String) throws { try Data(kind.utf8).write(to: fault, options: .atomic) }

    func mend() throws { try FileManager.default.removeItem(at: fault) }
}
