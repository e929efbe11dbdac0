import Foundation
import HerdClient
import HerdFrames
import HerdMessages
import Synchronization
import Testing

/// One process takes over from another on one data folder: what is handed over, and what becomes of it where it fails.
@Suite(
    .serialized,
    .enabled(
        if: ProjectPython.isInstalled,
        "no Python environment at \(ProjectPython.interpreter.path): run Scripts/install.sh first"))
struct SuccessionTests {
    @Test("a long stream holds nobody up and ends honestly", .timeLimit(.minutes(2)))
    func longStream() async throws {
        let model = try await ModelServer.scripted("one two three four")
        let slow = try await ModelServer.scripted("begun...")
        try await RestartHerd.with(model: model, slow: slow, drainSeconds: 3) { herd in
            let stream = try await HangingStream(herd)
            let kinds: [CallLoad.Kind] = [.route, .cachedRoute, .complete, .health, .getModel, .putModel, .connect]
            let load = try await CallLoad.on(herd, kinds) { load in
                try await herd.succeed(.router)
                try await load.advance()
            }
            #expect(load.faults.isEmpty, "\(load.faults.prefix(5))")
            // What needs no stream was served while the stream was waited for, which took 2.4 s.
            for kind in kinds where kind != .complete {
                let longest = load.longest[kind] ?? .zero
                #expect(longest < .seconds(2.2), "\(kind): \(longest)")
            }
            let error = await stream.error
            #expect(error?.code == .unavailable && error?.isNotStarted == false, "\(String(describing: error))")
            print("beside a long stream: \(load)")
        }
    }

