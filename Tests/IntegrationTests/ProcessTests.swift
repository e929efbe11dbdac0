import Foundation
import HerdClient
import HerdMessages
import Testing

/// `herdd` and `herdctl` as operators and scripts see them.
@Suite(.serialized) struct ProcessTests {
    @Test(.timeLimit(.minutes(1))) func configurationErrorsNameTheKey() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-it-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "herdd.yaml")
        try Data("router:\n  cache_max_bytes: 5\n".utf8).write(to: file)
        let misspelt = folder.appending(path: "misspelt.yaml")
        try Data("router:\n  lissten: [\"127.0.0.1:0\"]\n".utf8).write(to: misspelt)
        let wrongKind = folder.appending(path: "kind.yaml")
        try Data("server:\n  event_loops: many\n".utf8).write(to: wrongKind)
        for (arguments, environment, part) in [
            (["router", "--config", file.path], [:], "router.cache_max_bytes"),
            (["router", "--config", misspelt.path], [:], "is 'router.listen' meant?"),
            (["router", "--config", wrongKind.path], [:], "server.event_loops must be"),
            (["router"], ["HERD_SERVER_MAX_TIMEOUT": "soon"], "server.max_timeout must be"),
            (["router", "--config", "/nonexistent.yaml"], [:], "/nonexistent.yaml"),
            (["router"], ["HERD_ROUTER_LISTEN": "nowhere"], "'nowhere' is not an address"),
            (["router", "--listen", "localhost"], [:], "'localhost' is not an address"),
            (["router", "--log-level", "loud"], [:], "log.level"),
            (["scorer"], ["HERD_SERVER_EVENT_LOOPS": "0"], "server.event_loops"),
        ] as [([String], [String: String], String)] {
            let result = try await Programs.run(Programs.herdd, arguments, environment: environment)
            #expect(result.status == 78, "\(arguments)")
            #expect(result.errors.contains(part), "\(result.errors)")
        }
        let table = try await Programs.run(
            Programs.herdd, ["scorer", "--data", folder.path, "--embedding-table", file.path])
        #expect(table.status == 66)
    }

    @Test(.timeLimit(.minutes(1))) func aReadyFileThatCannotBeWrittenEndsTheProcess() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-it-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try await Programs.run(
            Programs.herdd,
            [
                "router", "--data", folder.appending(path: "data").path, "--listen", "127.0.0.1:0", "--ready-file",
                "/nonexistent/ready.json",
            ], environment: ["HERD_ROUTER_HTTP_LISTEN": "none"])
        #expect(result.status == 78 && result.errors.contains("/nonexistent/ready.json"), "\(result)")
    }

    @Test(.timeLimit(.minutes(1))) func fileEnvironmentAndFlagsTakePrecedenceInThatOrder() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-it-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "herdd.yaml")
        let data = folder.appending(path: "from-file").path
        try Data("router:\n  listen: [\"127.0.0.1:0\", \"[::1]:0\"]\n  data: \(data)\n".utf8).write(to: file)
        let daemon = try await Daemon(["router", "--config", file.path], in: folder)
        #expect(FileManager.default.fileExists(atPath: data))
        #expect(daemon.terminate() == 0, "SIGTERM ends it cleanly")
        let flagged = try await Daemon(
            ["router", "--config", file.path, "--data", folder.appending(path: "from-flag").path], in: folder)
        #expect(FileManager.default.fileExists(atPath: folder.appending(path: "from-flag").path))
        #expect(flagged.terminate() == 0)
    }

    @Test(.timeLimit(.minutes(1))) func aDrainedProcessEndsCleanly() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "herd-it-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let daemon = try await Daemon(
            [
                "all", "--data", folder.path, "--listen", "127.0.0.1:0", "--scorer-listen", "127.0.0.1:0",
                "--refiner-listen", "127.0.0.1:0",
            ], in: folder)
        let client = try daemon.client("router")
        _ = try await client.call(Admin.drain, DrainRequest(timeoutMs: 1_000))
        client.close()
        let process = daemon.process
        await Blocking.onThread { process.waitUntilExit() }
        #expect(process.terminationStatus == 0)
    }

    @Test(.timeLimit(.minutes(1))) func aSecondProcessOnTheFolderIsRefused() async throws {
        try await withHerd { herd in
            let second = try await Programs.run(
                Programs.herdd,
                ["router", "--listen", "127.0.0.1:0", "--data", herd.folder.appending(path: "router").path])
            #expect(second.status == 73)
            #expect(second.errors.contains("router"), "\(second.errors)")
            let taken = try await Programs.run(
                Programs.herdd,
                [
                    "router", "--listen", try herd.router.address("router"), "--data",
                    herd.folder.appending(path: "other").path,
                ])
            #expect(taken.status == 69)
        }
    }

    @Test(.timeLimit(.minutes(2))) func theCommandLineDoesTheMainJob() async throws {
        try await withHerd { herd in
            try await herd.teach()
            let address = ["HERD_ADDRESS": try herd.router.address("router")]
            func herdctl(_ arguments: [String], input: String = "") async throws -> (Int32, String, String) {
                let result = try await Programs.run(
                    Programs.herdctl, arguments, environment: address, input: input)
                return (result.status, result.output, result.errors)
            }
            func json(_ arguments: [String], input: String = "") async throws -> [String: Any] {
                let (status, output, errors) = try await herdctl(arguments + ["--json"], input: input)
                try #require(status == 0, "herdctl \(arguments): \(errors)")
                return try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
            }
            let route = try await json(["route", "reverse lantern", "--explain"])
            #expect(route["model"] as? String == "tiny-reverse")
            let piped = try await json(["route"], input: "reverse lantern\n")
            #expect(piped["model"] as? String == "tiny-reverse")
            #expect(piped["cached"] as? Bool == true)
            let id = try #require(route["decision_id"] as? String)
            #expect(try await herdctl(["feedback", id, "1"]).0 == 0)
            let decision = try await json(["decision", "show", id])
            #expect((decision["outcomes"] as? [[String: Any]])?.first?["outcome"] as? Double == 1)
            #expect((try await json(["model", "list"])["models"] as? [Any])?.count == 7)
            #expect(try await json(["model", "show", "tiny-add"])["name"] as? String == "tiny-add")
            #expect(try await json(["predictor", "show"])["in_force"] as? Bool == true)
            #expect((try await json(["predictor", "list"])["predictors"] as? [Any])?.count == 1)
            #expect(try await json(["status"])["service"] as? String == "router")
            #expect(try await json(["policy", "set", "small", "--goal", "size=0.5"])["name"] as? String == "small")
            #expect((try await json(["policy", "list"])["policies"] as? [Any])?.count == 1)
            #expect(try await json(["model", "remove", "tiny-add"])["registry_revision"] as? Int == 8)
            #expect(try await herdctl(["route", "x", "--policy", "small"]).1.contains("policy small"))

            for (arguments, status) in [
                (["route", ""], 64), (["route", "x", "--goal", "cost"], 64), (["model", "show", "sheep"], 66),
                (["decision", "show", "nonsense"], 64), (["predictor", "promote", "p-none"], 66),
                (["import", "/nonexistent.jsonl"], 66), (["predictor", "rollback"], 78), (["model", "add"], 64),
                (["route", "x", "--address", "127.0.0.1:1", "--timeout", "3"], 69), (["shear"], 64),
            ] as [([String], Int32)] {
                let (found, _, errors) = try await herdctl(arguments)
                #expect(found == status, "herdctl \(arguments): \(errors)")
                #expect(!errors.isEmpty)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func badEvaluationsAreNamedByLineAndNothingIsImported() async throws {
        try await withHerd { herd in
            let address = ["HERD_ADDRESS": try herd.router.address("router")]
            let file = herd.folder.appending(path: "bad.jsonl")
            try Data(
                """
                {"id": "a", "prompt": "p", "task": "t", "scores": {"m": 1}}
                {"id": "b", "prompt": "p", "task": "t", "scores": {"m": 2}}
                not json

                """.utf8
            ).write(to: file)
            let refused = try await Programs.run(Programs.herdctl, ["import", file.path], environment: address)
            #expect(refused.status == 65)
            #expect(refused.errors.contains("line 2") && refused.errors.contains("line 3"))
            let skipped = try await Programs.run(
                Programs.herdctl, ["import", file.path, "--skip-bad"], environment: address)
            #expect(skipped.status == 0)
            #expect(skipped.output.hasPrefix("1 added"))
        }
    }
}