    @Test("whoever asks and does not take over leaves it serving", .timeLimit(.minutes(2)))
    func givenUp() async throws {
        let model = try await ModelServer.scripted("one two three four")
        let slow = try await ModelServer.scripted("begun...")
        try await RestartHerd.with(model: model, slow: slow) { herd in
            let router = herd.daemon(.router)
            let client = try herd.client()
            defer { client.close() }
            let stream = try await HangingStream(herd)
            let data = herd.folder.appending(path: "router").path
            for mode in ["silent", "babble", "leave", "take"] {
                let asked = try await ProjectPython.run("Tests/Interop/take_over.py", [data, mode])
                #expect(asked.status == 0, "\(mode): \(asked.errors)")
                if mode == "babble" { #expect(asked.output.contains("refused")) }
                if mode == "leave" || mode == "take" {
                    let offer = try PrintedJSON.object(asked.output)
                    #expect(offer["listening"] as? [Int] == [1, 1], "the port and the Unix socket")
                    #expect(offer["said"] as? String ?? "" == "", "there is a way back while a stream runs")
                }
                _ = try await client.call(Router.route, RouteRequest(prompt: "after \(mode)"))
                let answer = try await Self.complete(client, "after \(mode)")
                #expect(answer == "one two three four")
            }
            for (arguments, status, part) in [
                (["--take-over", "--log-level", "loud"], 78, "log.level"),
                (["--take-over", "--listen", "unix:/nonexistent/folder/socket"], 73, "serves on"),
                (["--take-over", "--listen", try herd.daemon(.scorer).address("scorer")], 73, "serves on"),
                (["--take-over", "--listen", "0.0.0.0:0"], 78, "without a credential"),
                (["--take-over", "--ready-file", "/nonexistent/ready"], 78, "/nonexistent/ready"),
                ([], 73, "--take-over"),
            ] as [([String], Int32, String)] {
                let refused = try await Programs.run(
                    Programs.herdd, ["router", "--data", data] + arguments,
                    environment: ["HERD_ROUTER_HTTP_LISTEN": "none"])
                #expect(refused.status == status && refused.errors.contains(part), "\(arguments): \(refused.errors)")
            }
            let wrongRole = try await Programs.run(
                Programs.herdd, ["all", "--data", herd.folder.path, "--take-over"],
                environment: [
                    "HERD_ROUTER_HTTP_LISTEN": "none", "HERD_SCORER_HTTP_LISTEN": "none",
                    "HERD_REFINER_HTTP_LISTEN": "none",
                ])
            #expect(wrongRole.status == 73 && wrongRole.errors.contains("a herdd router runs here"))
            #expect(router.process.isRunning)
            _ = try await client.call(Admin.health, HealthRequest())
            #expect(stream.isRunning)
        }
    }

    @Test("a signal after somebody was let take over does not call it off", .timeLimit(.minutes(1)))
    func signalled() async throws {
        let model = try await ModelServer.scripted("one two three four")
        let slow = try await ModelServer.scripted("begun...")
        try await RestartHerd.with(model: model, slow: slow) { herd in
            let stream = try await HangingStream(herd)
            let router = herd.daemon(.router)
            let data = herd.folder.appending(path: "router").path
            let asked = try await ProjectPython.run("Tests/Interop/take_over.py", [data, "signal"])
            #expect(asked.status == 0, "\(asked.errors)")
            #expect(try PrintedJSON.object(asked.output)["heard"] as? [String] == ["stopping", "released"])
            await Blocking.onThread { router.process.waitUntilExit() }
            #expect(router.process.terminationStatus == 0)
            #expect(FileManager.default.fileExists(atPath: herd.folder.appending(path: "router.sock").path))
            #expect(await stream.error?.code == .unavailable)
        }
    }

    @Test("a process that goes without a word is waited for until its store is free", .timeLimit(.minutes(1)))
    func wordless() async throws {
        let model = try await ModelServer.scripted("one two three four")
        try await RestartHerd.with(model: model) { herd in
            let router = herd.daemon(.router)
            await Blocking.onThread { router.kill() }
            let data = herd.folder.appending(path: "router").path
            // It has the store for a second after it has broken off, and listens before that.
            async let acted = ProjectPython.run("Tests/Interop/take_over.py", [data, "predecessor"])
            try await eventually("somebody is there to take over from") {
                FileManager.default.fileExists(atPath: data + "/acting")
            }
            try await herd.start(.router, "--take-over")
            let finished = try await acted
            #expect(finished.status == 0, "\(finished.output)\(finished.errors)")
            let client = try herd.client()
            defer { client.close() }
            _ = try await client.call(Router.route, RouteRequest(prompt: "after it"))
        }
    }

    @Test("a killed process is no obstacle to taking over", .timeLimit(.minutes(1)))
    func killed() async throws {
        let model = try await ModelServer.scripted("one two three four")
        try await RestartHerd.with(model: model) { herd in
            let client = try herd.client()
            defer { client.close() }
            let router = herd.daemon(.router)
            await Blocking.onThread { router.kill() }
            try await herd.start(.router, "--take-over")
            _ = try await client.call(Router.route, RouteRequest(prompt: "after a crash"))
            for role in [RestartHerd.Role.scorer, .refiner] {
                try await herd.succeed(role)
            }
            try await herd.untilServing(client)
        }
    }

    @Test("herdd all takes over, with addresses that came and went, however long the path", .timeLimit(.minutes(1)))
    func all() async throws {
        let folder = URL(filePath: "/tmp").appending(path: "herd-all-\(UUID().uuidString.prefix(8))")
        // Longer than the address of a Unix socket may be.
        let data = folder.appending(path: String(repeating: "long", count: 30))
        try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let ports = [
            "--scorer-listen", "127.0.0.1:0", "--refiner-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0",
            "--scorer-http-listen", "none", "--refiner-http-listen", "none",
        ]
        let (kept, dropped) = ("unix:\(folder.path)/kept.sock", "unix:\(folder.path)/dropped.sock")
        let first = try await Daemon(
            ["all", "--data", data.path, "--listen", "127.0.0.1:0", "--listen", kept, "--listen", dropped] + ports,
            in: folder)
        let second = try await Daemon(
            ["all", "--data", data.path, "--take-over", "--listen", "127.0.0.1:0", "--listen", kept, "--listen"]
                + ["[::1]:0"] + ports, in: folder)
        defer { if second.process.isRunning { second.kill() } }
        await Blocking.onThread { first.process.waitUntilExit() }
        #expect(first.process.terminationStatus == 0)
        #expect(second.listening["router-http"] == first.listening["router-http"])
        #expect(second.listening["scorer"] == first.listening["scorer"])
        #expect(second.listening["router"]?.prefix(2) == first.listening["router"]?.prefix(2))
        #expect(second.listening["router"]?.last?.hasPrefix("[::1]:") == true)
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/dropped.sock"))
        let client = try HerdClient(addresses: [kept])
        _ = try await client.call(Admin.health, HealthRequest())
        client.close()
        let http = try #require(second.addresses["router-http"])
        let metrics = try await MonitoredHerd.get("http://\(http.host):\(http.port)/metrics")
        #expect(metrics.body.contains("\nherd_take_over_seconds "))
        #expect(await Blocking.onThread { second.terminate() } == 0)
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/kept.sock"))
    }

    @Test("sockets of a supervisor stay open over restarts", .timeLimit(.minutes(1)))
    func activation() async throws {
        let folder = URL(filePath: "/tmp").appending(path: "herd-activated-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let checked = try await ProjectPython.run(
            "Tests/Interop/socket_activation.py", [Programs.herdd.path, folder.path])
        #expect(checked.status == 0, "\(checked.output)\(checked.errors)")
    }

    private static func complete(_ client: HerdClient, _ prompt: String) async throws -> String {
        var text = ""
        let request = CompleteRequest(route: RouteRequest(prompt: prompt))
        for try await event in client.stream(Router.complete, request, timeout: .seconds(20)) {
            if case .delta(let part)? = event.event { text += part }
        }
        return text
    }
}

/// A stream of a model that begins to answer and never ends.
final class HangingStream: Sendable {
    private let task: Task<CallError?, Never>
    private let isOver = Signalled()

    /// Returns once it has begun.
    init(_ herd: RestartHerd) async throws {
        let client = try herd.client()
        let (begun, continuation) = AsyncStream.makeStream(of: Void.self)
        let isOver = isOver
        task = Task {
            defer {
                isOver.signal()
                continuation.finish()
                client.close()
            }
            let request = CompleteRequest(
                route: RouteRequest(prompt: "hang", constraints: Constraints(allow: ["c"])))
            do throws(CallError) {
                for try await event in client.stream(Router.complete, request) {
                    if case .delta? = event.event { continuation.yield() }
                }
                return nil
            } catch {
                return error
            }
        }
        for await _ in begun { return }
        throw DaemonFailure(description: "the stream did not begin: \(await task.value.map { "\($0)" } ?? "it ended")")
    }

    deinit { task.cancel() }

    /// What it ended with; waits for the end.
    var error: CallError? { get async { await task.value } }

    var isRunning: Bool { !isOver.isSignalled }
}

/// Something that has happened or not.
final class Signalled: Sendable {
    private let happened = Mutex(false)

    var isSignalled: Bool { happened.withLock { $0 } }

    func signal() { happened.withLock { $0 = true } }
}
